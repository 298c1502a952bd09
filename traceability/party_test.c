/* Cooperative, persons, products: what is refused, and that no name leaves people.db. */
#include "traceability/test_farm.h"

static void names_stay_in_people_db(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    farm_demo(m, &d);
    struct stmt *s =
        db_q(store_db(m->f.s), "SELECT count(*) FROM event WHERE instr(body, CAST(?1 AS BLOB)) OR "
                               "instr(body, CAST(?2 AS BLOB))");
    assert_int_equal(q_one(q_text(q_text(s, 1, CANARY_NAME), 2, CANARY_PHONE)), 1);
    assert_int_equal(q_col(s, 0), 0);
    q_done(s);
    s = db_q(
        store_db(m->f.s),
        "SELECT kind FROM event WHERE kind IN ('lot.graded', 'box.packed', 'lot.held', "
        "'recall.started', 'box.voided') AND (instr(body, CAST(?1 AS BLOB)) OR instr(body, CAST(?2 "
        "AS BLOB)) OR instr(body, CAST(?3 AS BLOB)))");
    q_text(q_text(q_text(s, 1, m->farmer1), 2, m->farmer2), 3, m->worker);
    assert_int_equal(q_step(s), 0);
    assert_int_equal(
        fix_number(store_db(m->f.s), "SELECT count(*) FROM event WHERE kind = 'lot.graded'"), 5);
}

static void refusals_name_the_way_out(void **state)
{
    struct farm *m = *state;
    farm_no(m, ERR_CHECK, "check character", "coop.set", "{s:s,s:s,s:s,s:s,s:s,s:s}", "name_zh",
            "a", "name_en", "b", "contact", "c", "township_zh", "d", "township_en", "e", "uscc",
            "91350100M000100Y44");
    farm_no(m, ERR_KEY, "contact", "coop.set", "{s:s,s:s,s:s,s:s}", "name_zh", "a", "name_en", "b",
            "township_zh", "d", "township_en", "e");
    farm_no(m, ERR_RANGE, "offset_min", "coop.set", "{s:s,s:s,s:s,s:s,s:s,s:i}", "name_zh", "a",
            "name_en", "b", "contact", "c", "township_zh", "d", "township_en", "e", "offset_min",
            900);
    farm_no(m, ERR_KEY, "both languages", "farmer.add", "{s:s,s:s}", "name", "x", "township_zh",
            "d");
    farm_no(m, ERR_KEY, "did you mean \"name\"", "worker.add", "{s:s}", "nmae", "x");
    farm_no(m, ERR_RANGE, "words of a-z", "product.add", "{s:s,s:s,s:s,s:s}", "product", "Lu",
            "crop", "c", "name_zh", "z", "name_en", "e");
    farm_no(m, ERR_RANGE, "words of a-z", "product.add", "{s:s,s:s,s:s,s:s}", "product", "lu",
            "crop", "a crop", "name_zh", "z", "name_en", "e");
    farm_no(m, ERR_RANGE, "one shop", "product.add", "{s:s,s:s,s:s,s:s,s:s}", "product", "lu",
            "crop", "c", "name_zh", "z", "name_en", "e", "gtin", "2012345678903");
    m->role = ROLE_WORKER;
    farm_no(m, ERR_DENIED, "manager", "product.add", "{s:s,s:s,s:s,s:s}", "product", "lu", "crop",
            "c", "name_zh", "z", "name_en", "e");
}

static void a_later_word_counts(void **state)
{
    struct farm *m = *state;
    farm_ok(m, "coop.set", "{s:s,s:s,s:s,s:s,s:s,s:s}", "name_zh", "新", "name_en", "New",
            "contact", "1", "township_zh", "东", "township_en", "East", "uscc",
            "91350100M000100Y43");
    farm_ok(m, "product.add", "{s:s,s:s,s:s,s:s,s:s}", "product", "codonopsis-lu", "crop",
            "codonopsis", "name_zh", "潞党", "name_en", "Lu", "gtin", "6291041500213");
    assert_int_equal(fix_number(store_db(m->f.s),
                                "SELECT count(*) FROM coop WHERE uscc = '91350100M000100Y43' AND "
                                "offset_min = 480"),
                     1);
    assert_int_equal(
        fix_number(store_db(m->f.s), "SELECT count(*) FROM product WHERE gtin = '06291041500213'"),
        1);
    farm_rebuilds(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(names_stay_in_people_db),
        FARM_TEST(refusals_name_the_way_out),
        FARM_TEST(a_later_word_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
