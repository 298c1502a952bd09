/* A new key is signed by the old one, and a crash at any moment leaves the right one in use. */
#include "traceability/key.h"
#include "traceability/test_store.h"
#include "traceability/verify.h"
#include <sqlite3.h>
#include <unistd.h>

static json_t *rotate(struct fix *f, const char *request_id)
{
    json_t *ret = NULL;
    OK(fix_command(f, request_id, "key.rotate", NULL, &ret, NULL, e));
    return ret;
}

static void check(struct fix *f, const json_t *answer)
{
    json_t *report = NULL;
    OK(verify_store(store_db(f->s), NULL, &report, e));
    assert_string_equal(json_string_value(json_object_get(report, "public_key")),
                        json_string_value(json_object_get(answer, "public_key")));
    json_decref(report);
}

static const char *next_of(const struct fix *f)
{
    static char path[112];
    snprintf(path, sizeof path, "%s.next", f->key);
    return path;
}

static void rotated(void **state)
{
    struct fix *f = *state;
    uint8_t old[32];
    fix_open(f);
    memcpy(old, store_public_key(f->s), 32);
    for (int i = 0; i < 3; i++) {
        char id[16];
        snprintf(id, sizeof id, "r%d", i);
        fix_begin(f);
        json_t *answer = rotate(f, id);
        assert_memory_equal(store_public_key(f->s), old, 32); /* until it is durable */
        fix_commit(f);
        assert_memory_not_equal(store_public_key(f->s), old, 32);
        memcpy(old, store_public_key(f->s), 32);
        assert_int_not_equal(access(next_of(f), F_OK), 0);
        fix_begin(f);
        OK(clock_stepped(f->s, 5, e));
        fix_commit(f);
        check(f, answer);
        fix_close(f);
        fix_open(f);
        check(f, answer);
        json_decref(answer);
    }
}

/* Rolled back: the old key goes on; the prepared one is used at the next try. */
static void undone(void **state)
{
    struct fix *f = *state;
    uint8_t old[32];
    fix_open(f);
    memcpy(old, store_public_key(f->s), 32);
    fix_begin(f);
    json_decref(rotate(f, "r"));
    store_rollback(f->s);
    fix_begin(f);
    OK(clock_stepped(f->s, 5, e));
    fix_commit(f);
    assert_memory_equal(store_public_key(f->s), old, 32);
    fix_close(f);
    fix_open(f);
    fix_begin(f);
    json_t *answer = NULL;
    struct err e = {0};
    assert_int_equal(fix_command(f, "r", "key.rotate", NULL, &answer, NULL, &e), 0);
    assert_int_equal(e.code, 0); /* what worked says of no error */
    fix_commit(f);
    check(f, answer);
    json_decref(answer);
}

/* Crashed between the commit and the rename. */
static void left_in_next(void **state)
{
    struct fix *f = *state;
    char kept[112];
    snprintf(kept, sizeof kept, "%s.kept", f->key);
    fix_open(f);
    assert_int_equal(link(f->key, kept), 0);
    fix_begin(f);
    json_t *answer = rotate(f, "r");
    fix_commit(f);
    fix_close(f);
    assert_int_equal(rename(f->key, next_of(f)), 0);
    assert_int_equal(rename(kept, f->key), 0);
    fix_open(f);
    check(f, answer);
    assert_int_not_equal(access(next_of(f), F_OK), 0);
    json_decref(answer);
}

static void no_second_at_once(void **state)
{
    struct fix *f = *state;
    json_t *ret = NULL;
    fix_open(f);
    fix_begin(f);
    json_decref(rotate(f, "r1"));
    assert_int_equal(fix_command(f, "r2", "key.rotate", NULL, &ret, NULL, NULL), ERR_STATE);
    fix_commit(f);
}

/* Whoever has the file but not the old key cannot name a key of his own. */
static void forged(void **state)
{
    struct fix *f = *state;
    struct err why = {0};
    json_t *report = NULL;
    fix_open(f);
    json_t *body = json_pack(
        "{s:s,s:s}", "public_key", "4XvGsK5FG6EihoMXEpskl9aEDz5komyd/IonQr5kPcA=", "signature",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==");
    fix_begin(f);
    OK(event_append(f->s, EVENT_KEY_ROTATED, body, NULL, NULL, e));
    json_decref(body);
    assert_int_equal(store_commit(f->s, &why),
                     ERR_CHECK); /* and the store has no such key to sign with */
    OK(store_reopen(f->s, e));
    OK(verify_store(store_db(f->s), NULL, &report, e));
    json_decref(report);
    fix_close(f);
    sqlite3 *h = NULL;
    assert_int_equal(sqlite3_open(f->file, &h), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(h,
                     "UPDATE meta SET value='4XvGsK5FG6EihoMXEpskl9aEDz5komyd/IonQr5kPcA=' WHERE"
                     " key='public_key'",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(h);
    struct store_options o = fix_options(f);
    assert_int_equal(store_open(&o, &f->s, &why), ERR_CHECK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {FIX_TEST(rotated), FIX_TEST(undone), FIX_TEST(left_in_next),
                                       FIX_TEST(no_second_at_once), FIX_TEST(forged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
