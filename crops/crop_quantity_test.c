/* Quantities and shares as people write them. */
#include "base/err.h"
#include "crops/crop_parts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_quantities(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum measure_id m;
        int rc;
        int64_t value;
        const char *back;
    } rows[] = {
        {"10 mm", MEASURE_LENGTH, 0, 10000, "10 mm"},
        {"1.2 cm", MEASURE_HEAD_DIAMETER, 0, 12000, "12 mm"},
        {"0.001 mm", MEASURE_LENGTH, 0, 1, "0.001 mm"},
        {"7 um", MEASURE_LENGTH, 0, 7, "0.007 mm"},
        {"0 g", MEASURE_WEIGHT, 0, 0, "0 g"},
        {"450.001 g", MEASURE_WEIGHT, 0, 450001, "450.001 g"},
        {"2 kg", MEASURE_WEIGHT, 0, 2000000, "2000 g"},
        {"3 mg", MEASURE_WEIGHT, 0, 3, "0.003 g"},
        {"-3 g", MEASURE_WEIGHT, 0, -3000, "-3 g"},
        {"10.0001 mm/100mm", MEASURE_BOW, 0, 100001, "10.0001 mm/100mm"},
        {"73000 ppm", MEASURE_BOW, 0, 73000, "7.3 mm/100mm"},
        {"10", MEASURE_LENGTH, ERR_PARSE, 0, NULL},
        {"10mm", MEASURE_LENGTH, ERR_PARSE, 0, NULL},
        {"10  mm", MEASURE_LENGTH, ERR_PARSE, 0, NULL},
        {"mm 10", MEASURE_LENGTH, ERR_PARSE, 0, NULL},
        {"10 mm ", MEASURE_LENGTH, ERR_PARSE, 0, NULL},
        {" 10 mm", MEASURE_LENGTH, ERR_PARSE, 0, NULL},
        {"10 g", MEASURE_LENGTH, ERR_PARSE, 0, NULL},
        {"10 mm", MEASURE_BOW, ERR_PARSE, 0, NULL},
        {"1e3 mm", MEASURE_LENGTH, ERR_PARSE, 0, NULL},
        {"0.0001 mm", MEASURE_LENGTH, ERR_PARSE, 0, NULL},
        {"", MEASURE_LENGTH, ERR_PARSE, 0, NULL},
        {"99999999999999999999 mm", MEASURE_LENGTH, ERR_RANGE, 0, NULL},
        {"123456789012345678901234567890123 mm", MEASURE_LENGTH, ERR_PARSE, 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t v = 0;
        char back[48];
        assert_int_equal(crop_quantity(rows[i].text, rows[i].m, &v), rows[i].rc);
        assert_int_equal(v, rows[i].value);
        if (rows[i].back)
            assert_string_equal(crop_quantity_text(v, rows[i].m, back, sizeof back), rows[i].back);
    }
}

static void test_shares(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        int64_t ppm;
        const char *back;
    } rows[] = {
        {"10 %", 0, 100000, "10 %"},        {"0 %", 0, 0, "0 %"},
        {"100 %", 0, 1000000, "100 %"},     {"2.5 %", 0, 25000, "2.5 %"},
        {"0.0001 %", 0, 1, "0.0001 %"},     {"10", ERR_PARSE, 0, NULL},
        {"10%", ERR_PARSE, 0, NULL},        {"10 ppm", ERR_PARSE, 0, NULL},
        {"100.0001 %", ERR_RANGE, 0, NULL}, {"-1 %", ERR_RANGE, 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ppm = 0;
        char back[32];
        assert_int_equal(crop_share(rows[i].text, &ppm), rows[i].rc);
        assert_int_equal(ppm, rows[i].ppm);
        if (rows[i].back)
            assert_string_equal(crop_share_text(ppm, back, sizeof back), rows[i].back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantities),
        cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
