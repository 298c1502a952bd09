/* Weighings (contract: weighing.h).  way: 10/12 an accepted reading becomes an event
 * Main thread; weighing.record is lotlined's own, called after the interlock of a station accepted.
 *
 * 1. (station, placement) is accepted once; a repeat is ERR_EXISTS, never a second credit.
 * 2. The indicator's reading is stored as it was sent: gross, tare, net and the raw frame.
 * 3. Only a static trade scale with valid papers and today's check-weights credits anybody. */
#include "traceability/weighing.h"
#include "base/num.h"
#include "traceability/ident.h"
#include "traceability/step.h"
#include <stdio.h>
#include <string.h>

static const struct purpose {
    const char *name, *keys;
    bool credits;
    weighing_check_fn *check;
    weighing_after_fn *after;
    event_apply_fn *apply;
    weighing_void_fn *may_void;
    event_apply_fn *undo;
} purposes[] = {
#define PURPOSE(name, keys, credits, check, after, apply, may_void, undo)                          \
    {name, keys, credits, check, after, apply, may_void, undo},
#include "traceability/purposes.def"
#undef PURPOSE
};
#define PURPOSES (sizeof purposes / sizeof purposes[0])

static const struct purpose *purpose_of(const char *name)
{
    for (size_t i = 0; i < PURPOSES; i++)
        if (strcmp(purposes[i].name, name) == 0)
            return &purposes[i];
    return NULL;
}

weighing_void_fn *weighing_voider(const char *purpose)
{
    const struct purpose *p = purpose_of(purpose);
    return p ? p->may_void : NULL;
}

int weighing_no_more(struct command_context *c, const struct weighing *w, const json_t *body,
                     json_t *answer, struct err *e)
{
    (void)c, (void)w, (void)body, (void)answer, (void)e;
    return 0;
}

int weighing_no_rows(struct db *db, const struct event *ev)
{
    (void)db, (void)ev;
    return 0;
}

int weighing_keep(struct command_context *c, const struct weighing_row *r, bool manager,
                  json_t *body, struct err *e)
{
    (void)c, (void)manager, (void)body;
    return err_set(e, ERR_STATE, "weighing %s is a check-weight: check again instead of voiding it",
                   r->weighing);
}

int weighing_fits(const struct weighing *w, const char *lot, const char *lot_unit, struct err *e)
{
    if (strcmp(lot_unit, "GRM") == 0 && w->net_mg % 1000)
        return err_set(e, ERR_STATE,
                       "lot %s is kept in whole grams and this reading has parts of a gram: use a "
                       "scale with d of 1 g or more",
                       lot);
    return 0;
}

/* ---- the common part of a reading ---- */

static int read_masses(const json_t *args, struct weighing *w, struct err *e)
{
    const struct scale_facts *f = &w->scale;
    char kg[24];
    int rc = json_get_int(args, "gross_mg", -f->max_mg, 2 * f->max_mg, &w->gross_mg, e);
    if (rc < 0 || (rc = json_get_int(args, "tare_mg", 0, 2 * f->max_mg, &w->tare_mg, e)) < 0 ||
        (rc = json_get_int(args, "net_mg", -f->max_mg, 2 * f->max_mg, &w->net_mg, e)) < 0)
        return rc;
    int64_t rest = w->gross_mg - w->tare_mg - w->net_mg;
    if (rest > f->e_mg || rest < -f->e_mg)
        return err_set(e, ERR_CHECK, "gross less tare is not net: read the scale again");
    if (w->net_mg <= 0)
        return err_set(e, ERR_RANGE, "net weight is %s kg: nothing to record",
                       num_kg(w->net_mg, kg, sizeof kg));
    if (w->gross_mg > f->max_mg + 9 * f->e_mg)
        return err_set(e, ERR_RANGE, "%s kg is above Max of scale %s: weigh it in parts",
                       num_kg(w->gross_mg, kg, sizeof kg), f->scale);
    if (w->gross_mg < f->min_mg)
        return err_set(e, ERR_RANGE, "%s kg is below Min of scale %s: weigh it on a finer scale",
                       num_kg(w->gross_mg, kg, sizeof kg), f->scale);
    return 0;
}

