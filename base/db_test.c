/* Statements, transactions, dump: on databases in memory and on files. Opening: db_open_test.c;
 * storage faults: db_fault_test.c. */
#include "base/db.h"
#include "base/test_tmp.h"
#include <signal.h>
#include <stdarg.h>
#include <setjmp.h>
#include <sys/wait.h>
#include <cmocka.h>

static const char schema[] = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, raw BLOB) STRICT;"
                             "CREATE TABLE child(id INTEGER REFERENCES t(id)) STRICT;";

static int open_memory(void **state)
{
    struct db *db = NULL;
    int code = db_open_memory(schema, &db, NULL);
    *state = db;
    return code;
}

static int close_db(void **state)
{
    db_close(*state);
    return 0;
}

static int insert(struct db *db, int64_t id)
{
    return q_run(q_int(db_q(db, "INSERT INTO t(id) VALUES(?)"), 1, id));
}

static int64_t count(struct db *db)
{
    struct stmt *q = db_q(db, "SELECT count(*) FROM t");
    assert_int_equal(q_one(q), 1);
    int64_t n = q_col(q, 0);
    q_done(q);
    return n;
}

static void what_is_bound_comes_back(void **state)
{
    struct db *db = *state;
    const unsigned char blob[] = {0, 1, 0xff, 0};
    struct stmt *q = db_q(db, "INSERT INTO t VALUES(?,?,?)");
    assert_int_equal(q_run(q_blob(q_text(q_int(q, 1, INT64_MIN), 2, "党参"), 3, blob, sizeof blob)),
                     0);
    assert_int_equal(db_changes(db), 1);
    assert_true(db_last_rowid(db) == INT64_MIN);
    q = db_q(db, "SELECT id, name, raw FROM t");
    assert_int_equal(q_step(q), 1);
    size_t n = 0;
    assert_true(q_col(q, 0) == INT64_MIN);
    assert_string_equal(q_str(q, 1), "党参");
    assert_memory_equal(q_bytes(q, 2, &n), blob, sizeof blob);
    assert_int_equal(n, sizeof blob);
    assert_int_equal(q_step(q), 0);
}

static void null_and_empty_are_told_apart(void **state)
{
    struct db *db = *state;
    size_t n = 7;
    struct stmt *q = db_q(db, "INSERT INTO t VALUES(?,?,?)");
    assert_int_equal(q_run(q_blob(q_text(q_int(q, 1, 1), 2, NULL), 3, NULL, 0)), 0);
    q = db_q(db, "INSERT INTO t VALUES(?,?,?)");
    assert_int_equal(q_run(q_blob(q_text(q_int(q, 1, 2), 2, ""), 3, "", 0)), 0);
    q = db_q(db, "SELECT name, raw FROM t ORDER BY id");
    assert_int_equal(q_step(q), 1);
    assert_true(q_is_null(q, 0) && q_is_null(q, 1));
    assert_string_equal(q_str(q, 0), "");
    q_bytes(q, 1, &n);
    assert_int_equal(n, 0);
    assert_int_equal(q_step(q), 1);
    assert_false(q_is_null(q, 0) || q_is_null(q, 1));
}

static void a_statement_is_prepared_once_and_comes_back_clean(void **state)
{
    struct db *db = *state;
    char same[64];
    strcpy(same, "INSERT INTO t VALUES(?,?,NULL)");
    struct stmt *q = db_q(db, "INSERT INTO t VALUES(?,?,NULL)");
    q_text(q_int(q, 1, 1), 2, "old");
    assert_ptr_equal(db_q(db, same), q); /* by its text, not by its address */
    assert_int_equal(q_run(q_int(q, 1, 1)), 0);
    strcpy(same, "SELECT name FROM t");
    q = db_q(db, same);
    assert_int_equal(q_one(q), 1);
    assert_true(q_is_null(q, 0)); /* "old" did not stay */
}

static void the_first_error_stays_until_the_statement_is_taken_again(void **state)
{
    struct db *db = *state;
    struct stmt *q = db_q(db, "INSERT INTO t(id) VALUES(?)");
    q_int(q_int(q, 9, 1), 1, 1); /* there is no ninth parameter */
    assert_int_equal(q_run(q), ERR_DB);
    assert_int_equal(q_run(q), ERR_DB);
    assert_int_equal(count(db), 0);
    assert_int_equal(insert(db, 1), 0);
}

