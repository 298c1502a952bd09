/* The public view of a lot or box (contract: lot_public in lot.h). Any database handle; a pure
 * function of the store.
 *
 * 1. No pseudonym of a person leaves this file: farms are F1, F2 … of this lot alone.
 * 2. The verdict comes from the whole ancestry: what is held or recalled above is held or recalled
 * here.
 * 3. A weight without a static trade reading behind it is told as none, never as net weight.
 * 4. The page is whole or an error: a recall that could not be read is no verdict "ok". */
#include "traceability/box.h"
#include "traceability/facts.h"
#include "traceability/ledger.h"
#include "traceability/lot.h"
#include "traceability/step.h"
#include "traceability/tlog.h"
#include "traceability/trace.h"
#include <string.h>

#define ANCESTORS                                                                                  \
    "WITH RECURSIVE up(lot) AS (VALUES(?1) UNION SELECT e.src FROM edge e JOIN up ON e.dst = "     \
    "up.lot) "

struct view {
    struct ledger_lot l;
    struct box_row b; /* b.box empty: the lot itself is looked at */
    int64_t pieces, opened_seq, graded_seq, opened_ms, lot_net_mg;
};

/* ---- verdict (invariant 2) ---- */

/* First column of the first row as text into an array of 200; "" when there is none. */
static bool asked(struct stmt *s, char ret[200])
{
    bool found = q_step(s) == 1;
    snprintf(ret, 200, "%s", found ? q_str(s, 0) : "");
    q_done(s);
    return found;
}

static const char *verdict_of(struct db *db, const struct view *v, char reason[200])
{
    struct stmt *s =
        db_q(db, ANCESTORS
             "SELECT json_extract(CAST(e.body AS TEXT), '$.reason') FROM up JOIN lot l ON "
             "l.lot = up.lot AND l.recalled <> 0 JOIN lot_event x ON x.lot = up.lot JOIN event e "
             "ON e.seq = x.event_seq AND e.kind = 'recall.started' ORDER BY e.seq DESC LIMIT 1");
    if (asked(q_text(s, 1, v->l.lot), reason))
        return "recalled";
    s = db_q(db, "SELECT json_extract(CAST(e.body AS TEXT), '$.reason') FROM weighing w JOIN event "
                 "e ON e.seq = "
                 "w.voided_seq WHERE w.weighing = ?1");
    if (v->b.box[0] && strcmp(v->b.state, "void") == 0 &&
        asked(q_text(s, 1, v->b.weighing), reason))
        return "void";
    s = db_q(
        db, ANCESTORS
        "SELECT h.reason FROM up JOIN hold h ON h.lot = up.lot AND h.released_ms IS NULL LIMIT 1");
    return asked(q_text(s, 1, v->l.lot), reason) ? "hold" : "ok";
}

/* ---- timeline ---- */

static void add_step(json_t *a, int64_t at_ms, const char *kind, int64_t mg, const char *detail)
{
    json_t *o =
        json_pack("{s:I,s:s,s:s}", "at_ms", (json_int_t)at_ms, "kind", kind, "detail", detail);
    json_object_set_new(o, "mg", mg > 0 ? json_integer(mg) : json_null());
    json_array_append_new(a, o);
}

/* Rows of (at_ms, mg, detail) under one kind. */
static void add_steps(json_t *a, struct stmt *s, const char *kind)
{
    while (q_step(s) == 1)
        if (!q_is_null(s, 0))
            add_step(a, q_col(s, 0), kind, q_col(s, 1), q_str(s, 2));
    q_done(s);
}

