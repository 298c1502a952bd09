/* Intake: a farmer's lot is opened, weighings are added to it, it is closed. Main thread.
 * The deliverer (代交) may be another person than the farmer who is credited; both
 * are pseudonyms. */
#include "traceability/intake.h"
#include "traceability/ledger.h"
#include "traceability/step.h"
#include "traceability/weighing.h"
#include <stdio.h>
#include <string.h>

static int party_is(struct db *db, const char *pid, const char *kind, struct err *e)
{
    struct stmt *s = db_q(db, "SELECT kind FROM party WHERE pid = ?1");
    int rc = q_one(q_text(s, 1, pid));
    if (rc < 0)
        return err_set(e, rc, "no %s %.20s: register the person first (%s.add)", kind, pid, kind);
    bool fits = strcmp(q_str(s, 0), kind) == 0;
    q_done(s);
    return fits ? 0 : err_set(e, ERR_STATE, "%s is registered, but not as a %s", pid, kind);
}

int intake_farmer(struct db *db, const char *pid, struct err *e)
{
    return party_is(db, pid, "farmer", e);
}

int intake_worker(struct db *db, const char *pid, struct err *e)
{
    return party_is(db, pid, "worker", e);
}

int intake_product(struct db *db, const char *product, struct err *e)
{
    struct stmt *s = db_q(db, "SELECT 1 FROM product WHERE product = ?1");
    int rc = q_one(q_text(s, 1, product));
    if (rc < 0)
        return err_set(e, rc, "no product %.32s: enter it first (product.add)", product);
    q_done(s);
    return 0;
}

struct opening {
    const char *farmer, *deliverer, *product, *zh, *en, *plot;
};

static int read_opening(struct db *db, const json_t *args, struct opening *o, struct err *e)
{
    int rc = json_only(args, "farmer|deliverer|product|township_zh|township_en|plot", e);
    if (rc < 0 || (rc = step_required(args, "farmer", 20, &o->farmer, e)) < 0 ||
        (rc = step_optional(args, "deliverer", 20, &o->deliverer, e)) < 0 ||
        (rc = step_required(args, "product", 32, &o->product, e)) < 0 ||
        (rc = step_optional(args, "township_zh", 120, &o->zh, e)) < 0 ||
        (rc = step_optional(args, "township_en", 120, &o->en, e)) < 0 ||
        (rc = step_optional(args, "plot", 40, &o->plot, e)) < 0)
        return rc;
    if (!o->zh != !o->en)
        return err_set(e, ERR_KEY,
                       "give the township in both languages: township_zh and township_en");
    if ((rc = intake_farmer(db, o->farmer, e)) < 0)
        return rc;
    return intake_product(db, o->product, e);
}

/* What the lot does not say for itself is where its farmer lives. */
static json_t *opening_body(struct db *db, const char *lot, const struct opening *o)
{
    struct stmt *s = db_q(db, "SELECT township_zh, township_en, plot FROM party WHERE pid = ?1");
    json_t *b = json_pack("{s:s,s:s,s:s}", "lot", lot, "farmer", o->farmer, "product", o->product);
    step_set_text(b, "deliverer", o->deliverer);
    if (q_step(q_text(s, 1, o->farmer)) == 1) {
        step_set_text(b, "township_zh", o->zh ? o->zh : q_str(s, 0));
        step_set_text(b, "township_en", o->en ? o->en : q_str(s, 1));
        step_set_text(b, "plot", o->plot ? o->plot : q_is_null(s, 2) ? NULL : q_str(s, 2));
    }
    q_done(s);
    return b;
}

int command_lot_open(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    struct db *db = store_db(c->store);
    struct opening o;
    struct ident_mint mint;
    char lot[IDENT_LOT_SIZE];
    int rc = read_opening(db, args, &o, e);
    if (rc < 0 || (rc = ident_begin(db, store_station(c->store), wall_now(), &mint, e)) < 0 ||
        (rc = ident_lot(&mint, IDENT_INTAKE, lot, e)) < 0 ||
        (rc = step_append(c, EVENT_LOT_OPENED, opening_body(db, lot, &o), NULL, e)) < 0)
        return rc;
    return step_answer(ret, json_pack("{s:s}", "lot", lot), e);
}

