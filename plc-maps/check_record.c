/* The rules of records, fields, weights, and of what proves the device. Pure but for the report;
 * part of map_check. */
#include "plc-maps/check.h"
#include <string.h>

bool check_is_unit(int role, const char *unit)
{
    return strcmp(map_role_unit((enum map_role)role), unit) == 0;
}

bool check_has_role(const struct map *m, int role, size_t record)
{
    for (size_t i = 0; i < m->n_fields; i++)
        if (m->fields[i].role == role &&
            (record == MAP_RECORDS_MAX || m->fields[i].record == record))
            return true;
    return false;
}

bool check_meet(int64_t a, int64_t an, int64_t b, int64_t bn)
{
    return a < b + bn && b < a + an;
}

/* ---- records ---- */

/* Its length in the addresses of its area. */
static int64_t length(const struct map_record *r)
{
    return r->bits ? r->bits : r->words;
}

static bool same_slice(const struct map_slice *a, const struct map_slice *b)
{
    return a->at == b->at && a->shift == b->shift && a->width == b->width;
}

/* One place that shows one of several values in turn. */
static bool take_turns(const struct map_record *a, const struct map_record *b)
{
    return a->select.shows.width > 0 && same_slice(&a->select.shows, &b->select.shows) &&
           a->addr == b->addr && a->words == b->words && a->select.is != b->select.is;
}

static bool records_meet(const struct map_record *a, const struct map_record *b)
{
    if (a->area != b->area || take_turns(a, b))
        return false;
    for (int64_t i = 0; i < a->channels; i++)
        for (int64_t k = 0; k < b->channels; k++)
            if (check_meet(a->addr + i * a->stride, length(a), b->addr + k * b->stride, length(b)))
                return true;
    return false;
}

static void check_neighbours(struct confdoc *d, const struct map *m, size_t at)
{
    const struct map_record *r = &m->records[at];
    if (r->channels > 1 && r->stride < length(r))
        confdoc_error(d, ERR_CHECK, r->line,
                      "record \"%s\": \"stride\" %d is shorter than the record (%d)", r->name,
                      (int)r->stride, (int)length(r));
    for (size_t k = 0; k < at; k++) {
        const struct map_record *o = &m->records[k];
        if (records_meet(o, r))
            confdoc_error(d, ERR_CHECK, r->line, "record \"%s\" overlaps \"%s\" of line %d",
                          r->name, o->name, o->line);
        if (strcmp(o->name, r->name) == 0)
            confdoc_error(d, ERR_CHECK, r->line, "two records are called \"%s\"", r->name);
        if (r->channels > 1 && o->channels > 1 && r->channels != o->channels)
            confdoc_error(d, ERR_CHECK, r->line, "record \"%s\" has %d channels, \"%s\" has %d",
                          r->name, (int)r->channels, o->name, (int)o->channels);
    }
}

static void check_reading(struct confdoc *d, const struct map *m, const struct map_record *r)
{
    int64_t most = m->link.max_read;
    int fc = map_area_fc(r->area);
    if (!check_fc(m, fc))
        confdoc_error(d, ERR_CHECK, r->line, "record \"%s\" needs fc %d", r->name, fc);
    if (r->words > most && r->torn == TORN_REFUSED)
        confdoc_error(d, ERR_CHECK, r->line,
                      "record \"%s\" has %d words, more than one request (max_read %d) may carry; "
                      "\"torn: reread\" reads it in parts twice",
                      r->name, (int)r->words, (int)most);
    if (r->words <= most && r->torn == TORN_REREAD)
        confdoc_error(d, ERR_CHECK, r->line, "record \"%s\" fits one request: it is never torn",
                      r->name);
    if (r->whole && r->torn == TORN_REREAD)
        confdoc_error(d, ERR_CHECK, r->line, "record \"%s\" cannot be both whole and in parts",
                      r->name);
}

static void check_record(struct confdoc *d, const struct map *m, size_t at)
{
    const struct map_record *r = &m->records[at];
    const struct map_select *s = &r->select;
    if (r->addr + (r->channels - 1) * r->stride + length(r) > CHECK_SPACE)
        confdoc_error(d, ERR_RANGE, r->line, "record \"%s\" ends beyond word 65535", r->name);
    check_reading(d, m, r);
    check_neighbours(d, m, at);
    check_slice(d, &s->shows, r->line, r->words, "shows");
    if (s->shows.width > 0 && s->is >> s->shows.width)
        confdoc_error(d, ERR_RANGE, r->line, "\"is\" %d does not fit the slice of \"shows\"",
                      (int)s->is);
    map_manual_check(d, r->line, r->manual, r->area, r->addr);
}