static void add_words(struct db *db, json_t *a, const struct view *v)
{
    static const struct {
        const char *event, *kind;
    } words[] = {
        {"lot.held", "held"}, {"lot.released", "released"}, {"recall.started", "recalled"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct stmt *s = db_q(
            db,
            "SELECT e.at_ms, 0, json_extract(CAST(e.body AS TEXT), '$.reason') FROM lot_event x "
            "JOIN event e ON e.seq = x.event_seq WHERE x.lot = ?1 AND e.kind = ?2 ORDER BY e.seq");
        add_steps(a, q_text(q_text(s, 1, v->l.lot), 2, words[i].event), words[i].kind);
    }
}

static int64_t at_of(const json_t *o)
{
    return json_int_or(o, "at_ms", 0);
}

/* By time; few rows, and equal times keep their order. */
static json_t *in_order(json_t *a)
{
    json_t *sorted = json_array();
    for (size_t i = 0; i < json_array_size(a); i++) {
        size_t k = json_array_size(sorted);
        while (k > 0 && at_of(json_array_get(sorted, k - 1)) > at_of(json_array_get(a, i)))
            k--;
        json_array_insert(sorted, k, json_array_get(a, i));
    }
    json_decref(a);
    return sorted;
}

static json_t *timeline_of(struct db *db, const struct view *v)
{
    json_t *a = json_array();
    struct stmt *s =
        db_q(db, ANCESTORS
             "SELECT min(l.opened_ms), sum(l.mg), CAST(count(*) AS TEXT) FROM up JOIN lot l ON "
             "l.lot = up.lot AND l.kind = 'intake'");
    add_steps(a, q_text(s, 1, v->l.lot), "received");
    s = db_q(db, "SELECT started_ms, in_mg, line FROM run WHERE run = ?1");
    add_steps(a, q_int(s, 1, v->l.run), "sorting");
    s = db_q(
        db,
        "SELECT min(opened_ms), sum(out_mg), 'hand' FROM task WHERE lot = ?1 AND state <> 'void'");
    add_steps(a, q_text(s, 1, v->l.source), "sorting");
    s = db_q(db, "SELECT at_ms, ?2, ?3 FROM event WHERE seq = ?1");
    add_steps(a, q_text(q_int(q_int(s, 1, v->graded_seq), 2, v->l.mg), 3, v->l.grade_code),
              "graded");
    if (v->b.box[0])
        add_step(a, v->b.packed_ms, "packed", v->b.net_mg, "");
    s = db_q(db, "SELECT min(packed_ms), sum(net_mg), CAST(count(*) AS TEXT) FROM unit WHERE lot = "
                 "?1 AND state = 'packed' "
                 "AND ?2 = ''");
    add_steps(a, q_text(q_text(s, 1, v->l.lot), 2, v->b.box), "packed");
    add_words(db, a, v);
    return in_order(a);
}

/* ---- numbers ---- */

static json_t *balance_of(struct db *db, const struct view *v)
{
    struct stmt *s;
    int64_t in = v->l.mg, out = v->l.drawn_mg, loss = 0;
    if (v->l.run) {
        s = db_q(db, "SELECT r.in_mg, (SELECT sum(l.mg) FROM run_output o JOIN lot l ON l.lot = "
                     "o.lot WHERE o.run = "
                     "r.run), r.state = 'closed' FROM run r WHERE r.run = ?1");
        q_int(s, 1, v->l.run);
    } else if (v->l.source[0]) {
        s = db_q(db, "SELECT sum(out_mg), sum(out_mg - loss_mg), 1 FROM task WHERE lot = ?1 AND "
                     "state = 'closed'");
        q_text(s, 1, v->l.source);
    } else
        return json_pack("{s:I,s:I,s:I}", "in_mg", (json_int_t)in, "out_mg", (json_int_t)out,
                         "loss_mg", (json_int_t)loss);
    if (q_step(s) == 1) {
        in = q_col(s, 0);
        out = q_col(s, 1);
        loss = q_col(s, 2) ? in - out : 0;
    }
    q_done(s);
    return json_pack("{s:I,s:I,s:I}", "in_mg", (json_int_t)in, "out_mg", (json_int_t)out, "loss_mg",
                     (json_int_t)loss);
}

/* Invariant 3. */
static int64_t static_net(const struct view *v)
{
    if (v->b.box[0])
        return v->b.net_mg;
    return strcmp(v->l.unit, "GRM") == 0 || strcmp(v->l.kind, "intake") == 0 ? v->l.mg
                                                                             : v->lot_net_mg;
}

static json_t *seal_of_box(struct db *db, const struct view *v)
{
    json_t *o = NULL;
    if (!v->b.box[0])
        return json_null();
    struct stmt *s = db_q(db, "SELECT record FROM unit WHERE box = ?1");
    if (q_step(q_text(s, 1, v->b.box)) == 1)
        o = json_pack("{s:s,s:s,s:s}", "text", v->b.seal, "record", q_str(s, 0), "nonce",
                      v->b.nonce);
    q_done(s);
    return o;
}

static json_t *log_of(struct db *db, const struct view *v)
{
    json_t *o = NULL;
    struct err why = {0};
    int64_t seq = v->b.box[0] ? v->b.event_seq : v->graded_seq ? v->graded_seq : v->opened_seq;
    int rc = tlog_evidence(db, seq, &o, &why);
    if (step_trouble(rc))
        return NULL;
    return rc < 0 ? json_null() : o; /* no checkpoint tells of it yet */
}

static json_t *count_or_null(int64_t n)
{
    return n > 0 ? json_integer(n) : json_null();
}

static int64_t boxes_of(struct db *db, const char *lot)
{
    struct stmt *s = db_q(db, "SELECT count(*) FROM unit WHERE lot = ?1 AND state = 'packed'");
    int64_t n = q_step(q_text(s, 1, lot)) == 1 ? q_col(s, 0) : 0;
    q_done(s);
    return n;
}

/* ---- the document ---- */

static int read_view(struct db *db, const struct trace_start *t, struct view *v, struct err *e)
{
    int rc = t->kind == TRACE_BOX ? box_get(db, t->id, &v->b, e) : 0;
    if (rc < 0 || (rc = ledger_get(db, t->kind == TRACE_BOX ? v->b.lot : t->id, &v->l, e)) < 0)
        return rc;
    struct stmt *s = db_q(db, "SELECT coalesce(pieces, 0), opened_seq, coalesce(graded_seq, 0), "
                              "opened_ms, net_mg FROM lot "
                              "WHERE lot = ?1");
    if ((rc = q_one(q_text(s, 1, v->l.lot))) < 0)
        return err_set(e, rc, "lot %s cannot be read", v->l.lot);
    v->pieces = v->b.box[0] ? v->b.pieces : q_col(s, 0);
    v->opened_seq = q_col(s, 1);
    v->graded_seq = q_col(s, 2);
    v->opened_ms = q_col(s, 3);
    v->lot_net_mg = q_col(s, 4);
    q_done(s);
    return 0;
}

static json_t *public_document(struct db *db, const struct view *v)
{
    char reason[200];
    const struct ledger_lot *l = &v->l;
    const char *verdict = verdict_of(db, v, reason);
    int64_t net = static_net(v);
    json_t *log = log_of(db, v);
    json_t *o =
        json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:s,s:o,s:o,s:s,s:o,s:o}", "id",
                  v->b.box[0] ? v->b.box : l->lot, "kind", v->b.box[0] ? "box" : l->kind, "verdict",
                  verdict, "reason", reason, "product", facts_product(db, l->product), "grade",
                  facts_grade(db, l), "grade_basis", facts_basis(db, l), "rule", facts_rule(db, l),
                  "net_mg", count_or_null(net), "net_basis", net > 0 ? "static" : "none",
                  "packed_ms", count_or_null(v->b.packed_ms), "pieces", count_or_null(v->pieces));
    json_t *more = json_pack("{s:o,s:o,s:o,s:s,s:s,s:I,s:o,s:o,s:o,s:o,s:I,s:o}", "coop",
                             facts_coop(db), "origin", facts_origin(db, l->lot), "farms",
                             facts_farms(db, l->lot), "sorted_by", l->run ? "line" : "hand", "lot",
                             l->lot, "boxes", (json_int_t)boxes_of(db, l->lot), "timeline",
                             timeline_of(db, v), "balance", balance_of(db, v), "seal",
                             seal_of_box(db, v), "calibration", facts_calibration(db, l), "asof_ms",
                             (json_int_t)json_int_or(log, "at_ms", v->opened_ms), "log", log);
    if (!o || !more) {
        json_decref(o);
        json_decref(more);
        return NULL;
    }
    json_object_update_new(o, more);
    return o;
}

int lot_public(struct db *db, const char *id, json_t **ret, struct err *e)
{
    struct trace_start t;
    struct view v = {0};
    struct step_watch since = step_watch(db);
    const char *slash = strchr(id, '/');
    int rc = trace_find(db, slash ? slash + 1 : id, &t, e);
    if (rc < 0)
        return rc;
    json_decref(t.lots);
    if (t.kind == TRACE_RUN)
        return err_set(e, ERR_NOT_FOUND,
                       "%s is a run: the label carries the number of a lot or a box", t.id);
    rc = read_view(db, &t, &v, e);
    return step_told(db, since, rc, rc < 0 ? NULL : public_document(db, &v), ret,
                     e); /* invariant 4 */
}
