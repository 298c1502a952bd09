/* Fixed buckets: 4 × octave + the next two bits, so a value is known to a quarter of its octave.
 * Old values fade: everything is halved when the sum reaches FADE_AT. Pure. */
#include "controller/histogram.h"

enum { FADE_AT = 1 << 16 };

static unsigned bucket_of(uint64_t us)
{
    if (us < 4)
        return (unsigned)us;
    unsigned octave = 63u - (unsigned)__builtin_clzll(us);
    unsigned b = 4 * (octave - 1) + (unsigned)(us >> (octave - 2) & 3);
    return b < HISTOGRAM_BUCKETS ? b : HISTOGRAM_BUCKETS - 1;
}

static int64_t upper_bound(unsigned bucket)
{
    if (bucket < 4)
        return bucket;
    unsigned octave = bucket / 4 + 1;
    return (int64_t)((4u + (bucket & 3) + 1) * (UINT64_C(1) << (octave - 2)) - 1);
}

void histogram_add(struct histogram *h, int64_t us)
{
    h->n[bucket_of(us < 0 ? 0 : (uint64_t)us)]++;
    if (++h->total < FADE_AT)
        return;
    h->total = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        h->n[i] /= 2;
        h->total += h->n[i];
    }
}

int64_t histogram_us(const struct histogram *h, unsigned permille)
{
    uint64_t want = ((uint64_t)h->total * permille + 999) / 1000, seen = 0;
    if (h->total == 0)
        return 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        if ((seen += h->n[i]) >= want && seen)
            return upper_bound(i);
    return upper_bound(HISTOGRAM_BUCKETS - 1);
}