static void wrong_sql_gives_a_statement_that_fails(void **state)
{
    struct db *db = *state;
    struct stmt *q = db_q(db, "SELECT x FROM nowhere");
    assert_non_null(q);
    assert_int_equal(q_step(q_text(q_int(q, 1, 1), 2, "x")), ERR_DB);
    assert_int_equal(q_col(q, 0), 0);
    assert_string_equal(q_str(q, 0), "");
    assert_non_null(strstr(db_message(db), "nowhere"));
    assert_int_equal(db_exec(db, "CREATE TABLE nowhere(x)", NULL), 0);
    assert_int_equal(q_step(db_q(db, "SELECT x FROM nowhere")), 0); /* tried again */
    assert_int_equal(q_step(db_q(db, "")), ERR_DB);
}

static void no_row_is_an_error_only_for_q_one(void **state)
{
    struct db *db = *state;
    struct stmt *q = db_q(db, "SELECT id FROM t WHERE id=?");
    assert_int_equal(q_one(q_int(q, 1, 5)), ERR_NOT_FOUND);
    assert_int_equal(q_step(q), 0);
    assert_int_equal(q_run(q), 0);
    assert_int_equal(insert(db, 5), 0);
    assert_int_equal(q_one(q_int(q, 1, 5)), 1);
    assert_int_equal(q_run(q_int(db_q(db, "SELECT id FROM t WHERE id=?"), 1, 5)), 0);
}

static void constraints_hold_and_a_violation_spares_the_transaction(void **state)
{
    struct db *db = *state;
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(insert(db, 1), 0);
    assert_int_equal(insert(db, 1), ERR_DB);
    assert_int_equal(q_run(db_q(db, "INSERT INTO child VALUES(77)")), ERR_DB); /* foreign_keys=ON */
    assert_int_equal(q_run(db_q(db, "INSERT INTO t VALUES('x',1,2)")), ERR_DB); /* STRICT */
    assert_int_equal(insert(db, 2), 0);
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(count(db), 2);
}

static void a_rollback_leaves_nothing_and_is_harmless_outside(void **state)
{
    struct db *db = *state;
    db_rollback(db);
    assert_int_equal(db_begin(db), 0);
    assert_true(db_in_tx(db));
    assert_int_equal(insert(db, 1), 0);
    db_rollback(db);
    assert_false(db_in_tx(db));
    assert_int_equal(count(db), 0);
    assert_int_equal(db_commit(db), ERR_STATE);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(db_begin(db), ERR_STATE);
    assert_int_equal(db_commit(db), 0);
}

static void a_savepoint_undoes_itself_only(void **state)
{
    struct db *db = *state;
    assert_int_equal(db_savepoint(db), ERR_STATE);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(insert(db, 1), 0);
    assert_int_equal(db_savepoint(db), 0);
    assert_int_equal(insert(db, 2), 0);
    assert_int_equal(db_savepoint(db), 0);
    assert_int_equal(insert(db, 3), 0);
    db_undo(db); /* 3 */
    assert_int_equal(db_release(db), 0);
    assert_int_equal(db_savepoint(db), 0);
    assert_int_equal(insert(db, 4), 0);
    db_undo(db); /* 4 */
    db_undo(db); /* nothing is open: harmless */
    assert_int_equal(db_release(db), ERR_STATE);
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(count(db), 2);
}

static void a_read_that_a_commit_cuts_off_does_not_start_again(void **state)
{
    struct db *db = *state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(insert(db, i), 0);
    struct stmt *q = db_q(db, "SELECT id FROM t");
    assert_int_equal(q_step(q), 1);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(q_step(q), ERR_STATE);
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(q_step(db_q(db, "SELECT id FROM t")), 1);
}

