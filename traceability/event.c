/* Events: append, apply, read (contract: event.h).  way: 9/12 events and projections
 * Thread: main of lotlined for appending, any with its own handle for reading. Owns nothing.
 *
 * Invariants
 *  1. seq is dense from 1; event, leaf, nodes, projections and stream entries of one event
 *     stand in one savepoint: all or nothing.
 *  2. Projections are made from the stored bytes alone, live and in rebuild by the same
 *     event_apply.
 *  3. Nothing personal enters a body: names by their keys, and pseudonyms of persons where a
 *     body leaves the shed. */
#include "traceability/event.h"
#include "base/json.h"
#include "base/num.h"
#include "traceability/people.h"
#include "traceability/step.h"
#include "traceability/store_inner.h"
#include "traceability/stream.h"
#include "traceability/tlog.h"
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *epcis, *bizstep, *disposition;
    bool is_public;
    event_apply_fn *apply;
} rows[EVENT_KIND_COUNT] = {
#define EVENT(id, name, epcis, bizstep, disposition, is_public, apply)                             \
    {name, epcis, bizstep, disposition, is_public, apply},
#include "traceability/events.def"
#undef EVENT
};

const char *event_kind_name(enum event_kind k)
{
    return rows[k].name;
}

int event_kind_from(const char *name, enum event_kind *ret)
{
    for (size_t i = 0; i < EVENT_KIND_COUNT; i++)
        if (!strcmp(rows[i].name, name)) {
            *ret = (enum event_kind)i;
            return 0;
        }
    return ERR_NOT_FOUND;
}

bool event_kind_public(enum event_kind k)
{
    return rows[k].is_public;
}

const char *event_kind_epcis(enum event_kind k)
{
    return rows[k].epcis;
}

const char *event_kind_bizstep(enum event_kind k)
{
    return rows[k].bizstep;
}

const char *event_kind_disposition(enum event_kind k)
{
    return rows[k].disposition;
}

int apply_nothing(struct db *db, const struct event *ev)
{
    (void)db;
    (void)ev;
    return 0;
}

/* What an apply function could not read it must not take for nothing: the row would stand wrong. */
int event_apply(struct db *db, const struct event *ev)
{
    struct step_watch since = step_watch(db);
    int rc = rows[ev->kind].apply(db, ev);
    if (rc >= 0 && rows[ev->kind].is_public)
        rc = stream_assign(db, ev);
    return rc < 0 ? rc : step_sound(db, since, rc, NULL);
}

/* ---- what may stand in a body ---- */

static bool is_personal(const char *key)
{
    static const char *const keys[] = {"name", "phone", "id_no", "initials"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(key, keys[i]))
            return true;
    return false;
}

struct screen {
    struct store *s;
    bool is_public;
    struct err *e;
};

static int screen_value(const struct screen *c, const json_t *v);

static int screen_object(const struct screen *c, const json_t *o)
{
    json_t *it = (json_t *)(uintptr_t)o; /* jansson iterates without const; nothing is written */
    int rc = 0;
    for (void *at = json_object_iter(it); rc == 0 && at; at = json_object_iter_next(it, at)) {
        const char *key = json_object_iter_key(at);
        if (is_personal(key))
            return err_set(c->e, ERR_DENIED, "\"%s\" of a person may not stand in the record", key);
        rc = screen_value(c, json_object_iter_value(at));
    }
    return rc;
}

static int screen_value(const struct screen *c, const json_t *v)
{
    int rc = 0;
    if (json_is_object(v))
        return screen_object(c, v);
    for (size_t i = 0; rc == 0 && i < json_array_size(v); i++)
        rc = screen_value(c, json_array_get(v, i));
    if (c->is_public && json_is_string(v) && people_is_pid(c->s, json_string_value(v)))
        return err_set(c->e, ERR_DENIED, "a public event may not hold a person's pid");
    return rc;
}

int event_screen(struct store *s, const json_t *v, bool is_public, struct err *e)
{
    return screen_value(&(struct screen){s, is_public, e}, v);
}