static int unused_placement(struct db *db, const struct weighing *w, struct err *e)
{
    struct stmt *s =
        db_q(db, "SELECT weighing FROM weighing WHERE station = ?1 AND placement = ?2");
    int rc = q_step(q_int(q_text(s, 1, w->station), 2, w->placement));
    if (rc == 1)
        rc = err_set(e, ERR_EXISTS,
                     "placement %lld at station %s was accepted already: empty the scale first",
                     (long long)w->placement, w->station);
    q_done(s);
    return rc;
}

static int read_weighing(struct command_context *c, const json_t *args, struct weighing *w,
                         struct err *e)
{
    struct db *db = store_db(c->store);
    const char *scale;
    w->args = args;
    int rc = step_required(args, "station", 24, &w->station, e);
    if (rc < 0 || (rc = step_required(args, "scale", 32, &scale, e)) < 0 ||
        (rc = step_required(args, "purpose", 11, &w->purpose, e)) < 0 ||
        (rc = json_get_int(args, "placement", 1, UINT32_MAX, &w->placement, e)) < 0)
        return rc;
    if (!ident_word_ok(w->station, 24))
        return err_set(e, ERR_RANGE, "station \"%s\": use a-z, 0-9 and -", w->station);
    snprintf(w->id, sizeof w->id, "%s-%lld", w->station, (long long)w->placement);
    w->at = wall_now();
    if (json_object_get(args, "at_ms"))
        rc = json_get_int(args, "at_ms", 0, WALL_LAST_MS, &w->at.ms, e);
    if (rc < 0 || (rc = unused_placement(db, w, e)) < 0 ||
        (rc = scale_facts(db, scale, w->at, &w->scale, e)) < 0 ||
        (rc = read_masses(args, w, e)) < 0)
        return rc;
    bool grams = w->scale.d_mg % 1000 == 0 && w->net_mg % 1000 == 0;
    snprintf(w->unit, sizeof w->unit, "%s", grams ? "GRM" : "MGM");
    return 0;
}

#define COMMON_KEYS                                                                                \
    "station|scale|placement|purpose|gross_mg|tare_mg|net_mg|tare_kind|alibi|raw|by|at_ms|"        \
    "stable_by|"

static int read_keys(const json_t *args, const struct purpose *p, struct err *e)
{
    char keys[256];
    const char *kind, *text, *judge;
    snprintf(keys, sizeof keys, COMMON_KEYS "%s", p->keys);
    int rc = json_only(args, keys, e);
    if (rc == 0)
        rc = step_optional(args, "tare_kind", 16, &kind, e);
    if (rc == 0 && kind && strcmp(kind, "weighed") && strcmp(kind, "preset") &&
        strcmp(kind, "none") && strcmp(kind, "unknown"))
        rc = err_set(e, ERR_RANGE, "tare_kind is weighed, preset, none or unknown");
    if (rc == 0)
        rc = step_optional(args, "stable_by", 16, &judge, e);
    if (rc == 0 && judge && strcmp(judge, "scale") && strcmp(judge, "host"))
        rc = err_set(e, ERR_RANGE, "stable_by is scale or host");
    if (rc == 0)
        rc = step_optional(args, "raw", 512, &text, e);
    return rc < 0 ? rc : step_optional(args, "by", 64, &text, e);
}

/* The scale's own alibi number when it has one, else ours: station and placement. */
static json_t *alibi_of(const struct weighing *w)
{
    const json_t *a = json_object_get(w->args, "alibi");
    char text[24];
    if (json_is_string(a) && json_string_length(a) && json_string_length(a) < 48)
        return json_string(json_string_value(a));
    if (!json_is_integer(a) || json_integer_value(a) == 0)
        return json_string(w->id);
    snprintf(text, sizeof text, "%lld", (long long)json_integer_value(a));
    return json_string(text);
}

static json_t *common_body(const struct weighing *w)
{
    json_t *b = json_pack(
        "{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:s,s:o,s:s,s:s,s:s,s:I}", "weighing", w->id, "station",
        w->station, "scale", w->scale.scale, "purpose", w->purpose, "placement",
        (json_int_t)w->placement, "gross_mg", (json_int_t)w->gross_mg, "tare_mg",
        (json_int_t)w->tare_mg, "net_mg", (json_int_t)w->net_mg, "tare_kind",
        json_text_or(w->args, "tare_kind", "none"), "alibi", alibi_of(w), "serial", w->scale.serial,
        "certificate", w->scale.certificate, "unit", w->unit, "read_ms", (json_int_t)w->at.ms);
    step_set_text(b, "raw", json_string_value(json_object_get(w->args, "raw")));
    step_set_text(b, "by", json_string_value(json_object_get(w->args, "by")));
    step_set_text(b, "stable_by", json_string_value(json_object_get(w->args, "stable_by")));
    return b;
}

