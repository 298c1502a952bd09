/* Genealogy (contract: trace.h). Lists of lots go to SQL as one JSON text, so that a set of any
 * size is one statement. */
#include "traceability/trace.h"
#include "traceability/box.h"
#include "traceability/ledger.h"
#include "traceability/lot.h"
#include "traceability/run.h"
#include "traceability/step.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void capitals(const char *text, char *ret, size_t size)
{
    size_t i = 0;
    for (; text[i] && i + 1 < size; i++)
        ret[i] = (char)toupper((unsigned char)text[i]);
    ret[i] = 0;
}

static int start_lot(struct db *db, const char *id, struct trace_start *t, struct err *e)
{
    struct ledger_lot l;
    int rc = ledger_get(db, id, &l, e);
    if (rc < 0)
        return rc;
    t->kind = TRACE_LOT;
    snprintf(t->id, sizeof t->id, "%s", l.lot);
    t->lots = json_pack("[s]", l.lot);
    return 0;
}

static int start_run(struct db *db, const char *id, struct trace_start *t, struct err *e)
{
    struct run_row r;
    int rc = run_get(db, id, &r, e);
    if (rc < 0)
        return rc;
    t->kind = TRACE_RUN;
    snprintf(t->id, sizeof t->id, "%s", r.id);
    rc = step_column(
        q_int(db_q(db, "SELECT lot FROM run_output WHERE run = ?1 ORDER BY grade"), 1, r.run),
        &t->lots);
    return rc < 0 ? err_set(e, rc, "the lots of run %s cannot be read", r.id) : 0;
}

/* Box ids and seals have no I, L and O: whoever reads one means 1 or 0. */
static int start_box(struct db *db, char *id, struct trace_start *t, struct err *e)
{
    struct box_row b;
    for (char *p = id; *p; p++)
        *p = *p == 'O' ? '0' : *p == 'I' || *p == 'L' ? '1' : *p;
    int rc = box_get(db, id, &b, e);
    if (rc < 0)
        return rc;
    t->kind = TRACE_BOX;
    snprintf(t->id, sizeof t->id, "%s", b.box);
    t->lots = json_pack("[s]", b.lot);
    return 0;
}

int trace_find(struct db *db, const char *text, struct trace_start *ret, struct err *e)
{
    struct trace_start t = {0};
    char id[24];
    capitals(text, id, sizeof id);
    int rc;
    if (strchr(id, '-'))
        rc = id[0] == IDENT_RUN ? start_run(db, id, &t, e) : start_lot(db, id, &t, e);
    else
        rc = start_box(db, id, &t, e);
    if (rc == 0 && !t.lots)
        rc = err_set(e, ERR_NOMEM, "no memory to trace %s", id);
    if (rc == 0)
        *ret = t;
    return rc;
}

static int closure(struct db *db, const char *sql, const json_t *lots, json_t **ret, struct err *e)
{
    char *text = json_dumps(lots, JSON_COMPACT);
    if (!text)
        return err_set(e, ERR_NOMEM, "no memory to trace");
    int rc = step_column(q_text(db_q(db, sql), 1, text), ret);
    free(text);
    return rc < 0 ? err_set(e, rc, "the genealogy cannot be read: %s", db_message(db)) : 0;
}

int trace_back(struct db *db, const json_t *lots, json_t **ret, struct err *e)
{
    return closure(db,
                   "WITH RECURSIVE up(lot) AS (SELECT value FROM json_each(?1) UNION SELECT e.src "
                   "FROM up JOIN "
                   "edge e ON e.dst = up.lot) SELECT lot FROM up ORDER BY 1",
                   lots, ret, e);
}

int trace_forward(struct db *db, const json_t *lots, json_t **ret, struct err *e)
{
    return closure(db,
                   "WITH RECURSIVE down(lot) AS (SELECT value FROM json_each(?1) UNION SELECT "
                   "e.dst FROM down JOIN "
                   "edge e ON e.src = down.lot) SELECT lot FROM down ORDER BY 1",
                   lots, ret, e);
}

/* ---- lot_trace ---- */

static json_t *lot_rows(struct db *db, const char *set)
{
    struct stmt *s = db_q(
        db,
        "SELECT lot, kind, state, product, farmer, township_zh, township_en, grade_code, mg, "
        "drawn_mg, net_mg, opened_ms FROM lot WHERE lot IN (SELECT value FROM json_each(?1)) ORDER "
        "BY opened_seq, lot");
    json_t *a = json_array();
    q_text(s, 1, set);
    while (q_step(s) == 1)
        json_array_append_new(
            a, json_pack("{s:s,s:s,s:s,s:s,s:s*,s:s*,s:s*,s:s*,s:I,s:I,s:I,s:I}", "lot",
                         q_str(s, 0), "kind", q_str(s, 1), "state", q_str(s, 2), "product",
                         q_str(s, 3), "farmer", q_is_null(s, 4) ? NULL : q_str(s, 4), "township_zh",
                         q_is_null(s, 5) ? NULL : q_str(s, 5), "township_en",
                         q_is_null(s, 6) ? NULL : q_str(s, 6), "grade",
                         q_is_null(s, 7) ? NULL : q_str(s, 7), "mg", (json_int_t)q_col(s, 8),
                         "drawn_mg", (json_int_t)q_col(s, 9), "net_mg", (json_int_t)q_col(s, 10),
                         "opened_ms", (json_int_t)q_col(s, 11)));
    q_done(s);
    return a;
}

