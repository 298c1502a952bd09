/* Sort runs (contract: run.h).  way: 11/12 a run's lots, from start to close
 * Main thread of lotlined.
 *
 * 1. One run at a time governs a line; its first item opens a segment (core), which says from where
 * on.
 * 2. Inputs are drawn whole when the run starts: what is on the belt is no stock any more.
 * 3. A run closes on what the outcome ring said. While items are on their way it is "stopping". */
#include "traceability/run.h"
#include "traceability/graded.h"
#include "traceability/intake.h"
#include "traceability/ledger.h"
#include "traceability/rule.h"
#include "traceability/share.h"
#include "traceability/step.h"
#include "traceability/totals.h"
#include <stdlib.h>
#include <string.h>

#define OUTLETS 16

/* ---- reading ---- */

static int read_run(struct stmt *s, const char *id, struct run_row *ret, struct err *e)
{
    struct run_row r = {0};
    int rc = q_one(s);
    if (rc < 0)
        return err_set(e, rc, "no run %.20s: runs are numbered R and the date, or plainly 1, 2, 3",
                       id);
    r.run = (uint32_t)q_col(s, 0);
    STEP_COPY(r.id, s, 1);
    STEP_COPY(r.line, s, 2);
    STEP_COPY(r.product, s, 3);
    r.rule = (uint32_t)q_col(s, 4);
    STEP_COPY(r.state, s, 5);
    STEP_COPY(r.rework, s, 6);
    r.in_mg = q_col(s, 7);
    r.started_ms = q_col(s, 8);
    r.stopped_ms = q_col(s, 9);
    r.closed_ms = q_col(s, 10);
    r.unknown_mg = q_col(s, 11);
    r.unknown_pieces = q_col(s, 12);
    q_done(s);
    *ret = r;
    return 0;
}

#define RUN_COLUMNS                                                                                \
    "SELECT run, id, line, product, rule, state, rework, in_mg, started_ms, stopped_ms, "          \
    "closed_ms, "                                                                                  \
    "unknown_mg, unknown_pieces FROM run WHERE "

int run_get(struct db *db, const char *id, struct run_row *ret, struct err *e)
{
    return read_run(
        q_text(db_q(db, RUN_COLUMNS "id = ?1 OR run = CAST(?1 AS INTEGER) AND run = ?1"), 1, id),
        id, ret, e);
}

int run_of_args(struct db *db, const json_t *args, struct run_row *ret, struct err *e)
{
    const json_t *v = json_object_get(args, "run");
    char id[24];
    if (json_is_integer(v))
        snprintf(id, sizeof id, "%lld", (long long)json_integer_value(v));
    else if (json_is_string(v))
        snprintf(id, sizeof id, "%s", json_string_value(v));
    else
        return err_set(e, ERR_KEY, "\"run\" is missing: the run's number or id");
    return run_get(db, id, ret, e);
}

int run_get_no(struct db *db, uint32_t run, struct run_row *ret, struct err *e)
{
    char id[12];
    snprintf(id, sizeof id, "%u", run);
    return read_run(q_int(db_q(db, RUN_COLUMNS "run = ?1"), 1, run), id, ret, e);
}

int run_grade_lot(struct db *db, uint32_t run, uint32_t grade, char ret_lot[21], struct err *e)
{
    struct stmt *s = db_q(db, "SELECT lot FROM run_output WHERE run = ?1 AND grade = ?2");
    int rc = q_one(q_int(q_int(s, 1, run), 2, grade));
    if (rc < 0)
        return err_set(e, rc, "run %u has no lot for grade %u", run, grade);
    snprintf(ret_lot, 21, "%s", q_str(s, 0));
    q_done(s);
    return 0;
}

int run_inputs(struct db *db, int64_t run, struct run_inputs *ret)
{
    struct stmt *s = db_q(db, "SELECT lot, mg FROM run_input WHERE run = ?1 ORDER BY lot LIMIT ?2");
    int rc;
    ret->n = 0;
    ret->sum = 0;
    q_int(q_int(s, 1, run), 2, RUN_INPUTS_MAX);
    while ((rc = q_step(s)) == 1) {
        STEP_COPY(ret->lot[ret->n], s, 0);
        ret->mg[ret->n] = q_col(s, 1);
        ret->sum += ret->mg[ret->n++];
    }
    q_done(s);
    return rc;
}

