/* The site's signing key: one file, whose public half stands in the first event. A new key is
 * signed by the old one in a key.rotated event: field "signature" (base64) is the old key's Ed25519
 * signature of the text
 *
 *     lotline key rotation<LF>ORIGIN<LF>BASE64 OF THE NEW PUBLIC KEY<LF>
 *
 * and every checkpoint of a tree that holds the event is signed with the new one. Private to the
 * core but for key_statement, which verifiers need too. Main thread of lotlined. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
/* What the old key signs. 0 or ERR_TOOBIG. */
int key_statement(const char *origin, const char *new_public, char *buf, size_t size);

int key_load(struct store *s, bool create, struct err *e);
/* At opening: makes sure that the loaded key is the record's; a rotation that was committed but
 * whose file was not yet put in its place is finished here. ERR_CHECK: another key. */
int key_settle(struct store *s, const uint8_t record_public[32], struct err *e);
/* The secret for the key that the open transaction names. */
int key_secret_of(const struct store *s, const uint8_t public_key[32], const uint8_t **ret,
                  struct err *e);
/* After a commit under this key. */
void key_committed(struct store *s, const uint8_t public_key[32]);
