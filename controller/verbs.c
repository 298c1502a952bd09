/* What may be asked over the control socket: a table of the daemon's own verbs, then the commands
 * of the record. Main thread, inside the turn's transaction; answers leave after its commit.
 *
 * 1. The daemon adds what only it knows (readings, rule sets, positions); a client cannot give it.
 * 2. A weighing is accepted only through the station's interlock, as shown, once. */
#include "controller/verbs.h"
#include "base/crypto.h"
#include "base/json.h"
#include "controller/status.h"
#include "traceability/feed.h"
#include "traceability/lists.h"
#include "traceability/people.h"
#include "traceability/problem.h"
#include "traceability/scale.h"
#include <stdio.h>
#include <string.h>

typedef int verb_fn(struct daemon *d, struct request *r, json_t **ret, struct err *e);

static verb_fn do_ping, do_status, do_watch, do_report, do_parties, do_problems, do_list, do_accept,
    do_run_start, do_box_open, do_feed_stop, do_feed_release;

static const struct {
    const char *name;
    enum role role;
    verb_fn *run;
} verbs[] = {
    {"ping", ROLE_NOBODY, do_ping},
    {"status", ROLE_NOBODY, do_status},
    {"watch", ROLE_NOBODY, do_watch},
    {"sink.report", ROLE_NOBODY, do_report},
    {"party.list", ROLE_WORKER, do_parties},
    {"product.list", ROLE_WORKER, do_list},
    {"lot.list", ROLE_WORKER, do_list},
    {"task.list", ROLE_WORKER, do_list},
    {"problem.list", ROLE_OPERATOR, do_problems},
    {"station.accept", ROLE_WORKER, do_accept},
    {"run.start", ROLE_OPERATOR, do_run_start},
    {"box.open", ROLE_WORKER, do_box_open},
    {"feed.stop", ROLE_WORKER, do_feed_stop},
    {"feed.release", ROLE_OPERATOR, do_feed_release},
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* Commands after which a line may be governed by something else. */
static const char *const governing[] = {"run.start", "run.stop", "hold.place", "hold.release",
                                        "recall.start"};

static int do_ping(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    (void)r;
    (void)e;
    *ret = json_pack("{s:I}", "head", (json_int_t)d->head);
    return 0;
}

static int do_status(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    (void)r;
    (void)e;
    *ret = status_document(d);
    return 0;
}

static int do_watch(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    (void)e;
    control_watch(r);
    *ret = json_pack("{s:I}", "head", (json_int_t)d->head);
    return 0;
}

/* A sink says how far it is; the newest report of each name is kept. */
static int do_report(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    const char *name;
    struct daemon_sink *s = NULL;
    int rc = json_get_text(r->args, "sink", 24, &name, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < DAEMON_SINKS && !s; i++)
        if (!d->sinks[i].report || strcmp(d->sinks[i].name, name) == 0)
            s = &d->sinks[i];
    if (!s)
        return err_set(e, ERR_TOOBIG, "more than %d sinks", DAEMON_SINKS);
    snprintf(s->name, sizeof(s->name), "%s", name);
    json_decref(s->report);
    s->report = json_deep_copy(r->args);
    s->at_ms = wall_now().ms;
    *ret = NULL;
    return 0;
}

static int do_parties(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    json_t *people = NULL, *list, *p;
    size_t i;
    int rc = people_find(d->store, json_text_or(r->args, "kind", ""),
                         json_text_or(r->args, "find", ""), 500, &people, e);
    if (rc < 0)
        return rc;
    list = json_array();
    json_array_foreach(people, i, p)
        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "pid", json_text_or(p, "pid", ""),
                                              "label", json_text_or(p, "name", ""), "initials",
                                              json_text_or(p, "initials", "")));
    json_decref(people);
    *ret = json_pack("{s:o}", "parties", list);
    return 0;
}

static int do_problems(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    json_t *list = NULL;
    (void)r;
    int rc = problem_list(d->store, 200, &list, e);
    if (rc == 0)
        *ret = json_pack("{s:o}", "problems", list);
    return rc;
}

static int do_list(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    json_t *list = NULL;
    struct db *db = store_db(d->store);
    const char *state = json_text_or(r->args, "state", "");
    const char *key = r->verb[0] == 'p' ? "products" : r->verb[0] == 't' ? "tasks" : "lots";
    int rc = r->verb[0] == 'p'   ? list_products(db, &list, e)
             : r->verb[0] == 't' ? list_tasks(db, state, 200, &list, e)
                                 : list_lots(db, state, 200, &list, e);
    if (rc == 0)
        *ret = json_pack("{s:o}", key, list);
    return rc;
}

