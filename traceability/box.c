/* Boxes (contract: box.h).  way: 12/12 graded goods into a sealed box
 * Main thread of lotlined.
 *
 * 1. A box of an outlet holds the outcomes there between its opening and its closing OUT_INDEX
 *    (MAILBOX rule 13); all of them must be of one run and one grade, as planned.
 * 2. Its net weight is what the static scale showed at closing; the sum of its items stands beside
 * it.
 * 3. What is not known, on hold, recalled, rework or reject is not packed. */
#include "traceability/box.h"
#include "traceability/facts.h"
#include "traceability/ledger.h"
#include "traceability/run.h"
#include "traceability/seal.h"
#include "traceability/step.h"
#include "traceability/totals.h"
#include "traceability/weighing.h"
#include "base/crypto.h"
#include "base/num.h"
#include "crops/crop.h"
#include <stdlib.h>
#include <string.h>

#define OUTLETS 16

int box_get(struct db *db, const char *id, struct box_row *ret, struct err *e)
{
    struct box_row b = {0};
    struct stmt *s = db_q(
        db,
        "SELECT box, lot, state, weighing, seal, nonce, net_mg, drawn_mg, packed_ms, event_seq, "
        "coalesce(items_mg, -1), coalesce(pieces, -1), coalesce(unknown, -1) FROM unit "
        "WHERE box = ?1 OR seal = ?1");
    int rc = q_one(q_text(s, 1, id));
    if (rc < 0)
        return err_set(e, rc, "no box %.20s: compare the ten characters with the label", id);
    STEP_COPY(b.box, s, 0);
    STEP_COPY(b.lot, s, 1);
    STEP_COPY(b.state, s, 2);
    STEP_COPY(b.weighing, s, 3);
    STEP_COPY(b.seal, s, 4);
    STEP_COPY(b.nonce, s, 5);
    b.net_mg = q_col(s, 6);
    b.drawn_mg = q_col(s, 7);
    b.packed_ms = q_col(s, 8);
    b.event_seq = q_col(s, 9);
    b.items_mg = q_col(s, 10);
    b.pieces = q_col(s, 11);
    b.unknown = q_col(s, 12);
    q_done(s);
    *ret = b;
    return 0;
}

/* ---- under an outlet ---- */

struct open_box {
    char box[IDENT_BOX_SIZE];
    int64_t out_from;
};

/* 1: one stands there; 0: none. */
static int standing(struct db *db, const char *line, int64_t outlet, struct open_box *ret)
{
    struct stmt *s = db_q(db, "SELECT box, out_from FROM box_open WHERE line = ?1 AND outlet = ?2");
    int rc = q_step(q_int(q_text(s, 1, line), 2, outlet));
    if (rc == 1) {
        STEP_COPY(ret->box, s, 0);
        ret->out_from = q_col(s, 1);
    }
    q_done(s);
    return rc;
}

/* An OUT_INDEX of the line's newest epoch as an outcome id; absent: the newest that
 * is committed. */
static int out_position(struct db *db, const json_t *args, const char *line, const char *key,
                        int64_t *ret, struct err *e)
{
    uint32_t no;
    int64_t newest, out;
    int rc = totals_newest(db, line, &no, &newest, e);
    if (rc < 0)
        return rc;
    *ret = newest;
    if (!json_object_get(args, key))
        return 0;
    if ((rc = json_get_int(args, key, 0, UINT32_MAX, &out, e)) < 0)
        return rc;
    *ret = (newest >> 32) << 32 | out;
    return 0;
}

int command_box_open(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    struct db *db = store_db(c->store);
    struct open_box old;
    const char *line;
    int64_t outlet, from;
    char box[IDENT_BOX_SIZE];
    int rc = json_only(args, "line|outlet|out", e);
    if (rc < 0 || (rc = step_required(args, "line", 24, &line, e)) < 0 ||
        (rc = json_get_int(args, "outlet", 1, OUTLETS, &outlet, e)) < 0 ||
        (rc = out_position(db, args, line, "out", &from, e)) < 0)
        return rc;
    if ((rc = standing(db, line, outlet, &old)) < 0)
        return err_set(e, rc, "the boxes of line %s cannot be read", line);
    if (rc == 1)
        return err_set(e, ERR_STATE,
                       "box %s stands under outlet %lld: weigh it to close it, or box.cancel",
                       old.box, (long long)outlet);
    ident_box(box);
    rc = step_append(c, EVENT_BOX_OPENED,
                     json_pack("{s:s,s:s,s:I,s:I}", "box", box, "line", line, "outlet",
                               (json_int_t)outlet, "out_from", (json_int_t)from),
                     NULL, e);
    return rc < 0 ? rc
                  : step_answer(ret,
                                json_pack("{s:s,s:s,s:I}", "box", box, "line", line, "outlet",
                                          (json_int_t)outlet),
                                e);
}

