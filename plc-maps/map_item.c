/* One item of the mailbox → its measures.  way: 2/12 register to measure
 * The weight as the contract has it, the free words as the
 * map declares them. Pure, no allocation; bus thread, once per item.
 * Invariant: a flag that speaks against the weight makes it BAD, whatever the number says. */
#include "plc-maps/codec.h"

/* FLAGS that must stand (want) or must not (0) for a weight that may be used. */
static const struct {
    uint16_t bit;
    bool want;
} weight_flags[] = {
    {MB_VALID, true},  {MB_STABLE, true},     {MB_OVER, false},
    {MB_UNDER, false}, {MB_NO_WEIGHT, false}, {MB_DOUBLE, false},
};

static bool usable(uint16_t flags)
{
    for (size_t i = 0; i < sizeof weight_flags / sizeof weight_flags[0]; i++)
        if (((flags & weight_flags[i].bit) != 0) != weight_flags[i].want)
            return false;
    return true;
}

/* Scale of a row: its own, or micrometres per encoder pulse. */
static bool value_of(const struct map_item_row *r, const uint16_t *frame, uint16_t pulses_per_m,
                     int64_t *ret)
{
    int64_t n;
    if (!codec_number(&r->v, NULL, frame, &n))
        return false;
    if (!r->pulses)
        return codec_scale(&r->v, n, r->v.mul, r->v.div, false, ret);
    return pulses_per_m > 0 && codec_scale(&r->v, n, 1000000, pulses_per_m, false, ret);
}

uint32_t map_measures(const struct map *m)
{
    uint32_t bits = m->kind == MAP_MAILBOX ? 1u << MEASURE_WEIGHT : 0;
    for (size_t i = 0; i < m->n_items; i++)
        if (m->items[i].measure >= 0)
            bits |= 1u << m->items[i].measure;
    return bits;
}

void map_item_measures(const struct map *m, const struct mb_item *item, uint16_t pulses_per_m,
                       struct measures *ret)
{
    const uint16_t frame[MAP_FRAME_WORDS] = {item->length, item->aux1, item->aux2};
    const uint32_t doubled = 1u << DEFECT_DOUBLE;
    struct measures x = {.looked = doubled};
    int64_t v;
    bool good = usable(item->flags) && mb_weight_mg(item->weight, item->decimals, item->unit,
                                                    &x.value[MEASURE_WEIGHT]) == 0;
    x.quality[MEASURE_WEIGHT] = good ? QUALITY_GOOD : QUALITY_BAD;
    if (item->flags & MB_DOUBLE)
        x.defects |= doubled;
    for (size_t i = 0; i < m->n_items; i++) {
        const struct map_item_row *r = &m->items[i];
        if (r->defect >= 0) {
            x.looked |= 1u << r->defect;
            x.defects |= codec_flag(&r->v, frame) ? 1u << r->defect : 0;
            continue;
        }
        good = (item->flags & MB_VALID) && value_of(r, frame, pulses_per_m, &v);
        x.quality[r->measure] = good ? QUALITY_GOOD : QUALITY_BAD;
        x.value[r->measure] = good ? v : 0;
    }
    *ret = x;
}
