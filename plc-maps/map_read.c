/* YAML → the parts of a map, by row tables: the map as a whole, its records and windows; what a
 * part holds is read_*.c's. Knows keys, types and bounds of single values; what the values mean
 * together is check_*.c's. Pure but for the report; called once per load, from map_build. */
#include "plc-maps/map_parts.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
enum { WORD_LAST = 65535 };

static const char purpose_words[] =
#define PURPOSE(name, word, allowed, why) word "|"
#include "plc-maps/purposes.def"
#undef PURPOSE
    ;

/* ---- tables ---- */

struct head {
    char id[48], version[16], title[96], source[160];
    int kind, confidence, trade;
    const struct ynode *link, *mailbox, *item, *readable, *identity, *settings, *records, *write,
        *lines, *vectors;
};
#define AT(f) CONF_AT(head, f)
static const struct conf_row head_rows[] = {
    {"map", CONF_TEXT, AT(id), 1, 0, NULL, NULL, "", "The map's name, which is its file's name."},
    {"version", CONF_TEXT, AT(version), 5, 0, NULL, NULL, "", "Three numbers: 1.0.0."},
    {"kind", CONF_ENUM, AT(kind), 0, 0, NULL, "mailbox|registers|lines", "",
     "A sorter's item mailbox, a device that is read by registers, or a scale that talks in "
     "lines."},
    {"title", CONF_TEXT, AT(title), 1, 0, NULL, NULL, "", "What people call the device."},
    {"source", CONF_TEXT, AT(source), 1, 0, NULL, NULL, "", "Where the map as a whole is from."},
    {"confidence", CONF_ENUM, AT(confidence), 0, 0, NULL, MAP_CONFIDENCES, "",
     "A manual or maker's code, B independent working code, C neither."},
    {"trade", CONF_ENUM, AT(trade), 0, 0, "none", MAP_TRADES, "",
     "Whether weights may be used for trade, and in which role."},
    {"link", CONF_NODE, AT(link), 0, 0, "", NULL, "", "Limits of the device's link; not of lines."},
    {"mailbox", CONF_NODE, AT(mailbox), 0, 0, "", NULL, "", "Kind mailbox: its properties."},
    {"item", CONF_NODE, AT(item), 0, 0, "", NULL, "", "Kind mailbox: the item's free words."},
    {"readable", CONF_NODE, AT(readable), 0, 0, "", NULL, "",
     "Ranges that the device lets one read beyond its records."},
    {"identity", CONF_NODE, AT(identity), 0, 0, "", NULL, "",
     "What the right device answers; read after connecting, before anything counts."},
    {"settings", CONF_NODE, AT(settings), 0, 0, "", NULL, "",
     "How the device must be set, for people, and the register that shows it."},
    {"records", CONF_NODE, AT(records), 0, 0, "", NULL, "",
     "Kind registers: groups of words that are read in one request."},
    {"write", CONF_NODE, AT(write), 0, 0, "", NULL, "", "The closed list of what may be written."},
    {"lines", CONF_NODE, AT(lines), 0, 0, "", NULL, "", "Kind lines: what its frames look like."},
    {"vectors", CONF_NODE, AT(vectors), 0, 0, NULL, NULL, "",
     "Golden frames: words and what they must mean."},
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

struct record_extra {
    struct map_record r;
    const struct ynode *weight, *fields, *select, *channels;
};
#define AT(f) CONF_AT(record_extra, f)
static const struct conf_row record_rows[] = {
    {"name", CONF_TEXT, AT(r.name), 1, 0, NULL, NULL, "", "Name of the record."},
    {"area", CONF_ENUM, AT(r.area), 0, 0, "holding", MAP_AREAS, "",
     "Holding registers (FC3), input registers (FC4), coils (FC1) or discrete inputs (FC2)."},
    {"addr", CONF_INT, AT(r.addr), 0, WORD_LAST, NULL, NULL, "", "First wire address, from 0."},
    {"manual", CONF_TEXT, AT(r.manual), 0, 0, "", NULL, "",
     "The manual's own name of the first register, checked against the wire address: 40008, "
     "400008, 4x0008, 0x0007, 2100H, \"8 from 1\" or \"16-13 x10-1\"."},
    {"words", CONF_INT, AT(r.words), 0, 1024, "0", NULL, "words",
     "Its length in registers; one request."},
    {"bits", CONF_INT, AT(r.bits), 0, 2000, "0", NULL, "bits",
     "Its length in coils or discrete inputs; 16 of them make a word, the lowest first."},
    {"period_ms", CONF_INT, AT(r.period_ms), 5, 3600000, "100", NULL, "ms", "How often."},
    {"whole", CONF_BOOL, AT(r.whole), 0, 0, "no", NULL, "",
     "The device answers only a request for exactly these words."},
    {"torn", CONF_ENUM, AT(r.torn), 0, 0, "refused", MAP_TORN, "",
     "A record longer than a request: refused, or read in parts twice and believed when equal."},
    {"source", CONF_TEXT, AT(r.origin.source), 1, 0, NULL, NULL, "", "Where it is from."},
    {"confidence", CONF_ENUM, AT(r.origin.confidence), 0, 0, NULL, MAP_CONFIDENCES, "",
     "A manual or maker's code, B independent working code, C neither."},
    {"channels", CONF_NODE, AT(channels), 0, 0, "", NULL, "",
     "The record stands in the device once for each of its scales."},
    {"select", CONF_NODE, AT(select), 0, 0, "", NULL, "",
     "The record shows what a command selected; it counts while it shows this."},
    {"weight", CONF_NODE, AT(weight), 0, 0, "", NULL, "", "Decimals and unit of its weights."},
    {"fields", CONF_NODE, AT(fields), 0, 0, NULL, NULL, "", "What its words mean."},
};
#undef AT

#define AT(f) CONF_AT(map_record, f)
static const struct conf_row channels_rows[] = {
    {"count", CONF_INT, AT(channels), 2, MAP_CHANNELS_MAX, NULL, NULL, "", "How many scales."},
    {"stride", CONF_INT, AT(stride), 1, WORD_LAST, NULL, NULL, "",
     "From the record of one scale to that of the next, in its area's addresses."},
};
#undef AT
const struct map_keys map_keys_channels = {"channels", "channels of a record:", channels_rows,
                                           N(channels_rows)};

#define AT(f) CONF_AT(map_window, f)
static const struct conf_row readable_rows[] = {
    {"area", CONF_ENUM, AT(area), 0, 0, "holding", MAP_AREAS, "", "As of a record."},
    {"addr", CONF_INT, AT(addr), 0, WORD_LAST, NULL, NULL, "", "First wire address, from 0."},
    {"words", CONF_INT, AT(words), 1, WORD_LAST + 1, NULL, NULL, "words",
     "How many registers, or coils."},
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

/* Registers are counted in words, coils and discrete inputs in bits. */
static void record_length(struct confdoc *d, struct map_record *r)
{
    bool bits = r->area == AREA_COIL || r->area == AREA_DISCRETE;
    if (bits ? r->words || !r->bits : r->bits || !r->words)
        confdoc_error(d, ERR_KEY, r->line, "record \"%s\" in area %s needs the key \"%s\"%s",
                      r->name, map_area_word(r->area), bits ? "bits" : "words",
                      r->words || r->bits ? " alone" : "");
    if (bits)
        r->words = (r->bits + 15) / 16;
}

static void read_record(struct confdoc *d, struct map *m, const struct ynode *at)
{
    struct record_extra x = {0};
    if (!confdoc_read(d, record_rows, N(record_rows), at, &x))
        return;
    x.r.line = at->line;
    x.r.channels = 1;
    record_length(d, &x.r);
    if (x.channels)
        confdoc_read(d, channels_rows, N(channels_rows), x.channels, &x.r);
    if (x.select)
        map_read_select(d, &x.r.select, x.select);
    if (x.weight)
        map_read_weight(d, &x.r.weight, x.weight);
    if (confdoc_list(d, x.fields, MAP_FIELDS_MAX))
        for (size_t i = 0; i < x.fields->n; i++)
            map_read_field(d, m, x.fields->child[i]);
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

static void read_lists(struct confdoc *d, struct map *m, const struct head *h)
{
    read_list(d, m, h->item, MAP_ITEMS_MAX, map_read_item);
    read_list(d, m, h->readable, MAP_WINDOWS_MAX, read_readable);
    read_list(d, m, h->identity, MAP_PROBES_MAX, map_read_identity);
    read_list(d, m, h->settings, MAP_PROBES_MAX, map_read_setting);
    read_list(d, m, h->records, MAP_RECORDS_MAX, read_record);
    read_list(d, m, h->write, MAP_WINDOWS_MAX, read_write);
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
        map_read_link(d, m, h.link);
    else if (h.kind != MAP_LINES)
        confdoc_error(d, ERR_KEY, m->line, "missing key \"link\"");
    if (h.lines)
        lines_read(d, &m->lines, h.lines);
    if (h.mailbox) {
        confdoc_read(d, mailbox_rows, N(mailbox_rows), h.mailbox, &m->mailbox_part);
        m->mailbox_part.line = h.mailbox->line;
    }
    read_lists(d, m, &h);
    if (h.kind == MAP_MAILBOX && root && !h.mailbox)
        confdoc_error(d, ERR_KEY, m->line, "kind mailbox needs the key \"mailbox\"");
    *ret_vectors = h.vectors;
}

const struct map_keys *map_keys(size_t i)
{
    static const struct map_keys head = {"map", "A map:", head_rows, N(head_rows)},
                                 mailbox = {"mailbox", "mailbox:", mailbox_rows, N(mailbox_rows)},
                                 record = {"records", "records, each entry:", record_rows,
                                           N(record_rows)},
                                 readable = {"readable", "readable, each entry:", readable_rows,
                                             N(readable_rows)},
                                 write = {"write", "write, each entry:", write_rows, N(write_rows)};
    static const struct map_keys *const tables[] = {
        &head,
        &map_keys_link,
        &map_keys_breaker,
        &mailbox,
        &map_keys_item,
        &readable,
        &map_keys_proof,
        &map_keys_setting,
        &record,
        &map_keys_weight,
        &map_keys_decimals,
        &map_keys_times,
        &map_keys_select,
        &map_keys_channels,
        &map_keys_field,
        &map_keys_slice,
        &write,
        &map_keys_vector,
        &map_keys_frame,
        &map_keys_plan,
    };
    return i < N(tables) ? tables[i] : lines_keys(i - N(tables));
}
