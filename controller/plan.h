/* The outlet plan of a line for one run: built by the main thread, immutable while a line uses it,
 * handed over by pointer and given back by NEWS_PLAN_EFFECTIVE of its successor. */
#pragma once
#include "crops/grade.h"
#include <stdbool.h>

#define OUTLETS_MAX  16
#define PLAN_CHOICES 4

struct plan {
    uint32_t run, rule;          /* numbers of the record; 0 and 0: no run is open */
    const struct ruleset *rules; /* NULL: no run; every item goes to outlet_none */
    uint8_t choices[CROP_GRADES_MAX + 1][PLAN_CHOICES]; /* outlets in overflow order; 0 ends */
    uint8_t outlet_bad;                                 /* bad quality, not graded */
    uint8_t outlet_none; /* no run, lot on hold, all choices full or blocked: the default outlet */
    bool held;           /* a lot of the run is on hold: everything to outlet_none */
    int64_t capacity_mg[OUTLETS_MAX + 1]; /* 0: no limit */
    /* Counters as of the committed record, loaded before the first decision (DESIGN 3.1). */
    struct tally tally;
    int64_t fill_mg[OUTLETS_MAX + 1];
};
