/* The disk in memory: what it must keep, what it may lose, and that a test would notice. */
#include "tests/simulation/disk.h"
#include "base/db.h"
#include "base/test_tmp.h"
#include <sqlite3.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static struct tmp tmp; /* real: db.c's lock files stand there */
static char path[128];
static const char schema[] = "CREATE TABLE a(id INTEGER PRIMARY KEY, pad BLOB) STRICT";

static int install(void **state)
{
    (void)state;
    tmp_make(&tmp);
    snprintf(path, sizeof path, "%s", tmp_path(&tmp, "a.db"));
    disk_register();
    return db_use_vfs(DISK_VFS);
}

static int remove_all(void **state)
{
    (void)state;
    tmp_remove(&tmp);
    return 0;
}

static int healthy(void **state)
{
    (void)state;
    disk_lies = false;
    disk_format(1);
    return 0;
}

static struct db *writer(void)
{
    struct db *db = NULL;
    struct err e = {0};
    if (db_open_writer(path, schema, 1, &db, NULL, &e))
        fail_msg("%s", e.text);
    return db;
}

static struct db *reader(void)
{
    struct db *db = NULL;
    struct err e = {0};
    if (db_open_reader(path, &db, &e))
        fail_msg("%s", e.text);
    return db;
}

static int add(struct db *db, int64_t id)
{
    uint8_t pad[700];
    memset(pad, (int)id, sizeof pad);
    int rc = db_begin(db);
    if (rc == 0)
        rc = q_run(q_blob(q_int(db_q(db, "INSERT INTO a VALUES(?,?)"), 1, id), 2, pad, sizeof pad));
    if (rc == 0)
        return db_commit(db);
    db_rollback(db);
    return rc;
}

static int64_t number(struct db *db, const char *sql)
{
    struct stmt *q = db_q(db, sql);
    int rc = q_step(q);
    if (rc != 1)
        fail_msg("%s: %s", sql, db_message(db));
    int64_t n = q_col(q, 0);
    q_done(q);
    return n;
}

static int64_t rows(struct db *db)
{
    return number(db, "SELECT count(*) FROM a");
}

static void connections_see_each_other(void **state)
{
    (void)state;
    struct db *w = writer(), *r1 = reader(), *r2 = reader();
    for (int64_t id = 1; id <= 50; id++) {
        assert_int_equal(add(w, id), 0);
        assert_int_equal(rows(r1), id);
    }
    assert_int_equal(db_begin(r2), 0); /* a snapshot stands while others write and checkpoint */
    assert_int_equal(rows(r2), 50);
    assert_int_equal(add(w, 51), 0);
    assert_int_equal(db_checkpoint(w, false), 0);
    assert_int_equal(rows(r2), 50);
    assert_int_equal(rows(r1), 51);
    db_rollback(r2);
    assert_int_equal(rows(r2), 51);
    assert_int_equal(db_checkpoint(w, true), 0);
    db_close(r1);
    db_close(w);
    assert_int_equal(rows(r2), 51);
    db_close(r2);
    w = writer();
    assert_int_equal(rows(w), 51);
    db_close(w);
}

static sqlite3 *bare(void)
{
    sqlite3 *h = NULL;
    assert_int_equal(sqlite3_open_v2(tmp_path(&tmp, "b.db"), &h,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, DISK_VFS),
                     SQLITE_OK);
    return h;
}

static int bare_run(sqlite3 *h, const char *sql)
{
    return sqlite3_exec(h, sql, NULL, NULL, NULL);
}

static void one_writer_at_a_time(void **state)
{
    (void)state;
    static const char *const modes[] = {"PRAGMA journal_mode=DELETE", "PRAGMA journal_mode=WAL"};
    sqlite3 *one = bare(), *two = bare();
    assert_int_equal(bare_run(one, "CREATE TABLE a(id INTEGER PRIMARY KEY)"), SQLITE_OK);
    for (size_t wal = 0; wal < 2; wal++) {
        assert_int_equal(bare_run(one, modes[wal]), SQLITE_OK);
        assert_int_equal(bare_run(one, "BEGIN IMMEDIATE; INSERT INTO a VALUES(NULL)"), SQLITE_OK);
        assert_int_equal(bare_run(two, "BEGIN IMMEDIATE"), SQLITE_BUSY);
        assert_int_equal(bare_run(two, "BEGIN; SELECT * FROM a"), SQLITE_OK);
        /* Without a WAL the commit waits for readers. */
        assert_int_equal(bare_run(one, "COMMIT"), wal ? SQLITE_OK : SQLITE_BUSY);
        assert_int_equal(bare_run(two, "COMMIT"), SQLITE_OK);
        assert_int_equal(wal ? SQLITE_OK : bare_run(one, "COMMIT"), SQLITE_OK);
        assert_int_equal(bare_run(two, "INSERT INTO a VALUES(NULL)"), SQLITE_OK);
    }
    sqlite3_close(one);
    sqlite3_close(two);
}

