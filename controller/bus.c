/* Whose turn it is. Pure: time is an argument. Thread: the bus thread (tests: any). Owns the list
 * of devices and each one's breaker.
 *
 * 1. Asking a device what it wants costs nothing and binds nobody; only the one chosen is
 *    executed.
 * 2. Lower prio first; within one prio whoever was served longest ago, so nobody starves.
 * 3. A unit that fails `breaker_fails` times running is left alone for a growing time; then it is
 *    probed, but never while another device has a divert want. A device that is alone on its bus
 *    has no breaker: it harms nobody, and waiting would only delay its return.
 * 4. A broken link says nothing about units: ERR_LINK moves no breaker, it only pauses the bus. */
#include "controller/bus.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINK_PAUSE_MS = 10,       /* while the link is down, so that nobody spins */
    DIVERT_BREAKER_MS = 2000, /* longest pause of a unit that sorts */
    GATEWAY_NO_PATH = 0x0A,
    GATEWAY_NO_ANSWER = 0x0B,
};

struct seat {
    struct device d;
    uint32_t fails, open_ms; /* open_ms 0: closed */
    struct mono open_until, served;
    bool sorts; /* it has asked for something above telemetry */
};
struct bus {
    struct bus_options o;
    struct seat seats[BUS_DEVICES_MAX];
    size_t n, current;
    struct want want; /* the one being executed */
    struct mono quiet;
    bool closing;
    struct bus_counters count;
};

struct bus *bus_new(const struct bus_options *o)
{
    struct bus *b = calloc(1, sizeof(*b));
    if (b)
        b->o = *o;
    return b;
}

void bus_free(struct bus *b)
{
    free(b);
}

int bus_add(struct bus *b, const struct device *d)
{
    if (b->n == BUS_DEVICES_MAX)
        return ERR_TOOBIG;
    b->seats[b->n++] = (struct seat){.d = *d};
    return 0;
}

/* Invariant 2. A unit on probation is telemetry, whatever it wants (invariant 3). */
static enum prio rank(const struct seat *s, const struct want *w)
{
    return s->open_ms ? PRIO_TELEMETRY : w->prio;
}

static bool goes_first(const struct seat *a, const struct want *wa, const struct seat *b,
                       const struct want *wb)
{
    if (rank(a, wa) != rank(b, wb))
        return rank(a, wa) < rank(b, wb);
    return a->served.ns < b->served.ns;
}

static bool ask(struct bus *b, struct seat *s, struct mono now, struct want *ret, struct mono *wake)
{
    struct mono w = MONO_NEVER;
    if (b->closing && !s->d.goodbye)
        return false;
    if (s->open_ms && !mono_reached(now, s->open_until) && !b->closing) {
        *wake = mono_min(*wake, s->open_until);
        return false;
    }
    if (!s->d.want(s->d.self, now, ret, &w)) {
        *wake = mono_min(*wake, w);
        return false;
    }
    assert(ret->unit == s->d.unit);
    s->sorts |= ret->prio < PRIO_TELEMETRY;
    return true;
}

bool bus_next(struct bus *b, struct mono now, struct want *ret, struct mono *ret_wake)
{
    struct want w;
    struct seat *best = NULL;
    struct mono wake = MONO_NEVER;
    if (!mono_reached(now, b->quiet)) {
        *ret_wake = b->quiet;
        return false;
    }
    for (size_t i = 0; i < b->n; i++) {
        struct seat *s = &b->seats[i];
        if (ask(b, s, now, &w, &wake) && (!best || goes_first(s, &w, best, &b->want))) {
            best = s;
            b->want = w;
            b->current = i;
        }
    }
    if (!best) {
        *ret_wake = wake;
        return false;
    }
    best->served = now;
    *ret = b->want;
    return true;
}

static bool unit_failed(const struct reply *r)
{
    if (r->rc == ERR_EXCEPTION)
        return r->exception == GATEWAY_NO_PATH || r->exception == GATEWAY_NO_ANSWER;
    return r->rc == ERR_TIMEOUT || r->rc == ERR_PROTOCOL || r->rc == ERR_ECHO;
}

/* Invariants 3 and 4. */
static void move_breaker(struct bus *b, struct seat *s, const struct reply *r, struct mono now)
{
    if (r->rc == ERR_LINK || r->rc == ERR_DENIED)
        return;
    if (!unit_failed(r)) {
        s->fails = s->open_ms = 0;
        return;
    }
    const struct device *d = &s->d;
    bool own = d->breaker_fails > 0;
    uint32_t first = own ? d->breaker_first_ms : b->o.breaker_first_ms;
    uint32_t max = own ? d->breaker_max_ms : b->o.breaker_max_ms;
    if (++s->fails < (own ? d->breaker_fails : b->o.breaker_fails) || b->n == 1 || first == 0)
        return;
    if (s->sorts && max > DIVERT_BREAKER_MS)
        max = DIVERT_BREAKER_MS;
    s->open_ms = s->open_ms == 0 ? first : s->open_ms * 2;
    if (s->open_ms > max)
        s->open_ms = max;
    s->open_until = mono_add_ms(now, s->open_ms);
}

/* The unit's late answer may reach whoever asks it next. */
static void tell_doubt(const struct bus *b, const struct seat *failed)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct device *d = &b->seats[i].d;
        if (&b->seats[i] != failed && d->unit == failed->d.unit && d->doubt)
            d->doubt(d->self);
    }
}

static void count(struct bus_counters *c, const struct reply *r)
{
    c->transactions++;
    c->timeouts += r->rc == ERR_TIMEOUT;
    c->exceptions += r->rc == ERR_EXCEPTION;
    c->echo_errors += r->rc == ERR_ECHO || r->rc == ERR_PROTOCOL;
    c->link_errors += r->rc == ERR_LINK;
}

void bus_done(struct bus *b, const struct reply *r, struct mono now)
{
    struct seat *s = &b->seats[b->current];
    count(&b->count, r);
    move_breaker(b, s, r, now);
    if (r->rc == ERR_LINK)
        b->quiet = mono_add_ms(now, LINK_PAUSE_MS);
    else if (b->o.serial && r->rc != 0 && r->rc != ERR_EXCEPTION && r->rc != ERR_DENIED)
        b->quiet = mono_add_ms(now, b->o.quarantine_ms);
    else if (b->o.serial)
        b->quiet = mono_add_ns(r->got, (int64_t)b->o.guard_us * 1000);
    if (unit_failed(r))
        tell_doubt(b, s);
    s->d.reply(s->d.self, &b->want, r, now);
}

uint32_t bus_dead_ms(const struct bus_options *o, uint32_t link_ms)
{
    return link_ms + (o->serial ? o->quarantine_ms : LINK_PAUSE_MS);
}

size_t bus_asked(const struct bus *b, const char **ret_name)
{
    *ret_name = b->n ? b->seats[b->current].d.name : "";
    return b->current;
}

void bus_counters(const struct bus *b, struct bus_counters *ret)
{
    *ret = b->count;
    for (size_t i = 0; i < b->n; i++)
        ret->open_breakers += b->seats[i].open_ms != 0;
}

bool bus_may_write(const struct bus *b, uint8_t unit, uint16_t addr, uint16_t n)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct device *d = &b->seats[i].d;
        if (d->unit == unit && d->may_write && d->may_write(d->self, addr, n))
            return true;
    }
    return false;
}

void bus_goodbye(struct bus *b)
{
    b->closing = true;
    for (size_t i = 0; i < b->n; i++)
        if (b->seats[i].d.goodbye)
            b->seats[i].d.goodbye(b->seats[i].d.self);
}
