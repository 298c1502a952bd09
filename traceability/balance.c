/* Mass balance of a run (contract: run_balance in lot.h). Any database handle; changes nothing.
 * in = grades + rework + unknown outcome + trimmings + returned + loss + unexplained. In is what
 * static scales showed at intake; what was not sorted goes back to its lot over a scale (run.back);
 * grades and rework are sums of the line's own readings, and so carry its error. Trimmings and soil
 * count when they are weighed (run.waste). A belt cannot tell a loss from a theft: what is missing
 * stands as unexplained. "late": items that came after the run had been closed. */
#include "base/num.h"
#include "traceability/lot.h"
#include "traceability/run.h"
#include "traceability/step.h"
#include "traceability/totals.h"

static json_t *line_of(int64_t mg, int64_t pieces, int64_t in_mg)
{
    int64_t ppm = 0;
    if (in_mg <= 0 || num_ratio(mg, 1000000, in_mg, &ppm) < 0)
        ppm = 0;
    json_t *o = json_pack("{s:I,s:I}", "mg", (json_int_t)mg, "ppm", (json_int_t)ppm);
    if (pieces >= 0)
        step_set_int(o, "pieces", pieces);
    return o;
}

static json_t *grade_lines(struct db *db, const struct run_row *r, const struct totals *t)
{
    struct stmt *s = db_q(
        db,
        "SELECT o.grade, l.lot, l.grade_code, l.drawn_mg, l.net_mg FROM run_output o JOIN lot l ON "
        "l.lot = o.lot WHERE o.run = ?1 AND o.grade BETWEEN 1 AND ?2 ORDER BY 1");
    json_t *a = json_array();
    q_int(q_int(s, 1, r->run), 2, RULE_GRADES_MAX);
    while (q_step(s) == 1) {
        int64_t g = q_col(s, 0);
        json_t *o = line_of(t->grade[g].mg, t->grade[g].pieces, r->in_mg);
        step_set_text(o, "lot", q_str(s, 1));
        step_set_text(o, "grade", q_str(s, 2));
        step_set_int(o, "packed_mg", q_col(s, 3));
        step_set_int(o, "packed_net_mg", q_col(s, 4));
        json_array_append_new(a, o);
    }
    q_done(s);
    return a;
}

/* Hand-sorted tasks on the run's input lots are no part of it: their crates were drawn before. */
int run_balance(struct db *db, const char *run_id, json_t **ret, struct err *e)
{
    struct run_row r;
    struct totals t;
    struct step_watch since = step_watch(db);
    int rc = run_get(db, run_id, &r, e);
    if (rc == 0)
        rc = r.closed_ms ? totals_told(db, r.run, &t, e) : totals_run(db, r.run, &t, e);
    if (rc)
        return rc;
    int64_t graded = 0, waste, returned;
    if ((rc = run_waste_mg(db, r.id, &waste, e)) < 0 ||
        (rc = run_returned_mg(db, &r, &returned, e)) < 0)
        return rc;
    for (uint32_t g = 1; g <= RULE_GRADES_MAX; g++)
        graded += t.grade[g].mg;
    int64_t unexplained =
        r.in_mg - graded - t.grade[0].mg - t.unknown.mg - t.late.mg - waste - returned;
    json_t *o = json_pack("{s:s,s:I,s:s,s:s,s:I,s:o,s:I}", "id", r.id, "run", (json_int_t)r.run,
                          "line", r.line, "state", r.state, "in_mg", (json_int_t)r.in_mg, "grades",
                          grade_lines(db, &r, &t), "graded_mg", (json_int_t)graded);
    json_t *rest = json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I}", "rework",
        line_of(t.grade[0].mg, t.grade[0].pieces, r.in_mg), "unknown",
        line_of(t.unknown.mg, t.unknown.pieces, r.in_mg), "late",
        line_of(t.late.mg, t.late.pieces, r.in_mg), "trimmings", line_of(waste, -1, r.in_mg),
        "returned", line_of(returned, -1, r.in_mg), "loss", line_of(0, -1, r.in_mg), "unexplained",
        line_of(unexplained, -1, r.in_mg), "items", (json_int_t)t.items.pieces, "no_weight",
        (json_int_t)t.no_weight, "in_flight", (json_int_t)t.in_flight);
    if (o && rest)
        json_object_update(o, rest);
    json_decref(rest);
    return step_told(db, since, 0, o, ret, e);
}
