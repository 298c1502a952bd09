/* YAML → the parts of a map, by row tables. Knows keys, types and bounds of single values; what the
 * values mean together is check.c's. Pure but for the report; called once per load,
 * from map_build. */
#include "plc-maps/map_parts.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
enum { WORD_LAST = 65535 };

const char map_role_words[] =
#define ROLE(name, word, unit) word "|"
#include "plc-maps/roles.def"
#undef ROLE
    ;
const char map_measure_words[] =
#define MEASURE(name, word, unit) word "|"
#define DEFECT(name, word)
#include "base/measures.def"
#undef MEASURE
#undef DEFECT
    ;
const char map_defect_words[] =
#define MEASURE(name, word, unit)
#define DEFECT(name, word) word "|"
#include "base/measures.def"
#undef MEASURE
#undef DEFECT
    ;
static const char purpose_words[] =
#define PURPOSE(name, word, allowed, why) word "|"
#include "plc-maps/purposes.def"
#undef PURPOSE
    ;

/* ---- tables ---- */

struct head {
    char id[48], version[16], title[96], source[160];
    int kind, confidence, trade;
    const struct ynode *link, *mailbox, *item, *readable, *records, *write, *vectors;
};
#define AT(f) CONF_AT(head, f)
static const struct conf_row head_rows[] = {
    {"map", CONF_TEXT, AT(id), 1, 0, NULL, NULL, "", "The map's name, which is its file's name."},
    {"version", CONF_TEXT, AT(version), 5, 0, NULL, NULL, "", "Three numbers: 1.0.0."},
    {"kind", CONF_ENUM, AT(kind), 0, 0, NULL, "mailbox|registers", "",
     "A sorter's item mailbox, or a device that is read by registers."},
    {"title", CONF_TEXT, AT(title), 1, 0, NULL, NULL, "", "What people call the device."},
    {"source", CONF_TEXT, AT(source), 1, 0, NULL, NULL, "", "Where the map as a whole is from."},
    {"confidence", CONF_ENUM, AT(confidence), 0, 0, NULL, MAP_CONFIDENCES, "",
     "A manual or maker's code, B independent working code, C neither."},
    {"trade", CONF_ENUM, AT(trade), 0, 0, "none", MAP_TRADES, "",
     "Whether weights may be used for trade, and in which role."},
    {"link", CONF_NODE, AT(link), 0, 0, NULL, NULL, "", "Limits of the device's link."},
    {"mailbox", CONF_NODE, AT(mailbox), 0, 0, "", NULL, "", "Kind mailbox: its properties."},
    {"item", CONF_NODE, AT(item), 0, 0, "", NULL, "", "Kind mailbox: the item's free words."},
    {"readable", CONF_NODE, AT(readable), 0, 0, "", NULL, "",
     "Ranges that the device lets one read beyond its records."},
    {"records", CONF_NODE, AT(records), 0, 0, "", NULL, "",
     "Kind registers: groups of words that are read in one request."},
    {"write", CONF_NODE, AT(write), 0, 0, "", NULL, "", "The closed list of what may be written."},
    {"vectors", CONF_NODE, AT(vectors), 0, 0, NULL, NULL, "",
     "Golden frames: words and what they must mean."},
};
#undef AT

struct link_extra {
    struct map_link_part p;
    const struct ynode *fc;
};
#define AT(f) CONF_AT(link_extra, f)
static const struct conf_row link_rows[] = {
    {"fc", CONF_NODE, AT(fc), 0, 0, NULL, NULL, "", "Function codes that may be used."},
    {"max_read", CONF_INT, AT(p.max_read), 1, MAP_READ_MAX, NULL, NULL, "words",
     "Longest read in one request."},
    {"max_write", CONF_INT, AT(p.max_write), 0, 123, "0", NULL, "words",
     "Longest write in one request."},
    {"max_gap", CONF_INT, AT(p.max_gap), 0, MAP_READ_MAX - 2, "0", NULL, "words",
     "Unwanted words that one read may include."},
    {"timeout_ms", CONF_INT, AT(p.timeout_ms), 5, 10000, NULL, NULL, "ms",
     "Longest wait for an answer."},
    {"guard_us", CONF_INT, AT(p.guard_us), 0, 1000000, "0", NULL, "us",
     "Silence before the next request, on a serial line."},
    {"turnaround_ms", CONF_INT, AT(p.turnaround_ms), 0, 5000, NULL, NULL, "ms",
     "The device's own worst delay before it answers."},
};
#undef AT

