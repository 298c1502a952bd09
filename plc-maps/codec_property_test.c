/* Any value, encoded here by another way than the codec decodes it, reads as itself: bytes are laid
 * out by the letters of the order's name, digits by division. SEED=n repeats a run. */
#include "plc-maps/codec.h"
#include "base/test_tmp.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

enum { ROUNDS = 20000 };
#define FREE .mul = 1, .div = 1, .min = INT64_MIN, .max = INT64_MAX

/* The lowest n bytes of v, in the order of the letters, as words from words[at]. */
static void lay_out(uint64_t v, const char *letters, uint16_t *words, size_t at)
{
    size_t n = strlen(letters);
    for (size_t i = 0; i < n; i++) {
        unsigned byte = (unsigned)(v >> 8 * (n - 1 - (size_t)(letters[i] - 'A'))) & 0xFF;
        words[at + i / 2] = (uint16_t)(i % 2 ? words[at + i / 2] | byte : byte << 8);
    }
}

static const struct {
    int type, order;
    const char *letters;
    int bits;
    bool has_sign;
} integers[] = {
    {TYPE_U16, ORDER_ABCD, "AB", 16, false},
    {TYPE_U16, ORDER_BADC, "BA", 16, false},
    {TYPE_S16, ORDER_ABCD, "AB", 16, true},
    {TYPE_S16, ORDER_BADC, "BA", 16, true},
    {TYPE_U24, ORDER_ABCD, "ABCD", 24, false},
    {TYPE_U24, ORDER_DCBA, "DCBA", 24, false},
    {TYPE_S24, ORDER_CDAB, "CDAB", 24, true},
    {TYPE_S24, ORDER_BADC, "BADC", 24, true},
    {TYPE_U32, ORDER_ABCD, "ABCD", 32, false},
    {TYPE_U32, ORDER_CDAB, "CDAB", 32, false},
    {TYPE_S32, ORDER_BADC, "BADC", 32, true},
    {TYPE_S32, ORDER_DCBA, "DCBA", 32, true},
    {TYPE_U64, ORDER_ABCD, "ABCDEFGH", 63, false},
    {TYPE_U64, ORDER_GHEFCDAB, "GHEFCDAB", 63, false},
    {TYPE_S64, ORDER_ABCDEFGH, "ABCDEFGH", 64, true},
    {TYPE_S64, ORDER_BADCFEHG, "BADCFEHG", 64, true},
    {TYPE_S64, ORDER_HGFEDCBA, "HGFEDCBA", 64, true},
};

/* Of `bits` bits; now and then at an end. */
static int64_t any(uint64_t *dice, int bits, bool has_sign)
{
    uint64_t all = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1, v = seed_next(dice) & all;
    switch (seed_next(dice) % 8) {
    case 0: v = 0; break;
    case 1: v = all; break;
    case 2: v = all / 2; break;
    case 3: v = all / 2 + 1; break;
    default: v >>= seed_next(dice) % (unsigned)bits; break;
    }
    if (has_sign && bits < 64 && v > all / 2)
        return (int64_t)v - (int64_t)all - 1;
    return (int64_t)v;
}

static void test_integers(void **state)
{
    (void)state;
    uint64_t dice = seed_print("codec_property_test");
    for (int i = 0; i < ROUNDS; i++) {
        size_t k = seed_next(&dice) % (sizeof integers / sizeof integers[0]);
        int64_t want = any(&dice, integers[k].bits, integers[k].has_sign), got = 0;
        uint64_t raw = (uint64_t)want;
        if (integers[k].bits == 24) /* the fourth byte is another's */
            raw = (raw & 0xFFFFFF) | seed_next(&dice) << 24;
        uint16_t words[8];
        for (size_t w = 0; w < 8; w++)
            words[w] = (uint16_t)seed_next(&dice);
        int64_t at = (int64_t)(seed_next(&dice) % 4);
        lay_out(raw, integers[k].letters, words, (size_t)at);
        struct map_value v = {.type = integers[k].type, .order = integers[k].order, .at = at, FREE};
        assert_true(codec_number(&v, NULL, words, &got));
        assert_int_equal(got, want);
        v.sentinels[v.n_sentinels++] = want;
        assert_false(codec_number(&v, NULL, words, &got));
    }
}

