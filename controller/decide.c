/* Grade and outlet of one item. Pure; decided once, at the read of its record.
 * way: 6/12 grade to outlet
 *
 * 1. Whatever goes wrong ends in an outlet and a reason, never in no answer.
 * 2. An outlet that is full, blocked or not there is never chosen while another of its grade is free. */
#include "controller/decide.h"
#include <string.h>

static bool bit(uint32_t mask, uint32_t k)
{
    return k >= 1 && k <= 32 && (mask >> (k - 1) & 1);
}

static bool full(const struct plan *p, const struct decide_state *s, uint32_t k)
{
    return p->capacity_mg[k] > 0 && s->fill_mg[k] >= p->capacity_mg[k];
}

void decide_outlet(const struct plan *p, const struct decide_state *s, uint16_t grade, uint32_t blocked,
                   uint16_t n_outlets, uint16_t *ret_outlet, uint16_t *ret_why)
{
    for (int i = 0; grade <= CROP_GRADES_MAX && i < PLAN_CHOICES && p->choices[grade][i]; i++) {
        uint32_t k = p->choices[grade][i];
        if (k > n_outlets || k > OUTLETS_MAX || bit(blocked, k) || full(p, s, k)) /* invariant 2 */
            continue;
        *ret_outlet = (uint16_t)k;
        *ret_why = i == 0 ? WHY_PLANNED : WHY_OVERFLOWED;
        return;
    }
    *ret_outlet = p->outlet_none;
    *ret_why = WHY_ALL_BLOCKED;
}

void decide_item(const struct plan *p, const struct decide_state *s, const struct measures *m,
                 uint32_t blocked, uint16_t n_outlets, struct decision *ret)
{
    *ret = (struct decision){.grade = GRADE_NONE, .why = WHY_NO_RUN, .outlet = p->outlet_none, .outlet_why = WHY_NO_RUN};
    if (!p->rules)
        return;
    grade_of(p->rules, m, &s->tally, &ret->grade, &ret->why);
    if (p->held) {
        ret->outlet_why = WHY_HELD;
    } else if (ret->grade == GRADE_NONE) {
        ret->outlet = p->outlet_bad;
        ret->outlet_why = WHY_PLANNED;
    } else {
        decide_outlet(p, s, ret->grade, blocked, n_outlets, &ret->outlet, &ret->outlet_why);
    }
}

void decide_count(struct decide_state *s, const struct decision *d, const struct measures *m)
{
    tally_add(&s->tally, d->grade, m);
    if (d->outlet <= OUTLETS_MAX && m->quality[MEASURE_WEIGHT] == QUALITY_GOOD)
        s->fill_mg[d->outlet] += m->value[MEASURE_WEIGHT];
}

void decide_start(struct decide_state *s, const struct plan *p)
{
    s->tally = p->tally;
    memcpy(s->fill_mg, p->fill_mg, sizeof(s->fill_mg));
}
