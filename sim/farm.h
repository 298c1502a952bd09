/* What grows: seeded items with believable sizes, weights and defects. Pure, any thread. */
#pragma once
#include "sim/dice.h"

enum farm_crop { FARM_CODONOPSIS, FARM_ZUCCHINI, FARM_CROPS };

/* One item as the measuring point sees it. Plain value. AUX1 = head diameter in 10 µm; AUX2 =
 * defect bits (codonopsis: b0 black, b1 mouldy) or bow in 0.1 mm per 100 mm (zucchini). */
struct farm_item {
    int64_t net_mg;
    int32_t weight; /* WEIGHT word: net_mg at `decimals` of `unit`, here centigrams */
    int32_t dia_um, len_mm;
    uint16_t flags, aux1, aux2;
    uint8_t decimals, unit;
};

int farm_crop_from(const char *word); /* enum farm_crop, or −1 */
/* A few in 200 are unstable, without weight, two at once, or over. */
void farm_item(struct dice *d, enum farm_crop crop, struct farm_item *ret);
/* The heaviest sound item, the scale of the machine's own table. */
int64_t farm_max_mg(enum farm_crop crop);
