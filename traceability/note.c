/* C2SP signed notes and checkpoints (contract: note.h). Pure; thread: any.
 *
 * Invariants
 *  1. Nothing of a note is believed before its signature held; note_claims only says which to
 *     check.
 *  2. One checkpoint has one text: sizes without leading zeroes, base64 that encodes back to
 *     itself. */
#include "traceability/note.h"
#include "base/num.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DASH "\xe2\x80\x94 " /* em dash, blank */

enum { ALG_ED25519 = 1, KEY_ID_LEN = 4, SIGNED_LEN = KEY_ID_LEN + ED25519_SIGNATURE_LEN };
enum { ROOT_TEXT = 44, SIGNED_TEXT = 96, SIGNED_MAX = 256 };

const char *note_origin(const char *site, const char *store_id, char buf[NOTE_NAME_MAX])
{
    snprintf(buf, NOTE_NAME_MAX, "%s.lotline/%.8s", site, store_id);
    return buf;
}

void note_key_id(const char *name, const uint8_t pub[ED25519_PUBLIC_LEN], uint8_t ret[4])
{
    static const uint8_t middle[2] = {'\n', ALG_ED25519};
    uint8_t full[SHA256_LEN];
    struct sha256 s;
    sha256_init(&s);
    sha256_add(&s, name, strlen(name));
    sha256_add(&s, middle, sizeof middle);
    sha256_add(&s, pub, ED25519_PUBLIC_LEN);
    sha256_end(&s, full);
    memcpy(ret, full, KEY_ID_LEN);
}

const char *note_vkey(const char *name, const uint8_t pub[ED25519_PUBLIC_LEN], char *buf,
                      size_t size)
{
    uint8_t id[KEY_ID_LEN], key[1 + ED25519_PUBLIC_LEN] = {ALG_ED25519};
    char hex[2 * KEY_ID_LEN + 1], text[64];
    note_key_id(name, pub, id);
    memcpy(key + 1, pub, ED25519_PUBLIC_LEN);
    snprintf(buf, size, "%s+%s+%s", name, hex_text(id, sizeof id, hex, sizeof hex),
             base64_text(key, sizeof key, text, sizeof text));
    return buf;
}

int note_body(const struct note_checkpoint *c, char *buf, size_t size)
{
    char root[ROOT_TEXT + 1];
    int n = snprintf(buf, size, "%s\n%" PRIu64 "\n%s\n", c->origin, c->size,
                     base64_text(c->root.b, SHA256_LEN, root, sizeof root));
    return n < 0 || (size_t)n >= size ? ERR_TOOBIG : 0;
}

int note_sign(const char *body, const char *name, const uint8_t secret[ED25519_SECRET_LEN],
              const uint8_t pub[ED25519_PUBLIC_LEN], char *buf, size_t size)
{
    uint8_t both[SIGNED_LEN];
    char text[SIGNED_TEXT + 1];
    note_key_id(name, pub, both);
    crypto_sign(secret, body, strlen(body), both + KEY_ID_LEN);
    int n = snprintf(buf, size, "%s\n" DASH "%s %s\n", body, name,
                     base64_text(both, sizeof both, text, sizeof text));
    return n < 0 || (size_t)n >= size ? ERR_TOOBIG : 0;
}

/* ---- reading ---- */

struct signer {
    const char *name;
    const uint8_t *pub, *body;
    size_t body_n;
    bool held;
};

static int malformed(struct err *e, const char *what)
{
    return err_set(e, ERR_PARSE, "signed note: %s", what);
}

/* The signature of our key in one line, if the line is ours. */
static int check_signature(const uint8_t *both, size_t n, struct signer *s, struct err *e)
{
    uint8_t id[KEY_ID_LEN];
    note_key_id(s->name, s->pub, id);
    if (n < KEY_ID_LEN || memcmp(both, id, KEY_ID_LEN) != 0)
        return 0; /* same name, another key */
    if (n != SIGNED_LEN || !crypto_verify(s->pub, s->body, s->body_n, both + KEY_ID_LEN))
        return err_set(e, ERR_CHECK, "signed note: the signature of %s does not hold", s->name);
    s->held = true;
    return 0;
}

