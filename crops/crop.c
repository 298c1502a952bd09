/* A crop's life: file → document → parts → checked → hashed → read only. Any thread may load; a
 * loaded crop is immutable and shared. Owns its one allocation. Invariant: the hash covers all that
 * decides a grade, and nothing that does not (names, sources and comments may change without a new
 * hash). */
#include "crops/crop.h"
#include "base/crypto.h"
#include "base/json.h"
#include "crops/crop_check.h"
#include "crops/crop_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the canonical form ---- */

/* A document that lacks a piece for want of memory is none. Takes o over. */
static json_t *whole(json_t *o, bool lacks)
{
    if (!lacks)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *box_json(const struct crop_box *b)
{
    json_t *o = json_object();
    bool lacks = false;
    for (int m = 0; m < MEASURE_COUNT; m++)
        if (b->has[m])
            lacks |= json_object_set_new(
                         o, measure_word((enum measure_id)m),
                         json_pack("[I, I]", (json_int_t)b->min[m], (json_int_t)b->max[m])) < 0;
    return whole(o, lacks);
}

static json_t *grade_json(const struct crop_grade *g)
{
    json_t *shares = json_object();
    bool lacks = false;
    for (int i = 0; i < DEFECT_COUNT; i++)
        if (g->tolerates[i])
            lacks |= json_object_set_new(shares, defect_word((enum defect_id)i),
                                         json_integer(g->share_ppm[i])) < 0;
    return json_pack("{s:s, s:b, s:o, s:o}", "code", g->code, "else", g->otherwise, "where",
                     box_json(&g->box), "tolerate", whole(shares, lacks));
}

static json_t *ruleset_json(const char *crop_id, const struct ruleset *r)
{
    json_t *grades = json_array(), *exclude = json_object();
    bool lacks = false, lets = false;
    for (size_t i = 0; i < r->n_grades; i++)
        lacks |= json_array_append_new(grades, grade_json(&r->grades[i])) < 0;
    for (int i = 0; i < DEFECT_COUNT; i++)
        if (r->exclude[i][0])
            lets |= json_object_set_new(exclude, defect_word((enum defect_id)i),
                                        json_string(r->exclude[i])) < 0;
    json_t *proxy =
        !r->proxy ? json_null()
                  : json_pack("{s:s, s:I}", "of", measure_word((enum measure_id)r->calibration_of),
                              "pieces", (json_int_t)r->calibration_pieces);
    return json_pack("{s:s, s:s, s:I, s:s, s:o, s:o, s:o, s:o}", "crop", crop_id, "id", r->id,
                     "version", (json_int_t)r->version, "basis",
                     grade_basis_word((enum grade_basis)r->basis), "proxy", proxy, "domain",
                     box_json(&r->domain), "exclude", whole(exclude, lets), "grades",
                     whole(grades, lacks));
}

static char *canonical(const char *crop_id, const struct ruleset *r, size_t *ret_n)
{
    json_t *j = ruleset_json(crop_id, r);
    char *text = j ? json_canonical(j, ret_n) : NULL;
    json_decref(j);
    return text;
}

char *crop_ruleset_text(const struct crop *c, const struct ruleset *r)
{
    size_t n;
    return canonical(c->id, r, &n);
}

bool crop_hash(const char *crop_id, struct ruleset *r)
{
    uint8_t hash[SHA256_LEN];
    size_t n = 0;
    char *text = canonical(crop_id, r, &n);
    if (!text)
        return false;
    sha256_of(text, n, hash);
    hex_text(hash, sizeof hash, r->sha256, sizeof r->sha256);
    free(text);
    return true;
}

/* ---- loading ---- */

static void build(struct confdoc *d, struct crop *c, const char *stem)
{
    crop_read(d, c);
    if (d->errors == 0 && stem && strcmp(stem, c->id) != 0)
        confdoc_error(d, ERR_CHECK, c->line,
                      "\"crop\" is \"%s\", but the file is called \"%s.yaml\"", c->id, stem);
    if (d->errors == 0)
        crop_check(d, c);
    for (size_t i = 0; d->errors == 0 && i < c->n_rulesets; i++) {
        struct ruleset *r = &c->rulesets[i];
        for (int k = 0; k < DEFECT_COUNT; k++)
            r->exclude_to[k] =
                (uint16_t)(r->exclude[k][0] ? ruleset_grade_from_code(r, r->exclude[k])
                                            : GRADE_NONE);
        if (!crop_hash(c->id, r))
            confdoc_error(d, ERR_NOMEM, r->line, "out of memory");
    }
}

int crop_build(const char *name, const char *stem, const char *text, size_t n,
               void (*error)(void *ctx, const struct err *e), void *ctx, struct crop **ret,
               unsigned *ret_errors, struct err *e)
{
    struct ydoc *doc = NULL;
    struct err first = {0};
    *ret = NULL;
    *ret_errors = 0;
    int rc = ydoc_parse(name, text, n, &doc, &first);
    struct crop *c = rc == 0 ? calloc(1, sizeof *c) : NULL;
    struct confdoc d = {.doc = doc, .error = error, .ctx = ctx};
    if (rc == 0 && !c)
        rc = err_set(&first, ERR_NOMEM, "%s: out of memory", name);
    if (!c) { /* no document or no memory, so no report of its own */
        *ret_errors = 1;
        if (error)
            error(ctx, &first);
        goto out;
    }
    build(&d, c, stem);
    *ret_errors = d.errors;
    if (d.errors > 0) {
        first = d.first;
        rc = first.code;
        goto out;
    }
    *ret = c;
    c = NULL;
out:
    if (rc < 0 && e)
        *e = first;
    ydoc_free(doc);
    free(c);
    return rc;
}

static int load(const char *path, struct crop_report *report, struct crop **ret, struct err *e)
{
    char *text = NULL, stem[64];
    size_t n = 0;
    struct crop *c = NULL;
    struct err first = {0};
    int rc = confdoc_slurp(path, &text, &n, &first);
    report->errors = rc < 0;
    if (rc < 0 && report->error)
        report->error(report->ctx, &first);
    if (rc == 0)
        rc = crop_build(path, confdoc_stem(path, stem, sizeof stem), text, n, report->error,
                        report->ctx, &c, &report->errors, &first);
    free(text);
    if (rc < 0 && e)
        *e = first;
    if (rc == 0)
        *ret = c;
    return rc;
}

int crop_load(const char *path, struct crop **ret, struct err *e)
{
    struct crop_report none = {0};
    return load(path, &none, ret, e);
}

int crop_check_file(const char *path, struct crop_report *report, struct err *e)
{
    struct crop *c = NULL;
    int rc = load(path, report, &c, e);
    report->rulesets = c ? (unsigned)c->n_rulesets : 0;
    report->grades = 0;
    for (size_t i = 0; c && i < c->n_rulesets; i++)
        report->grades += (unsigned)c->rulesets[i].n_grades;
    crop_free(c);
    return rc;
}

int crop_parse(const char *name, const char *text, size_t n, struct crop **ret, struct err *e)
{
    unsigned errors;
    struct crop *c = NULL;
    int rc = crop_build(name, NULL, text, n, NULL, NULL, &c, &errors, e);
    if (rc == 0)
        *ret = c;
    return rc;
}

void crop_free(struct crop *c)
{
    free(c);
}
