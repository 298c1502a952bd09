/* Values of a map: the keys by which words become a number, in a register field and in an item's
 * free word alike. Pure but for the report; part of map_read. */
#include "plc-maps/map_parts.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

struct value_extra {
    const struct ynode *sentinels, *equals, *table;
};
#define VALUE_ROWS(type, v, x)                                                                     \
    {"order",    CONF_ENUM, CONF_AT(type, v.order),                                                \
     0,          0,         "ABCD",                                                                \
     MAP_ORDERS, "",        "Byte order on the wire, A the most significant."},                    \
        {"shift", CONF_INT, CONF_AT(type, v.shift),                                                \
         0,       15,       "0",                                                                   \
         NULL,    "bits",   "Types bits, sbits, one_hot: lowest bit of the slice."},               \
        {"width", CONF_INT, CONF_AT(type, v.width),                                                \
         0,       16,       "0",                                                                   \
         NULL,    "bits",   "Types bits, sbits, one_hot: width of the slice."},                    \
        {"mask",                                                                                   \
         CONF_INT,                                                                                 \
         CONF_AT(type, v.mask),                                                                    \
         0,                                                                                        \
         UINT32_MAX,                                                                               \
         "0",                                                                                      \
         NULL,                                                                                     \
         "",                                                                                       \
         "Type flag: true when one of these bits is set. Unsigned number: "                        \
         "the bits that are its own."},                                                            \
        {"equals", CONF_NODE, CONF_AT(type, x.equals),                                             \
         0,        0,         "",                                                                  \
         NULL,     "",        "Type flag: true when the masked word is one of these."},            \
        {"invert", CONF_BOOL, CONF_AT(type, v.invert),                                             \
         0,        0,         "no",                                                                \
         NULL,     "",        "Type flag: true and false change places."},                         \
        {"mul", CONF_INT, CONF_AT(type, v.mul), 1, 1000000000, "1", NULL, "", "Multiplied by."},   \
        {"div", CONF_INT, CONF_AT(type, v.div), 1, 1000000000, "1", NULL, "", "Divided by."},      \
        {"min",     CONF_INT,  CONF_AT(type, v.min),                                               \
         INT64_MIN, INT64_MAX, "-9223372036854775808",                                             \
         NULL,      "",        "Less than this is not believed."},                                 \
        {"max",     CONF_INT,  CONF_AT(type, v.max),                                               \
         INT64_MIN, INT64_MAX, "9223372036854775807",                                              \
         NULL,      "",        "More than this is not believed."},                                 \
        {"table", CONF_NODE, CONF_AT(type, x.table),                                               \
         0,       0,         "",                                                                   \
         NULL,    "",        "Values by the number's code, from 0; bad: that code has none."},     \
    {                                                                                              \
        "sentinels", CONF_NODE, CONF_AT(type, x.sentinels), 0, 0, "", NULL, "",                    \
            "Raw values, after masking, that mean: no value."                                      \
    }

struct item_extra {
    struct map_item_row r;
    struct value_extra x;
    int from;
};
#define AT(f) CONF_AT(item_extra, f)
static const char item_measures[] = "none|"
#define MEASURE(name, word, unit) word "|"
#define DEFECT(name, word)
#include "base/measures.def"
#undef MEASURE
#undef DEFECT
    ;
static const char item_defects[] = "none|"
#define MEASURE(name, word, unit)
#define DEFECT(name, word) word "|"
#include "base/measures.def"
#undef MEASURE
#undef DEFECT
    ;
static const struct conf_row item_rows[] = {
    {"measure", CONF_ENUM, AT(r.measure), 0, 0, "none", item_measures, "", "The measure it is."},
    {"defect", CONF_ENUM, AT(r.defect), 0, 0, "none", item_defects, "", "Or the defect it shows."},
    {"from", CONF_ENUM, AT(from), 0, 0, NULL, "length|aux1|aux2", "", "The item's word."},
    {"type", CONF_ENUM, AT(r.v.type), 0, 0, NULL, map_type_words, "", "How the word reads."},
    {"pulses", CONF_BOOL, AT(r.pulses), 0, 0, "no", NULL, "",
     "Counted in encoder pulses; PULSES_PER_M makes it a length."},
    VALUE_ROWS(item_extra, r.v, x),
};
#undef AT
const struct map_keys map_keys_item = {"item", "item, each entry:", item_rows, N(item_rows)};

