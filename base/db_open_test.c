/* Opening: the order, the lock, modes, versions, readers, and a writer killed at any moment. */
#include "base/db.h"
#include "base/test_tmp.h"
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

static const char schema[] = "CREATE TABLE t(id INTEGER PRIMARY KEY) STRICT";

struct fix {
    struct tmp tmp;
    char path[128];
};

static int start(void **state)
{
    struct fix *f = calloc(1, sizeof *f);
    tmp_make(&f->tmp);
    strcpy(f->path, tmp_path(&f->tmp, "store.db"));
    *state = f;
    return 0;
}

static int stop(void **state)
{
    struct fix *f = *state;
    tmp_remove(&f->tmp);
    free(f);
    return 0;
}

static struct db *writer_of(const struct fix *f)
{
    struct db *db = NULL;
    struct err e = {0};
    if (db_open_writer(f->path, schema, 1, &db, NULL, &e))
        fail_msg("%s", e.text);
    return db;
}

static struct db *reader_of(const struct fix *f)
{
    struct db *db = NULL;
    struct err e = {0};
    if (db_open_reader(f->path, &db, &e))
        fail_msg("%s", e.text);
    return db;
}

static int insert(struct db *db, int64_t id)
{
    return q_run(q_int(db_q(db, "INSERT INTO t(id) VALUES(?)"), 1, id));
}

static int64_t number(struct db *db, const char *sql)
{
    struct stmt *q = db_q(db, sql);
    if (q_one(q) != 1)
        fail_msg("%s: %s", sql, db_message(db));
    int64_t n = q_col(q, 0);
    q_done(q);
    return n;
}

static void a_new_file_has_the_settings_of_the_design(void **state)
{
    struct db *db = writer_of(*state);
    assert_int_equal(number(db, "PRAGMA page_size"), 1024);
    assert_int_equal(number(db, "PRAGMA synchronous"), 2); /* FULL */
    assert_int_equal(number(db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(number(db, "PRAGMA trusted_schema"), 0);
    assert_int_equal(number(db, "PRAGMA cell_size_check"), 1);
    assert_int_equal(number(db, "PRAGMA wal_autocheckpoint"), 4000);
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    struct stmt *q = db_q(db, "PRAGMA journal_mode");
    assert_int_equal(q_one(q), 1);
    assert_string_equal(q_str(q, 0), "wal");
    db_close(db);
}

static void files_are_for_owner_and_group_whatever_the_umask(void **state)
{
    struct fix *f = *state;
    static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm",
                                        "store.db.lock"};
    static const mode_t wanted[] = {0640, 0640, 0640, 0600};
    mode_t old = umask(0077);
    struct db *db = writer_of(f);
    umask(old);
    assert_int_equal(insert(db, 1), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct stat st;
        assert_int_equal(stat(tmp_path(&f->tmp, files[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, wanted[i]);
    }
    db_close(db);
}

static void a_second_writer_is_told_who_holds_the_file(void **state)
{
    struct fix *f = *state;
    struct db *db = writer_of(f), *second = NULL;
    struct err e = {0};
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_int_equal(db_open_writer(f->path, schema, 1, &second, NULL, &e), ERR_BUSY);
    assert_null(second);
    assert_non_null(strstr(e.text, f->path));
    assert_non_null(strstr(e.text, pid));
    db_close(db);
    db_close(writer_of(f));
}

static void an_older_file_says_its_version_and_a_newer_is_refused(void **state)
{
    struct fix *f = *state;
    struct db *db = NULL;
    struct err e = {0};
    int old = -1;
    assert_int_equal(db_open_writer(f->path, schema, 3, &db, &old, &e), 0);
    assert_int_equal(old, 3);
    db_close(db);
    assert_int_equal(db_open_writer(f->path, schema, 5, &db, &old, &e), 0);
    assert_int_equal(old, 3);
    assert_int_equal(db_set_version(db, 5), 0);
    db_close(db);
    db = NULL;
    assert_int_equal(db_open_writer(f->path, schema, 4, &db, &old, &e), ERR_VERSION);
    assert_null(db);
    assert_non_null(strstr(e.text, "has version 5, this program knows 4: a newer program wrote it, "
                                   "install that one again"));
}

/* A writer that dies leaves rows in the log that are not in the file yet. */
static void die_with_a_log(const struct fix *f)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct db *db = NULL;
        if (db_open_writer(f->path, schema, 5, &db, NULL, NULL))
            _exit(1);
        for (int i = 0; i < 20; i++)
            if (insert(db, i))
                _exit(2);
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_int_equal(how, 0);
}

static size_t bytes_of(const char *path, char *ret, size_t max)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t n = fread(ret, 1, max, file);
    fclose(file);
    assert_true(n > 0 && n < max);
    return n;
}

static int want_less_rows(struct db *db, struct err *e)
{
    return number(db, "SELECT count(*) FROM t") > 10 ? err_set(e, ERR_VERSION, "too many rows") : 0;
}

/* Whoever is refused has changed nothing: not even the log is folded into the file. */
static void a_refused_file_keeps_every_byte(void **state)
{
    static const char *const files[] = {"store.db", "store.db-wal"};
    enum { MAX = 1 << 18 };
    struct fix *f = *state;
    struct db *db = NULL;
    struct err e = {0};
    char *before[2] = {malloc(MAX), malloc(MAX)}, *after = malloc(MAX);
    size_t n[2];
    die_with_a_log(f);
    for (int i = 0; i < 2; i++)
        n[i] = bytes_of(tmp_path(&f->tmp, files[i]), before[i], MAX);
    assert_int_equal(db_open_writer(f->path, schema, 4, &db, NULL, &e), ERR_VERSION);
    assert_int_equal(db_open_checked(f->path, schema, 5, want_less_rows, &db, NULL, &e),
                     ERR_VERSION);
    assert_string_equal(e.text, "too many rows");
    assert_int_equal(db_open_checked(f->path, schema, 6, want_less_rows, &db, NULL, &e),
                     ERR_VERSION);
    assert_null(db);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bytes_of(tmp_path(&f->tmp, files[i]), after, MAX), n[i]);
        assert_memory_equal(before[i], after, n[i]);
        free(before[i]);
    }
    free(after);
    assert_int_equal(db_open_writer(f->path, schema, 5, &db, NULL, &e), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 20);
    db_close(db);
}

