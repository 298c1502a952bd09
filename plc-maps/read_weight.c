/* What stands beside the values of a record: slices, decimals and unit of its weights, and what was
 * selected. Pure but for the report; part of map_read. */
#include "base/num.h"
#include "plc-maps/map_parts.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

#define SLICE_ROWS(type, s)                                                                        \
    {"at", CONF_INT, CONF_AT(type, s at),    0, MAP_READ_MAX - 1, NULL,                            \
     NULL, "words",  "Offset in the record."},                                                     \
        {"shift", CONF_INT, CONF_AT(type, s shift),    0, 15, "0",                                 \
         NULL,    "bits",   "Lowest bit of the slice."},                                           \
    {                                                                                              \
        "width", CONF_INT, CONF_AT(type, s width), 1, 16, "16", NULL, "bits",                      \
            "Width of the slice."                                                                  \
    }
static const struct conf_row slice_rows[] = {SLICE_ROWS(map_slice, )};
const struct map_keys map_keys_slice = {
    "slice", "unit, sign, shows and each of parts, a slice:", slice_rows, N(slice_rows)};

struct decimals_extra {
    struct map_slice s;
    bool one_hot;
    const struct ynode *table;
};
static const struct conf_row decimals_rows[] = {
    SLICE_ROWS(decimals_extra, s.),
    {"one_hot", CONF_BOOL, CONF_AT(decimals_extra, one_hot), 0, 0, "no", NULL, "",
     "The code is the place, from 0, of the one bit that is set in the slice."},
    {"table", CONF_NODE, CONF_AT(decimals_extra, table), 0, 0, "", NULL, "",
     "The divisions by code, as the manual lists them (5, 2, 1, 0.5 ...; bad: none); the places "
     "behind the point are the decimals."},
};
const struct map_keys map_keys_decimals = {
    "decimals", "decimals of a weight as a slice:", decimals_rows, N(decimals_rows)};

struct times_extra {
    struct map_slice s;
    int64_t by;
};
static const struct conf_row times_rows[] = {
    SLICE_ROWS(times_extra, s.),
    {"by", CONF_INT, CONF_AT(times_extra, by), 10, 100, "10", NULL, "",
     "So many times finer is the display then: 10 or 100."},
};
const struct map_keys map_keys_times = {"times", "times of a weight:", times_rows, N(times_rows)};

struct weight_extra {
    const struct ynode *decimals, *times, *unit, *units, *bad_when;
};
#define AT(f) CONF_AT(weight_extra, f)
static const struct conf_row weight_rows[] = {
    {"decimals", CONF_NODE, AT(decimals), 0, 0, NULL, NULL, "",
     "Decimal places: a number, or the slice of the same record that shows them."},
    {"times", CONF_NODE, AT(times), 0, 0, "", NULL, "",
     "Slice of the same record that is not 0 while the display is finer by a factor."},
    {"unit", CONF_NODE, AT(unit), 0, 0, "", NULL, "",
     "Slice of the same record that shows the unit; without it the first of `units` holds."},
    {"units", CONF_NODE, AT(units), 0, 0, NULL, NULL, "",
     "mg, g, kg, t or refused, by the slice's value from 0."},
    {"bad_when", CONF_NODE, AT(bad_when), 0, 0, "", NULL, "",
     "Flags that make the record's weights worthless while they are 1."},
};
#undef AT
const struct map_keys map_keys_weight = {"weight", "weight of a record:", weight_rows,
                                         N(weight_rows)};

struct select_extra {
    const struct ynode *shows;
    int64_t is;
};
static const struct conf_row select_rows[] = {
    {"shows", CONF_NODE, CONF_AT(select_extra, shows), 0, 0, NULL, NULL, "",
     "Slice of the record that shows what the device was told to give."},
    {"is", CONF_INT, CONF_AT(select_extra, is), 0, UINT16_MAX, NULL, NULL, "",
     "The record counts only while the slice equals this."},
};
const struct map_keys map_keys_select = {"select", "select of a record:", select_rows,
                                         N(select_rows)};

bool map_read_slice(struct confdoc *d, const struct ynode *at, struct map_slice *ret)
{
    return confdoc_read(d, slice_rows, N(slice_rows), at, ret);
}

