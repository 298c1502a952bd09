/* lot.graded: what buyers are told of a lot when its sorting is done, once per closing. */
#pragma once
#include "base/err.h"
#include <stdint.h>

struct command_context;
struct graded_sums {
    const char *sorted_by;          /* "line" or "hand" */
    int64_t in_mg, out_mg, loss_mg; /* of the run less what went back (run_back.c), or of the
                                       hand-sorted tasks of its source lot */
};
/* Appends lot.graded for the lot as the ledger has it now, and lot.held when it is born on hold. */
int graded_append(struct command_context *c, const char *lot, const struct graded_sums *sums,
                  struct err *e);