void check_records(struct confdoc *d, const struct map *m)
{
    for (size_t i = 0; i < m->n_records; i++)
        check_record(d, m, i);
    for (size_t i = 0; i < m->n_readable; i++)
        if (m->readable[i].addr + m->readable[i].words > CHECK_SPACE)
            confdoc_error(d, ERR_RANGE, m->readable[i].line, "the range ends beyond word 65535");
}

/* ---- fields ---- */

/* Types that may look at the same word: what is not a number of its own. */
static bool shareable(int type)
{
    return type == TYPE_U16 || type == TYPE_FLAG ||
           (map_type_keys(type) & (KEY_SLICE | KEY_PARTS)) != 0;
}

/* A word that both look at. */
static bool share_a_word(const struct map_value *a, const struct map_value *b)
{
    for (int64_t at = codec_first(a); at <= codec_last(a); at++)
        if (codec_uses(a, at) && codec_uses(b, at))
            return true;
    return false;
}

static void check_pair(struct confdoc *d, const struct map_field *a, const struct map_field *b)
{
    if (a->role == b->role)
        confdoc_error(d, ERR_CHECK, b->line, "role %s stands here twice, first in line %d",
                      map_role_word((enum map_role)b->role), a->line);
    if (a->record == b->record && share_a_word(&a->v, &b->v) &&
        !(shareable(a->v.type) && shareable(b->v.type)))
        confdoc_error(d, ERR_CHECK, b->line, "%s overlaps %s of line %d with another type",
                      map_role_word((enum map_role)b->role), map_role_word((enum map_role)a->role),
                      a->line);
}

/* Wire address of what the field looks at first; in an area of bits its own lowest one. */
static int64_t field_addr(const struct map_record *r, const struct map_value *v)
{
    int64_t bit = v->shift;
    if (!r->bits)
        return r->addr + codec_first(v);
    while (v->mask && !(v->mask >> bit & 1))
        bit++;
    return r->addr + codec_first(v) * 16 + bit;
}

/* Bits beyond the record's last are no bits of the device. */
static void check_in_bits(struct confdoc *d, const struct map_record *r, const struct map_field *f)
{
    int64_t top = f->v.width ? f->v.shift + f->v.width : 0;
    for (int64_t mask = f->v.mask; mask >> top; top++)
        ;
    if (r->bits && (map_type_keys(f->v.type) & (KEY_SLICE | KEY_FLAG)) &&
        codec_first(&f->v) * 16 + top > r->bits)
        confdoc_error(d, ERR_RANGE, f->line, "bit %d is outside the record's %d bits",
                      (int)(codec_first(&f->v) * 16 + top - 1), (int)r->bits);
}

static void check_scaling(struct confdoc *d, const struct map_record *r, const struct map_field *f)
{
    bool weight = check_is_unit(f->role, "mg");
    const char *role = map_role_word((enum map_role)f->role);
    if (check_is_unit(f->role, "flag") != (f->v.type == TYPE_FLAG))
        confdoc_error(d, ERR_CHECK, f->line, "role %s and type flag go together: both or neither",
                      role);
    if (weight && !r->weight.present)
        confdoc_error(d, ERR_KEY, f->line,
                      "role %s needs \"weight\" in its record: decimals and unit of the same frame",
                      role);
    if (weight && (f->v.mul != 1 || f->v.div != 1 || f->v.table.n > 0))
        confdoc_error(d, ERR_CHECK, f->line, "a weight is scaled by its record's \"weight\" alone");
    if (f->sign.width > 0 && !(map_type_keys(f->v.type) & KEY_SIGN))
        confdoc_error(d, ERR_CHECK, f->line, "\"sign\" belongs to an unsigned magnitude");
}

