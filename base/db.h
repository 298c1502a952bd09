/* SQLite behind one door: open sequence, cached statements, sticky bind errors, one error map.
 * One struct db belongs to one thread. Source of the open sequence: facts/reliability E5–E7. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct stmt; /* borrowed from the db's cache; valid until the next db_q with the same SQL */

/* The only writer of a file. Takes an flock on "<path>.lock" first (ERR_BUSY names the holder's
 * pid), then for a new file: EXTRA → WAL → `schema` → checkpoint → FULL. page_size 1024,
 * PERSIST_WAL, mode 0640. `version` goes to user_version; a file with a higher one gives
 * ERR_VERSION, with a lower one *ret_old gets it (the caller rebuilds its projections and calls
 * db_set_version). */
int db_open_writer(const char *path, const char *schema, int version, struct db **ret, int *ret_old,
                   struct err *e);
/* The same for a caller who can read more of a file's age than its number: `check` is asked of a
 * file that is there already, and what it answers ends the opening. Whoever is refused, by number
 * or by check, has changed no byte of the file or its log. */
typedef int db_check_fn(struct db *db, struct err *e);
int db_open_checked(const char *path, const char *schema, int version, db_check_fn *check,
                    struct db **ret, int *ret_old, struct err *e);
/* A reader of a file that a writer may hold open; read-only, query_only. */
int db_open_reader(const char *path, struct db **ret, struct err *e);
int db_open_memory(const char *schema, struct db **ret, struct err *e);
void db_close(struct db *db); /* NULL allowed */

int db_exec(struct db *db, const char *sql, struct err *e); /* several statements allowed */
/* A transaction that met ERR_DISK_FULL or ERR_IO is dead: every statement and db_commit answer that
 * error until db_commit or db_rollback has ended it. */
int db_begin(struct db *db);     /* BEGIN IMMEDIATE (writer) or BEGIN (reader) */
int db_commit(struct db *db);    /* 0: durable (synchronous=FULL); an error: rolled back */
void db_rollback(struct db *db); /* never fails; harmless outside a transaction */
int db_savepoint(struct db *db); /* nestable; only in a transaction (ERR_STATE) */
int db_release(struct db *db);
void db_undo(struct db *db); /* roll back to the last savepoint and release it */
bool db_in_tx(const struct db *db);
int db_checkpoint(struct db *db, bool truncate);
int db_set_version(struct db *db, int version);
int64_t db_changes(struct db *db);
int64_t db_last_rowid(struct db *db);
const char *db_path(const struct db *db);

/* Statements. q_… remember the first error; q_step returns it. Indexes from 1 (bind),
 * 0 (columns). */
/* prepared once, reset, bindings cleared; never NULL */
struct stmt *db_q(struct db *db, const char *sql);
struct stmt *q_int(struct stmt *s, int i, int64_t v);
struct stmt *q_text(struct stmt *s, int i, const char *v); /* NULL binds NULL; copied */
struct stmt *q_blob(struct stmt *s, int i, const void *p, size_t n);
struct stmt *q_null(struct stmt *s, int i);
int q_step(struct stmt *s);  /* 1: a row, 0: done, negative: error */
int q_run(struct stmt *s);   /* step once, reset: 0 or error; a row is no error */
int q_one(struct stmt *s);   /* 1: a row, which stays readable; no row: ERR_NOT_FOUND */
void q_done(struct stmt *s); /* reset early */
/* A row is readable until the next step or db_q of its statement and until db_begin, db_commit,
 * db_rollback or db_checkpoint; without a row, and without an earlier error, reading
 * is asserted. */
int64_t q_col(struct stmt *s, int i);
bool q_is_null(struct stmt *s, int i);
const char *q_str(struct stmt *s, int i); /* "" for NULL; until the next step */
const void *q_bytes(struct stmt *s, int i, size_t *ret_n);
const char *db_message(struct db *db); /* SQLite's last message, for logs */
/* How many statements failed so far: for who asks many, one of which alone, unheeded, would make
 * the answer false. */
uint64_t db_failures(const struct db *db);
/* Names the VFS that files are opened with from now on (NULL: the default), so that tests can bring
 * storage faults. Process-wide, before threads. 0 or ERR_NOT_FOUND. */
int db_use_vfs(const char *name);

/* Ordered text dump of the named tables ("a,b,c"; rows ordered by all columns), for comparing. */
int db_dump(struct db *db, const char *tables, void (*line)(void *, const char *), void *ctx,
            struct err *e);
