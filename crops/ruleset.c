/* Asking a loaded crop and its rule sets (contract: crop.h). Pure, any thread. */
#include "crops/crop_parts.h"
#include <string.h>

static const char *const basis_words[] = {"diameter", "length", "weight", "manual"};

const char *grade_basis_word(enum grade_basis b)
{
    return basis_words[b];
}

static const struct {
    uint16_t code;
    const char *text;
} whys[] = {
#define WHY(name, code, text) {code, text},
#include "crops/why.def"
#undef WHY
};

const char *grade_why_text(uint16_t why)
{
    for (size_t i = 0; i < sizeof whys / sizeof whys[0]; i++)
        if (whys[i].code == why)
            return whys[i].text;
    return "unknown reason";
}

/* "zh", "zh-CN" and "zh_CN" are Chinese; all else reads English. */
static const char *name_in(const struct crop_name *n, const char *lang)
{
    return lang && !strncmp(lang, "zh", 2) ? n->zh : n->en;
}

const char *crop_id(const struct crop *c)
{
    return c->id;
}

const char *crop_name(const struct crop *c, const char *lang)
{
    return name_in(&c->name, lang);
}

size_t crop_rulesets(const struct crop *c)
{
    return c->n_rulesets;
}

const struct ruleset *crop_ruleset_at(const struct crop *c, size_t i)
{
    return i < c->n_rulesets ? &c->rulesets[i] : NULL;
}

const struct ruleset *crop_ruleset(const struct crop *c, const char *id)
{
    for (size_t i = 0; i < c->n_rulesets; i++)
        if (!strcmp(c->rulesets[i].id, id))
            return &c->rulesets[i];
    return NULL;
}

const char *ruleset_id(const struct ruleset *r)
{
    return r->id;
}

const char *ruleset_name(const struct ruleset *r, const char *lang)
{
    return name_in(&r->name, lang);
}

uint32_t ruleset_version(const struct ruleset *r)
{
    return r->version;
}

const char *ruleset_sha256(const struct ruleset *r)
{
    return r->sha256;
}

enum grade_basis ruleset_basis(const struct ruleset *r)
{
    return (enum grade_basis)r->basis;
}

uint16_t ruleset_grades(const struct ruleset *r)
{
    return (uint16_t)r->n_grades;
}

const char *ruleset_grade_code(const struct ruleset *r, uint16_t grade)
{
    return grade == GRADE_NONE || grade > r->n_grades ? "-" : r->grades[grade - 1].code;
}

const char *ruleset_grade_name(const struct ruleset *r, uint16_t grade, const char *lang)
{
    static const struct crop_name none = {"未定级", "Not graded"};
    return name_in(grade == GRADE_NONE || grade > r->n_grades ? &none : &r->grades[grade - 1].name,
                   lang);
}

int ruleset_grade_from_code(const struct ruleset *r, const char *code)
{
    for (size_t i = 0; i < r->n_grades; i++)
        if (!strcmp(r->grades[i].code, code))
            return (int)i + 1;
    return GRADE_NONE;
}

uint32_t ruleset_needs(const struct ruleset *r)
{
    uint32_t needs = 1u << MEASURE_WEIGHT; /* shares and sums are by weight */
    for (int m = 0; m < MEASURE_COUNT; m++)
        if (r->domain.has[m])
            needs |= 1u << m;
    return needs;
}

bool ruleset_proxy(const struct ruleset *r, enum measure_id *ret_of, uint32_t *ret_pieces)
{
    if (!r->proxy)
        return false;
    *ret_of = (enum measure_id)r->calibration_of;
    *ret_pieces = (uint32_t)r->calibration_pieces;
    return true;
}
