/* Weighings: what a station's interlock accepted, once and as shown, and what it was for. A purpose
 * is a row of purposes.def; its functions stand in the file of its subject. Main thread. */
#pragma once
#include "traceability/command.h"
#include "traceability/event.h"
#include "traceability/scale.h"

#define WEIGHING_ID_SIZE 48 /* "{station}-{placement}" */

/* A reading that passed the common checks; args as they came. */
struct weighing {
    char id[WEIGHING_ID_SIZE], unit[4]; /* unit: GRM for whole grams, else MGM */
    const char *station, *purpose;
    int64_t placement, gross_mg, tare_mg, net_mg;
    struct wall at;
    struct scale_facts scale;
    const json_t *args;
};
/* A stored one, for voiding. */
struct weighing_row {
    char weighing[WEIGHING_ID_SIZE], purpose[12], lot[21], task[21], box[11], grade[17];
    int64_t net_mg, at_ms;
    bool voided;
};
typedef int weighing_check_fn(struct command_context *c, const struct weighing *w, json_t *body,
                              struct err *e);
typedef int weighing_after_fn(struct command_context *c, const struct weighing *w,
                              const json_t *body, json_t *answer, struct err *e);
/* 0: nothing rests on it. `manager`: the voider may void what a worker may not. */
typedef int weighing_void_fn(struct command_context *c, const struct weighing_row *r, bool manager,
                             json_t *body, struct err *e);

#define PURPOSE(name, keys, credits, check, after, apply, may_void, undo)                          \
    weighing_check_fn check;                                                                       \
    weighing_after_fn after;                                                                       \
    event_apply_fn apply;                                                                          \
    weighing_void_fn may_void;                                                                     \
    event_apply_fn undo;
#include "traceability/purposes.def"
#undef PURPOSE

int weighing_get(struct db *db, const char *id, struct weighing_row *ret, struct err *e);
weighing_void_fn *weighing_voider(const char *purpose); /* NULL: no such purpose */
/* ERR_STATE when a lot that is kept in whole grams would get parts of a gram. lot_unit "" fits. */
int weighing_fits(const struct weighing *w, const char *lot, const char *lot_unit, struct err *e);
