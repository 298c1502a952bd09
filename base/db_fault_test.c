/* Storage faults, brought by a VFS around the default one: the n-th write or sync fails, once or
 * for good. The script below is run again with n = 1, 2, 3 … until no fault fires any more. */
#include "base/db.h"
#include "base/test_tmp.h"
#include <sqlite3.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

/* ---- the VFS ---- */

enum op { OP_NONE, OP_WRITE, OP_SYNC };

static struct {
    enum op op;
    int after; /* this many go well first */
    bool for_good, fired;
    int rc;
    int journal_deletes, unsynced_deletes;
} fault;

struct file {
    sqlite3_file base;
    sqlite3_file *real; /* stands right behind this struct */
};

static sqlite3_vfs *real_vfs;

#define REAL(f) (((struct file *)(f))->real)

static int fails(enum op op)
{
    if (fault.op != op || fault.after-- > 0 || (fault.fired && !fault.for_good))
        return SQLITE_OK;
    fault.fired = true;
    return fault.rc;
}

static int file_close(sqlite3_file *f)
{
    return REAL(f)->pMethods->xClose(REAL(f));
}
static int file_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return REAL(f)->pMethods->xRead(REAL(f), p, n, at);
}
static int file_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    int rc = fails(OP_WRITE);
    if (rc && n > 1) /* a failed write may have written a part */
        REAL(f)->pMethods->xWrite(REAL(f), p, n / 2, at);
    return rc ? rc : REAL(f)->pMethods->xWrite(REAL(f), p, n, at);
}
static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return REAL(f)->pMethods->xTruncate(REAL(f), size);
}
static int file_sync(sqlite3_file *f, int flags)
{
    int rc = fails(OP_SYNC);
    return rc ? rc : REAL(f)->pMethods->xSync(REAL(f), flags);
}
static int file_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return REAL(f)->pMethods->xFileSize(REAL(f), ret);
}
static int file_lock(sqlite3_file *f, int level)
{
    return REAL(f)->pMethods->xLock(REAL(f), level);
}
static int file_unlock(sqlite3_file *f, int level)
{
    return REAL(f)->pMethods->xUnlock(REAL(f), level);
}
static int file_check(sqlite3_file *f, int *ret)
{
    return REAL(f)->pMethods->xCheckReservedLock(REAL(f), ret);
}
static int file_control(sqlite3_file *f, int op, void *arg)
{
    return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}
static int file_sector(sqlite3_file *f)
{
    return REAL(f)->pMethods->xSectorSize(REAL(f));
}
static int file_traits(sqlite3_file *f)
{
    return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}
static int shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, ret);
}
static int shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return REAL(f)->pMethods->xShmLock(REAL(f), at, n, flags);
}
static void shm_barrier(sqlite3_file *f)
{
    REAL(f)->pMethods->xShmBarrier(REAL(f));
}
static int shm_unmap(sqlite3_file *f, int unlink)
{
    return REAL(f)->pMethods->xShmUnmap(REAL(f), unlink);
}

static const sqlite3_io_methods methods = {
    2,         file_close,  file_read,  file_write,   file_truncate, file_sync,   file_size,
    file_lock, file_unlock, file_check, file_control, file_sector,   file_traits, shm_map,
    shm_lock,  shm_barrier, shm_unmap,  NULL,         NULL};

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
    (void)v;
    struct file *file = (struct file *)(void *)f;
    file->real = (sqlite3_file *)(void *)(file + 1);
    int rc = real_vfs->xOpen(real_vfs, name, file->real, flags, ret_flags);
    file->base.pMethods = file->real->pMethods ? &methods : NULL;
    return rc;
}

static int vfs_delete(sqlite3_vfs *v, const char *name, int sync_directory)
{
    (void)v;
    if (strstr(name, "-journal")) {
        fault.journal_deletes++;
        fault.unsynced_deletes += !sync_directory;
    }
    return real_vfs->xDelete(real_vfs, name, sync_directory);
}

static sqlite3_vfs faulty;

