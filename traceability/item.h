/* Items, outcomes and gaps of conveyor lines as the record keeps them. Append-only rows.
 * item.id = segment << 32 | seq; a segment is one stretch of a (line, epoch) under one run.
 * outcome.id = the epoch's first segment << 32 | out index. Main thread of lotlined only (readers:
 * SQL by id).
 *
 * How a row is proved (public contract; a verifier can be written from these words):
 *  - The leaf of a row is SHA-256(0x00 ‖ TEXT). TEXT is ASCII: a tag, then the values in the order
 *    below, each as a plain decimal number (a leading '-' when negative, no leading zeroes) or a
 *    single '-' for NULL, parted by single blanks, nothing after the last one. The digit of the tag
 *    is the row's fmt.
 *      item     i1 id net_mg dia_um mid_um len_um bow_ppm defects flags lane grade outlet why
 *               outlet_why rule recovered at_ms
 *      outcome  o1 id seq outlet reason at_ms
 *  - An item.block event proves rows of one segment: body fields "segment", "line", "epoch";
 *    "items" (count), "first_item", "last_item" (ids; 0 and 0 when there is none); "outcomes",
 *    "first_outcome", "last_outcome" likewise; "root" (64 hex). Its rows are all items with
 *    first_item <= id <= last_item and all outcomes with first_outcome <= id <= last_outcome; the
 *    root is the RFC 6962 tree over the items' leaves in order of id, then the outcomes' leaves in
 *    order of id.
 *  - Blocks of a segment follow each other in order of id, for items and for outcomes; every row
 *    stands in exactly one block, except those newer than the newest block of their segment, which
 *    the next block will prove (10 s later at most; none after a clean stop).
 *  - The block event itself is leaf seq - 1 of the log: SHA-256(0x00 ‖ event.body), RFC 6962 over
 *    all events in order of seq (dense from 1). Table checkpoint holds signed C2SP checkpoints of
 *    it (note.h), signed with the key that stands in base64 as "public_key" of the first event (or
 *    of the newest key.rotated event within the tree, which the key before it signed: key.h);
 *    origin and key name are "SITE.lotline/" and the first 8 digits of "store_id" of the newest
 *    store.created or store.restored event within the tree. */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ITEM_NO_MG    INT64_MIN
#define ITEM_NO_VALUE INT32_MIN
#define ITEM_WORDS    16

/* Plain value that crosses the ring from a bus thread. */
struct item {
    uint32_t line; /* line number of the configuration, from 1 */
    uint32_t epoch, seq;
    uint32_t run;   /* number of the sort run that governs it; 0: none */
    uint32_t rule;  /* number of the registered rule set version that decided it; 0: none */
    int64_t net_mg; /* automatic reading, not a trade weight; ITEM_NO_MG: none */
    int32_t dia_um, mid_um, len_um, bow_ppm; /* ITEM_NO_VALUE: none */
    uint32_t defects;                        /* bits of base/measures.def */
    uint16_t flags, lane;                    /* as the PLC wrote them */
    uint16_t grade, outlet;     /* as decided; outlet 0: no decision was stored (table mode) */
    uint16_t why, outlet_why;   /* codes of crops/why.def */
    bool recovered;             /* the slot was adopted after a restart */
    uint16_t words[ITEM_WORDS]; /* the record as read, for rule 3 of the mailbox */
    struct wall at;             /* when the record was read */
};
struct outcome {
    uint32_t line, epoch, out, seq;
    uint16_t outlet, reason;
    struct wall at;
};
/* A hole with its count. from = to = 0 when the PLC gave no bounds. */
enum gap_kind { GAP_ITEMS, GAP_OUTCOMES };
struct gap {
    enum gap_kind kind;
    uint32_t line, epoch, from, to, count;
    const char *cause; /* "lost-before-first" "overwritten" "unknown-epoch" "outcomes-overrun" … */
};

struct store;
/* Inside the open transaction. Same (line, epoch, seq) with the same words: 0, nothing is stored
 * twice; with other words: ERR_EPOCH. A first item of a new (line, epoch, run) opens its segment
 * (event segment.opened, which is the run's effective_from). Items of one (line, epoch) arrive in
 * order of seq without holes other than those given as gaps; otherwise ERR_STATE. */
int item_append(struct store *s, const struct item *it, struct err *e);
int outcome_append(struct store *s, const struct outcome *o, struct err *e);
int gap_append(struct store *s, const struct gap *g, struct err *e);
/* Appends item.block events for lines whose unblocked rows reached 256 or whose oldest unblocked
 * row is 10 s old (or all, when `flush`). Called once a turn, before the commit. */
int item_blocks(struct store *s, struct mono now, bool flush, struct err *e);

/* What a line must know before it starts. */
struct item_line_state {
    uint32_t epoch;                 /* newest epoch of this line; 0: none yet */
    uint32_t epoch_nonce;           /* the nonce it was proposed for */
    bool epoch_seen;                /* the PLC has shown it */
    uint32_t seq, out;              /* committed up to here in that epoch */
    uint32_t next_epoch;            /* never used before on this line */
    uint32_t boot_nonce, head_seen; /* last committed knowledge of the PLC's start */
};
int item_line_state(struct store *s, uint32_t line, struct item_line_state *ret, struct err *e);
/* Words of the newest items, which the PLC may still hold: seq in (from, to]; cb per item, in
 * order. */
int item_held_words(struct store *s, uint32_t line, uint32_t epoch, uint32_t from, uint32_t to,
                    void (*cb)(void *ctx, uint32_t seq, const uint16_t words[ITEM_WORDS]),
                    void *ctx);
