/* Opening a database while calls of the system fail: the reason with the path, the lock given back,
 * and the next try goes well. */
#include "base/db.h"
#include "base/test_calls.h"
#include "base/test_tmp.h"
#include <stdarg.h>
#include <setjmp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <cmocka.h>

CALL(int, flock, (int fd, int op), (fd, op))
CALL(int, fchmod, (int fd, mode_t mode), (fd, mode))
CALL(int, fsync, (int fd), (fd))
CALL(int, ftruncate, (int fd, off_t n), (fd, n))

static const char schema[] = "CREATE TABLE a(id INTEGER PRIMARY KEY) STRICT;";

static int open_it(const char *path, struct db **ret, struct err *e)
{
    return db_open_writer(path, schema, 1, ret, NULL, e);
}

static void is_open(struct db *db)
{
    assert_non_null(db);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(q_run(db_q(db, "INSERT INTO a DEFAULT VALUES")), 0);
    assert_int_equal(db_commit(db), 0);
    db_close(db);
}

static void a_call_that_fails_is_told_with_the_path_and_keeps_no_lock(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int why, code;
    } rows[] = {
        {"flock", ENOLCK, ERR_IO},         {"flock", EWOULDBLOCK, ERR_BUSY},
        {"fchmod", EPERM, ERR_DENIED},     {"fchmod", ENOSPC, ERR_DISK_FULL},
        {"fchmod", ENOENT, ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tmp t;
        struct db *db = NULL;
        struct err e = {0};
        tmp_make(&t);
        const char *path = tmp_path(&t, "x.db");
        call_fails(rows[i].name, rows[i].why, 0);
        int rc = open_it(path, &db, &e);
        if (!call_failed() || rc != rows[i].code || !strstr(e.text, path))
            fail_msg("%s: %s gives %s and says \"%s\"", rows[i].name, strerror(rows[i].why),
                     err_name(rc), e.text);
        assert_null(db);
        assert_int_equal(open_it(path, &db, &e), 0);
        is_open(db);
        tmp_remove(&t);
    }
}

static void an_opening_that_could_not_be_synced_is_no_opening(void **state)
{
    (void)state;
    bool fired = true;
    int n = 0;
    for (; fired; n++) {
        struct tmp t;
        struct db *db = NULL;
        struct err e = {0};
        tmp_make(&t);
        const char *path = tmp_path(&t, "x.db");
        call_fails("fsync", EIO, n);
        int rc = open_it(path, &db, &e);
        fired = call_failed();
        if (rc) {
            assert_true(fired);
            assert_true(e.text[0] != 0);
            assert_int_equal(open_it(path, &db, &e), 0);
        }
        is_open(db);
        tmp_remove(&t);
    }
    assert_true(n > 1);
}

static void a_lock_file_that_cannot_name_its_holder_locks_all_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "none\n", "0\n", "-5\n"};
    struct tmp t;
    struct db *db = NULL;
    struct err e = {0};
    char lock[160], path[128];
    tmp_make(&t);
    snprintf(path, sizeof path, "%s", tmp_path(&t, "x.db"));
    snprintf(lock, sizeof lock, "%s.lock", path);
    call_fails("ftruncate", ENOSPC, 0);
    assert_int_equal(open_it(path, &db, &e), 0);
    assert_true(call_failed());
    is_open(db);
    db = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        tmp_write(lock, texts[i], strlen(texts[i]));
        FILE *other = fopen(lock, "re");
        assert_int_equal(flock(fileno(other), LOCK_EX), 0);
        assert_int_equal(open_it(path, &db, &e), ERR_BUSY);
        assert_non_null(strstr(e.text, "is held by another process"));
        assert_null(db);
        fclose(other);
    }
    tmp_remove(&t);
}

static void a_bare_name_stands_in_the_working_directory_and_a_path_has_an_end(void **state)
{
    (void)state;
    struct tmp t;
    struct db *db = NULL;
    struct err e = {0};
    char long_path[5000], old[4096];
    tmp_make(&t);
    assert_non_null(getcwd(old, sizeof old));
    assert_int_equal(chdir(t.dir), 0);
    assert_int_equal(open_it("x.db", &db, &e), 0);
    is_open(db);
    assert_int_equal(chdir(old), 0);
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(open_it(long_path, &db, &e), ERR_TOOBIG);
    tmp_remove(&t);
}

static void storage_that_is_not_known_is_refused(void **state)
{
    (void)state;
    assert_int_equal(db_use_vfs("none-such"), ERR_NOT_FOUND);
    assert_int_equal(db_use_vfs(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_fails_is_told_with_the_path_and_keeps_no_lock),
        cmocka_unit_test(an_opening_that_could_not_be_synced_is_no_opening),
        cmocka_unit_test(a_lock_file_that_cannot_name_its_holder_locks_all_the_same),
        cmocka_unit_test(a_bare_name_stands_in_the_working_directory_and_a_path_has_an_end),
        cmocka_unit_test(storage_that_is_not_known_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
