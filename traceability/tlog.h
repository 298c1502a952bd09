/* The transparency log over the events: leaf index = seq − 1, complete subtrees in table node,
 * signed checkpoints in table checkpoint. Writing: lotlined's main thread, inside the event's
 * transaction. */
#pragma once
#include "base/clock.h"
#include "base/db.h"
#include "base/err.h"
#include "traceability/merkle.h"
#include "traceability/note.h"
#include <jansson.h>

/* Stores the subtrees that the leaf of event `seq` (which stands already) completes. */
int tlog_append(struct db *db, int64_t seq, const struct merkle_hash *leaf, struct err *e);
/* Signs the tree of `size` events and stores the checkpoint; its time is that of its
 * newest event. */
int tlog_sign(struct db *db, int64_t size, const char *origin,
              const uint8_t secret[ED25519_SECRET_LEN], const uint8_t pub[ED25519_PUBLIC_LEN],
              struct err *e);

/* Readers. Roots and proofs of the first `size` events. */
int tlog_root(struct db *db, int64_t size, struct merkle_hash *ret, struct err *e);
int tlog_inclusion(struct db *db, int64_t seq, int64_t size, struct merkle_proof *ret,
                   struct err *e);
int tlog_consistency(struct db *db, int64_t old, int64_t size, struct merkle_proof *ret,
                     struct err *e);

struct tlog_checkpoint {
    int64_t size;
    struct wall at;
    struct merkle_hash root;
    char note[NOTE_MAX];
};
int tlog_newest(struct db *db, struct tlog_checkpoint *ret,
                struct err *e); /* ERR_NOT_FOUND: none */

/* Everything that a stranger needs to prove that event `seq` stands in the log as of the newest
 * checkpoint: {"event_seq","index","leaf":hex,"size","root":hex,"note","proof":[hex…],
 * "public_key":base64,"at_ms"}. */
int tlog_evidence(struct db *db, int64_t seq, json_t **ret, struct err *e);
