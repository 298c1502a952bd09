/* The item and the outcome that both sides of the record's bench store: same values,
 * same number. */
#pragma once
#include "traceability/item.h"
#include <string.h>

static inline struct item sample_item(uint32_t epoch, uint32_t seq)
{
    struct item i = {
        .line = 1,
        .epoch = epoch,
        .seq = seq,
        .net_mg = 15000 + seq % 9000,
        .dia_um = (int32_t)(6000 + seq % 8000),
        .mid_um = ITEM_NO_VALUE,
        .len_um = (int32_t)(180000 + seq % 90000),
        .bow_ppm = ITEM_NO_VALUE,
        .flags = 3,
        .lane = 1,
        .grade = (uint16_t)(1 + seq % 3),
        .outlet = (uint16_t)(1 + seq % 4),
        .why = 1,
        .outlet_why = 1,
        .at = {INT64_C(1700000000000) + seq * 5},
    };
    for (uint32_t w = 0; w < ITEM_WORDS; w++)
        i.words[w] = (uint16_t)(seq * 31 + w);
    return i;
}

static inline struct outcome sample_outcome(uint32_t epoch, uint32_t seq)
{
    return (struct outcome){.line = 1,
                            .epoch = epoch,
                            .out = seq,
                            .seq = seq,
                            .outlet = (uint16_t)(1 + seq % 4),
                            .reason = 1,
                            .at = {INT64_C(1700000000400) + seq * 5}};
}
