/* For unit tests only: the n-th statement that SQLite is asked to step fails, or the n-th piece of
 * memory that a JSON value needs is not there. Included once a program, in the file of its main. */
#pragma once
#include <dlfcn.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>

enum fault_kind { FAULT_NONE, FAULT_STEP, FAULT_JSON };

static struct {
    enum fault_kind kind;
    int left; /* this many go well before one fails */
    int code; /* what SQLite then answers */
    bool fired;
} fault;

static inline bool fault_fires(enum fault_kind kind)
{
    if (fault.kind != kind || fault.fired || fault.left-- > 0)
        return false;
    return fault.fired = true;
}

/* In turn: memory, a damaged page, a disk that fails or is full, a file that another holds. */
static inline void fault_set(enum fault_kind kind, int after)
{
    static const int codes[] = {SQLITE_NOMEM, SQLITE_CORRUPT, SQLITE_IOERR_READ, SQLITE_FULL,
                                SQLITE_BUSY};
    fault.kind = kind;
    fault.left = after;
    fault.code = codes[after % 5];
    fault.fired = false;
}

/* Ends it; says whether it came to pass. */
static inline bool fault_end(void)
{
    fault.kind = FAULT_NONE;
    return fault.fired;
}

/* The linker finds these two before libsqlite3's; that library's own sqlite3_exec calls ours as
 * well. */
int sqlite3_step(sqlite3_stmt *s)
{
    static int (*real)(sqlite3_stmt *);
    if (!real)
        *(void **)(void *)&real = dlsym(RTLD_NEXT, "sqlite3_step");
    return fault_fires(FAULT_STEP) ? fault.code : real(s);
}

int sqlite3_exec(sqlite3 *h, const char *sql, int (*row)(void *, int, char **, char **), void *ctx,
                 char **ret_text)
{
    static int (*real)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *,
                       char **);
    if (!real)
        *(void **)(void *)&real = dlsym(RTLD_NEXT, "sqlite3_exec");
    if (fault_fires(FAULT_STEP))
        return fault.code;
    enum fault_kind kind = fault.kind;
    fault.kind = FAULT_NONE; /* its steps are part of it */
    int rc = real(h, sql, row, ctx, ret_text);
    fault.kind = kind;
    return rc;
}

/* jansson 2.14's parser does not survive the loss of its buffer half way: it fails as a whole or
 * not at all. */
json_t *json_loadb(const char *text, size_t n, size_t flags, json_error_t *ret_error)
{
    static json_t *(*real)(const char *, size_t, size_t, json_error_t *);
    if (!real)
        *(void **)(void *)&real = dlsym(RTLD_NEXT, "json_loadb");
    bool whole = fault.kind == FAULT_JSON && !fault.fired && fault.left-- <= 0;
    enum fault_kind kind = fault.kind;
    if (whole)
        fault.left = 0;
    else
        fault.kind = FAULT_NONE;
    json_t *j = real(text, n, flags, ret_error);
    fault.kind = kind;
    return j;
}

static inline void *fault_malloc(size_t n)
{
    return fault_fires(FAULT_JSON) ? NULL : malloc(n);
}
