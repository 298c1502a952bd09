/* The log over the events in the database (contract: tlog.h; arithmetic: merkle.c; text:
 * note.c). Thread: the caller's, with its own handle. Owns nothing; tables node and checkpoint
 * are written here alone.
 *
 * Invariants
 *  1. A leaf is not stored twice: level 0 is event.leaf.
 *  2. Nodes stand in the transaction of the event that completed them, so they never run
 *     ahead. */
#include "traceability/tlog.h"
#include "traceability/store.h"
#include <stdio.h>
#include <string.h>

static int get_node(void *ctx, unsigned level, uint64_t index, struct merkle_hash *ret)
{
    struct db *db = ctx;
    struct stmt *q =
        level == 0
            ? q_int(db_q(db, "SELECT leaf FROM event WHERE seq=?"), 1, (int64_t)index + 1)
            : q_int(q_int(db_q(db, "SELECT hash FROM node WHERE level=? AND idx=?"), 1, level), 2,
                    (int64_t)index);
    int rc = q_one(q);
    if (rc < 0)
        return rc;
    size_t n = 0;
    const void *p = q_bytes(q, 0, &n);
    if (n == SHA256_LEN)
        memcpy(ret->b, p, n);
    q_done(q);
    return n == SHA256_LEN ? 0 : ERR_CHECK;
}

static int put_node(struct db *db, unsigned level, uint64_t index, const struct merkle_hash *h)
{
    struct stmt *q = db_q(db, "INSERT INTO node(level,idx,hash) VALUES(?,?,?)");
    return q_run(q_blob(q_int(q_int(q, 1, level), 2, (int64_t)index), 3, h->b, SHA256_LEN));
}

int tlog_append(struct db *db, int64_t seq, const struct merkle_hash *leaf, struct err *e)
{
    uint64_t index = (uint64_t)seq - 1;
    struct merkle_hash left, h = *leaf;
    int rc = 0;
    for (unsigned level = 0; rc == 0 && (index & 1); level++, index >>= 1) {
        rc = get_node(db, level, index - 1, &left);
        if (rc == 0) {
            merkle_join(&left, &h, &h);
            rc = put_node(db, level + 1, index >> 1, &h);
        }
    }
    return rc ? err_set(e, rc, "log at event %lld: %s", (long long)seq, db_message(db)) : 0;
}

int tlog_root(struct db *db, int64_t size, struct merkle_hash *ret, struct err *e)
{
    int rc = size < 0 ? ERR_RANGE : merkle_root_of((uint64_t)size, get_node, db, ret);
    return rc ? err_set(e, rc, "no root of %lld events", (long long)size) : 0;
}

int tlog_sign(struct db *db, int64_t size, const char *origin,
              const uint8_t secret[ED25519_SECRET_LEN], const uint8_t pub[ED25519_PUBLIC_LEN],
              struct err *e)
{
    struct note_checkpoint c = {.size = (uint64_t)size};
    char body[NOTE_NAME_MAX + 96], note[NOTE_MAX];
    snprintf(c.origin, sizeof c.origin, "%s", origin);
    int rc = tlog_root(db, size, &c.root, e);
    if (rc)
        return rc;
    rc = note_body(&c, body, sizeof body);
    if (rc == 0)
        rc = note_sign(body, origin, secret, pub, note, sizeof note);
    if (rc)
        return err_set(e, rc, "checkpoint of %lld events", (long long)size);
    struct stmt *q = db_q(db, "INSERT INTO checkpoint(size,at_ms,root,note)"
                              " SELECT seq,at_ms,?2,?3 FROM event WHERE seq=?1");
    rc = q_run(q_text(q_blob(q_int(q, 1, size), 2, c.root.b, SHA256_LEN), 3, note));
    return rc ? err_set(e, rc, "checkpoint: %s", db_message(db)) : 0;
}

int tlog_inclusion(struct db *db, int64_t seq, int64_t size, struct merkle_proof *ret,
                   struct err *e)
{
    int rc = seq < 1 || size < seq
                 ? ERR_RANGE
                 : merkle_inclusion((uint64_t)seq - 1, (uint64_t)size, get_node, db, ret);
    return rc ? err_set(e, rc, "no proof of event %lld in %lld", (long long)seq, (long long)size)
              : 0;
}

int tlog_consistency(struct db *db, int64_t old, int64_t size, struct merkle_proof *ret,
                     struct err *e)
{
    int rc = old < 1 || size < old
                 ? ERR_RANGE
                 : merkle_consistency((uint64_t)old, (uint64_t)size, get_node, db, ret);
    return rc ? err_set(e, rc, "no proof from %lld to %lld events", (long long)old, (long long)size)
              : 0;
}

int tlog_newest(struct db *db, struct tlog_checkpoint *ret, struct err *e)
{
    struct stmt *q =
        db_q(db, "SELECT size,at_ms,root,note FROM checkpoint ORDER BY size DESC LIMIT 1");
    int rc = q_one(q);
    if (rc < 0)
        return err_set(e, rc, "no checkpoint");
    size_t n = 0, note_n = strlen(q_str(q, 3));
    const void *root = q_bytes(q, 2, &n);
    bool good = n == SHA256_LEN && note_n < sizeof ret->note;
    if (good) {
        ret->size = q_col(q, 0);
        ret->at.ms = q_col(q, 1);
        memcpy(ret->root.b, root, n);
        memcpy(ret->note, q_str(q, 3), note_n + 1);
    }
    q_done(q);
    return good ? 0 : err_set(e, ERR_CHECK, "the newest checkpoint is damaged");
}

static json_t *hex_json(const struct merkle_hash *h)
{
    char text[2 * SHA256_LEN + 1];
    return json_string(hex_text(h->b, SHA256_LEN, text, sizeof text));
}

static json_t *proof_json(const struct merkle_proof *p)
{
    json_t *a = json_array();
    for (size_t i = 0; a && i < p->n; i++)
        if (json_array_append_new(a, hex_json(&p->hash[i]))) {
            json_decref(a);
            return NULL;
        }
    return a;
}

int tlog_evidence(struct db *db, int64_t seq, json_t **ret, struct err *e)
{
    struct tlog_checkpoint c = {0};
    struct merkle_proof p;
    struct merkle_hash leaf;
    struct store_facts f;
    char key[64];
    int rc = store_facts(db, &f, e);
    if (rc == 0)
        rc = tlog_newest(db, &c, e);
    if (rc == 0)
        rc = tlog_inclusion(db, seq, c.size, &p, e);
    if (rc == 0 && (rc = get_node(db, 0, (uint64_t)seq - 1, &leaf)))
        err_set(e, rc, "event %lld cannot be read", (long long)seq);
    if (rc)
        return rc;
    base64_text(f.public_key, sizeof f.public_key, key, sizeof key);
    json_t *o = json_pack("{s:I,s:I,s:o,s:I,s:o,s:s,s:o,s:s,s:I}", "event_seq", (json_int_t)seq,
                          "index", (json_int_t)seq - 1, "leaf", hex_json(&leaf), "size",
                          (json_int_t)c.size, "root", hex_json(&c.root), "note", c.note, "proof",
                          proof_json(&p), "public_key", key, "at_ms", (json_int_t)c.at.ms);
    if (!o)
        return err_set(e, ERR_NOMEM, "no memory for a proof");
    *ret = o;
    return 0;
}
