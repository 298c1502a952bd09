/* Commands: who may, once each, all or nothing (contract: command.h).  way: 9/12 commands
 * Thread: main of lotlined, inside the turn's transaction. Owns: table command_log.
 *
 * Invariants
 *  1. A handler runs in a savepoint of both databases: a refusal leaves nothing but its
 *     answer.
 *  2. The first answer to a request_id is stored with what it did; every repeat gets that
 *     answer.
 *  3. Trouble with memory or disk is no answer: nothing is stored, the turn is rolled back
 *     and the request may come again. So is a statement that failed in a handler without its
 * notice: what it did not read may stand in the answer or in an event. */
#include "traceability/command.h"
#include "base/conf.h"
#include "base/json.h"
#include "traceability/step.h"
#include "traceability/store_inner.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command_row {
    const char *name;
    enum role role;
    bool daemon_only;
    command_fn *handler;
    const char *args, *help;
};
static const struct command_row rows[] = {
#define COMMAND(name, role, daemon_only, handler, args, help)                                      \
    {name, role, daemon_only, handler, args, help},
#include "traceability/commands.def"
#undef COMMAND
};
static const char all_names[] =
#define COMMAND(name, role, daemon_only, handler, args, help) name "|"
#include "traceability/commands.def"
#undef COMMAND
    ;
enum { ROWS = sizeof rows / sizeof *rows, REQUEST_ID_MAX = 64 };

static const char *role_name(enum role r)
{
    switch (r) {
    case ROLE_NOBODY: return "nobody";
    case ROLE_WORKER: return "worker";
    case ROLE_OPERATOR: return "operator";
    case ROLE_MANAGER: return "manager";
    case ROLE_DAEMON: return "the daemon itself";
    }
    return "?";
}

const char *command_help(size_t i, const char **ret_args, const char **ret_help,
                         enum role *ret_role)
{
    if (i >= ROWS)
        return NULL;
    *ret_args = rows[i].args;
    *ret_help = rows[i].help;
    *ret_role = rows[i].role;
    return rows[i].name;
}

static int find(const char *name, const struct command_row **ret, struct err *e)
{
    char near[64];
    for (size_t i = 0; i < ROWS; i++)
        if (!strcmp(rows[i].name, name)) {
            *ret = &rows[i];
            return 0;
        }
    if (conf_nearest(name, all_names, near, sizeof near))
        return err_set(e, ERR_NOT_FOUND, "no command \"%.60s\", did you mean \"%s\"?", name, near);
    return err_set(e, ERR_NOT_FOUND, "no command \"%.60s\"", name);
}

static int may(const struct command_row *row, const struct actor *a, const char *request_id,
               struct err *e)
{
    if (a->role < row->role || (row->daemon_only && a->role != ROLE_DAEMON))
        return err_set(e, ERR_DENIED, "%s needs the role of %s", row->name,
                       role_name(row->daemon_only ? ROLE_DAEMON : row->role));
    if (!request_id && a->role != ROLE_DAEMON)
        return err_set(e, ERR_KEY, "%s: \"request_id\" is missing", row->name);
    if (request_id && (!request_id[0] || strlen(request_id) > REQUEST_ID_MAX))
        return err_set(e, ERR_RANGE, "\"request_id\" has 1 to %d bytes", REQUEST_ID_MAX);
    return 0;
}

/* ---- the first answer ---- */

/* The stored answer as if it were given now; q stands on (code, answer). */
static int answer_again(struct stmt *q, json_t **ret, struct err *e)
{
    const char *answer = q_str(q, 1);
    int code = err_from_name(q_str(q, 0));
    if (code)
        err_set(e, code, "%s", answer);
    else
        code = json_parse(answer, strlen(answer), ret, e);
    q_done(q);
    return code;
}

/* *ret_known says whether the request was answered before; then the return value is
 * that answer's. */
static int recall(struct store *s, const struct command_row *row, const char *request_id,
                  bool *ret_known, json_t **ret, struct err *e)
{
    struct stmt *q = db_q(s->db, "SELECT code,answer,name FROM command_log WHERE request_id=?");
    int rc = q_step(q_text(q, 1, request_id));
    *ret_known = rc == 1;
    if (rc < 0)
        return err_set(e, rc, "command_log: %s", db_message(s->db));
    if (rc == 0)
        return 0;
    if (strcmp(q_str(q, 2), row->name) != 0) {
        err_set(e, ERR_EXISTS, "this request_id was used for %s", q_str(q, 2));
        q_done(q);
        return ERR_EXISTS;
    }
    return answer_again(q, ret, e);
}

