/* SQLite behind one door: connection, statements, transactions (contract: db.h; files, lock and
 * order of opening: db_open.c; dump: db_dump.c). Thread: one struct db, one thread (SQLite is
 * opened NOMUTEX). Owns: the connection, its statements, the lock file's descriptor. The VFS name
 * is process-wide and for tests.
 *
 * Invariants
 *  1. A transaction that SQLite rolled back by itself (disk full, I/O error) stays dead until
 * db_commit or db_rollback: `lost` says why, and every statement answers it. Otherwise the rest of
 * the transaction would be committed piece by piece.
 *  2. No statement stays half read across the edge of a transaction or a checkpoint: it would pin
 * an old snapshot. One that was cut off so answers ERR_STATE rather than starting again.
 *  3. A failed commit is never tried again: what an fsync did not write, a second one will not. */
#include "base/db.h"
#include "base/db_open.h"
#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STMTS_MAX = 256, SLOTS = 512, HINTS = 64, WAIT_MS = 2000 };

struct stmt {
    struct db *db;
    sqlite3_stmt *s; /* NULL: could not be prepared; the next db_q tries again */
    char *sql;
    int err;
    bool row;
};

struct db {
    sqlite3 *h;
    char *path;
    int lock_fd;
    bool writer, in_tx;
    int lost;  /* invariant 1 */
    int depth; /* savepoints */
    uint64_t failures;
    size_t stmts;
    struct stmt *all[STMTS_MAX]; /* in order of making */
    struct stmt *slot[SLOTS];    /* the same by hash of the text */
    struct stmt *hint[HINTS];    /* by address of the text: the one met there last */
    struct stmt spare;           /* answers ERR_NOMEM when the cache cannot grow */
};

static const char *use_vfs; /* NULL: SQLite's default */

int db_use_vfs(const char *name)
{
    if (name && !sqlite3_vfs_find(name))
        return ERR_NOT_FOUND;
    use_vfs = name;
    return 0;
}

bool db_has_vfs(void)
{
    return use_vfs != NULL;
}

static int code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return 0;
    case SQLITE_FULL: return ERR_DISK_FULL;
    case SQLITE_BUSY: return ERR_BUSY;
    case SQLITE_IOERR: return ERR_IO;
    default: return ERR_DB;
    }
}

/* The error of a call, which may be the end of the transaction (invariant 1). */
static int settle(struct db *db, int rc)
{
    int code = code_of(rc);
    bool fatal = code == ERR_DISK_FULL || code == ERR_IO || (code && sqlite3_get_autocommit(db->h));
    if (fatal && db->in_tx && !db->lost)
        db->lost = code;
    return code;
}

static int run(struct db *db, const char *sql)
{
    if (db->lost)
        return db->lost;
    return settle(db, sqlite3_exec(db->h, sql, NULL, NULL, NULL));
}

static int complain(struct db *db, int code, struct err *e)
{
    return err_set(e, code, "%s: %s", db->path, sqlite3_errmsg(db->h));
}

/* ---- connection ---- */

/* SQLite's own count of its memory costs a lock at each allocation, and nobody asks for it. */
static void set_up_library(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int db_connect(const char *path, enum db_mode mode, struct db **ret, struct err *e)
{
    static const int flags[] = {[DB_WRITE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                [DB_READ] = SQLITE_OPEN_READONLY,
                                [DB_MEMORY] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY};
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up_library);
    struct db *db = calloc(1, sizeof *db);
    char *copy = strdup(path);
    if (!db || !copy) {
        free(db);
        free(copy);
        return err_set(e, ERR_NOMEM, "%s: out of memory", path);
    }
    *db = (struct db){.path = copy, .lock_fd = -1, .writer = mode != DB_READ, .spare.db = db};
    const char *vfs = mode == DB_MEMORY ? NULL : use_vfs;
    int rc = sqlite3_open_v2(path, &db->h, flags[mode] | SQLITE_OPEN_NOMUTEX, vfs);
    if (rc != SQLITE_OK) {
        err_set(e, code_of(rc), "%s: %s", path, db->h ? sqlite3_errmsg(db->h) : "out of memory");
        db_close(db);
        return code_of(rc);
    }
    sqlite3_busy_timeout(db->h, WAIT_MS);
    *ret = db;
    return 0;
}

void db_keep_files(struct db *db, int lock_fd)
{
    int on = 1;
    db->lock_fd = lock_fd;
    sqlite3_file_control(db->h, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
}

void db_keep_log(struct db *db, bool keep)
{
    sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep ? 1 : 0, NULL);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->stmts; i++) {
        sqlite3_finalize(db->all[i]->s);
        free(db->all[i]->sql);
        free(db->all[i]);
    }
    sqlite3_close(db->h); /* rolls back what is open; NULL allowed */
    if (db->lock_fd >= 0)
        close(db->lock_fd); /* last: the next writer may come */
    free(db->path);
    free(db);
}

