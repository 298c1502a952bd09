/* Words to numbers: types, orders, slices, flags, sentinels, signs, scales. */
#include "plc-maps/codec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FREE .mul = 1, .div = 1, .min = INT64_MIN, .max = INT64_MAX

static void test_types_and_orders(void **state)
{
    (void)state;
    static const struct {
        int type, order;
        uint16_t words[4];
        int64_t value;
    } rows[] = {
        {TYPE_U16, ORDER_ABCD, {0x1234, 0}, 0x1234},
        {TYPE_U16, ORDER_BADC, {0x1234, 0}, 0x3412},
        {TYPE_U16, ORDER_ABCD, {0xFFFF, 0}, 65535},
        {TYPE_S16, ORDER_ABCD, {0x7FFF, 0}, 32767},
        {TYPE_S16, ORDER_ABCD, {0x8000, 0}, -32768},
        {TYPE_S16, ORDER_ABCD, {0xFFFF, 0}, -1},
        {TYPE_S16, ORDER_BADC, {0xFEFF, 0}, -2},
        {TYPE_U32, ORDER_ABCD, {0x1234, 0x5678}, 0x12345678},
        {TYPE_U32, ORDER_CDAB, {0x5678, 0x1234}, 0x12345678},
        {TYPE_U32, ORDER_BADC, {0x3412, 0x7856}, 0x12345678},
        {TYPE_U32, ORDER_DCBA, {0x7856, 0x3412}, 0x12345678},
        {TYPE_U32, ORDER_ABCD, {0xFFFF, 0xFFFF}, 4294967295},
        {TYPE_S32, ORDER_ABCD, {0x7FFF, 0xFFFF}, 2147483647},
        {TYPE_S32, ORDER_ABCD, {0x8000, 0x0000}, -2147483648},
        {TYPE_S32, ORDER_ABCD, {0xFFFF, 0xFB1E}, -1250},
        {TYPE_S32, ORDER_CDAB, {0xFB1E, 0xFFFF}, -1250},
        {TYPE_S32, ORDER_BADC, {0xFFFF, 0x1EFB}, -1250},
        {TYPE_S32, ORDER_DCBA, {0x1EFB, 0xFFFF}, -1250},
        {TYPE_U24, ORDER_ABCD, {0xAA12, 0x3456}, 0x123456}, /* the top byte is another's */
        {TYPE_U24, ORDER_CDAB, {0x3456, 0x0012}, 0x123456},
        {TYPE_U24, ORDER_ABCD, {0x00FF, 0xFFFF}, 16777215},
        {TYPE_S24, ORDER_ABCD, {0x007F, 0xFFFF}, 8388607},
        {TYPE_S24, ORDER_ABCD, {0x0080, 0x0000}, -8388608},
        {TYPE_S24, ORDER_DCBA, {0x1EFB, 0xFF00}, -1250},
        {TYPE_U64, ORDER_ABCD, {0x0123, 0x4567, 0x89AB, 0xCDEF}, 0x0123456789ABCDEF},
        {TYPE_U64, ORDER_ABCDEFGH, {0x0123, 0x4567, 0x89AB, 0xCDEF}, 0x0123456789ABCDEF},
        {TYPE_U64, ORDER_GHEFCDAB, {0xCDEF, 0x89AB, 0x4567, 0x0123}, 0x0123456789ABCDEF},
        {TYPE_U64, ORDER_BADCFEHG, {0x2301, 0x6745, 0xAB89, 0xEFCD}, 0x0123456789ABCDEF},
        {TYPE_U64, ORDER_HGFEDCBA, {0xEFCD, 0xAB89, 0x6745, 0x2301}, 0x0123456789ABCDEF},
        {TYPE_U64, ORDER_ABCD, {0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF}, INT64_MAX},
        {TYPE_S64, ORDER_ABCD, {0x8000, 0, 0, 0}, INT64_MIN},
        {TYPE_S64, ORDER_ABCD, {0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}, -1},
        {TYPE_S64, ORDER_HGFEDCBA, {0x1EFB, 0xFFFF, 0xFFFF, 0xFFFF}, -1250},
        {TYPE_BCD16, ORDER_ABCD, {0x9999}, 9999},
        {TYPE_BCD16, ORDER_BADC, {0x3412}, 1234},
        {TYPE_BCD32, ORDER_ABCD, {0x1234, 0x5678}, 12345678},
        {TYPE_BCD32, ORDER_CDAB, {0x5678, 0x1234}, 12345678},
        {TYPE_BCD32, ORDER_ABCD, {0x9999, 0x9999}, 99999999},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct map_value v = {.type = rows[i].type, .order = rows[i].order, .at = 1, FREE};
        uint16_t words[5] = {0xAAAA};
        memcpy(words + 1, rows[i].words, sizeof rows[i].words);
        int64_t n = 0;
        assert_true(codec_number(&v, NULL, words, &n));
        assert_int_equal(n, rows[i].value);
    }
    assert_int_equal(codec_words(TYPE_S32), 2);
    assert_int_equal(codec_words(TYPE_FLAG), 1);
}

