/* Hold, release, recall. Main thread.
 *
 * 1. A hold stops a lot and everything that came from it: ledger_free_to_use asks the ancestors.
 * 2. Buyers hear of every graded lot concerned; the internal event beside it says who did it.
 * 3. A recall answers by itself (recall.c); starting one is a person's act. A drill records itself
 * and blocks nothing. */
#include "traceability/ledger.h"
#include "traceability/lot.h"
#include "traceability/step.h"
#include <string.h>

#define LOTS_PER_EVENT 1000

/* Graded lots that are the lot or came from it. */
static int graded_below(struct db *db, const char *lot, json_t **ret)
{
    struct stmt *s = db_q(
        db,
        "WITH RECURSIVE down(lot) AS (VALUES(?1) UNION SELECT e.dst FROM edge e JOIN down ON "
        "e.src = down.lot) SELECT l.lot FROM down JOIN lot l ON l.lot = down.lot WHERE l.kind = "
        "'graded' ORDER BY 1");
    return step_column(q_text(s, 1, lot), ret);
}

static int tell_each(struct command_context *c, enum event_kind kind, const json_t *lots,
                     const char *reason, bool only_free, struct err *e)
{
    const json_t *lot;
    size_t i;
    json_array_foreach(lots, i, lot) {
        const char *id = json_string_value(lot);
        struct err why = {0};
        if (only_free && ledger_free_to_use(store_db(c->store), id, &why) == ERR_STATE)
            continue; /* another hold still stands */
        int rc = step_append(c, kind, json_pack("{s:s,s:s}", "lot", id, "reason", reason), NULL, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int hold_args(struct command_context *c, const json_t *args, const char **lot,
                     const char **reason, struct err *e)
{
    int rc = json_only(args, "lot|reason", e);
    if (rc < 0 || (rc = step_required(args, "lot", 20, lot, e)) < 0)
        return rc;
    return step_reason(c, args, "reason", 200, reason, e);
}

static int active_hold(struct db *db, const char *lot, int64_t *ret_seq)
{
    struct stmt *s = db_q(db, "SELECT event_seq FROM hold WHERE lot = ?1 AND released_ms IS NULL");
    int rc = q_step(q_text(s, 1, lot));
    *ret_seq = rc == 1 ? q_col(s, 0) : 0;
    q_done(s);
    return rc < 0 ? rc : 0;
}

int command_hold_place(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    struct db *db = store_db(c->store);
    struct ledger_lot l;
    const char *lot, *reason;
    json_t *lots = NULL;
    int64_t hold;
    int rc = hold_args(c, args, &lot, &reason, e);
    if (rc < 0 || (rc = ledger_get(db, lot, &l, e)) < 0)
        return rc;
    if ((rc = active_hold(db, lot, &hold)) == 0 && hold)
        return err_set(e, ERR_EXISTS,
                       "lot %s is on hold already: release it first to give another reason", lot);
    if (rc == 0 && (rc = graded_below(db, lot, &lots)) < 0)
        return err_set(e, rc, "what came from lot %s cannot be read", lot);
    if (rc == 0)
        rc = step_append(c, EVENT_HOLD_PLACED, json_pack("{s:s,s:s}", "lot", lot, "reason", reason),
                         NULL, e);
    if (rc == 0)
        rc = tell_each(c, EVENT_LOT_HELD, lots, reason, false, e);
    if (rc == 0)
        rc = step_answer(ret, json_pack("{s:s,s:O}", "lot", lot, "held", lots), e);
    json_decref(lots);
    return rc;
}

int command_hold_release(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    struct db *db = store_db(c->store);
    const char *lot, *reason;
    struct ledger_lot l;
    json_t *lots = NULL;
    int64_t hold;
    int rc = hold_args(c, args, &lot, &reason, e);
    if (rc < 0 || (rc = ledger_get(db, lot, &l, e)) < 0)
        return rc;
    if ((rc = active_hold(db, lot, &hold)) == 0 && !hold)
        return err_set(e, ERR_STATE, "lot %s is not on hold", lot);
    if (rc == 0 && (rc = graded_below(db, lot, &lots)) < 0)
        return err_set(e, rc, "what came from lot %s cannot be read", lot);
    if (rc == 0)
        rc = step_append(
            c, EVENT_HOLD_RELEASED,
            json_pack("{s:s,s:s,s:I}", "lot", lot, "reason", reason, "hold", (json_int_t)hold),
            NULL, e);
    if (rc == 0)
        rc = tell_each(c, EVENT_LOT_RELEASED, lots, reason, true, e);
    if (rc == 0)
        rc = step_answer(ret, json_pack("{s:s,s:O}", "lot", lot, "released", lots), e);
    json_decref(lots);
    return rc;
}

int apply_hold_placed(struct db *db, const struct event *ev)
{
    struct stmt *s =
        db_q(db, "INSERT INTO hold(lot, reason, at_ms, event_seq) VALUES(?1,?2,?3,?4)");
    int rc = q_run(q_int(q_int(step_bind(s, ev, "lot|reason"), 3, ev->at.ms), 4, ev->seq));
    return rc < 0 ? rc : ledger_note(db, step_text(ev, "lot"), ev->seq);
}

int apply_hold_released(struct db *db, const struct event *ev)
{
    struct stmt *s = db_q(db, "UPDATE hold SET released_ms = ?2 WHERE event_seq = ?1");
    int rc = q_run(q_int(step_bind(s, ev, "hold"), 2, ev->at.ms));
    return rc < 0 ? rc : ledger_note(db, step_text(ev, "lot"), ev->seq);
}

int apply_lot_word(struct db *db, const struct event *ev)
{
    return ledger_note(db, step_text(ev, "lot"), ev->seq);
}

/* ---- recall ---- */

/* recall.started for at most LOTS_PER_EVENT graded lots each: an event is bounded. */
static int tell_recall(struct command_context *c, const json_t *lots, const char *reason,
                       struct err *e)
{
    size_t n = json_array_size(lots), parts = (n + LOTS_PER_EVENT - 1) / LOTS_PER_EVENT;
    for (size_t p = 0; p < parts; p++) {
        json_t *some = json_array();
        for (size_t i = p * LOTS_PER_EVENT; i < n && i < (p + 1) * LOTS_PER_EVENT; i++)
            json_array_append(some, json_array_get(lots, i));
        int rc = step_append(c, EVENT_RECALL_STARTED,
                             json_pack("{s:o,s:s,s:I,s:I}", "lots", some, "reason", reason, "part",
                                       (json_int_t)p + 1, "parts", (json_int_t)parts),
                             NULL, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Ids of the graded ones among the lots of a recall answer. */
static json_t *graded_among(struct db *db, const json_t *lots)
{
    json_t *a = json_array();
    const json_t *lot;
    size_t i;
    json_array_foreach(lots, i, lot) {
        struct ledger_lot l;
        if (ledger_get(db, json_string_value(lot), &l, NULL) == 0 && strcmp(l.kind, "graded") == 0)
            json_array_append_new(a, json_string(l.lot));
    }
    return a;
}

static json_t *recall_counts(const char *id, const char *reason, const json_t *set)
{
    json_t *b = json_pack("{s:s,s:I,s:I,s:I}", "id", id, "lots",
                          (json_int_t)json_array_size(json_object_get(set, "lots")), "boxes",
                          (json_int_t)json_array_size(json_object_get(set, "boxes")), "farms",
                          (json_int_t)json_array_size(json_object_get(set, "farmers")));
    step_set_text(b, "reason", reason);
    return b;
}

int command_recall_start(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    const char *id, *reason;
    json_t *set = NULL;
    int rc = json_only(args, "id|reason", e);
    if (rc < 0 || (rc = step_required(args, "id", 24, &id, e)) < 0 ||
        (rc = step_reason(c, args, "reason", 200, &reason, e)) < 0 ||
        (rc = lot_recall(store_db(c->store), id, &set, e)) < 0)
        return rc;
    json_t *graded = graded_among(store_db(c->store), json_object_get(set, "lots"));
    rc = step_append(c, EVENT_RECALL_ORDERED, recall_counts(id, reason, set), NULL, e);
    if (rc == 0)
        rc = tell_recall(c, graded, reason, e);
    if (rc == 0)
        rc = step_answer(ret,
                         json_pack("{s:s,s:O,s:O}", "id", id, "recalled", graded, "boxes",
                                   json_object_get(set, "boxes")),
                         e);
    json_decref(graded);
    json_decref(set);
    return rc;
}

int apply_recall_ordered(struct db *db, const struct event *ev)
{
    struct stmt *s =
        db_q(db, "INSERT INTO recall(id, reason, at_ms, event_seq) VALUES(?1,?2,?3,?4)");
    return q_run(q_int(q_int(step_bind(s, ev, "id|reason"), 3, ev->at.ms), 4, ev->seq));
}

int apply_recall_started(struct db *db, const struct event *ev)
{
    const json_t *lots = json_object_get(ev->body, "lots"), *lot;
    size_t i;
    int rc = 0;
    json_array_foreach(lots, i, lot) {
        struct stmt *s = db_q(db, "UPDATE lot SET recalled = 1 WHERE lot = ?1");
        if (rc == 0)
            rc = q_run(q_text(s, 1, json_string_value(lot)));
        if (rc == 0)
            rc = ledger_note(db, json_string_value(lot), ev->seq);
    }
    return rc;
}

int command_recall_drill(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    const char *id;
    json_t *set = NULL;
    struct mono began = mono_now();
    int rc = json_only(args, "id", e);
    if (rc < 0 || (rc = step_required(args, "id", 24, &id, e)) < 0 ||
        (rc = lot_recall(store_db(c->store), id, &set, e)) < 0)
        return rc;
    json_t *body = recall_counts(id, NULL, set);
    step_set_int(body, "took_us", mono_since_ns(mono_now(), began) / 1000);
    json_decref(set);
    rc = step_append(c, EVENT_RECALL_DRILLED, json_incref(body), NULL, e);
    if (rc == 0)
        return step_answer(ret, body, e);
    json_decref(body);
    return rc;
}