int apply_lot_opened(struct db *db, const struct event *ev)
{
    struct ledger_lot l = {.kind = "intake", .state = "open"};
    snprintf(l.lot, sizeof l.lot, "%s", step_text(ev, "lot"));
    snprintf(l.product, sizeof l.product, "%s", step_text(ev, "product"));
    snprintf(l.farmer, sizeof l.farmer, "%s", step_text(ev, "farmer"));
    int rc = ledger_open(db, ev, &l);
    if (rc < 0 || (rc = ledger_share_one(db, l.lot, l.farmer)) < 0)
        return rc;
    struct stmt *s =
        db_q(db, "UPDATE lot SET deliverer = ?2, township_zh = ?3, township_en = ?4, plot = ?5 "
                 "WHERE lot = ?1");
    return q_run(step_bind(s, ev, "lot|deliverer|township_zh|township_en|plot"));
}

int command_lot_close(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    struct db *db = store_db(c->store);
    struct ledger_lot l;
    const char *lot;
    int rc = json_only(args, "lot", e);
    if (rc < 0 || (rc = step_required(args, "lot", 20, &lot, e)) < 0 ||
        (rc = ledger_get(db, lot, &l, e)) < 0)
        return rc;
    if (strcmp(l.kind, "intake"))
        return err_set(e, ERR_STATE, "lot %s is no intake lot: it closes with its run or task",
                       lot);
    if (strcmp(l.state, "open"))
        return err_set(e, ERR_STATE, "lot %s is closed already", lot);
    rc = step_append(c, EVENT_LOT_CLOSED,
                     json_pack("{s:s,s:I}", "lot", lot, "mg", (json_int_t)l.mg), NULL, e);
    return rc < 0 ? rc
                  : step_answer(ret, json_pack("{s:s,s:I}", "lot", lot, "mg", (json_int_t)l.mg), e);
}

int apply_lot_closed(struct db *db, const struct event *ev)
{
    const char *lot = step_text(ev, "lot");
    int rc = ledger_state(db, lot, "closed", ev->at);
    return rc < 0 ? rc : ledger_note(db, lot, ev->seq);
}

/* ---- weighings for intake ---- */

int intake_check(struct command_context *c, const struct weighing *w, json_t *body, struct err *e)
{
    struct ledger_lot l;
    const char *lot;
    int rc = step_required(w->args, "lot", 20, &lot, e);
    if (rc < 0 || (rc = ledger_get(store_db(c->store), lot, &l, e)) < 0)
        return rc;
    if (strcmp(l.kind, "intake"))
        return err_set(e, ERR_STATE, "lot %s is no intake lot: open one for the farmer (lot.open)",
                       lot);
    if (strcmp(l.state, "open"))
        return err_set(e, ERR_STATE,
                       "lot %s is closed: open a new one for what comes now (lot.open)", lot);
    if ((rc = weighing_fits(w, lot, l.unit, e)) < 0)
        return rc;
    step_set_text(body, "lot", lot);
    return 0;
}

int intake_apply(struct db *db, const struct event *ev)
{
    const char *lot = step_text(ev, "lot");
    int rc = ledger_add(db, lot, step_int(ev, "net_mg"), step_text(ev, "unit"));
    return rc < 0 ? rc : ledger_note(db, lot, ev->seq);
}

int intake_may_void(struct command_context *c, const struct weighing_row *r, bool manager,
                    json_t *body, struct err *e)
{
    struct ledger_lot l;
    (void)body;
    int rc = ledger_get(store_db(c->store), r->lot, &l, e);
    if (rc < 0)
        return rc;
    if (l.drawn_mg > 0 || strcmp(l.state, "used") == 0)
        return err_set(e, ERR_STATE, "lot %s was drawn on already: its weighings stand", r->lot);
    if (!manager && strcmp(l.state, "open"))
        return err_set(e, ERR_DENIED, "lot %s is closed: only a manager may void its weighings",
                       r->lot);
    return 0;
}

int intake_undo(struct db *db, const struct event *ev)
{
    const char *lot = step_text(ev, "lot");
    int rc = ledger_add(db, lot, -step_int(ev, "net_mg"), step_text(ev, "unit"));
    return rc < 0 ? rc : ledger_note(db, lot, ev->seq);
}
