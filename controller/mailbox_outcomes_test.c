/* Outcomes: order, overrun, what cannot be read (testhost.h). */
#include "controller/testhost.h"

/* Outcomes: overrun and unreadable ones are gaps; items come before their outcomes. */
static void test_outcomes(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 10);
    th_run_ms(t, 100, true);
    while (tp_fire(&t->plc))
        ;
    t->plc.mem[mb_out_addr(TP_B, 16, 4) + MB_OUT_CRC] ^= 1;
    th_run_ms(t, 150, true);
    assert_int_equal(t->rec.out, 3);
    th_run_ms(t, 150, true);
    assert_int_equal(t->rec.out, 10);
    assert_int_equal(t->outcomes, 9);
    assert_int_equal(t->gaps, 1);
    assert_string_equal(t->gap_cause, "outcome-unreadable");
    th_free(t);
}

static void test_outcomes_overrun(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    for (int i = 0; i < 3; i++) {
        th_post(t, 10);
        th_run_ms(t, 60, true);
    }
    while (tp_fire(&t->plc))
        ;
    th_run_ms(t, 200, true);
    assert_int_equal(t->gaps, 1);
    assert_int_equal(t->outcomes, 16);
    assert_int_equal(t->rec.out, 30);
    assert_string_equal(t->gap_cause, "outcomes-overrun");
    th_free(t);
}

/* Seeds 312 and 573 of the simulation: the place holds the next round's outcome, and no header has
 * said so yet. What is lost is lost, but to the ring, not to bad reading. */
static void test_outcome_overwritten_before_the_header_says_so(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 16);
    th_run_ms(t, 100, true);
    while (tp_fire(&t->plc))
        ;
    struct mb_outcome next = {.out_index = 17, .seq = 17, .outlet = 1, .reason = MB_DECIDED};
    mb_outcome_encode(&next, t->plc.epoch, true, t->plc.mem + mb_out_addr(TP_B, 16, 17));
    th_run_ms(t, 400, true);
    assert_int_equal(t->outcomes, 15);
    assert_int_equal(t->gaps, 1);
    assert_string_equal(t->gap_cause, "outcomes-overrun");
    th_free(t);
}

/* Read, but not handed over before another header shows the same epoch. */
static void test_outcome_thrown(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 2);
    th_run_ms(t, 100, true);
    tp_fire(&t->plc);
    while (t->last_want.tag != 6)
        th_step(t);
    th_commit(t);
    assert_int_equal(t->outcomes, 0);
    tp_reboot(&t->plc, true);
    th_run_ms(t, 300, true);
    assert_int_equal(t->outcomes, 0);
    assert_int_equal(t->gaps, 1);
    th_free(t);
}

/* Until `n` outcomes were asked for in one request. */
static void until_outcomes_read(struct th *t, int n)
{
    for (int i = 0; i < 1000; i++)
        if (th_step(t) && t->last_want.tag == 6 && t->last_want.n == n * MB_OUT_WORDS)
            return;
    fail();
}

/* Two bad readings with a dead link between them: it can still be had. */
static void test_outcome_after_outage(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 2);
    th_run_ms(t, 100, true);
    uint16_t *crc = &t->plc.mem[mb_out_addr(TP_B, 16, 1) + MB_OUT_CRC];
    tp_fire(&t->plc);
    *crc ^= 1;
    until_outcomes_read(t, 1);
    t->now = mono_add_ms(t->now, 300);
    until_outcomes_read(t, 1);
    *crc ^= 1;
    th_run_ms(t, 100, true);
    assert_int_equal(t->outcomes, 1);
    assert_int_equal(t->gaps, 0);
    th_free(t);
}

/* Without checks: read for the first time behind others that count already, then a dead link. */
static void test_outcome_first_read_behind_others(void **state)
{
    (void)state;
    struct th *t = th_new(1, 16, false);
    th_run_ms(t, 500, true);
    th_post(t, 4);
    th_run_ms(t, 200, true);
    t->cost_ns = 6000000; /* more than a poll: headers come between */
    tp_fire(&t->plc);
    tp_fire(&t->plc);
    until_outcomes_read(t, 2);
    tp_fire(&t->plc);
    until_outcomes_read(t, 3);
    t->now = mono_add_ms(t->now, 300);
    th_run_ms(t, 200, true);
    assert_int_equal(t->outcomes, 3);
    assert_int_equal(t->gaps, 0);
    th_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_outcomes_overrun),
        cmocka_unit_test(test_outcome_overwritten_before_the_header_says_so),
        cmocka_unit_test(test_outcome_thrown),
        cmocka_unit_test(test_outcome_after_outage),
        cmocka_unit_test(test_outcome_first_read_behind_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
