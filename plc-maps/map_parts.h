/* What a map is made of, as read from its file. Private to plc-maps/: read by map_read.c, judged by
 * check.c, laid out by plan.c, used by codec.c and vector.c. Plain values with fixed bounds, so a
 * map is one allocation. Numbers are int64_t and words int because row tables write them. */
#pragma once
#include "plc-maps/map.h"
#include "base/confdoc.h"
#include "plc-maps/lines_parts.h"

enum {
    MAP_RECORDS_MAX = 24,
    MAP_FIELDS_MAX = 64,
    MAP_ITEMS_MAX = 16,
    MAP_WINDOWS_MAX = 16,
    MAP_LIST_MAX = 8,   /* sentinels, equals, bad_when, units */
    MAP_TABLE_MAX = 24, /* values by code */
    MAP_PARTS_MAX = 4,
    MAP_CHANNELS_MAX = 16,
    MAP_READ_MAX = 125,
    MAP_FRAME_WORDS = 3, /* the free words of an item: LENGTH, AUX1, AUX2 */
};

/* Which keys of a value belong to a type (types.def). */
enum {
    KEY_NUMBER = 1, /* sentinels, mul, div, min, max */
    KEY_MASK = 2,
    KEY_FLAG = 4, /* equals, invert */
    KEY_SLICE = 8,
    KEY_PARTS = 16,
    KEY_SIGN = 32,
    KEY_ORDER = 64,
    KEY_TABLE = 128,
};
enum map_type {
#define TYPE(name, word, words, bits, has_sign, keys) TYPE_##name,
#include "plc-maps/types.def"
#undef TYPE
    TYPE_COUNT
};
/* Letters as on the wire, A the most significant byte; the lower two bits of the index say what is
 * swapped. */
#define MAP_ORDERS "ABCD|CDAB|BADC|DCBA|ABCDEFGH|GHEFCDAB|BADCFEHG|HGFEDCBA"
enum map_order {
    ORDER_ABCD,
    ORDER_CDAB,
    ORDER_BADC,
    ORDER_DCBA,
    ORDER_ABCDEFGH,
    ORDER_GHEFCDAB,
    ORDER_BADCFEHG,
    ORDER_HGFEDCBA
};
/* Each area has its function: 3, 4, 1 and 2. */
#define MAP_AREAS "holding|input|coil|discrete"
enum map_area { AREA_HOLDING, AREA_INPUT, AREA_COIL, AREA_DISCRETE };
#define MAP_TORN "refused|reread"
enum map_torn { TORN_REFUSED, TORN_REREAD };
#define MAP_UNITS "refused|mg|g|kg|t"
enum map_unit { UNIT_REFUSED, UNIT_MG, UNIT_G, UNIT_KG, UNIT_T };
#define MAP_CONFIDENCES "A|B|C"
enum map_confidence { CONFIDENCE_A, CONFIDENCE_B, CONFIDENCE_C };
#define MAP_TRADES "none|static"
enum map_trade { TRADE_NONE, TRADE_STATIC };

/* Where a block comes from and how far it may be believed (A manual or maker's code, B independent
 * working code, C neither). */
struct map_origin {
    char source[160];
    int confidence;
};