/* ---- statements ---- */

static size_t slot_of(const struct db *db, const char *sql)
{
    uint32_t hash =
        2166136261u; /* FNV-1a over the text: the same buffer may hold another SQL later */
    for (const char *p = sql; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    size_t i = hash % SLOTS;
    while (db->slot[i] && strcmp(db->slot[i]->sql, sql) != 0)
        i = (i + 1) % SLOTS;
    return i;
}

static struct stmt *cached(struct db *db, const char *sql)
{
    struct stmt **hint = &db->hint[(uintptr_t)sql / 16 % HINTS];
    if (*hint && strcmp((*hint)->sql, sql) == 0)
        return *hint;
    size_t i = slot_of(db, sql);
    if (db->slot[i])
        return *hint = db->slot[i];
    assert(db->stmts < STMTS_MAX); /* SQL with values pasted into it, not bound */
    struct stmt *s = calloc(1, sizeof *s);
    char *copy = strdup(sql);
    if (!s || !copy) {
        free(s);
        free(copy);
        return NULL;
    }
    s->db = db;
    s->sql = copy;
    db->slot[i] = s;
    db->all[db->stmts++] = s;
    return s;
}

struct stmt *db_q(struct db *db, const char *sql)
{
    struct stmt *s = cached(db, sql);
    if (!s) {
        db->spare.err = ERR_NOMEM;
        return &db->spare;
    }
    s->err = 0;
    s->row = false;
    if (s->s) {
        sqlite3_reset(s->s);
        sqlite3_clear_bindings(s->s);
        return s;
    }
    int rc = sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->s, NULL);
    s->err = s->s ? 0 : rc == SQLITE_OK ? ERR_DB : settle(db, rc);
    return s;
}

static struct stmt *bound(struct stmt *s, int rc)
{
    if (!s->err)
        s->err = code_of(rc);
    return s;
}

struct stmt *q_int(struct stmt *s, int i, int64_t v)
{
    return s->err ? s : bound(s, sqlite3_bind_int64(s->s, i, v));
}

struct stmt *q_null(struct stmt *s, int i)
{
    return s->err ? s : bound(s, sqlite3_bind_null(s->s, i));
}

struct stmt *q_text(struct stmt *s, int i, const char *v)
{
    if (!v || s->err)
        return q_null(s, i);
    return bound(s, sqlite3_bind_text64(s->s, i, v, strlen(v), SQLITE_TRANSIENT, SQLITE_UTF8));
}

struct stmt *q_blob(struct stmt *s, int i, const void *p, size_t n)
{
    assert(p || n == 0);
    if (!p || s->err)
        return q_null(s, i);
    if (n == 0) /* SQLite would take an empty blob for NULL */
        return bound(s, sqlite3_bind_zeroblob(s->s, i, 0));
    return bound(s, sqlite3_bind_blob64(s->s, i, p, n, SQLITE_TRANSIENT));
}

int q_step(struct stmt *s)
{
    s->row = false;
    if (!s->err && s->db->lost)
        s->err = s->db->lost; /* invariant 1 */
    if (!s->err) {
        int rc = sqlite3_step(s->s);
        s->row = rc == SQLITE_ROW;
        if (s->row)
            return 1;
        s->err = settle(s->db, rc);
        sqlite3_reset(s->s);
    }
    s->db->failures += s->err != 0;
    return s->err;
}

void q_done(struct stmt *s)
{
    s->row = false;
    if (s->s)
        sqlite3_reset(s->s);
}

int q_run(struct stmt *s)
{
    int rc = q_step(s);
    q_done(s);
    return rc < 0 ? rc : 0;
}

int q_one(struct stmt *s)
{
    int rc = q_step(s);
    return rc == 0 ? ERR_NOT_FOUND : rc;
}

/* Reading a column without a row is a programming error, unless a step failed: then it reads as
 * nothing and the caller meets the error at its next step or commit. */
static void need_row(const struct stmt *s)
{
    assert(s->row || (s->err && s->err != ERR_STATE));
}

