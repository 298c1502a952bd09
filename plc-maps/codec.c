/* Registers → measures.  way: 2/12 register to measure
 * Types, byte orders, slices, flags, scales, and weights whose decimals and
 * unit stand in the same frame. Pure, no allocation, any thread; runs for every reading.
 * Invariants: 1. a value that may be wrong is BAD, never a guess; 2. no floating point: a weight
 * that is no whole milligram is BAD. */
#include "plc-maps/codec.h"
#include "base/num.h"
#include <string.h>

static const struct {
    uint8_t words, bits;
    bool has_sign;
} types[] = {
    [TYPE_U16] = {1, 16, false}, [TYPE_S16] = {1, 16, true},   [TYPE_U32] = {2, 32, false},
    [TYPE_S32] = {2, 32, true},  [TYPE_BITS] = {1, 16, false}, [TYPE_FLAG] = {1, 16, false},
};
static const struct {
    bool swap_words, swap_bytes;
} orders[] = {
    [ORDER_ABCD] = {false, false},
    [ORDER_CDAB] = {true, false},
    [ORDER_BADC] = {false, true},
    [ORDER_DCBA] = {true, true},
};

size_t codec_words(int type)
{
    return types[type].words;
}

static uint16_t swap_bytes(uint16_t w)
{
    return (uint16_t)(w << 8 | w >> 8);
}

/* The words at v->at as one unsigned number, byte order resolved. */
static uint32_t raw(const struct map_value *v, const uint16_t *words)
{
    uint16_t a = words[v->at], b = types[v->type].words == 2 ? words[v->at + 1] : 0;
    if (orders[v->order].swap_bytes) {
        a = swap_bytes(a);
        b = swap_bytes(b);
    }
    if (types[v->type].words == 1)
        return a;
    return orders[v->order].swap_words ? (uint32_t)b << 16 | a : (uint32_t)a << 16 | b;
}

static uint32_t low_bits(int64_t width)
{
    return (uint32_t)(((uint64_t)1 << width) - 1);
}

uint32_t codec_slice(const struct map_slice *s, const uint16_t *words)
{
    return (uint32_t)words[s->at] >> s->shift & low_bits(s->width);
}

bool codec_flag(const struct map_value *v, const uint16_t *words)
{
    uint32_t masked = raw(v, words) & (uint32_t)v->mask;
    bool hit = v->n_equals == 0 && masked != 0;
    for (size_t i = 0; i < v->n_equals; i++)
        hit = hit || masked == (uint32_t)v->equals[i];
    return hit != v->invert;
}

bool codec_number(const struct map_value *v, const struct map_slice *sign, const uint16_t *words,
                  int64_t *ret)
{
    uint32_t u = raw(v, words), all = low_bits(types[v->type].bits);
    if (v->type == TYPE_BITS)
        u = u >> v->shift & low_bits(v->width);
    for (size_t i = 0; i < v->n_sentinels; i++)
        if (u == ((uint32_t)v->sentinels[i] & all))
            return false;
    int64_t n = u;
    if (types[v->type].has_sign && u > all / 2)
        n -= (int64_t)all + 1;
    if (sign && sign->width > 0 && codec_slice(sign, words) != 0)
        n = -n;
    *ret = n;
    return true;
}

bool codec_scale(const struct map_value *v, int64_t n, int64_t mul, int64_t div, bool exact,
                 int64_t *ret)
{
    int64_t product, scaled;
    if (num_mul(n, mul, &product) < 0 || (exact && product % div != 0))
        return false;
    if (num_ratio(n, mul, div, &scaled) < 0 || scaled < v->min || scaled > v->max)
        return false;
    *ret = scaled;
    return true;
}

/* mg of one displayed step as mul / div; false: the unit is refused or the decimals
 * are too many. */
static bool weight_step(const struct map_weight *w, const uint16_t *words, int64_t *ret_mul,
                        int64_t *ret_div)
{
    static const int64_t unit_mg[] = {0, 1, 1000, 1000000, 1000000000};
    static const int64_t ten[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    uint32_t decimals = (uint32_t)w->decimals, unit = 0;
    if (w->decimals_at.width > 0)
        decimals = codec_slice(&w->decimals_at, words);
    if (w->unit_at.width > 0)
        unit = codec_slice(&w->unit_at, words);
    if (decimals > 6 || unit >= w->n_units || w->units[unit] == UNIT_REFUSED)
        return false;
    *ret_mul = unit_mg[w->units[unit]];
    *ret_div = ten[decimals];
    return true;
}

static bool is_weight(const struct map_field *f)
{
    return strcmp(map_role_unit((enum map_role)f->role), "mg") == 0;
}

static void decode_field(const struct map_record *r, const struct map_field *f,
                         const uint16_t *words, struct reading *ret)
{
    int64_t n, mul = f->v.mul, div = f->v.div;
    bool good = true;
    if (f->v.type == TYPE_FLAG)
        ret->value[f->role] = codec_flag(&f->v, words);
    else
        good = codec_number(&f->v, &f->sign, words, &n) &&
               (!is_weight(f) || weight_step(&r->weight, words, &mul, &div)) &&
               codec_scale(&f->v, n, mul, div, is_weight(f), &ret->value[f->role]);
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
