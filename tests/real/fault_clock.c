/* LD_PRELOAD: the wall clock stands `offset` nanoseconds beside the true one, and a test may change
 * that at any moment; the monotonic clock stays. Waits until a moment of the wall clock see the
 * jump in their middle, as the kernel's do. LOTLINE_FAULT_CLOCK names the shared page (fault.py).
 *
 * libfaketime will not do: it shifts the deadlines of monotonic timerfds too, whatever it is told.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SECOND = 1000000000, SLICE_NS = 10000000, STEADY_MAX = 64 };

struct page {
    _Atomic int64_t offset_ns;
};

static struct page *page;
static _Atomic(pthread_cond_t *)
    steady[STEADY_MAX]; /* conditions that wait by the monotonic clock */

__attribute__((constructor)) static void set_up(void)
{
    const char *path = getenv("LOTLINE_FAULT_CLOCK");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED)
        page = at;
}

static void *next(const char *name)
{
    void *at = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2"); /* the newer pthread_cond_… */
    if (!at)
        at = dlsym(RTLD_NEXT, name);
    if (!at)
        abort();
    return at;
}

static int64_t true_ns(clockid_t clock)
{
    struct timespec t;
    syscall(SYS_clock_gettime, clock, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static int64_t wall_ns(void)
{
    return true_ns(CLOCK_REALTIME) + (page ? atomic_load(&page->offset_ns) : 0);
}

static struct timespec spec(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
        return (int)syscall(SYS_clock_gettime, clock, ret);
    *ret = spec(wall_ns());
    return 0;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    (void)zone;
    int64_t ns = wall_ns();
    *ret = (struct timeval){.tv_sec = ns / SECOND, .tv_usec = ns % SECOND / 1000};
    return 0;
}

time_t time(time_t *ret)
{
    time_t t = wall_ns() / SECOND;
    if (ret)
        *ret = t;
    return t;
}

int timespec_get(struct timespec *ret, int base)
{
    *ret = spec(wall_ns());
    return base;
}

int pthread_cond_init(pthread_cond_t *restrict c, const pthread_condattr_t *restrict a)
{
    static int (*real)(pthread_cond_t *, const pthread_condattr_t *);
    clockid_t clock = CLOCK_REALTIME;
    if (!real)
        *(void **)&real = next("pthread_cond_init");
    if (a)
        pthread_condattr_getclock(a, &clock);
    for (int i = 0; clock == CLOCK_MONOTONIC && i < STEADY_MAX; i++) {
        pthread_cond_t *none = NULL;
        if (atomic_compare_exchange_strong(&steady[i], &none, c) || none == c)
            break;
    }
    return real(c, a);
}

int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
                           const struct timespec *restrict until)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    int64_t end = until->tv_sec * SECOND + until->tv_nsec;
    if (!real)
        *(void **)&real = next("pthread_cond_timedwait");
    for (int i = 0; i < STEADY_MAX; i++)
        if (atomic_load(&steady[i]) == c)
            return real(c, m, until);
    for (;;) {
        int64_t left = end - wall_ns();
        struct timespec slice = spec(true_ns(CLOCK_REALTIME) + (left < SLICE_NS ? left : SLICE_NS));
        int rc = left <= 0 ? ETIMEDOUT : real(c, m, &slice);
        if (rc != ETIMEDOUT || end <= wall_ns())
            return rc;
    }
}

int sem_timedwait(sem_t *restrict s, const struct timespec *restrict until)
{
    int64_t end = until->tv_sec * SECOND + until->tv_nsec;
    while (sem_trywait(s)) {
        if (errno != EAGAIN)
            return -1;
        if (end <= wall_ns()) {
            errno = ETIMEDOUT;
            return -1;
        }
        nanosleep(&(struct timespec){.tv_nsec = SLICE_NS / 10}, NULL);
    }
    return 0;
}
