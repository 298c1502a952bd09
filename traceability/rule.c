/* Registered rule sets (contract: rule.h). Main thread; rule_get: any database handle.
 * The text stands in the event, so that a buyer's auditor can grade again what was graded. */
#include "traceability/rule.h"
#include "base/crypto.h"
#include "traceability/step.h"
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 40000

static int check_grades(const json_t *grades, struct err *e)
{
    static const struct {
        const char *key;
        size_t max;
    } texts[] = {{"code", 16}, {"name_zh", 40}, {"name_en", 40}};
    size_t n = json_array_size(grades);
    const char *text;
    if (n == 0 || n > RULE_GRADES_MAX)
        return err_set(e, ERR_RANGE, "a rule set has 1 to %d grades, not %zu", RULE_GRADES_MAX, n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
            int rc = step_required(json_array_get(grades, i), texts[k].key, texts[k].max, &text, e);
            if (rc < 0)
                return rc;
        }
    return 0;
}

static int check_facts(const json_t *f, const char **sha, struct err *e)
{
    static const char *const words[] = {"crop", "ruleset", "basis"};
    const char *text;
    int64_t version;
    uint8_t bytes[32];
    int rc = json_only(f, "crop|ruleset|version|sha256|basis|text|grades", e);
    for (size_t i = 0; rc == 0 && i < sizeof words / sizeof words[0]; i++)
        rc = step_required(f, words[i], i < 2 ? 32 : 11, &text, e);
    if (rc < 0 || (rc = json_get_int(f, "version", 1, UINT32_MAX, &version, e)) < 0 ||
        (rc = step_required(f, "sha256", 64, sha, e)) < 0 ||
        (rc = step_optional(f, "text", TEXT_MAX, &text, e)) < 0)
        return rc;
    if (strlen(*sha) != 64 || hex_parse(*sha, bytes, sizeof bytes) < 0)
        return err_set(e, ERR_PARSE, "sha256 of rule set %s is no 64 hexadecimal digits",
                       json_text_or(f, "ruleset", ""));
    return check_grades(json_object_get(f, "grades"), e);
}

int rule_ensure(struct command_context *c, const json_t *facts, uint32_t *ret, struct err *e)
{
    struct db *db = store_db(c->store);
    const char *sha;
    if (!json_is_object(facts))
        return err_set(e, ERR_KEY,
                       "\"rules\" is missing: lotlined adds it from the crop file of the line");
    int rc = check_facts(facts, &sha, e);
    if (rc < 0)
        return rc;
    struct stmt *s = db_q(db, "SELECT rule FROM rule WHERE sha256 = ?1");
    rc = q_step(q_text(s, 1, sha));
    if (rc == 1) {
        *ret = (uint32_t)q_col(s, 0);
        q_done(s);
        return 0;
    }
    s = db_q(db, "SELECT coalesce(max(rule), 0) + 1 FROM rule");
    if (rc == 0)
        rc = q_one(s);
    if (rc < 0)
        return err_set(e, rc, "the registered rule sets cannot be read");
    int64_t rule = q_col(s, 0);
    q_done(s);
    json_t *body = json_copy((json_t *)(uintptr_t)facts);
    step_set_int(body, "rule", rule);
    rc = step_append(c, EVENT_RULE_REGISTERED, body, NULL, e);
    if (rc == 0)
        *ret = (uint32_t)rule;
    return rc;
}

int apply_rule_registered(struct db *db, const struct event *ev)
{
    struct stmt *s =
        db_q(db, "INSERT INTO rule(rule, crop, ruleset, version, sha256, basis, event_seq) "
                 "VALUES(?1,?2,?3,?4,?5,?6,?7)");
    int rc = q_run(q_int(step_bind(s, ev, "rule|crop|ruleset|version|sha256|basis"), 7, ev->seq));
    const json_t *grades = json_object_get(ev->body, "grades");
    for (size_t i = 0; rc == 0 && i < json_array_size(grades); i++) {
        const json_t *g = json_array_get(grades, i);
        s = db_q(
            db,
            "INSERT INTO rule_grade(rule, grade, code, name_zh, name_en) VALUES(?1,?2,?3,?4,?5)");
        q_int(s, 1, step_int(ev, "rule"));
        q_int(s, 2, (int64_t)i + 1);
        q_text(s, 3, json_text_or(g, "code", ""));
        q_text(s, 4, json_text_or(g, "name_zh", ""));
        q_text(s, 5, json_text_or(g, "name_en", ""));
        rc = q_run(s);
    }
    return rc;
}

static int read_grades(struct db *db, struct rule_facts *f)
{
    struct stmt *s = db_q(
        db,
        "SELECT grade, code, name_zh, name_en FROM rule_grade WHERE rule = ?1 AND grade BETWEEN "
        "1 AND ?2 ORDER BY grade");
    int rc;
    q_int(q_int(s, 1, f->rule), 2, RULE_GRADES_MAX);
    while ((rc = q_step(s)) == 1) {
        uint32_t g = (uint32_t)q_col(s, 0);
        f->grades = g;
        STEP_COPY(f->grade[g].code, s, 1);
        STEP_COPY(f->grade[g].name_zh, s, 2);
        STEP_COPY(f->grade[g].name_en, s, 3);
    }
    q_done(s);
    return rc;
}

int rule_get(struct db *db, uint32_t rule, struct rule_facts *ret, struct err *e)
{
    struct rule_facts f = {.rule = rule, .grade[0] = {"-", "未分级", "not graded"}};
    struct stmt *s =
        db_q(db, "SELECT crop, ruleset, version, sha256, basis FROM rule WHERE rule = ?1");
    int rc = q_one(q_int(s, 1, rule));
    if (rc < 0)
        return err_set(e, rc, "no rule set number %u is registered", rule);
    STEP_COPY(f.crop, s, 0);
    STEP_COPY(f.ruleset, s, 1);
    f.version = (uint32_t)q_col(s, 2);
    STEP_COPY(f.sha256, s, 3);
    STEP_COPY(f.basis, s, 4);
    q_done(s);
    if ((rc = read_grades(db, &f)) < 0)
        return err_set(e, rc, "the grades of rule set number %u cannot be read", rule);
    *ret = f;
    return 0;
}