/* ---- starting ---- */

static int crop_of(struct db *db, const char *product, char ret[33], struct err *e)
{
    struct stmt *s = db_q(db, "SELECT crop FROM product WHERE product = ?1");
    int rc = q_one(q_text(s, 1, product));
    if (rc < 0)
        return err_set(e, rc, "no product %.32s: enter it first (product.add)", product);
    snprintf(ret, 33, "%s", q_str(s, 0));
    q_done(s);
    return 0;
}

static int check_input(struct db *db, const char *lot, const char *crop, int64_t *ret_mg,
                       struct err *e)
{
    struct ledger_lot l;
    char own[33];
    int rc = ledger_get(db, lot, &l, e);
    if (rc < 0)
        return rc;
    if (strcmp(l.state, "open") == 0)
        return err_set(e, ERR_STATE, "lot %s is still open: close it first (lot.close)", lot);
    if (l.mg == 0)
        return err_set(e, ERR_STATE, "lot %s holds nothing: no weighing was recorded", lot);
    if (ledger_on_hand(&l) <= 0)
        return err_set(e, ERR_STATE, "lot %s is used up: nothing of it is on hand", lot);
    if ((rc = ledger_free_to_use(db, lot, e)) < 0 || (rc = crop_of(db, l.product, own, e)) < 0)
        return rc;
    if (strcmp(own, crop))
        return err_set(e, ERR_STATE,
                       "lot %s is %s and the rules are for %s: take another line or crop file", lot,
                       own, crop);
    *ret_mg = ledger_on_hand(&l);
    return 0;
}

/* The inputs as [{lot, mg}…] and their sum. */
static int read_inputs(struct db *db, const json_t *lots, const char *crop, json_t **ret,
                       int64_t *ret_mg, struct err *e)
{
    size_t n = json_array_size(lots);
    json_t *a = json_array(), *seen = json_object();
    int64_t sum = 0, mg = 0;
    int rc = 0;
    if (n == 0 || n > RUN_INPUTS_MAX)
        rc = err_set(e, ERR_RANGE, "a run takes 1 to %d lots, not %zu", RUN_INPUTS_MAX, n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *lot = json_string_value(json_array_get(lots, i));
        if (!lot)
            rc = err_set(e, ERR_KEY, "\"lots\" is a list of lot numbers");
        else if (json_object_get(seen, lot))
            rc = err_set(e, ERR_RANGE, "lot %.20s stands twice in the list", lot);
        else if ((rc = check_input(db, lot, crop, &mg, e)) == 0) {
            json_object_set_new(seen, lot, json_true());
            json_array_append_new(a, json_pack("{s:s,s:I}", "lot", lot, "mg", (json_int_t)mg));
            sum += mg;
        }
    }
    json_decref(seen);
    if (rc < 0) {
        json_decref(a);
        return rc;
    }
    *ret = a;
    *ret_mg = sum;
    return 0;
}

static int line_is_free(struct db *db, const char *line, struct err *e)
{
    struct stmt *s = db_q(db, "SELECT id, state FROM run WHERE line = ?1 AND state <> 'closed'");
    int rc = q_step(q_text(s, 1, line));
    if (rc == 1)
        rc = err_set(e, ERR_STATE, "run %s is %s on line %s: stop it first (run.stop)", q_str(s, 0),
                     strcmp(q_str(s, 1), "stopping") ? "open" : "still stopping", line);
    q_done(s);
    return rc;
}

/* Numbers of run, graded lots and rework lot into the event's body. */
static int mint_lots(struct command_context *c, const struct rule_facts *r, json_t *body,
                     struct err *e)
{
    struct ident_mint m;
    char id[IDENT_LOT_SIZE];
    json_t *outs = json_array();
    int rc = ident_begin(store_db(c->store), store_station(c->store), wall_now(), &m, e);
    if (rc == 0 && (rc = ident_lot(&m, IDENT_RUN, id, e)) == 0)
        step_set_text(body, "id", id);
    for (uint32_t g = 1; rc == 0 && g <= r->grades; g++)
        if ((rc = ident_lot(&m, IDENT_GRADED, id, e)) == 0)
            json_array_append_new(outs, json_pack("{s:i,s:s,s:s}", "grade", (int)g, "code",
                                                  r->grade[g].code, "lot", id));
    if (rc == 0 && (rc = ident_lot(&m, IDENT_REWORK, id, e)) == 0)
        step_set_text(body, "rework", id);
    json_object_set_new(body, "outs", outs);
    return rc;
}