static int install(void **state)
{
    (void)state;
    real_vfs = sqlite3_vfs_find(NULL);
    faulty = *real_vfs; /* the rest of unix's methods do not look at their vfs argument's files */
    faulty.pNext = NULL;
    faulty.zName = "faulty";
    faulty.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
    faulty.xOpen = vfs_open;
    faulty.xDelete = vfs_delete;
    return sqlite3_vfs_register(&faulty, 0) || db_use_vfs("faulty");
}

/* ---- the script ---- */

static const char schema[] = "CREATE TABLE a(id INTEGER PRIMARY KEY, pad BLOB) STRICT;"
                             "CREATE TABLE b(id INTEGER PRIMARY KEY) STRICT;";

enum { TXS = 4 };

struct fix {
    struct tmp tmp;
    char path[128];
};

static int start(void **state)
{
    struct fix *f = calloc(1, sizeof *f);
    tmp_make(&f->tmp);
    strcpy(f->path, tmp_path(&f->tmp, "x.db"));
    memset(&fault, 0, sizeof fault);
    *state = f;
    return 0;
}

static int stop(void **state)
{
    struct fix *f = *state;
    memset(&fault, 0, sizeof fault);
    tmp_remove(&f->tmp);
    free(f);
    return 0;
}

static struct db *writer_of(const struct fix *f)
{
    struct db *db = NULL;
    return db_open_writer(f->path, schema, 1, &db, NULL, NULL) ? NULL : db;
}

/* A pair of rows, by a careless caller who looks at nothing but the commit. Every third transaction
 * is larger than SQLite's cache, so that it spills before its commit. */
static int careless_pair(struct db *db, int id)
{
    if (db_begin(db))
        return ERR_IO;
    q_run(q_int(db_q(db, "INSERT INTO a VALUES(?,NULL)"), 1, id));
    if (id % 3 == 2)
        q_run(q_int(db_q(db, "UPDATE a SET pad=randomblob(3000000) WHERE id=?"), 1, id));
    q_run(q_int(db_q(db, "INSERT INTO b VALUES(?)"), 1, id));
    int code = db_commit(db);
    assert_false(db_in_tx(db));
    return code;
}

static void run_script(const struct fix *f, bool acked[TXS])
{
    struct db *db = writer_of(f);
    for (int id = 0; db && id < TXS; id++)
        acked[id] = careless_pair(db, id) == 0;
    if (db)
        db_checkpoint(db, true); /* may fail: nothing is acknowledged by it */
    db_close(db);
}

static int64_t number(struct db *db, const char *sql, int id)
{
    struct stmt *q = q_int(db_q(db, sql), 1, id);
    if (q_one(q) != 1)
        fail_msg("%s: %s", sql, db_message(db));
    int64_t n = q_col(q, 0);
    q_done(q);
    return n;
}

/* Without faults: what was acknowledged is there, and every pair is whole. */
static void check_store(const struct fix *f, const bool acked[TXS])
{
    memset(&fault, 0, sizeof fault);
    struct db *db = writer_of(f);
    assert_non_null(db);
    for (int id = 0; id < TXS; id++) {
        int64_t in_a =
            number(db, "SELECT count(*) FROM a WHERE id=? AND (id%3<2 OR length(pad)=3000000)", id);
        assert_int_equal(in_a, number(db, "SELECT count(*) FROM b WHERE id=?", id));
        assert_true(in_a || !acked[id]);
    }
    struct stmt *q = db_q(db, "PRAGMA integrity_check");
    assert_int_equal(q_one(q), 1);
    assert_string_equal(q_str(q, 0), "ok");
    db_close(db);
}

/* Stops when a run has met no fault; the step grows so that a run with many writes stays short. */
static void fail_every(enum op op, int rc, bool for_good)
{
    bool fired = true;
    int runs = 0;
    for (int n = 0; fired; n += n < 40 ? 1 : n / 4) {
        struct fix *f = NULL;
        bool acked[TXS] = {0};
        start((void **)&f);
        fault.op = op;
        fault.after = n;
        fault.rc = rc;
        fault.for_good = for_good;
        run_script(f, acked);
        fired = fault.fired;
        check_store(f, acked);
        for (int id = 0; !fired && id < TXS; id++)
            assert_true(acked[id]);
        stop((void **)&f);
        runs++;
    }
    assert_true(runs > 10);
}

