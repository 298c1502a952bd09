/* Facts about a lot (contract: facts.h). Any thread with its own handle. */
#include "traceability/facts.h"
#include "traceability/step.h"
#include "traceability/hand.h"
#include "crops/crop.h"
#include <string.h>

#define FARMS_SHOWN 400 /* an event holds 60,000 bytes; the rest stands as one line */

json_t *facts_product(struct db *db, const char *product)
{
    struct stmt *s = db_q(db, "SELECT gtin, name_zh, name_en FROM product WHERE product = ?1");
    json_t *o = NULL;
    if (q_step(q_text(s, 1, product)) == 1)
        o = json_pack("{s:s,s:s*,s:s,s:s}", "id", product, "gtin",
                      q_is_null(s, 0) ? NULL : q_str(s, 0), "name_zh", q_str(s, 1), "name_en",
                      q_str(s, 2));
    q_done(s);
    return o;
}

json_t *facts_grade(struct db *db, const struct ledger_lot *l)
{
    const char *zh = "", *en = "";
    json_t *o = NULL;
    if (!l->rule) {
        hand_grade_names(l->grade_code, &zh, &en);
        return json_pack("{s:s,s:s,s:s}", "code", l->grade_code, "name_zh", zh, "name_en", en);
    }
    if (!l->grade)
        return json_pack("{s:s,s:s,s:s}", "code", l->grade_code, "name_zh", "复选", "name_en",
                         "to be sorted again");
    struct stmt *s =
        db_q(db, "SELECT code, name_zh, name_en FROM rule_grade WHERE rule = ?1 AND grade = ?2");
    if (q_step(q_int(q_int(s, 1, l->rule), 2, l->grade)) == 1)
        o = json_pack("{s:s,s:s,s:s}", "code", q_str(s, 0), "name_zh", q_str(s, 1), "name_en",
                      q_str(s, 2));
    q_done(s);
    return o;
}

/* Did the PLC's own table sort it, and no rule of ours? While the run is open: its newest item. */
static bool by_machine(struct db *db, const struct ledger_lot *l)
{
    struct stmt *s = db_q(
        db,
        "SELECT coalesce(by_table > 0, (SELECT outlet_why = ?2 FROM item WHERE id BETWEEN (SELECT "
        "max(id) FROM segment WHERE run = ?1) << 32 AND ((SELECT max(id) FROM segment WHERE run "
        "= ?1) << 32) + 4294967295 ORDER BY id DESC LIMIT 1), 0) FROM run WHERE run = ?1");
    bool yes = q_step(q_int(q_int(s, 1, l->run), 2, WHY_TABLE_MODE)) == 1 && q_col(s, 0);
    q_done(s);
    return yes;
}

json_t *facts_rule(struct db *db, const struct ledger_lot *l)
{
    json_t *o = NULL;
    if (!l->rule || by_machine(db, l))
        return json_null();
    struct stmt *s =
        db_q(db, "SELECT crop || '/' || ruleset, version, sha256 FROM rule WHERE rule = ?1");
    if (q_step(q_int(s, 1, l->rule)) == 1)
        o = json_pack("{s:s,s:I,s:s}", "id", q_str(s, 0), "version", (json_int_t)q_col(s, 1),
                      "sha256", q_str(s, 2));
    q_done(s);
    return o;
}

const char *facts_basis(struct db *db, const struct ledger_lot *l)
{
    static const char *const words[] = {"diameter", "weight", "length"};
    const char *found = "manual";
    if (!l->rule)
        return found;
    if (by_machine(db, l))
        return "machine";
    struct stmt *s = db_q(db, "SELECT basis FROM rule WHERE rule = ?1");
    if (q_step(q_int(s, 1, l->rule)) == 1)
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (strcmp(q_str(s, 0), words[i]) == 0)
                found = words[i];
    q_done(s);
    return found;
}