#define AT(f) CONF_AT(map_mailbox_part, f)
static const struct conf_row mailbox_rows[] = {
    {"checks", CONF_BOOL, AT(checks), 0, 0, NULL, NULL, "", "The PLC provides its checks."},
    {"base", CONF_INT, AT(base), 0, WORD_LAST, NULL, NULL, "", "Default B, wire address."},
    {"min_ring", CONF_INT, AT(min_ring), 16, 1024, NULL, NULL, "items",
     "Smallest RING_N that the map is meant for."},
};
#undef AT

/* Rows of a value; the same keys in a register field and in an item's word. */
struct value_extra {
    const struct ynode *sentinels, *equals;
};
#define VALUE_ROWS(type, v, x)                                                                     \
    {"order",    CONF_ENUM, CONF_AT(type, v.order),                                                \
     0,          0,         "ABCD",                                                                \
     MAP_ORDERS, "",        "Byte order on the wire, A the most significant."},                    \
        {"shift", CONF_INT, CONF_AT(type, v.shift),                                                \
         0,       15,       "0",                                                                   \
         NULL,    "bits",   "Type bits: lowest bit of the slice."},                                \
        {"width", CONF_INT, CONF_AT(type, v.width),          0, 16, "0",                           \
         NULL,    "bits",   "Type bits: width of the slice."},                                     \
        {"mask", CONF_INT,  CONF_AT(type, v.mask),                                                 \
         0,      WORD_LAST, "0",                                                                   \
         NULL,   "",        "Type flag: true when one of these bits is set."},                     \
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
    {                                                                                              \
        "sentinels", CONF_NODE, CONF_AT(type, x.sentinels), 0, 0, "", NULL, "",                    \
            "Raw values that mean: no value."                                                      \
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
    {"type", CONF_ENUM, AT(r.v.type), 0, 0, NULL, MAP_TYPES, "", "How the word reads."},
    {"pulses", CONF_BOOL, AT(r.pulses), 0, 0, "no", NULL, "",
     "Counted in encoder pulses; PULSES_PER_M makes it a length."},
    VALUE_ROWS(item_extra, r.v, x),
};
#undef AT

struct field_extra {
    struct map_field f;
    struct value_extra x;
    const struct ynode *sign;
};
#define AT(f) CONF_AT(field_extra, f)
static const struct conf_row field_rows[] = {
    {"role", CONF_ENUM, AT(f.role), 0, 0, NULL, map_role_words, "", "What the value means."},
    {"at", CONF_INT, AT(f.v.at), 0, MAP_READ_MAX - 1, NULL, NULL, "words", "Offset in the record."},
    {"type", CONF_ENUM, AT(f.v.type), 0, 0, NULL, MAP_TYPES, "", "How the words read."},
    {"sign", CONF_NODE, AT(sign), 0, 0, "", NULL, "",
     "Slice that is not 0 when the magnitude is negative."},
    VALUE_ROWS(field_extra, f.v, x),
};
#undef AT

#define AT(f) CONF_AT(map_slice, f)
static const struct conf_row slice_rows[] = {
    {"at", CONF_INT, AT(at), 0, MAP_READ_MAX - 1, NULL, NULL, "words", "Offset in the record."},
    {"shift", CONF_INT, AT(shift), 0, 15, "0", NULL, "bits", "Lowest bit of the slice."},
    {"width", CONF_INT, AT(width), 1, 16, "16", NULL, "bits", "Width of the slice."},
};
#undef AT

struct weight_extra {
    const struct ynode *decimals, *unit, *units, *bad_when;
};
#define AT(f) CONF_AT(weight_extra, f)
static const struct conf_row weight_rows[] = {
    {"decimals", CONF_NODE, AT(decimals), 0, 0, NULL, NULL, "",
     "Decimal places: a number, or the slice of the same record that shows it."},
    {"unit", CONF_NODE, AT(unit), 0, 0, "", NULL, "",
     "Slice of the same record that shows the unit; without it the first of `units` holds."},
    {"units", CONF_NODE, AT(units), 0, 0, NULL, NULL, "",
     "mg, g, kg, t or refused, by the slice's value from 0."},
    {"bad_when", CONF_NODE, AT(bad_when), 0, 0, "", NULL, "",
     "Flags that make the record's weights worthless while they are 1."},
};
#undef AT