/* [{grade, outlets:[outlet…]}…], as the line was configured when the run began. */
static int check_routes(const json_t *routes, uint32_t grades, struct err *e)
{
    const json_t *r, *o;
    size_t i, k;
    int64_t grade;
    if (routes && (!json_is_array(routes) || json_array_size(routes) > RULE_GRADES_MAX))
        return err_set(e, ERR_RANGE, "\"routes\" is a list of at most %d", RULE_GRADES_MAX);
    json_array_foreach(routes, i, r) {
        int rc = json_only(r, "grade|outlets", e);
        if (rc < 0 || (rc = json_get_int(r, "grade", 1, grades, &grade, e)) < 0)
            return rc;
        json_array_foreach(json_object_get(r, "outlets"), k, o) {
            if (!json_is_integer(o) || json_integer_value(o) < 1 || json_integer_value(o) > OUTLETS)
                return err_set(e, ERR_RANGE, "an outlet of grade %lld is not 1 to %d",
                               (long long)grade, OUTLETS);
        }
    }
    return 0;
}

static int next_run(struct db *db, int64_t *ret, struct err *e)
{
    struct stmt *s = db_q(db, "SELECT coalesce(max(run), 0) + 1 FROM run");
    int rc = q_one(s);
    if (rc < 0)
        return err_set(e, rc, "the runs cannot be read");
    *ret = q_col(s, 0);
    q_done(s);
    return 0;
}

int command_run_start(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    struct db *db = store_db(c->store);
    const json_t *rules = json_object_get(args, "rules");
    const char *line, *product;
    struct rule_facts r;
    uint32_t line_no, rule;
    int64_t in_mg, out_from, run;
    char crop[33] = "";
    json_t *lots = NULL;
    int rc = json_only(args, "line|lots|product|rules|routes", e);
    if (rc < 0 || (rc = step_required(args, "line", 24, &line, e)) < 0 ||
        (rc = step_required(args, "product", 32, &product, e)) < 0 ||
        (rc = totals_newest(db, line, &line_no, &out_from, e)) < 0 ||
        (rc = line_is_free(db, line, e)) < 0 || (rc = crop_of(db, product, crop, e)) < 0)
        return rc;
    if (rules && strcmp(json_text_or(rules, "crop", crop), crop))
        return err_set(e, ERR_STATE, "product %s is %s and the rules of line %s are for %s",
                       product, crop, line, json_text_or(rules, "crop", ""));
    if ((rc = read_inputs(db, json_object_get(args, "lots"), crop, &lots, &in_mg, e)) < 0)
        return rc;
    json_t *body = json_pack("{s:s,s:s,s:o,s:I,s:I}", "line", line, "product", product, "lots",
                             lots, "in_mg", (json_int_t)in_mg, "out_from", (json_int_t)out_from);
    if ((rc = rule_ensure(c, rules, &rule, e)) == 0 && (rc = rule_get(db, rule, &r, e)) == 0 &&
        (rc = check_routes(json_object_get(args, "routes"), r.grades, e)) == 0 &&
        (rc = next_run(db, &run, e)) == 0 && (rc = mint_lots(c, &r, body, e)) == 0) {
        step_set_int(body, "run", run);
        step_set_int(body, "rule", rule);
        if (json_object_get(args, "routes"))
            json_object_set(body, "routes", json_object_get(args, "routes"));
        rc = step_append(c, EVENT_RUN_STARTED, json_incref(body), NULL, e);
    }
    if (rc == 0)
        rc = step_answer(ret,
                         json_pack("{s:I,s:O,s:i,s:O,s:O}", "run", (json_int_t)run, "id",
                                   json_object_get(body, "id"), "rule", (int)rule, "outs",
                                   json_object_get(body, "outs"), "rework",
                                   json_object_get(body, "rework")),
                         e);
    json_decref(body);
    return rc;
}

