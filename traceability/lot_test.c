/* The three lots of the demo from intake to box, and what is said of them. */
#include "traceability/test_farm.h"
#include "traceability/seal.h"

static json_t *ask(struct farm *m,
                   int (*question)(struct db *, const char *, json_t **, struct err *),
                   const char *id)
{
    json_t *o = NULL;
    OK(question(store_db(m->f.s), id, &o, e));
    return o;
}

static int64_t share_sum(const json_t *farms)
{
    int64_t sum = 0;
    for (size_t i = 0; i < json_array_size(farms); i++)
        sum += json_int_or(json_array_get(farms, i), "share_ppm", 0);
    return sum;
}

static void two_farmers_become_sealed_boxes(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    farm_demo(m, &d);
    json_t *o = ask(m, lot_show, d.run.grade[1]);
    assert_string_equal(json_text_or(o, "kind", ""), "graded");
    assert_string_equal(json_text_or(o, "state", ""), "closed");
    assert_int_equal(json_int_or(o, "mg", 0), 10000000);
    assert_int_equal(json_int_or(o, "on_hand_mg", -1), 0);
    assert_int_equal(json_int_or(o, "pieces", 0), 200);
    const json_t *farms = json_object_get(o, "farms");
    assert_int_equal(json_array_size(farms), 2);
    assert_int_equal(share_sum(farms), 1000000);
    assert_int_equal(json_int_or(json_array_get(farms, 0), "share_ppm", 0), 666667);
    assert_string_equal(json_text_or(json_array_get(farms, 0), "farmer", ""), m->farmer1);
    json_decref(o);
    o = ask(m, run_balance, d.run.id);
    assert_int_equal(json_int_or(json_object_get(o, "unexplained"), "mg", -1), 0);
    assert_int_equal(json_int_or(o, "in_mg", 0), 30000000);
    json_decref(o);
    farm_rebuilds(m);
}

static void buyers_see_all_but_names(void **state)
{
    static const char *const shown[] = {"box", "lot", "hand", "intake"};
    struct farm *m = *state;
    struct farm_demo d;
    farm_demo(m, &d);
    char path[40];
    snprintf(path, sizeof path, "B/%s", d.box);
    const char *ids[] = {path, d.run.grade[1], d.hand_box, d.lot1};
    for (size_t i = 0; i < 4; i++) {
        json_t *o = ask(m, lot_public, ids[i]);
        char *text = json_dumps(o, JSON_COMPACT);
        if (strstr(text, m->farmer1) || strstr(text, m->farmer2) || strstr(text, m->worker) ||
            strstr(text, CANARY_NAME) || strstr(text, CANARY_PHONE))
            fail_msg("%s: %s", shown[i], text);
        assert_string_equal(json_text_or(o, "verdict", ""), "ok");
        assert_int_equal(share_sum(json_object_get(o, "farms")), 1000000);
        assert_true(json_is_object(json_object_get(o, "log")));
        free(text);
        json_decref(o);
    }
    json_t *o = ask(m, lot_public, path);
    const json_t *seal = json_object_get(o, "seal");
    const char *record = json_text_or(seal, "record", "");
    assert_string_equal(json_text_or(seal, "text", ""), d.seal);
    assert_true(seal_holds(d.seal, record, strlen(record), json_text_or(seal, "nonce", "")));
    assert_int_equal(json_int_or(o, "net_mg", 0), 10010000);
    assert_int_equal(json_int_or(o, "pieces", 0), 200);
    assert_string_equal(json_text_or(o, "grade_basis", ""), "diameter");
    json_decref(o);
    o = ask(m, lot_public, d.hand1);
    assert_string_equal(json_text_or(o, "sorted_by", ""), "hand");
    assert_string_equal(json_text_or(o, "grade_basis", ""), "manual");
    assert_int_equal(json_int_or(json_object_get(o, "balance"), "loss_mg", 0), 500000);
    json_decref(o);
}

/* What nobody counted is no number: neither -1 nor 0. */
static void hand_sorted_goods_have_no_pieces(void **state)
{
    static const char *const keys[] = {"pieces", "items_mg", "unknown"};
    struct farm *m = *state;
    struct farm_demo d;
    farm_demo(m, &d);
    json_t *hand = ask(m, lot_show, d.hand_box), *belt = ask(m, lot_show, d.box),
           *page = ask(m, lot_public, d.hand_box), *lot = ask(m, lot_show, d.hand1);
    for (size_t i = 0; i < 3; i++) {
        assert_true(json_is_null(json_object_get(hand, keys[i])));
        assert_true(json_is_integer(json_object_get(belt, keys[i])));
    }
    assert_int_equal(json_int_or(belt, "pieces", 0), 200);
    assert_true(json_is_null(json_object_get(page, "pieces")));
    assert_true(json_is_null(json_object_get(lot, "pieces")));
    assert_null(json_object_get(json_array_get(json_object_get(lot, "boxes"), 0), "pieces"));
    json_decref(hand);
    json_decref(belt);
    json_decref(page);
    json_decref(lot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(two_farmers_become_sealed_boxes),
        FARM_TEST(buyers_see_all_but_names),
        FARM_TEST(hand_sorted_goods_have_no_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