static void reading_a_column_without_a_row_is_asserted(void **state)
{
    struct db *db = *state;
    struct stmt *q = db_q(db, "SELECT id FROM t");
    assert_int_equal(q_step(q), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        (void)!freopen("/dev/null", "w", stderr);
        q_col(q, 0);
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
}

static void an_error_of_exec_names_the_file_and_sqlites_reason(void **state)
{
    struct err e = {0};
    assert_int_equal(db_exec(*state, "SELECT 1; SELEC 2", &e), ERR_DB);
    assert_non_null(strstr(e.text, ":memory:"));
    assert_non_null(strstr(e.text, "SELEC"));
    assert_string_equal(db_path(*state), ":memory:");
}

static void a_random_mix_matches_a_model(void **state)
{
    struct db *db = *state;
    uint64_t seed = seed_print(__func__);
    bool kept[64] = {0}, open[64], mark[64]; /* committed, in the transaction, at the savepoint */
    for (int turn = 0; turn < 400; turn++) {
        memcpy(open, kept, sizeof open);
        assert_int_equal(db_begin(db), 0);
        for (int step = 0; step < 10; step++) {
            int id = (int)(seed_next(&seed) % 64);
            bool save = seed_next(&seed) % 2;
            memcpy(mark, open, sizeof mark);
            if (save)
                assert_int_equal(db_savepoint(db), 0);
            assert_int_equal(insert(db, id), open[id] ? ERR_DB : 0);
            open[id] = true;
            if (save && seed_next(&seed) % 2) {
                db_undo(db);
                memcpy(open, mark, sizeof open);
            } else if (save) {
                assert_int_equal(db_release(db), 0);
            }
        }
        if (seed_next(&seed) % 2) {
            db_rollback(db);
        } else {
            assert_int_equal(db_commit(db), 0);
            memcpy(kept, open, sizeof kept);
        }
        int64_t n = 0;
        for (int i = 0; i < 64; i++)
            n += kept[i];
        assert_true(count(db) == n);
        if (n > 48) {
            assert_int_equal(q_run(db_q(db, "DELETE FROM t")), 0);
            memset(kept, 0, sizeof kept);
        }
    }
}

static void collect(void *ctx, const char *line)
{
    strcat(ctx, line);
    strcat(ctx, "\n");
}

static void a_dump_is_ordered_and_tells_types_apart(void **state)
{
    struct db *db = *state;
    char text[1000] = "";
    assert_int_equal(
        db_exec(db,
                "INSERT INTO t VALUES(2,'it''s',x'00ff'),(1,NULL,NULL),(3,'3',x'33');"
                "CREATE TABLE any(v ANY) STRICT; INSERT INTO any VALUES('1'),(1),(x'31')",
                NULL),
        0);
    assert_int_equal(db_dump(db, "t,child,any", collect, text, NULL), 0);
    assert_string_equal(text, "t|1|NULL|NULL\nt|2|'it''s'|X'00FF'\nt|3|'3'|X'33'\n"
                              "any|1\nany|'1'\nany|X'31'\n");
}

static void a_dump_of_no_table_is_refused(void **state)
{
    char text[100] = "";
    struct err e = {0};
    assert_int_equal(db_dump(*state, "nowhere", collect, text, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "nowhere"));
    assert_int_equal(db_dump(*state, "t;DROP TABLE t", collect, text, &e), ERR_USAGE);
    assert_int_equal(db_dump(*state, "t,,child", collect, text, &e), ERR_USAGE);
    assert_string_equal(text, "");
}

int main(void)
{
#define WITH_DB(t) cmocka_unit_test_setup_teardown(t, open_memory, close_db)
    const struct CMUnitTest tests[] = {
        WITH_DB(what_is_bound_comes_back),
        WITH_DB(null_and_empty_are_told_apart),
        WITH_DB(a_statement_is_prepared_once_and_comes_back_clean),
        WITH_DB(the_first_error_stays_until_the_statement_is_taken_again),
        WITH_DB(wrong_sql_gives_a_statement_that_fails),
        WITH_DB(no_row_is_an_error_only_for_q_one),
        WITH_DB(constraints_hold_and_a_violation_spares_the_transaction),
        WITH_DB(a_rollback_leaves_nothing_and_is_harmless_outside),
        WITH_DB(a_savepoint_undoes_itself_only),
        WITH_DB(a_read_that_a_commit_cuts_off_does_not_start_again),
        WITH_DB(reading_a_column_without_a_row_is_asserted),
        WITH_DB(an_error_of_exec_names_the_file_and_sqlites_reason),
        WITH_DB(a_random_mix_matches_a_model),
        WITH_DB(a_dump_is_ordered_and_tells_types_apart),
        WITH_DB(a_dump_of_no_table_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
