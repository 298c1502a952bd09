/* Lots for the shed's own screens (contract: lot.h): list and internal view. Any database handle.
 * The public view stands in lot_public.c, genealogy in trace.c, recall in recall.c.
 *
 * 1. The state shown is the strongest: recalled, held, then open, closed, used.
 * 2. An answer is whole or an error: what could not be read is not left out. */
#include "traceability/lot.h"
#include "traceability/box.h"
#include "traceability/facts.h"
#include "traceability/ledger.h"
#include "traceability/run.h"
#include "traceability/step.h"
#include "traceability/totals.h"
#include "traceability/trace.h"
#include <string.h>

#define LIST_MAX 5000
#define ROWS_MAX 2000 /* boxes or weighings shown of one lot */

static const char *shown_state(struct stmt *s, int recalled, int held, int state)
{
    if (q_col(s, recalled))
        return "recalled";
    return q_col(s, held) ? "held" : q_str(s, state);
}

/* What nobody counted is null. */
static json_t *counted(int64_t n)
{
    return n < 0 ? json_null() : json_integer(n);
}

/* Invariant 1. */
static json_t *list_row(struct stmt *s)
{
    int64_t on_hand = q_col(s, 6) - q_col(s, 7);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s*,s:I,s:I,s:I,s:o,s:I,s:I}", "id", q_str(s, 0),
                     "kind", q_str(s, 1), "state", shown_state(s, 10, 11, 2), "product",
                     q_str(s, 3), "name_zh", q_str(s, 4), "name_en", q_str(s, 5), "grade",
                     q_is_null(s, 9) ? NULL : q_str(s, 9), "mg", (json_int_t)q_col(s, 6),
                     "on_hand_mg", (json_int_t)(on_hand > 0 ? on_hand : 0), "packed_net_mg",
                     (json_int_t)q_col(s, 8), "pieces", counted(q_col(s, 12)), "opened_ms",
                     (json_int_t)q_col(s, 13), "farms", (json_int_t)q_col(s, 14));
}

int lot_list(struct db *db, int64_t limit, json_t **ret, struct err *e)
{
    struct stmt *s = db_q(
        db,
        "WITH RECURSIVE held(lot) AS (SELECT lot FROM hold WHERE released_ms IS NULL UNION SELECT "
        "e.dst FROM held JOIN edge e ON e.src = held.lot) "
        "SELECT l.lot, l.kind, l.state, l.product, coalesce(p.name_zh, ''), coalesce(p.name_en, "
        "''), l.mg, l.drawn_mg, l.net_mg, l.grade_code, l.recalled, l.lot IN (SELECT lot FROM "
        "held), coalesce(l.pieces, -1), l.opened_ms, (SELECT count(*) FROM lot_share s WHERE s.lot "
        "= l.lot) FROM lot l LEFT JOIN product p ON p.product = l.product "
        "ORDER BY l.opened_seq DESC, l.lot LIMIT ?1");
    struct step_watch since = step_watch(db);
    json_t *a = json_array();
    q_int(s, 1, limit < 0 || limit > LIST_MAX ? LIST_MAX : limit);
    while (q_step(s) == 1)
        json_array_append_new(a, list_row(s));
    q_done(s);
    return step_told(db, since, 0, a, ret, e);
}

/* ---- one lot ---- */

static json_t *weighings(struct db *db, const char *lot)
{
    struct stmt *s = db_q(
        db,
        "SELECT weighing, purpose, gross_mg, tare_mg, net_mg, tare_kind, alibi, scale, task, box, "
        "at_ms, voided_seq IS NOT NULL FROM weighing WHERE lot = ?1 ORDER BY event_seq LIMIT ?2");
    json_t *a = json_array();
    q_int(q_text(s, 1, lot), 2, ROWS_MAX);
    while (q_step(s) == 1)
        json_array_append_new(
            a, json_pack("{s:s,s:s,s:I,s:I,s:I,s:s,s:s,s:s,s:s*,s:s*,s:I,s:b}", "weighing",
                         q_str(s, 0), "purpose", q_str(s, 1), "gross_mg", (json_int_t)q_col(s, 2),
                         "tare_mg", (json_int_t)q_col(s, 3), "net_mg", (json_int_t)q_col(s, 4),
                         "tare_kind", q_str(s, 5), "alibi", q_str(s, 6), "scale", q_str(s, 7),
                         "task", q_is_null(s, 8) ? NULL : q_str(s, 8), "box",
                         q_is_null(s, 9) ? NULL : q_str(s, 9), "at_ms", (json_int_t)q_col(s, 10),
                         "void", (int)q_col(s, 11)));
    q_done(s);
    return a;
}

