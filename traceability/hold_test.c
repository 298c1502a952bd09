/* Hold and recall: what they stop, how far they reach, what buyers hear. */
#include "traceability/test_farm.h"
#include "traceability/run_state.h"

static void hold(struct farm *m, const char *lot)
{
    farm_ok(m, "hold.place", "{s:s,s:s}", "lot", lot, "reason", "smells of smoke");
}

static void release(struct farm *m, const char *lot)
{
    farm_ok(m, "hold.release", "{s:s,s:s}", "lot", lot, "reason", "looked at");
}

static const char *verdict(struct farm *m, const char *id)
{
    static char text[16];
    json_t *o = NULL;
    if (store_dirty(m->f.s))
        OK(store_commit(m->f.s, e));
    OK(lot_public(store_db(m->f.s), id, &o, e));
    snprintf(text, sizeof text, "%s", json_text_or(o, "verdict", ""));
    json_decref(o);
    fix_begin(&m->f);
    return text;
}

static void a_hold_stops_run_crate_and_box(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    struct run_state rs;
    char one[IDENT_LOT_SIZE], two[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 1000000, one);
    farm_lot(m, m->farmer2, 1000000, two);
    hold(m, one);
    farm_no(m, ERR_EXISTS, "on hold already", "hold.place", "{s:s,s:s}", "lot", one, "reason", "x");
    farm_no(m, ERR_STATE, "hold.release", "run.start", "{s:s,s:s,s:[s],s:o}", "line", "a",
            "product", "codonopsis-lu", "lots", one, "rules", farm_rules("codonopsis"));
    farm_weigh_no(m, ERR_STATE, "smells of smoke", "hand.out", 500000, "{s:s,s:s}", "lot", one,
                  "worker", m->worker);
    m->role = ROLE_OPERATOR;
    farm_no(m, ERR_DENIED, "manager", "hold.release", "{s:s,s:s}", "lot", one, "reason", "x");
    m->role = ROLE_MANAGER;
    release(m, one);
    farm_no(m, ERR_STATE, "is not on hold", "hold.release", "{s:s,s:s}", "lot", one, "reason", "x");
    farm_start_run(m, one, two, &r);
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 1);
    for (int i = 0; i < 40; i++)
        farm_item(m, r.run, 1, 50000, 1, 1, 1);
    hold(m, two); /* of the run that is open */
    OK(run_state_of(store_db(m->f.s), "a", &rs, e));
    assert_true(rs.held);
    farm_weigh_no(m, ERR_STATE, two, "box", 2000000, "{s:s,s:i}", "line", "a", "outlet", 1);
    release(m, two);
    OK(run_state_of(store_db(m->f.s), "a", &rs, e));
    assert_false(rs.held);
    json_decref(farm_weigh(m, "box", 2000000, "{s:s,s:i}", "line", "a", "outlet", 1));
    farm_rebuilds(m);
}

static int64_t count(struct farm *m, const char *kind)
{
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM event WHERE kind='%s'", kind);
    return fix_number(store_db(m->f.s), sql);
}

static void buyers_hear_of_all_that_came_from_it(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    farm_demo(m, &d);
    fix_begin(&m->f);
    assert_string_equal(verdict(m, d.box), "ok");
    hold(m, d.lot1);
    assert_string_equal(verdict(m, d.box), "hold");
    assert_string_equal(verdict(m, d.run.grade[2]), "hold");
    assert_string_equal(verdict(m, d.hand_box), "ok");
    assert_int_equal(count(m, "lot.held"), 4);
    hold(m, d.run.grade[1]);
    release(m, d.lot1); /* grade 1 has a hold of its own */
    assert_int_equal(count(m, "lot.released"), 3);
    assert_string_equal(verdict(m, d.box), "hold");
    assert_string_equal(verdict(m, d.run.grade[2]), "ok");
    release(m, d.run.grade[1]);
    assert_string_equal(verdict(m, d.box), "ok");
    farm_rebuilds(m);
}

static void what_is_born_on_hold_is_held(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE], to[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 1000000, lot);
    farm_text(farm_weigh(m, "hand.out", 1000000, "{s:s,s:s}", "lot", lot, "worker", m->worker),
              "task", task, sizeof task);
    hold(m, lot);
    farm_text(farm_weigh(m, "hand.back", 900000, "{s:s,s:s}", "task", task, "grade", "1"), "to", to,
              sizeof to);
    farm_ok(m, "hand.close", "{s:s}", "task", task);
    assert_int_equal(count(m, "lot.held"), 1);
    farm_weigh_no(m, ERR_STATE, "through", "box", 900000, "{s:s}", "lot", to);
    assert_string_equal(verdict(m, to), "hold");
    farm_rebuilds(m);
}

