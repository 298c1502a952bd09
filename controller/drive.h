/* A drive behind a register map, read only: running, fault, speed, current. Device of a bus; pure
 * apart from its snapshot. Bus thread, except drive_get (any thread). Nothing here can start or
 * stop it. */
#pragma once
#include "controller/device.h"
#include "plc-maps/map.h"

struct drive;
struct drive_options {
    const char *name;
    uint8_t unit;
    uint32_t period_ms;
    const struct map *map;
};
struct drive_view {
    bool link_up, good, running;
    const struct map_probe *refused; /* what it does not show of identity or settings; NULL: none */
    int64_t fault, speed_mhz, current_ma;
    struct mono at;
};
int drive_new(const struct drive_options *o, struct drive **ret, struct err *e);
void drive_free(struct drive *d);
struct device drive_device(struct drive *d);
void drive_get(const struct drive *d, struct drive_view *ret);
