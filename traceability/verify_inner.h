/* What verify.c (log) and verify_block.c (rows under blocks) share. Private to them. */
#pragma once
#include "traceability/event.h"
#include "traceability/merkle.h"

struct verify_segment { /* what the blocks of one segment have proved so far */
    uint32_t id;
    int64_t item_to, outcome_to;
};
struct verify_rows {
    struct verify_segment *segment; /* in order of id */
    size_t n, cap;
    int64_t blocks, items, outcomes, unblocked;
};

/* Takes a segment.opened or item.block event in its turn; other kinds are passed over. */
int verify_block_take(struct verify_rows *v, struct db *db, const struct event *ev, struct err *e);
/* At the end: every row belongs to a segment; counts those behind the last block. */
int verify_block_rest(struct verify_rows *v, struct db *db, struct err *e);
