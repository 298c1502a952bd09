/* Items of a mailbox to measures: each flag, each free word, whatever the vectors of
 * the maps show. */
#include "plc-maps/map.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct map *map_of(const char *path)
{
    struct map *m = NULL;
    struct err e = {0};
    if (map_load(path, &m, &e) < 0)
        fail_msg("%s:%d: %s", e.file, e.line, e.text);
    return m;
}

static struct mb_item good_item(void)
{
    return (struct mb_item){.seq = 7,
                            .flags = MB_VALID | MB_STABLE,
                            .lane = 1,
                            .weight = 184,
                            .decimals = 1,
                            .unit = MB_UNIT_G,
                            .length = 420,
                            .aux1 = 1120,
                            .aux2 = 1};
}

static void test_every_flag(void **state)
{
    (void)state;
    struct map *m = map_of("plc-maps/mailbox-v1.yaml");
    for (unsigned flags = 0; flags < 256; flags++) {
        struct mb_item item = good_item();
        struct measures x;
        item.flags = (uint16_t)flags;
        map_item_measures(m, &item, 2000, &x);
        bool usable = (flags & MB_VALID) && (flags & MB_STABLE) &&
                      !(flags & (MB_OVER | MB_UNDER | MB_NO_WEIGHT | MB_DOUBLE));
        assert_int_equal(x.quality[MEASURE_WEIGHT], usable ? QUALITY_GOOD : QUALITY_BAD);
        assert_int_equal(x.quality[MEASURE_LENGTH], flags & MB_VALID ? QUALITY_GOOD : QUALITY_BAD);
        assert_int_equal(x.defects >> DEFECT_DOUBLE & 1, (flags & MB_DOUBLE) != 0);
        assert_int_equal(x.defects >> DEFECT_BLACK & 1, 1);
        if (usable)
            assert_int_equal(x.value[MEASURE_WEIGHT], 18400);
    }
    map_free(m);
}

static void test_every_unit_and_decimals(void **state)
{
    (void)state;
    static const int64_t unit_mg[] = {0, 1, 1000, 1000000};
    struct map *m = map_of("plc-maps/mailbox-v1.yaml");
    for (unsigned unit = 0; unit < 256; unit++)
        for (unsigned decimals = 0; decimals < 256; decimals++) {
            struct mb_item item = good_item();
            struct measures x;
            item.weight = -1000000;
            item.unit = (uint8_t)unit;
            item.decimals = (uint8_t)decimals;
            map_item_measures(m, &item, 2000, &x);
            bool good = unit >= 1 && unit <= 3 && decimals <= 6;
            assert_int_equal(x.quality[MEASURE_WEIGHT], good ? QUALITY_GOOD : QUALITY_BAD);
            if (!good)
                continue;
            int64_t mg = -1000000 * unit_mg[unit];
            for (unsigned i = 0; i < decimals; i++)
                mg /= 10;
            assert_int_equal(x.value[MEASURE_WEIGHT], mg);
        }
    map_free(m);
}

static void test_what_a_line_can_see(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        uint32_t measures, looked;
    } rows[] = {
        {"plc-maps/mailbox-v1.yaml",
         1u << MEASURE_WEIGHT | 1u << MEASURE_LENGTH | 1u << MEASURE_HEAD_DIAMETER,
         1u << DEFECT_DOUBLE | 1u << DEFECT_BLACK | 1u << DEFECT_MOULD},
        {"plc-maps/mailbox-v1-zucchini.yaml",
         1u << MEASURE_WEIGHT | 1u << MEASURE_LENGTH | 1u << MEASURE_BOW, 1u << DEFECT_DOUBLE},
        {"plc-maps/mailbox-v1-weight.yaml", 1u << MEASURE_WEIGHT | 1u << MEASURE_LENGTH,
         1u << DEFECT_DOUBLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct map *m = map_of(rows[i].path);
        struct mb_item item = good_item();
        struct measures x;
        uint32_t seen = 0;
        map_item_measures(m, &item, 2000, &x);
        for (int k = 0; k < MEASURE_COUNT; k++)
            seen |= x.quality[k] != QUALITY_ABSENT ? 1u << k : 0;
        assert_int_equal(seen, rows[i].measures);
        assert_int_equal(map_measures(m), rows[i].measures);
        assert_int_equal(x.looked, rows[i].looked);
        assert_int_equal(x.defects & ~x.looked, 0);
        map_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_flag),
        cmocka_unit_test(test_every_unit_and_decimals),
        cmocka_unit_test(test_what_a_line_can_see),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
