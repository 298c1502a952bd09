/* Scales: their configuration as events, daily check-weights, and the right to credit. Main thread.
 *
 * 1. Missing or expired papers mean role none, whatever the configuration says.
 * 2. A scale that failed today's check-weights stays shut until a check on the same day holds. */
#include "traceability/scale.h"
#include "base/num.h"
#include "traceability/ident.h"
#include "traceability/step.h"
#include "traceability/weighing.h"
#include <stdio.h>
#include <string.h>

#define WEIGHTS_MAX 20

int64_t scale_limit_mg(int64_t e_mg, int64_t load_mg)
{
    if (load_mg <= 500 * e_mg)
        return e_mg;
    return load_mg <= 2000 * e_mg ? 2 * e_mg : 3 * e_mg;
}

static void read_row(struct stmt *s, struct scale_facts *f)
{
    snprintf(f->role, sizeof f->role, "%s", q_str(s, 0));
    snprintf(f->accuracy_class, sizeof f->accuracy_class, "%s", q_str(s, 1));
    snprintf(f->serial, sizeof f->serial, "%s", q_str(s, 2));
    snprintf(f->certificate, sizeof f->certificate, "%s", q_str(s, 3));
    f->valid_until_ms = q_col(s, 4);
    f->max_mg = q_col(s, 5);
    f->min_mg = q_col(s, 6);
    f->e_mg = q_col(s, 7);
    f->d_mg = q_col(s, 8);
}

int scale_facts(struct db *db, const char *scale, struct wall at, struct scale_facts *ret,
                struct err *e)
{
    struct scale_facts f = {0};
    char day[7];
    struct stmt *s =
        db_q(db, "SELECT role, class, serial, certificate, valid_until_ms, max_mg, min_mg, e_mg, "
                 "d_mg FROM scale WHERE scale = ?1");
    int rc = q_one(q_text(s, 1, scale));
    if (rc < 0)
        return err_set(e, rc, "scale %.32s is not in lotlined's configuration", scale);
    snprintf(f.scale, sizeof f.scale, "%s", scale);
    read_row(s, &f);
    q_done(s);
    f.trade_static = strcmp(f.role, "static") == 0 && f.certificate[0] && f.valid_until_ms > at.ms;
    if ((rc = ident_day(db, at, day, e)) < 0)
        return rc;
    s = db_q(
        db,
        "SELECT ok FROM scale_check WHERE scale = ?1 AND day = ?2 ORDER BY event_seq DESC LIMIT 1");
    rc = q_step(q_text(q_text(s, 1, scale), 2, day));
    if (rc == 1) {
        f.checked = q_col(s, 0) != 0;
        f.check_failed = !f.checked;
    }
    q_done(s);
    if (rc < 0)
        return err_set(e, rc, "the check-weights of scale %s cannot be read", scale);
    *ret = f;
    return 0;
}

/* Invariants 1 and 2. */
int scale_may_credit(const struct scale_facts *f, struct wall at, struct err *e)
{
    char until[32];
    if (strcmp(f->role, "static") != 0)
        return err_set(
            e, ERR_STATE,
            "scale %s is no static trade scale (its role is %s): its weight credits nobody",
            f->scale, f->role);
    if (!f->certificate[0])
        return err_set(e, ERR_STATE,
                       "scale %s has no verification certificate: enter it in the configuration",
                       f->scale);
    if (f->valid_until_ms <= at.ms)
        return err_set(e, ERR_STATE,
                       "the certificate of scale %s ran out on %.10s: have it verified", f->scale,
                       wall_utc((struct wall){f->valid_until_ms}, until, sizeof until));
    if (f->check_failed)
        return err_set(
            e, ERR_STATE,
            "scale %s failed today's check-weights: clean it, zero it, check again (scale.check)",
            f->scale);
    if (!f->checked)
        return err_set(e, ERR_STATE,
                       "scale %s has no check-weights of today: put them on and record scale.check",
                       f->scale);
    return 0;
}

