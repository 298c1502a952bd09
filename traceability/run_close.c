/* The end of a run: stopped by a person, closed on what the outcome ring said; calibration samples.
 * Main thread of lotlined.
 *
 * 1. A stopped run waits for the items on the belt, a minute at most by the monotonic clock (a
 *    restart begins it anew); what has no outcome then is unknown, a line of its own in the
 *    balance, and is nobody's graded goods.
 * 2. Masses of the edges into an output lot sum to its mass, split by the masses of the inputs. */
#include "traceability/graded.h"
#include "traceability/item.h"
#include "traceability/ledger.h"
#include "traceability/run.h"
#include "traceability/share.h"
#include "traceability/step.h"
#include "traceability/store_inner.h"
#include "traceability/totals.h"
#include <string.h>

#define FLIGHT_MS 60000

static json_t *closing_outs(struct db *db, uint32_t run, const struct totals *t)
{
    struct stmt *s =
        db_q(db, "SELECT grade, lot FROM run_output WHERE run = ?1 AND grade BETWEEN 0 "
                 "AND ?2 ORDER BY grade");
    json_t *a = json_array();
    int rc;
    q_int(q_int(s, 1, run), 2, RULE_GRADES_MAX);
    while ((rc = q_step(s)) == 1) {
        const struct run_sum *sum = &t->grade[q_col(s, 0)];
        json_array_append_new(a, json_pack("{s:I,s:s,s:I,s:I}", "grade", (json_int_t)q_col(s, 0),
                                           "lot", q_str(s, 1), "pieces", (json_int_t)sum->pieces,
                                           "mg", (json_int_t)sum->mg));
    }
    q_done(s);
    if (rc == 0)
        return a;
    json_decref(a);
    return NULL;
}

