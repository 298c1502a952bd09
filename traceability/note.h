/* C2SP signed notes and tlog checkpoints as text. Pure. Sources: c2sp.org/signed-note,
 * tlog-checkpoint. A checkpoint's body is three lines: origin, tree size in decimal, root hash in
 * base64. A signature line is "— NAME BASE64(key id ‖ Ed25519 signature of the body)"; key id =
 * first 4 bytes of SHA-256(NAME ‖ 0x0A ‖ 0x01 ‖ public key). NAME is the origin. */
#pragma once
#include "base/crypto.h"
#include "base/err.h"
#include "traceability/merkle.h"

#define NOTE_NAME_MAX 64 /* with the NUL */
#define NOTE_MAX      4096

struct note_checkpoint {
    char origin[NOTE_NAME_MAX];
    uint64_t size;
    struct merkle_hash root;
};

/* "SITE.lotline/1a2b3c4d": a store that was restored signs under another name. */
const char *note_origin(const char *site, const char *store_id, char buf[NOTE_NAME_MAX]);
void note_key_id(const char *name, const uint8_t pub[ED25519_PUBLIC_LEN], uint8_t ret[4]);
/* The key as other tools take it: "NAME+8 hex+base64(0x01 ‖ public key)"; buf of ≥ 128 bytes. */
const char *note_vkey(const char *name, const uint8_t pub[ED25519_PUBLIC_LEN], char *buf,
                      size_t size);

/* Body of a checkpoint, and body with one signature line. 0 or ERR_TOOBIG. */
int note_body(const struct note_checkpoint *c, char *buf, size_t size);
int note_sign(const char *body, const char *name, const uint8_t secret[ED25519_SECRET_LEN],
              const uint8_t pub[ED25519_PUBLIC_LEN], char *buf, size_t size);

/* Length of the body of a note that carries a valid signature of this key. Lines of other keys are
 * passed over; a line of this key that does not hold, or none at all, is ERR_CHECK; a malformed
 * note ERR_PARSE. */
int note_open(const char *note, size_t n, const char *name, const uint8_t pub[ED25519_PUBLIC_LEN],
              size_t *ret_body, struct err *e);
/* What a note says of itself, before any signature was checked: to find the key that ought to have
 * signed. */
int note_claims(const char *note, size_t n, struct note_checkpoint *ret, struct err *e);
/* Reads a body of exactly three lines, strictly: what note_body would not write is ERR_PARSE. */
int note_read(const char *body, size_t n, struct note_checkpoint *ret, struct err *e);
