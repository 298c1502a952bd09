/* YAML → the parts of a crop, by row tables. Knows keys, words and quantities; what they mean
 * together is crop_check.c's. Pure but for the report; once per load, from crop_build. */
#include "crops/crop_parts.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const char measure_words[] =
#define MEASURE(name, word, unit) word "|"
#define DEFECT(name, word)
#include "base/measures.def"
#undef MEASURE
#undef DEFECT
    ;
static const char defect_words[] =
#define MEASURE(name, word, unit)
#define DEFECT(name, word) word "|"
#include "base/measures.def"
#undef MEASURE
#undef DEFECT
    ;

/* ---- tables ---- */

struct head {
    char id[48];
    int64_t version;
    const struct ynode *name, *rulesets;
};
#define AT(f) CONF_AT(head, f)
static const struct conf_row head_rows[] = {
    {"crop", CONF_TEXT, AT(id), 1, 0, NULL, NULL, "", "The crop's name, which is its file's name."},
    {"version", CONF_INT, AT(version), 1, INT32_MAX, NULL, NULL, "",
     "Raised with every change of a rule; stored with every item."},
    {"name", CONF_NODE, AT(name), 0, 0, NULL, NULL, "", "What people call the crop."},
    {"rulesets", CONF_NODE, AT(rulesets), 0, 0, NULL, NULL, "", "Ways to grade it."},
};
#undef AT

#define AT(f) CONF_AT(crop_name, f)
static const struct conf_row name_rows[] = {
    {"zh", CONF_TEXT, AT(zh), 1, 0, NULL, NULL, "", "Chinese."},
    {"en", CONF_TEXT, AT(en), 1, 0, NULL, NULL, "", "English."},
};
#undef AT

struct ruleset_extra {
    struct ruleset r;
    const struct ynode *name, *domain, *exclude, *calibration, *grades;
};
#define AT(f) CONF_AT(ruleset_extra, f)
static const struct conf_row ruleset_rows[] = {
    {"id", CONF_TEXT, AT(r.id), 1, 0, NULL, NULL, "", "Name of the rule set in configuration."},
    {"name", CONF_NODE, AT(name), 0, 0, NULL, NULL, "", "What people call it."},
    {"basis", CONF_ENUM, AT(r.basis), 0, 0, NULL, "diameter|length|weight|manual", "",
     "What the grade is a grade of; shown to the buyer."},
    {"source", CONF_TEXT, AT(r.source), 1, 0, NULL, NULL, "", "Where the limits are from."},
    {"confidence", CONF_ENUM, AT(r.confidence), 0, 0, NULL, "A|B|C", "",
     "A the standard's text, B a published table, C an estimate."},
    {"proxy", CONF_BOOL, AT(r.proxy), 0, 0, "no", NULL, "",
     "Weight stands for a measure that the line has not."},
    {"calibration", CONF_NODE, AT(calibration), 0, 0, "", NULL, "",
     "The sample that a proxy needs of every lot."},
    {"domain", CONF_NODE, AT(domain), 0, 0, "", NULL, "",
     "Measured inputs and the range in which they are believed."},
    {"exclude", CONF_NODE, AT(exclude), 0, 0, "", NULL, "",
     "Defects that send an item to a grade, whatever its measures."},
    {"grades", CONF_NODE, AT(grades), 0, 0, NULL, NULL, "", "Grades in order of worth."},
};
#undef AT

struct calibration {
    int of;
    int64_t pieces;
};
#define AT(f) CONF_AT(calibration, f)
static const struct conf_row calibration_rows[] = {
    {"of", CONF_ENUM, AT(of), 0, 0, NULL, measure_words, "", "The measure that weight stands for."},
    {"pieces", CONF_INT, AT(pieces), 1, 100000, NULL, NULL, "pieces",
     "Least number measured by hand in each lot."},
};
#undef AT

struct grade_extra {
    struct crop_grade g;
    const struct ynode *name, *where, *tolerate;
};
#define AT(f) CONF_AT(grade_extra, f)
static const struct conf_row grade_rows[] = {
    {"code", CONF_TEXT, AT(g.code), 1, 0, NULL, NULL, "",
     "Short name in records and configuration."},
    {"name", CONF_NODE, AT(name), 0, 0, NULL, NULL, "", "What people call it."},
    {"where", CONF_NODE, AT(where), 0, 0, "", NULL, "",
     "Ranges of the inputs, minimum inclusive, maximum exclusive."},
    {"else", CONF_BOOL, AT(g.otherwise), 0, 0, "no", NULL, "",
     "The last grade takes what no other takes."},
    {"tolerate", CONF_NODE, AT(tolerate), 0, 0, "", NULL, "",
     "Defects and their largest share of the grade's weight."},
};
#undef AT

/* ---- parts ---- */

static bool unknown(struct confdoc *d, const struct ynode *at, const char *what, const char *words)
{
    char near[64];
    if (conf_nearest(at->key, words, near, sizeof near))
        return confdoc_error(d, ERR_KEY, at->line, "unknown %s \"%.60s\", did you mean \"%s\"?",
                             what, at->key, near);
    return confdoc_error(d, ERR_KEY, at->line, "unknown %s \"%.60s\"", what, at->key);
}

static bool is_map(struct confdoc *d, const struct ynode *at)
{
    return !at || at->kind == YNODE_MAP ||
           confdoc_error(d, ERR_PARSE, at->line, "\"%s\" must be a map", at->key);
}

