/* Projections made anew from the truth, in a file beside it, and compared. */
#pragma once
#include "base/db.h"
#include "base/err.h"
#include <stdint.h>

/* Re-applies all events of the record that `db` reads into a new temporary file in `dir` (removed
 * afterwards) and compares an ordered dump of every projection. ERR_CHECK names the first row that
 * differs. ret_events (NULL allowed): how many were applied. */
int rebuild_check(struct db *db, const char *dir, int64_t *ret_events, struct err *e);
