/* judge.c: the record against the truth. Private to the simulation; world.h explains the rest. */
#pragma once
#include "base/db.h"
#include <stdbool.h>
#include <stdint.h>

/* What was acknowledged is recorded; judged at each start and, with `all`, after each calm: then
 * the rows themselves too. */
void judge_record(struct db *store, struct db *people, bool all);
void judge_rows(struct db *db); /* every row, gap, run and weighing */
/* The PLC took an acknowledgement: of this very moment. */
void judge_acked(struct db *db, uint32_t epoch, uint32_t seq, uint32_t out);
/* An epoch has ended that was seen up to item `to`. */
void judge_left(struct db *db, uint32_t epoch, uint32_t to);
/* The row under this number is another item's. */
bool judge_differs(struct db *db, uint32_t epoch, uint32_t seq, int64_t net_mg, int32_t dia_um);
