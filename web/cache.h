/* Rendered replies, packed, kept as long as the record's head stands still. HTTP thread only.
 * Bounded by entries and bytes; what is pushed out is rendered again. */
#pragma once
#include "base/clock.h"
#include <stdint.h>
#include <stddef.h>

struct cache;
struct cached {
    unsigned status;
    const char *type; /* static text */
    char *packed;     /* gzip, owned by the cache */
    size_t n;
    char etag[24]; /* with quotes */
};
struct cache *cache_new(size_t entries, size_t bytes); /* NULL: no memory */
void cache_free(struct cache *c);
/* Valid until the next cache_put. NULL: not there, older than `head`, or past its time. */
const struct cached *cache_get(struct cache *c, const char *key, int64_t head, struct mono now);
/* Packs a text and keeps it; returns the entry, NULL: no memory. */
const struct cached *cache_put(struct cache *c, const char *key, int64_t head, struct mono until,
                               unsigned status, const char *type, const char *text, size_t n);