static int add_frame(json_t *o, enum event_kind kind, int64_t seq, struct wall at,
                     const char *actor, struct err *e)
{
    static const char *const added[] = {"v",       "kind", "seq",   "at_ms",
                                        "mono_ns", "boot", "clock", "actor"};
    for (size_t i = 0; i < sizeof added / sizeof *added; i++)
        if (json_object_get(o, added[i]))
            return err_set(e, ERR_KEY, "%s: \"%s\" is not the body's own", rows[kind].name,
                           added[i]);
    json_t *frame =
        json_pack("{s:i,s:s,s:I,s:I,s:I,s:s,s:s}", "v", 1, "kind", rows[kind].name, "seq",
                  (json_int_t)seq, "at_ms", (json_int_t)at.ms, "mono_ns", (json_int_t)mono_now().ns,
                  "boot", clock_boot_id(), "clock", clock_state());
    int bad = !frame || json_object_update(o, frame);
    if (!bad && !rows[kind].is_public)
        bad = json_object_set_new(o, "actor", json_string(actor ? actor : "daemon"));
    json_decref(frame);
    return bad ? err_set(e, ERR_NOMEM, "no memory for an event") : 0;
}

/* ---- appending ---- */

static int insert(struct db *db, const struct event *ev, const struct merkle_hash *leaf)
{
    struct stmt *q =
        db_q(db, "INSERT INTO event(seq,fmt,kind,at_ms,body,leaf) VALUES(?,1,?,?,?,?)");
    q_int(q_text(q_int(q, 1, ev->seq), 2, rows[ev->kind].name), 3, ev->at.ms);
    return q_run(q_blob(q_blob(q, 4, ev->bytes, ev->n), 5, leaf->b, SHA256_LEN));
}

/* Invariant 1. */
static int append_all(struct db *db, const struct event *ev, struct err *e)
{
    struct merkle_hash leaf;
    merkle_leaf(ev->bytes, ev->n, &leaf);
    int rc = db_savepoint(db);
    if (rc)
        return err_set(e, rc, "%s: %s", rows[ev->kind].name, db_message(db));
    rc = insert(db, ev, &leaf);
    if (rc)
        err_set(e, rc, "%s: %s", rows[ev->kind].name, db_message(db));
    if (rc == 0)
        rc = tlog_append(db, ev->seq, &leaf, e);
    if (rc == 0 && (rc = event_apply(db, ev)) < 0)
        err_set(e, rc, "%s cannot be applied: %s", rows[ev->kind].name,
                rc == ERR_DB || rc == ERR_IO ? db_message(db) : err_text(rc));
    if (rc == 0 && (rc = db_release(db)))
        err_set(e, rc, "%s: %s", rows[ev->kind].name, db_message(db));
    if (rc)
        db_undo(db);
    return rc;
}

static int append_bytes(struct store *s, struct event *ev, struct err *e)
{
    json_t *body = NULL;
    if (ev->n > EVENT_MAX_BYTES)
        return err_set(e, ERR_TOOBIG, "%s: %zu bytes, at most %d are allowed", rows[ev->kind].name,
                       ev->n, EVENT_MAX_BYTES);
    int rc = json_parse(ev->bytes, ev->n, &body, e); /* invariant 2 */
    ev->body = body;
    if (rc == 0)
        rc = append_all(s->db, ev, e);
    json_decref(body);
    return rc;
}

