/* Stored events → EPCIS 2.0 events (contract: epcis.h). Pure but for reading lots' units and names.
 * Types, steps and dispositions are those of events.def; facts that EPCIS has no word for stand
 * under "lotline:". Sources: EPCIS 2.0, CBV 2.0.
 *
 * 1. Quantities are integers in the unit that the lot keeps for life: GRM, or MGM for item-derived
 * ones.
 * 2. Parties are the cooperative and farms under per-lot aliases; no pseudonym of a person leaves.
 * 3. An eventID is a function of the stored bytes, so that every export names an event alike. What
 * was voided comes again with the same eventID and an errorDeclaration; nothing is left out. */
#include "traceability/epcis.h"
#include "traceability/facts.h"
#include "traceability/ident.h"
#include "traceability/merkle.h"
#include "traceability/step.h"
#include <stdlib.h>
#include <string.h>

/* ---- bricks ---- */

static json_t *uri(const struct epcis *x, const char *kind, const char *prefix, const char *id)
{
    char name[96], text[EPCIS_URI_SIZE];
    snprintf(name, sizeof name, "%s%s", prefix, id);
    ident_uri(x->base, kind, name, text, sizeof text);
    return json_string(text);
}

/* Quantity of a lot (invariant 1); mg < 0: the class alone. */
static json_t *quantity(const struct epcis *x, const char *lot, int64_t mg)
{
    char text[EPCIS_URI_SIZE];
    struct stmt *s =
        db_q(x->db,
             "SELECT l.product, p.gtin, coalesce(l.unit, 'GRM') FROM lot l LEFT JOIN product p ON "
             "p.product = l.product WHERE l.lot = ?1");
    if (q_step(q_text(s, 1, lot)) != 1) {
        q_done(s);
        return NULL;
    }
    bool grams = strcmp(q_str(s, 2), "GRM") == 0;
    ident_lot_uri(x->base, q_is_null(s, 1) ? NULL : q_str(s, 1), q_str(s, 0), lot, text,
                  sizeof text);
    q_done(s);
    if (mg < 0)
        return json_pack("{s:s}", "epcClass", text);
    return json_pack("{s:s,s:I,s:s}", "epcClass", text, "quantity",
                     (json_int_t)(grams ? mg / 1000 : mg), "uom", grams ? "GRM" : "MGM");
}

/* The frame of an event as events.def has it; `action` NULL for transformations. */
static json_t *frame(const struct epcis *x, const struct event *ev, const char *action)
{
    char at[32], id[46];
    struct merkle_hash leaf;
    wall_utc(ev->at, at, sizeof at);
    merkle_leaf(ev->bytes, ev->n, &leaf);
    ident_uuid(leaf.b, sizeof leaf.b, id);
    json_t *o =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:{s:o},s:{s:o}}", "type",
                  event_kind_epcis(ev->kind), "eventID", id, "eventTime", at, "recordTime", at,
                  "eventTimeZoneOffset", x->zone, "bizStep", event_kind_bizstep(ev->kind),
                  "disposition", event_kind_disposition(ev->kind), "bizLocation", "id",
                  uri(x, "loc", "", x->site), "readPoint", "id", uri(x, "loc", "", x->site));
    if (o && action)
        step_set_text(o, "action", action);
    return o;
}

static int put(struct epcis *x, json_t *o)
{
    if (o && json_array_append_new(x->list, o) == 0)
        return 0;
    return err_set(x->e, ERR_NOMEM, "no memory for the export");
}

/* A copy whose inner keys stand under "lotline:" too, so that JSON-LD knows every word. */
static json_t *own_words(json_t *v)
{
    if (json_is_array(v)) {
        json_t *a = json_array();
        for (size_t i = 0; i < json_array_size(v); i++)
            json_array_append_new(a, own_words(json_array_get(v, i)));
        return a;
    }
    if (!json_is_object(v))
        return json_incref(v);
    json_t *o = json_object();
    for (void *at = json_object_iter(v); at; at = json_object_iter_next(v, at)) {
        char key[64];
        snprintf(key, sizeof key, "lotline:%s", json_object_iter_key(at));
        json_object_set_new(o, key, own_words(json_object_iter_value(at)));
    }
    return o;
}

static void copy_as(json_t *o, const char *key, const struct event *ev, const char *field)
{
    json_t *v = json_object_get(ev->body, field);
    if (v && !json_is_null(v))
        json_object_set_new(o, key, own_words(v));
}