static void a_new_file_is_not_asked_about(void **state)
{
    struct fix *f = *state;
    struct db *db = NULL;
    assert_int_equal(db_open_checked(f->path, schema, 5, want_less_rows, &db, NULL, NULL), 0);
    assert_int_equal(insert(db, 1), 0);
    db_close(db);
    assert_int_equal(db_open_checked(f->path, schema, 5, want_less_rows, &db, NULL, NULL), 0);
    db_close(db);
}

static void a_broken_schema_leaves_a_file_that_can_be_created_again(void **state)
{
    struct fix *f = *state;
    struct db *db = NULL;
    struct err e = {0};
    assert_int_equal(
        db_open_writer(f->path, "CREATE TABLE a(x); CREATE TABL b(y)", 1, &db, NULL, &e), ERR_DB);
    assert_null(db);
    db = writer_of(f);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema"), 1);
    db_close(db);
}

static void what_is_no_database_is_refused_and_left_as_it_was(void **state)
{
    struct fix *f = *state;
    struct db *db = NULL;
    struct err e = {0};
    char junk[4096], back[4096];
    memset(junk, 'j', sizeof junk);
    tmp_write(f->path, junk, sizeof junk);
    assert_int_equal(db_open_writer(f->path, schema, 1, &db, NULL, &e), ERR_DB);
    assert_non_null(strstr(e.text, "not a database"));
    assert_int_equal(db_open_reader(f->path, &db, &e), ERR_DB);
    assert_null(db);
    FILE *file = fopen(f->path, "re");
    assert_int_equal(fread(back, 1, sizeof back, file), sizeof back);
    fclose(file);
    assert_memory_equal(junk, back, sizeof junk);
}

