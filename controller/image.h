/* The polled image of a register device: its map's requests one after another, each when it is due;
 * a decoded reading when all of one round have come. Before the first round, and again after every
 * failure, identity and settings are read; nothing counts until they hold. Pure; bus thread. Shared
 * by scale and drive. */
#pragma once
#include "controller/device.h"
#include "plc-maps/map.h"

#define IMAGE_WORDS    MAP_IMAGE_WORDS
#define IMAGE_REQUESTS MAP_REQUESTS_MAX

struct image {
    const struct map *map;
    uint8_t unit;
    uint32_t period_ms;
    const struct map_request *plan;
    const struct map_probe *probes;
    size_t n_plan, next;
    size_t n_probes, probe; /* the next one to hold; n_probes: all do */
    uint16_t words[IMAGE_WORDS];
    bool doubtful[IMAGE_REQUESTS]; /* its answer counts only when it equals the one before */
    bool seen[IMAGE_REQUESTS];     /* since it is doubtful */
    unsigned tries;                /* of the doubtful request that is being read */
    unsigned passes;               /* over this round */
    bool same;                     /* what is read in parts: as in the pass before */
    struct mono due, began;        /* of the round */
    struct mono asked;             /* the last request */
    struct wall wall;
    bool link_up;
    const struct map_probe *refused; /* what the device does not show; NULL: nothing */
};
/* `map`: of kind registers; its plan fits, or it would not have loaded. */
void image_init(struct image *m, const struct map *map, uint8_t unit, uint32_t period_ms);
bool image_want(struct image *m, struct mono now, struct want *ret, struct mono *ret_wake);
/* true: a round is complete and *ret holds it; false: not yet, or the answer was an error. */
bool image_reply(struct image *m, const struct want *w, const struct reply *r, struct mono now,
                 struct reading *ret);
/* A request of somebody else to this unit failed: its answer may still come. */
void image_doubt(struct image *m);