struct map_slice { /* width 0: not there */
    int64_t at, shift, width;
};
/* Values by code; a code that is beyond the list or "bad" has none. */
struct map_table {
    int64_t value[MAP_TABLE_MAX];
    bool bad[MAP_TABLE_MAX];
    size_t n;
};
/* How words become a number: position in the record, type, order, slice or mask, exact scale. */
struct map_value {
    int type, order;
    int64_t at, shift, width; /* shift and width: bits */
    int64_t mask;             /* of a number: the bits that are its own, 0 all; of a flag: any of
                                 these bits, or with `equals` their value */
    bool invert;
    int64_t mul, div, min, max; /* min and max: after scaling; outside is BAD */
    int64_t sentinels[MAP_LIST_MAX], equals[MAP_LIST_MAX];
    size_t n_sentinels, n_equals;
    struct map_slice parts[MAP_PARTS_MAX]; /* the most significant first */
    size_t n_parts;
    struct map_table table;
};
struct map_field {
    int role; /* enum map_role */
    int line;
    size_t record;
    char manual[24];
    struct map_value v;
    struct map_slice sign; /* magnitude with its sign elsewhere: not 0 means negative */
};
/* Weights of a record: decimals and unit stand in the same frame or are fixed. */
struct map_weight {
    bool present;
    int line;
    int64_t decimals; /* fixed, when the slice's width is 0 */
    struct map_slice decimals_at, unit_at, times_at;
    bool one_hot;            /* decimals: the place of the one bit that is set in the slice */
    struct map_table table;  /* decimals by the slice's code */
    int64_t times_by;        /* while the times slice is not 0, one step is so many times finer */
    int units[MAP_LIST_MAX]; /* enum map_unit by the slice's value; units[0] when it is fixed */
    size_t n_units;
    int bad_when[MAP_LIST_MAX]; /* roles: weights are BAD while one of them is 1 or not GOOD */
    size_t n_bad_when;
};
/* A record that shows what was selected counts only while it shows `is`. */
struct map_select {
    struct map_slice shows; /* width 0: nothing is selected */
    int64_t is;
};
struct map_record {
    char name[32], manual[24];
    int line, area, torn;
    bool whole;                           /* read exactly as it is */
    int64_t addr, words, bits, period_ms; /* bits: coil and discrete, words follows from it */
    int64_t channels, stride;
    struct map_origin origin;
    struct map_weight weight;
    struct map_select select;
    size_t request, at; /* by the plan: the request that reads it, its first word in the image */
};
/* A read with an expected answer, as written: identity, or a setting. */
struct map_proof {
    int line, area;
    char manual[24], source[160];
    struct map_probe probe;
};
/* A free word of the mailbox's item: a measure or a defect, never both. */
struct map_item_row {
    int measure, defect; /* −1: not this */
    int line;
    bool pulses; /* counted in encoder pulses: a length in um by PULSES_PER_M */
    struct map_value v;
};
struct map_window {
    int line, area, purpose; /* area: readable; purpose: write */
    int64_t addr, words;
    struct map_origin origin;
};
struct map_mailbox_part {
    bool checks;
    int line;
    int64_t base, min_ring;
};
struct map_link_part {
    int64_t max_read, max_read_bytes, max_write, max_gap, align, timeout_ms, guard_us;
    int64_t turnaround_ms, min_interval_ms, connect_pause_ms, heartbeat_ms, frozen_ms;
    int64_t fail_after, first_ms, max_ms; /* breaker */
    bool silent_unknown, one_connection;
    char serial[24];
    struct map_serial port; /* the same, read */
    int64_t fc[MAP_LIST_MAX];
    size_t n_fc;
    int64_t unit_first[MAP_LIST_MAX], unit_last[MAP_LIST_MAX]; /* none: any */
    size_t n_units;
    int line;
};

struct map {
    char id[48], version[16], title[96], sha256[65];
    int kind, trade, line;
    struct map_origin origin;
    struct map_link_part link_part;
    struct map_mailbox_part mailbox_part;
    struct map_link link; /* the same, as the public header shapes them */
    struct map_mailbox mailbox;
    struct map_item_row items[MAP_ITEMS_MAX];
    struct map_record records[MAP_RECORDS_MAX];
    struct map_field fields[MAP_FIELDS_MAX];
    struct map_window readable[MAP_WINDOWS_MAX], writes[MAP_WINDOWS_MAX];
    size_t n_items, n_records, n_fields, n_readable, n_writes, n_vectors;
    struct map_proof proofs[MAP_PROBES_MAX]; /* identity first */
    struct map_probe probes[MAP_PROBES_MAX]; /* the same, as the public header shapes them */
    size_t n_proofs;
    int64_t channel;        /* of this copy */
    struct lines_map lines; /* kind lines */
    struct map_request requests[MAP_REQUESTS_MAX];
    size_t n_requests, image_words;
};

