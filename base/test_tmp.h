/* For unit tests only: a directory of one's own, and a seed that is printed. */
#pragma once
#include <assert.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct tmp {
    char dir[64], path[128];
};

static inline void tmp_make(struct tmp *t)
{
    strcpy(t->dir, "/tmp/lotline-test-XXXXXX");
    assert(mkdtemp(t->dir));
}

/* The path of a file in it; overwritten by the next call. */
static inline const char *tmp_path(struct tmp *t, const char *name)
{
    snprintf(t->path, sizeof t->path, "%s/%s", t->dir, name);
    return t->path;
}

static inline int tmp_remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st;
    (void)kind;
    (void)f;
    return remove(path);
}

static inline void tmp_remove(struct tmp *t)
{
    nftw(t->dir, tmp_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void tmp_write(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "we");
    assert(f);
    size_t written = fwrite(p, 1, n, f);
    int bad = fclose(f);
    assert(written == n && !bad);
}

/* splitmix64: small, and the same on every machine. SEED=n in the environment repeats a run. */
static inline uint64_t seed_print(const char *test)
{
    const char *given = getenv("SEED");
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t seed =
        given ? strtoull(given, NULL, 10) : (uint64_t)t.tv_nsec ^ (uint64_t)t.tv_sec << 20;
    fprintf(stderr, "%s: SEED=%llu\n", test, (unsigned long long)seed);
    return seed;
}

static inline uint64_t seed_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