int apply_box_opened(struct db *db, const struct event *ev)
{
    struct stmt *s = db_q(
        db, "INSERT INTO box_open(box, line, outlet, out_from, opened_ms) VALUES(?1,?2,?3,?4,?5)");
    return q_run(q_int(step_bind(s, ev, "box|line|outlet|out_from"), 5, ev->at.ms));
}

int command_box_cancel(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    struct open_box old;
    const char *line, *reason;
    int64_t outlet;
    int rc = json_only(args, "line|outlet|reason", e);
    if (rc < 0 || (rc = step_required(args, "line", 24, &line, e)) < 0 ||
        (rc = json_get_int(args, "outlet", 1, OUTLETS, &outlet, e)) < 0 ||
        (rc = step_reason(c, args, "reason", 200, &reason, e)) < 0)
        return rc;
    if ((rc = standing(store_db(c->store), line, outlet, &old)) <= 0)
        return err_set(e, rc ? rc : ERR_NOT_FOUND, "no box stands under outlet %lld of line %s",
                       (long long)outlet, line);
    rc = step_append(c, EVENT_BOX_CANCELLED,
                     json_pack("{s:s,s:s,s:I,s:s}", "box", old.box, "line", line, "outlet",
                               (json_int_t)outlet, "reason", reason),
                     NULL, e);
    return rc < 0 ? rc : step_answer(ret, json_pack("{s:s,s:b}", "box", old.box, "ok", 1), e);
}

int apply_box_cancelled(struct db *db, const struct event *ev)
{
    struct stmt *s = db_q(db, "DELETE FROM box_open WHERE line = ?1 AND outlet = ?2");
    return q_run(step_bind(s, ev, "line|outlet"));
}

/* ---- closing ---- */

/* Invariant 1. */
static int one_grade_only(struct db *db, const char *line, int64_t outlet,
                          const struct box_content *b, struct err *e)
{
    if (b->other.pieces && b->good.pieces)
        return err_set(e, ERR_STATE,
                       "%lld of %lld pieces at outlet %lld are not of its grade (outcome reason "
                       "%u): mixed, sort them "
                       "again and box.cancel",
                       (long long)b->other.pieces, (long long)(b->other.pieces + b->good.pieces),
                       (long long)outlet, b->other_reason);
    if (b->other.pieces && b->unrouted)
        return err_set(e, ERR_STATE,
                       "the machine's table sorted to outlet %lld of line %s, which belongs to no "
                       "grade or to more than one grade: sort it again",
                       (long long)outlet, line);
    if (b->other.pieces)
        return err_set(
            e, ERR_STATE,
            "outlet %lld of line %s got rework only: it is not packed before it is sorted again",
            (long long)outlet, line);
    if (b->good.pieces == 0)
        return err_set(e, ERR_STATE,
                       "nothing came to outlet %lld of line %s since the box was opened",
                       (long long)outlet, line);
    (void)db;
    return 0;
}

static int from_outlet(struct db *db, const struct weighing *w, json_t *body, char ret_lot[21],
                       struct err *e)
{
    struct open_box old = {0};
    struct box_content b;
    const char *line;
    int64_t outlet, to;
    int rc = step_required(w->args, "line", 24, &line, e);
    if (rc < 0 || (rc = json_get_int(w->args, "outlet", 1, OUTLETS, &outlet, e)) < 0 ||
        (rc = out_position(db, w->args, line, "close_out", &to, e)) < 0)
        return rc;
    if ((rc = standing(db, line, outlet, &old)) <= 0)
        return err_set(
            e, rc ? rc : ERR_STATE,
            "no box stands under outlet %lld of line %s: box.open when an empty one is put there",
            (long long)outlet, line);
    if ((rc = totals_box(db, line, (uint32_t)outlet, old.out_from, to, &b, e)) < 0 ||
        (rc = one_grade_only(db, line, outlet, &b, e)) < 0 ||
        (rc = run_grade_lot(db, b.run, b.grade, ret_lot, e)) < 0)
        return rc;
    step_set_text(body, "box", old.box);
    step_set_text(body, "line", line);
    step_set_int(body, "outlet", outlet);
    step_set_int(body, "out_from", old.out_from);
    step_set_int(body, "out_to", to);
    step_set_int(body, "pieces", b.good.pieces);
    step_set_int(body, "items_mg", b.good.mg);
    step_set_int(body, "unknown", b.unknown);
    step_set_int(body, "drawn_mg", b.good.mg);
    return 0;
}

