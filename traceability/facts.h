/* Facts about a lot as other documents carry them: product, grade, farms under per-lot aliases,
 * origin, evidence. Any database handle; nothing personal: no pseudonym leaves these functions.
 * Each returns a new reference, or NULL when there is no memory or the database fails. */
#pragma once
#include "base/db.h"
#include "traceability/ledger.h"
#include <jansson.h>

json_t *facts_product(struct db *db, const char *product); /* {"id","gtin"?,"name_zh","name_en"} */
json_t *facts_grade(struct db *db, const struct ledger_lot *l); /* {"code","name_zh","name_en"} */
json_t *facts_rule(struct db *db,
                   const struct ledger_lot *l); /* {"id","version","sha256"} or null */
/* "diameter" … "manual"; "machine": the PLC's own table, facts_rule is null then */
const char *facts_basis(struct db *db, const struct ledger_lot *l);
json_t *facts_farms(struct db *db,
                    const char *lot); /* [{"alias":"F1","share_ppm"}…], sum 1,000,000 */
json_t *facts_origin(struct db *db,
                     const char *lot); /* townships of its intake lots: [{"zh","en"}…] */
/* Blocks that prove the items of the lot's run: {"blocks","first_seq","last_seq"}; null for hand
 * work. */
json_t *facts_evidence(struct db *db, const struct ledger_lot *l);
json_t *facts_calibration(struct db *db,
                          const struct ledger_lot *l); /* newest of its run, or null */
json_t *facts_coop(
    struct db *db); /* {"name_zh","name_en","uscc"?,"contact"}; empty object before coop.set */
