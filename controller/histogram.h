/* Times in fixed buckets, four to an octave of microseconds; integers only. Plain value. */
#pragma once
#include <stdint.h>

#define HISTOGRAM_BUCKETS 128

struct histogram {
    uint32_t n[HISTOGRAM_BUCKETS], total;
};
void histogram_add(struct histogram *h, int64_t us);
/* Upper bound of the bucket that holds the given permille of all; 0 while empty. */
int64_t histogram_us(const struct histogram *h, unsigned permille);
