/* Strict numbers and checked arithmetic. */
#include "base/num.h"
#include "base/err.h"
#include "base/test_tmp.h"
#include <inttypes.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

__extension__ typedef __int128 wide;

static void numbers_are_read_to_both_ends(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_int_equal(num_i64("9223372036854775807", INT64_MIN, INT64_MAX, &v), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(num_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &v), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(num_i64("0x7fffFFFFffffFFFF", INT64_MIN, INT64_MAX, &v), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(num_i64("0", 0, 0, &v), 0);
    assert_true(v == 0);
}

static void what_is_not_wholly_a_number_does_not_parse(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    " 1",  "1 ",  "+1",   "--1", "-",    "1.0",  "1e3",
                                      "0x",  "0xg", "0X1", "-0x1", "١",   "1\n",  "0b1",  "1,000",
                                      "abc", "1_0", "\t1", "0x 1", "- 1", "0x-1", "1\xc2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t v = 7;
        assert_int_equal(num_i64(bad[i], INT64_MIN, INT64_MAX, &v), ERR_PARSE);
        assert_true(v == 7);
    }
    assert_int_equal(num_i64(NULL, 0, 1, &(int64_t){0}), ERR_PARSE);
}

static void a_number_out_of_bounds_is_told_from_no_number(void **state)
{
    (void)state;
    static const char *const far[] = {"9223372036854775808",
                                      "-9223372036854775809",
                                      "0x8000000000000000",
                                      "18446744073709551616",
                                      "99999999999999999999999999",
                                      "101",
                                      "-1"};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        int64_t v = 7;
        assert_int_equal(num_i64(far[i], 0, 100, &v), ERR_RANGE);
        assert_true(v == 7);
    }
}

static void unsigned_numbers_hold_32_bits(void **state)
{
    (void)state;
    uint32_t v = 7;
    assert_int_equal(num_u32("4294967295", 0, UINT32_MAX, &v), 0);
    assert_int_equal(v, UINT32_MAX);
    assert_int_equal(num_u32("4294967296", 0, UINT32_MAX, &v), ERR_RANGE);
    assert_int_equal(num_u32("-1", 0, UINT32_MAX, &v), ERR_RANGE);
    assert_int_equal(v, UINT32_MAX);
}

static void arithmetic_refuses_to_wrap(void **state)
{
    (void)state;
    int64_t v = 7;
    assert_int_equal(num_add(INT64_MAX, 1, &v), ERR_OVERFLOW);
    assert_int_equal(num_sub(INT64_MIN, 1, &v), ERR_OVERFLOW);
    assert_int_equal(num_mul(INT64_MAX, 2, &v), ERR_OVERFLOW);
    assert_int_equal(num_mul(INT64_MIN, -1, &v), ERR_OVERFLOW);
    assert_true(v == 7);
    assert_int_equal(num_add(INT64_MAX, -1, &v), 0);
    assert_true(v == INT64_MAX - 1);
}

static void a_ratio_rounds_half_away_from_zero(void **state)
{
    (void)state;
    static const int64_t row[][4] = {{5, 1, 2, 3},   {-5, 1, 2, -3}, {4, 1, 3, 1},   {5, 1, 3, 2},
                                     {-4, 1, 3, -1}, {-5, 1, 3, -2}, {7, -1, 2, -4}, {0, 9, 7, 0},
                                     {1, 1, 2, 1},   {-1, 1, 2, -1}, {1, 49, 100, 0}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int64_t v = 99;
        assert_int_equal(num_ratio(row[i][0], row[i][1], row[i][2], &v), 0);
        assert_true(v == row[i][3]);
    }
}

static void a_ratio_may_pass_through_128_bits(void **state)
{
    (void)state;
    int64_t v = 7;
    assert_int_equal(num_ratio(INT64_MAX, INT64_MAX, INT64_MAX, &v), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(num_ratio(INT64_MIN, INT64_MAX, INT64_MAX, &v), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(num_ratio(INT64_MIN, -1, 1, &v), ERR_OVERFLOW);
    assert_int_equal(num_ratio(INT64_MAX, 3, 2, &v), ERR_OVERFLOW);
    assert_true(v == INT64_MIN);
}

static void a_ratio_is_never_more_than_half_off(void **state)
{
    (void)state;
    uint64_t seed = seed_print(__func__);
    for (int i = 0; i < 50000; i++) {
        int64_t a = (int64_t)seed_next(&seed) >> (seed_next(&seed) % 64);
        int64_t n = (int64_t)seed_next(&seed) >> (seed_next(&seed) % 64);
        int64_t d = (int64_t)(seed_next(&seed) >> 1 >> (seed_next(&seed) % 63)) + 1;
        int64_t v = 0;
        if (d <= 0 || num_ratio(a, n, d, &v))
            continue;
        wide off = ((wide)a * n - (wide)v * d) * 2;
        assert_true(off <= d && off >= -(wide)d);
    }
}

static void decimals_are_scaled_without_floating_point(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned decimals;
        int64_t v;
    } row[] = {{"12.345", 3, 12345}, {"12.3", 3, 12300},
               {"12", 3, 12000},     {"-0.001", 3, -1},
               {"0.1", 1, 1},        {"0", 0, 0},
               {"007.5", 1, 75},     {"-9223372036854775.808", 3, INT64_MIN}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int64_t v = 99;
        assert_int_equal(num_decimal(row[i].text, row[i].decimals, &v), 0);
        assert_true(v == row[i].v);
    }
}

static void other_decimals_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      ".",   "1.",   ".5",   "1.2345", "1..2",
                                      "1.2.3", "+1",  "1,5",  " 1.0", "1.0 ",   "-.5",
                                      "-",     "1e2", "1.-2", "0x1"};
    int64_t v = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(num_decimal(bad[i], 3, &v), ERR_PARSE);
    assert_int_equal(num_decimal("9223372036854775.808", 3, &v), ERR_RANGE);
    assert_int_equal(num_decimal("99999999999999999999", 0, &v), ERR_RANGE);
    assert_int_equal(num_decimal("10000000000000000000", 3, &v), ERR_RANGE);
    assert_true(v == 7);
}

