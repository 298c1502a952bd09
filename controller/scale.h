/* A scale behind a register map (the indicator is the trade reading; ours is a repeat display).
 * Device of a bus; pure apart from its snapshot. Stability is the indicator's own flag where it has
 * one. Bus thread, except scale_get (any thread). */
#pragma once
#include "controller/device.h"
#include "plc-maps/map.h"

struct scale;
struct scale_options {
    const char *name;
    uint8_t unit;
    uint32_t period_ms; /* poll, default 100 */
    const struct map *map;
};
/* The newest reading, of whatever kind of scale (also controller/linescale.h). fresh: younger than
 * 500 ms at `now`. alibi 0: the scale has no number of its own. */
struct scale_view {
    bool link_up, good, stable, over, under, error, centre_zero, zero_required, net_mode, seal_open,
        frozen;
    bool stable_by_host; /* the scale has no flag: judged here, from equal readings */
    bool tare_unknown;   /* it shows one weight and not what it took off: gross is that, tare 0 */
    int64_t net_mg, gross_mg, tare_mg;
    int64_t alibi;
    const struct map_probe *refused; /* what it does not show of identity or settings; NULL: none */
    struct mono at;
    struct wall wall;
    uint64_t reads;
    uint16_t raw[64]; /* the frame as read; characters two a word, the first one high */
    uint16_t raw_n;
    uint16_t raw_cut; /* bytes of the last word that belong to nothing: 0 or 1 */
    uint64_t thrown;  /* bytes that were no frame, since start */
};
int scale_new(const struct scale_options *o, struct scale **ret, struct err *e);
void scale_free(struct scale *s);
struct device scale_device(struct scale *s);
void scale_get(const struct scale *s, struct scale_view *ret);
