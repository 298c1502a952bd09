/* Corrections (contract: correct.h). Main thread.
 *
 * 1. A void is an event of its own that names the weighing; the weighing's event stays as it is.
 * 2. Whether something rests on the weighing already is asked of its purpose (purposes.def). */
#include "traceability/correct.h"
#include "traceability/run.h"
#include "traceability/step.h"
#include "traceability/weighing.h"
#include <string.h>

int correct_may(enum role role, int64_t age_ms, struct err *e)
{
    if (role >= ROLE_MANAGER || age_ms <= CORRECT_WORKER_MS)
        return 0;
    return err_set(e, ERR_DENIED,
                   "the five minutes for voiding it oneself are over: ask a manager");
}

static int append_void(struct command_context *c, const struct weighing_row *r, json_t *body,
                       const char *reason, struct err *e)
{
    char back[21]; /* the run of a return; body is taken over */
    snprintf(back, sizeof back, "%s", json_text_or(body, "run", ""));
    int rc = step_append(c, EVENT_WEIGHING_VOIDED, body, NULL, e);
    if (rc == 0 && back[0])
        rc = run_back_tell(c, back, e);
    if (rc < 0 || strcmp(r->purpose, "box"))
        return rc;
    return step_append(c, EVENT_BOX_VOIDED,
                       json_pack("{s:s,s:s,s:I,s:s}", "box", r->box, "lot", r->lot, "net_mg",
                                 (json_int_t)r->net_mg, "reason", reason),
                       NULL, e);
}

int command_weighing_void(struct command_context *c, const json_t *args, json_t **ret,
                          struct err *e)
{
    struct db *db = store_db(c->store);
    const char *id, *reason;
    struct weighing_row r;
    int rc = json_only(args, "weighing|reason", e);
    if (rc < 0 || (rc = step_required(args, "weighing", WEIGHING_ID_SIZE - 1, &id, e)) < 0 ||
        (rc = step_reason(c, args, "reason", 200, &reason, e)) < 0 ||
        (rc = weighing_get(db, id, &r, e)) < 0)
        return rc;
    if (r.voided)
        return err_set(e, ERR_EXISTS, "weighing %s is void already", id);
    if ((rc = correct_may(c->actor->role, wall_now().ms - r.at_ms, e)) < 0)
        return rc;
    weighing_void_fn *may = weighing_voider(r.purpose);
    json_t *body = json_pack("{s:s,s:s,s:s,s:I,s:s*,s:s*,s:s*,s:s*}", "weighing", r.weighing,
                             "reason", reason, "purpose", r.purpose, "net_mg", (json_int_t)r.net_mg,
                             "lot", r.lot[0] ? r.lot : NULL, "task", r.task[0] ? r.task : NULL,
                             "box", r.box[0] ? r.box : NULL, "grade", r.grade[0] ? r.grade : NULL);
    rc = may ? may(c, &r, c->actor->role >= ROLE_MANAGER, body, e)
             : err_set(e, ERR_VERSION,
                       "weighing %s was for \"%s\", which this program does not know", id,
                       r.purpose);
    if (rc < 0) {
        json_decref(body);
        return rc;
    }
    rc = append_void(c, &r, body, reason, e);
    return rc < 0 ? rc
                  : step_answer(ret,
                                json_pack("{s:s,s:s,s:b}", "weighing", r.weighing, "purpose",
                                          r.purpose, "void", 1),
                                e);
}
