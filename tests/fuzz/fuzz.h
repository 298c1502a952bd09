/* What the fuzz targets share. A target gives fuzz_setup and fuzz_one; fuzz.c calls them for
 * libFuzzer, replay.c for kept seeds. What a target claims it asserts; a crash, a leak, more than
 * FUZZ_SLOW_MS of processor time or a failed assertion is a finding. */
#pragma once
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_SLOW_MS 50

void fuzz_setup(void); /* once, before the first input */
void fuzz_one(const uint8_t *p, size_t n);

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The input as a text that ends where it ends; the caller's. */
static inline char *fuzz_text(const uint8_t *p, size_t n)
{
    char *s = malloc(n + 1);
    assert(s);
    if (n)
        memcpy(s, p, n);
    s[n] = 0;
    return s;
}

/* Takes the input apart, byte by byte; gives zeroes when it is used up. */
struct feeder {
    const uint8_t *p;
    size_t n;
};
static inline uint8_t take_u8(struct feeder *f)
{
    if (!f->n)
        return 0;
    f->n--;
    return *f->p++;
}
static inline uint16_t take_u16(struct feeder *f)
{
    uint16_t high = take_u8(f);
    return (uint16_t)(high << 8 | take_u8(f));
}
static inline uint32_t take_u32(struct feeder *f)
{
    uint32_t high = take_u16(f);
    return high << 16 | take_u16(f);
}
/* Up to the separator or the end; the separator is skipped. The caller's. */
static inline char *take_line(struct feeder *f, char separator)
{
    const uint8_t *end = f->n ? memchr(f->p, separator, f->n) : NULL;
    size_t n = end ? (size_t)(end - f->p) : f->n;
    char *s = fuzz_text(f->p, n);
    n += end != NULL;
    f->p += n;
    f->n -= n;
    return s;
}