struct record_extra {
    struct map_record r;
    const struct ynode *weight, *fields;
};
#define AT(f) CONF_AT(record_extra, f)
static const struct conf_row record_rows[] = {
    {"name", CONF_TEXT, AT(r.name), 1, 0, NULL, NULL, "", "Name of the record."},
    {"area", CONF_ENUM, AT(r.area), 0, 0, "holding", MAP_AREAS, "",
     "Holding registers (FC3) or input registers (FC4)."},
    {"addr", CONF_INT, AT(r.addr), 0, WORD_LAST, NULL, NULL, "", "First wire address, from 0."},
    {"words", CONF_INT, AT(r.words), 1, 1024, NULL, NULL, "words", "Its length; one request."},
    {"period_ms", CONF_INT, AT(r.period_ms), 5, 3600000, "100", NULL, "ms", "How often."},
    {"source", CONF_TEXT, AT(r.origin.source), 1, 0, NULL, NULL, "", "Where it is from."},
    {"confidence", CONF_ENUM, AT(r.origin.confidence), 0, 0, NULL, MAP_CONFIDENCES, "",
     "A manual or maker's code, B independent working code, C neither."},
    {"weight", CONF_NODE, AT(weight), 0, 0, "", NULL, "", "Decimals and unit of its weights."},
    {"fields", CONF_NODE, AT(fields), 0, 0, NULL, NULL, "", "What its words mean."},
};
#undef AT

#define AT(f) CONF_AT(map_window, f)
static const struct conf_row readable_rows[] = {
    {"area", CONF_ENUM, AT(area), 0, 0, "holding", MAP_AREAS, "", "Holding or input registers."},
    {"addr", CONF_INT, AT(addr), 0, WORD_LAST, NULL, NULL, "", "First wire address, from 0."},
    {"words", CONF_INT, AT(words), 1, WORD_LAST + 1, NULL, NULL, "words", "How many."},
    {"source", CONF_TEXT, AT(origin.source), 1, 0, NULL, NULL, "", "Where it is from."},
};
static const struct conf_row write_rows[] = {
    {"purpose", CONF_ENUM, AT(purpose), 0, 0, NULL, purpose_words, "", "What the write does."},
    {"addr", CONF_INT, AT(addr), 0, WORD_LAST, NULL, NULL, "", "First wire address, from 0."},
    {"words", CONF_INT, AT(words), 1, 123, NULL, NULL, "words", "How many."},
    {"source", CONF_TEXT, AT(origin.source), 1, 0, NULL, NULL, "", "Where it is from."},
    {"confidence", CONF_ENUM, AT(origin.confidence), 0, 0, NULL, MAP_CONFIDENCES, "",
     "A manual or maker's code, B independent working code, C neither."},
};
#undef AT

/* ---- parts ---- */

