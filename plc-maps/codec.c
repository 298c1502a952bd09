/* Registers → numbers: types, byte orders, slices, flags, scales. Pure, no allocation, any thread;
 * runs for every reading (decode.c, map_item.c).
 * Invariants: 1. a value that may be wrong is refused, never guessed; 2. no floating point. */
#include "plc-maps/codec.h"
#include "base/num.h"

__extension__ typedef unsigned __int128 wide;

static const struct {
    uint8_t words, bits;
    bool has_sign;
} types[] = {
#define TYPE(name, word, words, bits, has_sign, keys) {words, bits, has_sign},
#include "plc-maps/types.def"
#undef TYPE
};

size_t codec_words(int type)
{
    return types[type].words;
}

static bool has_key(const struct map_value *v, unsigned key)
{
    return (map_type_keys(v->type) & key) != 0;
}

int64_t codec_first(const struct map_value *v)
{
    if (!has_key(v, KEY_PARTS))
        return v->at;
    int64_t first = v->n_parts ? v->parts[0].at : 0;
    for (size_t i = 1; i < v->n_parts; i++)
        if (v->parts[i].at < first)
            first = v->parts[i].at;
    return first;
}

int64_t codec_last(const struct map_value *v)
{
    int64_t last = v->at + (int64_t)types[v->type].words - 1;
    for (size_t i = 0; i < v->n_parts; i++)
        if (v->parts[i].at > last)
            last = v->parts[i].at;
    return last;
}

bool codec_uses(const struct map_value *v, int64_t at)
{
    for (size_t i = 0; i < v->n_parts; i++)
        if (v->parts[i].at == at)
            return true;
    return at >= v->at && at < v->at + (int64_t)types[v->type].words;
}

int64_t codec_bits(const struct map_value *v)
{
    int64_t bits = has_key(v, KEY_SLICE) ? v->width : types[v->type].bits;
    if (!has_key(v, KEY_PARTS))
        return bits;
    bits = 0;
    for (size_t i = 0; i < v->n_parts; i++)
        bits += v->parts[i].width;
    return bits;
}

/* ---- raw bits ---- */

static uint16_t swap_bytes(uint16_t w)
{
    return (uint16_t)(w << 8 | w >> 8);
}

static uint64_t low_bits(int64_t width)
{
    return width >= 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
}

/* The words at v->at as one unsigned number, byte order resolved. */
static uint64_t in_order(const struct map_value *v, const uint16_t *words)
{
    const int64_t n = types[v->type].words;
    bool swap_words = v->order & ORDER_CDAB, bytes = v->order & ORDER_BADC;
    uint64_t u = 0;
    for (int64_t i = 0; i < n; i++) {
        uint16_t w = words[v->at + (swap_words ? n - 1 - i : i)];
        u = u << 16 | (bytes ? swap_bytes(w) : w);
    }
    return u & low_bits(types[v->type].bits);
}

uint32_t codec_slice(const struct map_slice *s, const uint16_t *words)
{
    return (uint32_t)(((uint64_t)words[s->at] >> s->shift) & low_bits(s->width));
}

static uint64_t joined(const struct map_value *v, const uint16_t *words)
{
    uint64_t u = 0;
    for (size_t i = 0; i < v->n_parts; i++)
        u = u << v->parts[i].width | codec_slice(&v->parts[i], words);
    return u;
}

static uint64_t raw(const struct map_value *v, const uint16_t *words)
{
    if (has_key(v, KEY_PARTS))
        return joined(v, words);
    uint64_t u = in_order(v, words);
    if (has_key(v, KEY_SLICE))
        return u >> v->shift & low_bits(v->width);
    return v->mask && !has_key(v, KEY_FLAG) ? u & (uint64_t)v->mask : u;
}

bool codec_flag(const struct map_value *v, const uint16_t *words)
{
    uint64_t masked = raw(v, words) & (uint64_t)v->mask;
    bool hit = v->n_equals == 0 && masked != 0;
    for (size_t i = 0; i < v->n_equals; i++)
        hit = hit || masked == (uint64_t)v->equals[i];
    return hit != v->invert;
}

/* ---- numbers ---- */