/* How much more than its books a lot may give: two divisions for goods weighed on a trade scale,
 * two per cent for goods that automatic readings add up to. */
static int64_t allowance(const struct ledger_lot *l, const struct weighing *w)
{
    int64_t two = 2 * w->scale.e_mg;
    return strcmp(l->unit, "MGM") == 0 && l->mg / 50 > two ? l->mg / 50 : two;
}

static int from_lot(struct db *db, const struct weighing *w, json_t *body, char ret_lot[21],
                    struct err *e)
{
    struct ledger_lot l;
    const char *lot;
    char box[IDENT_BOX_SIZE], kg[24];
    int rc = step_required(w->args, "lot", 20, &lot, e);
    if (rc < 0 || (rc = ledger_get(db, lot, &l, e)) < 0)
        return rc;
    if (strcmp(l.kind, "graded"))
        return err_set(e, ERR_STATE, "lot %s is %s: only graded lots are packed", lot,
                       strcmp(l.kind, "rework") ? "as it was delivered" : "to be sorted again");
    if (!l.graded)
        return err_set(e, ERR_STATE, "lot %s is not finished: %s first", lot,
                       l.run ? "stop its run" : "close its task (hand.close)");
    int64_t on_hand = ledger_on_hand(&l);
    if (on_hand <= 0 || w->net_mg > on_hand + allowance(&l, w))
        return err_set(e, ERR_STATE, "lot %s has %s kg on hand: less than is on the scale", lot,
                       num_kg(on_hand, kg, sizeof kg));
    ident_box(box);
    step_set_text(body, "box", box);
    step_set_int(body, "drawn_mg", w->net_mg < on_hand ? w->net_mg : on_hand);
    snprintf(ret_lot, 21, "%s", lot);
    return weighing_fits(w, lot, strcmp(l.unit, "GRM") ? "" : "GRM", e);
}

int box_check(struct command_context *c, const struct weighing *w, json_t *body, struct err *e)
{
    struct db *db = store_db(c->store);
    struct ledger_lot l;
    char lot[IDENT_LOT_SIZE];
    bool by_lot = json_object_get(w->args, "lot") != NULL;
    if (by_lot && json_object_get(w->args, "line"))
        return err_set(e, ERR_KEY, "a box is closed by line and outlet, or by lot, not by both");
    int rc = by_lot ? from_lot(db, w, body, lot, e) : from_outlet(db, w, body, lot, e);
    if (rc < 0 || (rc = ledger_get(db, lot, &l, e)) < 0 ||
        (rc = ledger_free_to_use(db, lot, e)) < 0)
        return rc; /* invariant 3 */
    if (strcmp(l.grade_code, "reject") == 0)
        return err_set(e, ERR_STATE, "lot %s is reject: it is weighed away, not packed for sale",
                       lot);
    json_t *coop = facts_coop(db);
    bool known = json_object_size(coop) > 0;
    json_decref(coop);
    if (!known)
        return err_set(e, ERR_STATE,
                       "enter the cooperative first (coop.set): its name stands on every label");
    step_set_text(body, "lot", lot);
    step_set_text(body, "grade", l.grade_code);
    step_set_text(body, "product", l.product);
    return 0;
}

/* What the printed seal commits to. malloc'd. */
static char *seal_record(struct db *db, const json_t *body, int64_t packed_ms)
{
    json_t *coop = facts_coop(db);
    const char *who = json_text_or(coop, "uscc", json_text_or(coop, "name_zh", ""));
    json_t *r =
        json_pack("{s:O,s:O,s:O,s:O,s:O,s:I,s:s}", "id", json_object_get(body, "box"), "lot",
                  json_object_get(body, "lot"), "product", json_object_get(body, "product"),
                  "grade", json_object_get(body, "grade"), "net_mg",
                  json_object_get(body, "net_mg"), "packed_ms", (json_int_t)packed_ms, "coop", who);
    char *text = r ? json_canonical(r, NULL) : NULL;
    json_decref(r);
    json_decref(coop);
    return text;
}

