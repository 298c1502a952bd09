/* The thread of a port with scales that talk in lines (contract: linethread.h).
 *
 * 1. It waits only for bytes, at most TURN_MS, and while it connects, so `progress` moves.
 * 2. Bytes that may have waited unread (the thread itself was late) are thrown away: their age is
 *    not known, and no old weight may be shown as fresh.
 * 3. All that has come is taken in before anything is shown: the newest frame is what is seen.
 * 4. While one scale waits for its answer, no other is asked. */
#include "controller/linethread.h"
#include "base/log.h"
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { TURN_MS = 100, LATE_MS = 250, READS_MAX = 64, SILENT_MS = 1000 };

struct linethread {
    struct byteport *port;
    char name[104];
    int wake_fd;
    bool started, was_open;
    pthread_t thread;
    struct linescale *scales[LINETHREAD_SCALES];
    struct complaint down[LINETHREAD_SCALES];
    struct mono opened;
    size_t n, last; /* last: whose turn to be asked it was */
    _Atomic bool stop;
    _Atomic int64_t progress;
};

int linethread_new(struct byteport *p, const char *name, struct linethread **ret, struct err *e)
{
    struct linethread *t = calloc(1, sizeof(*t));
    if (!t)
        return err_set(e, ERR_NOMEM, "no memory for the thread of %s", name);
    snprintf(t->name, sizeof(t->name), "%s", name);
    t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->wake_fd < 0) {
        free(t);
        return err_set(e, ERR_NOMEM, "no descriptor for the thread of %s", name);
    }
    t->port = p;
    *ret = t;
    return 0;
}

void linethread_add(struct linethread *t, struct linescale *s)
{
    assert(t->n < LINETHREAD_SCALES);
    t->scales[t->n++] = s;
}

static void lose(struct linethread *t, struct mono now)
{
    for (size_t i = 0; i < t->n; i++)
        linescale_lost(t->scales[i], now);
}

/* Once a port is open, a scale has time to be heard. */
static void say(struct linethread *t, size_t i, bool port_up, struct mono now)
{
    struct scale_view v;
    linescale_get(t->scales[i], &v);
    const char *who = linescale_name(t->scales[i]);
    if (v.link_up)
        log_release(&t->down[i], "%s at %s is heard again", who, t->name);
    else if (!port_up || mono_since_ms(now, t->opened) > SILENT_MS)
        log_complain(&t->down[i], "%s at %s: %s", who, t->name,
                     port_up ? "nothing that its map knows" : "the port cannot be opened");
}

/* Everything that has come. Invariant 3. */
static void take_all(struct linethread *t)
{
    uint8_t buf[512];
    for (int i = 0; i < READS_MAX; i++) {
        struct mono now = mono_now();
        int n = byteport_read(t->port, buf, sizeof(buf), now);
        if (n < 0)
            lose(t, now);
        if (n <= 0)
            return;
        for (size_t k = 0; k < t->n; k++)
            linescale_take(t->scales[k], buf, (size_t)n, now, wall_now());
    }
}

/* Invariant 4. Returns when to look again. */
static struct mono ask(struct linethread *t, struct mono now)
{
    struct mono wake = MONO_NEVER, until;
    uint8_t out[LINES_FRAME_MAX];
    for (size_t i = 0; i < t->n; i++)
        if (linescale_waits(t->scales[i], &until))
            return until;
    for (size_t i = 0; i < t->n; i++) {
        size_t k = (t->last + 1 + i) % t->n;
        size_t n = linescale_want(t->scales[k], now, out, &until);
        wake = mono_min(wake, until);
        if (n == 0)
            continue;
        t->last = k;
        linescale_asked(t->scales[k], byteport_write(t->port, out, n, now) == 0, now);
        return now;
    }
    return wake;
}

/* One turn; returns when the next is due at the latest. */
static struct mono turn(struct linethread *t, struct mono now)
{
    struct mono wake, due;
    bool up = byteport_open(t->port, now, &wake);
    if (up) {
        if (!t->was_open) {
            lose(t, now);
            t->opened = now;
        }
        take_all(t);
        wake = ask(t, now);
    }
    t->was_open = byteport_fd(t->port) >= 0;
    for (size_t i = 0; i < t->n; i++) {
        linescale_tick(t->scales[i], t->was_open, mono_now(), &due);
        say(t, i, t->was_open, now);
        wake = mono_min(wake, due);
    }
    return wake;
}

static void wait_until(struct linethread *t, struct mono wake) /* invariant 1 */
{
    struct mono now = mono_now();
    struct pollfd p[2] = {{.fd = t->wake_fd, .events = POLLIN},
                          {.fd = byteport_fd(t->port), .events = POLLIN}};
    int64_t ns = mono_since_ns(mono_min(wake, mono_add_ms(now, TURN_MS)), now);
    struct timespec ts = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    if (ns > 0)
        (void)ppoll(p, 2, &ts, NULL);
}

static void *run(void *arg)
{
    struct linethread *t = arg;
    const char *slash = strrchr(t->name, '/');
    struct mono end = mono_now();
    prctl(PR_SET_NAME, slash ? slash + 1 : t->name);
    while (!atomic_load_explicit(&t->stop, memory_order_acquire)) {
        struct mono wake = turn(t, end);
        struct mono began = mono_now();
        wait_until(t, wake);
        end = mono_now();
        if (mono_since_ms(end, began) > LATE_MS) { /* invariant 2 */
            byteport_flush(t->port);
            lose(t, end);
        }
        atomic_store_explicit(&t->progress, end.ns, memory_order_relaxed);
    }
    return NULL;
}

int linethread_start(struct linethread *t, struct err *e)
{
    atomic_store(&t->progress, mono_now().ns);
    int rc = pthread_create(&t->thread, NULL, run, t);
    if (rc != 0)
        return err_set(e, ERR_NOMEM, "thread of %s: %s", t->name, strerror(rc));
    t->started = true;
    return 0;
}

void linethread_free(struct linethread *t)
{
    uint64_t one = 1;
    if (!t)
        return;
    atomic_store_explicit(&t->stop, true, memory_order_release);
    if (t->started) {
        if (write(t->wake_fd, &one, sizeof(one)) < 0)
            log_debug("%s: cannot be woken", t->name);
        pthread_join(t->thread, NULL);
    }
    close(t->wake_fd);
    byteport_free(t->port);
    free(t);
}

int64_t linethread_progress_ns(const struct linethread *t)
{
    return atomic_load_explicit(&t->progress, memory_order_relaxed);
}
