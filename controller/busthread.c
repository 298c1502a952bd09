/* The bus thread: bus_next, link_do, bus_done, wait. Everything between a device's words and its
 * wire happens here, in this order, and nothing else does. Owns: the bus and the link from start
 * to stop, the eventfd that wakes it.
 *
 * 1. It waits only in link_do (bounded there) and in wait_until (at most TURN_MS), so `progress`
 *    moves.
 * 2. It waits for absolute times; a wake-up is level-triggered and cannot be lost. */
#include "controller/busthread.h"
#include "base/log.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { TURN_MS = 500, GOODBYE_MS = 200 };

struct busthread {
    struct bus *bus;
    struct link *link;
    char name[104];
    int wake_fd;
    pthread_t thread;
    struct complaint down[BUS_DEVICES_MAX]; /* each device's own */
    _Atomic bool stop, link_up;
    _Atomic int64_t progress;
};

static void wait_until(struct busthread *t, struct mono wake) /* invariants 1 and 2 */
{
    struct mono now = mono_now();
    struct pollfd p = {.fd = t->wake_fd, .events = POLLIN};
    int64_t ns = mono_since_ns(mono_min(wake, mono_add_ms(now, TURN_MS)), now);
    struct timespec ts = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    uint64_t n;
    if (ns > 0 && ppoll(&p, 1, &ts, NULL) > 0 && read(t->wake_fd, &n, sizeof(n)) < 0)
        log_debug("%s: wake-up not readable", t->name);
}

static void say(struct busthread *t, const struct want *w, const struct reply *r)
{
    const char *who;
    struct complaint *down = &t->down[bus_asked(t->bus, &who)];
    atomic_store_explicit(&t->link_up, link_up(t->link), memory_order_relaxed);
    if (r->rc == ERR_LINK || r->rc == ERR_TIMEOUT || r->rc == ERR_PROTOCOL || r->rc == ERR_ECHO)
        log_complain(down, "%s at %s unit %u: function %u: %s", who, t->name, w->unit, w->fc,
                     err_text(r->rc));
    else if (r->rc == ERR_DENIED)
        log_error("%s at %s unit %u: write of %u words at %u refused: outside its window", who,
                  t->name, w->unit, w->n, w->addr);
    else if (down->active)
        log_release(down, "%s at %s unit %u answers again", who, t->name, w->unit);
}

/* One transaction; false: nothing is due before *ret_wake. */
static bool turn(struct busthread *t, struct mono *ret_wake, uint32_t longest_ms)
{
    struct want w;
    struct reply r;
    if (!bus_next(t->bus, mono_now(), &w, ret_wake))
        return false;
    if (w.timeout_ms > longest_ms)
        w.timeout_ms = longest_ms;
    if (!link_ready(t->link, w.timeout_ms, ret_wake))
        return false;
    link_do(t->link, &w, &r);
    bus_done(t->bus, &r, mono_now());
    say(t, &w, &r);
    return true;
}

static void say_goodbye(struct busthread *t)
{
    struct mono end = mono_add_ms(mono_now(), GOODBYE_MS), wake = end;
    bus_goodbye(t->bus);
    while (!mono_reached(mono_now(), end)) {
        if (turn(t, &wake, GOODBYE_MS / 2))
            continue;
        if (wake.ns == MONO_NEVER.ns)
            return;
        wait_until(t, mono_min(wake, end));
    }
}

static void *run(void *arg)
{
    struct busthread *t = arg;
    struct mono wake;
    const char *slash = strrchr(t->name, '/');
    prctl(PR_SET_NAME, slash ? slash + 1 : t->name); /* its first 15 characters */
    prctl(PR_SET_TIMERSLACK, 1UL);                   /* a poll period is kept to the microsecond */
    while (!atomic_load_explicit(&t->stop, memory_order_acquire)) {
        if (!turn(t, &wake, UINT32_MAX))
            wait_until(t, wake);
        atomic_store_explicit(&t->progress, mono_now().ns, memory_order_relaxed);
    }
    say_goodbye(t);
    return NULL;
}

static bool may_write(void *ctx, uint8_t unit, uint16_t addr, uint16_t n)
{
    return bus_may_write(ctx, unit, addr, n);
}

int busthread_start(struct bus *b, struct link *l, const char *name, struct busthread **ret,
                    struct err *e)
{
    struct busthread *t = calloc(1, sizeof(*t));
    if (!t)
        return err_set(e, ERR_NOMEM, "no memory for the thread of %s", name);
    t->bus = b;
    t->link = l;
    snprintf(t->name, sizeof(t->name), "%s", name);
    atomic_store(&t->progress, mono_now().ns);
    link_guard(l, may_write, b);
    t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = t->wake_fd < 0 ? errno : pthread_create(&t->thread, NULL, run, t);
    if (rc == 0) {
        *ret = t;
        return 0;
    }
    if (t->wake_fd >= 0)
        close(t->wake_fd);
    free(t);
    return err_set(e, ERR_NOMEM, "thread of %s: %s", name, strerror(rc));
}

void busthread_wake(struct busthread *t)
{
    uint64_t one = 1;
    if (write(t->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_debug("%s: cannot be woken", t->name);
}

void busthread_stop(struct busthread *t)
{
    if (!t)
        return;
    atomic_store_explicit(&t->stop, true, memory_order_release);
    busthread_wake(t);
    pthread_join(t->thread, NULL);
    close(t->wake_fd);
    free(t);
}

int64_t busthread_progress_ns(const struct busthread *t)
{
    return atomic_load_explicit(&t->progress, memory_order_relaxed);
}

bool busthread_link_up(const struct busthread *t)
{
    return atomic_load_explicit(&t->link_up, memory_order_relaxed);
}
