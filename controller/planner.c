/* The plan of a line's open run, as the record has it, and its way to the line. Main thread.
 * 1. A plan is immutable once handed over; it is freed only after the line said that its successor
 *    governs, or when the line is gone.
 * 2. No plan holds rules that need a measure which the line's map does not give: such an item would
 *    never be graded.
 * 3. A plan that could not be renewed is tried again after each commit until it stands. */
#include "base/json.h"
#include "base/log.h"
#include "controller/daemon.h"
#include "traceability/run_state.h"
#include <stdlib.h>
#include <string.h>

static void add_sum(void *ctx, uint16_t grade, uint32_t defects, int64_t net_mg)
{
    struct plan *p = ctx;
    struct measures m = {.defects = defects};
    m.value[MEASURE_WEIGHT] = net_mg;
    m.quality[MEASURE_WEIGHT] = QUALITY_GOOD;
    if (grade <= CROP_GRADES_MAX)
        tally_add(&p->tally, grade, &m);
}

static void add_fill(void *ctx, int64_t outlet, int64_t net_mg)
{
    struct plan *p = ctx;
    if (outlet >= 1 && outlet <= OUTLETS_MAX)
        p->fill_mg[outlet] = net_mg;
}

static void add_word(char *buf, size_t size, const char *word)
{
    size_t n = strlen(buf);
    snprintf(buf + n, size - n, "%s%s", n ? ", " : "", word);
}

int planner_fits(const struct config_line *l, const struct ruleset *rules, struct err *e)
{
    uint32_t has = map_measures(l->map), missing = ruleset_needs(rules) & ~has;
    char measures[64] = "", others[64] = "";
    if (!missing)
        return 0;
    for (int m = 0; m < MEASURE_COUNT; m++)
        if (missing >> m & 1)
            add_word(measures, sizeof(measures), measure_word((enum measure_id)m));
    for (size_t i = 0; i < crop_rulesets(l->crop); i++) {
        const struct ruleset *other = crop_ruleset_at(l->crop, i);
        if (!(ruleset_needs(other) & ~has))
            add_word(others, sizeof(others), ruleset_id(other));
    }
    return err_set(e, ERR_STATE,
                   "line %s: rule set %s needs %s, which map %s does not give: take %s", l->name,
                   ruleset_id(rules), measures, map_id(l->map),
                   others[0] ? others : "another map, or rules for what it gives");
}

static int plan_of_run(struct daemon *d, struct daemon_line *l, const struct run_state *r,
                       struct plan *p, struct err *e)
{
    const struct ruleset *rules = crop_ruleset(l->cfg->crop, r->ruleset);
    if (strcmp(r->crop, crop_id(l->cfg->crop)) != 0 || !rules ||
        strcmp(ruleset_sha256(rules), r->sha256) != 0)
        return err_set(
            e, ERR_STATE,
            "run %s on line %s was started with rule set %s of crop %s, which the crop file no "
            "longer holds unchanged: put it back, or stop the run with the version that it began "
            "with",
            r->id, l->cfg->name, r->ruleset, r->crop);
    int rc = planner_fits(l->cfg, rules, e);
    if (rc < 0 || (rc = config_plan(d->c, l->cfg, rules, p, e)) < 0)
        return rc;
    p->run = r->run;
    p->rule = r->rule;
    p->held = r->held;
    return run_state_sums(store_db(d->store), r->run, add_sum, p, e);
}

int planner_build(struct daemon *d, struct daemon_line *l, struct plan **ret, struct err *e)
{
    struct run_state r;
    struct plan *p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for the plan of line %s", l->cfg->name);
    int rc = run_state_of(store_db(d->store), l->cfg->name, &r, e);
    if (rc == ERR_NOT_FOUND)
        rc = config_plan(d->c, l->cfg, NULL, p, e);
    else if (rc == 0)
        rc = plan_of_run(d, l, &r, p, e);
    if (rc == 0)
        rc = run_state_fill(store_db(d->store), l->cfg->name, add_fill, p, e);
    if (rc) {
        free(p);
        return rc;
    }
    *ret = p;
    return 0;
}

int planner_renew(struct daemon *d, struct daemon_line *l, struct err *e)
{
    struct plan *p = NULL;
    size_t i = 0;
    int rc = planner_build(d, l, &p, e);
    if (rc)
        return rc;
    while (i < sizeof(l->used) / sizeof(l->used[0]) && l->used[i])
        i++;
    if (i == sizeof(l->used) / sizeof(l->used[0])) {
        free(p);
        return err_set(e, ERR_BUSY, "line %s has not taken up its former plans yet: try again",
                       l->cfg->name);
    }
    l->used[i] = l->plan; /* invariant 1 */
    l->plan = p;
    l->run = p->run;
    daemon_order(d, l, &(struct order){.kind = ORDER_PLAN, .plan = p});
    return 0;
}

void planner_refresh(struct daemon *d)
{
    for (size_t i = 0; i < d->c->n_lines; i++) {
        struct daemon_line *l = &d->lines[i];
        struct run_state r = {0};
        struct err e = {0};
        int rc = run_state_of(store_db(d->store), l->cfg->name, &r, &e);
        if (rc == ERR_NOT_FOUND)
            rc = 0;
        if (rc == 0 && (r.run != l->plan->run || r.held != l->plan->held))
            rc = planner_renew(d, l, &e);
        if (rc < 0) {
            d->plans_stale = true; /* invariant 3 */
            if (!l->plan_late)
                log_error("line %s: its plan cannot be renewed: %s", l->cfg->name, e.text);
        }
        if (rc < 0 || l->plan_late)
            daemon_alarm(d, "plan", l->cfg->name, "The line's plan cannot be renewed: see the log",
                         rc < 0);
        l->plan_late = rc < 0;
    }
}

void planner_retire(struct daemon_line *l, const struct plan *former)
{
    for (size_t i = 0; i < sizeof(l->used) / sizeof(l->used[0]); i++)
        if (l->used[i] && l->used[i] == former) {
            free(l->used[i]);
            l->used[i] = NULL;
        }
}

json_t *planner_rule_facts(const struct crop *c, const struct ruleset *r)
{
    json_t *grades = json_array();
    for (uint16_t g = 1; g <= ruleset_grades(r); g++)
        json_array_append_new(grades, json_pack("{s:s,s:s,s:s}", "code", ruleset_grade_code(r, g),
                                                "name_zh", ruleset_grade_name(r, g, "zh"),
                                                "name_en", ruleset_grade_name(r, g, "en")));
    char *text = crop_ruleset_text(c, r);
    json_t *facts =
        json_pack("{s:s,s:s,s:I,s:s,s:s,s:s*,s:o}", "crop", crop_id(c), "ruleset", ruleset_id(r),
                  "version", (json_int_t)ruleset_version(r), "sha256", ruleset_sha256(r), "basis",
                  grade_basis_word(ruleset_basis(r)), "text", text, "grades", grades);
    free(text);
    return facts;
}

json_t *planner_routes(const struct plan *p)
{
    json_t *routes = json_array();
    for (int g = 1; g <= CROP_GRADES_MAX; g++) {
        json_t *outlets = json_array();
        for (int i = 0; i < PLAN_CHOICES && p->choices[g][i]; i++)
            json_array_append_new(outlets, json_integer(p->choices[g][i]));
        if (json_array_size(outlets))
            json_array_append_new(routes, json_pack("{s:i,s:O}", "grade", g, "outlets", outlets));
        json_decref(outlets);
    }
    return routes;
}
