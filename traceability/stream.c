/* Buyers' streams (contract: stream.h). A projection: n is dense from 1 within an epoch, given
 * in the event's own transaction by event_apply. Thread: main of lotlined for writing, any with
 * its own handle for reading.
 *
 * Invariant: a restart's event goes to its own buyer alone, and is the first of its epoch. */
#include "traceability/stream.h"
#include "base/crypto.h"
#include "base/json.h"
#include "traceability/command.h"
#include "traceability/store_inner.h"
#include <stdio.h>
#include <string.h>

enum { BUYER_MAX = 24 };

/* ---- writing ---- */

static int put_entries(struct db *db, const char *buyer, int64_t seq)
{
    struct stmt *q = db_q(db, "INSERT INTO stream(buyer,epoch,n,event_seq)"
                              " SELECT id,epoch,n,?1 FROM buyer WHERE ?2 IS NULL OR id=?2");
    return q_run(q_text(q_int(q, 1, seq), 2, buyer));
}

int stream_assign(struct db *db, const struct event *ev)
{
    const char *only =
        ev->kind == EVENT_STREAM_RESTARTED ? json_text_or(ev->body, "buyer", "") : NULL;
    int rc = q_run(q_text(db_q(db, "UPDATE buyer SET n=n+1 WHERE ?1 IS NULL OR id=?1"), 1, only));
    return rc ? rc : put_entries(db, only, ev->seq);
}

int apply_buyer_registered(struct db *db, const struct event *ev)
{
    struct stmt *q = db_q(db, "INSERT INTO buyer(id,epoch,n,event_seq) VALUES(?,1,0,?)");
    return q_run(q_int(q_text(q, 1, json_text_or(ev->body, "buyer", "")), 2, ev->seq));
}

int apply_stream_restarted(struct db *db, const struct event *ev)
{
    struct stmt *q = db_q(db, "UPDATE buyer SET epoch=?,n=0 WHERE id=?");
    q_int(q, 1, json_int_or(ev->body, "stream_epoch", 0));
    return q_run(q_text(q, 2, json_text_or(ev->body, "buyer", "")));
}