static json_t *boxes(struct db *db, const char *lot)
{
    struct stmt *s = db_q(
        db,
        "SELECT box, state, net_mg, coalesce(items_mg, 0), coalesce(pieces, -1), packed_ms, seal, "
        "event_seq FROM unit WHERE lot = ?1 ORDER BY event_seq LIMIT ?2");
    json_t *a = json_array();
    q_int(q_text(s, 1, lot), 2, ROWS_MAX);
    while (q_step(s) == 1) {
        json_t *o =
            json_pack("{s:s,s:s,s:I,s:I,s:s,s:I}", "box", q_str(s, 0), "state", q_str(s, 1),
                      "net_mg", (json_int_t)q_col(s, 2), "packed_ms", (json_int_t)q_col(s, 5),
                      "seal", q_str(s, 6), "event_seq", (json_int_t)q_col(s, 7));
        if (q_col(s, 4) >= 0) {
            step_set_int(o, "pieces", q_col(s, 4));
            step_set_int(o, "items_mg", q_col(s, 3));
        }
        json_array_append_new(a, o);
    }
    q_done(s);
    return a;
}

static json_t *tasks(struct db *db, const char *lot)
{
    struct stmt *s = db_q(
        db,
        "SELECT t.task, t.worker, t.state, t.out_mg, coalesce(t.loss_mg, 0), coalesce((SELECT "
        "sum(r.mg) FROM task_return r WHERE r.task = t.task), 0), t.opened_ms FROM task t WHERE "
        "t.lot = ?1 ORDER BY t.event_seq LIMIT ?2");
    json_t *a = json_array();
    q_int(q_text(s, 1, lot), 2, ROWS_MAX);
    while (q_step(s) == 1)
        json_array_append_new(
            a, json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I}", "task", q_str(s, 0), "worker",
                         q_str(s, 1), "state", q_str(s, 2), "out_mg", (json_int_t)q_col(s, 3),
                         "loss_mg", (json_int_t)q_col(s, 4), "back_mg", (json_int_t)q_col(s, 5),
                         "opened_ms", (json_int_t)q_col(s, 6)));
    q_done(s);
    return a;
}

static json_t *edges(struct db *db, const char *sql, const char *key, const char *lot)
{
    struct stmt *s = db_q(db, sql);
    json_t *a = json_array();
    q_text(s, 1, lot);
    while (q_step(s) == 1)
        json_array_append_new(a, json_pack("{s:s,s:I,s:s}", key, q_str(s, 0), "mg",
                                           (json_int_t)q_col(s, 1), "via", q_str(s, 2)));
    q_done(s);
    return a;
}

static json_t *farms(struct db *db, const char *lot)
{
    struct stmt *s =
        db_q(db, "SELECT alias, farmer, ppm FROM lot_share WHERE lot = ?1 ORDER BY alias");
    json_t *a = json_array();
    char alias[24];
    q_text(s, 1, lot);
    while (q_step(s) == 1) {
        snprintf(alias, sizeof alias, "F%lld", (long long)q_col(s, 0));
        json_array_append_new(a, json_pack("{s:s,s:s,s:I}", "alias", alias, "farmer", q_str(s, 1),
                                           "share_ppm", (json_int_t)q_col(s, 2)));
    }
    q_done(s);
    return a;
}

static json_t *holds(struct db *db, const char *lot)
{
    struct stmt *s = db_q(db, "SELECT reason, at_ms, coalesce(released_ms, 0) FROM hold WHERE lot "
                              "= ?1 ORDER BY event_seq");
    json_t *a = json_array();
    q_text(s, 1, lot);
    while (q_step(s) == 1) {
        json_t *o = json_pack("{s:s,s:I}", "reason", q_str(s, 0), "at_ms", (json_int_t)q_col(s, 1));
        if (q_col(s, 2))
            step_set_int(o, "released_ms", q_col(s, 2));
        json_array_append_new(a, o);
    }
    q_done(s);
    return a;
}

static json_t *event_list(struct db *db, const char *lot)
{
    struct stmt *s = db_q(
        db,
        "SELECT e.seq, e.kind, e.at_ms FROM lot_event x JOIN event e ON e.seq = x.event_seq WHERE "
        "x.lot = ?1 ORDER BY 1 LIMIT ?2");
    json_t *a = json_array();
    q_int(q_text(s, 1, lot), 2, ROWS_MAX);
    while (q_step(s) == 1)
        json_array_append_new(a, json_pack("{s:I,s:s,s:I}", "seq", (json_int_t)q_col(s, 0), "kind",
                                           q_str(s, 1), "at_ms", (json_int_t)q_col(s, 2)));
    q_done(s);
    return a;
}

