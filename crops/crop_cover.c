/* Gaps and overlaps of a rule set's boxes over its domain, in any number of inputs. Pure.
 * The boxes' edges cut the domain into cells; no box changes within a cell, so looking at one point
 * of each cell is a proof. Bound: 2 edges of 16 grades in each of 5 inputs would be 33^5 cells, so
 * the product is limited and a file beyond it refused. */
#include "crops/crop_parts.h"
#include <stdio.h>

enum { EDGES_MAX = 2 * CROP_GRADES_MAX + 2, CELLS_MAX = 2000000, GAPS_SHOWN = 8 };

struct cells {
    int64_t edge[MEASURE_COUNT][EDGES_MAX];
    size_t n[MEASURE_COUNT]; /* edges; 0: not an input */
    size_t at[MEASURE_COUNT];
};

static void add_edge(int64_t *edges, size_t *n, int64_t v)
{
    size_t at = *n;
    for (size_t i = 0; i < *n; i++)
        if (edges[i] == v)
            return;
    for (; at > 0 && edges[at - 1] > v; at--)
        edges[at] = edges[at - 1];
    edges[at] = v;
    (*n)++;
}

/* Edges of all boxes, which lie within the domain. false: too many cells. */
static bool cut(const struct ruleset *r, struct cells *c)
{
    size_t cells = 1;
    for (int m = 0; m < MEASURE_COUNT; m++) {
        if (!r->domain.has[m])
            continue;
        add_edge(c->edge[m], &c->n[m], r->domain.min[m]);
        add_edge(c->edge[m], &c->n[m], r->domain.max[m]);
        for (size_t i = 0; i < r->n_grades; i++)
            if (r->grades[i].box.has[m]) {
                add_edge(c->edge[m], &c->n[m], r->grades[i].box.min[m]);
                add_edge(c->edge[m], &c->n[m], r->grades[i].box.max[m]);
            }
        cells *= c->n[m] - 1;
        if (cells > CELLS_MAX)
            return false;
    }
    return true;
}

/* The next cell, like an odometer; false after the last. */
static bool step(struct cells *c)
{
    for (int m = 0; m < MEASURE_COUNT; m++) {
        if (c->n[m] == 0)
            continue;
        if (++c->at[m] < c->n[m] - 1)
            return true;
        c->at[m] = 0;
    }
    return false;
}

static bool covers(const struct crop_grade *g, const struct cells *c)
{
    for (int m = 0; m < MEASURE_COUNT; m++) {
        int64_t v = c->n[m] ? c->edge[m][c->at[m]] : 0;
        if (g->box.has[m] && (v < g->box.min[m] || v >= g->box.max[m]))
            return false;
    }
    return !g->otherwise;
}

static const char *cell_text(const struct cells *c, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = '\0';
    for (int m = 0; m < MEASURE_COUNT && at < size; m++) {
        char low[40], high[40];
        if (c->n[m] == 0)
            continue;
        at += (size_t)snprintf(
            buf + at, size - at, "%s%s %s to %s", at ? ", " : "", measure_word((enum measure_id)m),
            crop_quantity_text(c->edge[m][c->at[m]], (enum measure_id)m, low, sizeof low),
            crop_quantity_text(c->edge[m][c->at[m] + 1], (enum measure_id)m, high, sizeof high));
    }
    return buf;
}

void crop_check_cover(struct confdoc *d, const struct ruleset *r)
{
    struct cells c = {0};
    bool told[CROP_GRADES_MAX][CROP_GRADES_MAX] = {{0}};
    bool rest = r->grades[r->n_grades - 1].otherwise;
    char text[160];
    unsigned gaps = 0;
    if (!cut(r, &c)) {
        confdoc_error(d, ERR_TOOBIG, r->line, "rule set \"%s\" has too many limits to check",
                      r->id);
        return;
    }
    do {
        const struct crop_grade *first = NULL;
        for (size_t i = 0; i < r->n_grades; i++) {
            const struct crop_grade *g = &r->grades[i];
            if (!covers(g, &c))
                continue;
            if (first && !told[first - r->grades][i]) {
                told[first - r->grades][i] = true;
                confdoc_error(d, ERR_CHECK, g->line,
                              "grade \"%s\" overlaps grade \"%s\" of line %d at %s", g->code,
                              first->code, first->line, cell_text(&c, text, sizeof text));
            }
            first = first ? first : g;
        }
        if (!first && !rest && gaps++ < GAPS_SHOWN)
            confdoc_error(d, ERR_CHECK, r->line, "rule set \"%s\": no grade takes %s", r->id,
                          cell_text(&c, text, sizeof text));
    } while (step(&c));
}
