/* Tests of the farm: bounds, correlation, frequencies, replay. */
#include "sim/farm.h"
#include "plc-maps/mailbox_layout.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

enum { MANY = 20000 };

static void sizes_stay_in_their_bounds(void **state)
{
    (void)state;
    struct dice d = {1};
    for (int n = 0; n < MANY; n++) {
        struct farm_item i;
        farm_item(&d, FARM_CODONOPSIS, &i);
        assert_in_range(i.dia_um, 3000, 16000);
        assert_in_range(i.len_mm, 80, 350);
        assert_int_equal(i.aux1, i.dia_um / 10);
        assert_int_equal(i.weight * 10, i.net_mg);
        if (i.flags == (MB_VALID | MB_STABLE))
            assert_in_range(i.net_mg, 2000, 60000);
        farm_item(&d, FARM_ZUCCHINI, &i);
        assert_in_range(i.len_mm, 100, 320);
        if (i.flags == (MB_VALID | MB_STABLE))
            assert_in_range(i.net_mg, 80000, 600000);
    }
}

static void thick_roots_are_heavy(void **state)
{
    (void)state;
    struct dice d = {2};
    int64_t sum[2] = {0}, n[2] = {0};
    for (int k = 0; k < MANY; k++) {
        struct farm_item i;
        farm_item(&d, FARM_CODONOPSIS, &i);
        if (i.flags != (MB_VALID | MB_STABLE))
            continue;
        int thick = i.dia_um > 9500;
        sum[thick] += i.net_mg;
        n[thick]++;
    }
    assert_true(sum[1] / n[1] > 2 * (sum[0] / n[0]));
}

static void defects_and_specials_are_as_frequent_as_said(void **state)
{
    (void)state;
    struct dice d = {3};
    int black = 0, mouldy = 0, special = 0;
    for (int k = 0; k < MANY; k++) {
        struct farm_item i;
        farm_item(&d, FARM_CODONOPSIS, &i);
        black += i.aux2 & 1;
        mouldy += i.aux2 >> 1 & 1;
        special += i.flags != (MB_VALID | MB_STABLE);
    }
    assert_in_range(black, MANY * 5 / 100, MANY * 7 / 100);
    assert_in_range(mouldy, MANY * 7 / 1000, MANY * 13 / 1000);
    assert_in_range(special, MANY * 15 / 1000, MANY * 25 / 1000);
}

static void a_seed_replays(void **state)
{
    (void)state;
    struct dice a = {4}, b = {4};
    for (int k = 0; k < 1000; k++) {
        struct farm_item i, j;
        memset(&i, 0, sizeof i);
        memset(&j, 0, sizeof j);
        farm_item(&a, FARM_ZUCCHINI, &i);
        farm_item(&b, FARM_ZUCCHINI, &j);
        assert_int_equal(i.net_mg, j.net_mg);
        assert_int_equal(i.aux2, j.aux2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_stay_in_their_bounds),
        cmocka_unit_test(thick_roots_are_heavy),
        cmocka_unit_test(defects_and_specials_are_as_frequent_as_said),
        cmocka_unit_test(a_seed_replays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
