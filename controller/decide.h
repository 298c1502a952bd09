/* Measures → grade → outlet. Pure. Grade and outlet are decided once per item. */
#pragma once
#include "controller/plan.h"

/* Running counters of a line under a plan; the line owns it, starts it from the plan's own. */
struct decide_state {
    struct tally tally;
    int64_t fill_mg[OUTLETS_MAX + 1];
};
struct decision {
    uint16_t grade, why, outlet, outlet_why;
};
/* blocked: bit k − 1 for outlet k (from the header). n_outlets bounds the choice. */
void decide_item(const struct plan *p, const struct decide_state *s, const struct measures *m,
                 uint32_t blocked, uint16_t n_outlets, struct decision *ret);
/* Counts an item once it was decided (also one whose slot was adopted, by its adopted outlet). */
void decide_count(struct decide_state *s, const struct decision *d, const struct measures *m);
void decide_start(struct decide_state *s, const struct plan *p);
