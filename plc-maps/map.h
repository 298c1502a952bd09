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

enum map_kind { MAP_MAILBOX, MAP_REGISTERS, MAP_LINES };

/* Factory setting of the device's serial port. baud 0: the map does not say. */
struct map_serial {
    uint32_t baud;
    uint8_t data, stop; /* bits */
    char parity;        /* N, E, O */
    bool ascii;         /* Modbus ASCII: must be set to RTU at the device first */
};
/* How long a unit that fails is left alone. fail_after 0: as the bus does by itself. */
struct map_breaker {
    uint32_t fail_after, first_ms, max_ms;
};
/* Limits of the device's link, for the planner, the bus and the configuration's deadline check. */
struct map_link {
    uint16_t max_read, max_write; /* words in one request, the byte limit counted in */
    uint16_t max_gap;             /* unwanted words that a coalesced read may include */
    uint16_t align;               /* requests begin at a multiple and are that long: 1 any */
    bool fc1, fc2, fc3, fc4, fc5, fc6, fc16, fc23;
    bool silent_unknown;       /* a function that it does not know is not answered */
    bool one_connection;       /* a second TCP connection is refused or ends the first */
    uint32_t timeout_ms;       /* answer to one request */
    uint32_t guard_us;         /* silence before the next request, RTU */
    uint32_t turnaround_ms;    /* the device's own worst delay, for deadlines */
    uint32_t min_interval_ms;  /* from one request to this device to the next */
    uint32_t connect_pause_ms; /* after connecting, before the first request */
    uint32_t heartbeat_ms;     /* scale.heartbeat must move within; 0: there is none */
    uint32_t frozen_ms;        /* same words for so long in motion: frozen; 0: no such rule */
    struct map_breaker breaker;
    struct map_serial serial;
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

/* One request of the read plan: function fc reads n words (fc 1 and 2: bits, 16 to a word, the
 * lowest first) from addr into words[at...] of the device's image.
 * agree: how many readings running must be equal before they count while the link is doubtful,
 * that is from a failed request on; 2 where a late answer to another request of this unit would
 * look the same. torn: part of a record that is longer than a request; it always counts only when
 * two rounds running read the same words. */
struct map_request {
    uint8_t fc;
    uint16_t addr, n, at;
    uint32_t period_ms;
    uint8_t agree;
    bool torn;
    uint8_t proof; /* 1 + the identity that stands inside, which every answer must show; 0: none */
};
enum { MAP_REQUESTS_MAX = 32, MAP_IMAGE_WORDS = 256, MAP_PROBES_MAX = 12, MAP_PROBE_WORDS = 8 };
/* What is read once after connecting, before anything counts: that the device is the one that the
 * map is for (identity), and that it is set as the map needs it (setting). */
struct map_probe {
    uint8_t fc; /* 0: a setting that no register shows; people see to it */
    uint16_t addr, n, mask;
    uint16_t words[MAP_PROBE_WORDS]; /* all of them, or with one_of a single word out of n_of */
    uint16_t n_of;
    bool setting;
    char en[96], zh[96]; /* what it must be, for people */
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
/* Identity and settings, in the order in which they are read; map_probe_holds judges an answer. */
size_t map_probes(const struct map *m, const struct map_probe **ret);
bool map_probe_holds(const struct map_probe *p, const uint16_t *words);
/* A device with several scales: how many, and the map of one of them from 0 (*ret is the caller's;
 * channel 0 reads as m does). ERR_RANGE: there are not so many. */
unsigned map_channels(const struct map *m);
int map_channel(const struct map *m, unsigned channel, struct map **ret, struct err *e);
/* May a device with this map have this unit id? */
bool map_unit_allowed(const struct map *m, uint8_t unit);
void map_decode(const struct map *m, const uint16_t *image, struct reading *ret);
/* Nothing here says what may be written, on purpose: register devices are read only, also where a
 * map's `write:` names what the device would take (checked and listed for people, asked by nobody).
 * The only writes are those to a mailbox, H … H+16+4×SLOT_M−1: its window is
 * mailbox_may_write (controller/mailbox.h), which link.c asks before every write. */
