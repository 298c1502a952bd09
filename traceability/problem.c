/* A problem that a buyer reports beneath a lot's page (contract: command.h). Main thread.
 * The event says that a report came and for what; its words may name people and stand
 * in people.db. */
#include "traceability/problem.h"
#include "traceability/step.h"
#include "traceability/trace.h"

#define TEXT_MAX 500

static int keep(struct store *s, const char *id, const char *text, struct wall at, struct err *e)
{
    struct stmt *q =
        db_q(store_people(s), "INSERT INTO problem(id, text, at_ms) VALUES(?1, ?2, ?3)");
    int rc = q_run(q_int(q_text(q_text(q, 1, id), 2, text), 3, at.ms));
    return rc < 0 ? err_set(e, rc, "the report cannot be kept: %s", db_message(store_people(s)))
                  : 0;
}

int command_problem_report(struct command_context *c, const json_t *args, json_t **ret,
                           struct err *e)
{
    const char *id, *text;
    struct trace_start t = {0};
    int rc = json_only(args, "id|text", e);
    if (rc < 0 || (rc = step_required(args, "id", 40, &id, e)) < 0 ||
        (rc = step_required(args, "text", TEXT_MAX, &text, e)) < 0 ||
        (rc = trace_find(store_db(c->store), id, &t, e)) < 0)
        return rc;
    json_decref(t.lots);
    rc = keep(c->store, t.id, text, wall_now(), e);
    if (rc == 0)
        rc = step_append(c, EVENT_PROBLEM_REPORTED, json_pack("{s:s}", "id", t.id), NULL, e);
    return rc < 0 ? rc : step_answer(ret, json_pack("{s:s}", "id", t.id), e);
}

int problem_list(struct store *s, int64_t limit, json_t **ret, struct err *e)
{
    struct stmt *q =
        db_q(store_people(s), "SELECT n, id, text, at_ms FROM problem ORDER BY n DESC LIMIT ?1");
    struct step_watch since = step_watch(store_people(s));
    json_t *a = json_array();
    q_int(q, 1, limit);
    while (q_step(q) == 1)
        json_array_append_new(a, json_pack("{s:I,s:s,s:s,s:I}", "n", (json_int_t)q_col(q, 0), "id",
                                           q_str(q, 1), "text", q_str(q, 2), "at_ms",
                                           (json_int_t)q_col(q, 3)));
    q_done(q);
    return step_told(store_people(s), since, 0, a, ret, e);
}
