/* The record checked from its raw rows (contract: verify.h; rows under blocks: verify_block.c).
 * Thread: the caller's, with a handle of its own.
 *
 * Invariants
 *  1. Events are taken in order of seq; the first thing that does not hold ends the check and
 *     is named.
 *  2. Nothing of a projection is believed: origin and key are taken from the events
 *     themselves. */
#include "traceability/verify.h"
#include "base/json.h"
#include "traceability/key.h"
#include "traceability/note.h"
#include "traceability/verify_inner.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct verify {
    struct db *db;
    struct merkle_edge tree;
    int64_t head, nodes, checkpoints; /* head: newest event when the check began */
    uint8_t public_key[ED25519_PUBLIC_LEN];
    char site[17], store_id[33];
    const char *against;
    struct note_checkpoint claim; /* of `against` */
    struct verify_rows rows;
};

static int bad(struct err *e, const char *row, int64_t n, const char *what)
{
    return err_set(e, ERR_CHECK, "%s %" PRId64 ": %s", row, n, what);
}

static int trouble(struct verify *v, int rc, struct err *e)
{
    return err_set(e, rc, "%s: %s", db_path(v->db), db_message(v->db));
}

/* ---- one event ---- */

static int take_text(const struct event *ev, const char *key, char *ret, size_t size, struct err *e)
{
    const char *text = json_text_or(ev->body, key, "");
    size_t n = strlen(text);
    if (n == 0 || n >= size)
        return bad(e, "event", ev->seq, "it does not say whose record this is");
    memcpy(ret, text, n + 1);
    return 0;
}

/* Only the key so far can name its successor. */
static int take_key(struct verify *v, const struct event *ev, struct err *e)
{
    char origin[NOTE_NAME_MAX], statement[256];
    uint8_t key[ED25519_PUBLIC_LEN], signature[ED25519_SIGNATURE_LEN];
    const char *text = json_text_or(ev->body, "public_key", ""),
               *sig = json_text_or(ev->body, "signature", "");
    size_t key_n = 0, sig_n = 0;
    note_origin(v->site, v->store_id, origin);
    if (base64_parse(text, strlen(text), key, sizeof key, &key_n) || key_n != sizeof key ||
        base64_parse(sig, strlen(sig), signature, sizeof signature, &sig_n) ||
        sig_n != sizeof signature)
        return bad(e, "event", ev->seq, "its key or signature cannot be read");
    if (key_statement(origin, text, statement, sizeof statement) ||
        !crypto_verify(v->public_key, statement, strlen(statement), signature))
        return bad(e, "event", ev->seq, "the old key did not sign the new one");
    memcpy(v->public_key, key, sizeof key);
    return 0;
}

/* Invariant 2. */
static int take_identity(struct verify *v, const struct event *ev, struct err *e)
{
    size_t n = 0;
    bool created = ev->kind == EVENT_STORE_CREATED;
    if (created != (ev->seq == 1))
        return bad(e, "event", ev->seq, "store.created is the first event and no other");
    if (created) {
        const char *key = json_text_or(ev->body, "public_key", "");
        if (base64_parse(key, strlen(key), v->public_key, sizeof v->public_key, &n) ||
            n != sizeof v->public_key)
            return bad(e, "event", ev->seq, "its public key cannot be read");
        int rc = take_text(ev, "site", v->site, sizeof v->site, e);
        return rc ? rc : take_text(ev, "store_id", v->store_id, sizeof v->store_id, e);
    }
    if (ev->kind == EVENT_KEY_ROTATED)
        return take_key(v, ev, e);
    return ev->kind == EVENT_STORE_RESTORED
               ? take_text(ev, "store_id", v->store_id, sizeof v->store_id, e)
               : 0;
}

static int check_body(const struct event *ev, struct err *e)
{
    size_t n = 0;
    uint64_t unmade = json_failures();
    char *again = json_canonical(ev->body, &n);
    if (json_failures() != unmade) {
        free(again);
        return err_set(e, ERR_NOMEM, "no memory for event %" PRId64, ev->seq);
    }
    bool same = again && n == ev->n && memcmp(again, ev->bytes, n) == 0;
    free(again);
    if (!same)
        return bad(e, "event", ev->seq, "its body is not canonical JSON");
    if (json_int_or(ev->body, "seq", -1) != ev->seq ||
        json_int_or(ev->body, "at_ms", -1) != ev->at.ms ||
        strcmp(json_text_or(ev->body, "kind", ""), event_kind_name(ev->kind)) != 0)
        return bad(e, "event", ev->seq, "its columns do not say what its body says");
    return 0;
}

