/* Boxes: opened under an outlet, weighed to be closed, sealed. Main thread. */
#pragma once
#include "base/db.h"
#include "base/err.h"
#include <stdint.h>

struct box_row {
    char box[11], lot[21], state[8], weighing[48], seal[17], nonce[33];
    int64_t net_mg, drawn_mg, packed_ms, event_seq;
    int64_t items_mg, pieces, unknown; /* -1, all three: not counted (packed from loose goods) */
};
/* By box id, or by the seal that is printed on it. */
int box_get(struct db *db, const char *id_or_seal, struct box_row *ret, struct err *e);