/* A number cut into slices that lie anywhere in a record, put together again. */
static void test_slices_and_parts(void **state)
{
    (void)state;
    uint64_t dice = seed_print("codec_property_test");
    for (int i = 0; i < ROUNDS; i++) {
        uint16_t words[4];
        for (size_t w = 0; w < 4; w++)
            words[w] = (uint16_t)seed_next(&dice);
        struct map_value v = {.n_parts = 1 + seed_next(&dice) % 4, FREE};
        int bits = 0;
        for (size_t p = 0; p < v.n_parts; p++) { /* each in a word of its own, in any order */
            int64_t width = (int64_t)(1 + seed_next(&dice) % 15);
            v.parts[p] =
                (struct map_slice){.at = (int64_t)((p * 3 + (size_t)i) % 4),
                                   .shift = (int64_t)(seed_next(&dice) % (uint64_t)(17 - width)),
                                   .width = width};
            bits += (int)width;
        }
        bool has_sign = seed_next(&dice) % 2;
        int64_t want = any(&dice, bits, has_sign), got = 0;
        uint64_t left = (uint64_t)want;
        for (size_t p = v.n_parts; p-- > 0; left >>= v.parts[p].width)
            for (int64_t b = 0; b < v.parts[p].width; b++) {
                uint16_t bit = (uint16_t)(1u << (v.parts[p].shift + b));
                uint16_t *w = &words[v.parts[p].at];
                *w = (uint16_t)(left >> b & 1 ? *w | bit : *w & ~bit);
            }
        v.type = has_sign ? TYPE_SPARTS : TYPE_PARTS;
        assert_true(codec_number(&v, NULL, words, &got));
        assert_int_equal(got, want);
        if (v.n_parts == 1) { /* the same as a slice */
            struct map_value s = {.type = has_sign ? TYPE_SBITS : TYPE_BITS,
                                  .at = v.parts[0].at,
                                  .shift = v.parts[0].shift,
                                  .width = v.parts[0].width,
                                  FREE};
            assert_true(codec_number(&s, NULL, words, &got));
            assert_int_equal(got, want);
        }
    }
}

static void test_decimal_digits(void **state)
{
    (void)state;
    uint64_t dice = seed_print("codec_property_test");
    for (int i = 0; i < ROUNDS; i++) {
        bool two = seed_next(&dice) % 2;
        int64_t want = (int64_t)(seed_next(&dice) % (two ? 100000000u : 10000u)), got = 0;
        char digits[12];
        uint64_t raw = 0;
        uint16_t words[3] = {0};
        snprintf(digits, sizeof digits, "%lld", (long long)want);
        for (const char *p = digits; *p; p++)
            raw = raw << 4 | (uint64_t)(*p - '0');
        lay_out(raw, two ? "CDAB" : "BA", words, 0);
        words[2] = (uint16_t)(seed_next(&dice) % 2);
        struct map_slice sign = {.at = 2, .width = 16};
        struct map_value v = {
            .type = two ? TYPE_BCD32 : TYPE_BCD16, .order = two ? ORDER_CDAB : ORDER_BADC, FREE};
        assert_true(codec_number(&v, &sign, words, &got));
        assert_int_equal(got, words[2] ? -want : want);
    }
}

/* n is x × mul / div, to the nearest, halves away from zero. All is exact in 64 bits of mantissa:
 * x has 24 of them and is at least 2^-10, mul below 2^20. */
static void check_nearest(float x, int64_t mul, int64_t div, int64_t n)
{
    long double v = (long double)x * (long double)mul, w = (long double)n * (long double)div;
    long double twice = fabsl(2 * (v - w));
    if (twice > (long double)div || (twice >= (long double)div && fabsl(w) < fabsl(v)))
        fail_msg("%a x %lld / %lld is not %lld", (double)x, (long long)mul, (long long)div,
                 (long long)n);
}

static void test_floats_to_the_nearest(void **state)
{
    (void)state;
    uint64_t dice = seed_print("codec_property_test");
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t exponent = 127 - 10 + (uint32_t)(seed_next(&dice) % 40);
        uint32_t bits = (uint32_t)(seed_next(&dice) & 0x807FFFFF) | exponent << 23;
        if (seed_next(&dice) % 2) /* few bits: so that halves come up */
            bits &= 0xFFF00000;
        int64_t mul = (int64_t)(1 + seed_next(&dice) % 1000000), div, n = 0;
        div = seed_next(&dice) % 2 ? (int64_t)(1 + seed_next(&dice) % 1000000) : 1 << i % 12;
        float x;
        memcpy(&x, &bits, sizeof x);
        assert_true(codec_float(bits, mul, div, &n));
        check_nearest(x, mul, div, n);
    }
}

/* Every pattern of bits is either refused or finite; nothing else decides. */
static void test_every_pattern_of_a_float(void **state)
{
    (void)state;
    uint64_t dice = seed_print("codec_property_test");
    for (int i = 0; i < 10 * ROUNDS; i++) {
        uint32_t bits = (uint32_t)seed_next(&dice);
        float x;
        int64_t n = 0;
        memcpy(&x, &bits, sizeof x);
        int kind = fpclassify(x);
        bool small = fabsf(x) < 0x1p63f, good = codec_float(bits, 1, 1, &n);
        assert_int_equal(good, small && (kind == FP_NORMAL || kind == FP_ZERO));
        if (good && fabsf(x) >= 0x1p24f)
            assert_int_equal(n, (int64_t)x); /* a whole number by itself */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_slices_and_parts),
        cmocka_unit_test(test_decimal_digits),
        cmocka_unit_test(test_floats_to_the_nearest),
        cmocka_unit_test(test_every_pattern_of_a_float),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
