/* The polled image of a register device: its map's requests one after another, each when it is due;
 * a decoded reading when all of one round have come. Pure; bus thread. Shared by
 * scale and drive. */
#pragma once
#include "controller/device.h"
#include "plc-maps/map.h"

#define IMAGE_WORDS    256
#define IMAGE_REQUESTS MAP_REQUESTS_MAX

struct image {
    const struct map *map;
    uint8_t unit;
    uint32_t period_ms;
    const struct map_request *plan;
    size_t n_plan, next;
    uint16_t words[IMAGE_WORDS];
    struct mono due, began; /* of the round */
    struct wall wall;
    bool link_up;
};
int image_init(struct image *m, const struct map *map, uint8_t unit, uint32_t period_ms,
               struct err *e);
bool image_want(struct image *m, struct mono now, struct want *ret, struct mono *ret_wake);
/* true: a round is complete and *ret holds it; false: not yet, or the answer was an error. */
bool image_reply(struct image *m, const struct want *w, const struct reply *r, struct mono now,
                 struct reading *ret);
