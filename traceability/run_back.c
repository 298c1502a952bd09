/* What a run left unsorted goes back to its lot, weighed by a person (purpose run.back), before the
 * run is stopped or after. Main thread.
 *
 * 1. in = graded + rework + unknown + waste + returned + loss: no more goes back than is left, but
 * for the tolerance of readings; never more than the lot gave.
 * 2. run.in_mg is what was drawn when the run began and stays; run_input is less by what came back,
 *    and shares and edges of the run's lots follow it. Lots that were made of those already keep
 *    what they were told.
 * 3. Of a closed run buyers have a balance: lot.graded tells it again. */
#include "base/num.h"
#include "traceability/graded.h"
#include "traceability/ledger.h"
#include "traceability/run.h"
#include "traceability/share.h"
#include "traceability/step.h"
#include "traceability/totals.h"
#include "traceability/weighing.h"
#include <string.h>

static int one_sum(struct db *db, struct stmt *s, int64_t *ret, struct err *e)
{
    int rc = q_one(s);
    if (rc < 0)
        return err_set(e, rc, "the run's masses cannot be read: %s", db_message(db));
    *ret = q_col(s, 0);
    q_done(s);
    return 0;
}

int run_returned_mg(struct db *db, const struct run_row *r, int64_t *ret, struct err *e)
{
    int64_t rest = 0;
    struct stmt *s = db_q(db, "SELECT coalesce(sum(mg), 0) FROM run_input WHERE run = ?1");
    int rc = one_sum(db, q_int(s, 1, r->run), &rest, e);
    if (rc == 0)
        *ret = r->in_mg - rest;
    return rc;
}

/* Invariant 1: what neither a reading of the line nor a scale has accounted for yet. */
static int left_of(struct db *db, const struct run_row *r, int64_t *ret, struct err *e)
{
    struct totals t;
    int64_t returned = 0, waste = 0;
    int rc = r->closed_ms ? totals_told(db, r->run, &t, e) : totals_run(db, r->run, &t, e);
    if (rc < 0 || (rc = run_returned_mg(db, r, &returned, e)) < 0 ||
        (rc = run_waste_mg(db, r->id, &waste, e)) < 0)
        return rc;
    *ret = r->in_mg - returned - waste - t.items.mg - t.late.mg;
    return 0;
}

static int input_mg(struct db *db, const struct run_row *r, const char *lot, int64_t *ret,
                    struct err *e)
{
    struct stmt *s = db_q(db, "SELECT mg FROM run_input WHERE run = ?1 AND lot = ?2");
    int rc = q_one(q_text(q_int(s, 1, r->run), 2, lot));
    if (rc < 0)
        return err_set(e, rc == ERR_NOT_FOUND ? ERR_STATE : rc,
                       "lot %s did not go into run %s: what is left goes back where it came from",
                       lot, r->id);
    *ret = q_col(s, 0);
    q_done(s);
    return 0;
}

int run_back_check(struct command_context *c, const struct weighing *w, json_t *body, struct err *e)
{
    struct db *db = store_db(c->store);
    const char *lot;
    char kg[24];
    int64_t gave = 0, left = 0;
    struct run_row r;
    struct ledger_lot l;
    int rc = run_of_args(db, w->args, &r, e);
    if (rc < 0 || (rc = step_required(w->args, "lot", 20, &lot, e)) < 0 ||
        (rc = ledger_get(db, lot, &l, e)) < 0 || (rc = input_mg(db, &r, lot, &gave, e)) < 0 ||
        (rc = weighing_fits(w, lot, l.unit, e)) < 0 || (rc = left_of(db, &r, &left, e)) < 0)
        return rc;
    if (gave == 0 || w->net_mg > gave + 2 * w->scale.e_mg)
        return err_set(e, ERR_STATE, "only %s kg of lot %s are in run %s: check lot and run",
                       num_kg(gave, kg, sizeof kg), lot, r.id);
    if (w->net_mg > left + r.in_mg / 50 + 2 * w->scale.e_mg)
        return err_set(e, ERR_STATE, "only %s kg of run %s can be left: check lot and run",
                       num_kg(left > 0 ? left : 0, kg, sizeof kg), r.id);
    step_set_text(body, "run", r.id);
    step_set_int(body, "run_no", r.run);
    step_set_text(body, "lot", lot);
    step_set_int(body, "back_mg", w->net_mg < gave ? w->net_mg : gave);
    return 0;
}