static void fixed_point_shows_sign_and_leading_zeros(void **state)
{
    (void)state;
    char buf[32];
    assert_string_equal(num_fixed(12345, 3, buf, sizeof buf), "12.345");
    assert_string_equal(num_fixed(-5, 3, buf, sizeof buf), "-0.005");
    assert_string_equal(num_fixed(0, 2, buf, sizeof buf), "0.00");
    assert_string_equal(num_fixed(42, 0, buf, sizeof buf), "42");
    assert_string_equal(num_fixed(INT64_MIN, 6, buf, sizeof buf), "-9223372036854.775808");
}

static void text_of_a_number_is_what_printf_writes(void **state)
{
    (void)state;
    uint64_t seed = seed_print(__func__);
    const int64_t edges[] = {0, -1, 9, 10, -10, 99, 100, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < 20000; i++) {
        int64_t v = i < 9 ? edges[i] : (int64_t)seed_next(&seed) >> (seed_next(&seed) % 64);
        char want[32], got[NUM_TEXT];
        size_t n = (size_t)snprintf(want, sizeof want, "%lld", (long long)v);
        assert_int_equal(num_text(v, got), n);
        assert_memory_equal(got, want, n);
    }
}

static void fixed_point_reads_back(void **state)
{
    (void)state;
    uint64_t seed = seed_print(__func__);
    for (int i = 0; i < 20000; i++) {
        int64_t v = (int64_t)seed_next(&seed) >> (seed_next(&seed) % 64), back = 0;
        unsigned decimals = (unsigned)(seed_next(&seed) % 19);
        char buf[32];
        num_fixed(v, decimals, buf, sizeof buf);
        assert_int_equal(num_decimal(buf, decimals, &back), 0);
        assert_true(back == v);
    }
}

static void kilograms_show_whole_grams_or_all_six_places(void **state)
{
    (void)state;
    char buf[24];
    assert_string_equal(num_kg(25004000, buf, sizeof buf), "25.004");
    assert_string_equal(num_kg(0, buf, sizeof buf), "0.000");
    assert_string_equal(num_kg(1000, buf, sizeof buf), "0.001");
    assert_string_equal(num_kg(12500100, buf, sizeof buf), "12.500100");
    assert_string_equal(num_kg(-100, buf, sizeof buf), "-0.000100");
    assert_string_equal(num_kg(INT64_MIN, buf, sizeof buf), "-9223372036854.775808");
}

static void the_square_root_is_the_floor(void **state)
{
    (void)state;
    uint64_t seed = seed_print(__func__);
    assert_true(num_isqrt(0) == 0 && num_isqrt(3) == 1 && num_isqrt(4) == 2);
    assert_true(num_isqrt(UINT64_MAX) == 4294967295u);
    for (int i = 0; i < 20000; i++) {
        uint64_t v = seed_next(&seed) >> (seed_next(&seed) % 64), r = num_isqrt(v);
        assert_true(r * r <= v);
        assert_true(r == 4294967295u || (r + 1) * (r + 1) > v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_to_both_ends),
        cmocka_unit_test(what_is_not_wholly_a_number_does_not_parse),
        cmocka_unit_test(a_number_out_of_bounds_is_told_from_no_number),
        cmocka_unit_test(unsigned_numbers_hold_32_bits),
        cmocka_unit_test(arithmetic_refuses_to_wrap),
        cmocka_unit_test(a_ratio_rounds_half_away_from_zero),
        cmocka_unit_test(a_ratio_may_pass_through_128_bits),
        cmocka_unit_test(a_ratio_is_never_more_than_half_off),
        cmocka_unit_test(decimals_are_scaled_without_floating_point),
        cmocka_unit_test(other_decimals_are_refused),
        cmocka_unit_test(fixed_point_shows_sign_and_leading_zeros),
        cmocka_unit_test(text_of_a_number_is_what_printf_writes),
        cmocka_unit_test(fixed_point_reads_back),
        cmocka_unit_test(kilograms_show_whole_grams_or_all_six_places),
        cmocka_unit_test(the_square_root_is_the_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
