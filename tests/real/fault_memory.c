/* LD_PRELOAD: an allocation fails where none has failed before. A place is the stack of its last
 * callers, six or as many as the page says; the places that have failed stand in a table beside the
 * shared page (fault.py), so that a few runs of a program meet every place once.
 * LOTLINE_FAULT_MEMORY names the page. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH = 6, SKIP = 2, SLOTS = 1 << 16, TRIES = 64 };

struct page {
    _Atomic int64_t on;     /* allocations may fail */
    _Atomic int64_t gap_ns; /* least time between two failures of one process */
    _Atomic int64_t calls, failed;
    _Atomic int64_t failed_ns;
    _Atomic int64_t stack[DEPTH]; /* of the last failure */
    _Atomic int64_t first;        /* only so many allocations of a process may fail; 0: all */
    _Atomic int64_t depth;        /* how many callers make a place; 0: DEPTH */
    char rest[4096 - 13 * 8];
    _Atomic uint64_t place[SLOTS];
};

static struct page *page;
static _Thread_local int inside;
static _Atomic int64_t mine; /* calls of this process */

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static int (*real_memalign)(void **, size_t, size_t);

/* dlsym allocates before we know the real calloc. */
static char early[4096];
static size_t early_used;

static void find(void)
{
    inside++;
    *(void **)&real_malloc = dlsym(RTLD_NEXT, "malloc");
    *(void **)&real_realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&real_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    *(void **)&real_calloc = dlsym(RTLD_NEXT, "calloc");
    inside--;
}

/* Where it ends by a signal stands in the page then. */
static void ends(int signal)
{
    void *stack[DEPTH + SKIP];
    inside++;
    int n = backtrace(stack, DEPTH + SKIP) - SKIP;
    for (int i = 0; i < DEPTH; i++)
        atomic_store(&page->stack[i], i < n ? (int64_t)(intptr_t)stack[SKIP + i] : 0);
    raise(signal);
}

__attribute__((constructor)) static void set_up(void)
{
    const char *path = getenv("LOTLINE_FAULT_MEMORY");
    void *warm[DEPTH];
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (!real_calloc)
        find();
    inside++;
    backtrace(warm, DEPTH); /* loads what it needs */
    inside--;
    if (fd < 0)
        return;
    void *at = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return;
    page = at;
    struct sigaction act = {.sa_handler = ends, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGSEGV, &act, NULL);
    sigaction(SIGABRT, &act, NULL);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Where in its file: a library that is loaded late stands elsewhere each time. */
static uint64_t place_of(void *at)
{
    Dl_info info;
    uint64_t hash = 1469598103934665603u;
    if (!dladdr(at, &info) || !info.dli_fname)
        return 0;
    for (const char *c = info.dli_fname; *c; c++)
        hash = (hash ^ (uint64_t)(unsigned char)*c) * 1099511628211u;
    return hash ^ ((uint64_t)(uintptr_t)at - (uint64_t)(uintptr_t)info.dli_fbase);
}

/* True once for each place. */
static int is_new(void *const *stack, int n)
{
    uint64_t hash = 1469598103934665603u;
    for (int i = 0; i < n; i++)
        hash = (hash ^ place_of(stack[i])) * 1099511628211u;
    hash |= 1;
    for (uint64_t i = 0; i < TRIES; i++) {
        uint64_t none = 0;
        _Atomic uint64_t *slot = &page->place[(hash + i) % SLOTS];
        if (atomic_compare_exchange_strong(slot, &none, hash))
            return 1;
        if (none == hash)
            return 0;
    }
    return 0;
}

static int fails(void)
{
    void *stack[DEPTH + SKIP];
    if (!page || inside || !atomic_load(&page->on))
        return 0;
    int64_t gap = atomic_load(&page->gap_ns), first = atomic_load(&page->first);
    atomic_fetch_add(&page->calls, 1);
    if (atomic_fetch_add(&mine, 1) >= first && first)
        return 0;
    if (gap && now_ns() - atomic_load(&page->failed_ns) < gap)
        return 0;
    inside++;
    int n = backtrace(stack, DEPTH + SKIP) - SKIP;
    int64_t depth = atomic_load(&page->depth);
    int once = n > 0 && is_new(stack + SKIP, depth && depth < n ? (int)depth : n);
    inside--;
    if (!once)
        return 0;
    for (int i = 0; i < DEPTH; i++)
        atomic_store(&page->stack[i], i < n ? (int64_t)(intptr_t)stack[SKIP + i] : 0);
    atomic_store(&page->failed_ns, now_ns());
    atomic_fetch_add(&page->failed, 1);
    errno = ENOMEM;
    return 1;
}

__attribute__((noinline)) void *malloc(size_t n)
{
    if (!real_malloc)
        find();
    return fails() ? NULL : real_malloc(n);
}

__attribute__((noinline)) void *calloc(size_t n, size_t size)
{
    if (!real_calloc) {
        void *p = early + early_used;
        early_used += (n * size + 15) / 16 * 16;
        if (early_used > sizeof early)
            _exit(99);
        return p;
    }
    return fails() ? NULL : real_calloc(n, size);
}

__attribute__((noinline)) void *realloc(void *p, size_t n)
{
    if (!real_realloc)
        find();
    return fails() ? NULL : real_realloc(p, n);
}

__attribute__((noinline)) int posix_memalign(void **ret, size_t align, size_t n)
{
    if (!real_memalign)
        find();
    return fails() ? ENOMEM : real_memalign(ret, align, n);
}
