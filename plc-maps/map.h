/* A device map: one YAML file, loaded, checked, immutable afterwards and shared by threads.
 * Addresses are zero-based wire addresses. Weights come out in milligrams, lengths in
 * micrometres. */
#pragma once
#include "base/err.h"
#include "base/measure.h"
#include "plc-maps/mailbox_layout.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum map_kind { MAP_MAILBOX, MAP_REGISTERS };

/* Limits of the device's link, for the planner, the bus and the configuration's deadline check. */
struct map_link {
    uint16_t max_read, max_write; /* words in one request */
    uint16_t max_gap;             /* unwanted words that a coalesced read may include */
    bool fc4, fc16, fc23;         /* FC3 is always allowed */
    uint32_t timeout_ms;          /* answer to one request */
    uint32_t guard_us;            /* silence before the next request, RTU */
    uint32_t turnaround_ms;       /* the device's own worst delay, for deadlines */
};
/* How the mailbox's free words read on this device. */
struct map_mailbox {
    bool checks;       /* the PLC provides its checks (everywhere) */
    uint32_t base;     /* default B; the configuration may override */
    uint32_t min_ring; /* smallest RING_N this map is meant for */
};

/* Reads by role for register devices: what a map's field means. ROLE(NAME, "word", "unit"). */
enum map_role {
#define ROLE(name, word, unit) ROLE_##name,
#include "plc-maps/roles.def"
#undef ROLE
    ROLE_COUNT
};
/* One decoded snapshot of a register device: value[role] is valid when quality[role] is GOOD. */
struct reading {
    int64_t value[ROLE_COUNT]; /* mg for weights, 0/1 for flags, the table's unit for others */
    uint8_t quality[ROLE_COUNT];
};

/* One request of the read plan: fc 3 or 4, n words from addr, into words[at…] of the device's
 * image. */
struct map_request {
    uint8_t fc;
    uint16_t addr, n, at;
    uint32_t period_ms;
};

struct map;
/* loads, checks, runs its vectors */
int map_load(const char *path, struct map **ret, struct err *e);
int map_parse(const char *name, const char *text, size_t n, struct map **ret, struct err *e);
void map_free(struct map *m);

const char *map_id(const struct map *m);      /* "mailbox-v1" */
const char *map_version(const struct map *m); /* "1.0.0" */
enum map_kind map_kind(const struct map *m);
const char *map_title(const struct map *m);  /* "HBM WTX110/120" */
const char *map_sha256(const struct map *m); /* of the file's bytes, 64 hex digits */
const struct map_link *map_link(const struct map *m);
const struct map_mailbox *map_mailbox(const struct map *m); /* NULL unless MAP_MAILBOX */
/* declared fit for weighing in trade (confidence A or B) */
bool map_trade_static(const struct map *m);
size_t map_vectors(const struct map *m); /* how many golden vectors it carries */

/* MAP_MAILBOX: the measures of one item. WEIGHT is BAD when flags say over, under, no weight, not
 * stable, double or not valid, or when the unit is refused; aux words by the map. Pure. */
void map_item_measures(const struct map *m, const struct mb_item *item, uint16_t pulses_per_m,
                       struct measures *ret);

/* MAP_MAILBOX: which measures a line with this map has (bit 1 << measure_id); compare
 * ruleset_needs. */
uint32_t map_measures(const struct map *m);

/* MAP_REGISTERS: the read plan (coalesced, within limits, distinct quantities per (unit, fc)) and
 * the decoder of its image. Pure. */
size_t map_plan(const struct map *m, const struct map_request **ret);
size_t map_image_words(const struct map *m);
void map_decode(const struct map *m, const uint16_t *image, struct reading *ret);
/* Nothing here says what may be written, on purpose: register devices are read only, also where a
 * map's `write:` names what the device would take (checked and listed for people, asked by nobody).
 * The only writes are those to a mailbox, H … H+16+4×SLOT_M−1: its window is
 * mailbox_may_write (controller/mailbox.h), which link.c asks before every write. */
