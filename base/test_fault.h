/* For unit tests only: a call that fails once, at the n-th time. The program's own calls of SQLite
 * and of calloc come here first, because the linker finds ours before the libraries'. */
#pragma once
#include <dlfcn.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

struct fault {
    int after; /* this many go well, the next fails; −1: none fails */
    bool fired;
};
static struct fault fault_sql = {-1, false}; /* statements: stepped or executed */

static inline bool fault_fires(struct fault *f)
{
    if (f->after < 0 || f->after-- > 0)
        return false;
    f->fired = true;
    return true;
}

static inline void fault_at(struct fault *f, int n)
{
    *f = (struct fault){n, false};
}

static inline void *fault_real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static bool fault_in_exec; /* which steps by itself */

int sqlite3_step(sqlite3_stmt *s)
{
    static int (*real)(sqlite3_stmt *);
    if (!real)
        *(void **)&real = fault_real("sqlite3_step");
    return !fault_in_exec && fault_fires(&fault_sql) ? SQLITE_IOERR : real(s);
}

int sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx,
                 char **ret)
{
    static int (*real)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *,
                       char **);
    if (!real)
        *(void **)&real = fault_real("sqlite3_exec");
    if (fault_fires(&fault_sql))
        return SQLITE_IOERR;
    fault_in_exec = true;
    int rc = real(db, sql, row, ctx, ret);
    fault_in_exec = false;
    return rc;
}

/* The sanitizers have a calloc of their own: there no allocation fails. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAULT_MEMORY 0
#else
#define FAULT_MEMORY 1
static struct fault fault_memory = {-1, false};

void *__libc_calloc(size_t n, size_t size);
void *calloc(size_t n, size_t size);

void *calloc(size_t n, size_t size)
{
    return fault_fires(&fault_memory) ? NULL : __libc_calloc(n, size);
}
#endif
