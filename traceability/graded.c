/* The public word on a sorted lot (contract: graded.h). Main thread.
 * No pseudonym stands in it: farms are F1, F2 … of this lot alone, with shares that sum to
 * 1,000,000. */
#include "traceability/graded.h"
#include "traceability/facts.h"
#include "traceability/step.h"

static json_t *graded_body(struct db *db, const struct ledger_lot *l, int64_t pieces,
                           const struct graded_sums *m)
{
    json_t *b =
        json_pack("{s:s,s:o,s:o,s:s,s:o,s:I,s:s,s:s,s:o,s:o,s:o,s:o,s:{s:I,s:I,s:I}}", "lot",
                  l->lot, "product", facts_product(db, l->product), "grade", facts_grade(db, l),
                  "basis", facts_basis(db, l), "rule", facts_rule(db, l), "mg", (json_int_t)l->mg,
                  "unit", l->unit, "sorted_by", m->sorted_by, "farms", facts_farms(db, l->lot),
                  "origin", facts_origin(db, l->lot), "evidence", facts_evidence(db, l),
                  "calibration", facts_calibration(db, l), "balance", "in_mg", (json_int_t)m->in_mg,
                  "out_mg", (json_int_t)m->out_mg, "loss_mg", (json_int_t)m->loss_mg);
    if (b && pieces)
        step_set_int(b, "pieces", pieces);
    return b;
}

static int pieces_of(struct db *db, const char *lot, int64_t *ret)
{
    struct stmt *s = db_q(db, "SELECT coalesce(pieces, 0) FROM lot WHERE lot = ?1");
    int rc = q_one(q_text(s, 1, lot));
    if (rc < 0)
        return rc;
    *ret = q_col(s, 0);
    q_done(s);
    return 0;
}

int graded_append(struct command_context *c, const char *lot, const struct graded_sums *sums,
                  struct err *e)
{
    struct db *db = store_db(c->store);
    struct ledger_lot l;
    struct err why = {0};
    int64_t pieces = 0;
    int rc = ledger_get(db, lot, &l, e);
    if (rc == 0 && (rc = pieces_of(db, lot, &pieces)) < 0)
        err_set(e, rc, "lot %s cannot be read", lot);
    if (rc < 0 ||
        (rc = step_append(c, EVENT_LOT_GRADED, graded_body(db, &l, pieces, sums), NULL, e)) < 0 ||
        l.graded)
        return rc;
    rc = ledger_free_to_use(db, lot, &why);
    if (rc == ERR_STATE)
        return step_append(c, EVENT_LOT_HELD,
                           json_pack("{s:s,s:s}", "lot", lot, "reason", "source lot on hold"), NULL,
                           e);
    return rc;
}

int apply_lot_graded(struct db *db, const struct event *ev)
{
    struct stmt *s = db_q(db, "UPDATE lot SET graded_seq = ?2 WHERE lot = ?1");
    int rc = q_run(q_int(step_bind(s, ev, "lot"), 2, ev->seq));
    return rc < 0 ? rc : ledger_note(db, step_text(ev, "lot"), ev->seq);
}
