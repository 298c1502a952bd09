/* A canonical day of the record, turn by turn, as lotlined's main loop would bring it: people,
 * lots, scale and check-weights, a run of items with outcomes and boxes, hand sorting, refusals, an
 * erased person. Everything that a turn writes, it writes in one transaction, which the caller
 * commits. */
#pragma once
#include "traceability/test_farm.h"

enum { CANON_TURNS = 36 };

struct canon {
    struct farm farm;
    struct farm_demo demo;
    uint32_t packed; /* items that went to outlet 1 */
};

void canon_room(struct tmp *t); /* a directory of one's own, in memory where that can be had */
void canon_start(
    struct canon *c); /* the store is DIR "s", its key "key" where the program stands */
int canon_open(struct canon *c, struct err *e);
void canon_close(struct canon *c);
void canon_turn(struct canon *c, int turn); /* inside a transaction; exits on a refusal */
void canon_rest(struct canon *c, int turn); /* after the commit: checkpoints, a clean stop */
int canon_go_on(struct canon *c);           /* a small turn at any time, committed: 0 or an error */
