/* What the files of the core share of struct store. Private to them; others use store.h. */
#pragma once
#include "traceability/event.h"
#include "traceability/held.h"
#include "traceability/item_place.h"
#include "traceability/store.h"

/* Runs that are stopping, and since when this process knows: by the clock that nobody sets. */
struct run_waits {
    size_t n;
    struct {
        uint32_t run;
        struct mono since;
    } of[64];
};

struct store {
    struct db *db, *people;
    char *dir, *key_path;
    char site[17], station, store_id[33];
    uint8_t secret[64], public_key[32];
    uint8_t next_secret[64], next_public[32]; /* key.c: a rotation that is not committed yet */
    bool has_next;
    int64_t head; /* newest committed event */
    bool dirty, failed;
    bool erased; /* people: overwrite the log after the commit */
    struct item_places places;
    struct held_row held;
    struct run_waits stopping;
};

/* 0 inside a healthy transaction; else ERR_STATE or ERR_IO. */
int store_writable(const struct store *s, struct err *e);
void store_touch(struct store *s); /* something was written */
/* The newest event that stands, committed or not; 0: none. An empty record is never guessed. */
int store_last_seq(struct db *db, int64_t *ret, struct err *e);
void store_new_id(char ret[33]);
extern const char store_schema[]; /* all tables of store.db */

/* event.c: the row of `q` (columns seq, kind, at_ms, body first) to the visitor;
 * resets q before. */
/* parse false: body stays NULL, for who passes the bytes on. */
int event_visit(struct stmt *q, bool parse, event_visit_fn *visit, void *ctx, int64_t *ret_seq,
                struct err *e);
/* event.c: what is personal does not enter store.db: ERR_DENIED as event_append says. */
int event_screen(struct store *s, const json_t *v, bool is_public, struct err *e);
/* rebuild.c: drops and makes all projections anew inside the open transaction. */
int rebuild_projections(struct db *db, struct err *e);
