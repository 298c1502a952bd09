/* What comes off a line besides goods: trimmings and soil, weighed for the balance of their run,
 * before or after it was closed. Main thread. They are no lot; nobody is credited. */
#include "traceability/run.h"
#include "traceability/step.h"
#include "traceability/weighing.h"
#include <string.h>

int waste_check(struct command_context *c, const struct weighing *w, json_t *body, struct err *e)
{
    const char *grade;
    struct run_row r;
    int rc = run_of_args(store_db(c->store), w->args, &r, e);
    if (rc < 0 || (rc = step_required(w->args, "grade", 16, &grade, e)) < 0)
        return rc;
    if (strcmp(grade, "trimmings") && strcmp(grade, "soil"))
        return err_set(e, ERR_RANGE, "what comes off a line is trimmings or soil, not \"%.16s\"",
                       grade);
    step_set_text(body, "run", r.id);
    step_set_text(body, "grade", grade);
    return 0;
}

int run_waste_mg(struct db *db, const char *id, int64_t *ret, struct err *e)
{
    struct stmt *s = db_q(db, "SELECT coalesce(sum(net_mg), 0) FROM weighing WHERE run = ?1 AND "
                              "purpose = 'run.waste' AND voided_seq IS NULL");
    int rc = q_one(q_text(s, 1, id));
    if (rc < 0)
        return err_set(e, rc, "the waste of run %s cannot be read", id);
    *ret = q_col(s, 0);
    q_done(s);
    return 0;
}

int waste_may_void(struct command_context *c, const struct weighing_row *r, bool manager,
                   json_t *body, struct err *e)
{
    (void)c, (void)r, (void)manager, (void)body, (void)e;
    return 0;
}
