/* Reports from buyers: kept with their words, told in the record without them. */
#include "traceability/problem.h"
#include "traceability/test_farm.h"

static void a_report_is_kept_and_its_words_stay_out_of_the_record(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    json_t *list = NULL;
    farm_lot(m, m->farmer1, 1000000, lot);
    m->role = ROLE_NOBODY;
    farm_ok(m, "problem.report", "{s:s,s:s}", "id", lot, "text", CANARY_NAME " sold me a wet box");
    m->role = ROLE_MANAGER;
    OK(problem_list(m->f.s, 10, &list, e));
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_text_or(json_array_get(list, 0), "id", ""), lot);
    assert_non_null(strstr(json_text_or(json_array_get(list, 0), "text", ""), "wet box"));
    json_decref(list);
    struct stmt *q = db_q(store_db(m->f.s),
                          "SELECT count(*) FROM event WHERE instr(CAST(body AS TEXT), 'wet box')");
    assert_int_equal(q_step(q), 1);
    assert_int_equal(q_col(q, 0), 0);
    q_done(q);
    farm_rebuilds(m);
}

static void a_report_about_nothing_or_too_long_is_refused(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE], text[600];
    farm_lot(m, m->farmer1, 1000000, lot);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    farm_no(m, ERR_NOT_FOUND, NULL, "problem.report", "{s:s,s:s}", "id", "NOSUCHBOX0", "text", "x");
    farm_no(m, ERR_RANGE, NULL, "problem.report", "{s:s,s:s}", "id", lot, "text", text);
    farm_no(m, ERR_KEY, NULL, "problem.report", "{s:s}", "id", lot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(a_report_is_kept_and_its_words_stay_out_of_the_record),
        FARM_TEST(a_report_about_nothing_or_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