static bool buyer_is_plain(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && n <= BUYER_MAX && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

int command_buyer_register(struct command_context *c, const json_t *args, json_t **ret,
                           struct err *e)
{
    const char *buyer = NULL;
    int rc = json_only(args, "buyer", e);
    if (rc == 0)
        rc = json_get_text(args, "buyer", BUYER_MAX, &buyer, e);
    if (rc)
        return rc;
    if (!buyer_is_plain(buyer))
        return err_set(e, ERR_RANGE, "buyer \"%s\" must be 1 to %d of a-z, 0-9 and -", buyer,
                       BUYER_MAX);
    struct stmt *q = db_q(store_db(c->store), "SELECT 1 FROM buyer WHERE id=?");
    bool known = q_step(q_text(q, 1, buyer)) == 1;
    q_done(q);
    if (known)
        return err_set(e, ERR_EXISTS, "buyer %s has a stream already", buyer);
    json_t *body = json_pack("{s:s}", "buyer", buyer);
    rc = event_append_new(c->store, EVENT_BUYER_REGISTERED, body, c->actor->id, NULL, e);
    if (rc == 0)
        *ret = json_pack("{s:s}", "buyer", buyer);
    return rc;
}

/* Names what the old epoch ended with, so that a buyer can tell a restored store from
 * a forged one. */
static int restart_one(struct store *s, const char *buyer, const char *actor, struct err *e)
{
    char leaf[2 * SHA256_LEN + 1] = "";
    struct stmt *q =
        db_q(s->db, "SELECT b.epoch,b.n,e.leaf FROM buyer b LEFT JOIN stream t ON t.buyer=b.id AND"
                    " t.epoch=b.epoch AND t.n=b.n LEFT JOIN event e ON e.seq=t.event_seq"
                    " WHERE b.id=?");
    int rc = q_one(q_text(q, 1, buyer));
    if (rc < 0)
        return err_set(e, rc, "stream %s: %s", buyer, db_message(s->db));
    size_t n = 0;
    const void *p = q_bytes(q, 2, &n);
    if (n == SHA256_LEN)
        hex_text(p, n, leaf, sizeof leaf);
    json_t *body = json_pack("{s:s,s:I,s:I,s:I,s:s}", "buyer", buyer, "stream_epoch",
                             (json_int_t)q_col(q, 0) + 1, "previous_epoch", (json_int_t)q_col(q, 0),
                             "previous_n", (json_int_t)q_col(q, 1), "previous_leaf", leaf);
    q_done(q);
    return event_append_new(s, EVENT_STREAM_RESTARTED, body, actor, NULL, e);
}

int stream_restart(struct store *s, const char *actor, struct err *e)
{
    char buyer[BUYER_MAX + 1] = "";
    int rc = 0;
    while (rc == 0) { /* one by one: appending uses the table */
        struct stmt *q =
            q_text(db_q(s->db, "SELECT id FROM buyer WHERE id>? ORDER BY id LIMIT 1"), 1, buyer);
        rc = q_step(q);
        if (rc == 0)
            return 0;
        if (rc < 0)
            return err_set(e, rc, "streams: %s", db_message(s->db));
        snprintf(buyer, sizeof buyer, "%s", q_str(q, 0));
        q_done(q);
        rc = restart_one(s, buyer, actor, e);
    }
    return rc;
}

/* ---- reading ---- */

struct reading {
    stream_visit_fn *visit;
    void *ctx;
    bool any; /* something was visited */
    struct stream_event se;
};

static int visit_entry(void *ctx, const struct event *ev)
{
    struct reading *r = ctx;
    r->any = true;
    r->se.ev = *ev;
    return r->visit(r->ctx, &r->se);
}

static int need_stream(struct db *db, const char *stream, struct err *e)
{
    struct stmt *q = db_q(db, "SELECT 1 FROM buyer WHERE id=?");
    int rc = q_one(q_text(q, 1, stream));
    q_done(q);
    return rc < 0 ? err_set(e, rc, "stream %s: %s", stream,
                            rc == ERR_NOT_FOUND ? "no such stream" : db_message(db))
                  : 0;
}

/* The next entry: 1 when one was visited and reading goes on, 0 at the end or when the visitor
 * stops. */
static int read_next(struct db *db, struct reading *r, struct err *e)
{
    size_t n = 0;
    int64_t seq;
    struct stmt *q =
        db_q(db, "SELECT e.seq,e.kind,e.at_ms,e.body,e.leaf,s.epoch,s.n FROM stream s JOIN event e"
                 " ON e.seq=s.event_seq WHERE s.buyer=? AND (s.epoch,s.n)>(?,?)"
                 " ORDER BY s.epoch,s.n LIMIT 1");
    int rc = q_step(q_int(q_int(q_text(q, 1, r->se.stream), 2, r->se.epoch), 3, r->se.n));
    if (rc < 0)
        return err_set(e, rc, "stream %s: %s", r->se.stream, db_message(db));
    if (rc == 0)
        return 0;
    const void *leaf = q_bytes(q, 4, &n);
    memcpy(r->se.leaf, leaf, n < SHA256_LEN ? n : SHA256_LEN);
    r->se.epoch = q_col(q, 5);
    r->se.n = q_col(q, 6);
    rc = event_visit(q, false, visit_entry, r, &seq, e);
    return rc < 0 ? rc : rc == 0;
}

int stream_read(struct db *db, const char *stream, int64_t epoch, int64_t n, int64_t limit,
                stream_visit_fn *visit, void *ctx, struct err *e)
{
    struct reading r = {visit, ctx, false, {.stream = stream, .epoch = epoch, .n = n}};
    int rc = 1;
    for (; rc == 1 && limit > 0; limit--)
        rc = read_next(db, &r, e);
    if (rc >= 0 && !r.any) /* nothing came: is there such a stream at all? */
        rc = need_stream(db, stream, e);
    return rc < 0 ? rc : 0;
}

int stream_head(struct db *db, const char *stream, int64_t *ret_epoch, int64_t *ret_n,
                int64_t *ret_at_ms, struct err *e)
{
    int rc = need_stream(db, stream, e);
    if (rc)
        return rc;
    struct stmt *q =
        db_q(db, "SELECT b.epoch,b.n,coalesce(e.at_ms,0) FROM buyer b LEFT JOIN stream s ON"
                 " s.buyer=b.id AND s.epoch=b.epoch AND s.n=b.n LEFT JOIN event e ON"
                 " e.seq=s.event_seq WHERE b.id=?");
    rc = q_one(q_text(q, 1, stream));
    if (rc < 0)
        return err_set(e, rc, "stream %s: %s", stream, db_message(db));
    *ret_epoch = q_col(q, 0);
    *ret_n = q_col(q, 1);
    *ret_at_ms = q_col(q, 2);
    q_done(q);
    return 0;
}

int stream_list(struct db *db, void (*cb)(void *ctx, const char *stream), void *ctx, struct err *e)
{
    struct stmt *q = db_q(db, "SELECT id FROM buyer ORDER BY id");
    int rc;
    while ((rc = q_step(q)) == 1)
        cb(ctx, q_str(q, 0));
    return rc ? err_set(e, rc, "streams: %s", db_message(db)) : 0;
}