json_t *facts_farms(struct db *db, const char *lot)
{
    struct stmt *s = db_q(db, "SELECT alias, ppm FROM lot_share WHERE lot = ?1 ORDER BY alias");
    json_t *a = json_array();
    int64_t rest = 0;
    int rc;
    char alias[24];
    q_text(s, 1, lot);
    while ((rc = q_step(s)) == 1) {
        if (q_col(s, 0) > FARMS_SHOWN) {
            rest += q_col(s, 1);
            continue;
        }
        snprintf(alias, sizeof alias, "F%lld", (long long)q_col(s, 0));
        json_array_append_new(
            a, json_pack("{s:s,s:I}", "alias", alias, "share_ppm", (json_int_t)q_col(s, 1)));
    }
    q_done(s);
    if (rest)
        json_array_append_new(
            a, json_pack("{s:s,s:I}", "alias", "others", "share_ppm", (json_int_t)rest));
    if (rc == 0)
        return a;
    json_decref(a);
    return NULL;
}

json_t *facts_origin(struct db *db, const char *lot)
{
    struct stmt *s = db_q(
        db,
        "WITH RECURSIVE up(lot) AS (VALUES(?1) UNION SELECT e.src FROM edge e JOIN up ON e.dst = "
        "up.lot) SELECT DISTINCT l.township_zh, l.township_en FROM up JOIN lot l ON l.lot = "
        "up.lot WHERE l.township_zh IS NOT NULL ORDER BY 1 LIMIT 100");
    json_t *a = json_array();
    int rc;
    q_text(s, 1, lot);
    while ((rc = q_step(s)) == 1)
        json_array_append_new(a, json_pack("{s:s,s:s}", "zh", q_str(s, 0), "en", q_str(s, 1)));
    q_done(s);
    if (rc == 0)
        return a;
    json_decref(a);
    return NULL;
}

json_t *facts_evidence(struct db *db, const struct ledger_lot *l)
{
    json_t *o = NULL;
    if (!l->run)
        return json_null();
    struct stmt *s = db_q(
        db, "SELECT count(*), coalesce(min(b.event_seq), 0), coalesce(max(b.event_seq), 0) FROM "
            "segment g JOIN block b ON b.segment = g.id WHERE g.run = ?1");
    if (q_step(q_int(s, 1, l->run)) == 1)
        o = json_pack("{s:I,s:I,s:I}", "blocks", (json_int_t)q_col(s, 0), "first_seq",
                      (json_int_t)q_col(s, 1), "last_seq", (json_int_t)q_col(s, 2));
    q_done(s);
    return o;
}

json_t *facts_calibration(struct db *db, const struct ledger_lot *l)
{
    json_t *o = NULL;
    if (!l->run)
        return json_null();
    struct stmt *s =
        db_q(db, "SELECT pieces, at_ms, detail, weighed_mg FROM run_calibration WHERE run = ?1 "
                 "ORDER BY event_seq DESC LIMIT 1");
    int rc = q_step(q_int(s, 1, l->run));
    if (rc == 1)
        o = json_pack("{s:I,s:I,s:s,s:I}", "pieces", (json_int_t)q_col(s, 0), "weighed_ms",
                      (json_int_t)q_col(s, 1), "detail", q_str(s, 2), "weighed_mg",
                      (json_int_t)q_col(s, 3));
    q_done(s);
    return rc == 0 ? json_null() : o;
}

json_t *facts_coop(struct db *db)
{
    struct stmt *s = db_q(db, "SELECT name_zh, name_en, uscc, contact FROM coop");
    int rc = q_step(s);
    json_t *o = rc == 0 ? json_object() : NULL;
    if (rc == 1)
        o = json_pack("{s:s,s:s,s:s*,s:s}", "name_zh", q_str(s, 0), "name_en", q_str(s, 1), "uscc",
                      q_is_null(s, 2) ? NULL : q_str(s, 2), "contact", q_str(s, 3));
    q_done(s);
    return o;
}
