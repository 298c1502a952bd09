/* The window against a model of a broker that cuts, fails and answers late, by random walks. */
#include "mqtt/window.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void never_more_in_flight_than_the_broker_granted(void **state)
{
    struct window w;
    int64_t n, sent = 0;
    (void)state;
    window_init(&w, 4);
    while (window_next(&w, 100, &n)) {
        window_sent(&w);
        sent++;
    }
    assert_int_equal(sent, 4);
    window_init(&w, 1000);
    for (sent = 0; window_next(&w, 100, &n); sent++)
        window_sent(&w);
    assert_int_equal(sent, WINDOW_MAX);
}

static void the_cursor_waits_for_the_gap_to_close(void **state)
{
    struct window w;
    int64_t cursor = 0;
    (void)state;
    window_init(&w, 8);
    for (int i = 0; i < 3; i++)
        window_sent(&w);
    assert_false(window_acked(&w, 2, &cursor));
    assert_false(window_acked(&w, 3, &cursor));
    assert_true(window_acked(&w, 1, &cursor));
    assert_int_equal(cursor, 3);
}

static void after_a_loss_nothing_is_sent_until_all_answers_are_in(void **state)
{
    struct window w;
    int64_t n, cursor;
    (void)state;
    window_init(&w, 8);
    for (int i = 0; i < 4; i++)
        window_sent(&w);
    assert_true(window_acked(&w, 1, &cursor));
    window_lost(&w);
    assert_false(window_next(&w, 100, &n));
    window_failed(&w);
    window_failed(&w);
    assert_false(window_next(&w, 100, &n));
    assert_false(window_acked(&w, 4, &cursor)); /* late, beyond the gap: it will be repeated */
    assert_true(window_next(&w, 100, &n));
    assert_int_equal(n, 2);
}

static void an_event_that_does_not_exist_yet_is_not_sent(void **state)
{
    struct window w;
    int64_t n;
    (void)state;
    window_init(&w, 8);
    assert_false(window_next(&w, 0, &n));
    assert_true(window_next(&w, 1, &n));
}

/* A broker that takes in order what was sent, answers some, loses the connection now and then. */
static void every_event_arrives_in_order_and_cuts_repeat_at_most_one_window(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 2000; round++) {
        struct window w;
        int64_t head = 1 + rand() % 200, n, cursor = 0, flight[WINDOW_MAX], got = 0, repeats = 0,
                cuts = 0;
        size_t in = 0;
        window_init(&w, (uint32_t)(1 + rand() % WINDOW_MAX));
        while (w.cursor < head) {
            int dice = rand() % 10;
            if (dice < 5 && window_next(&w, head, &n)) {
                flight[in++] = n;
                window_sent(&w);
                assert_true(n <= got + 1); /* no hole at the subscriber, ever */
                if (n == got + 1)
                    got = n;
                else
                    repeats++;
            } else if (dice < 9 && in > 0) {
                size_t k = (size_t)rand() % in;
                n = flight[k];
                for (size_t i = k + 1; i < in; i++)
                    flight[i - 1] = flight[i];
                in--;
                if (window_acked(&w, n, &cursor))
                    assert_true(cursor <= got);
            } else if (rand() % 20 == 0) {
                cuts++;
                window_lost(&w);
                while (in > 0) {
                    window_failed(&w);
                    in--;
                }
            }
        }
        assert_int_equal(got, head);
        assert_true(repeats <= cuts * WINDOW_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_more_in_flight_than_the_broker_granted),
        cmocka_unit_test(the_cursor_waits_for_the_gap_to_close),
        cmocka_unit_test(after_a_loss_nothing_is_sent_until_all_answers_are_in),
        cmocka_unit_test(an_event_that_does_not_exist_yet_is_not_sent),
        cmocka_unit_test(every_event_arrives_in_order_and_cuts_repeat_at_most_one_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
