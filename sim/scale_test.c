/* Tests of the simulated indicator: settling, rounding, handshake, refusals, limits. */
#include "sim/scale.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct scale s;
static struct mono now;

static void run(int64_t ms)
{
    for (int64_t t = 0; t < ms; t += 20) {
        now = mono_add_ms(now, 20);
        scale_tick(&s, now);
    }
}

static int fresh(void **state)
{
    (void)state;
    now = (struct mono){1000000000};
    scale_init(&s, 1, 400, now);
    run(40);
    return 0;
}

static uint16_t word(uint32_t addr)
{
    uint16_t w;
    assert_int_equal(scale_read(&s, addr, 1, &w), 0);
    return w;
}

static int32_t grams(uint32_t addr)
{
    return (int32_t)((uint32_t)word(addr) << 16 | word(addr + 1));
}

/* Bit, wait for b14, 0, wait for b14 off; the result is b15. */
static bool command(uint16_t bits)
{
    uint16_t zero = 0;
    assert_int_equal(scale_write(&s, 0, &bits, 1, now), 0);
    assert_false(word(5) & 1 << 14);
    run(60);
    assert_true(word(5) & 1 << 14);
    assert_int_equal(scale_write(&s, 0, &zero, 1, now), 0);
    assert_false(word(5) & 1 << 14);
    return word(5) >> 15;
}

static void a_load_settles_and_is_rounded_to_e(void **state)
{
    (void)state;
    assert_true(word(4) & 1 << 11); /* centre of zero */
    scale_load(&s, 25004900, now);
    bool moved = false;
    for (int i = 0; i < 15; i++) {
        run(20);
        moved |= grams(2) != 25004;
        assert_true(word(4) & 1 << 4);
        assert_int_equal(grams(2) % 2, 0);
    }
    run(200);
    assert_true(moved);
    assert_false(word(4) & 1 << 4);
    assert_int_equal(grams(0), 25004);
    assert_int_equal(grams(2), 25004);
    assert_int_equal(word(5) >> 4 & 7, 3); /* decimals */
    assert_int_equal(word(5) >> 7 & 3, 0); /* kg */
}

static void tare_and_zero_follow_the_handshake(void **state)
{
    (void)state;
    scale_load(&s, 1500000, now);
    run(1000);
    assert_true(command(1 << 0));
    assert_true(word(4) & 1 << 7); /* net */
    assert_int_equal(grams(0), 0);
    assert_int_equal(grams(2), 1500);
    scale_load(&s, 3500000, now);
    run(1000);
    assert_int_equal(grams(0), 2000);
    assert_false(command(1 << 6)); /* 3.5 kg is no zero */
    scale_load(&s, 100000, now);
    run(1000);
    assert_true(command(1 << 6));
    assert_int_equal(grams(2), 0);
}

static void a_tare_while_moving_is_refused(void **state)
{
    (void)state;
    scale_shake(&s, 5000, now);
    run(100);
    assert_false(command(1 << 0));
    assert_int_equal(s.refused, 1);
}

static void overload_underload_and_seal_show(void **state)
{
    (void)state;
    scale_load(&s, 30020000, now);
    run(1000);
    assert_int_equal(word(4) >> 2 & 3, 2);
    scale_load(&s, -200000, now);
    run(1000);
    assert_int_equal(word(4) >> 2 & 3, 1);
    scale_seal(&s, false);
    assert_true(word(4) & 1 << 5);
}

static void a_frozen_scale_shows_the_old_value(void **state)
{
    (void)state;
    scale_load(&s, 5000000, now);
    run(1000);
    scale_freeze(&s, true);
    scale_load(&s, 9000000, now);
    run(1000);
    assert_int_equal(grams(2), 5000);
    assert_false(word(4) & 1 << 4);
    scale_freeze(&s, false);
    run(20);
    assert_int_equal(grams(2), 9000);
}

static void addresses_have_ends_and_two_meanings(void **state)
{
    (void)state;
    uint16_t w[SCALE_REGISTERS] = {0}, tare[2] = {0, 700};
    assert_int_equal(scale_read(&s, 0, SCALE_REGISTERS, w), 0);
    assert_int_equal(scale_read(&s, 1, SCALE_REGISTERS, w), 2);
    assert_int_equal(scale_write(&s, 4, w, 1, now), 2);
    assert_int_equal(scale_write(&s, 2, tare, 2, now), 0); /* read: gross; written: manual tare */
    assert_int_equal(grams(2), 0);
    assert_int_equal(grams(0), -700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_load_settles_and_is_rounded_to_e, fresh),
        cmocka_unit_test_setup(tare_and_zero_follow_the_handshake, fresh),
        cmocka_unit_test_setup(a_tare_while_moving_is_refused, fresh),
        cmocka_unit_test_setup(overload_underload_and_seal_show, fresh),
        cmocka_unit_test_setup(a_frozen_scale_shows_the_old_value, fresh),
        cmocka_unit_test_setup(addresses_have_ends_and_two_meanings, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