static void check_field(struct confdoc *d, const struct map *m, const struct map_field *f)
{
    const struct map_record *r = &m->records[f->record];
    unsigned before = d->errors;
    check_value(d, &f->v, f->line, r->words);
    check_slice(d, &f->sign, f->line, r->words, "sign");
    check_scaling(d, r, f);
    if (d->errors > before) /* its place is not known to be sound */
        return;
    check_in_bits(d, r, f);
    map_manual_check(d, f->line, f->manual, r->area, field_addr(r, &f->v));
}

void check_fields(struct confdoc *d, const struct map *m)
{
    for (size_t i = 0; i < m->n_fields; i++) {
        check_field(d, m, &m->fields[i]);
        for (size_t k = 0; k < i; k++)
            check_pair(d, &m->fields[k], &m->fields[i]);
    }
}

/* ---- weights ---- */

static void check_decimals(struct confdoc *d, const struct map_record *r)
{
    const struct map_weight *w = &r->weight;
    int64_t codes = w->one_hot ? w->decimals_at.width : (int64_t)1 << w->decimals_at.width;
    check_slice(d, &w->decimals_at, w->line, r->words, "decimals");
    check_slice(d, &w->times_at, w->line, r->words, "times");
    if ((int64_t)w->table.n > codes)
        confdoc_error(d, ERR_CHECK, w->line,
                      "\"table\" of \"decimals\" has %zu values for %d codes", w->table.n,
                      (int)codes);
    if (w->times_at.width > 0 && w->times_by != 10 && w->times_by != 100)
        confdoc_error(d, ERR_RANGE, w->line, "\"by\" of \"times\" is 10 or 100, not %d",
                      (int)w->times_by);
}

static void check_weight(struct confdoc *d, const struct map *m, size_t record)
{
    const struct map_record *r = &m->records[record];
    const struct map_weight *w = &r->weight;
    if (!w->present)
        return;
    check_decimals(d, r);
    check_slice(d, &w->unit_at, w->line, r->words, "unit");
    if (w->unit_at.width == 0 && (w->n_units != 1 || w->units[0] == UNIT_REFUSED))
        confdoc_error(d, ERR_CHECK, w->line,
                      "\"units\" without \"unit\" is one of mg, g, kg and t");
    if (w->unit_at.width > 0 && (w->n_units == 0 || (int64_t)w->n_units > 1 << w->unit_at.width))
        confdoc_error(d, ERR_CHECK, w->line, "\"units\" must have 1 to %d words for its slice",
                      1 << w->unit_at.width);
    for (size_t i = 0; i < w->n_bad_when; i++)
        if (!check_is_unit(w->bad_when[i], "flag") || !check_has_role(m, w->bad_when[i], record))
            confdoc_error(d, ERR_CHECK, w->line,
                          "\"bad_when\" names %s, which is no flag of this record",
                          map_role_word((enum map_role)w->bad_when[i]));
}

void check_weights(struct confdoc *d, const struct map *m)
{
    for (size_t i = 0; i < m->n_records; i++)
        check_weight(d, m, i);
}

/* ---- identity and settings ---- */

static void check_expected(struct confdoc *d, const struct map_proof *p)
{
    const struct map_probe *q = &p->probe;
    size_t n = q->n_of ? q->n_of : q->n;
    for (size_t i = 0; i < n; i++)
        if (q->words[i] & ~q->mask)
            confdoc_error(d, ERR_CHECK, p->line,
                          "the expected word 0x%04X has bits outside the mask", q->words[i]);
}

void check_proofs(struct confdoc *d, const struct map *m)
{
    for (size_t i = 0; i < m->n_proofs; i++) {
        const struct map_proof *p = &m->proofs[i];
        const struct map_probe *q = &p->probe;
        if (q->fc == 0)
            continue;
        if (m->kind == MAP_MAILBOX)
            confdoc_error(d, ERR_CHECK, p->line,
                          "a mailbox identifies itself: of its map only settings without \"addr\"");
        if (q->addr + q->n > CHECK_SPACE)
            confdoc_error(d, ERR_RANGE, p->line, "the read ends beyond word 65535");
        if (!check_fc(m, q->fc))
            confdoc_error(d, ERR_CHECK, p->line, "reading this needs fc %d", q->fc);
        if (q->n > m->link.max_read)
            confdoc_error(d, ERR_CHECK, p->line, "%d words are more than one request may carry",
                          q->n);
        check_expected(d, p);
        map_manual_check(d, p->line, p->manual, p->area, q->addr);
    }
}
