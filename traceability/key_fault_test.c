/* A rotation of the key while its files cannot be written or moved: the key that the record names
 * is always at hand, and nothing is signed by one that could be lost. */
#include "base/test_calls.h"
#include "traceability/key.h"
#include "traceability/test_store.h"
#include "traceability/verify.h"
#include <sys/stat.h>

CALL(int, rename, (const char *from, const char *to), (from, to))
CALL(int, link, (const char *from, const char *to), (from, to))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode))

static int rotate(struct fix *f, const char *request_id, struct err *e)
{
    json_t *ret = NULL;
    int rc = fix_command(f, request_id, "key.rotate", NULL, &ret, NULL, e);
    json_decref(ret);
    return rc;
}

static void goes_on(struct fix *f, const uint8_t key[32])
{
    json_t *report = NULL;
    fix_begin(f);
    OK(clock_stepped(f->s, 5, e));
    fix_commit(f);
    assert_memory_equal(store_public_key(f->s), key, 32);
    OK(verify_store(store_db(f->s), NULL, &report, e));
    json_decref(report);
}

static void a_new_key_whose_file_cannot_be_moved_signs_all_the_same(void **state)
{
    struct fix *f = *state;
    uint8_t old[32], key[32];
    fix_open(f);
    memcpy(old, store_public_key(f->s), 32);
    fix_begin(f);
    OK(rotate(f, "r1", e));
    call_fails("rename", EIO, 0);
    fix_commit(f);
    assert_true(call_failed());
    memcpy(key, store_public_key(f->s), 32);
    assert_memory_not_equal(old, key, 32);
    goes_on(f, key);
    fix_close(f);
    call_fails("rename", EIO, 0); /* still not, at the next opening */
    fix_open(f);
    assert_true(call_failed());
    goes_on(f, key);
    fix_close(f);
    fix_open(f); /* and then it is */
    goes_on(f, key);
}

static void a_key_that_cannot_be_stored_is_not_named(void **state)
{
    struct fix *f = *state;
    struct err why = {0};
    uint8_t old[32];
    fix_open(f);
    memcpy(old, store_public_key(f->s), 32);
    fix_begin(f);
    call_fails("link", EIO, 0);
    assert_int_equal(rotate(f, "r1", &why), ERR_STATE);
    assert_true(call_failed());
    assert_non_null(strstr(why.text, "a new key cannot be stored beside"));
    fix_commit(f);
    goes_on(f, old);
    fix_begin(f);
    OK(rotate(f, "r2", e));
    fix_commit(f);
    assert_memory_not_equal(store_public_key(f->s), old, 32);
}

static void a_statement_that_does_not_fit_is_none(void **state)
{
    (void)state;
    char buf[64];
    assert_int_equal(key_statement("o", "k", buf, sizeof buf), 0);
    assert_string_equal(buf, "lotline key rotation\no\nk\n");
    assert_int_equal(key_statement("o", "k", buf, strlen("lotline key rotation\no\nk\n")),
                     ERR_TOOBIG);
}

static void a_folder_that_cannot_be_made_is_told(void **state)
{
    struct fix *f = *state;
    static const struct {
        int why, code;
    } rows[] = {{EACCES, ERR_DENIED}, {ENOSPC, ERR_IO}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct store_options o = fix_options(f);
        struct err why = {0};
        call_fails("mkdir", rows[i].why, 0);
        assert_int_equal(store_open(&o, &f->s, &why), rows[i].code);
        assert_true(call_failed());
        assert_non_null(strstr(why.text, f->dir));
        assert_null(f->s);
    }
    fix_open(f);
}

static void options_that_name_no_record_are_refused(void **state)
{
    struct fix *f = *state;
    static char far_away[4200];
    memset(far_away, 'd', sizeof far_away - 1);
    const struct {
        const char *site, *says;
        char station;
    } rows[] = {
        {"", "1 to 16 of a-z", 'A'},           {"min county", "1 to 16 of a-z", 'A'},
        {"abcdefghijklmnopq", "1 to 16", 'A'}, {"min", "a letter A to Z", 'a'},
        {"min", "a letter A to Z", '1'},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct store_options o = fix_options(f);
        struct err why = {0};
        o.site = rows[i].site;
        o.station = rows[i].station;
        assert_int_equal(store_open(&o, &f->s, &why), ERR_RANGE);
        assert_non_null(strstr(why.text, rows[i].says));
    }
    struct err why = {0};
    struct db *db = NULL;
    assert_int_equal(store_open_reader(far_away, &db, &why), ERR_TOOBIG);
    assert_null(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIX_TEST(a_new_key_whose_file_cannot_be_moved_signs_all_the_same),
        FIX_TEST(a_key_that_cannot_be_stored_is_not_named),
        cmocka_unit_test(a_statement_that_does_not_fit_is_none),
        FIX_TEST(a_folder_that_cannot_be_made_is_told),
        FIX_TEST(options_that_name_no_record_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