/* Bytes of strict base64: what does not encode back to itself is refused (invariant 2). */
static int strict_base64(const char *text, size_t n, uint8_t *ret, size_t cap, size_t *ret_n)
{
    char again[4 * SIGNED_MAX / 3 + 5];
    if (cap > SIGNED_MAX || base64_parse(text, n, ret, cap, ret_n))
        return ERR_PARSE;
    base64_text(ret, *ret_n, again, sizeof again);
    return strlen(again) == n && memcmp(again, text, n) == 0 ? 0 : ERR_PARSE;
}

static int check_line(const char *line, size_t n, struct signer *s, struct err *e)
{
    uint8_t both[SIGNED_MAX];
    size_t both_n = 0, dash = strlen(DASH);
    if (n <= dash || memcmp(line, DASH, dash) != 0)
        return malformed(e, "a signature line begins with a dash");
    const char *name = line + dash, *blank = memchr(name, ' ', n - dash);
    if (!blank || blank == name)
        return malformed(e, "a signature line has a name and a signature");
    const char *text = blank + 1;
    size_t text_n = n - (size_t)(text - line), name_n = (size_t)(blank - name);
    if (strict_base64(text, text_n, both, sizeof both, &both_n) || both_n <= KEY_ID_LEN)
        return malformed(e, "a signature is base64");
    bool ours = strlen(s->name) == name_n && memcmp(name, s->name, name_n) == 0;
    return ours ? check_signature(both, both_n, s, e) : 0;
}

/* Body and signature lines are parted by the last empty line. */
static int find_body(const char *note, size_t n, size_t *ret_body, struct err *e)
{
    if (n < 2 || n > NOTE_MAX || note[n - 1] != '\n')
        return malformed(e, "it ends with a line");
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)note[i] < 0x20 && note[i] != '\n')
            return malformed(e, "it holds a control character");
    for (size_t i = n - 1; i > 1; i--)
        if (note[i - 1] == '\n' && note[i - 2] == '\n') {
            *ret_body = i - 1;
            return 0;
        }
    return malformed(e, "no empty line parts body and signatures");
}

int note_open(const char *note, size_t n, const char *name, const uint8_t pub[ED25519_PUBLIC_LEN],
              size_t *ret_body, struct err *e)
{
    size_t body = 0;
    int rc = find_body(note, n, &body, e);
    struct signer s = {name, pub, (const uint8_t *)note, body, false};
    for (size_t at = body + 1; rc == 0 && at < n;) {
        const char *end = memchr(note + at, '\n', n - at);
        size_t line = (size_t)(end - (note + at)); /* the note ends with a newline: there is one */
        rc = check_line(note + at, line, &s, e);
        at += line + 1;
    }
    if (rc)
        return rc;
    if (!s.held)
        return err_set(e, ERR_CHECK, "signed note: no signature of %s", name);
    *ret_body = body;
    return 0;
}

static int read_root(const char *text, size_t n, struct merkle_hash *ret)
{
    size_t got = 0;
    if (n != ROOT_TEXT || base64_parse(text, n, ret->b, SHA256_LEN, &got) || got != SHA256_LEN)
        return ERR_PARSE;
    return 0;
}

int note_read(const char *body, size_t n, struct note_checkpoint *ret, struct err *e)
{
    struct note_checkpoint c = {0};
    char size[24] = "", again[NOTE_NAME_MAX + 96];
    int64_t value = 0;
    const char *first = memchr(body, '\n', n);
    const char *second = first ? memchr(first + 1, '\n', n - (size_t)(first + 1 - body)) : NULL;
    if (!second || (size_t)(first - body) >= sizeof c.origin ||
        (size_t)(second - first) > sizeof size)
        return malformed(e, "a checkpoint has origin, size and root");
    memcpy(c.origin, body, (size_t)(first - body));
    memcpy(size, first + 1, (size_t)(second - first - 1));
    const char *root = second + 1;
    size_t left = n - (size_t)(root - body);
    if (num_i64(size, 0, INT64_MAX, &value) || left == 0 || read_root(root, left - 1, &c.root))
        return malformed(e, "size or root of the checkpoint");
    c.size = (uint64_t)value;
    if (note_body(&c, again, sizeof again) || strlen(again) != n || memcmp(again, body, n) != 0)
        return malformed(e, "the checkpoint is not written as it should be"); /* invariant 2 */
    *ret = c;
    return 0;
}

int note_claims(const char *note, size_t n, struct note_checkpoint *ret, struct err *e)
{
    size_t body = 0;
    int rc = find_body(note, n, &body, e);
    return rc ? rc : note_read(note, body, ret, e);
}
