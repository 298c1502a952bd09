/* Buckets hold what they say, in order, to a quarter of an octave; old values fade. */
#include "controller/histogram.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static int64_t alone(int64_t us)
{
    struct histogram h = {0};
    histogram_add(&h, us);
    return histogram_us(&h, 990);
}

static void test_bounds(void **state)
{
    (void)state;
    int64_t before = -1;
    for (int64_t us = 0; us < 200000; us++) {
        int64_t top = alone(us);
        assert_true(top >= us && top >= before && top <= us + us / 4);
        before = top;
    }
    assert_true(alone(INT64_MAX) > 3600000000); /* the last bucket is over an hour */
    assert_int_equal(alone(-5), 0);
}

static void test_quantiles(void **state)
{
    (void)state;
    struct histogram h = {0};
    assert_int_equal(histogram_us(&h, 500), 0);
    for (int i = 0; i < 990; i++)
        histogram_add(&h, 100);
    for (int i = 0; i < 10; i++)
        histogram_add(&h, 5000);
    assert_in_range(histogram_us(&h, 500), 100, 125);
    assert_in_range(histogram_us(&h, 990), 100, 125);
    assert_in_range(histogram_us(&h, 991), 5000, 6250);
    assert_in_range(histogram_us(&h, 1000), 5000, 6250);
}

static void test_fading(void **state)
{
    (void)state;
    struct histogram h = {0};
    for (int i = 0; i < 70000; i++)
        histogram_add(&h, 10);
    for (int i = 0; i < 200000; i++)
        histogram_add(&h, 1000);
    assert_in_range(histogram_us(&h, 200), 1000, 1250);
    assert_true(h.total < 1 << 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_fading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
