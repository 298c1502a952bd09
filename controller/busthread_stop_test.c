/* A bus thread whose device never comes to its end, or asks for what it may not: the stop is
 * bounded, and nothing is sent. */
#include "base/test_tmp.h"
#include "controller/busthread.h"
#include <stdatomic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct toy {
    struct mono due;
    _Atomic unsigned asked, denied, other;
};

/* A write every 20 ms, outside of every window, and no end of last words. */
static bool want(void *self, struct mono now, struct want *ret, struct mono *ret_wake)
{
    struct toy *t = self;
    *ret_wake = t->due;
    if (!mono_reached(now, t->due))
        return false;
    t->asked++;
    *ret = (struct want){
        .prio = PRIO_DIVERT, .unit = 1, .fc = 16, .addr = 7, .n = 1, .timeout_ms = 100};
    return true;
}

static void reply(void *self, const struct want *w, const struct reply *r, struct mono now)
{
    struct toy *t = self;
    (void)w;
    t->denied += r->rc == ERR_DENIED;
    t->other += r->rc != ERR_DENIED;
    t->due = mono_add_ms(now, 20);
}

static void goodbye(void *self)
{
    (void)self;
}

static void a_device_without_an_end_does_not_hold_up_the_stop(void **state)
{
    struct toy toy = {.due = {0}};
    struct link_options lo = {.host = "127.0.0.1", .port = 1};
    struct link *l = NULL;
    struct busthread *t = NULL;
    struct err e = {0};
    (void)state;
    struct bus *b = bus_new(&(struct bus_options){.breaker_fails = 3});
    assert_int_equal(bus_add(b, &(struct device){.name = "toy",
                                                 .unit = 1,
                                                 .want = want,
                                                 .reply = reply,
                                                 .goodbye = goodbye,
                                                 .self = &toy}),
                     0);
    assert_int_equal(link_new(&lo, &l, &e), 0);
    assert_int_equal(busthread_start(b, l, "127.0.0.1:1", &t, &e), 0);
    while (toy.asked < 3)
        usleep(1000);
    struct mono began = mono_now();
    busthread_stop(t);
    assert_in_range(mono_since_ms(mono_now(), began), 190, 1000);
    assert_int_equal(toy.other, 0); /* a write outside of the window goes nowhere */
    assert_int_equal(toy.denied, toy.asked);
    busthread_stop(NULL);
    bus_free(b);
    link_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_without_an_end_does_not_hold_up_the_stop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