static int apply_input(struct db *db, const struct event *ev, const json_t *in)
{
    const char *lot = json_text_or(in, "lot", "");
    int64_t mg = json_int_or(in, "mg", 0);
    struct stmt *s = db_q(db, "INSERT INTO run_input(run, lot, mg) VALUES(?1,?2,?3)");
    int rc = q_run(q_int(q_text(q_int(s, 1, step_int(ev, "run")), 2, lot), 3, mg));
    if (rc < 0 || (rc = ledger_draw(db, lot, mg)) < 0 ||
        (rc = ledger_state(db, lot, "used", ev->at)) < 0)
        return rc;
    return ledger_note(db, lot, ev->seq);
}

/* One output lot: its row, its shares, and an edge from every input, still without mass. */
static int apply_output(struct db *db, const struct event *ev, uint32_t grade, const char *code,
                        const char *lot)
{
    const json_t *in, *lots = json_object_get(ev->body, "lots");
    struct ledger_lot l = {.state = "open", .unit = "MGM", .grade = grade};
    size_t i;
    l.run = (uint32_t)step_int(ev, "run");
    l.rule = (uint32_t)step_int(ev, "rule");
    snprintf(l.lot, sizeof l.lot, "%s", lot);
    snprintf(l.kind, sizeof l.kind, "%s", grade ? "graded" : "rework");
    snprintf(l.product, sizeof l.product, "%s", step_text(ev, "product"));
    snprintf(l.grade_code, sizeof l.grade_code, "%s", code);
    int rc = ledger_open(db, ev, &l);
    struct stmt *s = db_q(db, "INSERT INTO run_output(run, grade, lot) VALUES(?1,?2,?3)");
    if (rc == 0)
        rc = q_run(q_text(q_int(q_int(s, 1, l.run), 2, grade), 3, lot));
    if (rc == 0)
        rc = ledger_share_run(db, l.run, lot);
    json_array_foreach(lots, i, in) {
        if (rc == 0)
            rc = ledger_edge(db, json_text_or(in, "lot", ""), lot, step_text(ev, "id"), 0, ev->seq);
    }
    return rc;
}

static int apply_route(struct db *db, const struct event *ev, const json_t *route)
{
    const json_t *o;
    size_t i;
    int rc = 0;
    json_array_foreach(json_object_get(route, "outlets"), i, o) {
        struct stmt *s =
            db_q(db, "INSERT INTO run_route(run, outlet, grade) VALUES(?1,?2,?3) ON CONFLICT DO "
                     "UPDATE SET grade = 0 WHERE grade <> excluded.grade");
        q_int(q_int(s, 1, step_int(ev, "run")), 2, json_integer_value(o));
        if (rc == 0)
            rc = q_run(q_int(s, 3, json_int_or(route, "grade", 0)));
        else
            q_done(s);
    }
    return rc;
}

int apply_run_started(struct db *db, const struct event *ev)
{
    const json_t *lots = json_object_get(ev->body, "lots"),
                 *outs = json_object_get(ev->body, "outs"), *o;
    size_t i;
    struct stmt *s =
        db_q(db, "INSERT INTO run(run, id, line, product, rule, state, rework, in_mg, out_from, "
                 "started_ms, event_seq) VALUES(?1,?2,?3,?4,?5,'starting',?6,?7,?8,?9,?10)");
    step_bind(s, ev, "run|id|line|product|rule|rework|in_mg|out_from");
    int rc = q_run(q_int(q_int(s, 9, ev->at.ms), 10, ev->seq));
    if (rc == 0)
        rc = ident_note(db, step_text(ev, "id"));
    json_array_foreach(lots, i, o) {
        if (rc == 0)
            rc = apply_input(db, ev, o);
    }
    json_array_foreach(outs, i, o) {
        if (rc == 0)
            rc = apply_output(db, ev, (uint32_t)json_int_or(o, "grade", 0),
                              json_text_or(o, "code", ""), json_text_or(o, "lot", ""));
    }
    json_array_foreach(json_object_get(ev->body, "routes"), i, o) {
        if (rc == 0)
            rc = apply_route(db, ev, o);
    }
    return rc < 0 ? rc : apply_output(db, ev, 0, "rework", step_text(ev, "rework"));
}