/* "[10 mm, 100 mm]" */
static bool read_range(struct confdoc *d, const struct ynode *at, enum measure_id m,
                       struct crop_box *box)
{
    int64_t v[2];
    if (at->kind != YNODE_LIST || at->n != 2)
        return confdoc_error(d, ERR_PARSE, at->line, "\"%s\" must be [minimum, maximum]", at->key);
    for (size_t i = 0; i < 2; i++) {
        const struct ynode *c = at->child[i];
        if (c->kind != YNODE_SCALAR || crop_quantity(c->text, m, &v[i]) < 0)
            return confdoc_error(d, ERR_PARSE, c->line,
                                 "\"%s\" needs numbers with units (%s), not \"%.40s\"", at->key,
                                 strcmp(measure_unit(m), "mg") == 0   ? "mg, g, kg"
                                 : strcmp(measure_unit(m), "um") == 0 ? "um, mm, cm"
                                                                      : "ppm, mm/100mm",
                                 c->kind == YNODE_SCALAR ? c->text : "");
    }
    if (v[0] >= v[1])
        return confdoc_error(d, ERR_RANGE, at->line,
                             "\"%s\": the minimum must be below the maximum", at->key);
    box->has[m] = true;
    box->min[m] = v[0];
    box->max[m] = v[1];
    return true;
}

static bool read_box(struct confdoc *d, const struct ynode *map, struct crop_box *box)
{
    bool ok = is_map(d, map);
    for (size_t i = 0; ok && map && i < map->n; i++) {
        int m = measure_from_word(map->child[i]->key);
        ok = m >= 0 ? read_range(d, map->child[i], (enum measure_id)m, box)
                    : unknown(d, map->child[i], "measure", measure_words);
    }
    return ok;
}

static bool read_shares(struct confdoc *d, const struct ynode *map, struct crop_grade *g)
{
    bool ok = is_map(d, map);
    for (size_t i = 0; ok && map && i < map->n; i++) {
        const struct ynode *c = map->child[i];
        int id = defect_from_word(c->key);
        if (id < 0)
            return unknown(d, c, "defect", defect_words);
        if (c->kind != YNODE_SCALAR || crop_share(c->text, &g->share_ppm[id]) < 0)
            return confdoc_error(d, ERR_PARSE, c->line,
                                 "\"%s\" must be a share from 0 %% to 100 %%, like \"10 %%\"",
                                 c->key);
        g->tolerates[id] = true;
    }
    return ok;
}

static bool read_exclude(struct confdoc *d, const struct ynode *map, struct ruleset *r)
{
    bool ok = is_map(d, map);
    for (size_t i = 0; ok && map && i < map->n; i++) {
        const struct ynode *c = map->child[i];
        int id = defect_from_word(c->key);
        if (id < 0)
            return unknown(d, c, "defect", defect_words);
        if (c->kind != YNODE_SCALAR || !c->text[0] || strlen(c->text) >= sizeof r->exclude[id])
            return confdoc_error(d, ERR_PARSE, c->line, "\"%s\" must name a grade", c->key);
        memcpy(r->exclude[id], c->text, strlen(c->text) + 1);
    }
    r->exclude_line = map ? map->line : 0;
    return ok;
}

static void read_grade(struct confdoc *d, const struct ynode *at, struct ruleset *r)
{
    struct grade_extra x = {0};
    if (!confdoc_read(d, grade_rows, N(grade_rows), at, &x))
        return;
    x.g.line = at->line;
    confdoc_read(d, name_rows, N(name_rows), x.name, &x.g.name);
    read_box(d, x.where, &x.g.box);
    read_shares(d, x.tolerate, &x.g);
    r->grades[r->n_grades++] = x.g;
}

static void read_ruleset(struct confdoc *d, const struct ynode *at, struct crop *c)
{
    struct ruleset_extra x = {0};
    struct calibration cal = {0};
    if (!confdoc_read(d, ruleset_rows, N(ruleset_rows), at, &x))
        return;
    struct ruleset *r = &c->rulesets[c->n_rulesets++];
    *r = x.r;
    r->line = at->line;
    r->version = (uint32_t)c->version;
    confdoc_read(d, name_rows, N(name_rows), x.name, &r->name);
    if (x.calibration &&
        confdoc_read(d, calibration_rows, N(calibration_rows), x.calibration, &cal)) {
        r->has_calibration = true;
        r->calibration_of = cal.of;
        r->calibration_pieces = cal.pieces;
    }
    read_box(d, x.domain, &r->domain);
    read_exclude(d, x.exclude, r);
    if (confdoc_list(d, x.grades, CROP_GRADES_MAX))
        for (size_t i = 0; i < x.grades->n; i++)
            read_grade(d, x.grades->child[i], r);
}

void crop_read(struct confdoc *d, struct crop *c)
{
    struct head h = {0};
    const struct ynode *root = ydoc_root(d->doc);
    confdoc_read(d, head_rows, N(head_rows), root, &h);
    memcpy(c->id, h.id, sizeof c->id);
    c->version = h.version;
    c->line = root ? root->line : 1;
    if (h.name)
        confdoc_read(d, name_rows, N(name_rows), h.name, &c->name);
    if (h.rulesets && confdoc_list(d, h.rulesets, CROP_RULESETS_MAX))
        for (size_t i = 0; i < h.rulesets->n; i++)
            read_ruleset(d, h.rulesets->child[i], c);
}
