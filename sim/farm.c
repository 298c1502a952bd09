/* The farm: sizes first, weight from the size, so that diameter and weight agree as in the field.
 * Thread: any; owns nothing. Invariants: 1 weights are whole centigrams; 2 every item costs a seed
 * the same way whatever was drawn before, so seeds replay; 3 a special item keeps
 * its dimensions. */
#include "sim/farm.h"
#include "plc-maps/mailbox_layout.h"
#include <string.h>

struct crop_row {
    const char *word;
    int32_t dia_min_um, dia_max_um, len_min_mm, len_max_mm;
    int64_t min_mg, max_mg;
    int32_t size_weighs; /* permille of the length that follows the diameter */
};
static const struct crop_row crops[FARM_CROPS] = {
    [FARM_CODONOPSIS] = {"codonopsis", 3000, 16000, 80, 350, 2000, 60000, 600},
    [FARM_ZUCCHINI] = {"zucchini", 30000, 75000, 100, 320, 80000, 600000, 850},
};

int farm_crop_from(const char *word)
{
    for (int i = 0; i < FARM_CROPS; i++)
        if (strcmp(crops[i].word, word) == 0)
            return i;
    return -1;
}

int64_t farm_max_mg(enum farm_crop crop)
{
    return crops[crop].max_mg;
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* Two draws make the middle common; the length partly follows the diameter. */
static void size(struct dice *d, const struct crop_row *c, struct farm_item *ret)
{
    int32_t span = c->dia_max_um - c->dia_min_um;
    int32_t a = dice_between(d, 0, span), b = dice_between(d, 0, span);
    ret->dia_um = (c->dia_min_um + (a + b) / 2) / 10 * 10;
    int64_t follow = (int64_t)(ret->dia_um - c->dia_min_um) * 1000 / span * c->size_weighs;
    int64_t own = (int64_t)dice_below(d, 1001) * (1000 - c->size_weighs);
    ret->len_mm =
        c->len_min_mm + (int32_t)((c->len_max_mm - c->len_min_mm) * (follow + own) / 1000000);
}

/* A cylinder that reaches max_mg at the largest diameter and length, give or take 15 %. */
static int64_t weigh(struct dice *d, const struct crop_row *c, const struct farm_item *i)
{
    int64_t dia = i->dia_um / 10, max_dia = c->dia_max_um / 10;
    int64_t mg = c->max_mg * (dia * dia * i->len_mm / c->len_max_mm) / (max_dia * max_dia);
    mg = mg * dice_between(d, 850, 1150) / 1000;
    return clamp(mg, c->min_mg, c->max_mg) / 10 * 10;
}

static uint16_t codonopsis_defects(struct dice *d)
{
    bool black = dice_permille(d, 60), mouldy = dice_permille(d, 10);
    return (uint16_t)((black ? 1u : 0u) | (mouldy ? 2u : 0u));
}

static uint16_t zucchini_bow(struct dice *d)
{
    int32_t a = dice_between(d, 0, 150), b = dice_between(d, 0, 150);
    return (uint16_t)(a < b ? a : b); /* most are nearly straight */
}

static void special(uint32_t draw, const struct crop_row *c, struct farm_item *i)
{
    static const uint16_t flags[] = {MB_VALID, MB_VALID | MB_NO_WEIGHT,
                                     MB_VALID | MB_STABLE | MB_DOUBLE,
                                     MB_VALID | MB_STABLE | MB_OVER};
    i->flags = flags[draw];
    if (i->flags & MB_NO_WEIGHT)
        i->net_mg = 0;
    if (i->flags & MB_DOUBLE)
        i->net_mg *= 2;
    if (i->flags & MB_OVER)
        i->net_mg = c->max_mg * 3;
}

void farm_item(struct dice *d, enum farm_crop crop, struct farm_item *ret)
{
    const struct crop_row *c = &crops[crop];
    struct farm_item i = {.flags = MB_VALID | MB_STABLE, .decimals = 2, .unit = MB_UNIT_G};
    size(d, c, &i);
    i.net_mg = weigh(d, c, &i);
    i.aux2 = crop == FARM_CODONOPSIS ? codonopsis_defects(d) : zucchini_bow(d);
    i.aux1 = (uint16_t)(i.dia_um / 10);
    uint32_t draw = dice_below(d, 200);
    if (draw < 4)
        special(draw, c, &i);
    i.weight = (int32_t)(i.net_mg / 10);
    *ret = i;
}
