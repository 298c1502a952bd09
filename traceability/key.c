/* The site's signing key and its successor (contract: key.h). Thread: main of lotlined. Owns:
 * the key file and "<key file>.next", which holds a new key until the event that names it is
 * durable.
 *
 * Invariant: at every moment the key that the committed record names stands in one of the two
 * files. */
#include "traceability/key.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "traceability/command.h"
#include "traceability/store_inner.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int next_path(const struct store *s, char buf[4096], struct err *e)
{
    int n = snprintf(buf, 4096, "%s.next", s->key_path);
    return n < 4096 ? 0 : err_set(e, ERR_TOOBIG, "%s: the path is too long", s->key_path);
}

int key_statement(const char *origin, const char *new_public, char *buf, size_t size)
{
    int n = snprintf(buf, size, "lotline key rotation\n%s\n%s\n", origin, new_public);
    return n < 0 || (size_t)n >= size ? ERR_TOOBIG : 0;
}

int key_load(struct store *s, bool create, struct err *e)
{
    int rc = crypto_key_load(s->key_path, s->secret, s->public_key, e);
    if (rc != ERR_NOT_FOUND || !create)
        return rc;
    rc = crypto_key_create(s->key_path, e);
    return rc ? rc : crypto_key_load(s->key_path, s->secret, s->public_key, e);
}

static bool is_key(const uint8_t a[32], const uint8_t b[32])
{
    return memcmp(a, b, ED25519_PUBLIC_LEN) == 0;
}

/* The next key becomes the key. Its file may wait: key_settle finds it there. */
static void take_next(struct store *s)
{
    char next[4096];
    memcpy(s->secret, s->next_secret, sizeof s->secret);
    memcpy(s->public_key, s->next_public, sizeof s->public_key);
    crypto_wipe(s->next_secret, sizeof s->next_secret);
    s->has_next = false;
    if (next_path(s, next, NULL) == 0 && rename(next, s->key_path))
        log_warn("the new key stays in %s: %s", next, strerror(errno));
}

int key_settle(struct store *s, const uint8_t record_public[32], struct err *e)
{
    char next[4096];
    if (is_key(s->public_key, record_public))
        return 0;
    if (next_path(s, next, NULL) == 0 &&
        crypto_key_load(next, s->next_secret, s->next_public, NULL) == 0 &&
        is_key(s->next_public, record_public)) {
        take_next(s);
        return 0;
    }
    return err_set(e, ERR_CHECK, "%s is not the key that signs %s", s->key_path, db_path(s->db));
}

int key_secret_of(const struct store *s, const uint8_t public_key[32], const uint8_t **ret,
                  struct err *e)
{
    if (is_key(s->public_key, public_key))
        *ret = s->secret;
    else if (s->has_next && is_key(s->next_public, public_key))
        *ret = s->next_secret;
    else
        return err_set(e, ERR_CHECK, "the record names a key that is not here");
    return 0;
}

void key_committed(struct store *s, const uint8_t public_key[32])
{
    if (s->has_next && is_key(s->next_public, public_key))
        take_next(s);
}

/* ---- the command ---- */

/* A file that an undone rotation left is used: nothing ever named its key. */
static int make_next(struct store *s, struct err *e)
{
    char next[4096];
    int rc = next_path(s, next, e);
    if (rc == 0 && (rc = crypto_key_create(next, NULL)) == ERR_EXISTS)
        rc = 0;
    if (rc)
        return err_set(e, ERR_STATE, "a new key cannot be stored beside %s", s->key_path);
    rc = crypto_key_load(next, s->next_secret, s->next_public, e);
    s->has_next = rc == 0;
    return rc;
}

static json_t *rotation(struct store *s, const char *origin)
{
    char statement[256], new_public[64], old_public[64], signature[128];
    uint8_t raw[ED25519_SIGNATURE_LEN];
    base64_text(s->next_public, sizeof s->next_public, new_public, sizeof new_public);
    base64_text(s->public_key, sizeof s->public_key, old_public, sizeof old_public);
    if (key_statement(origin, new_public, statement, sizeof statement))
        return NULL;
    crypto_sign(s->secret, statement, strlen(statement), raw);
    return json_pack("{s:s,s:s,s:s}", "public_key", new_public, "previous", old_public, "signature",
                     base64_text(raw, sizeof raw, signature, sizeof signature));
}

int command_key_rotate(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    struct store *s = c->store;
    struct store_facts f;
    int rc = json_only(args, "", e);
    if (rc == 0)
        rc = store_facts(s->db, &f, e);
    if (rc == 0 && !is_key(f.public_key, s->public_key))
        rc = err_set(e, ERR_STATE, "the key was changed a moment ago");
    if (rc == 0)
        rc = make_next(s, e);
    if (rc)
        return rc;
    json_t *body = rotation(s, f.origin);
    rc = event_append_new(s, EVENT_KEY_ROTATED, json_incref(body), c->actor->id, NULL, e);
    if (rc == 0)
        *ret = json_pack("{s:O}", "public_key", json_object_get(body, "public_key"));
    json_decref(body);
    return rc;
}