/* Invariant 3. */
int run_back_tell(struct command_context *c, const char *run, struct err *e)
{
    struct db *db = store_db(c->store);
    struct run_row r;
    struct graded_sums m = {.sorted_by = "line"};
    json_t *lots = NULL, *lot;
    size_t i;
    int rc = run_get(db, run, &r, e);
    if (rc < 0 || !r.closed_ms)
        return rc;
    rc = one_sum(db,
                 q_int(db_q(db, "SELECT coalesce(sum(l.mg), 0) FROM run_output o JOIN lot l ON "
                                "l.lot = o.lot WHERE o.run = ?1"),
                       1, r.run),
                 &m.out_mg, e);
    if (rc < 0 || (rc = run_returned_mg(db, &r, &m.in_mg, e)) < 0)
        return rc;
    m.in_mg = r.in_mg - m.in_mg;
    m.loss_mg = m.in_mg - m.out_mg;
    rc = step_column(
        q_int(db_q(db, "SELECT l.lot FROM run_output o JOIN lot l ON l.lot = o.lot "
                       "WHERE o.run = ?1 AND l.graded_seq IS NOT NULL ORDER BY o.grade"),
              1, r.run),
        &lots);
    if (rc < 0)
        return err_set(e, rc, "the lots of run %s cannot be read", r.id);
    json_array_foreach(lots, i, lot) {
        if (rc == 0)
            rc = graded_append(c, json_string_value(lot), &m, e);
    }
    json_decref(lots);
    return rc;
}

int run_back_after(struct command_context *c, const struct weighing *w, const json_t *body,
                   json_t *answer, struct err *e)
{
    (void)w, (void)answer;
    return run_back_tell(c, json_text_or(body, "run", ""), e);
}

int run_back_may_void(struct command_context *c, const struct weighing_row *r, bool manager,
                      json_t *body, struct err *e)
{
    struct db *db = store_db(c->store);
    struct ledger_lot l;
    (void)manager;
    struct stmt *s = db_q(
        db, "SELECT w.run, r.run, json_extract(CAST(e.body AS TEXT), '$.back_mg') FROM weighing w "
            "JOIN run r ON r.id = w.run JOIN event e ON e.seq = w.event_seq WHERE w.weighing = ?1");
    int rc = q_one(q_text(s, 1, r->weighing));
    if (rc < 0)
        return err_set(e, rc, "weighing %s cannot be read", r->weighing);
    int64_t mg = q_col(s, 2);
    step_set_text(body, "run", q_str(s, 0));
    step_set_int(body, "run_no", q_col(s, 1));
    step_set_int(body, "back_mg", mg);
    q_done(s);
    if ((rc = ledger_get(db, r->lot, &l, e)) < 0)
        return rc;
    if (ledger_on_hand(&l) < mg)
        return err_set(e, ERR_STATE, "lot %s was drawn on already: this return stands", r->lot);
    return 0;
}

/* ---- projections ---- */

/* Invariant 2, of one lot that came out. */
static int share_again(struct db *db, const struct event *ev, const char *out,
                       struct run_inputs *in)
{
    struct ledger_lot l;
    int rc = ledger_get(db, out, &l, NULL);
    if (rc == 0)
        rc = share_split(l.mg, in->mg, in->n, in->part);
    for (size_t i = 0; rc == 0 && i < in->n; i++) {
        struct stmt *s =
            db_q(db, "UPDATE edge SET mg = ?4 WHERE src = ?1 AND dst = ?2 AND via = ?3");
        q_text(q_text(q_text(s, 1, in->lot[i]), 2, out), 3, step_text(ev, "run"));
        rc = q_run(q_int(s, 4, in->part[i]));
    }
    if (rc < 0 || in->sum == 0)
        return rc;
    rc = q_run(q_text(db_q(db, "DELETE FROM lot_share WHERE lot = ?1"), 1, out));
    return rc < 0 ? rc : ledger_share_run(db, (uint32_t)step_int(ev, "run_no"), out);
}

static int move(struct db *db, const struct event *ev, int64_t mg)
{
    const char *lot = step_text(ev, "lot");
    struct run_inputs in = {0};
    struct ledger_lot l;
    json_t *outs = NULL, *o;
    size_t i;
    struct stmt *s = db_q(db, "UPDATE run_input SET mg = mg - ?3 WHERE run = ?1 AND lot = ?2");
    int rc = q_run(q_int(step_bind(s, ev, "run_no|lot"), 3, mg));
    if (rc < 0 || (rc = ledger_draw(db, lot, -mg)) < 0 ||
        (rc = ledger_get(db, lot, &l, NULL)) < 0 ||
        (rc = ledger_state(db, lot, ledger_on_hand(&l) > 0 ? "closed" : "used", ev->at)) < 0 ||
        (rc = ledger_note(db, lot, ev->seq)) < 0 ||
        (rc = run_inputs(db, step_int(ev, "run_no"), &in)) < 0 ||
        (rc = step_column(q_int(db_q(db, "SELECT lot FROM run_output WHERE run = ?1"), 1,
                                step_int(ev, "run_no")),
                          &outs)) < 0)
        return rc;
    json_array_foreach(outs, i, o) {
        if (rc == 0)
            rc = share_again(db, ev, json_string_value(o), &in);
    }
    json_decref(outs);
    return rc;
}

int run_back_apply(struct db *db, const struct event *ev)
{
    return move(db, ev, step_int(ev, "back_mg"));
}

int run_back_undo(struct db *db, const struct event *ev)
{
    return move(db, ev, -step_int(ev, "back_mg"));
}
