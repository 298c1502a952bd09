/* Which scale may credit, and when: role, papers, check-weights. */
#include "traceability/test_farm.h"
#include "traceability/scale.h"

static void limits_follow_the_load(void **state)
{
    (void)state;
    assert_int_equal(scale_limit_mg(20000, 10000000), 20000);
    assert_int_equal(scale_limit_mg(20000, 10000001), 40000);
    assert_int_equal(scale_limit_mg(20000, 40000000), 40000);
    assert_int_equal(scale_limit_mg(20000, 40000001), 60000);
}

static void only_a_change_is_recorded(void **state)
{
    struct farm *m = *state;
    int64_t until = wall_now().ms + DAY_MS;
    const char *count = "SELECT count(*) FROM event WHERE kind='scale.configured'";
    json_decref(
        farm_run(m, "scale.configure", farm_scale("bench", "static", "C-2", until), 0, NULL));
    json_t *o =
        farm_run(m, "scale.configure", farm_scale("bench", "static", "C-2", until), 0, NULL);
    assert_true(json_is_false(json_object_get(o, "changed")));
    json_decref(o);
    assert_int_equal(fix_number(store_db(m->f.s), count), 2);
    json_decref(farm_run(m, "scale.configure", farm_scale("bench", "none", "C-2", until), 0, NULL));
    assert_int_equal(fix_number(store_db(m->f.s), count), 3);
    farm_run(m, "scale.configure", farm_scale("bench", "trade", "C-2", until), ERR_RANGE,
             "static, automatic or none");
    farm_rebuilds(m);
}

static void intake_on(struct farm *m, const char *lot, const char *scale, int code,
                      const char *says)
{
    json_t *a =
        farm_reading(m, "intake", 5000000, json_pack("{s:s,s:s}", "lot", lot, "scale", scale));
    json_decref(farm_run(m, "weighing.record", a, code, says));
}

static void add_scale(struct farm *m, const char *name, const char *role, const char *certificate,
                      int64_t until)
{
    json_decref(
        farm_run(m, "scale.configure", farm_scale(name, role, certificate, until), 0, NULL));
}

static void papers_decide(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    int64_t now = wall_now().ms;
    farm_text(farm_do(m, "lot.open", "{s:s,s:s}", "farmer", m->farmer1, "product", "codonopsis-lu"),
              "lot", lot, sizeof lot);
    add_scale(m, "belt", "automatic", "C-3", now + DAY_MS);
    add_scale(m, "bare", "static", "", now + DAY_MS);
    add_scale(m, "old", "static", "C-4", now - DAY_MS);
    add_scale(m, "new", "static", "C-5", now + DAY_MS);
    intake_on(m, lot, "belt", ERR_STATE, "no static trade scale (its role is automatic)");
    intake_on(m, lot, "bare", ERR_STATE, "no verification certificate");
    intake_on(m, lot, "old", ERR_STATE, "ran out on");
    intake_on(m, lot, "new", ERR_STATE, "no check-weights of today");
    intake_on(m, lot, "loft", ERR_NOT_FOUND, "not in lotlined's configuration");
    intake_on(m, lot, "floor", 0, NULL);
}

static void check_weights_decide(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    farm_text(farm_do(m, "lot.open", "{s:s,s:s}", "farmer", m->farmer1, "product", "codonopsis-lu"),
              "lot", lot, sizeof lot);
    json_t *o = farm_do(m, "scale.check", "{s:s,s:[{s:i,s:i},{s:i,s:i}]}", "scale", "floor",
                        "weights", "applied_mg", 10000000, "shown_mg", 10020000, "applied_mg",
                        20000000, "shown_mg", 20040001);
    assert_true(json_is_false(json_object_get(o, "ok")));
    json_decref(o);
    intake_on(m, lot, "floor", ERR_STATE, "failed today's check-weights");
    m->placement++;
    json_t *own = farm_weigh(m, "check", 19500000, "{s:i,s:I}", "applied_mg", 20000000, "gross_mg",
                             (json_int_t)20000000);
    assert_true(json_is_true(json_object_get(own, "ok")));
    json_decref(own);
    intake_on(m, lot, "floor", 0, NULL);
    farm_no(m, ERR_RANGE, "1 to 20", "scale.check", "{s:s,s:[]}", "scale", "floor", "weights");
    farm_no(m, ERR_NOT_FOUND, "configuration", "scale.check", "{s:s,s:[{s:i,s:i}]}", "scale",
            "loft", "weights", "applied_mg", 1, "shown_mg", 1);
    farm_rebuilds(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_follow_the_load),
        FARM_TEST(only_a_change_is_recorded),
        FARM_TEST(papers_decide),
        FARM_TEST(check_weights_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
