/* For unit tests only: the n-th allocation, or the n-th call of SQLite, fails once. The functions
 * below stand in the test program, where the linker finds them before those of the libraries; so
 * one source file of a program may include this header.
 *
 *     NTH_EVERY(NTH_SQL, n) {
 *         nth_arm();
 *         rc = what_is_tested();
 *         if (!nth_fired()) … it must have gone well …
 *         else … one clear error, and nothing half done …
 *     }
 */
#pragma once
#include <dlfcn.h>
#include <errno.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum nth_what { NTH_NOTHING, NTH_MEMORY, NTH_SQL };

static struct {
    enum nth_what what, armed;
    int n, left;
    int dense;  /* how many failures come one by one, before the steps grow; 0: 32 */
    int sqlite; /* the answer of the call of SQLite */
    bool fired;
} nth;

static inline bool nth_fires(enum nth_what what)
{
    if (nth.armed != what || --nth.left > 0)
        return false;
    nth.armed = NTH_NOTHING;
    nth.fired = true;
    return true;
}

/* Counts from here on. */
static inline void nth_arm(void)
{
    nth.left = nth.n;
    nth.fired = false;
    nth.armed = nth.what;
}

/* Whether it has failed; what follows is left alone. */
static inline bool nth_fired(void)
{
    nth.armed = NTH_NOTHING;
    return nth.fired;
}

/* A damaged page, and not a failing disk: the transaction lives on, and only what is tested can end
 * it. */
static inline bool nth_first(enum nth_what what)
{
    nth.what = what;
    nth.n = 0;
    nth.fired = true;
    nth.sqlite = SQLITE_CORRUPT;
    return true;
}

static inline bool nth_next(int *ret_n)
{
    nth.armed = NTH_NOTHING;
    nth.n += 1 + (getenv("NTH_ALL") ? 0 : nth.n / (nth.dense ? nth.dense : 32));
    *ret_n = nth.n;
    return nth.fired;
}

/* Ends with the first turn in which nothing has failed. One by one at first, then in steps that
 * grow; NTH_ALL=1 in the environment leaves nothing out. */
#define NTH_EVERY(what, n) for (int n = 0, once_##n = nth_first(what); once_##n && nth_next(&n);)

static inline void nth_real(const char *name, void *ret, size_t size)
{
    void *at = dlsym(RTLD_NEXT, name);
    memcpy(ret, &at, size);
}

/* ---- memory: what the C library and all others take from it ---- */

#ifdef __SANITIZE_ADDRESS__
#define NTH_REAL(name) __interceptor_##name
#else
#define NTH_REAL(name) __libc_##name
#endif
void *NTH_REAL(malloc)(size_t n);
void *NTH_REAL(calloc)(size_t n, size_t size);
void *NTH_REAL(realloc)(void *p, size_t n);

void *malloc(size_t n)
{
    return nth_fires(NTH_MEMORY) ? (errno = ENOMEM, NULL) : NTH_REAL(malloc)(n);
}

void *calloc(size_t n, size_t size)
{
    return nth_fires(NTH_MEMORY) ? (errno = ENOMEM, NULL) : NTH_REAL(calloc)(n, size);
}

void *realloc(void *p, size_t n)
{
    return nth_fires(NTH_MEMORY) ? (errno = ENOMEM, NULL) : NTH_REAL(realloc)(p, n);
}

/* jansson 2.14's parser reads on where it lost its buffer half way (and so into nowhere): it has
 * memory for all of a text, or the text as a whole has none. */
json_t *json_loadb(const char *text, size_t n, size_t flags, json_error_t *ret_why)
{
    static json_t *(*real)(const char *, size_t, size_t, json_error_t *);
    enum nth_what armed = nth.armed;
    if (!real)
        nth_real("json_loadb", &real, sizeof real);
    if (armed != NTH_MEMORY || nth.left == 1) /* then its first fails */
        return real(text, n, flags, ret_why);
    nth.left--;
    nth.armed = NTH_NOTHING;
    json_t *j = real(text, n, flags, ret_why);
    nth.armed = armed;
    return j;
}

/* ---- SQLite ---- */

/* Nothing here asks what a power cut leaves, so nothing waits for the disk. */
int fsync(int fd)
{
    (void)fd;
    return 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

/* SQLite steps inside itself, and there a failure that it did not make would go astray: not
 * counted. */
static int nth_inside;

int sqlite3_step(sqlite3_stmt *s)
{
    static int (*real)(sqlite3_stmt *);
    if (!nth_inside && nth_fires(NTH_SQL))
        return nth.sqlite;
    if (!real)
        nth_real("sqlite3_step", &real, sizeof real);
    nth_inside++;
    int rc = real(s);
    nth_inside--;
    return rc;
}

int sqlite3_exec(sqlite3 *h, const char *sql, int (*each)(void *, int, char **, char **), void *ctx,
                 char **ret_message)
{
    static int (*real)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *,
                       char **);
    if (!nth_inside && nth_fires(NTH_SQL))
        return nth.sqlite;
    if (!real)
        nth_real("sqlite3_exec", &real, sizeof real);
    nth_inside++;
    int rc = real(h, sql, each, ctx, ret_message);
    nth_inside--;
    return rc;
}
