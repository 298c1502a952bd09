/* Short lists for the shed's screens. Any database handle; arrays, newest first, at
 * most `limit`. */
#pragma once
#include "base/db.h"
#include "base/err.h"
#include <jansson.h>

/* [{product, crop, gtin?, name_zh, name_en}…] */
int list_products(struct db *db, json_t **ret, struct err *e);
/* [{id, kind, state, product, farmer?, on_hand_mg, grade?}…]; state "" for all. farmer is a pid. */
int list_lots(struct db *db, const char *state, int64_t limit, json_t **ret, struct err *e);
/* [{task, lot, worker, state, out_mg, back_mg}…]; state "" for all. worker is a pid. */
int list_tasks(struct db *db, const char *state, int64_t limit, json_t **ret, struct err *e);