static void rollback_journal_and_temporary_files(void **state)
{
    (void)state;
    struct db *w = writer();
    struct err e = {0};
    char copy[160], sql[256];
    for (int64_t id = 1; id <= 200; id++)
        assert_int_equal(add(w, id), 0);
    snprintf(copy, sizeof copy, "%s-copy", path);
    snprintf(sql, sizeof sql, "ATTACH '%s' AS c; CREATE TABLE c.a AS SELECT * FROM a", copy);
    assert_int_equal(db_exec(w, sql, &e), 0);
    assert_int_equal(number(w, "SELECT count(*) FROM c.a"), 200);
    assert_int_equal(db_exec(w,
                             "PRAGMA cache_size=10; PRAGMA temp_store=FILE;"
                             "CREATE TEMP TABLE t AS SELECT a.id, b.pad FROM a, a AS b LIMIT 9999;"
                             "VACUUM",
                             &e),
                     0);
    assert_int_equal(number(w, "SELECT count(*) FROM t"), 9999);
    db_close(w);
    size_t n = 0;
    assert_non_null(disk_file(copy, &n));
    assert_true(n > 200 * 700);
    snprintf(sql, sizeof sql, "%s-journal", copy);
    assert_null(disk_file(sql, &n));
}

/* Commits until the machine dies at a random operation; returns how many were acknowledged. */
static int64_t die_and_count(uint64_t *seed, const char *synchronous, bool cut)
{
    struct db *w = writer();
    struct err e = {0};
    assert_int_equal(db_exec(w, synchronous, &e), 0);
    int64_t acked = rows(w);
    disk_die_at(1 + seed_next(seed) % 200);
    while (add(w, acked + 1) == 0) {
        acked++;
        if (seed_next(seed) % 8 == 0)
            db_checkpoint(w, seed_next(seed) % 2);
    }
    assert_true(disk_dead());
    db_close(w);
    disk_restart(cut);
    return acked;
}

/* The rows that are there, all whole; −1: the database is broken. */
static int64_t survivors(void)
{
    struct db *w = NULL;
    if (db_open_writer(path, schema, 1, &w, NULL, NULL))
        return -1;
    struct stmt *q = db_q(w, "PRAGMA integrity_check");
    bool good = q_step(q) == 1 && !strcmp(q_str(q, 0), "ok");
    q_done(q);
    int64_t n = good ? rows(w) : -1;
    if (good && n > 0)
        assert_int_equal(number(w, "SELECT max(id) FROM a"), n);
    db_close(w);
    return n;
}

static int lost_of(const char *synchronous, bool cut, int cuts)
{
    uint64_t seed = 7;
    int lost = 0;
    disk_format(seed);
    for (int k = 0; k < cuts; k++) {
        int64_t acked = die_and_count(&seed, synchronous, cut), n = survivors();
        lost += n < acked;
        assert_true(n <= acked + 1); /* the one in flight */
        if (n < 0 || n > 300)
            disk_format(seed_next(&seed));
    }
    return lost;
}

static void full_loses_nothing(void **state)
{
    (void)state;
    assert_int_equal(lost_of("PRAGMA synchronous=FULL", true, 400), 0);
}

static void normal_loses_some(void **state)
{
    (void)state;
    assert_true(lost_of("PRAGMA synchronous=NORMAL", true, 100) > 30);
}

static void a_kill_loses_nothing_even_without_syncs(void **state)
{
    (void)state;
    assert_int_equal(lost_of("PRAGMA synchronous=OFF", false, 100), 0);
}

static void a_disk_that_lies_is_noticed(void **state)
{
    (void)state;
    disk_lies = true;
    assert_true(lost_of("PRAGMA synchronous=FULL", true, 100) > 30);
}

static void the_dead_do_nothing(void **state)
{
    (void)state;
    struct db *w = writer();
    size_t n = 0, now = 0;
    char wal[160];
    snprintf(wal, sizeof wal, "%s-wal", path);
    assert_int_equal(add(w, 1), 0);
    uint8_t *p = disk_file(wal, &n), *was = malloc(n);
    assert(p && was);
    memcpy(was, p, n);
    disk_die();
    assert_int_not_equal(add(w, 2), 0);
    assert_int_not_equal(db_checkpoint(w, true), 0);
    db_close(w);
    struct db *none = NULL;
    assert_int_not_equal(db_open_writer(path, schema, 1, &none, NULL, NULL), 0);
    assert_int_not_equal(db_open_reader(path, &none, NULL), 0);
    p = disk_file(wal, &now);
    assert_int_equal(now, n);
    assert_memory_equal(p, was, n);
    free(was);
    disk_restart(false);
    assert_int_equal(survivors(), 1);
}

