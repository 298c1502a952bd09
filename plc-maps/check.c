/* What the values of a map mean together, one function per rule, run from one table; here the rules
 * of the map as a whole. Pure but for the report; runs once per load, after reading and before
 * planning, only on maps that read cleanly.
 * Invariant: a rule reports every breach, with the line of the part that breaks it. */
#include "plc-maps/check.h"
#include <ctype.h>
#include <string.h>

static const struct {
    const char *word, *why;
    bool allowed;
} purposes[PURPOSE_COUNT] = {
#define PURPOSE(name, word, allowed, why) {word, why, allowed},
#include "plc-maps/purposes.def"
#undef PURPOSE
};

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

static void check_kind(struct confdoc *d, const struct map *m)
{
    if (m->kind == MAP_MAILBOX && (m->n_records || m->n_readable || m->n_writes))
        confdoc_error(d, ERR_CHECK, m->line,
                      "kind mailbox has no \"records\", \"readable\" or \"write\": the contract "
                      "names its words");
    if (m->kind == MAP_REGISTERS && (m->n_items || m->mailbox_part.line))
        confdoc_error(d, ERR_CHECK, m->line, "kind registers has no \"mailbox\" and no \"item\"");
    if (m->lines.line)
        confdoc_error(d, ERR_CHECK, m->line, "only kind lines has \"lines\"");
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
    if (end > CHECK_SPACE)
        confdoc_error(d, ERR_RANGE, b->line, "the mailbox would end at word %d, beyond 65535",
                      (int)end);
    if (!check_fc(m, 3) || !check_fc(m, 16))
        confdoc_error(d, ERR_CHECK, l->line, "a mailbox needs fc 3 and 16");
    if (check_fc(m, 4) || l->max_gap != 0)
        confdoc_error(d, ERR_CHECK, l->line, "fc 4 and \"max_gap\" mean nothing for a mailbox");
    if (l->max_read % MB_ITEM_WORDS || l->max_read <= MB_HDR_WORDS)
        confdoc_error(
            d, ERR_RANGE, l->line,
            "\"max_read\" of a mailbox is whole records and holds a header: 48, 64 … 112");
    if (l->max_write % MB_SLOT_WORDS || l->max_write < MB_HOST_WORDS)
        confdoc_error(d, ERR_RANGE, l->line,
                      "\"max_write\" of a mailbox is whole slots and holds H+0..15: 16, 20 … 120");
}

/* ---- items ---- */

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
    if (r->v.type == TYPE_F32 || (map_type_keys(r->v.type) & KEY_PARTS))
        confdoc_error(d, ERR_CHECK, r->line, "a word of the item is never type %s",
                      map_type_word(r->v.type));
    else
        check_value(d, &r->v, r->line, MAP_FRAME_WORDS);
}

static void check_items(struct confdoc *d, const struct map *m)
{
    for (size_t i = 0; i < m->n_items; i++)
        check_item(d, m, i);
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
        if (w->addr + w->words > CHECK_SPACE)
            confdoc_error(d, ERR_RANGE, w->line, "the window ends beyond word 65535");
        if (w->words > m->link_part.max_write)
            confdoc_error(d, ERR_CHECK, w->line, "the window is longer than max_write (%d)",
                          (int)m->link_part.max_write);
        if (w->origin.confidence == CONFIDENCE_C)
            confdoc_error(d, ERR_CHECK, w->line, "what is written needs confidence A or B");
        for (size_t k = 0; k < i; k++)
            if (check_meet(m->writes[k].addr, m->writes[k].words, w->addr, w->words))
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
        if (!check_has_role(m, needed[i], MAP_RECORDS_MAX))
            confdoc_error(d, ERR_KEY, m->line, "trade use needs the role %s",
                          map_role_word((enum map_role)needed[i]));
}

void map_check(struct confdoc *d, struct map *m)
{
    static void (*const rules[])(struct confdoc *, const struct map *) = {
        check_identity, check_link,    check_kind,   check_mailbox, check_items, check_records,
        check_fields,   check_weights, check_proofs, check_writes,  check_trade,
    };
    if (m->kind == MAP_LINES) {
        check_identity(d, m);
        lines_check(d, m);
        return;
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        rules[i](d, m);
}
