/* A loaded crop for people (contract: crop_check.h): each rule set, its inputs,
 * grades and shares. */
#include "crops/crop_check.h"
#include "crops/crop_parts.h"
#include <stdarg.h>
#include <stdio.h>

struct lines {
    void (*line)(void *ctx, const char *text);
    void *ctx;
    const char *lang;
};

static void say(const struct lines *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void say(const struct lines *out, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    out->line(out->ctx, text);
}

static void say_grade(const struct lines *out, const struct ruleset *r, uint16_t grade)
{
    const struct crop_grade *g = &r->grades[grade - 1];
    char low[40], high[40], share[24];
    say(out, "  %-8s %s%s", g->code, ruleset_grade_name(r, grade, out->lang),
        g->otherwise ? ": all the rest" : "");
    for (int m = 0; m < MEASURE_COUNT; m++)
        if (g->box.has[m])
            say(out, "           %s from %s to below %s", measure_word((enum measure_id)m),
                crop_quantity_text(g->box.min[m], (enum measure_id)m, low, sizeof low),
                crop_quantity_text(g->box.max[m], (enum measure_id)m, high, sizeof high));
    for (int i = 0; i < DEFECT_COUNT; i++)
        if (g->tolerates[i])
            say(out, "           %s up to %s of its weight", defect_word((enum defect_id)i),
                crop_share_text(g->share_ppm[i], share, sizeof share));
}

static void say_ruleset(const struct lines *out, const struct ruleset *r)
{
    say(out, "%s: %s, by %s, version %u, confidence %c", r->id, ruleset_name(r, out->lang),
        grade_basis_word((enum grade_basis)r->basis), r->version, 'A' + r->confidence);
    say(out, "  source: %s", r->source);
    say(out, "  sha256: %s", r->sha256);
    if (r->proxy)
        say(out, "  weight stands for %s: measure %d pieces of every lot by hand",
            measure_word((enum measure_id)r->calibration_of), (int)r->calibration_pieces);
    for (uint16_t g = 1; g <= r->n_grades; g++)
        say_grade(out, r, g);
    for (int i = 0; i < DEFECT_COUNT; i++)
        if (r->exclude[i][0])
            say(out, "  %s goes to %s", defect_word((enum defect_id)i), r->exclude[i]);
}

void crop_describe(const struct crop *c, const char *lang,
                   void (*line)(void *ctx, const char *text), void *ctx)
{
    const struct lines out = {line, ctx, lang};
    say(&out, "%s: %s", c->id, crop_name(c, lang));
    for (size_t i = 0; i < c->n_rulesets; i++)
        say_ruleset(&out, &c->rulesets[i]);
}