/* One reading of a static scale: gross, tare, net as it showed them; net alone when it shows one
 * weight and not what it took off. */
static json_t *reading(const struct epcis *x, const struct event *ev)
{
    static const char *const parts[] = {"gross_mg", "tare_mg", "net_mg"};
    static const char *const words[] = {"gross", "tare", "net"};
    char at[32];
    bool grams = strcmp(json_text_or(ev->body, "unit", "GRM"), "GRM") == 0;
    size_t first = strcmp(json_text_or(ev->body, "tare_kind", ""), "unknown") == 0 ? 2 : 0;
    json_t *reports = json_array();
    wall_utc((struct wall){json_int_or(ev->body, "read_ms", ev->at.ms)}, at, sizeof at);
    for (size_t i = 0; i < 3; i++) {
        int64_t mg = step_int(ev, parts[i]);
        grams = grams && mg % 1000 == 0;
    }
    for (size_t i = first; i < 3; i++) {
        int64_t mg = step_int(ev, parts[i]);
        json_array_append_new(reports,
                              json_pack("{s:s,s:I,s:s,s:s}", "type", "Mass", "value",
                                        (json_int_t)(grams ? mg / 1000 : mg), "uom",
                                        grams ? "GRM" : "MGM", "lotline:reading", words[i]));
    }
    return json_pack("[{s:{s:s,s:o,s:s},s:o}]", "sensorMetadata", "time", at, "deviceID",
                     uri(x, "obj", "SCALE.", json_text_or(ev->body, "scale", "0")), "lotline:alibi",
                     json_text_or(ev->body, "alibi", ""), "sensorReport", reports);
}

/* ---- one function per kind ---- */

static int lot_opened(struct epcis *x, const struct event *ev)
{
    const char *lot = step_text(ev, "lot");
    json_t *o = frame(x, ev, "ADD");
    json_t *ilmd = json_pack("{s:s,s:s}", "cbvmda:lotNumber", lot, "lotline:product",
                             step_text(ev, "product"));
    copy_as(ilmd, "lotline:townshipZh", ev, "township_zh");
    copy_as(ilmd, "lotline:townshipEn", ev, "township_en");
    json_object_set_new(o, "quantityList", json_pack("[o]", quantity(x, lot, -1)));
    json_object_set_new(o, "ilmd", ilmd);
    return put(x, o);
}

static json_t *weighing_event(struct epcis *x, const struct event *ev)
{
    const char *lot = step_text(ev, "lot");
    char farm[40];
    json_t *o = frame(x, ev, "OBSERVE");
    snprintf(farm, sizeof farm, "%s.F1", lot); /* invariant 2: an intake lot has one farm */
    json_object_set_new(o, "quantityList",
                        json_pack("[o]", quantity(x, lot, step_int(ev, "net_mg"))));
    json_object_set_new(o, "bizTransactionList",
                        json_pack("[{s:s,s:o}]", "type", "recadv", "bizTransaction",
                                  uri(x, "bt", "weighing.", step_text(ev, "weighing"))));
    json_object_set_new(
        o, "sourceList",
        json_pack("[{s:s,s:o}]", "type", "owning_party", "source", uri(x, "party", "", farm)));
    json_object_set_new(o, "destinationList",
                        json_pack("[{s:s,s:o}]", "type", "possessing_party", "destination",
                                  uri(x, "party", "", x->coop)));
    json_object_set_new(o, "sensorElementList", reading(x, ev));
    return o;
}

static int weighing_accepted(struct epcis *x, const struct event *ev)
{
    /* Hand sorting is told by its task, a box by its packing. */
    return strcmp(step_text(ev, "purpose"), "intake") ? 0 : put(x, weighing_event(x, ev));
}

static json_t *quantities(struct epcis *x, const json_t *rows)
{
    json_t *a = json_array();
    const json_t *r;
    size_t i;
    json_array_foreach(rows, i, r) {
        const char *lot = json_text_or(r, "lot", NULL);
        if (lot && json_int_or(r, "mg", 0) > 0)
            json_array_append_new(a, quantity(x, lot, json_int_or(r, "mg", 0)));
    }
    return a;
}

static int run_started(struct epcis *x, const struct event *ev)
{
    json_t *o = frame(x, ev, NULL);
    json_object_set_new(o, "transformationID", uri(x, "bt", "run.", step_text(ev, "id")));
    json_object_set_new(o, "inputQuantityList", quantities(x, json_object_get(ev->body, "lots")));
    step_set_text(o, "lotline:processType", "sorting");
    return put(x, o);
}