struct field_extra {
    struct map_field f;
    struct value_extra x;
    const struct ynode *sign, *parts;
};
#define AT(f) CONF_AT(field_extra, f)
static const struct conf_row field_rows[] = {
    {"role", CONF_ENUM, AT(f.role), 0, 0, NULL, map_role_words, "", "What the value means."},
    {"at", CONF_INT, AT(f.v.at), 0, MAP_READ_MAX - 1, "0", NULL, "words",
     "Offset in the record; types parts and sparts have it in their parts."},
    {"manual", CONF_TEXT, AT(f.manual), 0, 0, "", NULL, "",
     "The manual's own name of this register, checked against the wire address."},
    {"type", CONF_ENUM, AT(f.v.type), 0, 0, NULL, map_type_words, "", "How the words read."},
    {"sign", CONF_NODE, AT(sign), 0, 0, "", NULL, "",
     "Slice that is not 0 when the magnitude is negative."},
    {"parts", CONF_NODE, AT(parts), 0, 0, "", NULL, "",
     "Types parts and sparts: slices that make up the number, the most significant first."},
    VALUE_ROWS(field_extra, f.v, x),
};
#undef AT
const struct map_keys map_keys_field = {"fields", "fields of a record, each entry:", field_rows,
                                        N(field_rows)};

/* Numbers or "bad", by code. */
static bool read_table(struct confdoc *d, const struct ynode *list, struct map_table *ret)
{
    bool ok = true;
    if (!confdoc_list(d, list, MAP_TABLE_MAX))
        return false;
    for (size_t i = 0; list && i < list->n; i++) {
        struct ynode named = *list->child[i];
        struct err e = {0};
        named.key = list->key;
        ret->bad[i] = named.kind == YNODE_SCALAR && !strcmp(named.text, "bad");
        if (!ret->bad[i] && conf_int(d->doc, &named, INT64_MIN, INT64_MAX, &ret->value[i], &e) < 0)
            ok = confdoc_error(d, e.code, e.line, "%s", e.text);
    }
    ret->n = list ? list->n : 0;
    return ok;
}

static bool read_value(struct confdoc *d, const struct value_extra *x, struct map_value *v)
{
    bool ok = confdoc_ints(d, x->sentinels, INT64_MIN, INT64_MAX, MAP_LIST_MAX, v->sentinels,
                           &v->n_sentinels);
    ok = read_table(d, x->table, &v->table) && ok;
    return confdoc_ints(d, x->equals, 0, UINT16_MAX, MAP_LIST_MAX, v->equals, &v->n_equals) && ok;
}

static bool read_parts(struct confdoc *d, const struct ynode *list, struct map_value *v)
{
    bool ok = confdoc_list(d, list, MAP_PARTS_MAX);
    for (size_t i = 0; ok && list && i < list->n; i++)
        ok = map_read_slice(d, list->child[i], &v->parts[v->n_parts++]);
    return ok;
}

void map_read_item(struct confdoc *d, struct map *m, const struct ynode *at)
{
    struct item_extra x = {0};
    if (!confdoc_read(d, item_rows, N(item_rows), at, &x) || !read_value(d, &x.x, &x.r.v))
        return;
    x.r.measure--; /* the words begin with "none" */
    x.r.defect--;
    x.r.v.at = x.from;
    x.r.line = at->line;
    m->items[m->n_items++] = x.r;
}

/* Every type but those of parts says where it begins. */
static bool has_place(struct confdoc *d, const struct ynode *at, const struct map_value *v)
{
    if ((map_type_keys(v->type) & KEY_PARTS) || ynode_get(at, "at"))
        return true;
    return confdoc_error(d, ERR_KEY, at->line, "missing key \"at\"");
}

void map_read_field(struct confdoc *d, struct map *m, const struct ynode *at)
{
    struct field_extra x = {0};
    bool ok = confdoc_read(d, field_rows, N(field_rows), at, &x) && read_value(d, &x.x, &x.f.v) &&
              has_place(d, at, &x.f.v);
    if (x.sign)
        ok = map_read_slice(d, x.sign, &x.f.sign) && ok;
    ok = read_parts(d, x.parts, &x.f.v) && ok;
    if (!ok)
        return;
    if (m->n_fields == MAP_FIELDS_MAX) {
        confdoc_error(d, ERR_TOOBIG, at->line, "more than %d fields", MAP_FIELDS_MAX);
        return;
    }
    x.f.line = at->line;
    x.f.record = m->n_records;
    m->fields[m->n_fields++] = x.f;
}
