/* What a run's items and outcomes add up to. Readers of rows only. Where an item ended is what the
 * outcome ring says (MAILBOX): an item that went where its grade was planned to go is of that
 * grade; what the default or an overflow outlet got is rework; an item without an outcome is
 * unknown. What the PLC's own table sorted is of the one grade that its outlet belongs to in the
 * run (run.started: routes), or rework. */
#pragma once
#include "base/db.h"
#include "base/err.h"
#include "traceability/rule.h"
#include <stdbool.h>
#include <stdint.h>

struct run_sum {
    int64_t pieces, mg;
};
struct totals {
    struct run_sum items, unknown, grade[RULE_GRADES_MAX + 1]; /* grade[0]: rework */
    int64_t by_table;        /* items that the PLC's own table sorted */
    struct run_sum unrouted; /* of them, what is rework since its outlet is not that of one grade */
    int64_t no_weight;       /* items without a usable weight, counted with 0 mg */
    int64_t in_flight;       /* of the newest 1024 items, those without an outcome */
    struct run_sum late;     /* items that came after the run had been closed */
};
int totals_run(struct db *db, uint32_t run, struct totals *ret, struct err *e);
/* Of a closed run: what its run.closed told, which stays when its items are pruned one day. */
int totals_told(struct db *db, uint32_t run, struct totals *ret, struct err *e);
int totals_in_flight(struct db *db, uint32_t run, int64_t *ret, struct err *e);

/* The outcome rows of an outlet: outcome id in (from, to], one sum per (run, grade, planned). */
struct box_content {
    struct run_sum good;   /* of the one run and grade that is planned for the outlet */
    struct run_sum other;  /* rework, other grades, other runs */
    uint32_t run, grade;   /* of `good` */
    int64_t unknown;       /* outcomes without an item, and outcomes that are known to be missing */
    uint16_t other_reason; /* outcome reason of one of `other` */
    bool unrouted; /* one of `other` by the PLC's table, at an outlet that is not of one grade */
};
int totals_box(struct db *db, const char *line, uint32_t outlet, int64_t from, int64_t to,
               struct box_content *ret, struct err *e);
/* The line's number, and the id of its newest outcome (its epoch's base << 32 before the first; 0
 * before any epoch). ERR_NOT_FOUND: no such line. */
int totals_newest(struct db *db, const char *line, uint32_t *ret_no, int64_t *ret_id,
                  struct err *e);
