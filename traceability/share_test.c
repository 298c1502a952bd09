/* Shares always add up, whatever the weights. */
#include "base/err.h"
#include "base/test_tmp.h"
#include "traceability/share.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

__extension__ typedef __int128 wide;

static void known_splits(void **state)
{
    int64_t r[3];
    (void)state;
    assert_int_equal(share_split(1000000, (int64_t[]){1, 1, 1}, 3, r), 0);
    assert_true(r[0] == 333334 && r[1] == 333333 && r[2] == 333333);
    assert_int_equal(share_split(10, (int64_t[]){0, 0}, 2, r), 0);
    assert_true(r[0] == 10 && r[1] == 0);
    assert_int_equal(share_split(7, (int64_t[]){5, 0, 2}, 3, r), 0);
    assert_true(r[0] == 5 && r[1] == 0 && r[2] == 2);
    assert_int_equal(share_split(7, (int64_t[]){1, -1}, 2, r), ERR_RANGE);
    assert_int_equal(share_split(-1, (int64_t[]){1}, 1, r), ERR_RANGE);
    assert_int_equal(share_split(1, (int64_t[]){1}, 0, r), ERR_RANGE);
    assert_int_equal(share_split(1, (int64_t[]){INT64_MAX, 1}, 2, r), ERR_OVERFLOW);
    assert_int_equal(share_split(INT64_MAX, (int64_t[]){INT64_MAX - 1, 1}, 2, r), 0);
    assert_true(r[0] + r[1] == INT64_MAX);
}

static void parts_add_up(void **state)
{
    uint64_t seed = seed_print("share");
    int64_t w[40], r[40];
    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t n = 1 + seed_next(&seed) % 40;
        int64_t total = (int64_t)(seed_next(&seed) % 3000000000000), sum = 0, all = 0;
        for (size_t i = 0; i < n; i++)
            all += w[i] = (int64_t)(seed_next(&seed) % (seed_next(&seed) % 2 ? 1000000000000 : 7));
        assert_int_equal(share_split(total, w, n, r), 0);
        for (size_t i = 0; i < n; i++) {
            sum += r[i];
            if (all) { /* within one of the exact quotient */
                wide off = (wide)total * w[i] - (wide)r[i] * all;
                assert_true(off < all && off > -all);
            }
        }
        assert_true(sum == total);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_splits),
                                       cmocka_unit_test(parts_add_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