static json_t *weighing_rows(struct db *db, const char *set)
{
    struct stmt *s = db_q(
        db,
        "SELECT w.weighing, w.purpose, w.lot, w.scale, w.gross_mg, w.tare_mg, w.net_mg, w.alibi, "
        "w.at_ms, w.voided_seq FROM json_each(?1) j JOIN weighing w ON w.lot = j.value WHERE "
        "w.purpose = 'intake' ORDER BY w.event_seq");
    json_t *a = json_array();
    q_text(s, 1, set);
    while (q_step(s) == 1)
        json_array_append_new(
            a, json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:s,s:I,s:b}", "weighing", q_str(s, 0),
                         "purpose", q_str(s, 1), "lot", q_str(s, 2), "scale", q_str(s, 3),
                         "gross_mg", (json_int_t)q_col(s, 4), "tare_mg", (json_int_t)q_col(s, 5),
                         "net_mg", (json_int_t)q_col(s, 6), "alibi", q_str(s, 7), "at_ms",
                         (json_int_t)q_col(s, 8), "void", !q_is_null(s, 9)));
    q_done(s);
    return a;
}

static json_t *box_rows(struct db *db, const char *set)
{
    struct stmt *s = db_q(db, "SELECT u.box, u.lot, u.state, u.net_mg, u.packed_ms, u.seal FROM "
                              "json_each(?1) j JOIN unit "
                              "u ON u.lot = j.value ORDER BY u.event_seq");
    json_t *a = json_array();
    q_text(s, 1, set);
    while (q_step(s) == 1)
        json_array_append_new(a, json_pack("{s:s,s:s,s:s,s:I,s:I,s:s}", "box", q_str(s, 0), "lot",
                                           q_str(s, 1), "state", q_str(s, 2), "net_mg",
                                           (json_int_t)q_col(s, 3), "packed_ms",
                                           (json_int_t)q_col(s, 4), "seal", q_str(s, 5)));
    q_done(s);
    return a;
}

static json_t *edge_rows(struct db *db, const char *set)
{
    struct stmt *s = db_q(
        db, "SELECT e.src, e.dst, e.mg, e.via FROM json_each(?1) j JOIN edge e ON e.dst = j.value "
            "ORDER BY e.event_seq, 1, 2");
    json_t *a = json_array();
    q_text(s, 1, set);
    while (q_step(s) == 1)
        json_array_append_new(a,
                              json_pack("{s:s,s:s,s:I,s:s}", "src", q_str(s, 0), "dst", q_str(s, 1),
                                        "mg", (json_int_t)q_col(s, 2), "via", q_str(s, 3)));
    q_done(s);
    return a;
}

static json_t *share_rows(struct db *db, const char *set)
{
    struct stmt *s = db_q(
        db,
        "SELECT s.lot, s.alias, s.farmer, s.ppm FROM json_each(?1) j JOIN lot_share s ON s.lot = "
        "j.value ORDER BY 1, 2");
    json_t *a = json_array();
    char alias[24];
    q_text(s, 1, set);
    while (q_step(s) == 1) {
        snprintf(alias, sizeof alias, "F%lld", (long long)q_col(s, 1));
        json_array_append_new(a, json_pack("{s:s,s:s,s:s,s:I}", "lot", q_str(s, 0), "alias", alias,
                                           "farmer", q_str(s, 2), "share_ppm",
                                           (json_int_t)q_col(s, 3)));
    }
    q_done(s);
    return a;
}

static int make_trace(struct db *db, const char *id, json_t **ret, struct err *e)
{
    static const char *const kinds[] = {"lot", "box", "run"};
    struct trace_start t = {0};
    json_t *back = NULL, *forward = NULL;
    char *up = NULL, *down = NULL, *own = NULL;
    int rc = trace_find(db, id, &t, e);
    if (rc < 0)
        return rc;
    if ((rc = trace_back(db, t.lots, &back, e)) == 0 &&
        (rc = trace_forward(db, t.lots, &forward, e)) == 0) {
        up = json_dumps(back, JSON_COMPACT);
        down = json_dumps(forward, JSON_COMPACT);
        own = json_dumps(t.lots, JSON_COMPACT);
        *ret = up && down && own
                   ? json_pack("{s:s,s:s,s:O,s:{s:o,s:o,s:o,s:o},s:{s:o,s:o}}", "id", t.id, "kind",
                               kinds[t.kind], "lots", t.lots, "back", "lots", lot_rows(db, up),
                               "edges", edge_rows(db, up), "weighings", weighing_rows(db, up),
                               "farms", share_rows(db, own), "forward", "lots", lot_rows(db, down),
                               "boxes", box_rows(db, down))
                   : NULL;
    }
    free(up);
    free(down);
    free(own);
    json_decref(back);
    json_decref(forward);
    json_decref(t.lots);
    return rc;
}

int lot_trace(struct db *db, const char *id, json_t **ret, struct err *e)
{
    struct step_watch w = step_watch(db);
    json_t *answer = NULL;
    int rc = make_trace(db, id, &answer, e);
    return step_told(db, w, rc, answer, ret, e);
}
