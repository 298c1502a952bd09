/* The web's handle on the record: what cannot be read is said, and is over by itself. */
#include "web/record.h"
#include "traceability/test_store.h"

static void renumber(struct fix *f, int version)
{
    OK(db_set_version(store_db(f->s), version) ? ERR_DB : 0);
}

static void wait_until_asked_again(void)
{
    usleep(1050000);
}

static void a_record_of_another_version_is_left_alone_until_it_is_renewed(void **state)
{
    struct fix *f = *state;
    struct err why = {0};
    struct db *db = NULL;
    int64_t head = 0;
    struct record *r = record_new(f->dir);
    assert_int_equal(record_begin(r, &db, &why), ERR_UNREACHABLE); /* not there yet */
    fix_open(f);
    int64_t version = fix_number(store_db(f->s), "PRAGMA user_version");
    wait_until_asked_again();
    OK(record_begin(r, &db, e));
    record_end(r);
    renumber(f, (int)version + 1); /* under the open handle */
    assert_int_equal(record_begin(r, &db, &why), ERR_UNREACHABLE);
    assert_int_equal(record_head(r, mono_now(), &head, &why), ERR_UNREACHABLE);
    renumber(f, (int)version);
    wait_until_asked_again();
    OK(record_head(r, mono_now(), &head, e));
    assert_int_equal(head, 1);
    record_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIX_TEST(a_record_of_another_version_is_left_alone_until_it_is_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
