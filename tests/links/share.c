/* Several units on one connection as the daemon has them: bus.c with its breaker, one link, one
 * poller for each. What the others get while one is dead, or none is: side by side, so that a
 * machine that is busy slows both. Times are a tenth of the daemon's. */
#include "controller/bus.h"
#include "controller/link.h"
#include "tests/links/links.h"
#include <poll.h>

enum {
    UNITS = 8,
    PERIOD_MS = 20,
    GUARD_US = 1750,
    FAILS = 3,
    FIRST_MS = 50,
    MAX_MS = 3000,
    SCALE = 10,
};

struct unit {
    struct lane *l;
    uint8_t no;
    struct mono due;
    unsigned good;
};

static bool unit_want(void *self, struct mono now, struct want *ret, struct mono *ret_wake)
{
    struct unit *u = self;
    if (!mono_reached(now, u->due)) {
        *ret_wake = u->due;
        return false;
    }
    *ret = (struct want){.prio = PRIO_TELEMETRY,
                         .unit = u->no,
                         .fc = 3,
                         .addr = 40,
                         .n = 10,
                         .timeout_ms = u->l->timeout_ms};
    return true;
}

static void unit_reply(void *self, const struct want *w, const struct reply *r, struct mono now)
{
    struct unit *u = self;
    (void)w;
    u->good += r->rc == 0;
    u->due = mono_add_ms(u->due, PERIOD_MS);
    if (mono_reached(now, u->due))
        u->due = mono_add_ms(now, PERIOD_MS);
}

static void turns(struct bus *b, struct link *link, struct lane *l, int ms)
{
    struct mono end = mono_add_ms(mono_now(), ms);
    struct want w;
    struct reply r;
    for (struct mono now = mono_now(); !mono_reached(now, end); now = mono_now()) {
        struct mono wake = end;
        if (!bus_next(b, now, &w, &wake)) {
            int64_t ns = mono_since_ns(mono_min(wake, end), now);
            struct timespec t = {.tv_nsec = ns < 999999999 ? ns : 999999999};
            ppoll(NULL, 0, &t, NULL);
            continue;
        }
        uint32_t before = l->count;
        link_do(link, &w, &r);
        drive_judge(l, &w, &r, before);
        bus_done(b, &r, mono_now());
    }
}

/* Good answers of all but the first since the last call. */
static unsigned taken(struct unit u[UNITS])
{
    unsigned n = 0;
    for (int i = 1; i < UNITS; i++)
        n += u[i].good;
    for (int i = 0; i < UNITS; i++)
        u[i].good = 0;
    return n;
}

void share_run(struct lane *l, bool one_dead, int ms, struct share *ret)
{
    struct unit u[UNITS];
    struct bus_options o = {.serial = l->kind == LANE_RTU,
                            .guard_us = GUARD_US,
                            .quarantine_ms = RTU_QUARANTINE * l->timeout_ms,
                            .breaker_fails = FAILS,
                            .breaker_first_ms = FIRST_MS,
                            .breaker_max_ms = MAX_MS};
    struct bus *b = bus_new(&o);
    struct link *link = drive_link(l);
    for (int i = 0; i < UNITS; i++) {
        u[i] = (struct unit){.l = l, .no = (uint8_t)(1 + i), .due = mono_now()};
        struct device d = {
            .name = "u", .unit = u[i].no, .want = unit_want, .reply = unit_reply, .self = &u[i]};
        bus_add(b, &d);
    }
    turns(b, link, l, ms / SCALE); /* connects */
    taken(u);
    l->dead_unit = one_dead;
    turns(b, link, l, ms / SCALE);
    ret->first = taken(u);
    turns(b, link, l, ms);
    ret->rest = taken(u);
    l->dead_unit = 0;
    bus_free(b);
    link_free(link);
}