int station_last_placement(struct db *db, const char *station, uint32_t *ret, struct err *e)
{
    struct stmt *s =
        db_q(db, "SELECT coalesce(max(placement), 0) FROM weighing WHERE station = ?1");
    int rc = q_one(q_text(s, 1, station));
    if (rc < 0)
        return err_set(e, rc, "the placements of station %s cannot be read", station);
    *ret = (uint32_t)q_col(s, 0);
    q_done(s);
    return 0;
}

/* ---- configuration ---- */

static bool configured_so(struct db *db, const json_t *args)
{
    struct scale_facts f = {0};
    if (scale_facts(db, json_text_or(args, "scale", ""), (struct wall){0}, &f, NULL) < 0)
        return false;
    return strcmp(f.role, json_text_or(args, "role", "")) == 0 &&
           strcmp(f.accuracy_class, json_text_or(args, "class", "")) == 0 &&
           strcmp(f.serial, json_text_or(args, "serial", "")) == 0 &&
           strcmp(f.certificate, json_text_or(args, "certificate", "")) == 0 &&
           f.valid_until_ms == json_int_or(args, "valid_until_ms", 0) &&
           f.max_mg == json_int_or(args, "max_mg", 0) &&
           f.min_mg == json_int_or(args, "min_mg", 0) && f.e_mg == json_int_or(args, "e_mg", 0) &&
           f.d_mg == json_int_or(args, "d_mg", 0);
}

static int scale_args(const json_t *args, const char **scale, struct err *e)
{
    static const struct {
        const char *key;
        int64_t min, max;
    } ints[] = {{"max_mg", 1, INT64_C(1000000000000)},
                {"min_mg", 0, INT64_C(1000000000000)},
                {"e_mg", 1, 1000000000},
                {"d_mg", 1, 1000000000},
                {"valid_until_ms", 0, WALL_LAST_MS}};
    static const struct {
        const char *key;
        size_t max;
    } texts[] = {{"class", 7}, {"serial", 40}, {"certificate", 40}};
    const char *role, *text;
    int64_t v;
    int rc = json_only(
        args, "scale|role|class|serial|certificate|valid_until_ms|max_mg|min_mg|e_mg|d_mg", e);
    if (rc < 0 || (rc = step_required(args, "scale", 32, scale, e)) < 0 ||
        (rc = step_required(args, "role", 11, &role, e)) < 0)
        return rc;
    if (strcmp(role, "static") && strcmp(role, "automatic") && strcmp(role, "none"))
        return err_set(e, ERR_RANGE, "role of scale %s is static, automatic or none", *scale);
    for (size_t i = 0; rc == 0 && i < sizeof texts / sizeof texts[0]; i++)
        rc = step_optional(args, texts[i].key, texts[i].max, &text, e);
    for (size_t i = 0; rc == 0 && i < sizeof ints / sizeof ints[0]; i++)
        rc = json_get_int(args, ints[i].key, ints[i].min, ints[i].max, &v, e);
    return rc;
}

int command_scale_configure(struct command_context *c, const json_t *args, json_t **ret,
                            struct err *e)
{
    const char *scale;
    int rc = scale_args(args, &scale, e);
    if (rc < 0)
        return rc;
    bool same = configured_so(store_db(c->store), args);
    if (!same) {
        json_t *body = json_copy((json_t *)(uintptr_t)args);
        static const char *const texts[] = {"class", "serial", "certificate"};
        for (size_t i = 0; body && i < sizeof texts / sizeof texts[0]; i++)
            step_set_text(body, texts[i], json_text_or(args, texts[i], ""));
        rc = step_append(c, EVENT_SCALE_CONFIGURED, body, NULL, e);
    }
    return rc < 0 ? rc
                  : step_answer(ret, json_pack("{s:s,s:b}", "scale", scale, "changed", !same), e);
}

int apply_scale_configured(struct db *db, const struct event *ev)
{
    struct stmt *s =
        db_q(db, "INSERT OR REPLACE INTO scale(scale, role, class, serial, certificate, "
                 "valid_until_ms, max_mg, min_mg, e_mg, d_mg, event_seq) "
                 "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)");
    step_bind(s, ev, "scale|role|class|serial|certificate|valid_until_ms|max_mg|min_mg|e_mg|d_mg");
    return q_run(q_int(s, 11, ev->seq));
}

