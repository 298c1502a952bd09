/* What can be checked about a lot without believing anybody: the printed seal, the cooperative's
 * signature under the log's state, the place of the event in the log. Pure; works on lot_public's
 * JSON. */
#pragma once
#include "base/err.h"
#include <jansson.h>

enum check { CHECK_NONE, CHECK_OK, CHECK_BAD };
struct proof {
    enum check seal, signature,
        inclusion; /* seal: CHECK_NONE when none was scanned or none is on record */
};
/* scanned: as it stood in the address, NULL or "" when it had none. */
void proof_check(const json_t *lot, const char *scanned, struct proof *ret);
/* The object that verify.js reads from the page. */
json_t *proof_data(const json_t *lot);
/* c2sp.org/tlog-proof@v1, malloc'd. NULL: no evidence in this JSON, or no memory. */
char *proof_file(const json_t *log);