/* Words of a closed vocabulary, as a list. */
static bool read_words(struct confdoc *d, const struct ynode *list, const char *words, int *out,
                       size_t *ret_n)
{
    *ret_n = 0;
    if (!confdoc_list(d, list, MAP_LIST_MAX))
        return false;
    for (size_t i = 0; list && i < list->n; i++) {
        struct ynode named = *list->child[i];
        struct err e = {0};
        named.key = list->key;
        if (conf_word(d->doc, &named, words, &out[i], &e) < 0)
            return confdoc_error(d, e.code, e.line, "%s", e.text);
    }
    *ret_n = list ? list->n : 0;
    return true;
}

/* A division "0.05" → 2 places, in millionths 50000. false: no 1, 2 or 5 of some decade. */
static bool division(const char *text, int64_t *ret_places, int64_t *ret_u)
{
    const char *point = strchr(text, '.');
    int64_t u;
    if (num_decimal(text, 6, &u) < 0 || u <= 0)
        return false;
    *ret_places = point ? (int64_t)strlen(point + 1) : 0;
    *ret_u = u;
    while (u % 10 == 0)
        u /= 10;
    return u == 1 || u == 2 || u == 5;
}

/* Divisions stand in order, rising or falling, so that a slip of the pen shows. */
static void read_divisions(struct confdoc *d, struct map_weight *w, const struct ynode *list)
{
    int64_t before = 0, u;
    int way = 0;
    if (!confdoc_list(d, list, MAP_TABLE_MAX))
        return;
    for (size_t i = 0; list && i < list->n; i++) {
        const struct ynode *c = list->child[i];
        const char *text = c->kind == YNODE_SCALAR ? c->text : "";
        w->table.bad[i] = !strcmp(text, "bad");
        if (w->table.bad[i])
            continue;
        if (!division(text, &w->table.value[i], &u)) {
            confdoc_error(d, ERR_RANGE, c->line,
                          "a division is 1, 2 or 5 of some decade down to 0.000001, or bad, not "
                          "\"%.20s\"",
                          text);
            return;
        }
        int now = u > before ? 1 : u < before ? -1 : 0;
        if (before && (now == 0 || (way && way != now)))
            confdoc_error(d, ERR_CHECK, c->line,
                          "the divisions of \"table\" rise or fall; %s is out of order", text);
        way = before ? now : 0;
        before = u;
    }
    w->table.n = list ? list->n : 0;
}

static void read_decimals(struct confdoc *d, struct map_weight *w, const struct ynode *at)
{
    struct decimals_extra x = {0};
    struct err e = {0};
    if (at->kind != YNODE_MAP) {
        if (conf_int(d->doc, at, 0, 6, &w->decimals, &e) < 0)
            confdoc_error(d, e.code, e.line, "%s", e.text);
        return;
    }
    if (!confdoc_read(d, decimals_rows, N(decimals_rows), at, &x))
        return;
    w->decimals_at = x.s;
    w->one_hot = x.one_hot;
    read_divisions(d, w, x.table);
}

void map_read_weight(struct confdoc *d, struct map_weight *w, const struct ynode *at)
{
    struct weight_extra x = {0};
    struct times_extra times = {.by = 1};
    if (!confdoc_read(d, weight_rows, N(weight_rows), at, &x))
        return;
    *w = (struct map_weight){.present = true, .line = at->line};
    read_decimals(d, w, x.decimals);
    if (x.times)
        confdoc_read(d, times_rows, N(times_rows), x.times, &times);
    w->times_at = times.s;
    w->times_by = times.by;
    if (x.unit)
        map_read_slice(d, x.unit, &w->unit_at);
    read_words(d, x.units, MAP_UNITS, w->units, &w->n_units);
    read_words(d, x.bad_when, map_role_words, w->bad_when, &w->n_bad_when);
}

void map_read_select(struct confdoc *d, struct map_select *s, const struct ynode *at)
{
    struct select_extra x = {0};
    if (!confdoc_read(d, select_rows, N(select_rows), at, &x))
        return;
    s->is = x.is;
    map_read_slice(d, x.shows, &s->shows);
}
