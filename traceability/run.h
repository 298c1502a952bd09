/* Sort runs on a line: started over lots, stopped, closed with their sums. Main thread.
 * The line's own view of its open run: run_state.h. */
#pragma once
#include "base/clock.h"
#include "base/db.h"
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct store;
struct command_context;

struct run_row {
    uint32_t run, rule;
    char id[21], line[25], product[33], rework[21], state[12];
    int64_t in_mg, started_ms, stopped_ms, closed_ms; /* 0: not yet */
    int64_t unknown_mg, unknown_pieces;
};
/* By id ("R261124-A0018") or by number as text ("7"). ERR_NOT_FOUND says what to compare. */
int run_get(struct db *db, const char *id, struct run_row *ret, struct err *e);
int run_of_args(struct db *db, const json_t *args, struct run_row *ret,
                struct err *e); /* its "run" */
int run_get_no(struct db *db, uint32_t run, struct run_row *ret, struct err *e);
int run_grade_lot(struct db *db, uint32_t run, uint32_t grade, char ret_lot[21], struct err *e);

/* What a run was fed with, in order of lot numbers; `part` is for who splits by it. */
#define RUN_INPUTS_MAX 200
struct run_inputs {
    size_t n;
    char lot[RUN_INPUTS_MAX][21];
    int64_t mg[RUN_INPUTS_MAX], part[RUN_INPUTS_MAX], sum;
};
int run_inputs(struct db *db, int64_t run, struct run_inputs *ret);

/* What was weighed off a run's line as trimmings and soil (waste.c), and what of its inputs was
 * weighed back to their lots (run_back.c). */
int run_waste_mg(struct db *db, const char *id, int64_t *ret, struct err *e);
int run_returned_mg(struct db *db, const struct run_row *r, int64_t *ret, struct err *e);
/* After a void of such a return: tells buyers the balance of a closed run again. */
int run_back_tell(struct command_context *c, const char *run, struct err *e);

/* Closes the runs that were stopped and whose items have all come to an end, or that wait for an
 * outcome longer than a minute of this process (those items stand as unknown). Inside the open
 * transaction, about once a second. */
int run_settle(struct store *s, struct mono now, struct err *e);
