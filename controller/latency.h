/* A histogram of microseconds in fixed buckets: eight per octave, so a quantile is at most 9 % high.
 * Integers only; no allocation. Plain value, zeroed by its owner. */
#pragma once
#include <stdint.h>

#define LATENCY_BUCKETS 256

struct latency {
    uint32_t bucket[LATENCY_BUCKETS];
    uint64_t n;
};
static inline unsigned latency_bucket(uint64_t us)
{
    if (us < 16)
        return (unsigned)us;
    unsigned octave = 63u - (unsigned)__builtin_clzll(us);
    unsigned b = 16 + (octave - 4) * 8 + (unsigned)(us >> (octave - 3) & 7);
    return b < LATENCY_BUCKETS ? b : LATENCY_BUCKETS - 1;
}
/* The upper edge of a bucket. */
static inline int64_t latency_edge(unsigned b)
{
    if (b < 16)
        return b;
    unsigned octave = (b - 16) / 8 + 4;
    return (int64_t)((UINT64_C(8) + (b - 16) % 8 + 1) << (octave - 3)) - 1;
}
static inline void latency_add(struct latency *l, int64_t us)
{
    l->bucket[latency_bucket(us < 0 ? 0 : (uint64_t)us)]++;
    l->n++;
}
/* permille 500: median. 0 when empty. */
static inline int64_t latency_quantile(const struct latency *l, unsigned permille)
{
    uint64_t want = (l->n * permille + 999) / 1000, seen = 0;
    for (unsigned b = 0; l->n && b < LATENCY_BUCKETS; b++) {
        seen += l->bucket[b];
        if (seen >= want)
            return latency_edge(b);
    }
    return 0;
}