static void add_rule(struct epcis *x, json_t *o, int64_t run)
{
    struct stmt *s = db_q(
        x->db,
        "SELECT u.crop || '/' || u.ruleset || '@' || u.version, u.sha256, u.basis FROM run r JOIN "
        "rule u ON u.rule = r.rule WHERE r.run = ?1");
    if (q_step(q_int(s, 1, run)) == 1) {
        step_set_text(o, "lotline:gradeRule", q_str(s, 0));
        step_set_text(o, "lotline:gradeRuleSha256", q_str(s, 1));
        step_set_text(o, "lotline:gradeBasis", q_str(s, 2));
    }
    q_done(s);
}

static int run_closed(struct epcis *x, const struct event *ev)
{
    json_t *outs = quantities(x, json_object_get(ev->body, "outs"));
    if (json_array_size(outs) == 0) { /* nothing came out: the input event stands alone */
        json_decref(outs);
        return 0;
    }
    json_t *o = frame(x, ev, NULL);
    json_object_set_new(o, "transformationID", uri(x, "bt", "run.", step_text(ev, "id")));
    json_object_set_new(o, "outputQuantityList", outs);
    step_set_text(o, "lotline:processType", "sorting");
    if (step_int(ev, "by_table"))
        step_set_text(o, "lotline:gradeBasis", "machine");
    else
        add_rule(x, o, step_int(ev, "run"));
    step_set_int(o, "lotline:itemCount",
                 json_int_or(json_object_get(ev->body, "items"), "pieces", 0));
    step_set_int(o, "lotline:unknownMg",
                 json_int_or(json_object_get(ev->body, "unknown"), "mg", 0));
    step_set_int(o, "lotline:returnedMg", step_int(ev, "returned_mg"));
    step_set_int(o, "lotline:lossMg",
                 step_int(ev, "in_mg") - step_int(ev, "out_mg") - step_int(ev, "returned_mg"));
    return put(x, o);
}

static int task_closed(struct epcis *x, const struct event *ev)
{
    json_t *outs = quantities(x, json_object_get(ev->body, "returns"));
    json_t *o = frame(x, ev, NULL);
    json_object_set_new(o, "transformationID", uri(x, "bt", "task.", step_text(ev, "task")));
    json_object_set_new(
        o, "inputQuantityList",
        json_pack("[o]", quantity(x, step_text(ev, "lot"), step_int(ev, "out_mg"))));
    if (json_array_size(outs))
        json_object_set(o, "outputQuantityList", outs);
    json_decref(outs);
    step_set_text(o, "lotline:processType", "hand-sorting");
    step_set_text(o, "lotline:gradeBasis", "manual");
    step_set_int(o, "lotline:lossMg", step_int(ev, "loss_mg"));
    return put(x, o);
}

static int lot_graded(struct epcis *x, const struct event *ev)
{
    json_t *o = frame(x, ev, "OBSERVE");
    json_object_set_new(o, "quantityList",
                        json_pack("[o]", quantity(x, step_text(ev, "lot"), step_int(ev, "mg"))));
    step_set_text(o, "lotline:grade", json_text_or(json_object_get(ev->body, "grade"), "code", ""));
    copy_as(o, "lotline:gradeBasis", ev, "basis");
    copy_as(o, "lotline:farms", ev, "farms");
    copy_as(o, "lotline:evidence", ev, "evidence");
    copy_as(o, "lotline:balance", ev, "balance");
    return put(x, o);
}

static json_t *box_event(struct epcis *x, const struct event *ev)
{
    char at[32];
    json_t *o = frame(x, ev, "ADD");
    int64_t net = step_int(ev, "net_mg");
    bool grams = net % 1000 == 0;
    json_object_set_new(o, "parentID", uri(x, "obj", "CTN.", step_text(ev, "box")));
    json_object_set_new(
        o, "childQuantityList",
        json_pack("[o]", quantity(x, step_text(ev, "lot"), step_int(ev, "drawn_mg"))));
    wall_utc((struct wall){step_int(ev, "packed_ms")}, at, sizeof at);
    json_object_set_new(o, "sensorElementList",
                        json_pack("[{s:{s:s},s:[{s:s,s:I,s:s,s:s}]}]", "sensorMetadata", "time", at,
                                  "sensorReport", "type", "Mass", "value",
                                  (json_int_t)(grams ? net / 1000 : net), "uom",
                                  grams ? "GRM" : "MGM", "lotline:reading", "net"));
    copy_as(o, "lotline:seal", ev, "seal");
    copy_as(o, "lotline:pieces", ev, "pieces");
    copy_as(o, "lotline:itemsMg", ev, "items_mg");
    return o;
}

