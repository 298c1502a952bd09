/* Measures → grade → outlet. Pure: equal inputs give equal answers, here, in replay and in
 * what-if.
 *
 * 1. Bad quality is never decided as good: no grade, the outlet that the plan names for it.
 * 2. An outlet that is blocked, full or beyond N_OUTLETS is passed over; when none is left the
 *    item goes to the rework of the default outlet.
 * way: 6/12 decide outlet */
#include "controller/decide.h"
#include <string.h>

static bool usable(const struct plan *p, const struct decide_state *s, uint8_t outlet,
                   uint32_t blocked, uint16_t n_outlets)
{
    if (outlet > n_outlets || (blocked >> (outlet - 1) & 1))
        return false;
    return p->capacity_mg[outlet] == 0 || s->fill_mg[outlet] < p->capacity_mg[outlet];
}

/* First outlet of `grade` that is neither blocked nor full. A plan's choices are 1 to
 * OUTLETS_MAX. */
static void decide_outlet(const struct plan *p, const struct decide_state *s, uint16_t grade,
                          uint32_t blocked, uint16_t n_outlets, uint16_t *ret_outlet,
                          uint16_t *ret_why)
{
    *ret_outlet = p->outlet_none;
    *ret_why = WHY_ALL_BLOCKED;
    for (int i = 0; i < PLAN_CHOICES && p->choices[grade][i]; i++) {
        if (!usable(p, s, p->choices[grade][i], blocked, n_outlets))
            continue;
        *ret_outlet = p->choices[grade][i];
        *ret_why = i == 0 ? WHY_PLANNED : WHY_OVERFLOWED;
        return;
    }
}

void decide_item(const struct plan *p, const struct decide_state *s, const struct measures *m,
                 uint32_t blocked, uint16_t n_outlets, struct decision *ret)
{
    *ret = (struct decision){GRADE_NONE, WHY_NO_RUN, p->outlet_none, WHY_NO_RUN};
    if (!p->rules)
        return;
    grade_of(p->rules, m, &s->tally, &ret->grade, &ret->why);
    if (p->held) {
        ret->outlet_why = WHY_HELD;
    } else if (ret->grade == GRADE_NONE || p->choices[ret->grade][0] == 0) {
        ret->outlet = p->outlet_bad; /* invariant 1 */
        ret->outlet_why = WHY_PLANNED;
    } else {
        decide_outlet(p, s, ret->grade, blocked, n_outlets, &ret->outlet, &ret->outlet_why);
    }
}

void decide_count(struct decide_state *s, const struct decision *d, const struct measures *m)
{
    int64_t mg = m->value[MEASURE_WEIGHT];
    tally_add(&s->tally, d->grade, m);
    if (m->quality[MEASURE_WEIGHT] == QUALITY_GOOD && mg > 0 && d->outlet <= OUTLETS_MAX)
        s->fill_mg[d->outlet] += mg;
}

void decide_start(struct decide_state *s, const struct plan *p)
{
    s->tally = p->tally;
    memcpy(s->fill_mg, p->fill_mg, sizeof(s->fill_mg));
}
