/* Whose turn it is: priority, fairness, pacing, quarantine, breaker; all under a virtual clock. */
#include "controller/bus.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct toy {
    struct device d;
    bool wants, dead, gone;
    enum prio prio;
    struct mono wake;
    unsigned asked, answered, failed, byes, doubts;
    bool bye;
};

static bool toy_want(void *self, struct mono now, struct want *ret, struct mono *ret_wake)
{
    struct toy *t = self;
    (void)now;
    t->asked++;
    *ret_wake = t->wake;
    if (!t->wants)
        return false;
    *ret = (struct want){.prio = t->prio, .unit = t->d.unit, .fc = 3, .n = 1};
    return true;
}

static void toy_reply(void *self, const struct want *w, const struct reply *r, struct mono now)
{
    struct toy *t = self;
    (void)now;
    assert_int_equal(w->unit, t->d.unit);
    t->answered += r->rc == 0;
    t->failed += r->rc != 0;
    if (t->bye)
        t->wants = false;
}

static bool toy_may(void *self, uint16_t addr, uint16_t n)
{
    (void)self;
    return addr >= 10 && addr + n <= 20;
}

static void toy_bye(void *self)
{
    struct toy *t = self;
    t->bye = t->wants = true;
    t->byes++;
}

static void toy_doubt(void *self)
{
    struct toy *t = self;
    t->doubts++;
}

struct stage {
    struct bus *b;
    struct toy t[4];
    size_t n;
    struct mono now;
};

static void setup(struct stage *s, bool serial, size_t n)
{
    memset(s, 0, sizeof(*s));
    s->b = bus_new(&(struct bus_options){.serial = serial,
                                         .guard_us = 4000,
                                         .quarantine_ms = 400,
                                         .breaker_fails = 3,
                                         .breaker_first_ms = 500,
                                         .breaker_max_ms = 8000});
    assert_non_null(s->b);
    s->n = n;
    s->now = (struct mono){1000000000};
    for (size_t i = 0; i < n; i++) {
        s->t[i] = (struct toy){.wants = true, .prio = PRIO_TELEMETRY, .wake = MONO_NEVER};
        s->t[i].d = (struct device){.name = "toy",
                                    .unit = (uint8_t)(i + 1),
                                    .want = toy_want,
                                    .reply = toy_reply,
                                    .self = &s->t[i]};
        assert_int_equal(bus_add(s->b, &s->t[i].d), 0);
    }
}

/* One transaction of 1 ms, or 100 ms when its unit is dead; returns the unit, 0 when nothing is
 * due. */
static uint8_t turn(struct stage *s, struct mono *wake)
{
    struct want w;
    if (!bus_next(s->b, s->now, &w, wake))
        return 0;
    struct toy *t = &s->t[w.unit - 1];
    struct reply r = {.rc = t->gone ? ERR_LINK : t->dead ? ERR_TIMEOUT : 0, .sent = s->now};
    s->now = mono_add_ms(s->now, t->gone ? 0 : t->dead ? 100 : 1);
    r.got = s->now;
    bus_done(s->b, &r, s->now);
    return w.unit;
}

static void run_ms(struct stage *s, int64_t ms)
{
    struct mono end = mono_add_ms(s->now, ms), wake;
    while (!mono_reached(s->now, end))
        if (!turn(s, &wake)) {
            assert_true(wake.ns > s->now.ns); /* never a spin */
            s->now = mono_min(wake, end);
        }
}

static void test_priority(void **state)
{
    (void)state;
    struct stage s;
    struct mono wake;
    setup(&s, false, 3);
    s.t[1].prio = PRIO_MAILBOX;
    s.t[2].prio = PRIO_DIVERT;
    assert_int_equal(turn(&s, &wake), 3);
    s.t[2].wants = false;
    assert_int_equal(turn(&s, &wake), 2);
    s.t[1].wants = false;
    assert_int_equal(turn(&s, &wake), 1);
    bus_free(s.b);
}

static void test_fairness(void **state)
{
    (void)state;
    struct stage s;
    setup(&s, false, 4);
    run_ms(&s, 400);
    for (size_t i = 0; i < 4; i++)
        assert_in_range(s.t[i].answered, 99, 101);
    bus_free(s.b);
}

