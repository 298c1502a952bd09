/* Deadlines: figures that can be checked by hand, and that every cause of delay is counted. */
#include "controller/geometry.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct map_link plc = {
    .max_read = 112, .max_write = 120, .timeout_ms = 200, .turnaround_ms = 10};

static struct geometry tcp_line(void)
{
    return (struct geometry){
        .link = &plc, .poll_ms = 5, .belt_um_per_s = 500000, .distance_um = 150000, .lead_ms = 30};
}

/* TCP: poll 5, five transactions of 10 + 5, one scan of 20 = 100 ms; 150 mm at 0.5 m/s less 30 =
 * 270 ms. */
static void test_tcp(void **state)
{
    (void)state;
    struct geometry g = tcp_line();
    struct err e = {0};
    assert_int_equal(geometry_worst_ms(&g), 100);
    assert_int_equal(geometry_have_ms(&g), 270);
    assert_int_equal(geometry_check(&g, &e), 0);
    g.distance_um = 65000; /* exactly enough */
    assert_int_equal(geometry_check(&g, &e), 0);
    g.distance_um = 64500; /* 1 ms, which is half a millimetre */
    assert_int_equal(geometry_check(&g, &e), ERR_RANGE);
    assert_non_null(strstr(e.text, "1 ms are missing"));
    assert_non_null(strstr(e.text, "1 mm away"));
}

/* RTU at 19200 baud, 11 bits: 573 us a character. Header 8 + 71 bytes read with 33 words = 79,
 * record 45, slot 25, host 49; silence 2 x 2.005 ms and 10 ms of the device each. */
static void test_rtu(void **state)
{
    (void)state;
    struct geometry g = tcp_line();
    g.serial_baud = 19200;
    int64_t ch = 573, each = 2 * 2005 + 10000;
    int64_t us = 5000 + (79 + 49 + 79 + 45 + 25) * ch + 5 * each;
    assert_in_range(geometry_worst_ms(&g), us / 1000 + 20, us / 1000 + 23);
    int64_t at_19200 = geometry_worst_ms(&g);
    g.serial_baud = 9600;
    assert_true(geometry_worst_ms(&g) > at_19200 + 100);
    struct err e = {0};
    assert_int_equal(geometry_check(&g, &e), ERR_RANGE); /* 9600 baud and 15 cm: no */
    g.serial_baud = 115200;
    assert_int_equal(geometry_check(&g, &e), 0);
}

static void test_every_cause(void **state)
{
    (void)state;
    struct geometry g = tcp_line();
    int64_t base = geometry_worst_ms(&g), have = geometry_have_ms(&g);
    struct map_link slow = plc;
    g.poll_ms += 7;
    assert_int_equal(geometry_worst_ms(&g), base + 7);
    slow.turnaround_ms += 10;
    g.link = &slow;
    assert_int_equal(geometry_worst_ms(&g), base + 7 + 50);
    g.neighbour_ms = 600;
    assert_int_equal(geometry_worst_ms(&g), base + 7 + 50 + 600);
    g.lead_ms += 20;
    assert_int_equal(geometry_have_ms(&g), have - 20);
    slow.guard_us = 30000; /* a device that needs more silence than t3.5 */
    g.serial_baud = 115200;
    int64_t with = geometry_worst_ms(&g);
    slow.guard_us = 0;
    assert_true(with > geometry_worst_ms(&g) + 280);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_rtu),
        cmocka_unit_test(test_every_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
