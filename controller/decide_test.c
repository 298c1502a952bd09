/* Grade to outlet by a table: overflow, blocked, full, hold, no run, bad quality; and that counters
 * do what the next decision needs. */
#include "controller/decide.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { MM = 1000, G = 1000, BLACK = 1u << DEFECT_BLACK, MOULD = 1u << DEFECT_MOULD };

static struct crop *crop;

static int load(void **state)
{
    struct err e = {0};
    (void)state;
    return crop_load("crops/codonopsis.yaml", &crop, &e);
}

static int unload(void **state)
{
    (void)state;
    crop_free(crop);
    return 0;
}

/* lu: 1 from 10 mm, 2 from 8 mm, 3 from 4 mm, 4 is reject. Outlet 5 is the default, 4 takes bad
 * ones. */
static struct plan plan_of_lu(void)
{
    struct plan p = {.run = 1,
                     .rule = 1,
                     .rules = crop_ruleset(crop, "lu"),
                     .outlet_bad = 4,
                     .outlet_none = 5,
                     .choices = {[1] = {1, 2}, [2] = {2}, [3] = {3, 2, 1}, [4] = {4}}};
    assert_non_null(p.rules);
    p.capacity_mg[2] = 1000 * G;
    return p;
}

static struct measures root(int64_t dia_um, uint32_t defects)
{
    struct measures m = {.defects = defects, .looked = BLACK | MOULD};
    m.value[MEASURE_WEIGHT] = 20 * G;
    m.value[MEASURE_HEAD_DIAMETER] = dia_um;
    m.quality[MEASURE_WEIGHT] = m.quality[MEASURE_HEAD_DIAMETER] = QUALITY_GOOD;
    return m;
}

#define OUT(k) (1u << ((k)-1))
/* clang-format off */
static const struct {
    const char *what;
    int64_t dia_um;
    uint32_t defects, blocked;
    uint16_t n_outlets;
    int64_t fill2;
    bool held, no_run, bad;
    uint16_t grade, outlet, outlet_why;
} table[] = {
    {"first grade", 11 * MM, 0, 0, 5, 0, false, false, false, 1, 1, WHY_PLANNED},
    {"its outlet blocked", 11 * MM, 0, OUT(1), 5, 0, false, false, false, 1, 2, WHY_OVERFLOWED},
    {"overflow full too", 11 * MM, 0, OUT(1), 5, 1000 * G, false, false, false, 1, 5, WHY_ALL_BLOCKED},
    {"overflow nearly full", 11 * MM, 0, OUT(1), 5, 1000 * G - 1, false, false, false, 1, 2, WHY_OVERFLOWED},
    {"second grade, full", 9 * MM, 0, 0, 5, 1000 * G, false, false, false, 2, 5, WHY_ALL_BLOCKED},
    {"third grade, second choice full", 5 * MM, 0, OUT(3), 5, 1000 * G, false, false, false, 3, 1, WHY_OVERFLOWED},
    {"outlet beyond N_OUTLETS", 5 * MM, 0, 0, 2, 0, false, false, false, 3, 2, WHY_OVERFLOWED},
    {"no outlets at all", 5 * MM, 0, 0, 0, 0, false, false, false, 3, 5, WHY_ALL_BLOCKED},
    {"mouldy: reject", 11 * MM, MOULD, 0, 5, 0, false, false, false, 4, 4, WHY_PLANNED},
    {"lot on hold", 11 * MM, 0, 0, 5, 0, true, false, false, 1, 5, WHY_HELD},
    {"bad on hold", 11 * MM, 0, 0, 5, 0, true, false, true, 0, 5, WHY_HELD},
    {"bad quality", 11 * MM, 0, 0, 5, 0, false, false, true, 0, 4, WHY_PLANNED},
    {"fits no grade", 200 * MM, 0, 0, 5, 0, false, false, false, 0, 4, WHY_PLANNED},
    {"no run", 11 * MM, 0, 0, 5, 0, false, true, false, 0, 5, WHY_NO_RUN},
    {"all blocked", 11 * MM, 0, 0xFFFF, 5, 0, false, false, false, 1, 5, WHY_ALL_BLOCKED},
};
/* clang-format on */

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct plan p = plan_of_lu();
        struct decide_state s;
        struct decision d;
        struct measures m = root(table[i].dia_um, table[i].defects);
        decide_start(&s, &p);
        s.fill_mg[2] = table[i].fill2;
        p.held = table[i].held;
        if (table[i].no_run)
            p.rules = NULL;
        if (table[i].bad)
            m.quality[MEASURE_WEIGHT] = QUALITY_BAD;
        decide_item(&p, &s, &m, table[i].blocked, table[i].n_outlets, &d);
        if (d.grade != table[i].grade || d.outlet != table[i].outlet ||
            d.outlet_why != table[i].outlet_why)
            fail_msg("%s: grade %u outlet %u why %u", table[i].what, d.grade, d.outlet,
                     d.outlet_why);
    }
}

