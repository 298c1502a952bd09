/* LD_PRELOAD: counts the calls by which a program changes or learns something outside itself, and
 * at a chosen one dies, or lets it fail. What it does stands in a shared page, so that a test can
 * change its mind while the program runs. Pages: fault.py. LOTLINE_FAULT_IO names the page's file.
 *
 * A death comes before its call is made: that before call K+1 is the one after call K. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum kind {
    WRITE = 1,
    PWRITE = 2,
    SYNC = 4,
    SEND = 8,
    RECV = 16,
    OPEN = 32,
    TRUNCATE = 64,
    NAME = 128,
    TIMER = 256
};

/* The same order of words as in fault.py. */
struct page {
    _Atomic int64_t kinds;   /* which are counted */
    _Atomic int64_t calls;   /* so many were */
    _Atomic int64_t kill_at; /* 0: never */
    /* calls that fail: every fail_step-th in between */
    _Atomic int64_t fail_from, fail_to, fail_step;
    _Atomic int64_t fail_kinds, fail_errno;
    _Atomic int64_t failed;    /* so many did */
    _Atomic int64_t failed_ns; /* when the first of them did */
    _Atomic int64_t last;      /* kind of the call that died or failed last */
};

static struct page *page;

__attribute__((constructor)) static void set_up(void)
{
    const char *path = getenv("LOTLINE_FAULT_IO");
    int fd = path ? (int)syscall(SYS_open, path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (at != MAP_FAILED)
        page = at;
}

static void *next(const char *name)
{
    void *at = dlsym(RTLD_NEXT, name);
    if (!at)
        abort();
    return at;
}

/* Counts; true: this call is to fail, errno says how. */
static int met(enum kind kind)
{
    if (!page || !(atomic_load(&page->kinds) & kind))
        return 0;
    int64_t n = atomic_fetch_add(&page->calls, 1) + 1, step = atomic_load(&page->fail_step);
    if (n == atomic_load(&page->kill_at)) {
        atomic_store(&page->last, kind);
        syscall(SYS_kill, getpid(), SIGKILL);
    }
    int64_t from = atomic_load(&page->fail_from);
    if (!(atomic_load(&page->fail_kinds) & kind) || n < from || n > atomic_load(&page->fail_to) ||
        (step > 1 && (n - from) % step))
        return 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (atomic_fetch_add(&page->failed, 1) == 0)
        atomic_store(&page->failed_ns, now.tv_sec * 1000000000 + now.tv_nsec);
    atomic_store(&page->last, kind);
    errno = (int)atomic_load(&page->fail_errno);
    return 1;
}

#define CALL(type, name, kind, params, args)                                                       \
    type name params;                                                                              \
    type name params                                                                               \
    {                                                                                              \
        static type(*real) params;                                                                 \
        if (!real)                                                                                 \
            *(void **)&real = next(#name);                                                         \
        return met(kind) ? (type)-1 : real args;                                                   \
    }

CALL(ssize_t, write, WRITE, (int fd, const void *p, size_t n), (fd, p, n))
CALL(ssize_t, pwrite, PWRITE, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
CALL(ssize_t, pwrite64, PWRITE, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))
CALL(int, fsync, SYNC, (int fd), (fd))
CALL(int, fdatasync, SYNC, (int fd), (fd))
CALL(ssize_t, send, SEND, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
CALL(ssize_t, sendmsg, SEND, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
CALL(ssize_t, recv, RECV, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))
CALL(ssize_t, recvmsg, RECV, (int fd, struct msghdr *m, int flags), (fd, m, flags))
CALL(int, ftruncate, TRUNCATE, (int fd, off_t n), (fd, n))
CALL(int, ftruncate64, TRUNCATE, (int fd, off64_t n), (fd, n))
CALL(int, unlink, NAME, (const char *path), (path))
CALL(int, rename, NAME, (const char *from, const char *to), (from, to))
CALL(int, link, NAME, (const char *from, const char *to), (from, to))
CALL(int, mkdir, NAME, (const char *path, mode_t mode), (path, mode))
CALL(int, timerfd_settime, TIMER,
     (int fd, int flags, const struct itimerspec *new, struct itimerspec *old),
     (fd, flags, new, old))

#define OPENS(name)                                                                                \
    int name(const char *path, int flags, ...);                                                    \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        static int (*real)(const char *, int, ...);                                                \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        unsigned mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, unsigned) : 0;              \
        va_end(more);                                                                              \
        if (!real)                                                                                 \
            *(void **)&real = next(#name);                                                         \
        return met(OPEN) ? -1 : real(path, flags, mode);                                           \
    }

OPENS(open)
OPENS(open64)