/* A late answer may reach whoever asks the same unit next, and nobody else. */
static void test_doubt_goes_to_the_same_unit(void **state)
{
    (void)state;
    struct stage s;
    struct mono wake;
    setup(&s, true, 1);
    struct device twin = s.t[0].d, other = s.t[0].d;
    s.t[1] = s.t[2] = (struct toy){.d = {.unit = 1}, .wake = MONO_NEVER};
    twin.self = &s.t[1];
    twin.doubt = other.doubt = toy_doubt;
    other.self = &s.t[2];
    other.unit = 2;
    assert_int_equal(bus_add(s.b, &twin), 0);
    assert_int_equal(bus_add(s.b, &other), 0);
    assert_int_equal(turn(&s, &wake), 1);
    assert_int_equal(s.t[1].doubts, 0);
    s.t[0].dead = true;
    s.now = mono_add_ms(s.now, 10);
    assert_int_equal(turn(&s, &wake), 1);
    assert_int_equal(s.t[1].doubts, 1);
    assert_int_equal(s.t[2].doubts, 0);
    bus_free(s.b);
}

/* A device's own breaker goes before that of the bus. */
static void test_breaker_of_a_device(void **state)
{
    (void)state;
    struct stage s;
    setup(&s, false, 1);
    struct device dead = s.t[0].d;
    s.t[1] = (struct toy){.d = {.unit = 2}, .wants = true, .prio = PRIO_TELEMETRY, .dead = true};
    dead.unit = 2;
    dead.self = &s.t[1];
    dead.breaker_fails = 1;
    dead.breaker_first_ms = dead.breaker_max_ms = 2000;
    assert_int_equal(bus_add(s.b, &dead), 0);
    run_ms(&s, 10000);
    assert_in_range(s.t[1].failed, 4, 6); /* once, then every two seconds */
    bus_free(s.b);
}

static void test_wake(void **state)
{
    (void)state;
    struct stage s;
    struct mono wake;
    setup(&s, false, 2);
    s.t[0].wants = s.t[1].wants = false;
    s.t[0].wake = mono_add_ms(s.now, 70);
    s.t[1].wake = mono_add_ms(s.now, 30);
    assert_int_equal(turn(&s, &wake), 0);
    assert_int_equal(wake.ns, s.t[1].wake.ns);
    bus_free(s.b);
}

/* RTU: silence between frames, and after a timeout for the quarantine; not so on TCP. */
static void test_silence(void **state)
{
    (void)state;
    struct stage s;
    struct mono wake;
    setup(&s, true, 1);
    assert_int_equal(turn(&s, &wake), 1);
    assert_int_equal(turn(&s, &wake), 0);
    assert_int_equal(mono_since_ns(wake, s.now), 4000000);
    s.now = wake;
    s.t[0].dead = true;
    assert_int_equal(turn(&s, &wake), 1);
    assert_int_equal(turn(&s, &wake), 0);
    assert_int_equal(mono_since_ms(wake, s.now), 400);
    bus_free(s.b);
    setup(&s, false, 1);
    s.t[0].dead = true;
    assert_int_equal(turn(&s, &wake), 1);
    assert_int_equal(turn(&s, &wake), 1);
    bus_free(s.b);
}

/* A dead unit leaves the others their time, is probed with growing pauses, and is welcome when
 * back. */
static void test_dead_unit(void **state)
{
    (void)state;
    struct stage s;
    setup(&s, false, 2);
    s.t[0].dead = true;
    run_ms(&s, 60000);
    assert_in_range(s.t[0].failed, 8, 16); /* 3, then 0.5, 1, 2, 4, 8, 8 … s */
    assert_true(s.t[1].answered > 57000);
    struct bus_counters c;
    bus_counters(s.b, &c);
    assert_int_equal(c.open_breakers, 1);
    assert_int_equal(c.timeouts, s.t[0].failed);
    s.t[0].dead = false;
    run_ms(&s, 9000);
    unsigned before = s.t[0].answered;
    assert_true(before > 0);
    run_ms(&s, 100);
    assert_true(s.t[0].answered > before + 30);
    bus_counters(s.b, &c);
    assert_int_equal(c.open_breakers, 0);
    bus_free(s.b);
}

/* While an item awaits its slot a dead neighbour is not probed. */
static void test_no_probe_before_divert(void **state)
{
    (void)state;
    struct stage s;
    setup(&s, false, 2);
    s.t[0].dead = true;
    run_ms(&s, 2000);
    unsigned failed = s.t[0].failed;
    s.t[1].prio = PRIO_DIVERT;
    run_ms(&s, 20000);
    assert_int_equal(s.t[0].failed, failed);
    bus_free(s.b);
}

/* A dead sorter that shares its bus is probed every 2 s at least: nobody waits half a minute for
 * it. */
static void test_dead_sorter(void **state)
{
    (void)state;
    struct stage s;
    setup(&s, false, 2);
    s.t[0].dead = true;
    s.t[0].prio = PRIO_MAILBOX;
    run_ms(&s, 60000);
    assert_true(s.t[0].failed >= 28);
    bus_free(s.b);
}

