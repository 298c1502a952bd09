/* What the bus makes of each answer: whether the unit counts as dead, how long the line stays
 * silent, and that goodbyes are said in any case. */
#include "controller/bus.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { GUARD_US = 4000, QUARANTINE_MS = 400, LINK_PAUSE_MS = 10, FAILS = 3 };

static bool want(void *self, struct mono now, struct want *ret, struct mono *ret_wake)
{
    (void)now;
    (void)ret_wake;
    *ret = (struct want){.prio = PRIO_TELEMETRY, .unit = *(uint8_t *)self, .fc = 3, .n = 1};
    return true;
}

static void reply(void *self, const struct want *w, const struct reply *r, struct mono now)
{
    (void)self;
    (void)w;
    (void)r;
    (void)now;
}

static void goodbye(void *self)
{
    (void)self;
}

static uint8_t units[2] = {1, 2};

static struct bus *bus_of(bool serial, size_t devices, uint32_t first_ms)
{
    struct bus *b = bus_new(&(struct bus_options){.serial = serial,
                                                  .guard_us = GUARD_US,
                                                  .quarantine_ms = QUARANTINE_MS,
                                                  .breaker_fails = FAILS,
                                                  .breaker_first_ms = first_ms,
                                                  .breaker_max_ms = 1000});
    assert_non_null(b);
    for (size_t i = 0; i < devices; i++)
        assert_int_equal(bus_add(b, &(struct device){.name = "toy",
                                                     .unit = units[i],
                                                     .want = want,
                                                     .reply = reply,
                                                     .goodbye = i == 0 ? goodbye : NULL,
                                                     .self = &units[i]}),
                         0);
    return b;
}

/* Unit 1 answers so, as often as it takes; unit 2 is well. Returns the silence after the last. */
static int64_t answer(struct bus *b, struct reply how, struct mono *now)
{
    struct want w;
    struct mono wake;
    unsigned asked = 0;
    for (int i = 0; i < 100 && asked < FAILS; i++) {
        if (!bus_next(b, *now, &w, &wake)) {
            *now = wake;
            continue;
        }
        struct reply r = w.unit == 1 ? how : (struct reply){0};
        r.sent = r.got = *now;
        bus_done(b, &r, *now);
        asked += w.unit == 1;
    }
    assert_int_equal(asked, FAILS);
    if (bus_next(b, *now, &w, &wake))
        return 0;
    return mono_since_ms(wake, *now);
}

static void each_answer_has_its_silence_and_may_open_the_breaker(void **state)
{
    static const struct {
        int rc;
        uint8_t exception;
        bool opens;
        int64_t tcp_ms, serial_ms;
    } rows[] = {
        {0, 0, false, 0, GUARD_US / 1000},
        {ERR_TIMEOUT, 0, true, 0, QUARANTINE_MS},
        {ERR_PROTOCOL, 0, true, 0, QUARANTINE_MS},
        {ERR_ECHO, 0, true, 0, QUARANTINE_MS},
        {ERR_EXCEPTION, 6, false, 0, GUARD_US / 1000},
        {ERR_EXCEPTION, 10, true, 0, GUARD_US / 1000}, /* a gateway that has no path to it */
        {ERR_EXCEPTION, 11, true, 0, GUARD_US / 1000}, /* or no answer from it */
        {ERR_DENIED, 0, false, 0, GUARD_US / 1000},    /* was never sent */
        {ERR_LINK, 0, false, LINK_PAUSE_MS, LINK_PAUSE_MS},
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        bool serial = i % 2;
        struct bus *b = bus_of(serial, 2, 500);
        struct mono now = {1000000000};
        struct bus_counters c;
        struct reply how = {.rc = rows[i / 2].rc, .exception = rows[i / 2].exception};
        assert_int_equal(answer(b, how, &now), serial ? rows[i / 2].serial_ms : rows[i / 2].tcp_ms);
        bus_counters(b, &c);
        if (c.open_breakers != rows[i / 2].opens)
            fail_msg("%s, exception %u: %u breakers are open", err_name(how.rc), how.exception,
                     c.open_breakers);
        bus_free(b);
    }
}

static void a_breaker_that_is_switched_off_or_alone_never_opens(void **state)
{
    (void)state;
    for (size_t devices = 1; devices <= 2; devices++) {
        struct bus *b = bus_of(false, devices, devices == 1 ? 500 : 0);
        struct mono now = {1000000000};
        struct bus_counters c;
        answer(b, (struct reply){.rc = ERR_TIMEOUT}, &now);
        bus_counters(b, &c);
        assert_int_equal(c.open_breakers, 0);
        assert_int_equal(c.timeouts, FAILS);
        bus_free(b);
    }
}

static void a_dead_unit_is_said_goodbye_to_all_the_same(void **state)
{
    struct bus *b = bus_of(false, 2, 500);
    struct mono now = {1000000000}, wake;
    struct want w;
    (void)state;
    answer(b, (struct reply){.rc = ERR_TIMEOUT}, &now);
    bus_goodbye(b);
    assert_true(bus_next(b, now, &w, &wake)); /* although its breaker is open */
    assert_int_equal(w.unit, 1);              /* the other has no last words */
    bus_free(b);
}

static void a_bus_without_devices_has_nothing_to_ask(void **state)
{
    struct bus *b = bus_of(true, 0, 500);
    struct mono wake;
    struct want w;
    const char *name;
    (void)state;
    assert_false(bus_next(b, (struct mono){1}, &w, &wake));
    assert_int_equal(wake.ns, MONO_NEVER.ns);
    bus_asked(b, &name);
    assert_string_equal(name, "");
    bus_free(b);
    bus_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_has_its_silence_and_may_open_the_breaker),
        cmocka_unit_test(a_breaker_that_is_switched_off_or_alone_never_opens),
        cmocka_unit_test(a_dead_unit_is_said_goodbye_to_all_the_same),
        cmocka_unit_test(a_bus_without_devices_has_nothing_to_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
