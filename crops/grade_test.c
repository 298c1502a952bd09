/* Grading: the shipped rules at their limits, tolerance shares, refusals, and properties that hold
 * for any measures. SEED=n repeats a run. */
#include "crops/grade.h"
#include "base/num.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

__extension__ typedef __int128 wide;
enum { MM = 1000, G = 1000, KG = 1000000, BLACK = 1u << DEFECT_BLACK, MOULD = 1u << DEFECT_MOULD };

static struct crop *crop_of(const char *path)
{
    struct crop *c = NULL;
    struct err e = {0};
    if (crop_load(path, &c, &e) < 0)
        fail_msg("%s:%d: %s", e.file, e.line, e.text);
    return c;
}

static struct measures all_good(int64_t mg, int64_t dia, int64_t len, int64_t bow, uint32_t defects)
{
    struct measures m = {.defects = defects, .looked = (1u << DEFECT_COUNT) - 1};
    const int64_t v[MEASURE_COUNT] = {[MEASURE_WEIGHT] = mg,
                                      [MEASURE_HEAD_DIAMETER] = dia,
                                      [MEASURE_LENGTH] = len,
                                      [MEASURE_BOW] = bow};
    memcpy(m.value, v, sizeof v);
    memset(m.quality, QUALITY_GOOD, sizeof m.quality);
    return m;
}

struct row {
    const char *crop, *ruleset;
    int64_t mg, dia, len, bow;
    uint32_t defects;
    const char *code;
    uint16_t why;
};