static void one_failed_write_loses_nothing_acknowledged(void **state)
{
    (void)state;
    fail_every(OP_WRITE, SQLITE_IOERR_WRITE, false);
}

static void a_disk_that_stays_full_loses_nothing_acknowledged(void **state)
{
    (void)state;
    fail_every(OP_WRITE, SQLITE_FULL, true);
}

static void one_failed_sync_loses_nothing_acknowledged(void **state)
{
    (void)state;
    fail_every(OP_SYNC, SQLITE_IOERR_FSYNC, false);
}

static void syncs_that_keep_failing_lose_nothing_acknowledged(void **state)
{
    (void)state;
    fail_every(OP_SYNC, SQLITE_IOERR_FSYNC, true);
}

static void a_full_disk_is_told_from_other_trouble(void **state)
{
    struct db *db = writer_of(*state);
    fault.op = OP_WRITE;
    fault.for_good = true;
    fault.rc = SQLITE_FULL;
    assert_int_equal(careless_pair(db, 0), ERR_DISK_FULL);
    fault.rc = SQLITE_IOERR_WRITE;
    assert_int_equal(careless_pair(db, 1), ERR_IO);
    fault.op = OP_SYNC;
    fault.rc = SQLITE_IOERR_FSYNC;
    assert_int_equal(careless_pair(db, 1), ERR_IO);
    fault.op = OP_NONE; /* space is back: the same connection goes on */
    assert_int_equal(careless_pair(db, 3), 0);
    assert_int_equal(number(db, "SELECT count(*)+0*? FROM a", 0), 1);
    db_close(db);
}

static void a_dead_transaction_answers_its_reason_until_it_is_ended(void **state)
{
    struct db *db = writer_of(*state);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(db_savepoint(db), 0);
    fault.op = OP_WRITE;
    fault.rc = SQLITE_FULL;
    assert_int_equal(q_run(db_q(db, "INSERT INTO a VALUES(1,randomblob(3000000))")), ERR_DISK_FULL);
    assert_true(fault.fired); /* once: from here on the disk has room again */
    assert_int_equal(q_run(db_q(db, "INSERT INTO b VALUES(1)")), ERR_DISK_FULL);
    assert_int_equal(q_one(db_q(db, "SELECT count(*) FROM b")), ERR_DISK_FULL);
    assert_int_equal(db_exec(db, "INSERT INTO b VALUES(2)", NULL), ERR_DISK_FULL);
    db_undo(db);
    assert_int_equal(db_savepoint(db), ERR_DISK_FULL);
    assert_int_equal(db_release(db), ERR_DISK_FULL);
    assert_true(db_in_tx(db));
    assert_int_equal(db_commit(db), ERR_DISK_FULL);
    assert_int_equal(number(db, "SELECT count(*)+0*? FROM b", 0), 0);
    assert_int_equal(careless_pair(db, 1), 0);
    db_close(db);
}

static void the_journal_of_the_creation_is_deleted_with_its_directory_synced(void **state)
{
    struct db *db = writer_of(*state);
    assert_true(fault.journal_deletes > 0);
    assert_int_equal(fault.unsynced_deletes, 0); /* EXTRA before WAL: with FULL this is 1 */
    db_close(db);
}

int main(void)
{
#define FAULTY(t) cmocka_unit_test_setup_teardown(t, start, stop)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_failed_write_loses_nothing_acknowledged),
        cmocka_unit_test(a_disk_that_stays_full_loses_nothing_acknowledged),
        cmocka_unit_test(one_failed_sync_loses_nothing_acknowledged),
        cmocka_unit_test(syncs_that_keep_failing_lose_nothing_acknowledged),
        FAULTY(a_full_disk_is_told_from_other_trouble),
        FAULTY(a_dead_transaction_answers_its_reason_until_it_is_ended),
        FAULTY(the_journal_of_the_creation_is_deleted_with_its_directory_synced),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
