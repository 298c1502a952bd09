/* The rules of single values: which keys belong to a type, and what fits into its words. Pure but
 * for the report; part of map_check. */
#include "plc-maps/check.h"

/* Keys that belong to some types and were given to another. */
static const char *foreign_key(const struct map_value *v)
{
    unsigned keys = map_type_keys(v->type);
    bool number =
        v->n_sentinels || v->mul != 1 || v->div != 1 || v->min != INT64_MIN || v->max != INT64_MAX;
    const struct {
        bool given;
        unsigned key;
        const char *names;
    } groups[] = {
        {v->shift || v->width, KEY_SLICE, "shift and width"},
        {v->n_equals || v->invert, KEY_FLAG, "equals and invert"},
        {v->mask != 0, KEY_MASK, "mask"},
        {number, KEY_NUMBER, "sentinels, mul, div, min and max"},
        {v->n_parts > 0, KEY_PARTS, "parts"},
        {v->table.n > 0, KEY_TABLE, "table"},
        {v->order != ORDER_ABCD, KEY_ORDER, "order"},
    };
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (groups[i].given && !(keys & groups[i].key))
            return groups[i].names;
    return NULL;
}

/* An order has as many letters as the type has bytes; two words or one: the four of four. */
static void check_order(struct confdoc *d, const struct map_value *v, int line)
{
    size_t words = codec_words(v->type);
    const char *type = map_type_word(v->type);
    if (v->order >= ORDER_ABCDEFGH && words != 4)
        confdoc_error(d, ERR_CHECK, line, "type %s has no eight bytes to put in order", type);
    else if (v->order != ORDER_ABCD && v->order < ORDER_ABCDEFGH && words == 4)
        confdoc_error(d, ERR_CHECK, line, "the order of type %s has eight letters", type);
    else if (words == 1 && (v->order & ORDER_CDAB))
        confdoc_error(d, ERR_CHECK, line, "type %s has no word order (CDAB, DCBA)", type);
}

static bool sentinel_fits(const struct map_value *v, int64_t s)
{
    int64_t bits = codec_bits(v);
    bool has_sign = !(map_type_keys(v->type) & KEY_SIGN); /* those take no sign from elsewhere */
    if (bits >= 63)
        return has_sign || s >= 0;
    int64_t high = ((int64_t)1 << bits) - 1, low = has_sign ? -(high / 2) - 1 : 0;
    if (v->mask && (s & ~v->mask)) /* the sentinel is compared after masking */
        return false;
    return s >= low && s <= high;
}

static void check_lists(struct confdoc *d, const struct map_value *v, int line)
{
    int64_t codes = codec_bits(v) < 16 ? (int64_t)1 << codec_bits(v) : CHECK_SPACE;
    if (v->type == TYPE_ONE_HOT)
        codes = v->width;
    for (size_t i = 0; i < v->n_equals; i++)
        if (v->equals[i] & ~v->mask)
            confdoc_error(d, ERR_CHECK, line, "\"equals\" %d has bits outside the mask",
                          (int)v->equals[i]);
    for (size_t i = 0; i < v->n_sentinels; i++)
        if (!sentinel_fits(v, v->sentinels[i]))
            confdoc_error(d, ERR_RANGE, line, "\"sentinels\" %lld does not fit type %s%s",
                          (long long)v->sentinels[i], map_type_word(v->type),
                          v->mask ? " and its mask" : "");
    if ((int64_t)v->table.n > codes)
        confdoc_error(d, ERR_CHECK, line, "\"table\" has %zu values for %lld codes", v->table.n,
                      (long long)codes);
}

static void check_bits(struct confdoc *d, const struct map_value *v, int line)
{
    unsigned keys = map_type_keys(v->type);
    int64_t bits = codec_bits(v);
    if ((keys & KEY_SLICE) && (v->width == 0 || v->shift + v->width > 16))
        confdoc_error(d, ERR_RANGE, line, "a slice of %d bits from bit %d is not within a word",
                      (int)v->width, (int)v->shift);
    if ((keys & KEY_PARTS) && (v->n_parts == 0 || bits > 63))
        confdoc_error(d, ERR_RANGE, line, "\"parts\" make up a number of 1 to 63 bits, not %d",
                      (int)bits);
    if (v->type == TYPE_FLAG && v->mask == 0)
        confdoc_error(d, ERR_KEY, line, "type flag needs a \"mask\"");
    if ((keys & KEY_MASK) && bits < 32 && v->mask >> bits)
        confdoc_error(d, ERR_RANGE, line, "\"mask\" 0x%llX has more than the %d bits of type %s",
                      (unsigned long long)v->mask, (int)bits, map_type_word(v->type));
}

void check_slice(struct confdoc *d, const struct map_slice *s, int line, int64_t words,
                 const char *name)
{
    if (s->width == 0)
        return;
    if (s->shift + s->width > 16 || s->at >= words)
        confdoc_error(d, ERR_RANGE, line, "the slice of \"%s\" is not within a word of the record",
                      name);
}

void check_value(struct confdoc *d, const struct map_value *v, int line, int64_t words)
{
    const char *foreign = foreign_key(v);
    if (foreign)
        confdoc_error(d, ERR_CHECK, line, "type %s has no %s", map_type_word(v->type), foreign);
    else
        check_order(d, v, line);
    check_bits(d, v, line);
    check_lists(d, v, line);
    for (size_t i = 0; i < v->n_parts; i++)
        check_slice(d, &v->parts[i], line, words, "parts");
    if (v->min > v->max)
        confdoc_error(d, ERR_CHECK, line, "\"min\" is above \"max\"");
    if (codec_last(v) >= words)
        confdoc_error(d, ERR_RANGE, line, "word %d is outside the record's %d words",
                      (int)codec_last(v), (int)words);
}
