/* Rendered replies (contract: cache.h).
 * A table of sets of WAYS entries; within a set the one that was used longest ago goes. When the
 * bytes run out everything goes: that is rare and cheap, since a page is rendered in about a
 * millisecond. */
#include "web/cache.h"
#include "base/crypto.h"
#include "web/gzip.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAYS     4
#define KEY_SIZE 112

struct entry {
    char key[KEY_SIZE];
    int64_t head;
    struct mono until, used;
    struct cached reply;
};
struct cache {
    size_t sets, bytes, max_bytes;
    struct entry e[]; /* sets × WAYS */
};

struct cache *cache_new(size_t entries, size_t bytes)
{
    size_t sets = (entries + WAYS - 1) / WAYS;
    struct cache *c = calloc(1, sizeof *c + sets * WAYS * sizeof(struct entry));
    if (c) {
        c->sets = sets;
        c->max_bytes = bytes;
    }
    return c;
}

static void forget(struct cache *c, struct entry *e)
{
    c->bytes -= e->reply.n;
    free(e->reply.packed);
    *e = (struct entry){0};
}

static void forget_all(struct cache *c)
{
    for (size_t i = 0; i < c->sets * WAYS; i++)
        forget(c, &c->e[i]);
}

void cache_free(struct cache *c)
{
    if (c)
        forget_all(c);
    free(c);
}

static struct entry *set_of(struct cache *c, const char *key)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (const char *p = key; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    return &c->e[(h ^ h >> 32) % c->sets * WAYS];
}

const struct cached *cache_get(struct cache *c, const char *key, int64_t head, struct mono now)
{
    struct entry *set = set_of(c, key);
    for (size_t i = 0; i < WAYS; i++) {
        struct entry *e = &set[i];
        if (!e->reply.packed || strcmp(e->key, key) || e->head != head ||
            mono_reached(now, e->until))
            continue;
        e->used = now;
        return &e->reply;
    }
    return NULL;
}

static struct entry *place_for(struct entry *set, const char *key)
{
    struct entry *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (!set[i].reply.packed || strcmp(set[i].key, key) == 0)
            return &set[i];
        if (set[i].used.ns < oldest->used.ns)
            oldest = &set[i];
    }
    return oldest;
}

const struct cached *cache_put(struct cache *c, const char *key, int64_t head, struct mono until,
                               unsigned status, const char *type, const char *text, size_t n)
{
    struct cached r = {.status = status, .type = type};
    uint8_t hash[SHA256_LEN];
    char hex[17];
    if (strlen(key) >= KEY_SIZE || gzip_pack(text, n, &r.packed, &r.n))
        return NULL;
    sha256_of(text, n, hash);
    snprintf(r.etag, sizeof r.etag, "\"%s\"", hex_text(hash, 8, hex, sizeof hex));
    if (c->bytes + r.n > c->max_bytes)
        forget_all(c);
    struct entry *e = place_for(set_of(c, key), key);
    forget(c, e);
    *e = (struct entry){.head = head, .until = until, .used = until, .reply = r};
    memcpy(e->key, key, strlen(key) + 1); /* it fits: looked at above */
    c->bytes += r.n;
    return &e->reply;
}
