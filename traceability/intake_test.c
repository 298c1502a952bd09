/* Intake and its corrections: what is accepted once, what is refused with which words. */
#include "traceability/test_farm.h"
#include "traceability/correct.h"

static void open_lot(struct farm *m, char lot[IDENT_LOT_SIZE])
{
    farm_text(farm_do(m, "lot.open", "{s:s,s:s,s:s}", "farmer", m->farmer1, "product",
                      "codonopsis-lu", "deliverer", m->farmer2),
              "lot", lot, IDENT_LOT_SIZE);
}

static int64_t lot_mg(struct farm *m, const char *lot)
{
    json_t *o = NULL;
    OK(lot_show(store_db(m->f.s), lot, &o, e));
    int64_t mg = json_int_or(o, "mg", -1);
    json_decref(o);
    return mg;
}

static void a_placement_is_accepted_once(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    open_lot(m, lot);
    json_decref(farm_weigh(m, "intake", 25004000, "{s:s}", "lot", lot));
    m->placement--;
    farm_weigh_no(m, ERR_EXISTS, "accepted already", "intake", 25004000, "{s:s}", "lot", lot);
    assert_int_equal(lot_mg(m, lot), 25004000);
    farm_rebuilds(m);
}

static void readings_that_cannot_be(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    open_lot(m, lot);
    farm_weigh_no(m, ERR_CHECK, "gross less tare is not net", "intake", 5000000, "{s:s,s:I}", "lot",
                  lot, "gross_mg", (json_int_t)9000000);
    farm_weigh_no(m, ERR_RANGE, "nothing to record", "intake", 0, "{s:s}", "lot", lot);
    farm_weigh_no(m, ERR_RANGE, "above Max", "intake", 61000000, "{s:s}", "lot", lot);
    farm_weigh_no(m, ERR_RANGE, "below Min", "intake", 10000, "{s:s,s:I,s:I}", "lot", lot,
                  "gross_mg", (json_int_t)20000, "tare_mg", (json_int_t)10000);
    farm_weigh_no(m, ERR_RANGE, "purpose is intake", "sale", 5000000, "{s:s}", "lot", lot);
    farm_weigh_no(m, ERR_KEY, "unknown key", "intake", 5000000, "{s:s,s:s}", "lot", lot, "worker",
                  m->worker);
    farm_weigh_no(m, ERR_RANGE, "tare_kind", "intake", 5000000, "{s:s,s:s}", "lot", lot,
                  "tare_kind", "guessed");
    farm_weigh_no(m, ERR_RANGE, "stable_by is scale or host", "intake", 5000000, "{s:s,s:s}", "lot",
                  lot, "stable_by", "luck");
    farm_weigh_no(m, ERR_NOT_FOUND, "no lot", "intake", 5000000, "{s:s}", "lot", "E261124-A999X");
    assert_int_equal(lot_mg(m, lot), 0);
}

static void parts_of_a_gram_do_not_mix(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    open_lot(m, lot);
    json_decref(farm_weigh(m, "intake", 5000000, "{s:s}", "lot", lot));
    farm_weigh_no(m, ERR_STATE, "whole grams", "intake", 5000500, "{s:s}", "lot", lot);
}

static void who_and_what_must_be_known(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    farm_no(m, ERR_NOT_FOUND, "farmer.add", "lot.open", "{s:s,s:s}", "farmer", "0000000000",
            "product", "codonopsis-lu");
    farm_no(m, ERR_STATE, "not as a farmer", "lot.open", "{s:s,s:s}", "farmer", m->worker,
            "product", "codonopsis-lu");
    farm_no(m, ERR_NOT_FOUND, "product.add", "lot.open", "{s:s,s:s}", "farmer", m->farmer1,
            "product", "ginger");
    farm_no(m, ERR_KEY, "both languages", "lot.open", "{s:s,s:s,s:s}", "farmer", m->farmer1,
            "product", "codonopsis-lu", "township_en", "North");
    farm_lot(m, m->farmer1, 5000000, lot);
    farm_no(m, ERR_STATE, "closed already", "lot.close", "{s:s}", "lot", lot);
    farm_weigh_no(m, ERR_STATE, "is closed", "intake", 5000000, "{s:s}", "lot", lot);
}

static void void_rules(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    struct farm_run r;
    open_lot(m, lot);
    for (int i = 0; i < 4; i++)
        json_decref(farm_weigh(m, "intake", 5000000, "{s:s}", "lot", lot));
    json_t *old = farm_reading(m, "intake", 5000000,
                               json_pack("{s:s,s:I}", "lot", lot, "at_ms",
                                         (json_int_t)(wall_now().ms - CORRECT_WORKER_MS - 1000)));
    json_decref(farm_run(m, "weighing.record", old, 0, NULL));
    m->role = ROLE_WORKER;
    farm_no(m, ERR_NOT_FOUND, "on the slip", "weighing.void", "{s:s,s:s}", "weighing", "shed-99",
            "reason", "x");
    farm_no(m, ERR_DENIED, "ask a manager", "weighing.void", "{s:s,s:s}", "weighing", "shed-5",
            "reason", "x");
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", "shed-1", "reason", "wrong crate");
    farm_no(m, ERR_EXISTS, "void already", "weighing.void", "{s:s,s:s}", "weighing", "shed-1",
            "reason", "again");
    farm_ok(m, "lot.close", "{s:s}", "lot", lot);
    farm_no(m, ERR_DENIED, "only a manager", "weighing.void", "{s:s,s:s}", "weighing", "shed-2",
            "reason", "x");
    m->role = ROLE_MANAGER;
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", "shed-5", "reason", "late");
    assert_int_equal(lot_mg(m, lot), 15000000);
    farm_start_run(m, lot, NULL, &r);
    farm_no(m, ERR_STATE, "drawn on already", "weighing.void", "{s:s,s:s}", "weighing", "shed-2",
            "reason", "x");
    farm_rebuilds(m);
    json_t *o = NULL;
    OK(lot_show(store_db(m->f.s), lot, &o, e)); /* the void ones stay visible */
    const json_t *w = json_object_get(o, "weighings");
    assert_int_equal(json_array_size(w), 5);
    assert_true(json_is_true(json_object_get(json_array_get(w, 0), "void")));
    assert_true(json_is_false(json_object_get(json_array_get(w, 1), "void")));
    json_decref(o);
}

static void five_minutes(void **state)
{
    (void)state;
    assert_int_equal(correct_may(ROLE_WORKER, CORRECT_WORKER_MS, NULL), 0);
    assert_int_equal(correct_may(ROLE_WORKER, CORRECT_WORKER_MS + 1, NULL), ERR_DENIED);
    assert_int_equal(correct_may(ROLE_OPERATOR, CORRECT_WORKER_MS + 1, NULL), ERR_DENIED);
    assert_int_equal(correct_may(ROLE_MANAGER, INT64_MAX, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(a_placement_is_accepted_once),
        FARM_TEST(readings_that_cannot_be),
        FARM_TEST(parts_of_a_gram_do_not_mix),
        FARM_TEST(who_and_what_must_be_known),
        FARM_TEST(void_rules),
        cmocka_unit_test(five_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