static void a_place_that_is_not_there_is_told(void **state)
{
    struct fix *f = *state;
    struct db *db = NULL;
    struct err e = {0};
    assert_int_equal(db_open_reader(f->path, &db, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, f->path));
    assert_int_equal(access(f->path, F_OK), -1); /* a reader creates nothing */
    assert_int_equal(db_open_writer("/nonexistent/store.db", schema, 1, &db, NULL, &e),
                     ERR_NOT_FOUND);
    assert_null(db);
    assert_int_equal(db_use_vfs("no such vfs"), ERR_NOT_FOUND);
    db_close(NULL);
}

static void a_reader_cannot_write(void **state)
{
    struct db *db = writer_of(*state), *reader = reader_of(*state);
    assert_int_equal(insert(reader, 1), ERR_DB);
    assert_int_equal(db_exec(reader, "DROP TABLE t", NULL), ERR_DB);
    assert_int_equal(db_begin(reader), 0);
    assert_int_equal(insert(reader, 1), ERR_DB);
    db_rollback(reader);
    assert_int_equal(insert(db, 1), 0); /* and hinders no writer */
    db_close(reader);
    db_close(db);
}

static void a_readers_transaction_is_one_snapshot(void **state)
{
    static const char sql[] = "SELECT count(*) FROM t";
    struct db *db = writer_of(*state), *reader = reader_of(*state);
    assert_int_equal(db_begin(reader), 0);
    assert_int_equal(number(reader, sql), 0);
    assert_int_equal(insert(db, 1), 0);
    assert_int_equal(number(reader, sql), 0);
    assert_int_equal(db_commit(reader), 0);
    assert_int_equal(number(reader, sql), 1);
    db_close(reader);
    db_close(db);
}

static void a_row_left_open_pins_no_snapshot_past_a_begin(void **state)
{
    struct db *db = writer_of(*state), *reader = reader_of(*state);
    assert_int_equal(insert(db, 1), 0);
    assert_int_equal(q_one(db_q(reader, "SELECT id FROM t")), 1); /* never finished */
    assert_int_equal(insert(db, 2), 0);
    assert_int_equal(db_begin(reader), 0);
    assert_int_equal(number(reader, "SELECT count(*) FROM t"), 2);
    assert_int_equal(db_commit(reader), 0);
    assert_int_equal(q_one(db_q(db, "SELECT id FROM t")), 1); /* the writer's own, too */
    assert_int_equal(db_checkpoint(db, true), 0);
    db_close(reader);
    db_close(db);
}

static void a_truncating_checkpoint_empties_the_wal(void **state)
{
    struct fix *f = *state;
    struct db *db = writer_of(f);
    struct stat st;
    for (int i = 0; i < 100; i++)
        assert_int_equal(insert(db, i), 0);
    assert_int_equal(stat(tmp_path(&f->tmp, "store.db-wal"), &st), 0);
    assert_true(st.st_size > 0);
    assert_int_equal(db_checkpoint(db, false), 0);
    assert_int_equal(db_checkpoint(db, true), 0);
    assert_int_equal(stat(tmp_path(&f->tmp, "store.db-wal"), &st), 0);
    assert_int_equal(st.st_size, 0);
    db_close(db);
}

