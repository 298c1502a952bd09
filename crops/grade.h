/* Measures → grade and why. Pure: equal inputs give equal answers, here, in replay
 * and in what-if. */
#pragma once
#include "crops/crop.h"

/* Running sums of one run, for lot-level tolerance shares (by weight). Plain value, zeroed at the
 * start of a run and rebuilt from committed items after a restart. */
struct tally {
    int64_t grade_mg[CROP_GRADES_MAX + 1];
    int64_t defect_mg[CROP_GRADES_MAX + 1][DEFECT_COUNT]; /* of that, with the defect */
};

/* 0 always writes both outputs. An item whose needed measure is BAD or ABSENT gives GRADE_NONE. */
void grade_of(const struct ruleset *r, const struct measures *m, const struct tally *t,
              uint16_t *ret_grade, uint16_t *ret_why);
/* Adds a graded item to the tally. */
void tally_add(struct tally *t, uint16_t grade, const struct measures *m);
