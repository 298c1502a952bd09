/* A person's row while a statement fails: what was asked for is done whole, or the row is as before
 * and the error says why. A row that was to be erased must not be taken for erased. */
#include "traceability/people.h"
#include "traceability/step.h"
#include "traceability/test_fault.h"
#include "traceability/test_store.h"

static const char *pid_of_all;

static int consent(struct store *s, struct err *e)
{
    return people_consent(s, pid_of_all, "publish-name", e);
}

static int hold(struct store *s, struct err *e)
{
    return people_hold(s, pid_of_all, (struct wall){1}, e);
}

static int erase(struct store *s, struct err *e)
{
    return people_erase(s, pid_of_all, (struct wall){INT64_C(2000000000000)}, e);
}

static int add(struct store *s, struct err *e)
{
    char pid[PEOPLE_PID_SIZE] = "";
    int rc = people_add(s, "worker", "Li", NULL, NULL, pid, e);
    assert_int_equal(pid[0] != 0, rc == 0);
    return rc;
}

static int64_t people_state(struct fix *f)
{
    return fix_number(
        store_people(f->s),
        "SELECT count(*) * 100 + sum(held_until_ms) * 10 + sum(consent <> '') FROM person");
}

static void a_change_of_a_person_is_done_or_refused(void **state)
{
    static int (*const changes[])(struct store *, struct err *) = {add, consent, hold, erase};
    static const int64_t after[] = {200, 201, 211, 100};
    struct fix *f = *state;
    char pid[PEOPLE_PID_SIZE];
    fix_open(f);
    fix_begin(f);
    OK(people_add(f->s, "farmer", "Wang", "1", "w", pid, e));
    pid_of_all = pid;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        fix_commit(f);
        int64_t before = people_state(f);
        for (int n = 0;; n++) {
            struct err why = {0};
            fix_begin(f);
            fault_set(FAULT_STEP, n);
            int rc = changes[i](f->s, &why);
            bool fired = fault_end();
            if (!fired) {
                assert_int_equal(rc, 0);
                break;
            }
            assert_true(step_trouble(rc) && why.code == rc && why.text[0]);
            assert_null(strstr(why.text, "Wang"));
            store_rollback(f->s);
            assert_int_equal(people_state(f), before);
        }
        assert_int_equal(people_state(f), after[i]);
    }
    fix_commit(f);
}

/* A name that cannot be read is no reason to publish it. */
static void a_consent_that_cannot_be_read_is_none(void **state)
{
    struct fix *f = *state;
    char pid[PEOPLE_PID_SIZE];
    fix_open(f);
    fix_begin(f);
    OK(people_add(f->s, "farmer", "Wang", "1", "w", pid, e));
    OK(people_consent(f->s, pid, "publish-name", e));
    assert_true(people_consents(f->s, pid, "publish-name"));
    fault_set(FAULT_STEP, 0);
    assert_false(people_consents(f->s, pid, "publish-name"));
    assert_true(fault_end());
}

static void nobody_is_changed_outside_of_a_turn(void **state)
{
    struct fix *f = *state;
    struct err why = {0};
    char pid[PEOPLE_PID_SIZE];
    fix_open(f);
    fix_begin(f);
    OK(people_add(f->s, "farmer", "Wang", "1", "w", pid, e));
    fix_commit(f);
    assert_int_equal(people_consent(f->s, pid, "publish-name", &why), ERR_STATE);
    assert_int_equal(people_hold(f->s, pid, (struct wall){1}, &why), ERR_STATE);
    assert_int_equal(people_erase(f->s, pid, (struct wall){1}, &why), ERR_STATE);
    assert_int_equal(people_state(f), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIX_TEST(a_change_of_a_person_is_done_or_refused),
        FIX_TEST(a_consent_that_cannot_be_read_is_none),
        FIX_TEST(nobody_is_changed_outside_of_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