int64_t q_col(struct stmt *s, int i)
{
    need_row(s);
    return s->row ? sqlite3_column_int64(s->s, i) : 0;
}

bool q_is_null(struct stmt *s, int i)
{
    need_row(s);
    return !s->row || sqlite3_column_type(s->s, i) == SQLITE_NULL;
}

/* Nothing stands there, or there was no memory for it: then the next step says so. */
static void check_column(struct stmt *s)
{
    if (!s->row || sqlite3_errcode(s->db->h) != SQLITE_NOMEM)
        return;
    s->err = ERR_NOMEM;
    s->db->failures++;
}

const char *q_str(struct stmt *s, int i)
{
    need_row(s);
    const unsigned char *text = s->row ? sqlite3_column_text(s->s, i) : NULL;
    if (!text)
        check_column(s);
    return text ? (const char *)text : "";
}

const void *q_bytes(struct stmt *s, int i, size_t *ret_n)
{
    need_row(s);
    const void *p =
        s->row ? sqlite3_column_blob(s->s, i) : NULL; /* before _bytes, which may convert */
    if (!p)
        check_column(s);
    *ret_n = p ? (size_t)sqlite3_column_bytes(s->s, i) : 0;
    return p;
}

/* ---- transactions ---- */

static void cut_off_reads(struct db *db) /* invariant 2 */
{
    for (size_t i = 0; i < db->stmts; i++) {
        struct stmt *s = db->all[i];
        if (!s->s || !sqlite3_stmt_busy(s->s))
            continue;
        q_done(s);
        s->err = ERR_STATE;
    }
}

/* Of a transaction; compiled once, as each turn asks for them. */
static int control(struct db *db, const char *sql)
{
    return db->lost ? db->lost : q_run(db_q(db, sql));
}

static void forget_tx(struct db *db)
{
    db->in_tx = false;
    db->lost = 0;
    db->depth = 0;
}

int db_begin(struct db *db)
{
    if (db->in_tx)
        return ERR_STATE;
    cut_off_reads(db);
    int code = control(db, db->writer ? "BEGIN IMMEDIATE" : "BEGIN");
    db->in_tx = code == 0;
    return code;
}

int db_commit(struct db *db)
{
    if (!db->in_tx)
        return ERR_STATE;
    cut_off_reads(db);
    int code = control(db, "COMMIT");
    if (code)
        db_rollback(db); /* invariant 3 */
    forget_tx(db);
    return code;
}

void db_rollback(struct db *db)
{
    cut_off_reads(db);
    if (!sqlite3_get_autocommit(db->h))
        sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
    forget_tx(db);
}

int db_savepoint(struct db *db)
{
    if (!db->in_tx)
        return ERR_STATE;
    int code = control(db, "SAVEPOINT sp"); /* one name: SQLite takes the innermost */
    if (!code)
        db->depth++;
    return code;
}

int db_release(struct db *db)
{
    if (db->lost)
        return db->lost;
    if (db->depth == 0)
        return ERR_STATE;
    int code = control(db, "RELEASE sp");
    if (!code)
        db->depth--;
    return code;
}

void db_undo(struct db *db)
{
    if (db->depth == 0 || db->lost)
        return;
    db->depth--;
    if (control(db, "ROLLBACK TO sp") || control(db, "RELEASE sp"))
        db->lost = db->lost ? db->lost : ERR_DB; /* what cannot be undone must not be committed */
}

bool db_in_tx(const struct db *db)
{
    return db->in_tx;
}

int db_exec(struct db *db, const char *sql, struct err *e)
{
    int code = run(db, sql);
    return code ? complain(db, code, e) : 0;
}

int db_checkpoint(struct db *db, bool truncate)
{
    cut_off_reads(db);
    int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    return settle(db, sqlite3_wal_checkpoint_v2(db->h, NULL, mode, NULL, NULL));
}

int db_set_version(struct db *db, int version)
{
    char sql[48];
    snprintf(sql, sizeof sql, "PRAGMA user_version=%d", version);
    return run(db, sql);
}

int64_t db_changes(struct db *db)
{
    return sqlite3_changes64(db->h);
}

int64_t db_last_rowid(struct db *db)
{
    return sqlite3_last_insert_rowid(db->h);
}

const char *db_path(const struct db *db)
{
    return db->path;
}

uint64_t db_failures(const struct db *db)
{
    return db->failures;
}

const char *db_message(struct db *db)
{
    return sqlite3_errmsg(db->h);
}
