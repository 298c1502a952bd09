/* The record checked from its raw rows: nothing that was computed when it was written
 * is believed. */
#pragma once
#include "base/db.h"
#include "base/err.h"
#include <jansson.h>

/* Recomputes every leaf, the Merkle tree with all its stored nodes, the root and signature of every
 * checkpoint, and the root of every item.block from its item and outcome rows. The key is that of
 * the first event, or a later one that its predecessor signed (key.h). `against` (NULL: none): an
 * older checkpoint, as a signed note, that the record must still contain. A reader's handle will
 * do, also while the daemon writes: what comes after the start is left out. *ret:
 * {"events","checkpoints","blocks","items","outcomes","unblocked","origin","root":hex,"public_key",
 * "against":size or null}; unblocked: rows that the next block will prove.
 * ERR_CHECK: e->text begins with the first bad row, such as "event 17: …", "item 4294967297: …"
 * (of a block that does not hold: its first row). ERR_PARSE: `against` is no signed note. */
int verify_store(struct db *db, const char *against, json_t **ret, struct err *e);
