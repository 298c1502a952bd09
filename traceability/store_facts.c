/* Whose record it is: store_id, site and key, told by events and readable by everybody
 * (contract: store.h). Thread: the caller's. A store that was restored from a copy goes on
 * under a new store_id, so that what the lost part had published can never be mistaken for what
 * follows. */
#include "base/json.h"
#include "base/num.h"
#include "traceability/command.h"
#include "traceability/store_inner.h"
#include "traceability/stream.h"
#include "traceability/tlog.h"
#include <stdio.h>
#include <string.h>

void store_new_id(char ret[33])
{
    uint8_t id[16];
    crypto_random(id, sizeof id);
    hex_text(id, sizeof id, ret, 33);
}

int store_last_seq(struct db *db, int64_t *ret, struct err *e)
{
    struct stmt *q = db_q(db, "SELECT max(seq) FROM event");
    int rc = q_one(q);
    if (rc < 0)
        return err_set(e, rc, "%s: %s", db_path(db), db_message(db));
    *ret = q_col(q, 0);
    q_done(q);
    return 0;
}

static void take_fact(struct store_facts *f, const char *key, const char *value)
{
    size_t n = 0;
    if (!strcmp(key, "store_id"))
        snprintf(f->store_id, sizeof f->store_id, "%s", value);
    else if (!strcmp(key, "site"))
        snprintf(f->site, sizeof f->site, "%s", value);
    else if (!strcmp(key, "public_key"))
        (void)base64_parse(value, strlen(value), f->public_key, sizeof f->public_key, &n);
    else if (!strcmp(key, "generation"))
        (void)num_i64(value, 1, INT64_MAX, &f->generation);
}

int store_facts(struct db *db, struct store_facts *ret, struct err *e)
{
    struct store_facts f = {0};
    struct stmt *q = db_q(db, "SELECT key,value FROM meta");
    int rc;
    while ((rc = q_step(q)) == 1)
        take_fact(&f, q_str(q, 0), q_str(q, 1));
    if (rc < 0)
        return err_set(e, rc, "%s: %s", db_path(db), db_message(db));
    if (!f.store_id[0])
        return err_set(e, ERR_NOT_FOUND, "%s does not say whose record it is", db_path(db));
    note_origin(f.site, f.store_id, f.origin);
    *ret = f;
    return 0;
}

static int set_fact(struct db *db, const char *key, const char *value)
{
    struct stmt *q = db_q(db, "INSERT INTO meta(key,value) VALUES(?,?)"
                              " ON CONFLICT(key) DO UPDATE SET value=excluded.value");
    return q_run(q_text(q_text(q, 1, key), 2, value));
}

static int take_over(struct db *db, const struct event *ev, const char *key)
{
    return set_fact(db, key, json_text_or(ev->body, key, ""));
}

static int begin_generation(struct db *db, const struct event *ev)
{
    char seq[24];
    snprintf(seq, sizeof seq, "%lld", (long long)ev->seq);
    return set_fact(db, "generation", seq);
}

int apply_store_created(struct db *db, const struct event *ev)
{
    int rc = take_over(db, ev, "store_id");
    if (rc == 0)
        rc = take_over(db, ev, "site");
    if (rc == 0)
        rc = take_over(db, ev, "public_key");
    return rc ? rc : begin_generation(db, ev);
}

int apply_key_rotated(struct db *db, const struct event *ev)
{
    return take_over(db, ev, "public_key");
}

int apply_store_restored(struct db *db, const struct event *ev)
{
    int rc = take_over(db, ev, "store_id");
    return rc ? rc : begin_generation(db, ev);
}

int store_restored(struct store *s, const char *actor, struct err *e)
{
    char id[33];
    store_new_id(id);
    json_t *body = json_pack("{s:s,s:s}", "store_id", id, "previous", s->store_id);
    int rc = event_append_new(s, EVENT_STORE_RESTORED, body, actor, NULL, e);
    return rc ? rc : stream_restart(s, actor, e);
}

/* COMMAND store.restored: a person says that store.db was put back from a copy. */
int command_store_restored(struct command_context *c, const json_t *args, json_t **ret,
                           struct err *e)
{
    int rc = json_only(args, "", e);
    if (rc == 0)
        rc = store_restored(c->store, c->actor->id, e);
    if (rc == 0)
        *ret = json_object();
    return rc;
}