/* Alone on its bus a unit has no breaker. */
static void test_alone(void **state)
{
    (void)state;
    struct stage s;
    setup(&s, false, 1);
    s.t[0].dead = true;
    run_ms(&s, 10000);
    assert_true(s.t[0].failed >= 99);
    bus_free(s.b);
}

/* A broken link moves no breaker and does not make the bus spin. */
static void test_link_down(void **state)
{
    (void)state;
    struct stage s;
    struct bus_counters c;
    setup(&s, false, 2);
    s.t[0].gone = s.t[1].gone = true;
    run_ms(&s, 1000);
    assert_in_range(s.t[0].failed + s.t[1].failed, 90, 110);
    bus_counters(s.b, &c);
    assert_int_equal(c.open_breakers, 0);
    assert_int_equal(c.link_errors, s.t[0].failed + s.t[1].failed);
    s.t[0].gone = s.t[1].gone = false;
    run_ms(&s, 50);
    assert_true(s.t[0].answered > 10);
    bus_free(s.b);
}

static void test_window(void **state)
{
    (void)state;
    struct stage s;
    struct bus *b = bus_new(&(struct bus_options){0});
    setup(&s, false, 1);
    s.t[0].d.may_write = toy_may;
    bus_add(b, &s.t[0].d);
    assert_true(bus_may_write(b, 1, 10, 10));
    assert_false(bus_may_write(b, 1, 10, 11));
    assert_false(bus_may_write(b, 2, 10, 1));
    assert_false(bus_may_write(s.b, 1, 10, 1)); /* no window: nothing */
    bus_free(b);
    bus_free(s.b);
}

/* However many units are dead: what comes due for a line waits for one of them at most, and no
 * longer than bus_dead_ms says. */
static void worst_wait(bool serial)
{
    struct stage s;
    int64_t worst = 0;
    setup(&s, serial, 4);
    s.t[1].dead = s.t[2].dead = s.t[3].dead = true;
    s.t[0].prio = PRIO_MAILBOX;
    struct mono due = s.now, end = mono_add_ms(s.now, 60000), wake;
    while (!mono_reached(s.now, end)) {
        s.t[0].wants = mono_reached(s.now, due);
        s.t[0].wake = s.t[0].wants ? MONO_NEVER : due;
        uint8_t unit = turn(&s, &wake);
        if (unit == 0) {
            s.now = wake;
        } else if (unit == 1) {
            int64_t waited = mono_since_ms(s.now, due) - 1; /* its own turn takes 1 ms */
            worst = waited > worst ? waited : worst;
            due = mono_add_ms(s.now, 5);
        }
    }
    struct bus_options o = {.serial = serial, .quarantine_ms = 400};
    assert_in_range(worst, 95, bus_dead_ms(&o, 100));
    bus_free(s.b);
}

static void test_worst_wait(void **state)
{
    (void)state;
    worst_wait(true);
    worst_wait(false);
}

static void test_asked(void **state)
{
    (void)state;
    struct stage s;
    struct mono wake;
    const char *name;
    setup(&s, false, 3);
    s.t[2].prio = PRIO_DIVERT;
    assert_int_equal(turn(&s, &wake), 3);
    assert_int_equal(bus_asked(s.b, &name), 2);
    assert_string_equal(name, "toy");
    bus_free(s.b);
}

static void test_goodbye(void **state)
{
    (void)state;
    struct stage s;
    struct mono wake;
    setup(&s, false, 2);
    struct bus *b = bus_new(&(struct bus_options){0});
    s.t[1].d.goodbye = toy_bye;
    bus_add(b, &s.t[0].d);
    bus_add(b, &s.t[1].d);
    bus_free(s.b);
    s.b = b;
    bus_goodbye(b);
    assert_int_equal(turn(&s, &wake), 2);
    assert_int_equal(turn(&s, &wake), 0);
    assert_int_equal(wake.ns, MONO_NEVER.ns);
    assert_int_equal(s.t[1].byes, 1);
    assert_int_equal(s.t[0].asked, 0);
    bus_free(b);
}

static void test_full(void **state)
{
    (void)state;
    struct stage s;
    setup(&s, false, 4);
    for (size_t i = 4; i < BUS_DEVICES_MAX; i++)
        assert_int_equal(bus_add(s.b, &s.t[0].d), 0);
    assert_int_equal(bus_add(s.b, &s.t[0].d), ERR_TOOBIG);
    bus_free(s.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_priority),
        cmocka_unit_test(test_fairness),
        cmocka_unit_test(test_wake),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_dead_unit),
        cmocka_unit_test(test_no_probe_before_divert),
        cmocka_unit_test(test_dead_sorter),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_link_down),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_goodbye),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_doubt_goes_to_the_same_unit),
        cmocka_unit_test(test_breaker_of_a_device),
        cmocka_unit_test(test_worst_wait),
        cmocka_unit_test(test_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
