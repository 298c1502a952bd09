/* Registers → measures.  way: 2/12 register to measure
 * One image of a register device as a reading: values by role, and weights whose decimals and unit
 * stand in the same frame. Pure, no allocation, any thread; runs for every reading.
 * Invariants: 1. a value that may be wrong is BAD, never a guess; 2. a weight that is no whole
 * milligram is BAD. */
#include "plc-maps/codec.h"
#include <string.h>

enum { DECIMALS_MAX = 6 };

/* Decimal places as the frame shows them; false: a code that has none. */
static bool decimals_of(const struct map_weight *w, const uint16_t *words, int64_t *ret)
{
    int64_t code = w->decimals;
    if (w->decimals_at.width > 0)
        code = codec_slice(&w->decimals_at, words);
    if (w->one_hot && !codec_one_hot((uint64_t)code, &code))
        return false;
    if (w->table.n > 0) {
        if ((uint64_t)code >= w->table.n || w->table.bad[code])
            return false;
        code = w->table.value[code];
    }
    *ret = code;
    return code <= DECIMALS_MAX;
}

/* mg of one displayed step as mul / div; false: the unit is refused or the decimals
 * are none or too many. */
static bool weight_step(const struct map_weight *w, const uint16_t *words, int64_t *ret_mul,
                        int64_t *ret_div)
{
    static const int64_t unit_mg[] = {0, 1, 1000, 1000000, 1000000000};
    static const int64_t ten[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    int64_t decimals, finer = 1;
    uint32_t unit = 0;
    if (!decimals_of(w, words, &decimals))
        return false;
    if (w->unit_at.width > 0)
        unit = codec_slice(&w->unit_at, words);
    if (unit >= w->n_units || w->units[unit] == UNIT_REFUSED)
        return false;
    if (w->times_at.width > 0 && codec_slice(&w->times_at, words) != 0)
        finer = w->times_by;
    *ret_mul = unit_mg[w->units[unit]];
    *ret_div = ten[decimals] * finer;
    return true;
}

static bool is_weight(const struct map_field *f)
{
    return strcmp(map_role_unit((enum map_role)f->role), "mg") == 0;
}

/* Another value was selected than the one that the record is for. */
static bool deselected(const struct map_select *s, const uint16_t *words)
{
    return s->shows.width > 0 && codec_slice(&s->shows, words) != (uint64_t)s->is;
}

static void decode_field(const struct map_record *r, const struct map_field *f,
                         const uint16_t *words, struct reading *ret)
{
    int64_t mul = f->v.mul, div = f->v.div;
    bool good = !deselected(&r->select, words);
    if (f->v.type == TYPE_FLAG)
        ret->value[f->role] = codec_flag(&f->v, words);
    else
        good = good && (!is_weight(f) || weight_step(&r->weight, words, &mul, &div)) &&
               codec_value(&f->v, &f->sign, words, mul, div, is_weight(f), &ret->value[f->role]);
    ret->quality[f->role] = good ? QUALITY_GOOD : QUALITY_BAD;
}

/* Weights of a record are worthless while one of its bad_when flags stands. */
static bool spoilt(const struct map_record *r, const struct reading *x)
{
    for (size_t i = 0; i < r->weight.n_bad_when; i++) {
        int role = r->weight.bad_when[i];
        if (x->quality[role] != QUALITY_GOOD || x->value[role] != 0)
            return true;
    }
    return false;
}

void map_decode(const struct map *m, const uint16_t *image, struct reading *ret)
{
    *ret = (struct reading){0};
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct map_record *r = &m->records[m->fields[i].record];
        decode_field(r, &m->fields[i], image + r->at, ret);
    }
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct map_field *f = &m->fields[i];
        if (is_weight(f) && spoilt(&m->records[f->record], ret))
            ret->quality[f->role] = QUALITY_BAD;
    }
    for (size_t i = 0; i < ROLE_COUNT; i++) /* what is not GOOD shows no number */
        if (ret->quality[i] != QUALITY_GOOD)
            ret->value[i] = 0;
}
