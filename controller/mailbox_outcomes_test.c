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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_outcomes_overrun),
        cmocka_unit_test(test_outcome_thrown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
