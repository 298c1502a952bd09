/* Questions about lots and boxes. Readers only; every answer is a json_t that CLI, web and daemon
 * share. Mass in *_mg integers, times in *_ms. No names of persons: parties appear as pseudonyms
 * (internal answers) or as per-lot aliases F1, F2 (public answers). */
#pragma once
#include "base/db.h"
#include "base/err.h"
#include <jansson.h>

int lot_list(struct db *db, int64_t limit, json_t **ret, struct err *e);   /* array, newest first */
int lot_show(struct db *db, const char *id, json_t **ret, struct err *e);  /* internal view */
int lot_trace(struct db *db, const char *id, json_t **ret, struct err *e); /* back and forward */
/* all that must come back */
int lot_recall(struct db *db, const char *id, json_t **ret, struct err *e);
int run_balance(struct db *db, const char *run_id, json_t **ret, struct err *e); /* mass balance */

/* The public view for the buyer page, of a lot ("10/LOT") or a box ("B/ID"). Shape:
 * {"id","kind":"box|graded|intake|rework","verdict":"ok|hold|recalled|void","reason":"",
 *  "product":{"id","gtin","name_zh","name_en"},"grade":{"code","name_zh","name_en"},
 *  "grade_basis":"diameter|weight|length|manual","rule":{"id","version","sha256"},
 *  "net_mg":int|null,"net_basis":"static|none","packed_ms":int|null,"pieces":int|null,
 *  "coop":{"name_zh","name_en","uscc","contact"},"origin":[{"zh","en"}…],
 *  "farms":[{"alias":"F1","share_ppm":int}…],"sorted_by":"line|hand",
 *  "lot":"graded lot id","boxes":int,
 *  "timeline":[{"at_ms","kind","mg":int|null,"detail":""}…],
 *  "balance":{"in_mg","out_mg","loss_mg"},
 *  "seal":{"text":"16 characters","record":"canonical JSON text","nonce":"32 hex"}|null,
 *  "log":{"event_seq","index","leaf":"hex","size","root":"hex","note":"signed checkpoint",
 *         "proof":["hex"…],"public_key":"base64","at_ms"},
 *  "calibration":{"pieces","weighed_ms","detail"}|null,"asof_ms"}
 * ERR_NOT_FOUND: no such lot or box. */
int lot_public(struct db *db, const char *id, json_t **ret, struct err *e);
/* The lot's EPCIS 2.0 JSON-LD document (or the whole store's when id is NULL). base_url without a
 * trailing slash, for private identifiers. */
int export_epcis(struct db *db, const char *id, const char *base_url, json_t **ret, struct err *e);
