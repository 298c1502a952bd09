/* Commands: roles, once each, refusals that leave nothing, trouble that is no answer. */
#include "traceability/test_store.h"
#include "traceability/people.h"

static json_t *buyer(const char *id)
{
    return json_pack("{s:s}", "buyer", id);
}

static int64_t events(struct fix *f)
{
    return fix_number(store_db(f->s), "SELECT count(*) FROM event");
}

static void first_answer_again(void **state)
{
    struct fix *f = *state;
    json_t *a = NULL, *b = NULL;
    bool repeat = true;
    fix_open(f);
    fix_begin(f);
    OK(fix_command(f, "r-1", "buyer.register", buyer("market"), &a, &repeat, e));
    assert_false(repeat);
    int64_t n = events(f);
    OK(fix_command(f, "r-1", "buyer.register", buyer("market"), &b, &repeat, e));
    assert_true(repeat && json_equal(a, b));
    json_decref(b);
    fix_commit(f);
    fix_close(f);
    fix_open(f); /* any time later, whatever the arguments say now */
    fix_begin(f);
    OK(fix_command(f, "r-1", "buyer.register", buyer("other"), &b, &repeat, e));
    assert_true(repeat && json_equal(a, b));
    assert_int_equal(events(f), n);
    json_decref(a);
    json_decref(b);
}

static void refusal_is_an_answer(void **state)
{
    struct fix *f = *state;
    struct err first, second;
    json_t *ret = NULL;
    bool repeat;
    fix_open(f);
    fix_begin(f);
    OK(fix_command(f, "r-1", "buyer.register", buyer("market"), &ret, NULL, e));
    json_decref(ret);
    ret = NULL;
    assert_int_equal(
        fix_command(f, "r-2", "buyer.register", buyer("market"), &ret, &repeat, &first),
        ERR_EXISTS);
    assert_false(repeat);
    assert_int_equal(fix_command(f, "r-2", "buyer.register", buyer("new"), &ret, &repeat, &second),
                     ERR_EXISTS);
    assert_true(repeat);
    assert_string_equal(first.text, second.text);
    assert_int_equal(second.code, ERR_EXISTS);
    assert_int_equal(fix_command(f, "r-2", "store.restored", NULL, &ret, &repeat, &second),
                     ERR_EXISTS);
    assert_non_null(strstr(second.text, "buyer.register")); /* the id belongs to another command */
    assert_int_equal(fix_command(f, "r-3", "buyer.register", buyer("No!"), &ret, NULL, NULL),
                     ERR_RANGE);
    assert_int_equal(fix_command(f, "r-3", "buyer.register", buyer("yes"), &ret, &repeat, NULL),
                     ERR_RANGE);
    assert_true(repeat); /* kept although the first caller had no slot for its text */
    assert_null(ret);
    fix_commit(f);
}

/* store.restored writes its own event, then one per buyer; a buyer whose event is denied undoes
 * all. */
static void refused_after_writing(void **state)
{
    struct fix *f = *state;
    char pid[PEOPLE_PID_SIZE], id[33];
    json_t *ret = NULL;
    struct err why;
    fix_open(f);
    strcpy(id, store_id(f->s));
    fix_begin(f);
    OK(people_add(f->s, "farmer", "Wang", NULL, NULL, pid, e));
    struct stmt *q = db_q(store_db(f->s), "INSERT INTO buyer VALUES(?,1,0,1)");
    assert_int_equal(q_run(q_text(q, 1, pid)), 0);
    int64_t n = events(f);
    assert_int_equal(fix_command(f, "r-1", "store.restored", NULL, &ret, NULL, &why), ERR_DENIED);
    assert_int_equal(events(f), n);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM node"), 0);
    assert_int_equal(
        fix_number(store_db(f->s), "SELECT value='1' FROM meta WHERE key='generation'"), 1);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM command_log"), 1);
    fix_commit(f);
    assert_string_equal(store_id(f->s), id);
}

static int run_as(struct fix *f, enum role role, const char *request_id, const char *name,
                  struct err *e)
{
    const struct actor a = {.role = role, .id = "uid:7"};
    json_t *args = buyer("market"), *ret = NULL;
    int rc = command_run(f->s, &a, request_id, name, args, &ret, NULL, e);
    json_decref(args);
    json_decref(ret);
    return rc;
}

static void roles_and_names(void **state)
{
    struct fix *f = *state;
    struct err why;
    char long_id[80];
    memset(long_id, 'x', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    fix_open(f);
    assert_int_equal(run_as(f, ROLE_MANAGER, "r", "buyer.register", &why),
                     ERR_STATE); /* no transaction */
    fix_begin(f);
    assert_int_equal(run_as(f, ROLE_OPERATOR, "r", "buyer.register", &why), ERR_DENIED);
    assert_non_null(strstr(why.text, "manager"));
    assert_int_equal(run_as(f, ROLE_MANAGER, NULL, "buyer.register", &why), ERR_KEY);
    assert_int_equal(run_as(f, ROLE_MANAGER, "", "buyer.register", &why), ERR_RANGE);
    assert_int_equal(run_as(f, ROLE_MANAGER, long_id, "buyer.register", &why), ERR_RANGE);
    assert_int_equal(run_as(f, ROLE_MANAGER, "r", "buyer.regster", &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "\"buyer.register\""));
    assert_int_equal(run_as(f, ROLE_MANAGER, "r", "qqqqqqqqqqqqqq", &why), ERR_NOT_FOUND);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM command_log"),
                     0); /* none used up the id */
    assert_int_equal(run_as(f, ROLE_MANAGER, "r", "buyer.register", &why), 0);
    assert_int_equal(run_as(f, ROLE_DAEMON, NULL, "buyer.register", &why), ERR_EXISTS);
    assert_int_equal(fix_number(store_db(f->s), "SELECT actor='uid:7' FROM command_log"), 1);
    fix_commit(f);
}

/* What breaks below the handler may come again and is then done. */
static void trouble_is_no_answer(void **state)
{
    struct fix *f = *state;
    struct err why;
    fix_open(f);
    fix_begin(f);
    OK(db_exec(store_db(f->s),
               "CREATE TRIGGER broken BEFORE INSERT ON buyer BEGIN SELECT RAISE(ABORT,'x'); END",
               e));
    assert_int_equal(run_as(f, ROLE_MANAGER, "r", "buyer.register", &why), ERR_DB);
    assert_int_equal(events(f), 1);
    OK(db_exec(store_db(f->s), "DROP TRIGGER broken", e));
    assert_int_equal(run_as(f, ROLE_MANAGER, "r", "buyer.register", &why), 0);
    fix_commit(f);
}

static void help_names_all(void **state)
{
    const char *args, *help, *name;
    enum role role;
    size_t n = 0;
    (void)state;
    while ((name = command_help(n, &args, &help, &role))) {
        assert_true(strlen(help) > 10 && role <= ROLE_DAEMON);
        if (strcmp(name, "problem.report")) /* the one thing that a stranger may do */
            assert_true(role > ROLE_NOBODY);
        for (size_t i = 0; i < n; i++)
            assert_string_not_equal(command_help(i, &args, &help, &role), name);
        n++;
    }
    assert_true(n >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIX_TEST(first_answer_again),    FIX_TEST(refusal_is_an_answer),
        FIX_TEST(refused_after_writing), FIX_TEST(roles_and_names),
        FIX_TEST(trouble_is_no_answer),  cmocka_unit_test(help_names_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