/* Runs a command of the record for the client, with what the daemon adds (invariant 1). Takes args
 * over. */
static int run_as_daemon(struct daemon *d, struct request *r, const char *command, json_t *args,
                         json_t **ret, struct err *e)
{
    const struct actor a = {.role = ROLE_DAEMON, .id = r->actor.id};
    int rc = command_run(d->store, &a, r->request_id, command, args, ret, NULL, e);
    json_decref(args);
    return rc;
}

static json_t *copy_args(const struct request *r)
{
    json_t *args = r->args ? json_deep_copy(r->args) : NULL;
    return args ? args : json_object();
}

static int needs_request_id(const struct request *r, struct err *e)
{
    if (r->request_id && *r->request_id)
        return 0;
    return err_set(e, ERR_KEY, "a request that changes something needs a request_id");
}

static json_t *weighing_args(struct request *r, const struct daemon_station *s,
                             const struct scale_view *v)
{
    char raw[64 * 4 + 1], alibi[24];
    uint8_t bytes[128];
    json_t *args = copy_args(r);
    for (size_t i = 0; i < v->raw_n; i++) {
        bytes[2 * i] = (uint8_t)(v->raw[i] >> 8);
        bytes[2 * i + 1] = (uint8_t)v->raw[i];
    }
    json_object_del(args, "shown_mg");
    json_object_set_new(args, "by", json_string(r->actor.id));
    snprintf(alibi, sizeof(alibi), "%lld", (long long)v->alibi);
    json_object_set_new(args, "scale", json_string(s->scale->cfg->name));
    json_object_set_new(args, "gross_mg", json_integer(v->gross_mg));
    json_object_set_new(args, "tare_mg", json_integer(v->tare_mg));
    json_object_set_new(args, "net_mg", json_integer(v->net_mg));
    json_object_set_new(args, "tare_kind",
                        json_string(v->tare_unknown ? "unknown"
                                    : v->net_mode   ? "weighed"
                                                    : "none"));
    if (v->stable_by_host)
        json_object_set_new(args, "stable_by", json_string("host"));
    json_object_set_new(args, "alibi", json_string(v->alibi ? alibi : ""));
    json_object_set_new(
        args, "raw",
        json_string(hex_text(bytes, (size_t)v->raw_n * 2 - v->raw_cut, raw, sizeof(raw))));
    return args;
}

static int accept_fields(struct daemon *d, struct request *r, struct daemon_station **ret_s,
                         int64_t *placement, int64_t *shown, struct err *e)
{
    const char *name;
    int rc = json_get_text(r->args, "station", 24, &name, e);
    if (rc == 0 && !(*ret_s = daemon_station_named(d, name)))
        rc = err_set(e, ERR_NOT_FOUND, "no station \"%s\"", name);
    if (rc == 0)
        rc = json_get_int(r->args, "placement", 1, UINT32_MAX, placement, e);
    if (rc == 0)
        rc = json_get_int(r->args, "shown_mg", INT64_MIN / 2, INT64_MAX / 2, shown, e);
    return rc;
}

/* Invariant 2. */
static int do_accept(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    struct daemon_station *s = NULL;
    struct scale_view v;
    int64_t placement, shown;
    bool known = false;
    int rc = needs_request_id(r, e);
    if (rc < 0)
        return rc;
    /* A repeat of an answered request gets the first answer, although its placement is used up;
     * what the interlock refuses is no answer yet: the same request may come again when the scale
     * is steady. */
    rc = command_answered(d->store, r->request_id, "weighing.record", &known, ret, e);
    if (rc < 0 || known)
        return rc;
    if ((rc = accept_fields(d, r, &s, &placement, &shown, e)))
        return rc;
    if ((rc = station_accept(s->station, &s->facts, (uint32_t)placement, shown, mono_now(), &v,
                             e)) < 0)
        return rc;
    json_t *args = weighing_args(r, s, &v);
    bool close_box =
        strcmp(json_text_or(args, "purpose", ""), "box") == 0 && json_object_get(args, "line");
    struct daemon_line *l = close_box ? daemon_line_named(d, json_text_or(args, "line", "")) : NULL;
    int64_t outlet = json_int_or(args, "outlet", 0);
    if (l)
        json_object_set_new(args, "close_out",
                            json_integer((json_int_t)(atomic_load(&l->ack.out) & UINT32_MAX)));
    rc = run_as_daemon(d, r, "weighing.record", args, ret, e);
    if (rc < 0) {
        station_undo(s->station, (uint32_t)placement);
        return rc;
    }
    s->in_doubt = (uint32_t)placement;
    if (l && outlet >= 1 && outlet <= OUTLETS_MAX)
        l->box_changed |= 1u << outlet;
    return 0;
}