static bool is_sentinel(const struct map_value *v, uint64_t u)
{
    uint64_t all = low_bits(codec_bits(v));
    for (size_t i = 0; i < v->n_sentinels; i++)
        if (u == ((uint64_t)v->sentinels[i] & all))
            return true;
    return false;
}

static bool from_bcd(uint64_t u, int64_t *ret)
{
    int64_t n = 0;
    for (int shift = 28; shift >= 0; shift -= 4) {
        int64_t digit = (int64_t)(u >> shift & 0xF);
        if (digit > 9)
            return false;
        n = n * 10 + digit;
    }
    *ret = n;
    return true;
}

bool codec_one_hot(uint64_t bits, int64_t *ret)
{
    int64_t place = 0;
    if (bits == 0 || (bits & (bits - 1)) != 0)
        return false;
    while (bits >>= 1)
        place++;
    *ret = place;
    return true;
}

static bool with_sign(const struct map_value *v, uint64_t u, int64_t *ret)
{
    uint64_t all = low_bits(codec_bits(v));
    if (types[v->type].has_sign && u > all / 2) {
        *ret = -(int64_t)(all - u) - 1;
        return true;
    }
    *ret = (int64_t)u;
    return u <= INT64_MAX;
}

bool codec_number(const struct map_value *v, const struct map_slice *sign, const uint16_t *words,
                  int64_t *ret)
{
    uint64_t u = raw(v, words);
    int64_t n = 0;
    bool good = !is_sentinel(v, u);
    if (v->type == TYPE_BCD16 || v->type == TYPE_BCD32)
        good = good && from_bcd(u, &n);
    else if (v->type == TYPE_ONE_HOT)
        good = good && codec_one_hot(u, &n);
    else
        good = good && with_sign(v, u, &n);
    if (good && v->table.n > 0) {
        good = (uint64_t)n < v->table.n && !v->table.bad[n];
        n = good ? v->table.value[n] : 0;
    }
    if (sign && sign->width > 0 && codec_slice(sign, words) != 0)
        n = -n;
    if (good)
        *ret = n;
    return good;
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

/* ---- floats ---- */

enum {
    FLOAT_BIAS = 150, /* 127 and 23 places behind the point */
    FLOAT_SHIFT = 64, /* beyond, no device measures: 2^88 and more */
    FLOAT_WHOLE = 1 << 24,
};

bool codec_float(uint32_t bits, int64_t mul, int64_t div, int64_t *ret)
{
    uint32_t exponent = bits >> 23 & 0xFF, fraction = bits & 0x7FFFFF;
    if (exponent == 0xFF || (exponent == 0 && fraction != 0))
        return false;
    int shift = (int)exponent - FLOAT_BIAS; /* value = mantissa × 2^shift, mantissa < 2^24 */
    if (shift > FLOAT_SHIFT)
        return false;
    if (exponent == 0 || shift < -FLOAT_SHIFT) { /* zero, or less than 2^-3 whatever mul is */
        *ret = 0;
        return true;
    }
    wide num = (wide)(fraction | 0x800000) * (wide)mul, den = (wide)div; /* < 2^61, < 2^37 */
    if (shift >= 0)
        num <<= shift;
    else
        den <<= -shift;
    wide n = num / den, rest = num % den;
    n += rest >= den - rest;
    if (n > INT64_MAX)
        return false;
    *ret = bits >> 31 ? -(int64_t)n : (int64_t)n;
    return true;
}

bool codec_value(const struct map_value *v, const struct map_slice *sign, const uint16_t *words,
                 int64_t mul, int64_t div, bool exact, int64_t *ret)
{
    int64_t n;
    if (v->type != TYPE_F32)
        return codec_number(v, sign, words, &n) && codec_scale(v, n, mul, div, exact, ret);
    uint64_t u = raw(v, words);
    if (is_sentinel(v, u))
        return false;
    if (exact) /* displayed steps first, then their milligrams */
        return codec_float((uint32_t)u, div, 1, &n) && n >= -FLOAT_WHOLE && n <= FLOAT_WHOLE &&
               codec_scale(v, n, mul, div, true, ret);
    if (!codec_float((uint32_t)u, mul, div, &n) || n < v->min || n > v->max)
        return false;
    *ret = n;
    return true;
}
