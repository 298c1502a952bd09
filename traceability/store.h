/* The record: store.db (events, items, outcomes, projections) and people.db. lotlined's main thread
 * is the only writer; others read store.db through store_open_reader.
 * Law: store_commit returned 0 → durable → only then acknowledge, answer, publish. */
#pragma once
#include "base/clock.h"
#include "base/db.h"
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct store;
struct store_options {
    const char *dir;      /* holds store.db and people.db; created 0750 when missing */
    const char *key_path; /* Ed25519 seed; created with a new store only (crypto_key_create) */
    const char *site;     /* "[a-z0-9-]{1,16}": names the log's origin and the MQTT tree */
    char station;         /* A–Z: stands in lot numbers */
};
int store_open(const struct store_options *o, struct store **ret, struct err *e);
void store_close(struct store *s);
struct db *store_db(struct store *s);
struct db *store_people(struct store *s);
const char *store_id(const struct store *s); /* random, 32 hex; renewed on restore */
const char *store_site(const struct store *s);
char store_station(const struct store *s);
const uint8_t *store_public_key(const struct store *s); /* 32 bytes */

/* One transaction per turn of the main loop. people.db commits before store.db. */
int store_begin(struct store *s, struct err *e); /* no-op inside one */
int store_commit(struct store *s,
                 struct err *e); /* writes the checkpoint of new events; 0: durable */
void store_rollback(struct store *s);
bool store_dirty(const struct store *s); /* something was written since store_begin */
int store_reopen(struct store *s,
                 struct err *e); /* after a failed commit: close all, open, checkpoint */

int64_t store_head(const struct store *s); /* seq of the newest committed event; 0: none */

/* After a copy was put in place of a lost store.db: a new store_id, new stream epochs, line epochs
 * that the lost part cannot have used. Inside a transaction. */
int store_restored(struct store *s, const char *actor, struct err *e);

/* Readers (CLI, mqtt, web): read-only handle on DIR/store.db. */
int store_open_reader(const char *dir, struct db **ret, struct err *e);
/* 0: the projections are those that this program reads; else ERR_VERSION says what to do. Whoever
 * keeps a handle asks at every transaction: another lotlined may have renewed them meanwhile. */
int store_readable(struct db *db, struct err *e);
/* What the record says of itself, for readers. */
struct store_facts {
    char store_id[33], site[17];
    uint8_t public_key[32];
    int64_t generation; /* seq of the event that created or last restored the store */
    char origin[64];    /* the log's name in checkpoints */
};
int store_facts(struct db *db, struct store_facts *ret, struct err *e);
