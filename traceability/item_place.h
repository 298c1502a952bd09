/* Where each line stands in the record: what may come next, so that an append needs no search. A
 * cache of what the tables say; forgotten at rollback. Private to the core (item.c, gap.c,
 * block.c). */
#pragma once
#include "base/clock.h"
#include "base/db.h"
#include "base/err.h"
#include "traceability/leaves.h"
#include <stdbool.h>
#include <stdint.h>

#define LINES_MAX 256

struct item_place {
    uint32_t epoch;        /* 0: nothing is known */
    uint32_t segment, run; /* newest segment of the epoch; 0: none yet */
    uint32_t base;         /* its first segment, which numbers the outcomes */
    uint32_t seq, out;     /* the newest that stands, as a row or as a gap */
};
struct tail_leaves {
    struct leaves items, outcomes;
};
struct item_tail {
    bool touched;             /* rows may stand outside any block */
    uint32_t from;            /* first segment that may hold such rows */
    struct mono seen;         /* when item_blocks first saw them; 0: not yet */
    uint32_t items, outcomes; /* how many at most, once item_blocks has looked; appends add to it */
    struct tail_leaves *leaves; /* NULL until the first row */
};
struct item_places {
    struct item_place line[LINES_MAX + 1]; /* by line number, from 1 */
    struct item_tail tail[LINES_MAX + 1];
};

void item_places_forget(struct item_places *p);
void item_places_free(struct item_places *p);
struct tail_leaves *item_tail_leaves(struct item_places *p, uint32_t line); /* NULL: no memory */
/* Reads it from the tables unless it is known. ERR_STATE: the epoch was never opened
 * on this line. */
int item_place_of(struct item_places *p, struct db *db, uint32_t line, uint32_t epoch,
                  struct item_place **ret, struct err *e);
static inline int64_t item_id(uint32_t segment, uint32_t n)
{
    return (int64_t)((uint64_t)segment << 32 | n);
}
