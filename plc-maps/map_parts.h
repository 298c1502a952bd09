/* What a map is made of, as read from its file. Private to plc-maps/: read by map_read.c, judged by
 * check.c, laid out by plan.c, used by codec.c and vector.c. Plain values with fixed bounds, so a
 * map is one allocation. Numbers are int64_t and words int because row tables write them. */
#pragma once
#include "plc-maps/map.h"
#include "base/confdoc.h"

enum {
    MAP_RECORDS_MAX = 16,
    MAP_FIELDS_MAX = 64,
    MAP_ITEMS_MAX = 16,
    MAP_WINDOWS_MAX = 16,
    MAP_LIST_MAX = 8, /* sentinels, equals, bad_when, units */
    MAP_READ_MAX = 125,
    MAP_FRAME_WORDS = 3, /* the free words of an item: LENGTH, AUX1, AUX2 */
};

#define MAP_TYPES "u16|s16|u32|s32|bits|flag"
enum map_type { TYPE_U16, TYPE_S16, TYPE_U32, TYPE_S32, TYPE_BITS, TYPE_FLAG };
#define MAP_ORDERS "ABCD|CDAB|BADC|DCBA" /* letters as on the wire, A the most significant byte */
enum map_order { ORDER_ABCD, ORDER_CDAB, ORDER_BADC, ORDER_DCBA };
#define MAP_AREAS "holding|input"
enum map_area { AREA_HOLDING, AREA_INPUT };
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

/* How words become a number: position in the record, type, order, slice or mask, exact scale. */
struct map_value {
    int type, order;
    int64_t at, shift, width; /* shift and width: bits */
    int64_t mask;             /* flag: any of these bits, or with `equals` their value */
    bool invert;
    int64_t mul, div, min, max; /* min and max: after scaling; outside is BAD */
    int64_t sentinels[MAP_LIST_MAX], equals[MAP_LIST_MAX];
    size_t n_sentinels, n_equals;
};
struct map_slice { /* width 0: not there */
    int64_t at, shift, width;
};
struct map_field {
    int role; /* enum map_role */
    int line;
    size_t record;
    struct map_value v;
    struct map_slice sign; /* magnitude with its sign elsewhere: not 0 means negative */
};
/* Weights of a record: decimals and unit stand in the same frame or are fixed. */
struct map_weight {
    bool present;
    int line;
    int64_t decimals; /* fixed, when the slice's width is 0 */
    struct map_slice decimals_at, unit_at;
    int units[MAP_LIST_MAX]; /* enum map_unit by the slice's value; units[0] when it is fixed */
    size_t n_units;
    int bad_when[MAP_LIST_MAX]; /* roles: weights are BAD while one of them is 1 or not GOOD */
    size_t n_bad_when;
};
struct map_record {
    char name[32];
    int line, area;
    int64_t addr, words, period_ms;
    struct map_origin origin;
    struct map_weight weight;
    size_t request, at; /* by the plan: the request that reads it, its first word in the image */
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
    int64_t max_read, max_write, max_gap, timeout_ms, guard_us, turnaround_ms;
    int64_t fc[MAP_LIST_MAX];
    size_t n_fc;
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
    struct map_request requests[MAP_RECORDS_MAX];
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
extern const char map_measure_words[]; /* "weight|…|" */
extern const char map_defect_words[];

/* The i-th row table of a map file with its title; false: there are no more. */
bool map_rows(size_t i, const char **ret_title, const struct conf_row **ret_rows, size_t *ret_n);

/* Loading, one step per file. Each reports into *d; the next runs only when there was no error. */
void map_read(struct confdoc *d, struct map *m, const struct ynode **ret_vectors);
void map_check(struct confdoc *d, const struct map *m);
void map_lay_out(struct confdoc *d, struct map *m);
void map_run_vectors(struct confdoc *d, struct map *m, const struct ynode *vectors);
/* All of them. `stem`: the file's name without ".yaml", which must be the map's id; NULL: any.
 * *ret_m (NULL after an error) is the caller's. 0, or the first error's code. */
int map_build(const char *name, const char *stem, const char *text, size_t n,
              void (*error)(void *ctx, const struct err *e), void *ctx, struct map **ret_m,
              unsigned *ret_errors, struct err *e);
