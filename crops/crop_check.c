/* What the parts of a crop mean together, one function per rule, run from one table. Pure but for
 * the report. Invariant: a rule reports every breach, with the line of the part that breaks it. */
#include "crops/crop_parts.h"
#include <string.h>

static bool plain(const char *text, const char *also)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    for (const char *p = text; *p; p++)
        if (!strchr(letters, *p) && !strchr(also, *p))
            return false;
    return text[0] != '-';
}

static void check_words(struct confdoc *d, const struct ruleset *r)
{
    if (!plain(r->id, ""))
        confdoc_error(d, ERR_PARSE, r->line, "\"id\" must be of a-z, 0-9 and -, not \"%s\"", r->id);
    for (size_t i = 0; i < r->n_grades; i++) {
        if (!plain(r->grades[i].code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
            confdoc_error(d, ERR_PARSE, r->grades[i].line,
                          "\"code\" must be of letters, digits and -, not \"%s\"",
                          r->grades[i].code);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(r->grades[k].code, r->grades[i].code))
                confdoc_error(d, ERR_CHECK, r->grades[i].line,
                              "two grades have the code \"%s\", the first in line %d",
                              r->grades[i].code, r->grades[k].line);
    }
    if (r->n_grades == 0)
        confdoc_error(d, ERR_CHECK, r->line, "rule set \"%s\" has no grades", r->id);
}

/* A basis must be measured; by hand there is nothing to measure. */
static void check_basis(struct confdoc *d, const struct ruleset *r)
{
    const bool *has = r->domain.has;
    const bool measured[] = {
        [BASIS_DIAMETER] = has[MEASURE_HEAD_DIAMETER] || has[MEASURE_MID_DIAMETER],
        [BASIS_LENGTH] = has[MEASURE_LENGTH],
        [BASIS_WEIGHT] = has[MEASURE_WEIGHT],
        [BASIS_MANUAL] = true,
    };
    if (!measured[r->basis])
        confdoc_error(d, ERR_CHECK, r->line,
                      "rule set \"%s\": basis %s, but \"domain\" has no such input", r->id,
                      grade_basis_word((enum grade_basis)r->basis));
    for (int m = 0; r->basis == BASIS_MANUAL && m < MEASURE_COUNT; m++)
        if (has[m])
            confdoc_error(d, ERR_CHECK, r->line,
                          "rule set \"%s\": graded by hand, so no \"domain\"", r->id);
}

static void check_proxy(struct confdoc *d, const struct ruleset *r)
{
    if (r->proxy && (r->basis != BASIS_WEIGHT || !r->has_calibration))
        confdoc_error(d, ERR_CHECK, r->line,
                      "rule set \"%s\": a proxy grades by weight and needs \"calibration\"", r->id);
    if (!r->proxy && r->has_calibration)
        confdoc_error(d, ERR_CHECK, r->line, "rule set \"%s\": \"calibration\" is for a proxy",
                      r->id);
    if (r->has_calibration && r->domain.has[r->calibration_of])
        confdoc_error(d, ERR_CHECK, r->line, "rule set \"%s\": what is measured needs no proxy",
                      r->id);
}

/* A grade's box lies within the domain, and exactly the last grade may be `else`. */
static void check_grade(struct confdoc *d, const struct ruleset *r, size_t i)
{
    const struct crop_grade *g = &r->grades[i];
    size_t inputs = 0;
    for (int m = 0; m < MEASURE_COUNT; m++) {
        if (!g->box.has[m])
            continue;
        inputs++;
        if (!r->domain.has[m])
            confdoc_error(d, ERR_CHECK, g->line, "grade \"%s\": %s is not in \"domain\"", g->code,
                          measure_word((enum measure_id)m));
        else if (g->box.min[m] < r->domain.min[m] || g->box.max[m] > r->domain.max[m])
            confdoc_error(d, ERR_CHECK, g->line, "grade \"%s\": %s reaches beyond \"domain\"",
                          g->code, measure_word((enum measure_id)m));
    }
    if (g->otherwise && i + 1 < r->n_grades)
        confdoc_error(d, ERR_CHECK, g->line, "grade \"%s\": only the last grade may be \"else\"",
                      g->code);
    if (r->basis == BASIS_MANUAL ? inputs > 0 || g->otherwise : g->otherwise == (inputs > 0))
        confdoc_error(d, ERR_CHECK, g->line, "grade \"%s\" needs %s", g->code,
                      r->basis == BASIS_MANUAL ? "no \"where\" and no \"else\": graded by hand"
                                               : "either \"where\" or \"else\"");
}

static void check_grades(struct confdoc *d, const struct ruleset *r)
{
    for (size_t i = 0; i < r->n_grades; i++)
        check_grade(d, r, i);
}

static bool judged(const struct ruleset *r, int defect)
{
    for (size_t i = 0; i < r->n_grades; i++)
        if (r->grades[i].tolerates[defect])
            return true;
    return false;
}

/* Every grade but the last says what it tolerates of each judged defect; the last
 * takes the rest. */
static void check_defect(struct confdoc *d, const struct ruleset *r, int defect)
{
    const char *word = defect_word((enum defect_id)defect);
    const char *to = r->exclude[defect];
    if (to[0] && ruleset_grade_from_code(r, to) == GRADE_NONE)
        confdoc_error(d, ERR_KEY, r->exclude_line,
                      "\"exclude\" sends %s to \"%s\", which is no grade", word, to);
    if (defect == DEFECT_DOUBLE && (to[0] || judged(r, defect)))
        confdoc_error(d, ERR_CHECK, r->line, "double items are never graded");
    if (to[0] && judged(r, defect))
        confdoc_error(d, ERR_CHECK, r->exclude_line, "%s is excluded and tolerated at once", word);
    for (size_t i = 0; judged(r, defect) && i < r->n_grades; i++) {
        const struct crop_grade *g = &r->grades[i];
        bool last = i + 1 == r->n_grades;
        if (!last && !g->tolerates[defect])
            confdoc_error(d, ERR_KEY, g->line, "grade \"%s\" does not say how much %s it tolerates",
                          g->code, word);
        if (last && g->tolerates[defect])
            confdoc_error(d, ERR_CHECK, g->line,
                          "grade \"%s\" is the last: it takes what is left and has no share of %s",
                          g->code, word);
    }
}

static void check_defects(struct confdoc *d, const struct ruleset *r)
{
    for (int i = 0; i < DEFECT_COUNT; i++)
        check_defect(d, r, i);
}

void crop_check(struct confdoc *d, const struct crop *c)
{
    static void (*const rules[])(struct confdoc *, const struct ruleset *) = {
        check_words, check_basis, check_proxy, check_grades, check_defects,
    };
    if (!plain(c->id, ""))
        confdoc_error(d, ERR_PARSE, c->line, "\"crop\" must be of a-z, 0-9 and -, not \"%s\"",
                      c->id);
    if (c->n_rulesets == 0)
        confdoc_error(d, ERR_CHECK, c->line, "a crop needs at least one rule set");
    for (size_t i = 0; i < c->n_rulesets; i++) {
        unsigned before = d->errors;
        for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++)
            rules[k](d, &c->rulesets[i]);
        if (d->errors == before && c->rulesets[i].basis != BASIS_MANUAL)
            crop_check_cover(d, &c->rulesets[i]);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(c->rulesets[k].id, c->rulesets[i].id))
                confdoc_error(d, ERR_CHECK, c->rulesets[i].line,
                              "two rule sets have the id \"%s\", the first in line %d",
                              c->rulesets[i].id, c->rulesets[k].line);
    }
}