static int do_run_start(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    const char *line, *rules;
    int rc = needs_request_id(r, e);
    if (rc == 0)
        rc = json_get_text(r->args, "line", 24, &line, e);
    if (rc == 0)
        rc = json_get_text(r->args, "ruleset", 32, &rules, e);
    if (rc)
        return rc;
    struct daemon_line *l = daemon_line_named(d, line);
    const struct ruleset *set = l ? crop_ruleset(l->cfg->crop, rules) : NULL;
    if (!l)
        return err_set(e, ERR_NOT_FOUND, "no line \"%s\" in the configuration", line);
    if (!set)
        return err_set(e, ERR_NOT_FOUND, "crop %s has no rule set \"%s\"", crop_id(l->cfg->crop),
                       rules);
    struct plan plan;
    if ((rc = planner_fits(l->cfg, set, e)) < 0 ||
        (rc = config_plan(d->c, l->cfg, set, &plan, e)) < 0)
        return rc;
    json_t *args = copy_args(r);
    json_object_del(args, "ruleset");
    json_object_set_new(args, "rules", planner_rule_facts(l->cfg->crop, set));
    json_object_set_new(args, "routes", planner_routes(&plan));
    d->plans_stale = true;
    return run_as_daemon(d, r, "run.start", args, ret, e);
}

static int do_box_open(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    int rc = needs_request_id(r, e);
    struct daemon_line *l = daemon_line_named(d, json_text_or(r->args, "line", ""));
    int64_t outlet = json_int_or(r->args, "outlet", 0);
    if (rc < 0)
        return rc;
    if (!l)
        return err_set(e, ERR_NOT_FOUND, "no line \"%s\" in the configuration",
                       json_text_or(r->args, "line", ""));
    rc = command_run(d->store, &r->actor, r->request_id, "box.open", r->args, ret, NULL, e);
    if (rc == 0 && outlet >= 1 && outlet <= OUTLETS_MAX)
        l->box_changed |= 1u << outlet;
    return rc;
}

static int feed(struct daemon *d, struct request *r, bool on, json_t **ret, struct err *e)
{
    struct daemon_line *l = daemon_line_named(d, json_text_or(r->args, "line", ""));
    if (!l)
        return err_set(e, ERR_NOT_FOUND, "no line \"%s\" in the configuration",
                       json_text_or(r->args, "line", ""));
    int rc = feed_stop(d->store, l->no, on, r->actor.id, e);
    if (rc == 0) {
        l->feed_stop = on;
        l->feed_changed = true;
        *ret = json_pack("{s:s,s:b}", "line", l->cfg->name, "feed_stop", on);
    }
    return rc;
}

static int do_feed_stop(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    return feed(d, r, true, ret, e);
}

static int do_feed_release(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    return feed(d, r, false, ret, e);
}

static int run_command(struct daemon *d, struct request *r, json_t **ret, struct err *e)
{
    for (size_t i = 0; i < sizeof(governing) / sizeof(governing[0]); i++)
        if (strcmp(governing[i], r->verb) == 0)
            d->plans_stale = true;
    return command_run(d->store, &r->actor, r->request_id, r->verb, r->args, ret, NULL, e);
}

bool verb_needs_no_record(const char *verb)
{
    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(verbs[i].name, verb) == 0)
            return verbs[i].role == ROLE_NOBODY;
    return false;
}

void verb_run(struct daemon *d, struct request *r)
{
    static const char *const roles[] = {"nobody", "worker", "operator", "manager", "daemon"};
    int rc;
    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(verbs[i].name, r->verb) == 0) {
            if (r->actor.role < verbs[i].role)
                rc = err_set(&r->error, ERR_DENIED, "\"%s\" needs the role %s", r->verb,
                             roles[verbs[i].role]);
            else
                rc = verbs[i].run(d, r, &r->result, &r->error);
            goto out;
        }
    rc = needs_request_id(r, &r->error);
    if (rc == 0)
        rc = run_command(d, r, &r->result, &r->error);
out:
    if (rc < 0 && !r->error.code)
        err_set(&r->error, rc, "%s", err_text(rc));
    if (rc < 0) {
        json_decref(r->result);
        r->result = NULL;
    }
}