static int remember(struct store *s, const struct command_row *row, const struct actor *a,
                    const char *request_id, int code, const char *answer, struct err *e)
{
    if (!request_id)
        return 0;
    struct stmt *q =
        db_q(s->db, "INSERT INTO command_log(request_id,name,actor,code,answer,event_seq,at_ms)"
                    " VALUES(?,?,?,?,?,?,?)");
    q_text(q_text(q_text(q, 1, request_id), 2, row->name), 3, a->id);
    q_text(q_text(q, 4, code ? err_name(code) : ""), 5, answer);
    struct step_watch before = step_watch(s->db);
    int64_t last = 0;
    int rc = store_last_seq(s->db, &last, e);
    if (rc == 0)
        rc = q_run(q_int(q_int(q, 6, last), 7, wall_now().ms));
    store_touch(s);
    return step_sound(s->db, before, rc, e);
}

/* ---- running ---- */

static int savepoint(struct store *s, struct err *e)
{
    int rc = db_savepoint(s->db);
    if (rc == 0 && (rc = db_savepoint(s->people)))
        db_undo(s->db);
    return rc ? err_set(e, rc, "savepoint: %s", err_text(rc)) : 0;
}

static int settle(struct store *s, int outcome, struct err *e)
{
    if (outcome) {
        db_undo(s->people);
        db_undo(s->db);
        item_places_forget(&s->places); /* a handler may have closed blocks */
        return outcome;
    }
    int rc = db_release(s->people);
    if (rc == 0)
        rc = db_release(s->db);
    return rc ? err_set(e, rc, "savepoint: %s", err_text(rc)) : 0;
}

/* Invariant 1. *ret_text: the answer's canonical bytes, malloc'd. */
static int attempt(struct command_context *c, const struct command_row *row, const json_t *args,
                   json_t **ret_answer, char **ret_text, struct err *e)
{
    json_t *answer = NULL;
    int rc = savepoint(c->store, e);
    if (rc)
        return rc;
    *e = (struct err){0};
    struct step_watch of_people = step_watch(c->store->people);
    c->watch = step_watch(c->store->db);
    rc = row->handler(c, args, &answer, e);
    assert(rc <= 0);
    if (rc == 0)
        rc = event_screen(c->store, answer, false, e);
    char *text = rc ? NULL : json_canonical(answer, NULL);
    if (rc == 0 && !text)
        rc = err_set(e, ERR_NOMEM, "%s: the answer cannot be stored", row->name);
    rc = step_sound(c->store->db, c->watch, rc, e);
    rc = step_sound(c->store->people, of_people, rc, e);
    rc = settle(c->store, rc, e);
    if (rc) {
        json_decref(answer);
        free(text);
        return rc;
    }
    *ret_answer = answer;
    *ret_text = text;
    return 0;
}

static int run_once(struct command_context *c, const struct command_row *row, const json_t *args,
                    json_t **ret, struct err *e)
{
    struct err slot = {0}, *why = e ? e : &slot; /* a refusal's text is stored: it needs a place */
    json_t *answer = NULL;
    char *text = NULL;
    int code = attempt(c, row, args, &answer, &text, why);
    if (step_trouble(code)) /* invariant 3 */
        return code;
    int rc = remember(c->store, row, c->actor, c->request_id, code, code ? why->text : text, e);
    free(text);
    if (rc || code) {
        json_decref(answer);
        return rc ? rc : code;
    }
    *ret = answer;
    return 0;
}

int command_run(struct store *s, const struct actor *a, const char *request_id, const char *name,
                const json_t *args, json_t **ret, bool *ret_repeat, struct err *e)
{
    struct command_context c = {.store = s, .actor = a, .request_id = request_id};
    const struct command_row *row = NULL;
    bool known = false;
    int rc = store_writable(s, e);
    if (rc == 0)
        rc = find(name, &row, e);
    if (rc == 0)
        rc = may(row, a, request_id, e);
    if (rc == 0 && request_id)
        rc = recall(s, row, request_id, &known, ret, e);
    if (ret_repeat)
        *ret_repeat = known;
    if (rc || known)
        return rc;
    json_t *none = args ? NULL : json_object();
    rc = run_once(&c, row, args ? args : none, ret, e);
    json_decref(none);
    return rc;
}

int command_answered(struct store *s, const char *request_id, const char *name, bool *ret_known,
                     json_t **ret, struct err *e)
{
    const struct command_row *row;
    int rc = find(name, &row, e);
    return rc < 0 ? rc : recall(s, row, request_id, ret_known, ret, e);
}
