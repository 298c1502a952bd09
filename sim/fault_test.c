/* Tests of faults: which requests are hit, what happens to the bytes. */
#include "sim/fault.h"
#include "base/err.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static void every_word_is_known_both_ways(void **state)
{
    (void)state;
    for (int k = 0; k < FAULT_KINDS; k++)
        assert_int_equal(fault_from(fault_word((enum fault_kind)k)), k);
    assert_int_equal(fault_from("gremlin"), -1);
}

static void every_third_and_once(void **state)
{
    (void)state;
    struct faults fs = {0};
    assert_int_equal(fault_arm(&fs, (struct fault){.kind = FAULT_LATE, .every = 3, .ms = 70}), 0);
    assert_int_equal(fault_arm(&fs, (struct fault){.kind = FAULT_UNIT, .times = 1}), 0);
    for (int i = 1; i <= 9; i++) {
        struct fault_hit h = fault_next(&fs);
        assert_int_equal(fault_is(&h, FAULT_LATE), i % 3 == 0);
        assert_int_equal(h.ms, i % 3 == 0 ? 70 : 0);
        assert_int_equal(fault_is(&h, FAULT_UNIT), i == 1);
    }
    assert_int_equal(fs.hits, 4);
    fault_clear(&fs);
    assert_int_equal(fault_next(&fs).mask, 0);
}

static void the_number_of_faults_is_bounded(void **state)
{
    (void)state;
    struct faults fs = {0};
    for (int i = 0; i < FAULTS_MAX; i++)
        assert_int_equal(fault_arm(&fs, (struct fault){.kind = FAULT_FLIP}), 0);
    assert_int_equal(fault_arm(&fs, (struct fault){.kind = FAULT_FLIP}), ERR_TOOBIG);
}

static void each_fault_spoils_its_own_bytes(void **state)
{
    (void)state;
    const uint8_t frame[11] = {0, 1, 0, 0, 0, 5, 1, 3, 2, 0xAB, 0xCD};
    struct dice d = {7};
    for (int k = 0; k < 200; k++) {
        uint8_t f[11];
        struct fault_hit unit = {.mask = 1u << FAULT_UNIT}, tid = {.mask = 1u << FAULT_TID},
                         flip = {.mask = 1u << FAULT_FLIP}, cut = {.mask = 1u << FAULT_TRUNCATE};
        memcpy(f, frame, sizeof f);
        assert_int_equal(fault_spoil(&unit, &d, f, 11, 6, 8), 11);
        assert_true(f[6] != 1 && memcmp(f, frame, 6) == 0 && memcmp(f + 7, frame + 7, 4) == 0);
        memcpy(f, frame, sizeof f);
        fault_spoil(&tid, &d, f, 11, 6, 8);
        assert_true(f[1] != 1 && memcmp(f + 2, frame + 2, 9) == 0);
        memcpy(f, frame, sizeof f);
        fault_spoil(&flip, &d, f, 11, 6, 8);
        int bits = 0;
        for (int i = 0; i < 11; i++)
            bits += __builtin_popcount((unsigned)(f[i] ^ frame[i]));
        assert_int_equal(bits, 1);
        assert_memory_equal(f, frame, 8);
        assert_int_equal(fault_spoil(&cut, &d, f, 11, 6, 8), 6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_is_known_both_ways),
        cmocka_unit_test(every_third_and_once),
        cmocka_unit_test(the_number_of_faults_is_bounded),
        cmocka_unit_test(each_fault_spoils_its_own_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
