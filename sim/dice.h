/* Seeded dice (splitmix64): the same seed gives the same season. Pure plain value, any thread.
 * Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t s;
};

static inline uint64_t dice_next(struct dice *d)
{
    uint64_t z = (d->s += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
/* 0 … n − 1; n > 0. */
static inline uint32_t dice_below(struct dice *d, uint32_t n)
{
    return (uint32_t)((dice_next(d) >> 32) * n >> 32);
}
/* lo … hi, both included. */
static inline int32_t dice_between(struct dice *d, int32_t lo, int32_t hi)
{
    return lo + (int32_t)dice_below(d, (uint32_t)(hi - lo) + 1u);
}
static inline bool dice_permille(struct dice *d, uint32_t p)
{
    return dice_below(d, 1000) < p;
}
/* Never 0: boot nonces and sessions. */
static inline uint32_t dice_nonce(struct dice *d)
{
    uint32_t v = (uint32_t)dice_next(d);
    return v ? v : 1;
}