static void test_slices(void **state)
{
    (void)state;
    static const struct {
        int64_t shift, width;
        uint16_t word;
        int64_t value;
    } rows[] = {
        {4, 3, 0x0030, 3}, {4, 3, 0xFFFF, 7},  {4, 3, 0xFF8F, 0},       {7, 2, 0x0100, 2},
        {0, 1, 0x0001, 1}, {15, 1, 0x8000, 1}, {0, 16, 0xABCD, 0xABCD}, {8, 8, 0xABCD, 0xAB},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct map_value v = {
            .type = TYPE_BITS, .shift = rows[i].shift, .width = rows[i].width, FREE};
        struct map_slice s = {.shift = rows[i].shift, .width = rows[i].width};
        int64_t n = -1;
        assert_true(codec_number(&v, NULL, &rows[i].word, &n));
        assert_int_equal(n, rows[i].value);
        assert_int_equal(codec_slice(&s, &rows[i].word), rows[i].value);
    }
}

/* What is no number of its type is refused. */
static void test_refused(void **state)
{
    (void)state;
    static const struct {
        int type;
        int64_t shift, width;
        uint16_t words[4];
    } rows[] = {
        {TYPE_BCD16, 0, 0, {0x12A4}},
        {TYPE_BCD16, 0, 0, {0xA000}},
        {TYPE_BCD32, 0, 0, {0x1234, 0x567F}},
        {TYPE_U64, 0, 0, {0x8000, 0, 0, 0}},
        {TYPE_ONE_HOT, 0, 5, {0}},
        {TYPE_ONE_HOT, 0, 5, {0x0003}},
        {TYPE_ONE_HOT, 11, 5, {0x07FF}},
        {TYPE_ONE_HOT, 11, 5, {0x8800}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct map_value v = {
            .type = rows[i].type, .shift = rows[i].shift, .width = rows[i].width, FREE};
        int64_t n = 42;
        assert_false(codec_number(&v, NULL, rows[i].words, &n));
        assert_int_equal(n, 42);
    }
}

static void test_signed_slices_and_one_hot(void **state)
{
    (void)state;
    static const struct {
        int type;
        int64_t shift, width;
        uint16_t word;
        int64_t value;
    } rows[] = {
        {TYPE_SBITS, 8, 8, 0x80FF, -128}, {TYPE_SBITS, 8, 8, 0x7F00, 127},
        {TYPE_SBITS, 0, 8, 0x7FFF, -1},   {TYPE_SBITS, 4, 3, 0x0070, -1},
        {TYPE_SBITS, 4, 3, 0x0030, 3},    {TYPE_SBITS, 0, 16, 0x8000, -32768},
        {TYPE_SBITS, 0, 1, 0x0001, -1},   {TYPE_ONE_HOT, 11, 5, 0x0800, 0},
        {TYPE_ONE_HOT, 11, 5, 0x87FF, 4}, {TYPE_ONE_HOT, 0, 16, 0x8000, 15},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct map_value v = {
            .type = rows[i].type, .shift = rows[i].shift, .width = rows[i].width, FREE};
        int64_t n = 42;
        assert_true(codec_number(&v, NULL, &rows[i].word, &n));
        assert_int_equal(n, rows[i].value);
    }
}

/* A weight of 17 bits, its highest in the status word, as AEPH's; and the same with a sign. */
static void test_parts(void **state)
{
    (void)state;
    const uint16_t words[] = {0x0001, 0x86A0}, low[] = {0xFFFE, 0x86A0};
    struct map_value v = {.type = TYPE_PARTS,
                          .parts = {{.at = 0, .shift = 0, .width = 1}, {.at = 1, .width = 16}},
                          .n_parts = 2,
                          FREE};
    int64_t n = 0;
    assert_int_equal(codec_first(&v), 0);
    assert_int_equal(codec_last(&v), 1);
    assert_int_equal(codec_bits(&v), 17);
    assert_true(codec_number(&v, NULL, words, &n));
    assert_int_equal(n, 100000);
    assert_true(codec_number(&v, NULL, low, &n));
    assert_int_equal(n, 0x86A0);
    v.type = TYPE_SPARTS;
    assert_true(codec_number(&v, NULL, words, &n));
    assert_int_equal(n, 100000 - 131072);
    v.sentinels[v.n_sentinels++] = 0x186A0;
    assert_false(codec_number(&v, NULL, words, &n));
}

static void test_tables_and_masks(void **state)
{
    (void)state;
    const uint16_t two = 2, four = 4, masked = 0xF002, ff = 0xA7FF;
    struct map_value v = {
        .type = TYPE_U16, .table = {.value = {0, 50, 0, 200}, .bad = {[2] = true}, .n = 4}, FREE};
    int64_t n = 0;
    assert_false(codec_number(&v, NULL, &two, &n));
    assert_false(codec_number(&v, NULL, &four, &n));
    v.table.bad[2] = false;
    v.table.value[2] = -7;
    assert_true(codec_number(&v, NULL, &two, &n));
    assert_int_equal(n, -7);
    v.mask = 0x0FFF;
    assert_true(codec_number(&v, NULL, &masked, &n));
    assert_int_equal(n, -7);
    v = (struct map_value){
        .type = TYPE_U16, .mask = 0x0FFF, .sentinels = {0x07FF}, .n_sentinels = 1, FREE};
    assert_false(codec_number(&v, NULL, &ff, &n)); /* after masking */
    assert_true(codec_number(&v, NULL, &masked, &n));
    assert_int_equal(n, 2);
}

/* IEEE 754: 1.0 is 3F800000; the rest from its definition. */
static void test_floats(void **state)
{
    (void)state;
    static const struct {
        uint32_t bits;
        int64_t mul, div;
        bool good;
        int64_t value;
    } rows[] = {
        {0x3F800000, 1, 1, true, 1},
        {0xBF800000, 1000, 1, true, -1000},
        {0x00000000, 1000, 1, true, 0},
        {0x80000000, 1000, 1, true, 0}, /* minus zero */
        {0x3F000000, 1, 1, true, 1},    /* a half, away from zero */
        {0xBF000000, 1, 1, true, -1},
        {0x3EFFFFFF, 1, 1, true, 0},              /* just below */
        {0x42CAFB10, 1000, 1, true, 101490},      /* 101.4903564453125 */
        {0x41200000, 1, 4, true, 3},              /* 2.5 */
        {0x41459581, 1000000, 1, true, 12349000}, /* 12.3490000 to its last place */
        {0x4B7FFFFF, 1, 1, true, 16777215},
        {0x4B800000, 1, 1, true, 16777216},
        {0x5EFFFFFF, 1, 1, true, 9223371487098961920},
        {0x5F000000, 1, 1, false, 0}, /* 2^63 */
        {0xDF000000, 1, 2, true, -4611686018427387904},
        {0x7F7FFFFF, 1, 1, false, 0}, /* the greatest single */
        {0x7F800000, 1, 1, false, 0}, /* infinity */
        {0xFF800000, 1, 1, false, 0},
        {0x7FC00000, 1, 1, false, 0}, /* NaN */
        {0x7F800001, 1, 1, false, 0},
        {0x00800000, 1000000, 1, true, 0},  /* the least normal */
        {0x007FFFFF, 1000000, 1, false, 0}, /* denormal: no measure */
        {0x00000001, 1, 1, false, 0},
        {0x80000001, 1, 1, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t n = 42;
        if (codec_float(rows[i].bits, rows[i].mul, rows[i].div, &n) != rows[i].good)
            fail_msg("%08X: %s", rows[i].bits, rows[i].good ? "refused" : "accepted");
        if (n != (rows[i].good ? rows[i].value : 42))
            fail_msg("%08X x %lld / %lld reads %lld", rows[i].bits, (long long)rows[i].mul,
                     (long long)rows[i].div, (long long)n);
    }
}

static void test_flags(void **state)
{
    (void)state;
    static const struct {
        int64_t mask, equals[2];
        size_t n_equals;
        bool invert;
        uint16_t word;
        bool value;
    } rows[] = {
        {0x0010, {0}, 0, false, 0x0010, true},      {0x0010, {0}, 0, false, 0xFFEF, false},
        {0x0010, {0}, 0, true, 0x0010, false},      {0x0010, {0}, 0, true, 0x0000, true},
        {0x0003, {0}, 0, false, 0x0002, true}, /* any of several bits */
        {0x000C, {8, 12}, 2, false, 0x0008, true},  {0x000C, {8, 12}, 2, false, 0xFFFF, true},
        {0x000C, {8, 12}, 2, false, 0x0004, false}, {0x000C, {8, 12}, 2, true, 0x0004, true},
        {0xFFFF, {0}, 1, false, 0x0000, true}, /* equals nothing but 0 */
        {0xFFFF, {0}, 1, false, 0x0001, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct map_value v = {.type = TYPE_FLAG,
                              .mask = rows[i].mask,
                              .equals = {rows[i].equals[0], rows[i].equals[1]},
                              .n_equals = rows[i].n_equals,
                              .invert = rows[i].invert,
                              FREE};
        assert_int_equal(codec_flag(&v, &rows[i].word), rows[i].value);
    }
}

static void test_sentinels_and_signs(void **state)
{
    (void)state;
    const uint16_t ofl[] = {0x7F4F, 0x464C}, minus_one[] = {0xFFFF},
                   magnitude[] = {0x0001, 0x86A0, 0x80};
    struct map_value s32 = {
        .type = TYPE_S32, .sentinels = {0x7F455252, 0x7F4F464C}, .n_sentinels = 2, FREE};
    struct map_value s16 = {.type = TYPE_S16, .sentinels = {-1}, .n_sentinels = 1, FREE};
    struct map_value u32 = {.type = TYPE_U32, FREE};
    struct map_slice sign = {.at = 2, .shift = 7, .width = 1};
    int64_t n = 0;
    assert_false(codec_number(&s32, NULL, ofl, &n));
    assert_false(codec_number(&s16, NULL, minus_one, &n));
    assert_true(codec_number(&u32, &sign, magnitude, &n));
    assert_int_equal(n, -100000);
    sign.shift = 8;
    assert_true(codec_number(&u32, &sign, magnitude, &n));
    assert_int_equal(n, 100000);
}

static void test_scale(void **state)
{
    (void)state;
    struct map_value v = {FREE};
    int64_t n = 0;
    assert_true(codec_scale(&v, 12345, 1000000, 1000, true, &n));
    assert_int_equal(n, 12345000);
    assert_false(codec_scale(&v, 12345, 1000, 10000, true, &n)); /* half a milligram */
    assert_true(codec_scale(&v, 5, 1, 2, false, &n));
    assert_int_equal(n, 3); /* half away from zero */
    assert_true(codec_scale(&v, -5, 1, 2, false, &n));
    assert_int_equal(n, -3);
    assert_false(codec_scale(&v, INT64_MAX / 2, 3, 1, false, &n));
    v.min = 0;
    v.max = 10;
    assert_true(codec_scale(&v, 10, 1, 1, false, &n));
    assert_false(codec_scale(&v, 11, 1, 1, false, &n));
    assert_false(codec_scale(&v, -1, 1, 1, false, &n));
}

/* A record like Felltec's: low word first, decimals and unit as whole registers of the frame. */
static const char felltec_like[] =
    "map: f\nversion: 1.0.0\nkind: registers\ntitle: t\nsource: s\nconfidence: B\n"
    "link: {fc: [3], max_read: 60, timeout_ms: 100, turnaround_ms: 10}\n"
    "records:\n"
    "  - name: frame\n    addr: 0\n    words: 15\n    source: s\n    confidence: B\n"
    "    weight: {decimals: {at: 3}, unit: {at: 14}, units: [kg, g, t], bad_when: [scale.over]}\n"
    "    fields:\n"
    "      - {role: scale.net, at: 0, type: s32, order: CDAB, sentinels: [0x7FFFFFFF]}\n"
    "      - {role: scale.tare, at: 6, type: u32, order: CDAB, sign: {at: 2, shift: 9, width: 1}}\n"
    "      - {role: scale.over, at: 2, type: flag, mask: 0x0008}\n"
    "      - {role: scale.decimals, at: 3, type: u16, max: 4}\n"
    "vectors:\n"
    "  - name: v\n    origin: constructed\n    frames: [{addr: 0, words: [10, 0, 0, 1]}]\n"
    "    expect: {scale.net: 1000000, scale.tare: 0, scale.decimals: 1}\n";

static void test_weights_of_one_frame(void **state)
{
    (void)state;
    struct map *m = NULL;
    struct err e = {0};
    struct reading r;
    if (map_parse("f.yaml", felltec_like, strlen(felltec_like), &m, &e) < 0)
        fail_msg("%s:%d: %s", e.file, e.line, e.text);
    uint16_t w[15] = {0xFB1E, 0xFFFF, 0x0200, 2, 0, 0, 500, 0};
    w[14] = 1;
    map_decode(m, w, &r);
    assert_int_equal(r.quality[ROLE_SCALE_NET], QUALITY_GOOD);
    assert_int_equal(r.value[ROLE_SCALE_NET], -12500); /* -12.50 g */
    assert_int_equal(r.value[ROLE_SCALE_TARE], -5000);
    assert_int_equal(r.quality[ROLE_SCALE_GROSS], QUALITY_ABSENT);
    w[14] = 3; /* no such unit */
    map_decode(m, w, &r);
    assert_int_equal(r.quality[ROLE_SCALE_NET], QUALITY_BAD);
    assert_int_equal(r.value[ROLE_SCALE_NET], 0);
    assert_int_equal(r.quality[ROLE_SCALE_DECIMALS], QUALITY_GOOD);
    w[14] = 2; /* tonnes */
    map_decode(m, w, &r);
    assert_int_equal(r.value[ROLE_SCALE_NET], -12500000000);
    w[3] = 5;
    map_decode(m, w, &r);
    assert_int_equal(r.quality[ROLE_SCALE_DECIMALS], QUALITY_BAD); /* beyond its max */
    assert_int_equal(r.value[ROLE_SCALE_NET], -12500000);
    w[2] = 0x0008;
    map_decode(m, w, &r);
    assert_int_equal(r.value[ROLE_SCALE_OVER], 1);
    assert_int_equal(r.quality[ROLE_SCALE_NET], QUALITY_BAD);
    assert_int_equal(r.quality[ROLE_SCALE_TARE], QUALITY_BAD);
    map_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_and_orders),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_signed_slices_and_one_hot),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_tables_and_masks),
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_sentinels_and_signs),
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_weights_of_one_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