int command_weighing_record(struct command_context *c, const json_t *args, json_t **ret,
                            struct err *e)
{
    struct weighing w = {0};
    const struct purpose *p = purpose_of(json_text_or(args, "purpose", ""));
    if (!p)
        return err_set(e, ERR_RANGE,
                       "purpose is intake, hand.out, hand.back, box, run.waste, run.back or check");
    int rc = read_keys(args, p, e);
    if (rc < 0 || (rc = read_weighing(c, args, &w, e)) < 0)
        return rc;
    if (p->credits && (rc = scale_may_credit(&w.scale, w.at, e)) < 0) /* invariant 3 */
        return rc;
    json_t *body = common_body(&w), *answer;
    answer = json_pack("{s:s,s:s,s:I}", "weighing", w.id, "purpose", p->name, "net_mg",
                       (json_int_t)w.net_mg);
    if (!body || !answer)
        rc = err_set(e, ERR_NOMEM, "no memory for a weighing");
    if (rc == 0)
        rc = p->check(c, &w, body, e);
    if (rc == 0)
        rc = step_append(c, EVENT_WEIGHING_ACCEPTED, json_incref(body), NULL, e);
    if (rc == 0)
        rc = p->after(c, &w, body, answer, e);
    static const char *const shown[] = {"lot", "task", "box", "to", "grade"};
    for (size_t i = 0; rc == 0 && i < sizeof shown / sizeof shown[0]; i++)
        if (json_object_get(body, shown[i]))
            json_object_set(answer, shown[i], json_object_get(body, shown[i]));
    json_decref(body);
    if (rc == 0)
        return step_answer(ret, answer, e);
    json_decref(answer);
    return rc;
}

/* ---- projections ---- */

int apply_weighing_accepted(struct db *db, const struct event *ev)
{
    const struct purpose *p = purpose_of(json_text_or(ev->body, "purpose", ""));
    struct stmt *s = db_q(
        db,
        "INSERT INTO weighing(weighing, station, placement, scale, purpose, lot, task, box, run, "
        "grade, gross_mg, tare_mg, net_mg, tare_kind, alibi, at_ms, event_seq) "
        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)");
    step_bind(s, ev,
              "weighing|station|placement|scale|purpose|lot|task|box|run|grade|gross_mg|tare_mg|"
              "net_mg|tare_kind|alibi|read_ms");
    int rc = q_run(q_int(s, 17, ev->seq));
    if (rc < 0)
        return rc;
    return p ? p->apply(db, ev) : ERR_VERSION;
}

int apply_weighing_voided(struct db *db, const struct event *ev)
{
    const struct purpose *p = purpose_of(json_text_or(ev->body, "purpose", ""));
    struct stmt *s = db_q(db, "UPDATE weighing SET voided_seq = ?2 WHERE weighing = ?1");
    q_int(step_bind(s, ev, "weighing"), 2, ev->seq);
    int rc = q_run(s);
    if (rc < 0)
        return rc;
    return p ? p->undo(db, ev) : ERR_VERSION;
}

int weighing_get(struct db *db, const char *id, struct weighing_row *ret, struct err *e)
{
    struct stmt *s =
        db_q(db, "SELECT weighing, purpose, lot, task, box, grade, net_mg, at_ms, voided_seq "
                 "FROM weighing WHERE weighing = ?1");
    int rc = q_one(q_text(s, 1, id));
    if (rc < 0)
        return err_set(e, rc, "no weighing %.47s: its number stands on the slip", id);
    struct weighing_row r = {0};
    STEP_COPY(r.weighing, s, 0);
    STEP_COPY(r.purpose, s, 1);
    STEP_COPY(r.lot, s, 2);
    STEP_COPY(r.task, s, 3);
    STEP_COPY(r.box, s, 4);
    STEP_COPY(r.grade, s, 5);
    r.net_mg = q_col(s, 6);
    r.at_ms = q_col(s, 7);
    r.voided = !q_is_null(s, 8);
    q_done(s);
    *ret = r;
    return 0;
}