/* lot.graded of every grade that got something. */
static int tell_grades(struct command_context *c, const json_t *outs,
                       const struct graded_sums *sums, struct err *e)
{
    const json_t *o;
    size_t i;
    json_array_foreach(outs, i, o) {
        if (json_int_or(o, "grade", 0) == 0 || json_int_or(o, "pieces", 0) == 0)
            continue;
        int rc = graded_append(c, json_text_or(o, "lot", ""), sums, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int close_run(struct command_context *c, const struct run_row *r, json_t **ret,
                     struct err *e)
{
    struct db *db = store_db(c->store);
    struct totals t;
    int rc =
        item_blocks(c->store, mono_now(), true, e); /* so that lot.graded names all its evidence */
    if (rc < 0 || (rc = totals_run(db, r->run, &t, e)) < 0)
        return rc;
    int64_t returned, out_mg = t.items.mg - t.unknown.mg;
    if ((rc = run_returned_mg(db, r, &returned, e)) < 0)
        return rc;
    json_t *outs = closing_outs(db, r->run, &t);
    json_t *body = json_pack("{s:I,s:s,s:s,s:o,s:I,s:I,s:{s:I,s:I},s:{s:I,s:I},s:I}", "run",
                             (json_int_t)r->run, "id", r->id, "line", r->line, "outs", outs,
                             "in_mg", (json_int_t)r->in_mg, "out_mg", (json_int_t)out_mg, "items",
                             "pieces", (json_int_t)t.items.pieces, "mg", (json_int_t)t.items.mg,
                             "unknown", "pieces", (json_int_t)t.unknown.pieces, "mg",
                             (json_int_t)t.unknown.mg, "no_weight", (json_int_t)t.no_weight);
    if (body && returned)
        step_set_int(body, "returned_mg", returned);
    if (body && t.by_table)
        step_set_int(body, "by_table", t.by_table);
    if (body && t.unrouted.pieces)
        json_object_set_new(body, "unrouted",
                            json_pack("{s:I,s:I}", "pieces", (json_int_t)t.unrouted.pieces, "mg",
                                      (json_int_t)t.unrouted.mg));
    rc = step_append(c, EVENT_RUN_CLOSED, json_incref(body), NULL, e);
    int64_t in_mg = r->in_mg - returned;
    struct graded_sums sums = {"line", in_mg, out_mg, in_mg - out_mg};
    if (rc == 0)
        rc = tell_grades(c, json_object_get(body, "outs"), &sums, e);
    if (rc == 0)
        rc = step_answer(
            ret,
            json_pack("{s:s,s:I,s:s,s:O,s:O,s:O,s:O*}", "id", r->id, "run", (json_int_t)r->run,
                      "state", "closed", "outs", json_object_get(body, "outs"), "items",
                      json_object_get(body, "items"), "unknown", json_object_get(body, "unknown"),
                      "unrouted", json_object_get(body, "unrouted")),
            e);
    json_decref(body);
    return rc;
}

/* Invariant 1. How long this process has known that the run is stopping; from now on it does. */
static int64_t waited_ms(struct run_waits *w, uint32_t run, struct mono now)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->of[i].run == run)
            return mono_since_ms(now, w->of[i].since);
    if (w->n == sizeof w->of / sizeof w->of[0])
        memmove(w->of, w->of + 1, --w->n * sizeof w->of[0]);
    w->of[w->n].run = run;
    w->of[w->n++].since = now;
    return 0;
}

static int answer_stopping(const struct run_row *r, int64_t in_flight, json_t **ret, struct err *e)
{
    return step_answer(ret,
                       json_pack("{s:s,s:I,s:s,s:I}", "id", r->id, "run", (json_int_t)r->run,
                                 "state", "stopping", "in_flight", (json_int_t)in_flight),
                       e);
}

int command_run_stop(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    struct db *db = store_db(c->store);
    struct run_row r;
    int64_t in_flight;
    int rc = json_only(args, "run", e);
    if (rc < 0 || (rc = run_of_args(db, args, &r, e)) < 0)
        return rc;
    if (strcmp(r.state, "closed") == 0)
        return err_set(e, ERR_STATE, "run %s is closed already", r.id);
    if ((rc = totals_in_flight(db, r.run, &in_flight, e)) < 0)
        return rc;
    bool waited = r.stopped_ms && waited_ms(&c->store->stopping, r.run, mono_now()) > FLIGHT_MS;
    if (in_flight == 0 || waited)
        return close_run(c, &r, ret, e);
    if (!r.stopped_ms &&
        (rc = step_append(c, EVENT_RUN_STOPPED,
                          json_pack("{s:I,s:s,s:I}", "run", (json_int_t)r.run, "id", r.id,
                                    "in_flight", (json_int_t)in_flight),
                          NULL, e)) < 0)
        return rc;
    return answer_stopping(&r, in_flight, ret, e);
}

static int settle_one(struct command_context *c, uint32_t run, struct mono now, struct err *e)
{
    struct run_row r;
    int64_t in_flight;
    json_t *answer = NULL;
    struct db *db = store_db(c->store);
    c->watch = step_watch(db);
    int rc = run_get_no(db, run, &r, e);
    if (rc < 0 || (rc = totals_in_flight(db, run, &in_flight, e)) < 0)
        return rc;
    if (in_flight == 0 || waited_ms(&c->store->stopping, run, now) > FLIGHT_MS)
        rc = close_run(c, &r, &answer, e);
    json_decref(answer);
    return step_sound(db, c->watch, rc, e);
}

int run_settle(struct store *st, struct mono now, struct err *e)
{
    const struct actor daemon = {ROLE_DAEMON, "daemon"};
    struct command_context c = {.store = st, .actor = &daemon};
    uint32_t runs[64];
    size_t n = 0;
    int rc;
    struct stmt *s =
        db_q(store_db(st), "SELECT run FROM run WHERE state = 'stopping' ORDER BY run LIMIT 64");
    while ((rc = q_step(s)) == 1 && n < sizeof runs / sizeof runs[0])
        runs[n++] = (uint32_t)q_col(s, 0);
    q_done(s);
    for (size_t i = 0; rc >= 0 && i < n; i++)
        rc = settle_one(&c, runs[i], now, e);
    return rc < 0 ? rc : 0;
}

int apply_run_stopped(struct db *db, const struct event *ev)
{
    struct stmt *s = db_q(db, "UPDATE run SET state = 'stopping', stopped_ms = ?2 WHERE run = ?1");
    return q_run(q_int(step_bind(s, ev, "run"), 2, ev->at.ms));
}

/* ---- closing ---- */

/* Invariant 2. */
static int apply_closed_lot(struct db *db, const struct event *ev, struct run_inputs *in,
                            const json_t *out)
{
    const char *lot = json_text_or(out, "lot", "");
    int64_t mg = json_int_or(out, "mg", 0);
    struct stmt *s = db_q(db, "UPDATE lot SET pieces = ?2 WHERE lot = ?1");
    int rc = q_run(q_int(q_text(s, 1, lot), 2, json_int_or(out, "pieces", 0)));
    if (rc == 0)
        rc = ledger_add(db, lot, mg, "MGM");
    if (rc == 0)
        rc = ledger_state(db, lot, "closed", ev->at);
    if (rc == 0)
        rc = share_split(mg, in->mg, in->n, in->part);
    for (size_t i = 0; rc == 0 && i < in->n; i++)
        rc = ledger_edge(db, in->lot[i], lot, step_text(ev, "id"), in->part[i], ev->seq);
    return rc < 0 ? rc : ledger_note(db, lot, ev->seq);
}

int apply_run_closed(struct db *db, const struct event *ev)
{
    const json_t *out, *outs = json_object_get(ev->body, "outs"),
                       *unknown = json_object_get(ev->body, "unknown");
    struct run_inputs in = {0};
    size_t i;
    struct stmt *s = db_q(
        db,
        "UPDATE run SET state = 'closed', closed_ms = ?2, unknown_mg = ?3, unknown_pieces = ?4, "
        "closed_seq = ?5, by_table = ?6 WHERE run = ?1");
    q_int(step_bind(s, ev, "run"), 2, ev->at.ms);
    q_int(q_int(s, 3, json_int_or(unknown, "mg", 0)), 4, json_int_or(unknown, "pieces", 0));
    int rc = q_run(q_int(q_int(s, 5, ev->seq), 6, json_int_or(ev->body, "by_table", 0)));
    if (rc == 0)
        rc = run_inputs(db, step_int(ev, "run"), &in);
    json_array_foreach(outs, i, out) {
        if (rc == 0)
            rc = apply_closed_lot(db, ev, &in, out);
    }
    return rc;
}

/* ---- calibration: a sample by hand, for rules that grade by a proxy ---- */

int command_run_calibrate(struct command_context *c, const json_t *args, json_t **ret,
                          struct err *e)
{
    const char *detail;
    int64_t pieces, mg;
    struct run_row r;
    int rc = json_only(args, "run|pieces|weighed_mg|detail", e);
    if (rc < 0 || (rc = json_get_int(args, "pieces", 1, 1000000, &pieces, e)) < 0 ||
        (rc = json_get_int(args, "weighed_mg", 1, INT64_C(1000000000000), &mg, e)) < 0 ||
        (rc = step_reason(c, args, "detail", 400, &detail, e)) < 0 ||
        (rc = run_of_args(store_db(c->store), args, &r, e)) < 0)
        return rc;
    rc = step_append(c, EVENT_RUN_CALIBRATED,
                     json_pack("{s:I,s:s,s:I,s:I,s:s}", "run", (json_int_t)r.run, "id", r.id,
                               "pieces", (json_int_t)pieces, "weighed_mg", (json_int_t)mg, "detail",
                               detail),
                     NULL, e);
    return rc < 0 ? rc : step_answer(ret, json_pack("{s:s,s:b}", "id", r.id, "ok", 1), e);
}

int apply_run_calibrated(struct db *db, const struct event *ev)
{
    struct stmt *s =
        db_q(db, "INSERT INTO run_calibration(run, pieces, weighed_mg, detail, at_ms, event_seq) "
                 "VALUES(?1,?2,?3,?4,?5,?6)");
    return q_run(
        q_int(q_int(step_bind(s, ev, "run|pieces|weighed_mg|detail"), 5, ev->at.ms), 6, ev->seq));
}