/* The count that a process without any right to write sees; -1 when it cannot open. */
static int64_t count_as_nobody(const struct fix *f)
{
    int pipe_fd[2];
    int64_t n = -1;
    assert_int_equal(pipe(pipe_fd), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct db *db = NULL;
        if (setgroups(0, NULL) == 0 && setresgid(65534, 65534, 65534) == 0 &&
            setresuid(65534, 65534, 65534) == 0 && db_open_reader(f->path, &db, NULL) == 0)
            n = number(db, "SELECT count(*) FROM t");
        (void)!write(pipe_fd[1], &n, sizeof n);
        _exit(0);
    }
    close(pipe_fd[1]);
    assert_int_equal(read(pipe_fd[0], &n, sizeof n), sizeof n);
    close(pipe_fd[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return n;
}

static void a_reader_of_the_group_opens_beside_the_writer_and_after_its_stop(void **state)
{
    struct fix *f = *state;
    static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm"};
    if (geteuid() != 0)
        skip(); /* only root can become another user */
    struct db *db = writer_of(f);
    assert_int_equal(insert(db, 1), 0);
    assert_int_equal(chown(f->tmp.dir, 0, 65534) || chmod(f->tmp.dir, 0750), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(chown(tmp_path(&f->tmp, files[i]), 0, 65534), 0);
    assert_int_equal(count_as_nobody(f), 1);
    assert_int_equal(insert(db, 2), 0);
    assert_int_equal(count_as_nobody(f), 2);
    db_close(db);
    assert_int_equal(access(tmp_path(&f->tmp, "store.db-wal"), F_OK), 0);
    assert_int_equal(access(tmp_path(&f->tmp, "store.db-shm"), F_OK), 0);
    assert_int_equal(count_as_nobody(f), 2);
}

/* Commits next, next+1, …, telling each over the pipe only after its commit. */
static void commit_until_killed(const struct fix *f, int fd)
{
    struct db *db = NULL;
    if (db_open_writer(f->path, schema, 1, &db, NULL, NULL))
        _exit(1);
    for (int64_t id = number(db, "SELECT count(*) FROM t");; id++) {
        if (db_begin(db) || insert(db, id) || db_commit(db))
            _exit(2);
        (void)!write(fd, &id, sizeof id);
    }
}

static int64_t kill_a_writer(const struct fix *f, unsigned after_us)
{
    int pipe_fd[2], how = 0;
    int64_t id, last = -1;
    assert_int_equal(pipe(pipe_fd), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        commit_until_killed(f, pipe_fd[1]);
    close(pipe_fd[1]);
    usleep(after_us);
    kill(pid, SIGKILL);
    waitpid(pid, &how, 0);
    assert_true(WIFSIGNALED(how));
    while (read(pipe_fd[0], &id, sizeof id) == (ssize_t)sizeof id)
        last = id;
    close(pipe_fd[0]);
    return last;
}

static void what_was_committed_survives_a_kill_at_any_moment(void **state)
{
    struct fix *f = *state;
    uint64_t seed = seed_print(__func__);
    int64_t told = -1;
    for (int round = 0; round < 30; round++) {
        int64_t last = kill_a_writer(f, (unsigned)(seed_next(&seed) % 30000));
        told = last > told ? last : told;
        struct db *db = writer_of(f); /* the lock went with the process */
        int64_t n = number(db, "SELECT count(*) FROM t");
        assert_true(n == 0 ? told < 0 : number(db, "SELECT max(id) FROM t") == n - 1);
        assert_true(n - 1 >= told);
        assert_true(n - 1 <= told + 1); /* at most the one that was not told any more */
        struct stmt *q = db_q(db, "PRAGMA integrity_check");
        assert_int_equal(q_one(q), 1);
        assert_string_equal(q_str(q, 0), "ok");
        told = n - 1;
        db_close(db);
    }
}

int main(void)
{
#define ON_DISK(t) cmocka_unit_test_setup_teardown(t, start, stop)
    const struct CMUnitTest tests[] = {
        ON_DISK(a_new_file_has_the_settings_of_the_design),
        ON_DISK(files_are_for_owner_and_group_whatever_the_umask),
        ON_DISK(a_second_writer_is_told_who_holds_the_file),
        ON_DISK(an_older_file_says_its_version_and_a_newer_is_refused),
        ON_DISK(a_refused_file_keeps_every_byte),
        ON_DISK(a_new_file_is_not_asked_about),
        ON_DISK(a_broken_schema_leaves_a_file_that_can_be_created_again),
        ON_DISK(what_is_no_database_is_refused_and_left_as_it_was),
        ON_DISK(a_place_that_is_not_there_is_told),
        ON_DISK(a_reader_cannot_write),
        ON_DISK(a_readers_transaction_is_one_snapshot),
        ON_DISK(a_row_left_open_pins_no_snapshot_past_a_begin),
        ON_DISK(a_truncating_checkpoint_empties_the_wal),
        ON_DISK(a_reader_of_the_group_opens_beside_the_writer_and_after_its_stop),
        ON_DISK(what_was_committed_survives_a_kill_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