/* Roles and the purposes a write may have. */
const char *map_role_word(enum map_role r);
const char *map_role_unit(enum map_role r);
enum map_purpose {
#define PURPOSE(name, word, allowed, why) PURPOSE_##name,
#include "plc-maps/purposes.def"
#undef PURPOSE
    PURPOSE_COUNT
};
extern const char map_role_words[];    /* "scale.net|…|" */
extern const char map_type_words[];    /* "u16|…|" */
extern const char map_measure_words[]; /* "weight|…|" */
extern const char map_defect_words[];
const char *map_type_word(int type);
unsigned map_type_keys(int type); /* KEY_… */

/* One table of keys: where it stands ("link"), its title, its rows. */
struct map_keys {
    const char *name, *title;
    const struct conf_row *rows;
    size_t n;
};
/* The i-th table of a map file; NULL: there are no more. */
const struct map_keys *map_keys(size_t i);
extern const struct map_keys map_keys_link, map_keys_breaker;
extern const struct map_keys map_keys_item, map_keys_field, map_keys_slice;
extern const struct map_keys map_keys_weight, map_keys_decimals, map_keys_times, map_keys_select;
extern const struct map_keys map_keys_channels, map_keys_proof, map_keys_setting;
extern const struct map_keys map_keys_vector, map_keys_frame, map_keys_plan;

/* Parts of the reading, one file each: read_link.c, read_value.c, read_weight.c, read_proof.c. */
void map_read_link(struct confdoc *d, struct map *m, const struct ynode *at);
void map_read_item(struct confdoc *d, struct map *m, const struct ynode *at);
void map_read_field(struct confdoc *d, struct map *m, const struct ynode *at);
bool map_read_slice(struct confdoc *d, const struct ynode *at, struct map_slice *ret);
void map_read_weight(struct confdoc *d, struct map_weight *w, const struct ynode *at);
void map_read_select(struct confdoc *d, struct map_select *s, const struct ynode *at);
void map_read_identity(struct confdoc *d, struct map *m, const struct ynode *at);
void map_read_setting(struct confdoc *d, struct map *m, const struct ynode *at);

/* The manual's own notation of a place against its wire address: see manual.c. false: reported. */
bool map_manual_check(struct confdoc *d, int line, const char *manual, int area, int64_t addr);
const char *map_area_word(int area);
uint8_t map_area_fc(int area); /* the function that reads it */
/* First wire address of a record of this copy's channel. */
int64_t map_record_addr(const struct map *m, const struct map_record *r);

/* Loading, one step per file. Each reports into *d; the next runs only when there was no error. */
void map_read(struct confdoc *d, struct map *m, const struct ynode **ret_vectors);
void map_check(struct confdoc *d, struct map *m); /* lays the forms of kind lines out */
void map_lay_out(struct confdoc *d, struct map *m);
void map_run_vectors(struct confdoc *d, struct map *m, const struct ynode *vectors);
/* All of them on a document; the map keeps nothing of it, and has no sha256. With nobody to hear
 * more errors (error NULL) the first may be the last that is looked for. */
int map_build_doc(const struct ydoc *doc, const char *stem,
                  void (*error)(void *ctx, const struct err *e), void *ctx, struct map **ret_m,
                  unsigned *ret_errors, struct err *e);
/* The same on a text. `stem`: the file's name without ".yaml", which must be the map's id; NULL:
 * any. *ret_m (NULL after an error) is the caller's. 0, or the first error's code. */
int map_build(const char *name, const char *stem, const char *text, size_t n,
              void (*error)(void *ctx, const struct err *e), void *ctx, struct map **ret_m,
              unsigned *ret_errors, struct err *e);