/* Whatever is wrong, an item of bad quality never gets a grade's outlet. */
static void test_bad_is_never_good(void **state)
{
    (void)state;
    struct plan p = plan_of_lu();
    struct decide_state s;
    decide_start(&s, &p);
    for (int what = 0; what < 4; what++) {
        struct measures m = root(11 * MM, what == 3 ? 1u << DEFECT_DOUBLE : 0);
        struct decision d;
        if (what < 2)
            m.quality[what ? MEASURE_HEAD_DIAMETER : MEASURE_WEIGHT] = QUALITY_BAD;
        if (what == 2)
            m.quality[MEASURE_HEAD_DIAMETER] = QUALITY_ABSENT;
        decide_item(&p, &s, &m, 0, 5, &d);
        assert_int_equal(d.grade, GRADE_NONE);
        assert_int_equal(d.outlet, 4);
    }
}

/* Capacity and tolerance follow what was counted; counting starts from the record's own sums. */
static void test_counting(void **state)
{
    (void)state;
    struct plan p = plan_of_lu();
    struct decide_state s;
    struct decision d;
    p.fill_mg[2] = 940 * G;
    struct measures good = root(9 * MM, 0), black = root(5 * MM, BLACK);
    p.tally.grade_mg[3] = 1000 * G;
    decide_start(&s, &p);
    for (int i = 0; i < 5; i++) { /* 940, 960, 980, then full at 1000 */
        decide_item(&p, &s, &good, 0, 5, &d);
        assert_int_equal(d.outlet, i < 3 ? 2 : 5);
        decide_count(&s, &d, &good);
    }
    assert_int_equal(s.fill_mg[2], 1000 * G);
    assert_int_equal(s.fill_mg[5], 40 * G);
    int third = 0;
    for (int i = 0; i < 20; i++) { /* grade 3 takes black roots up to a tenth of its weight */
        decide_item(&p, &s, &black, 0, 5, &d);
        third += d.grade == 3;
        decide_count(&s, &d, &black);
    }
    assert_int_equal(third, 5); /* 5 × 20 g of 1100 g; the sixth would be 120 of 1120 */
}

static void a_plan_with_all_its_choices_taken_up_sends_to_the_default(void **state)
{
    (void)state;
    struct plan p = plan_of_lu();
    struct decide_state s;
    struct decision d;
    struct measures m = root(11 * MM, 0);
    memcpy(p.choices[1], (uint8_t[PLAN_CHOICES]){1, 2, 3, 6}, PLAN_CHOICES);
    decide_start(&s, &p);
    decide_item(&p, &s, &m, OUT(1) | OUT(2) | OUT(3), 6, &d);
    assert_int_equal(d.outlet, 6);
    decide_item(&p, &s, &m, OUT(1) | OUT(2) | OUT(3) | OUT(6), 6, &d);
    assert_int_equal(d.outlet, 5);
    assert_int_equal(d.outlet_why, WHY_ALL_BLOCKED);
    memset(p.choices[1], 0, PLAN_CHOICES); /* a grade that has no outlet */
    decide_item(&p, &s, &m, 0, 6, &d);
    assert_int_equal(d.outlet, 4);
}

/* Only a good weight fills a box; an adopted slot may name an outlet that no line has. */
static void what_has_no_weight_or_no_outlet_fills_nothing(void **state)
{
    (void)state;
    static const struct {
        int64_t mg;
        enum quality quality;
        uint16_t outlet;
    } rows[] = {{20 * G, QUALITY_BAD, 1},
                {0, QUALITY_GOOD, 1},
                {-5 * G, QUALITY_GOOD, 1},
                {20 * G, QUALITY_GOOD, OUTLETS_MAX + 1},
                {20 * G, QUALITY_GOOD, 0xFFFF}};
    struct plan p = plan_of_lu();
    struct decide_state s;
    decide_start(&s, &p);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct measures m = root(11 * MM, 0);
        struct decision d = {1, WHY_GRADED, rows[i].outlet, WHY_RECOVERED};
        m.value[MEASURE_WEIGHT] = rows[i].mg;
        m.quality[MEASURE_WEIGHT] = rows[i].quality;
        decide_count(&s, &d, &m);
    }
    for (int k = 0; k <= OUTLETS_MAX; k++)
        assert_int_equal(s.fill_mg[k], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_bad_is_never_good),
        cmocka_unit_test(test_counting),
        cmocka_unit_test(a_plan_with_all_its_choices_taken_up_sends_to_the_default),
        cmocka_unit_test(what_has_no_weight_or_no_outlet_fills_nothing),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