int box_after(struct command_context *c, const struct weighing *w, const json_t *body,
              json_t *answer, struct err *e)
{
    static const char *const copied[] = {"box",   "lot",      "product", "net_mg",   "weighing",
                                         "alibi", "drawn_mg", "pieces",  "items_mg", "unknown"};
    struct db *db = store_db(c->store);
    uint8_t nonce[SEAL_NONCE_LEN];
    char seal[SEAL_SIZE], hex[2 * SEAL_NONCE_LEN + 1], path[64];
    struct ledger_lot l;
    int64_t packed_ms = wall_now().ms;
    int rc = ledger_get(db, json_text_or(body, "lot", ""), &l, e);
    char *record = rc < 0 ? NULL : seal_record(db, body, packed_ms);
    if (!record)
        return rc < 0 ? rc : err_set(e, ERR_NOMEM, "no memory for a seal");
    crypto_random(nonce, sizeof nonce);
    seal_of(record, strlen(record), nonce, seal);
    json_t *b = json_pack("{s:I,s:s,s:s,s:s,s:o}", "packed_ms", (json_int_t)packed_ms, "record",
                          record, "nonce", hex_text(nonce, sizeof nonce, hex, sizeof hex), "seal",
                          seal, "grade", facts_grade(db, &l));
    free(record);
    for (size_t i = 0; b && i < sizeof copied / sizeof copied[0]; i++)
        if (json_object_get(body, copied[i]))
            json_object_set(b, copied[i], json_object_get(body, copied[i]));
    (void)w;
    if ((rc = step_append(c, EVENT_BOX_PACKED, b, NULL, e)) < 0)
        return rc;
    ident_box_path(json_text_or(body, "box", ""), seal, path, sizeof path);
    step_set_text(answer, "seal", seal);
    step_set_text(answer, "path", path);
    return 0;
}

/* weighing.accepted: the outlet is free again. */
int box_apply(struct db *db, const struct event *ev)
{
    struct stmt *s = db_q(db, "DELETE FROM box_open WHERE box = ?1");
    return q_run(step_bind(s, ev, "box"));
}

int apply_box_packed(struct db *db, const struct event *ev)
{
    const char *lot = step_text(ev, "lot");
    struct stmt *s = db_q(db, "INSERT INTO unit(box, lot, net_mg, drawn_mg, items_mg, pieces, "
                              "unknown, packed_ms, record, "
                              "nonce, seal, weighing, state, event_seq) "
                              "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,'packed',?13)");
    step_bind(
        s, ev,
        "box|lot|net_mg|drawn_mg|items_mg|pieces|unknown|packed_ms|record|nonce|seal|weighing");
    int rc = q_run(q_int(s, 13, ev->seq));
    if (rc == 0)
        rc = ledger_draw(db, lot, step_int(ev, "drawn_mg"));
    s = db_q(db, "UPDATE lot SET net_mg = net_mg + ?2 WHERE lot = ?1");
    if (rc == 0)
        rc = q_run(step_bind(s, ev, "lot|net_mg"));
    return rc < 0 ? rc : ledger_note(db, lot, ev->seq);
}

/* ---- voiding ---- */

int box_may_void(struct command_context *c, const struct weighing_row *r, bool manager,
                 json_t *body, struct err *e)
{
    struct box_row b = {0};
    (void)manager;
    int rc = box_get(store_db(c->store), r->box, &b, e);
    if (rc < 0)
        return rc;
    step_set_int(body, "drawn_mg", b.drawn_mg);
    return 0;
}

int box_undo(struct db *db, const struct event *ev)
{
    const char *lot = step_text(ev, "lot");
    struct stmt *s = db_q(db, "UPDATE unit SET state = 'void' WHERE box = ?1");
    int rc = q_run(step_bind(s, ev, "box"));
    if (rc == 0)
        rc = ledger_draw(db, lot, -step_int(ev, "drawn_mg"));
    s = db_q(db, "UPDATE lot SET net_mg = net_mg - ?2 WHERE lot = ?1");
    if (rc == 0)
        rc = q_run(step_bind(s, ev, "lot|net_mg"));
    return rc < 0 ? rc : ledger_note(db, lot, ev->seq);
}

/* The public word on it; its rows changed with weighing.voided already. */
int apply_box_voided(struct db *db, const struct event *ev)
{
    return ledger_note(db, step_text(ev, "lot"), ev->seq);
}