/* fmt and leaf stand beside what event_scan gives. */
static int check_leaf(struct verify *v, const struct event *ev, struct merkle_hash *ret,
                      struct err *e)
{
    size_t n = 0;
    struct stmt *q = db_q(v->db, "SELECT fmt,leaf FROM event WHERE seq=?");
    int rc = q_one(q_int(q, 1, ev->seq));
    if (rc < 0)
        return trouble(v, rc, e);
    const void *leaf = q_bytes(q, 1, &n);
    merkle_leaf(ev->bytes, ev->n, ret);
    bool fmt = q_col(q, 0) == 1, same = n == SHA256_LEN && memcmp(leaf, ret->b, n) == 0;
    q_done(q);
    if (!fmt)
        return bad(e, "event", ev->seq, "its fmt is unknown");
    return same ? 0 : bad(e, "event", ev->seq, "its leaf is not that of its body");
}

static int check_nodes(struct verify *v, const struct merkle_node *done, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = 0;
        struct stmt *q = db_q(v->db, "SELECT hash FROM node WHERE level=? AND idx=?");
        int rc = q_step(q_int(q_int(q, 1, done[i].level), 2, (int64_t)done[i].index));
        if (rc < 0)
            return trouble(v, rc, e);
        bool same = false;
        if (rc == 1) {
            const void *p = q_bytes(q, 0, &len);
            same = len == SHA256_LEN && memcmp(p, done[i].hash.b, len) == 0;
        }
        q_done(q);
        if (!same)
            return err_set(e, ERR_CHECK,
                           "node %u/%" PRIu64 ": it is not that of the events below it",
                           done[i].level, done[i].index);
    }
    v->nodes += (int64_t)n;
    return 0;
}

/* ---- checkpoints ---- */

/* A note must be signed for the tree as it is now. */
static int check_note(struct verify *v, const char *note, const char *row, struct err *e)
{
    char origin[NOTE_NAME_MAX];
    struct note_checkpoint c;
    struct merkle_hash root;
    size_t body = 0;
    int64_t size = (int64_t)v->tree.size;
    note_origin(v->site, v->store_id, origin);
    int rc = note_open(note, strlen(note), origin, v->public_key, &body, e);
    if (rc == 0)
        rc = note_read(note, body, &c, e);
    if (rc) {
        err_prefix(e, "%s %" PRId64, row, size);
        return e->code = ERR_CHECK;
    }
    merkle_root(&v->tree, &root);
    if (strcmp(c.origin, origin) != 0 || c.size != v->tree.size)
        return bad(e, row, size, "it is signed for another tree");
    return merkle_equal(&c.root, &root) ? 0
                                        : bad(e, row, size, "its root is not that of the events");
}

static int check_stored(struct verify *v, const struct event *ev, struct err *e)
{
    char note[NOTE_MAX] = "";
    struct merkle_hash root;
    size_t n = 0;
    struct stmt *q = db_q(v->db, "SELECT root,at_ms,note FROM checkpoint WHERE size=?");
    int rc = q_step(q_int(q, 1, ev->seq));
    if (rc < 0)
        return trouble(v, rc, e);
    if (rc == 0)
        return ev->seq == v->head
                   ? bad(e, "event", ev->seq, "the newest event stands under no checkpoint")
                   : 0;
    const void *p = q_bytes(q, 0, &n);
    merkle_root(&v->tree, &root);
    bool same = n == SHA256_LEN && memcmp(p, root.b, n) == 0, at = q_col(q, 1) == ev->at.ms;
    if (strlen(q_str(q, 2)) < sizeof note)
        memcpy(note, q_str(q, 2), strlen(q_str(q, 2)) + 1);
    q_done(q);
    if (!same)
        return bad(e, "checkpoint", ev->seq, "its root is not that of the events");
    if (!at)
        return bad(e, "checkpoint", ev->seq, "its time is not that of its newest event");
    v->checkpoints++;
    return check_note(v, note, "checkpoint", e);
}

static int take_event(void *ctx, const struct event *ev, struct err *e)
{
    struct verify *v = ctx;
    struct merkle_hash leaf;
    struct merkle_node done[MERKLE_LEVELS];
    if ((uint64_t)ev->seq != v->tree.size + 1)
        return bad(e, "event", (int64_t)v->tree.size + 1, "it is missing");
    int rc = check_leaf(v, ev, &leaf, e);
    if (rc == 0)
        rc = check_body(ev, e);
    if (rc == 0)
        rc = take_identity(v, ev, e);
    if (rc)
        return rc;
    rc = check_nodes(v, done, merkle_add(&v->tree, &leaf, done), e);
    if (rc == 0)
        rc = check_stored(v, ev, e);
    if (rc == 0 && v->against && v->claim.size == v->tree.size)
        rc = check_note(v, v->against, "given checkpoint", e);
    return rc ? rc : verify_block_take(&v->rows, v->db, ev, e);
}