/* ---- check-weights ---- */

/* One weight → its row for the event; *ok falls when it is out of its limit. */
static int check_weight(const struct scale_facts *f, const json_t *w, json_t *rows, bool *ok,
                        struct err *e)
{
    int64_t applied = 0, shown = 0;
    int rc = json_get_int(w, "applied_mg", 1, f->max_mg, &applied, e);
    if (rc == 0)
        rc = json_get_int(w, "shown_mg", -f->max_mg, 2 * f->max_mg, &shown, e);
    if (rc < 0)
        return rc;
    int64_t error = shown - applied, limit = scale_limit_mg(f->e_mg, applied);
    if (error > limit || error < -limit)
        *ok = false;
    json_array_append_new(rows, json_pack("{s:I,s:I,s:I,s:I}", "applied_mg", (json_int_t)applied,
                                          "shown_mg", (json_int_t)shown, "error_mg",
                                          (json_int_t)error, "limit_mg", (json_int_t)limit));
    return 0;
}

int scale_check_append(struct command_context *c, const struct scale_facts *f,
                       const json_t *weights, bool *ret_ok, struct err *e)
{
    char day[7];
    bool ok = true;
    json_t *rows = json_array();
    int rc = 0;
    size_t n = json_array_size(weights);
    if (n == 0 || n > WEIGHTS_MAX)
        rc = err_set(e, ERR_RANGE, "weights is a list of 1 to %d {applied_mg, shown_mg}",
                     WEIGHTS_MAX);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = check_weight(f, json_array_get(weights, i), rows, &ok, e);
    if (rc == 0)
        rc = ident_day(store_db(c->store), wall_now(), day, e);
    if (rc < 0) {
        json_decref(rows);
        return rc;
    }
    rc = step_append(
        c, EVENT_SCALE_CHECKED,
        json_pack("{s:s,s:s,s:o,s:b}", "scale", f->scale, "day", day, "weights", rows, "ok", ok),
        NULL, e);
    if (rc == 0)
        *ret_ok = ok;
    return rc;
}

int command_scale_check(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    const char *scale;
    struct scale_facts f;
    bool ok;
    int rc = json_only(args, "scale|weights", e);
    if (rc < 0 || (rc = step_required(args, "scale", 32, &scale, e)) < 0 ||
        (rc = scale_facts(store_db(c->store), scale, wall_now(), &f, e)) < 0 ||
        (rc = scale_check_append(c, &f, json_object_get(args, "weights"), &ok, e)) < 0)
        return rc;
    return step_answer(ret, json_pack("{s:s,s:b}", "scale", scale, "ok", ok), e);
}

/* A check-weight that was put on a station's scale: the weighing says what was shown. */
int scale_check_own(struct command_context *c, const struct weighing *w, json_t *body,
                    struct err *e)
{
    int64_t applied;
    (void)c;
    int rc = json_get_int(w->args, "applied_mg", 1, w->scale.max_mg, &applied, e);
    if (rc == 0)
        step_set_int(body, "applied_mg", applied);
    return rc;
}

int scale_check_after(struct command_context *c, const struct weighing *w, const json_t *body,
                      json_t *answer, struct err *e)
{
    bool ok = false;
    json_t *weights = json_pack("[{s:O,s:I}]", "applied_mg", json_object_get(body, "applied_mg"),
                                "shown_mg", (json_int_t)w->gross_mg);
    int rc = scale_check_append(c, &w->scale, weights, &ok, e);
    json_decref(weights);
    json_object_set_new(answer, "ok", json_boolean(ok));
    return rc;
}

int apply_scale_checked(struct db *db, const struct event *ev)
{
    struct stmt *s =
        db_q(db, "INSERT INTO scale_check(scale, day, ok, event_seq) VALUES(?1,?2,?3,?4)");
    return q_run(q_int(step_bind(s, ev, "scale|day|ok"), 4, ev->seq));
}
