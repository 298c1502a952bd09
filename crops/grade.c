/* One item's measures → its grade and why.  way: 5/12 measures to grade
 * Pure: no clock, no state but the tally that is given, no
 * allocation; any thread, and again in replay and what-if.
 * Invariants: 1. exactly one grade, or GRADE_NONE with a reason; 2. what is not known to be good is
 * not graded; 3. an item only ever moves down from the grade its measures give; 4. the last grade
 * takes every defect that is tolerated anywhere. */
#include "crops/grade.h"
#include "base/num.h"
#include "crops/crop_parts.h"

__extension__ typedef __int128 wide;

/* Why it cannot be graded at all; 0: it can. */
static uint16_t refusal(const struct ruleset *r, const struct measures *m)
{
    if (m->defects & 1u << DEFECT_DOUBLE)
        return WHY_DOUBLE_ITEM;
    if (m->quality[MEASURE_WEIGHT] != QUALITY_GOOD || m->value[MEASURE_WEIGHT] <= 0)
        return WHY_BAD_WEIGHT;
    for (int i = 0; i < MEASURE_COUNT; i++)
        if (r->domain.has[i] && m->quality[i] != QUALITY_GOOD)
            return WHY_BAD_MEASURE;
    return 0;
}

static bool within(const struct crop_box *box, const struct measures *m)
{
    for (int i = 0; i < MEASURE_COUNT; i++)
        if (box->has[i] && (m->value[i] < box->min[i] || m->value[i] >= box->max[i]))
            return false;
    return true;
}

/* The grade that the measures alone give; GRADE_NONE outside the domain. */
static uint16_t by_measures(const struct ruleset *r, const struct measures *m)
{
    if (r->basis == BASIS_MANUAL || !within(&r->domain, m))
        return GRADE_NONE;
    for (size_t i = 0; i < r->n_grades; i++)
        if (r->grades[i].otherwise || within(&r->grades[i].box, m))
            return (uint16_t)(i + 1);
    return GRADE_NONE;
}

/* The lowest grade that one of the item's defects sends it to; GRADE_NONE: none does. */
static uint16_t by_exclusion(const struct ruleset *r, const struct measures *m)
{
    uint16_t lowest = GRADE_NONE;
    for (int i = 0; i < DEFECT_COUNT; i++)
        if (m->defects & 1u << i && r->exclude_to[i] > lowest)
            lowest = r->exclude_to[i];
    return lowest;
}

/* Would the grade's share of this defect hold with the item in it? */
static bool share_holds(int64_t defect_mg, int64_t grade_mg, int64_t item_mg, int64_t share_ppm)
{
    return ((wide)defect_mg + item_mg) * 1000000 <= ((wide)grade_mg + item_mg) * share_ppm;
}

static bool tolerated(const struct ruleset *r, const struct measures *m, const struct tally *t,
                      uint16_t grade)
{
    const struct crop_grade *g = &r->grades[grade - 1];
    for (int i = 0; i < DEFECT_COUNT; i++)
        if (m->defects & 1u << i && g->tolerates[i] &&
            !share_holds(t->defect_mg[grade][i], t->grade_mg[grade], m->value[MEASURE_WEIGHT],
                         g->share_ppm[i]))
            return false;
    return true;
}

/* Has it a defect that this grade takes only up to a share? */
static bool shared(const struct ruleset *r, const struct measures *m, uint16_t grade)
{
    for (int i = 0; i < DEFECT_COUNT; i++)
        if (m->defects & 1u << i && r->grades[grade - 1].tolerates[i])
            return true;
    return false;
}

void grade_of(const struct ruleset *r, const struct measures *m, const struct tally *t,
              uint16_t *ret_grade, uint16_t *ret_why)
{
    uint16_t why = refusal(r, m), grade = why ? GRADE_NONE : by_measures(r, m);
    *ret_grade = grade;
    *ret_why = why ? why : WHY_NO_GRADE;
    if (grade == GRADE_NONE)
        return;
    uint16_t excluded = by_exclusion(r, m), moved = grade;
    while (moved < r->n_grades && !tolerated(r, m, t, moved))
        moved++;
    bool sent = excluded > moved; /* never up: a worse measure keeps its grade */
    *ret_grade = sent ? excluded : moved;
    *ret_why = excluded              ? WHY_EXCLUDED
               : moved > grade       ? WHY_SHARE_FULL
               : shared(r, m, moved) ? WHY_TOLERATED
                                     : WHY_GRADED;
}

void tally_add(struct tally *t, uint16_t grade, const struct measures *m)
{
    int64_t mg = m->value[MEASURE_WEIGHT];
    if (m->quality[MEASURE_WEIGHT] != QUALITY_GOOD || mg <= 0 || grade > CROP_GRADES_MAX ||
        num_add(t->grade_mg[grade], mg, &t->grade_mg[grade]) < 0)
        return;
    for (int i = 0; i < DEFECT_COUNT; i++)
        if (m->defects & 1u << i)
            t->defect_mg[grade][i] += mg; /* never above grade_mg, which did not overflow */
}