static bool read_value(struct confdoc *d, const struct value_extra *x, struct map_value *v)
{
    bool ok = confdoc_ints(d, x->sentinels, INT32_MIN, UINT32_MAX, MAP_LIST_MAX, v->sentinels,
                           &v->n_sentinels);
    return confdoc_ints(d, x->equals, 0, WORD_LAST, MAP_LIST_MAX, v->equals, &v->n_equals) && ok;
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

static void read_link(struct confdoc *d, struct map *m, const struct ynode *at)
{
    struct link_extra x = {0};
    if (!confdoc_read(d, link_rows, N(link_rows), at, &x))
        return;
    m->link_part = x.p;
    m->link_part.line = at->line;
    confdoc_ints(d, x.fc, 1, 127, MAP_LIST_MAX, m->link_part.fc, &m->link_part.n_fc);
}

static void read_item(struct confdoc *d, struct map *m, const struct ynode *at)
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

static void read_weight(struct confdoc *d, struct map_weight *w, const struct ynode *at)
{
    struct weight_extra x = {0};
    struct err e = {0};
    if (!confdoc_read(d, weight_rows, N(weight_rows), at, &x))
        return;
    *w = (struct map_weight){.present = true, .line = at->line};
    if (x.decimals->kind == YNODE_MAP)
        confdoc_read(d, slice_rows, N(slice_rows), x.decimals, &w->decimals_at);
    else if (conf_int(d->doc, x.decimals, 0, 6, &w->decimals, &e) < 0)
        confdoc_error(d, e.code, e.line, "%s", e.text);
    if (x.unit)
        confdoc_read(d, slice_rows, N(slice_rows), x.unit, &w->unit_at);
    read_words(d, x.units, MAP_UNITS, w->units, &w->n_units);
    read_words(d, x.bad_when, map_role_words, w->bad_when, &w->n_bad_when);
}

static void read_field(struct confdoc *d, struct map *m, const struct ynode *at)
{
    struct field_extra x = {0};
    bool ok = confdoc_read(d, field_rows, N(field_rows), at, &x) && read_value(d, &x.x, &x.f.v);
    if (x.sign)
        ok = confdoc_read(d, slice_rows, N(slice_rows), x.sign, &x.f.sign) && ok;
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

static void read_record(struct confdoc *d, struct map *m, const struct ynode *at)
{
    struct record_extra x = {0};
    if (!confdoc_read(d, record_rows, N(record_rows), at, &x))
        return;
    x.r.line = at->line;
    if (x.weight)
        read_weight(d, &x.r.weight, x.weight);
    if (confdoc_list(d, x.fields, MAP_FIELDS_MAX))
        for (size_t i = 0; i < x.fields->n; i++)
            read_field(d, m, x.fields->child[i]);
    m->records[m->n_records++] = x.r;
}

static void read_readable(struct confdoc *d, struct map *m, const struct ynode *at)
{
    struct map_window w = {.line = at->line};
    if (confdoc_read(d, readable_rows, N(readable_rows), at, &w))
        m->readable[m->n_readable++] = w;
}

static void read_write(struct confdoc *d, struct map *m, const struct ynode *at)
{
    struct map_window w = {.line = at->line};
    if (confdoc_read(d, write_rows, N(write_rows), at, &w))
        m->writes[m->n_writes++] = w;
}

static void read_list(struct confdoc *d, struct map *m, const struct ynode *list, size_t max,
                      void (*one)(struct confdoc *, struct map *, const struct ynode *))
{
    if (confdoc_list(d, list, max))
        for (size_t i = 0; list && i < list->n; i++)
            one(d, m, list->child[i]);
}

void map_read(struct confdoc *d, struct map *m, const struct ynode **ret_vectors)
{
    struct head h = {0};
    const struct ynode *root = ydoc_root(d->doc);
    *ret_vectors = NULL;
    confdoc_read(d, head_rows, N(head_rows), root,
                 &h); /* what could be read is looked at further */
    memcpy(m->id, h.id, sizeof m->id);
    memcpy(m->version, h.version, sizeof m->version);
    memcpy(m->title, h.title, sizeof m->title);
    memcpy(m->origin.source, h.source, sizeof m->origin.source);
    m->origin.confidence = h.confidence;
    m->kind = h.kind;
    m->trade = h.trade;
    m->line = root ? root->line : 1;
    if (h.link)
        read_link(d, m, h.link);
    if (h.mailbox) {
        confdoc_read(d, mailbox_rows, N(mailbox_rows), h.mailbox, &m->mailbox_part);
        m->mailbox_part.line = h.mailbox->line;
    }
    read_list(d, m, h.item, MAP_ITEMS_MAX, read_item);
    read_list(d, m, h.readable, MAP_WINDOWS_MAX, read_readable);
    read_list(d, m, h.records, MAP_RECORDS_MAX, read_record);
    read_list(d, m, h.write, MAP_WINDOWS_MAX, read_write);
    if (h.kind == MAP_MAILBOX && root && !h.mailbox)
        confdoc_error(d, ERR_KEY, m->line, "kind mailbox needs the key \"mailbox\"");
    *ret_vectors = h.vectors;
}

bool map_rows(size_t i, const char **ret_title, const struct conf_row **ret_rows, size_t *ret_n)
{
    static const struct {
        const char *title;
        const struct conf_row *rows;
        size_t n;
    } tables[] = {
        {"A map:", head_rows, N(head_rows)},
        {"link:", link_rows, N(link_rows)},
        {"mailbox:", mailbox_rows, N(mailbox_rows)},
        {"item, each entry:", item_rows, N(item_rows)},
        {"readable, each entry:", readable_rows, N(readable_rows)},
        {"records, each entry:", record_rows, N(record_rows)},
        {"weight of a record:", weight_rows, N(weight_rows)},
        {"fields of a record, each entry:", field_rows, N(field_rows)},
        {"decimals, unit, sign as a slice:", slice_rows, N(slice_rows)},
        {"write, each entry:", write_rows, N(write_rows)},
    };
    if (i >= N(tables))
        return false;
    *ret_title = tables[i].title;
    *ret_rows = tables[i].rows;
    *ret_n = tables[i].n;
    return true;
}