/* ---- the whole ---- */

static int ask(struct verify *v, const char *sql, int64_t parameter, int64_t *ret, struct err *e)
{
    struct stmt *q = q_int(db_q(v->db, sql), 1, parameter);
    int rc = q_one(q);
    if (rc < 0)
        return trouble(v, rc, e);
    *ret = q_col(q, 0);
    q_done(q);
    return 0;
}

/* Rows of the log that no event accounts for. */
static int check_surplus(struct verify *v, struct err *e)
{
    int64_t nodes = 0, checkpoints = 0;
    int rc = ask(
        v, "SELECT count(*) FROM node WHERE level<1 OR level>62 OR idx<0 OR ((idx+1)<<level)<=?",
        v->head, &nodes, e);
    if (rc == 0)
        rc = ask(v, "SELECT count(*) FROM checkpoint WHERE size<=?", v->head, &checkpoints, e);
    if (rc)
        return rc;
    if (nodes != v->nodes)
        return err_set(e, ERR_CHECK, "node table: %" PRId64 " rows too many", nodes - v->nodes);
    if (checkpoints != v->checkpoints)
        return err_set(e, ERR_CHECK, "checkpoint table: %" PRId64 " rows too many",
                       checkpoints - v->checkpoints);
    return 0;
}

struct turn {
    struct verify *v;
    struct err *e;
};

static int visit(void *ctx, const struct event *ev)
{
    struct turn *t = ctx;
    return take_event(t->v, ev, t->e);
}

static int check_all(struct verify *v, struct err *e)
{
    struct turn t = {v, e};
    int rc = v->against ? note_claims(v->against, strlen(v->against), &v->claim, e) : 0;
    if (rc == 0)
        rc = ask(v, "SELECT coalesce(max(seq),0) FROM event WHERE ?1=?1", 0, &v->head, e);
    if (rc)
        return rc;
    if (v->against && v->claim.size > (uint64_t)v->head)
        return err_set(e, ERR_CHECK,
                       "event %" PRId64 ": it is missing: the given checkpoint is of %" PRIu64
                       " events",
                       v->head + 1, v->claim.size);
    if (v->against && v->claim.size == 0)
        return err_set(e, ERR_CHECK, "the given checkpoint is of an empty log");
    rc = event_scan(v->db, INT64_MIN, v->head, visit, &t, e);
    if (rc == ERR_VERSION || rc == ERR_PARSE)
        rc = e->code = ERR_CHECK; /* a kind or a body that cannot be read: e names the event */
    if (rc == 0 && v->tree.size != (uint64_t)v->head)
        rc = bad(e, "event", (int64_t)v->tree.size + 1, "it is missing");
    if (rc == 0)
        rc = check_surplus(v, e);
    return rc ? rc : verify_block_rest(&v->rows, v->db, e);
}

static json_t *report(const struct verify *v)
{
    char origin[NOTE_NAME_MAX], root[2 * SHA256_LEN + 1], key[64];
    struct merkle_hash h;
    merkle_root(&v->tree, &h);
    json_t *o = json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:s,s:s}", "events", (json_int_t)v->head, "checkpoints",
        (json_int_t)v->checkpoints, "blocks", (json_int_t)v->rows.blocks, "items",
        (json_int_t)v->rows.items, "outcomes", (json_int_t)v->rows.outcomes, "unblocked",
        (json_int_t)v->rows.unblocked, "origin", note_origin(v->site, v->store_id, origin), "root",
        hex_text(h.b, SHA256_LEN, root, sizeof root), "public_key",
        base64_text(v->public_key, sizeof v->public_key, key, sizeof key));
    json_t *against = v->against ? json_integer((json_int_t)v->claim.size) : json_null();
    if (!json_object_set_new(o, "against", against))
        return o;
    json_decref(o);
    return NULL;
}

int verify_store(struct db *db, const char *against, json_t **ret, struct err *e)
{
    struct err slot = {0};
    struct verify v = {.db = db, .against = against};
    int rc = check_all(&v, e ? e : &slot);
    if (rc == 0) {
        *ret = report(&v);
        if (!*ret)
            rc = err_set(e, ERR_NOMEM, "no memory for the report");
    }
    free(v.rows.segment);
    return rc;
}