static void ill_disks_refuse_and_heal(void **state)
{
    (void)state;
    static const enum disk_ill ills[] = {DISK_FULL, DISK_READ_ONLY, DISK_SYNC_FAILS};
    static const int says[] = {ERR_DISK_FULL, ERR_IO, ERR_IO};
    int64_t n = 0;
    for (size_t k = 0; k < 3; k++) {
        struct db *w = writer();
        assert_int_equal(add(w, n + 1), 0);
        disk_ill(ills[k]);
        assert_int_equal(add(w, n + 2), says[k]);
        assert_int_equal(rows(w), n + 1);
        disk_ill(DISK_WELL);
        db_close(w);
        n = survivors(); /* a failed sync may have left the commit there */
        assert_true(n == 1 + (int64_t)k || n == 2 + (int64_t)k);
        if (n > 1 + (int64_t)k)
            return;
    }
}

/* After a sync that failed, a later one that succeeds brings nothing back. */
static void what_a_sync_lost_stays_lost(void **state)
{
    (void)state;
    sqlite3_vfs *v = sqlite3_vfs_find(DISK_VFS);
    sqlite3_file *f = calloc(1, (size_t)v->szOsFile);
    int lost = 0;
    assert(f);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        int flags = SQLITE_OPEN_CREATE | SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL;
        size_t n = 0;
        disk_format(seed);
        assert_int_equal(v->xOpen(v, "w", f, flags, NULL), SQLITE_OK);
        assert_int_equal(f->pMethods->xSync(f, 0), SQLITE_OK);
        assert_int_equal(f->pMethods->xWrite(f, "a", 1, 0), SQLITE_OK);
        disk_ill(DISK_SYNC_FAILS);
        assert_int_equal(f->pMethods->xSync(f, 0), SQLITE_IOERR_FSYNC);
        disk_ill(DISK_WELL);
        assert_int_equal(f->pMethods->xSync(f, 0), SQLITE_OK);
        f->pMethods->xClose(f);
        assert_memory_equal(disk_file("w", &n), "a", 1); /* the kernel shows it */
        disk_restart(true);
        const uint8_t *p = disk_file("w", &n);
        lost += n != 1 || *p != 'a';
    }
    free(f);
    assert_true(lost > 5 && lost < 45);
}

static uint64_t fingerprint(uint64_t seed)
{
    static const char *const tails[] = {"", "-wal"};
    uint64_t h = 1469598103934665603u;
    disk_format(seed);
    for (int k = 0; k < 20; k++)
        die_and_count(&seed, "PRAGMA synchronous=NORMAL", true);
    for (size_t t = 0; t < 2; t++) {
        char name[160];
        size_t n = 0;
        snprintf(name, sizeof name, "%s%s", path, tails[t]);
        const uint8_t *p = disk_file(name, &n);
        for (size_t k = 0; k < n; k++)
            h = (h ^ p[k]) * 1099511628211u;
    }
    return h ^ disk_ops();
}

static void a_seed_repeats_byte_for_byte(void **state)
{
    (void)state;
    uint64_t first = fingerprint(5);
    assert_true(fingerprint(6) != first);
    assert_true(fingerprint(5) == first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(connections_see_each_other, healthy),
        cmocka_unit_test_setup(one_writer_at_a_time, healthy),
        cmocka_unit_test_setup(rollback_journal_and_temporary_files, healthy),
        cmocka_unit_test_setup(full_loses_nothing, healthy),
        cmocka_unit_test_setup(normal_loses_some, healthy),
        cmocka_unit_test_setup(a_kill_loses_nothing_even_without_syncs, healthy),
        cmocka_unit_test_setup(a_disk_that_lies_is_noticed, healthy),
        cmocka_unit_test_setup(the_dead_do_nothing, healthy),
        cmocka_unit_test_setup(ill_disks_refuse_and_heal, healthy),
        cmocka_unit_test_setup(what_a_sync_lost_stays_lost, healthy),
        cmocka_unit_test_setup(a_seed_repeats_byte_for_byte, healthy),
    };
    return cmocka_run_group_tests(tests, install, remove_all);
}