static void test_single_items(void **state)
{
    (void)state;
    static const char cod[] = "crops/codonopsis.yaml", zuc[] = "crops/zucchini.yaml";
    static const struct row rows[] = {
        {cod, "lu", 18 * G, 10 * MM, 0, 0, 0, "1", WHY_GRADED},
        {cod, "lu", 18 * G, 10 * MM - 1, 0, 0, 0, "2", WHY_GRADED},
        {cod, "lu", 18 * G, 8 * MM, 0, 0, 0, "2", WHY_GRADED},
        {cod, "lu", 18 * G, 8 * MM - 1, 0, 0, 0, "3", WHY_GRADED},
        {cod, "lu", 18 * G, 4 * MM, 0, 0, 0, "3", WHY_GRADED},
        {cod, "lu", 18 * G, 4 * MM - 1, 0, 0, 0, "reject", WHY_GRADED},
        {cod, "lu", 18 * G, 0, 0, 0, 0, "reject", WHY_GRADED},
        {cod, "lu", 18 * G, 100 * MM - 1, 0, 0, 0, "1", WHY_GRADED},
        {cod, "lu", 18 * G, 100 * MM, 0, 0, 0, "-", WHY_NO_GRADE},
        {cod, "lu", 18 * G, -1, 0, 0, 0, "-", WHY_NO_GRADE},
        {cod, "lu", 18 * G, 12 * MM, 0, 0, BLACK, "reject",
         WHY_SHARE_FULL}, /* the first of the lot */
        {cod, "lu", 18 * G, 12 * MM, 0, 0, MOULD, "reject", WHY_EXCLUDED},
        {cod, "lu", 18 * G, 12 * MM, 0, 0, 1u << DEFECT_WORM, "reject", WHY_EXCLUDED},
        {cod, "lu", 18 * G, 12 * MM, 0, 0, BLACK | MOULD, "reject", WHY_EXCLUDED},
        {cod, "lu", 18 * G, 12 * MM, 0, 0, 1u << DEFECT_BROKEN, "1", WHY_GRADED}, /* not judged */
        {cod, "lu", 18 * G, 3 * MM, 0, 0, BLACK, "reject", WHY_GRADED},
        {cod, "lu", 18 * G, 12 * MM, 0, 0, 1u << DEFECT_DOUBLE, "-", WHY_DOUBLE_ITEM},
        {cod, "lu", 0, 12 * MM, 0, 0, 0, "-", WHY_BAD_WEIGHT},
        {cod, "lu", -3, 12 * MM, 0, 0, 0, "-", WHY_BAD_WEIGHT},
        {cod, "tiao", 18 * G, 12 * MM, 0, 0, 0, "1", WHY_GRADED},
        {cod, "tiao", 18 * G, 12 * MM - 1, 0, 0, 0, "2", WHY_GRADED},
        {cod, "tiao", 18 * G, 8 * MM - 1, 0, 0, 0, "3", WHY_GRADED},
        {cod, "tiao", 18 * G, 5 * MM - 1, 0, 0, 0, "reject", WHY_GRADED},
        {cod, "lu-weight", 8 * G, 0, 0, 0, 0, "1", WHY_GRADED},
        {cod, "lu-weight", 8 * G - 1, 0, 0, 0, 0, "2", WHY_GRADED},
        {cod, "lu-weight", 4 * G - 1, 0, 0, 0, 0, "3", WHY_GRADED},
        {cod, "lu-weight", 1 * G - 1, 0, 0, 0, 0, "reject", WHY_GRADED},
        {cod, "lu-weight", 500 * G, 0, 0, 0, 0, "-", WHY_NO_GRADE},
        {zuc, "default", 200 * G, 0, 180 * MM, 100000, 0, "I",
         WHY_GRADED}, /* bow of 10 mm: still I */
        {zuc, "default", 200 * G, 0, 180 * MM, 100001, 0, "II", WHY_GRADED},
        {zuc, "default", 200 * G, 0, 180 * MM, 250000, 0, "II", WHY_GRADED}, /* 25 mm: still II */
        {zuc, "default", 200 * G, 0, 180 * MM, 250001, 0, "out", WHY_GRADED},
        {zuc, "default", 50 * G, 0, 70 * MM, 0, 0, "I", WHY_GRADED},
        {zuc, "default", 50 * G - 1, 0, 70 * MM, 0, 0, "out", WHY_GRADED},
        {zuc, "default", 450 * G, 0, 300 * MM, 0, 0, "I", WHY_GRADED},
        {zuc, "default", 450 * G + 1, 0, 300 * MM, 0, 0, "out", WHY_GRADED},
        {zuc, "default", 200 * G, 0, 300 * MM + 1, 0, 0, "out", WHY_GRADED},
        {zuc, "default", 200 * G, 0, 180 * MM, 0, 1u << DEFECT_ROT, "out", WHY_EXCLUDED},
        {zuc, "default", 200 * G, 0, 180 * MM, 0, BLACK, "I", WHY_GRADED},
        {zuc, "default", 3 * KG, 0, 180 * MM, 0, 0, "-", WHY_NO_GRADE},
        {zuc, "sized", 200 * G, 0, 140 * MM, 0, 0, "I-S", WHY_GRADED},
        {zuc, "sized", 200 * G, 0, 140 * MM + 1, 0, 0, "I-M", WHY_GRADED},
        {zuc, "sized", 200 * G, 0, 210 * MM + 1, 0, 0, "I-L", WHY_GRADED},
        {zuc, "sized", 200 * G, 0, 210 * MM, 200000, 0, "II", WHY_GRADED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *w = &rows[i];
        struct crop *c = crop_of(w->crop);
        const struct ruleset *r = crop_ruleset(c, w->ruleset);
        struct measures m = all_good(w->mg, w->dia, w->len, w->bow, w->defects);
        struct tally t = {0};
        uint16_t grade = 99, why = 99;
        grade_of(r, &m, &t, &grade, &why);
        if (strcmp(ruleset_grade_code(r, grade), w->code) != 0 || why != w->why)
            fail_msg("row %zu: %s, %s", i, ruleset_grade_code(r, grade), grade_why_text(why));
        crop_free(c);
    }
}

/* A needed measure that is bad or absent is never decided as good; others do not matter. */
static void test_quality(void **state)
{
    (void)state;
    struct crop *c = crop_of("crops/zucchini.yaml");
    const struct ruleset *r = crop_ruleset(c, "default");
    struct tally t = {0};
    for (int id = 0; id < MEASURE_COUNT; id++)
        for (int q = QUALITY_ABSENT; q <= QUALITY_BAD; q++) {
            struct measures m = all_good(200 * G, 0, 180 * MM, 0, 0);
            uint16_t grade, why;
            m.quality[id] = (uint8_t)q;
            grade_of(r, &m, &t, &grade, &why);
            bool needed = ruleset_needs(r) >> id & 1;
            assert_int_equal(grade == GRADE_NONE, needed);
            assert_int_equal(why, !needed                ? WHY_GRADED
                                  : id == MEASURE_WEIGHT ? WHY_BAD_WEIGHT
                                                         : WHY_BAD_MEASURE);
        }
    crop_free(c);
}

/* 10 % of the third grade's weight may be black: 9 good of 20 g, then one black of
 * 20 g, exactly. */
static void test_share_is_exact(void **state)
{
    (void)state;
    struct crop *c = crop_of("crops/codonopsis.yaml");
    const struct ruleset *r = crop_ruleset(c, "lu");
    struct tally t = {0};
    uint16_t grade, why;
    for (int i = 0; i < 9; i++) {
        struct measures m = all_good(20 * G, 5 * MM, 0, 0, 0);
        grade_of(r, &m, &t, &grade, &why);
        assert_int_equal(grade, 3);
        tally_add(&t, grade, &m);
    }
    struct measures over = all_good(20 * G + 1, 5 * MM, 0, 0, BLACK);
    grade_of(r, &over, &t, &grade, &why);
    assert_int_equal(grade, 4);
    assert_int_equal(why, WHY_SHARE_FULL);
    struct measures just = all_good(20 * G, 5 * MM, 0, 0, BLACK);
    grade_of(r, &just, &t, &grade, &why);
    assert_int_equal(grade, 3);
    assert_int_equal(why, WHY_TOLERATED);
    tally_add(&t, grade, &just);
    assert_int_equal(t.grade_mg[3], 200 * G);
    assert_int_equal(t.defect_mg[3][DEFECT_BLACK], 20 * G);
    struct measures thick = all_good(20 * G, 12 * MM, 0, 0, BLACK); /* 0 % in 1 and 2, full in 3 */
    grade_of(r, &thick, &t, &grade, &why);
    assert_int_equal(grade, 4);
    struct measures grain = all_good(1, 12 * MM, 0, 0, 0);
    for (int i = 0; i < 9; i++)
        tally_add(&t, 3, &grain); /* 9 mg of good roots make room for 1 mg of black ones */
    struct measures speck = all_good(1, 12 * MM, 0, 0, BLACK);
    grade_of(r, &speck, &t, &grade, &why);
    assert_int_equal(grade, 3);
    assert_int_equal(why, WHY_SHARE_FULL); /* moved down from 1 */
    crop_free(c);
}

/* Sums near the end of 64 bits neither wrap nor decide wrongly. */
static void test_large_sums(void **state)
{
    (void)state;
    struct crop *c = crop_of("crops/codonopsis.yaml");
    const struct ruleset *r = crop_ruleset(c, "lu");
    struct tally t = {0};
    uint16_t grade, why;
    t.grade_mg[3] = INT64_MAX - 10;
    t.defect_mg[3][DEFECT_BLACK] = INT64_MAX / 10 - 40 * G;
    struct measures m = all_good(20 * G, 5 * MM, 0, 0, BLACK);
    grade_of(r, &m, &t, &grade, &why);
    assert_int_equal(grade, 3);
    tally_add(&t, 3, &m); /* would overflow: left as it was */
    assert_true(t.grade_mg[3] == INT64_MAX - 10);
    assert_true(t.defect_mg[3][DEFECT_BLACK] == INT64_MAX / 10 - 40 * G);
    t.defect_mg[3][DEFECT_BLACK] = INT64_MAX / 10 + 40 * G;
    grade_of(r, &m, &t, &grade, &why);
    assert_int_equal(grade, 4);
    crop_free(c);
}

static void test_tally_takes_only_good_weights(void **state)
{
    (void)state;
    struct tally t = {0}, zero = {0};
    struct measures m = all_good(5, 0, 0, 0, BLACK);
    m.quality[MEASURE_WEIGHT] = QUALITY_BAD;
    tally_add(&t, 1, &m);
    m = all_good(-5, 0, 0, 0, BLACK);
    tally_add(&t, 1, &m);
    m = all_good(5, 0, 0, 0, BLACK);
    tally_add(&t, CROP_GRADES_MAX + 1, &m);
    assert_memory_equal(&t, &zero, sizeof t);
    tally_add(&t, CROP_GRADES_MAX, &m);
    assert_int_equal(t.grade_mg[CROP_GRADES_MAX], 5);
}

/* ---- properties ---- */

static uint64_t seed;

static uint64_t next(uint64_t below) /* splitmix64 */
{
    uint64_t z = (seed += 0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return (z ^ z >> 31) % below;
}

static struct measures random_measures(void)
{
    struct measures m = all_good((int64_t)next(600 * G), (int64_t)next(20 * MM),
                                 (int64_t)next(400 * MM), (int64_t)next(300000), 0);
    for (int i = 0; i < MEASURE_COUNT; i++)
        if (next(40) == 0)
            m.quality[i] = (uint8_t)next(2);
    for (int i = 0; i < DEFECT_COUNT; i++)
        m.defects |= next(8) == 0 ? 1u << i : 0;
    return m;
}

/* One item: exactly one grade or none with a reason; the same again; never up; irrelevant measures
 * are irrelevant; the last grade's neighbours keep their shares. */
static uint16_t judge(const struct ruleset *r, const struct measures *m, const struct tally *t)
{
    uint16_t grade = 99, why = 0, again = 98, why_again = 0, clean = 97, why_clean = 0;
    struct measures other = *m;
    grade_of(r, m, t, &grade, &why);
    assert_true(grade <= ruleset_grades(r));
    assert_string_not_equal(grade_why_text(why), "unknown reason");
    for (int i = 0; i < MEASURE_COUNT; i++)
        if (!(ruleset_needs(r) >> i & 1)) {
            other.value[i] = (int64_t)next(1000000);
            other.quality[i] = (uint8_t)next(3);
        }
    grade_of(r, &other, t, &again, &why_again);
    assert_int_equal(again, grade);
    assert_int_equal(why_again, why);
    other.defects = 0;
    grade_of(r, &other, t, &clean, &why_clean);
    if (grade != GRADE_NONE)
        assert_true(clean != GRADE_NONE && grade >= clean);
    else
        assert_true(clean == GRADE_NONE || (m->defects & 1u << DEFECT_DOUBLE));
    return grade;
}

static void shares_hold(const struct ruleset *r, const struct tally *t)
{
    static const int64_t black_ppm[] = {0, 0, 0, 100000}; /* of lu and tiao, by grade */
    for (uint16_t g = 1; g < ruleset_grades(r); g++)
        assert_true((wide)t->defect_mg[g][DEFECT_BLACK] * 1000000 <=
                    (wide)t->grade_mg[g] * black_ppm[g]);
    for (uint16_t g = 1; g < ruleset_grades(r); g++)
        assert_true(t->defect_mg[g][DEFECT_MOULD] == 0 && t->defect_mg[g][DEFECT_WORM] == 0);
}

static void test_properties(void **state)
{
    (void)state;
    static const char *const crops[] = {"crops/codonopsis.yaml", "crops/zucchini.yaml"};
    const char *given = getenv("SEED");
    int64_t start = 20261124;
    assert_int_equal(given ? num_i64(given, 0, INT64_MAX, &start) : 0, 0);
    seed = (uint64_t)start;
    printf("seed %" PRId64 "\n", start);
    for (size_t k = 0; k < 2; k++) {
        struct crop *c = crop_of(crops[k]);
        for (size_t i = 0; i < crop_rulesets(c); i++) {
            const struct ruleset *r = crop_ruleset_at(c, i);
            struct tally t = {0};
            uint64_t seen[CROP_GRADES_MAX + 1] = {0};
            for (int n = 0; n < 20000; n++) {
                struct measures m = random_measures();
                uint16_t grade = judge(r, &m, &t);
                tally_add(&t, grade, &m);
                seen[grade]++;
                if (k == 0)
                    shares_hold(r, &t);
            }
            for (uint16_t g = 0; g <= ruleset_grades(r); g++)
                assert_true(seen[g] > 0); /* every grade was reached */
        }
        crop_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_items),
        cmocka_unit_test(test_quality),
        cmocka_unit_test(test_share_is_exact),
        cmocka_unit_test(test_large_sums),
        cmocka_unit_test(test_tally_takes_only_good_weights),
        cmocka_unit_test(test_properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
