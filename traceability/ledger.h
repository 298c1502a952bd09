/* The ledger of lots: rows, masses, draws, genealogy and shares. Handlers read it; only apply
 * functions write it. Main thread of lotlined (readers: any database handle). */
#pragma once
#include "traceability/event.h"
#include "traceability/ident.h"
#include <stdbool.h>

struct ledger_lot {
    char lot[IDENT_LOT_SIZE], kind[8], state[8], product[33], farmer[24], source[IDENT_LOT_SIZE];
    char grade_code[17], unit[4]; /* unit "" before the first weighing */
    uint32_t run, rule, grade;
    int64_t mg, drawn_mg;
    bool recalled, graded; /* graded: a lot.graded event tells of it */
};
int64_t ledger_on_hand(const struct ledger_lot *l);
int ledger_get(struct db *db, const char *lot, struct ledger_lot *ret,
               struct err *e); /* "no lot X" */
/* 0, or ERR_STATE with reason and way out when the lot or any lot it came from is on hold or
 * recalled. */
int ledger_free_to_use(struct db *db, const char *lot, struct err *e);

/* Apply functions only. `l` gives lot, kind, state, product, and what else is known. */
int ledger_open(struct db *db, const struct event *ev, const struct ledger_lot *l);
int ledger_add(struct db *db, const char *lot, int64_t mg,
               const char *unit); /* unit: if none yet */
int ledger_draw(struct db *db, const char *lot, int64_t mg);
int ledger_state(struct db *db, const char *lot, const char *state, struct wall at);
int ledger_edge(struct db *db, const char *src, const char *dst, const char *via, int64_t mg,
                int64_t seq); /* adds to an edge that stands already */
int ledger_note(struct db *db, const char *lot, int64_t seq); /* the event concerns the lot */
int ledger_share_one(struct db *db, const char *lot, const char *farmer);
int ledger_share_copy(struct db *db, const char *lot, const char *source);
/* Shares of every output of a run, from its inputs by mass. */
int ledger_share_run(struct db *db, uint32_t run, const char *lot);