int event_append(struct store *s, enum event_kind kind, const json_t *body, const char *actor,
                 int64_t *ret_seq, struct err *e)
{
    struct event ev = {.kind = kind, .at = wall_now()};
    int rc = store_writable(s, e);
    if (rc == 0 && body)
        rc = event_screen(s, body, rows[kind].is_public, e); /* invariant 3 */
    if (rc)
        return rc;
    rc = store_last_seq(s->db, &ev.seq, e);
    if (rc)
        return rc;
    ev.seq++;
    uint64_t unmade = json_failures();
    json_t *o = body ? json_copy((json_t *)(uintptr_t)body) : json_object();
    rc = o ? add_frame(o, kind, ev.seq, ev.at, actor, e)
           : err_set(e, ERR_NOMEM, "no memory for an event");
    char *bytes = rc ? NULL : json_canonical(o, &ev.n);
    json_decref(o);
    if (rc == 0 && json_failures() != unmade) /* a copy without memory is one with a hole */
        rc = err_set(e, ERR_NOMEM, "no memory for an event");
    if (rc) {
        free(bytes);
        return rc;
    }
    if (!bytes)
        return err_set(e, ERR_RANGE, "%s: only integers and texts can be recorded",
                       rows[kind].name);
    ev.bytes = bytes;
    store_touch(s);
    rc = append_bytes(s, &ev, e);
    free(bytes);
    if (rc && json_failures() != unmade) /* whatever it was taken for */
        rc = err_set(e, ERR_NOMEM, "no memory for %s", rows[kind].name);
    if (rc == 0 && ret_seq)
        *ret_seq = ev.seq;
    return rc;
}

int event_append_new(struct store *s, enum event_kind kind, json_t *body, const char *actor,
                     int64_t *ret_seq, struct err *e)
{
    int rc = body ? event_append(s, kind, body, actor, ret_seq, e)
                  : err_set(e, ERR_NOMEM, "no memory for %s", rows[kind].name);
    json_decref(body);
    return rc;
}

/* ---- reading ---- */

/* The row that `q` stands on; its columns are seq, kind, at_ms, body. The row is copied first, so
 * that the visitor may use the same statement. */
int event_visit(struct stmt *q, bool parse, event_visit_fn *visit, void *ctx, int64_t *ret_seq,
                struct err *e)
{
    struct event ev = {.seq = q_col(q, 0), .at = {q_col(q, 2)}};
    const void *p = q_bytes(q, 3, &ev.n);
    char *bytes = calloc(1, ev.n + 1);
    json_t *body = NULL;
    int rc = event_kind_from(q_str(q, 1), &ev.kind);
    if (rc)
        err_set(e, rc = ERR_VERSION, "event %lld: kind \"%.40s\" is unknown", (long long)ev.seq,
                q_str(q, 1));
    if (bytes && p)
        memcpy(bytes, p, ev.n);
    q_done(q);
    if (rc == 0 && !bytes)
        rc = err_set(e, ERR_NOMEM, "no memory for event %lld", (long long)ev.seq);
    if (rc == 0 && parse && (rc = json_parse(bytes, ev.n, &body, e)))
        err_prefix(e, "event %lld", (long long)ev.seq);
    if (rc == 0) {
        ev.bytes = bytes;
        ev.body = body;
        *ret_seq = ev.seq;
        rc = visit(ctx, &ev);
    }
    json_decref(body);
    free(bytes);
    return rc;
}

int event_read(struct db *db, int64_t seq, event_visit_fn *visit, void *ctx, struct err *e)
{
    struct stmt *q = q_int(db_q(db, "SELECT seq,kind,at_ms,body FROM event WHERE seq=?"), 1, seq);
    int rc = q_one(q);
    if (rc < 0)
        return err_set(e, rc, "event %lld: %s", (long long)seq,
                       rc == ERR_NOT_FOUND ? "no such event" : db_message(db));
    rc = event_visit(q, true, visit, ctx, &seq, e);
    return rc < 0 ? rc : 0;
}

int event_scan(struct db *db, int64_t after, int64_t limit, event_visit_fn *visit, void *ctx,
               struct err *e)
{
    for (; limit > 0; limit--) {
        struct stmt *q =
            db_q(db, "SELECT seq,kind,at_ms,body FROM event WHERE seq>? ORDER BY seq LIMIT 1");
        int rc = q_step(q_int(q, 1, after));
        if (rc < 0)
            return err_set(e, rc, "events: %s", db_message(db));
        if (rc == 1)
            rc = event_visit(q, true, visit, ctx, &after, e);
        else
            return 0;
        if (rc)
            return rc < 0 ? rc : 0;
    }
    return 0;
}
