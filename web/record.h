/* The record as the web reads it: store.db, opened when it is there, opened anew when it was
 * replaced. HTTP thread only. Transactions stay short (≤ 50 ms): readers hold up checkpoints. */
#pragma once
#include "base/clock.h"
#include "base/db.h"
#include <stdint.h>

struct record;
struct record *record_new(const char *dir); /* NULL: no memory; opens nothing yet */
void record_free(struct record *r);
/* Begins a read transaction. ERR_UNREACHABLE: no store there (yet); tried again at most once a
 * second. */
int record_begin(struct record *r, struct db **ret, struct err *e);
void record_end(struct record *r);
/* Newest event; at most 100 ms old. */
int record_head(struct record *r, struct mono now, int64_t *ret, struct err *e);
/* A value of the store's meta table, "" when absent; within a transaction, valid until its end. */
const char *record_meta(struct record *r, const char *key);