/* The list's row, which carries the state that is shown. */
static json_t *head_row(struct db *db, const struct ledger_lot *l)
{
    struct stmt *s = db_q(
        db,
        "WITH RECURSIVE up(lot) AS (VALUES(?1) UNION SELECT e.src FROM edge e JOIN up ON e.dst = "
        "up.lot) SELECT l.lot, l.kind, l.state, l.product, coalesce(p.name_zh, ''), "
        "coalesce(p.name_en, ''), l.mg, l.drawn_mg, l.net_mg, l.grade_code, l.recalled, EXISTS("
        "SELECT 1 FROM hold h WHERE h.released_ms IS NULL AND h.lot IN (SELECT lot FROM up)), "
        "coalesce(l.pieces, -1), l.opened_ms, (SELECT count(*) FROM lot_share s WHERE s.lot = "
        "l.lot) FROM lot l LEFT JOIN product p ON p.product = l.product WHERE l.lot = ?1");
    json_t *o = q_step(q_text(s, 1, l->lot)) == 1 ? list_row(s) : NULL;
    q_done(s);
    return o;
}

/* While its run is open a lot's mass is what its items add up to until now. */
static int add_live(struct db *db, const struct ledger_lot *l, json_t *o, struct err *e)
{
    struct totals t;
    if (!l->run || strcmp(l->state, "open") || l->grade > RULE_GRADES_MAX)
        return 0;
    int rc = totals_run(db, l->run, &t, e);
    if (rc < 0)
        return rc;
    int64_t on_hand = t.grade[l->grade].mg - l->drawn_mg;
    step_set_int(o, "mg", t.grade[l->grade].mg);
    step_set_int(o, "pieces", t.grade[l->grade].pieces);
    step_set_int(o, "on_hand_mg", on_hand > 0 ? on_hand : 0);
    return 0;
}

static int add_run(struct db *db, const struct ledger_lot *l, json_t *o, struct err *e)
{
    struct run_row r;
    if (!l->run)
        return 0;
    int rc = run_get_no(db, l->run, &r, e);
    if (rc == 0)
        json_object_set_new(o, "run",
                            json_pack("{s:s,s:I,s:s,s:s}", "id", r.id, "run", (json_int_t)r.run,
                                      "line", r.line, "state", r.state));
    return rc;
}

static int show_lot(struct db *db, const char *id, json_t **ret, struct err *e)
{
    struct ledger_lot l;
    int rc = ledger_get(db, id, &l, e);
    if (rc < 0)
        return rc;
    json_t *o = head_row(db, &l);
    json_t *more = json_pack(
        "{s:s,s:s,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "basis", facts_basis(db, &l), "unit",
        l.unit, "drawn_mg", (json_int_t)l.drawn_mg, "farms", farms(db, id), "weighings",
        weighings(db, id), "boxes", boxes(db, id), "tasks", tasks(db, id), "holds", holds(db, id),
        "events", event_list(db, id), "rule", facts_rule(db, &l), "from",
        edges(db, "SELECT src, mg, via FROM edge WHERE dst = ?1 ORDER BY event_seq, 1", "lot", id),
        "into",
        edges(db, "SELECT dst, mg, via FROM edge WHERE src = ?1 ORDER BY event_seq, 1", "lot", id));
    if (!o || !more)
        rc = err_set(e, ERR_DB, "lot %s cannot be read: %s", id, db_message(db));
    else
        json_object_update(o, more);
    json_decref(more);
    if (rc == 0)
        rc = add_run(db, &l, o, e);
    if (rc == 0)
        rc = add_live(db, &l, o, e);
    if (rc == 0)
        return step_answer(ret, o, e);
    json_decref(o);
    return rc;
}

static int show_box(struct db *db, const char *id, json_t **ret, struct err *e)
{
    struct box_row b;
    json_t *lot = NULL;
    int rc = box_get(db, id, &b, e);
    if (rc < 0 || (rc = show_lot(db, b.lot, &lot, e)) < 0)
        return rc;
    return step_answer(ret,
                       json_pack("{s:s,s:s,s:s,s:I,s:o,s:o,s:o,s:I,s:s,s:s,s:I,s:o}", "id", b.box,
                                 "kind", "box", "state", b.state, "net_mg", (json_int_t)b.net_mg,
                                 "items_mg", counted(b.items_mg), "pieces", counted(b.pieces),
                                 "unknown", counted(b.unknown), "packed_ms",
                                 (json_int_t)b.packed_ms, "seal", b.seal, "weighing", b.weighing,
                                 "event_seq", (json_int_t)b.event_seq, "lot", lot),
                       e);
}

int lot_show(struct db *db, const char *id, json_t **ret, struct err *e)
{
    struct trace_start t;
    struct step_watch since = step_watch(db);
    json_t *o = NULL;
    int rc = trace_find(db, id, &t, e);
    if (rc < 0)
        return rc;
    json_decref(t.lots);
    if (t.kind == TRACE_RUN)
        return run_balance(db, t.id, ret, e);
    rc = t.kind == TRACE_BOX ? show_box(db, t.id, &o, e) : show_lot(db, t.id, &o, e);
    return step_told(db, since, rc, o, ret, e); /* invariant 2 */
}