static int box_packed(struct epcis *x, const struct event *ev)
{
    return put(x, box_event(x, ev));
}

/* ---- what was voided, again with a declaration (invariant 3) ---- */

struct again {
    struct epcis *x;
    struct wall at;
    json_t *(*build)(struct epcis *x, const struct event *ev);
    json_t *event;
};

static int build_again(void *ctx, const struct event *ev)
{
    struct again *a = ctx;
    a->event = a->build(a->x, ev);
    return 0;
}

static int declare(struct epcis *x, const struct event *ev, int64_t seq,
                   json_t *(*build)(struct epcis *, const struct event *))
{
    struct again a = {x, ev->at, build, NULL};
    char at[32];
    if (seq == 0)
        return 0;
    int rc = event_read(x->db, seq, build_again, &a, x->e);
    if (rc < 0)
        return rc;
    wall_utc(ev->at, at, sizeof at);
    step_set_text(a.event, "recordTime", at);
    json_object_set_new(a.event, "errorDeclaration",
                        json_pack("{s:s,s:s}", "declarationTime", at, "reason", "did_not_occur"));
    return put(x, a.event);
}

static int64_t event_of(struct db *db, const char *sql, const char *id)
{
    struct stmt *s = db_q(db, sql);
    int64_t seq = q_step(q_text(s, 1, id)) == 1 ? q_col(s, 0) : 0;
    q_done(s);
    return seq;
}

static int weighing_voided(struct epcis *x, const struct event *ev)
{
    if (strcmp(step_text(ev, "purpose"), "intake"))
        return 0;
    return declare(x, ev,
                   event_of(x->db, "SELECT event_seq FROM weighing WHERE weighing = ?1",
                            step_text(ev, "weighing")),
                   weighing_event);
}

static int box_voided(struct epcis *x, const struct event *ev)
{
    return declare(
        x, ev, event_of(x->db, "SELECT event_seq FROM unit WHERE box = ?1", step_text(ev, "box")),
        box_event);
}

/* ---- hold and recall ---- */

static int word(struct epcis *x, const struct event *ev, const json_t *lots, const char *set,
                const char *unset)
{
    json_t *o = frame(x, ev, "OBSERVE"), *list = json_array(),
           *persistent = json_pack("{s:[s]}", "set", set);
    const json_t *lot;
    size_t i;
    json_array_foreach(lots, i, lot)
        json_array_append_new(list, quantity(x, json_string_value(lot), -1));
    if (unset)
        json_object_set_new(persistent, "unset", json_pack("[s]", unset));
    json_object_set_new(o, "quantityList", list);
    json_object_set_new(o, "persistentDisposition", persistent);
    copy_as(o, "lotline:reason", ev, "reason");
    return put(x, o);
}

static int one_word(struct epcis *x, const struct event *ev)
{
    json_t *lots = json_pack("[s]", step_text(ev, "lot"));
    int rc = ev->kind == EVENT_LOT_HELD ? word(x, ev, lots, "unavailable", NULL)
                                        : word(x, ev, lots, "available", "unavailable");
    json_decref(lots);
    return rc;
}

static int recall_started(struct epcis *x, const struct event *ev)
{
    return word(x, ev, json_object_get(ev->body, "lots"), "recalled", NULL);
}

static const struct {
    enum event_kind kind;
    int (*add)(struct epcis *x, const struct event *ev);
} adders[] = {
    {EVENT_LOT_OPENED, lot_opened},   {EVENT_WEIGHING_ACCEPTED, weighing_accepted},
    {EVENT_RUN_STARTED, run_started}, {EVENT_RUN_CLOSED, run_closed},
    {EVENT_TASK_CLOSED, task_closed}, {EVENT_LOT_GRADED, lot_graded},
    {EVENT_BOX_PACKED, box_packed},   {EVENT_WEIGHING_VOIDED, weighing_voided},
    {EVENT_BOX_VOIDED, box_voided},   {EVENT_LOT_HELD, one_word},
    {EVENT_LOT_RELEASED, one_word},   {EVENT_RECALL_STARTED, recall_started},
};

int epcis_add(struct epcis *x, const struct event *ev)
{
    for (size_t i = 0; i < sizeof adders / sizeof adders[0]; i++)
        if (adders[i].kind == ev->kind)
            return adders[i].add(x, ev);
    return 0;
}
