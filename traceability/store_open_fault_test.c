/* Opening, committing and reopening the record while the n-th call of SQLite or the n-th allocation
 * fails: one clear error, nothing acknowledged that is not there, and the next try finds a sound
 * record. */
#include "base/json.h"
#include "base/test_nth.h"
#include "traceability/store_inner.h"
#include "traceability/store_version.h"
#include "traceability/test_store.h"
#include "traceability/verify.h"

static void clear_error(const char *what, int n, int rc, bool fired, const struct err *e)
{
    if (rc > 0 || (rc && (!e->text[0] || e->code != rc)))
        fail_msg("%s, failure %d: %d says \"%s\"", what, n, rc, e->text);
    if (rc && !fired)
        fail_msg("%s: %s without a failure", what, e->text);
}

static void is_sound(struct fix *f, int64_t rows)
{
    json_t *report = NULL;
    OK(verify_store(store_db(f->s), NULL, &report, e));
    assert_int_equal(json_integer_value(json_object_get(report, "items")) +
                         json_integer_value(json_object_get(report, "outcomes")) +
                         json_integer_value(json_object_get(report, "unblocked")),
                     rows);
    json_decref(report);
}

/* Opens with a failure, then without. */
static void open_twice(struct fix *f, const char *what, int n)
{
    struct store_options o = fix_options(f);
    struct err why = {0};
    nth_arm();
    int rc = store_open(&o, &f->s, &why);
    clear_error(what, n, rc, nth_fired(), &why);
    if (rc) {
        assert_null(f->s);
        fix_open(f);
    }
}

static void new_store(enum nth_what what)
{
    int turns = 0;
    nth.dense = what == NTH_SQL ? 24 : 5;
    NTH_EVERY(what, n)
    {
        void *fresh = NULL;
        fix_start(&fresh);
        open_twice(fresh, "a new store", n);
        fix_begin(fresh);
        OK(clock_stepped(((struct fix *)fresh)->s, 1000, e));
        fix_commit(fresh);
        is_sound(fresh, 0);
        fix_stop(&fresh);
        turns = n;
    }
    assert_true(turns > 20);
}

static void a_store_that_could_not_be_created_is_created_by_the_next_try(void **state)
{
    (void)state;
    new_store(NTH_SQL);
    new_store(NTH_MEMORY);
}

static void prepare(struct fix *f)
{
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 4);
    fix_commit(f);
}

static void old_store(struct fix *f, enum nth_what what, const char *before)
{
    int turns = 0;
    nth.dense = what == NTH_SQL ? 24 : 5;
    NTH_EVERY(what, n)
    {
        OK(db_exec(store_db(f->s), before, e));
        fix_close(f);
        open_twice(f, before, n);
        assert_int_equal(fix_number(store_db(f->s), "PRAGMA user_version"), STORE_VERSION);
        assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM line"), 1);
        turns = n;
    }
    is_sound(f, 8);
    assert_true(turns > 20);
}

static void a_store_that_could_not_be_opened_is_as_it_was(void **state)
{
    prepare(*state);
    old_store(*state, NTH_SQL, "SELECT 1");
    old_store(*state, NTH_MEMORY, "SELECT 1");
}

/* The rows of an older version are dropped and made anew in one transaction. */
static void projections_that_could_not_be_renewed_are_renewed_by_the_next_try(void **state)
{
    prepare(*state);
    old_store(*state, NTH_SQL, "PRAGMA user_version=1; DELETE FROM line");
    old_store(*state, NTH_MEMORY, "PRAGMA user_version=1; DELETE FROM line");
}

/* What was acknowledged is there; what was not may be there or not, but whole. */
static void commits(struct fix *f, enum nth_what what)
{
    int64_t acked = 4;
    nth.dense = what == NTH_SQL ? 24 : 5;
    NTH_EVERY(what, n)
    {
        struct err why = {0};
        struct item_line_state st;
        fix_begin(f);
        OK(item_line_state(f->s, f->line, &st, e));
        fix_rows(f, st.seq + 1, st.seq + 1);
        OK(item_blocks(f->s, mono_now(), true, e));
        nth_arm();
        int rc = store_commit(f->s, &why);
        clear_error("a commit", n, rc, nth_fired(), &why);
        if (rc == 0)
            acked = st.seq + 1;
        else {
            assert_int_equal(store_begin(f->s, &why), ERR_IO); /* not before it was opened again */
            OK(store_reopen(f->s, e));
        }
        assert_true(fix_number(store_db(f->s), "SELECT count(*) FROM item") >= acked);
        assert_int_equal(store_head(f->s),
                         fix_number(store_db(f->s), "SELECT max(size) FROM checkpoint"));
    }
    is_sound(f, 2 * fix_number(store_db(f->s), "SELECT count(*) FROM item"));
}

static void a_commit_is_acknowledged_with_its_checkpoint_or_not_at_all(void **state)
{
    prepare(*state);
    commits(*state, NTH_SQL);
    commits(*state, NTH_MEMORY);
}

static void reopens(struct fix *f, enum nth_what what)
{
    int turns = 0;
    nth.dense = what == NTH_SQL ? 24 : 5;
    NTH_EVERY(what, n)
    {
        struct err why = {0};
        nth_arm();
        int rc = store_reopen(f->s, &why);
        clear_error("a reopening", n, rc, nth_fired(), &why);
        if (rc) {
            assert_int_equal(store_begin(f->s, &why), ERR_IO);
            OK(store_reopen(f->s, e));
        }
        turns = n;
    }
    assert_true(turns > 20);
    is_sound(f, 8);
}

static void a_record_that_could_not_be_reopened_takes_nothing_until_it_is(void **state)
{
    prepare(*state);
    reopens(*state, NTH_SQL);
    reopens(*state, NTH_MEMORY);
}

static void readers(struct fix *f, enum nth_what what)
{
    int turns = 0;
    NTH_EVERY(what, n)
    {
        struct err why = {0};
        struct db *db = NULL;
        nth_arm();
        int rc = store_open_reader(f->dir, &db, &why);
        clear_error("a reader", n, rc, nth_fired(), &why);
        assert_true(!rc == !!db);
        if (rc)
            assert_int_not_equal(rc, ERR_VERSION); /* what could not be read is no other version */
        db_close(db);
        turns = n;
    }
    assert_true(turns > 3);
}

static void a_reader_that_cannot_read_the_version_does_not_call_it_another(void **state)
{
    prepare(*state);
    readers(*state, NTH_SQL);
    readers(*state, NTH_MEMORY);
}

int main(void)
{
    json_use_malloc(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_could_not_be_created_is_created_by_the_next_try),
        FIX_TEST(a_store_that_could_not_be_opened_is_as_it_was),
        FIX_TEST(projections_that_could_not_be_renewed_are_renewed_by_the_next_try),
        FIX_TEST(a_commit_is_acknowledged_with_its_checkpoint_or_not_at_all),
        FIX_TEST(a_record_that_could_not_be_reopened_takes_nothing_until_it_is),
        FIX_TEST(a_reader_that_cannot_read_the_version_does_not_call_it_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