static bool holds_text(const json_t *a, const char *text)
{
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!strcmp(json_string_value(json_array_get(a, i)), text))
            return true;
    return false;
}

static json_t *recall(struct farm *m, const char *id)
{
    json_t *o = NULL;
    OK(lot_recall(store_db(m->f.s), id, &o, e));
    return o;
}

static void a_recall_reaches_all_and_no_more(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    farm_demo(m, &d);
    const char *same[] = {d.box, d.seal, d.run.grade[3], d.run.id};
    for (size_t i = 0; i < 4; i++) {
        json_t *o = recall(m, same[i]);
        assert_int_equal(json_array_size(json_object_get(o, "sources")), 2);
        assert_int_equal(json_array_size(json_object_get(o, "lots")),
                         7); /* 2 delivered, 4 graded, rework */
        assert_int_equal(json_array_size(json_object_get(o, "boxes")), 1);
        assert_int_equal(json_array_size(json_object_get(o, "farmers")), 2);
        assert_int_equal(json_array_size(json_object_get(o, "runs")), 1);
        assert_false(holds_text(json_object_get(o, "lots"), d.lot3));
        assert_int_equal(json_array_size(json_object_get(o, "siblings")), i == 2 ? 0 : 1);
        json_decref(o);
    }
    char small[24];
    for (size_t i = 0; i < sizeof small && (i == 0 || small[i - 1]); i++)
        small[i] = (char)(d.lot2[i] >= 'A' && d.lot2[i] <= 'Z' ? d.lot2[i] + 32 : d.lot2[i]);
    json_t *o = recall(m, small); /* as typed; a delivered lot is its own only source */
    assert_int_equal(json_array_size(json_object_get(o, "farmers")), 1);
    assert_int_equal(json_array_size(json_object_get(o, "lots")), 6);
    json_decref(o);
    struct err why = {0};
    assert_int_equal(lot_recall(store_db(m->f.s), "0000000000", &o, &why), ERR_NOT_FOUND);
    assert_int_equal(lot_recall(store_db(m->f.s), "E261124-A999X", &o, &why), ERR_NOT_FOUND);
    assert_int_equal(lot_recall(store_db(m->f.s), "R261124-A999X", &o, &why), ERR_NOT_FOUND);
}

static void a_recall_is_a_persons_act(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    farm_demo(m, &d);
    fix_begin(&m->f);
    m->role = ROLE_OPERATOR;
    json_t *drill = farm_do(m, "recall.drill", "{s:s}", "id", d.box);
    assert_int_equal(json_int_or(drill, "boxes", 0), 1);
    assert_int_equal(json_int_or(drill, "farms", 0), 2);
    json_decref(drill);
    farm_no(m, ERR_DENIED, "manager", "recall.start", "{s:s,s:s}", "id", d.box, "reason", "mould");
    assert_string_equal(verdict(m, d.box), "ok"); /* a drill blocks nothing */
    m->role = ROLE_MANAGER;
    farm_ok(m, "recall.start", "{s:s,s:s}", "id", d.box, "reason", "mould");
    assert_string_equal(verdict(m, d.box), "recalled");
    assert_string_equal(verdict(m, d.run.grade[3]), "recalled");
    assert_string_equal(verdict(m, d.hand_box), "ok");
    farm_weigh_no(m, ERR_STATE, "set it aside", "box", 50000, "{s:s}", "lot", d.run.grade[2]);
    farm_rebuilds(m);
}

static void a_trace_shows_both_ways(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    json_t *o = NULL;
    farm_demo(m, &d);
    OK(lot_trace(store_db(m->f.s), d.box, &o, e));
    const json_t *back = json_object_get(o, "back"), *forward = json_object_get(o, "forward");
    assert_int_equal(json_array_size(json_object_get(back, "lots")), 3);
    assert_int_equal(json_array_size(json_object_get(back, "weighings")), 2);
    assert_int_equal(json_array_size(json_object_get(back, "farms")), 2);
    assert_int_equal(json_array_size(json_object_get(back, "edges")), 2);
    assert_int_equal(json_array_size(json_object_get(forward, "boxes")), 1);
    json_decref(o);
    OK(lot_trace(store_db(m->f.s), d.lot3, &o, e));
    forward = json_object_get(o, "forward");
    assert_int_equal(json_array_size(json_object_get(forward, "lots")), 4);
    assert_int_equal(json_array_size(json_object_get(forward, "boxes")), 1);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(a_hold_stops_run_crate_and_box), FARM_TEST(buyers_hear_of_all_that_came_from_it),
        FARM_TEST(what_is_born_on_hold_is_held),   FARM_TEST(a_recall_reaches_all_and_no_more),
        FARM_TEST(a_recall_is_a_persons_act),      FARM_TEST(a_trace_shows_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
