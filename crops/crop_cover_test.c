/* Gaps and overlaps, against counting every point of small random domains. SEED=n repeats a run. */
#include "base/num.h"
#include "crops/crop_parts.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SIDE = 6, GRADES = 4 };
static uint64_t seed;

static int64_t next(int64_t below) /* splitmix64 */
{
    uint64_t z = (seed += 0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return (int64_t)((z ^ z >> 31) % (uint64_t)below);
}

/* Splits the square by cuts into boxes that cover it exactly, then perhaps spoils one. */
static struct ruleset random_rules(bool otherwise)
{
    struct ruleset r = {.id = "r", .line = 1, .basis = BASIS_LENGTH, .n_grades = GRADES};
    int64_t x = 1 + next(SIDE - 1), y1 = 1 + next(SIDE - 1), y2 = 1 + next(SIDE - 1);
    const int64_t box[GRADES][4] = {
        {0, x, 0, y1}, {0, x, y1, SIDE}, {x, SIDE, 0, y2}, {x, SIDE, y2, SIDE}};
    for (int m = MEASURE_LENGTH; m <= MEASURE_BOW; m++) {
        r.domain.has[m] = true;
        r.domain.max[m] = SIDE;
    }
    for (size_t i = 0; i < GRADES; i++) {
        struct crop_grade *g = &r.grades[i];
        g->line = (int)i + 2;
        for (int k = 0; k < 2; k++) {
            int m = k ? MEASURE_BOW : MEASURE_LENGTH;
            g->box.has[m] = true;
            g->box.min[m] = box[i][2 * k];
            g->box.max[m] = box[i][2 * k + 1];
        }
    }
    if (next(2)) { /* shift one edge by one, within the domain */
        struct crop_box *b = &r.grades[next(GRADES)].box;
        int m = next(2) ? MEASURE_BOW : MEASURE_LENGTH;
        if (next(2))
            b->max[m] += b->max[m] < SIDE && next(2) ? 1 : b->max[m] - 1 > b->min[m] ? -1 : 0;
        else
            b->min[m] += b->min[m] > 0 && next(2) ? -1 : b->min[m] + 1 < b->max[m] ? 1 : 0;
    }
    if (otherwise) {
        r.grades[GRADES - 1].otherwise = true;
        memset(&r.grades[GRADES - 1].box, 0, sizeof r.grades[0].box);
    }
    return r;
}

static bool inside(const struct crop_grade *g, int64_t x, int64_t y)
{
    const struct crop_box *b = &g->box;
    return !g->otherwise && x >= b->min[MEASURE_LENGTH] && x < b->max[MEASURE_LENGTH] &&
           y >= b->min[MEASURE_BOW] && y < b->max[MEASURE_BOW];
}

/* Every point in exactly one box, or in none where the last grade takes the rest. */
static bool exact(const struct ruleset *r)
{
    bool rest = r->grades[GRADES - 1].otherwise;
    for (int64_t x = 0; x < SIDE; x++)
        for (int64_t y = 0; y < SIDE; y++) {
            int n = 0;
            for (size_t i = 0; i < GRADES; i++)
                n += inside(&r->grades[i], x, y);
            if (n > 1 || (n == 0 && !rest))
                return false;
        }
    return true;
}

static void test_against_counting(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    int64_t start = 20261124;
    unsigned right = 0, wrong = 0;
    struct ydoc *doc = NULL;
    assert_int_equal(given ? num_i64(given, 0, INT64_MAX, &start) : 0, 0);
    assert_int_equal(ydoc_parse("t.yaml", "a: 1\n", 5, &doc, NULL), 0);
    seed = (uint64_t)start;
    printf("seed %" PRId64 "\n", start);
    for (int i = 0; i < 20000; i++) {
        struct ruleset r = random_rules(i % 3 == 0);
        struct confdoc d = {.doc = doc};
        crop_check_cover(&d, &r);
        if ((d.errors == 0) != exact(&r))
            fail_msg("round %d: %u errors, %s", i, d.errors, d.first.text);
        right += d.errors == 0;
        wrong += d.errors > 0;
    }
    assert_true(right > 2000 && wrong > 2000);
    ydoc_free(doc);
}

/* All overlapping pairs once each, and gaps up to a bound. */
static void test_all_are_told(void **state)
{
    (void)state;
    struct ydoc *doc = NULL;
    assert_int_equal(ydoc_parse("t.yaml", "a: 1\n", 5, &doc, NULL), 0);
    struct ruleset r = {.id = "r", .line = 1, .n_grades = 3};
    struct confdoc d = {.doc = doc};
    r.domain.has[MEASURE_LENGTH] = true;
    r.domain.max[MEASURE_LENGTH] = 100;
    for (size_t i = 0; i < 3; i++) {
        r.grades[i].line = (int)i + 10;
        r.grades[i].box.has[MEASURE_LENGTH] = true;
        r.grades[i].box.min[MEASURE_LENGTH] = 10 * (int64_t)i + 10;
        r.grades[i].box.max[MEASURE_LENGTH] = 10 * (int64_t)i + 30;
    }
    crop_check_cover(&d, &r); /* 0…10 missing, 1 and 2, 2 and 3 overlap, 50…100 missing */
    assert_int_equal(d.errors, 4);
    assert_int_equal(d.first.line, 1);
    assert_non_null(strstr(d.first.text, "no grade takes length 0 mm to 0.01 mm"));
    ydoc_free(doc);
}

static void test_too_many_cells(void **state)
{
    (void)state;
    struct ydoc *doc = NULL;
    assert_int_equal(ydoc_parse("t.yaml", "a: 1\n", 5, &doc, NULL), 0);
    static struct ruleset r;
    struct confdoc d = {.doc = doc};
    r.line = 3;
    r.n_grades = CROP_GRADES_MAX;
    for (int m = 0; m < MEASURE_COUNT; m++) {
        r.domain.has[m] = true;
        r.domain.max[m] = 1000;
        for (size_t i = 0; i < CROP_GRADES_MAX; i++) {
            r.grades[i].box.has[m] = true;
            r.grades[i].box.min[m] = 20 * (int64_t)i + 3;
            r.grades[i].box.max[m] = 20 * (int64_t)i + 9;
        }
    }
    crop_check_cover(&d, &r);
    assert_int_equal(d.errors, 1);
    assert_int_equal(d.first.code, ERR_TOOBIG);
    ydoc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_counting),
        cmocka_unit_test(test_all_are_told),
        cmocka_unit_test(test_too_many_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
