/* What a sorting line must know of its open run before its first decision: which rules, which run
 * number, whether a lot of it is on hold, and the sums of what is committed. Any
 * database handle. */
#pragma once
#include "base/db.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct run_state {
    uint32_t run, rule;
    char id[24], crop[33], ruleset[33], sha256[65];
    bool held; /* an input lot, or one it came from, is on hold or recalled */
};
/* The run that governs `line` (its name). ERR_NOT_FOUND: none is open. */
int run_state_of(struct db *db, const char *line, struct run_state *ret, struct err *e);
/* Committed items of a run by grade and defects; cb per group. */
int run_state_sums(struct db *db, uint32_t run,
                   void (*cb)(void *ctx, uint16_t grade, uint32_t defects, int64_t net_mg),
                   void *ctx, struct err *e);
/* Weight decided for each outlet since the box that stands there was opened; cb per outlet. */
int run_state_fill(struct db *db, const char *line,
                   void (*cb)(void *ctx, int64_t outlet, int64_t net_mg), void *ctx, struct err *e);
