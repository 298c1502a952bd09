/* What the values of a map mean together, one function per rule, run from one table. Pure but for
 * the report; runs once per load, after reading and before planning, only on maps that read
 * cleanly. Invariant: a rule reports every breach, with the line of the part that breaks it. */
#include "plc-maps/codec.h"
#include <ctype.h>
#include <string.h>

enum { SPACE = 65536 };

static const struct {
    const char *word, *why;
    bool allowed;
} purposes[PURPOSE_COUNT] = {
#define PURPOSE(name, word, allowed, why) {word, why, allowed},
#include "plc-maps/purposes.def"
#undef PURPOSE
};

static bool is_unit(int role, const char *unit)
{
    return strcmp(map_role_unit((enum map_role)role), unit) == 0;
}

static bool uses_fc(const struct map *m, int64_t fc)
{
    for (size_t i = 0; i < m->link_part.n_fc; i++)
        if (m->link_part.fc[i] == fc)
            return true;
    return false;
}

/* ---- the map as a whole ---- */

static void check_identity(struct confdoc *d, const struct map *m)
{
    size_t dots = 0, digits = 0;
    bool ok = true;
    for (const char *p = m->version; ok && *p; p++) {
        ok = isdigit((unsigned char)*p) || (*p == '.' && digits > 0);
        dots += *p == '.';
        digits = *p == '.' ? 0 : digits + 1;
    }
    if (!ok || dots != 2 || digits == 0)
        confdoc_error(d, ERR_PARSE, m->line, "\"version\" must be like 1.0.0, not \"%s\"",
                      m->version);
    if (strspn(m->id, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(m->id))
        confdoc_error(d, ERR_PARSE, m->line, "\"map\" must be of a-z, 0-9 and -, not \"%s\"",
                      m->id);
}

static void check_link(struct confdoc *d, const struct map *m)
{
    const struct map_link_part *l = &m->link_part;
    for (size_t i = 0; i < l->n_fc; i++)
        if (l->fc[i] != 3 && l->fc[i] != 4 && l->fc[i] != 16 && l->fc[i] != 23)
            confdoc_error(d, ERR_RANGE, l->line, "\"fc\" may name 3, 4, 16 and 23, not %d",
                          (int)l->fc[i]);
        else
            for (size_t k = 0; k < i; k++)
                if (l->fc[k] == l->fc[i])
                    confdoc_error(d, ERR_CHECK, l->line, "\"fc\" names %d twice", (int)l->fc[i]);
    if (!uses_fc(m, 3) && !uses_fc(m, 4))
        confdoc_error(d, ERR_CHECK, l->line, "\"fc\" names no function that reads");
    if (uses_fc(m, 16) != (l->max_write > 0))
        confdoc_error(d, ERR_CHECK, l->line,
                      "\"max_write\" and fc 16 go together: both or neither");
    if (l->timeout_ms <= l->turnaround_ms)
        confdoc_error(d, ERR_CHECK, l->line,
                      "\"timeout_ms\" (%d) must be longer than \"turnaround_ms\" (%d)",
                      (int)l->timeout_ms, (int)l->turnaround_ms);
}

static void check_kind(struct confdoc *d, const struct map *m)
{
    if (m->kind == MAP_MAILBOX && (m->n_records || m->n_readable || m->n_writes))
        confdoc_error(d, ERR_CHECK, m->line,
                      "kind mailbox has no \"records\", \"readable\" or \"write\": the contract "
                      "names its words");
    if (m->kind == MAP_REGISTERS && (m->n_items || m->mailbox_part.line))
        confdoc_error(d, ERR_CHECK, m->line, "kind registers has no \"mailbox\" and no \"item\"");
    if (m->kind == MAP_REGISTERS && m->n_records == 0)
        confdoc_error(d, ERR_CHECK, m->line, "kind registers needs \"records\"");
}

/* ---- mailbox ---- */

static void check_mailbox(struct confdoc *d, const struct map *m)
{
    const struct map_link_part *l = &m->link_part;
    const struct map_mailbox_part *b = &m->mailbox_part;
    if (m->kind != MAP_MAILBOX)
        return;
    int64_t end =
        b->base + MB_HDR_WORDS + 24 * b->min_ring + MB_HOST_WORDS + MB_SLOT_WORDS * b->min_ring;
    if (b->min_ring & (b->min_ring - 1))
        confdoc_error(d, ERR_RANGE, b->line, "\"min_ring\" must be a power of two, not %d",
                      (int)b->min_ring);
    if (end > SPACE)
        confdoc_error(d, ERR_RANGE, b->line, "the mailbox would end at word %d, beyond 65535",
                      (int)end);
    if (!uses_fc(m, 3) || !uses_fc(m, 16))
        confdoc_error(d, ERR_CHECK, l->line, "a mailbox needs fc 3 and 16");
    if (uses_fc(m, 4) || l->max_gap != 0)
        confdoc_error(d, ERR_CHECK, l->line, "fc 4 and \"max_gap\" mean nothing for a mailbox");
    if (l->max_read % MB_ITEM_WORDS || l->max_read <= MB_HDR_WORDS)
        confdoc_error(
            d, ERR_RANGE, l->line,
            "\"max_read\" of a mailbox is whole records and holds a header: 48, 64 … 112");
    if (l->max_write % MB_SLOT_WORDS || l->max_write < MB_HOST_WORDS)
        confdoc_error(d, ERR_RANGE, l->line,
                      "\"max_write\" of a mailbox is whole slots and holds H+0..15: 16, 20 … 120");
}

/* ---- values ---- */

/* Keys that belong to one type and were given to another. */
static const char *foreign_key(const struct map_value *v)
{
    bool flag = v->type == TYPE_FLAG;
    if (v->type != TYPE_BITS && (v->shift || v->width))
        return "shift and width";
    if (!flag && (v->mask || v->n_equals || v->invert))
        return "mask, equals and invert";
    if (flag && (v->n_sentinels || v->mul != 1 || v->div != 1 || v->min != INT64_MIN ||
                 v->max != INT64_MAX))
        return "sentinels, mul, div, min and max";
    if (codec_words(v->type) == 1 && (v->order == ORDER_CDAB || v->order == ORDER_DCBA))
        return "a word order (CDAB, DCBA)";
    return NULL;
}

static bool sentinel_fits(const struct map_value *v, int64_t s)
{
    static const int64_t low[] = {[TYPE_U16] = 0,         [TYPE_S16] = INT16_MIN, [TYPE_U32] = 0,
                                  [TYPE_S32] = INT32_MIN, [TYPE_BITS] = 0,        [TYPE_FLAG] = 0};
    int64_t high = v->type == TYPE_BITS        ? ((int64_t)1 << v->width) - 1
                   : codec_words(v->type) == 2 ? (int64_t)UINT32_MAX
                                               : (int64_t)UINT16_MAX;
    return s >= low[v->type] && s <= high;
}

static void check_value(struct confdoc *d, const struct map_value *v, int line, int64_t words)
{
    static const char *const type_words[] = {"u16", "s16", "u32", "s32", "bits", "flag"};
    const char *foreign = foreign_key(v);
    if (foreign)
        confdoc_error(d, ERR_CHECK, line, "type %s has no %s", type_words[v->type], foreign);
    if (v->type == TYPE_BITS && (v->width == 0 || v->shift + v->width > 16))
        confdoc_error(d, ERR_RANGE, line, "a slice of %d bits from bit %d is not within a word",
                      (int)v->width, (int)v->shift);
    if (v->type == TYPE_FLAG && v->mask == 0)
        confdoc_error(d, ERR_KEY, line, "type flag needs a \"mask\"");
    for (size_t i = 0; i < v->n_equals; i++)
        if (v->equals[i] & ~v->mask)
            confdoc_error(d, ERR_CHECK, line, "\"equals\" %d has bits outside the mask",
                          (int)v->equals[i]);
    for (size_t i = 0; i < v->n_sentinels; i++)
        if (!sentinel_fits(v, v->sentinels[i]))
            confdoc_error(d, ERR_RANGE, line, "\"sentinels\" %lld does not fit type %s",
                          (long long)v->sentinels[i], type_words[v->type]);
    if (v->min > v->max)
        confdoc_error(d, ERR_CHECK, line, "\"min\" is above \"max\"");
    if (v->at + (int64_t)codec_words(v->type) > words)
        confdoc_error(d, ERR_RANGE, line, "word %d is outside the record's %d words",
                      (int)(v->at + (int64_t)codec_words(v->type) - 1), (int)words);
}

static void check_slice(struct confdoc *d, const struct map_slice *s, int line, int64_t words,
                        const char *name)
{
    if (s->width == 0)
        return;
    if (s->shift + s->width > 16 || s->at >= words)
        confdoc_error(d, ERR_RANGE, line, "the slice of \"%s\" is not within a word of the record",
                      name);
}

static void check_item(struct confdoc *d, const struct map *m, size_t at)
{
    const struct map_item_row *r = &m->items[at];
    bool measure = r->measure >= 0, defect = r->defect >= 0;
    if (measure == defect)
        confdoc_error(d, ERR_KEY, r->line, "an entry of \"item\" is either a measure or a defect");
    if (r->measure == MEASURE_WEIGHT || r->defect == DEFECT_DOUBLE)
        confdoc_error(d, ERR_CHECK, r->line, "weight and double are the contract's own words");
    if (defect != (r->v.type == TYPE_FLAG))
        confdoc_error(d, ERR_CHECK, r->line, "type flag is for defects, and defects are flags");
    if (r->pulses && (!measure || strcmp(measure_unit((enum measure_id)r->measure), "um") != 0 ||
                      r->v.mul != 1 || r->v.div != 1))
        confdoc_error(d, ERR_CHECK, r->line, "\"pulses\" makes a length and takes no mul or div");
    for (size_t k = 0; k < at; k++)
        if (m->items[k].measure == r->measure && m->items[k].defect == r->defect)
            confdoc_error(d, ERR_CHECK, r->line, "this stands here twice, first in line %d",
                          m->items[k].line);
    check_value(d, &r->v, r->line, MAP_FRAME_WORDS);
}

static void check_items(struct confdoc *d, const struct map *m)
{
    for (size_t i = 0; i < m->n_items; i++)
        check_item(d, m, i);
}

/* ---- records and fields ---- */

static bool meet(int64_t a, int64_t an, int64_t b, int64_t bn)
{
    return a < b + bn && b < a + an;
}

static void check_records(struct confdoc *d, const struct map *m)
{
    for (size_t i = 0; i < m->n_records; i++) {
        const struct map_record *r = &m->records[i];
        int fc = r->area == AREA_INPUT ? 4 : 3;
        if (r->addr + r->words > SPACE)
            confdoc_error(d, ERR_RANGE, r->line, "record \"%s\" ends beyond word 65535", r->name);
        if (r->words > m->link_part.max_read)
            confdoc_error(
                d, ERR_CHECK, r->line,
                "record \"%s\" has %d words, more than one request (max_read %d) may carry",
                r->name, (int)r->words, (int)m->link_part.max_read);
        if (!uses_fc(m, fc))
            confdoc_error(d, ERR_CHECK, r->line, "record \"%s\" needs fc %d", r->name, fc);
        for (size_t k = 0; k < i; k++) {
            const struct map_record *o = &m->records[k];
            if (o->area == r->area && meet(o->addr, o->words, r->addr, r->words))
                confdoc_error(d, ERR_CHECK, r->line, "record \"%s\" overlaps \"%s\" of line %d",
                              r->name, o->name, o->line);
            if (strcmp(o->name, r->name) == 0)
                confdoc_error(d, ERR_CHECK, r->line, "two records are called \"%s\"", r->name);
        }
    }
    for (size_t i = 0; i < m->n_readable; i++)
        if (m->readable[i].addr + m->readable[i].words > SPACE)
            confdoc_error(d, ERR_RANGE, m->readable[i].line, "the range ends beyond word 65535");
}

/* Types that may look at the same word: what is not a number of its own. */
static bool shareable(int type)
{
    return type == TYPE_U16 || type == TYPE_BITS || type == TYPE_FLAG;
}

static void check_pair(struct confdoc *d, const struct map_field *a, const struct map_field *b)
{
    if (a->role == b->role)
        confdoc_error(d, ERR_CHECK, b->line, "role %s stands here twice, first in line %d",
                      map_role_word((enum map_role)b->role), a->line);
    if (a->record == b->record &&
        meet(a->v.at, (int64_t)codec_words(a->v.type), b->v.at, (int64_t)codec_words(b->v.type)) &&
        !(shareable(a->v.type) && shareable(b->v.type)))
        confdoc_error(d, ERR_CHECK, b->line, "%s overlaps %s of line %d with another type",
                      map_role_word((enum map_role)b->role), map_role_word((enum map_role)a->role),
                      a->line);
}

static void check_field(struct confdoc *d, const struct map *m, const struct map_field *f)
{
    const struct map_record *r = &m->records[f->record];
    const char *role = map_role_word((enum map_role)f->role);
    check_value(d, &f->v, f->line, r->words);
    check_slice(d, &f->sign, f->line, r->words, "sign");
    if (is_unit(f->role, "flag") != (f->v.type == TYPE_FLAG))
        confdoc_error(d, ERR_CHECK, f->line, "role %s and type flag go together: both or neither",
                      role);
    if (is_unit(f->role, "mg") && !r->weight.present)
        confdoc_error(d, ERR_KEY, f->line,
                      "role %s needs \"weight\" in its record: decimals and unit of the same frame",
                      role);
    if (is_unit(f->role, "mg") && (f->v.mul != 1 || f->v.div != 1))
        confdoc_error(d, ERR_CHECK, f->line, "a weight is scaled by its record's \"weight\" alone");
    if (f->sign.width > 0 && f->v.type != TYPE_U16 && f->v.type != TYPE_U32)
        confdoc_error(d, ERR_CHECK, f->line, "\"sign\" belongs to an unsigned magnitude");
}

static void check_fields(struct confdoc *d, const struct map *m)
{
    for (size_t i = 0; i < m->n_fields; i++) {
        check_field(d, m, &m->fields[i]);
        for (size_t k = 0; k < i; k++)
            check_pair(d, &m->fields[k], &m->fields[i]);
    }
}

static bool has_role(const struct map *m, int role, size_t record)
{
    for (size_t i = 0; i < m->n_fields; i++)
        if (m->fields[i].role == role &&
            (record == MAP_RECORDS_MAX || m->fields[i].record == record))
            return true;
    return false;
}

static void check_weight(struct confdoc *d, const struct map *m, size_t record)
{
    const struct map_record *r = &m->records[record];
    const struct map_weight *w = &r->weight;
    if (!w->present)
        return;
    check_slice(d, &w->decimals_at, w->line, r->words, "decimals");
    check_slice(d, &w->unit_at, w->line, r->words, "unit");
    if (w->unit_at.width == 0 && (w->n_units != 1 || w->units[0] == UNIT_REFUSED))
        confdoc_error(d, ERR_CHECK, w->line,
                      "\"units\" without \"unit\" is one of mg, g, kg and t");
    if (w->unit_at.width > 0 && (w->n_units == 0 || (int64_t)w->n_units > 1 << w->unit_at.width))
        confdoc_error(d, ERR_CHECK, w->line, "\"units\" must have 1 to %d words for its slice",
                      1 << w->unit_at.width);
    for (size_t i = 0; i < w->n_bad_when; i++)
        if (!is_unit(w->bad_when[i], "flag") || !has_role(m, w->bad_when[i], record))
            confdoc_error(d, ERR_CHECK, w->line,
                          "\"bad_when\" names %s, which is no flag of this record",
                          map_role_word((enum map_role)w->bad_when[i]));
}

static void check_weights(struct confdoc *d, const struct map *m)
{
    for (size_t i = 0; i < m->n_records; i++)
        check_weight(d, m, i);
}

/* ---- writing, trade ---- */

static void check_writes(struct confdoc *d, const struct map *m)
{
    bool drive = false;
    for (size_t i = 0; i < m->n_fields; i++)
        drive = drive || strncmp(map_role_word((enum map_role)m->fields[i].role), "drive.", 6) == 0;
    for (size_t i = 0; i < m->n_writes; i++) {
        const struct map_window *w = &m->writes[i];
        if (!purposes[w->purpose].allowed)
            confdoc_error(d, ERR_DENIED, w->line, "%s is never written: %s",
                          purposes[w->purpose].word, purposes[w->purpose].why);
        if (drive)
            confdoc_error(d, ERR_DENIED, w->line, "a drive is read only: no map may write to it");
        if (w->addr + w->words > SPACE)
            confdoc_error(d, ERR_RANGE, w->line, "the window ends beyond word 65535");
        if (w->words > m->link_part.max_write)
            confdoc_error(d, ERR_CHECK, w->line, "the window is longer than max_write (%d)",
                          (int)m->link_part.max_write);
        if (w->origin.confidence == CONFIDENCE_C)
            confdoc_error(d, ERR_CHECK, w->line, "what is written needs confidence A or B");
        for (size_t k = 0; k < i; k++)
            if (meet(m->writes[k].addr, m->writes[k].words, w->addr, w->words))
                confdoc_error(d, ERR_CHECK, w->line, "the window overlaps that of line %d",
                              m->writes[k].line);
    }
}

static void check_trade(struct confdoc *d, const struct map *m)
{
    static const int needed[] = {ROLE_SCALE_NET, ROLE_SCALE_STABLE, ROLE_SCALE_OVER};
    if (m->trade == TRADE_NONE)
        return;
    if (m->kind == MAP_MAILBOX)
        confdoc_error(d, ERR_CHECK, m->line, "a sorter's mailbox is no trade scale");
    if (m->origin.confidence == CONFIDENCE_C)
        confdoc_error(d, ERR_CHECK, m->line, "trade use needs confidence A or B");
    for (size_t i = 0; i < m->n_records; i++)
        if (m->records[i].origin.confidence == CONFIDENCE_C)
            confdoc_error(d, ERR_CHECK, m->records[i].line,
                          "trade use needs confidence A or B of record \"%s\"", m->records[i].name);
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!has_role(m, needed[i], MAP_RECORDS_MAX))
            confdoc_error(d, ERR_KEY, m->line, "trade use needs the role %s",
                          map_role_word((enum map_role)needed[i]));
}

void map_check(struct confdoc *d, const struct map *m)
{
    static void (*const rules[])(struct confdoc *, const struct map *) = {
        check_identity, check_link,   check_kind,    check_mailbox, check_items,
        check_records,  check_fields, check_weights, check_writes,  check_trade,
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        rules[i](d, m);
}
