/* Shared moves of the steps (contract: step.h). Main thread. */
#include "traceability/step.h"
#include "traceability/people.h"
#include <assert.h>
#include <string.h>

int step_optional(const json_t *args, const char *key, size_t max, const char **ret, struct err *e)
{
    const json_t *v = json_object_get(args, key);
    *ret = NULL;
    if (!v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0))
        return 0;
    return json_get_text(args, key, max, ret, e);
}

int step_required(const json_t *args, const char *key, size_t max, const char **ret, struct err *e)
{
    const char *text;
    int rc = json_get_text(args, key, max, &text, e);
    if (rc == 0 && !*text)
        rc = err_set(e, ERR_KEY, "\"%s\" is empty", key);
    if (rc == 0)
        *ret = text;
    return rc;
}

#define PEOPLE_ASKED 5000
#define SHORTEST                                                                                   \
    4 /* bytes of a name: two Chinese characters have six, and one alone would be any word */

static bool names_person(const char *text, const json_t *person)
{
    static const char *const keys[] = {"name", "phone"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *v = json_text_or(person, keys[i], "");
        if (strlen(v) >= SHORTEST && strstr(text, v))
            return true;
    }
    return false;
}

int step_reason(struct command_context *c, const json_t *args, const char *key, size_t max,
                const char **ret, struct err *e)
{
    json_t *people = NULL, *p;
    const char *text = "";
    size_t i;
    int rc = step_required(args, key, max, &text, e);
    if (rc < 0 || (rc = people_find(c->store, "", "", PEOPLE_ASKED, &people, e)) < 0)
        return rc;
    json_array_foreach(people, i, p)
        if (rc == 0 && names_person(text, p))
            rc =
                err_set(e, ERR_DENIED,
                        "\"%s\" names a person: it stays for ever and buyers may read it: say what "
                        "happened without a name",
                        key);
    json_decref(people);
    if (rc == 0)
        *ret = text;
    return rc;
}

int step_append(struct command_context *c, enum event_kind kind, json_t *body, int64_t *ret_seq,
                struct err *e)
{
    int rc = step_sound(store_db(c->store), c->watch, 0, e);
    if (rc == 0)
        return event_append_new(c->store, kind, body, c->actor->id, ret_seq, e);
    json_decref(body); /* one with a hole is not recorded */
    return rc;
}

void step_set_text(json_t *body, const char *key, const char *value)
{
    if (value)
        json_object_set_new(body, key, json_string(value));
}

void step_set_int(json_t *body, const char *key, int64_t value)
{
    json_object_set_new(body, key, json_integer(value));
}

int step_answer(json_t **ret, json_t *answer, struct err *e)
{
    if (!answer)
        return err_set(e, ERR_NOMEM, "no memory for the answer");
    *ret = answer;
    return 0;
}

bool step_trouble(int rc)
{
    return rc == ERR_NOMEM || rc == ERR_DB || rc == ERR_IO || rc == ERR_DISK_FULL || rc == ERR_BUSY;
}

struct step_watch step_watch(const struct db *db)
{
    return (struct step_watch){db_failures(db), json_failures()};
}

int step_sound(struct db *db, struct step_watch since, int rc, struct err *e)
{
    bool unread = db_failures(db) != since.statements, unmade = json_failures() != since.values;
    if (!(unread || unmade) || (step_trouble(rc) && (!e || e->code == rc)))
        return rc;
    if (unread)
        return err_set(e, step_trouble(rc) ? rc : ERR_DB, "%s cannot be read or written: %s",
                       db_path(db), db_message(db));
    return err_set(e, ERR_NOMEM, "no memory for what was asked");
}

int step_told(struct db *db, struct step_watch since, int rc, json_t *answer, json_t **ret,
              struct err *e)
{
    rc = step_sound(db, since, rc, e);
    if (rc < 0) {
        json_decref(answer);
        return rc;
    }
    return step_answer(ret, answer, e);
}

const char *step_text(const struct event *ev, const char *key)
{
    return json_string_value(json_object_get(ev->body, key));
}

int64_t step_int(const struct event *ev, const char *key)
{
    return json_integer_value(json_object_get(ev->body, key));
}

struct stmt *step_bind(struct stmt *s, const struct event *ev, const char *keys)
{
    for (int i = 1; *keys; i++) {
        char key[32];
        size_t n = strcspn(keys, "|");
        assert(n < sizeof key);
        memcpy(key, keys, n);
        key[n] = 0;
        const json_t *v = json_object_get(ev->body, key);
        if (json_is_string(v))
            q_text(s, i, json_string_value(v));
        else if (json_is_integer(v))
            q_int(s, i, json_integer_value(v));
        else if (json_is_boolean(v))
            q_int(s, i, json_is_true(v));
        else
            q_null(s, i);
        keys += n + (keys[n] == '|');
    }
    return s;
}

int step_column(struct stmt *s, json_t **ret)
{
    json_t *a = json_array();
    int rc;
    while ((rc = q_step(s)) == 1)
        json_array_append_new(a, json_string(q_str(s, 0)));
    q_done(s);
    if (rc < 0) {
        json_decref(a);
        return rc;
    }
    *ret = a;
    return 0;
}
