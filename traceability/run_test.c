/* Runs: what starts, what stops, what the outcome ring makes of the items, and where
 * the mass went. */
#include "traceability/test_farm.h"
#include "traceability/run_state.h"
#include "traceability/totals.h"

static json_t *balance(struct farm *m, const char *id)
{
    json_t *o = NULL;
    OK(run_balance(store_db(m->f.s), id, &o, e));
    return o;
}

static int64_t line_mg(const json_t *o, const char *key)
{
    return json_int_or(json_object_get(o, key), "mg", -1);
}

static void start_no(struct farm *m, int code, const char *says, json_t *lots, const char *product,
                     const char *crop)
{
    farm_no(m, code, says, "run.start", "{s:s,s:s,s:o,s:o}", "line", "a", "product", product,
            "lots", lots, "rules", farm_rules(crop));
}

static void what_may_not_start(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char one[IDENT_LOT_SIZE], two[IDENT_LOT_SIZE], empty[IDENT_LOT_SIZE], open[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 5000000, one);
    farm_lot(m, m->farmer2, 5000000, two);
    farm_text(farm_do(m, "lot.open", "{s:s,s:s}", "farmer", m->farmer1, "product", "codonopsis-lu"),
              "lot", open, sizeof open);
    farm_text(farm_do(m, "lot.open", "{s:s,s:s}", "farmer", m->farmer1, "product", "codonopsis-lu"),
              "lot", empty, sizeof empty);
    farm_ok(m, "lot.close", "{s:s}", "lot", empty);
    start_no(m, ERR_STATE, "lot.close", json_pack("[s]", open), "codonopsis-lu", "codonopsis");
    start_no(m, ERR_STATE, "holds nothing", json_pack("[s]", empty), "codonopsis-lu", "codonopsis");
    start_no(m, ERR_RANGE, "twice", json_pack("[s,s]", one, one), "codonopsis-lu", "codonopsis");
    start_no(m, ERR_RANGE, "1 to 200 lots", json_array(), "codonopsis-lu", "codonopsis");
    start_no(m, ERR_NOT_FOUND, "product.add", json_pack("[s]", one), "ginger", "codonopsis");
    start_no(m, ERR_STATE, "rules of line a are for zucchini", json_pack("[s]", one),
             "codonopsis-lu", "zucchini");
    farm_no(m, ERR_KEY, "crop file", "run.start", "{s:s,s:s,s:[s]}", "line", "a", "product",
            "codonopsis-lu", "lots", one);
    farm_no(m, ERR_NOT_FOUND, "configuration", "run.start", "{s:s,s:s,s:[s],s:o}", "line", "z",
            "product", "codonopsis-lu", "lots", one, "rules", farm_rules("codonopsis"));
    farm_start_run(m, one, NULL, &r);
    start_no(m, ERR_STATE, "stop it first", json_pack("[s]", two), "codonopsis-lu", "codonopsis");
    farm_ok(m, "run.stop", "{s:i}", "run", 1);
    start_no(m, ERR_STATE, "used up", json_pack("[s]", one), "codonopsis-lu", "codonopsis");
    farm_no(m, ERR_STATE, "closed already", "run.stop", "{s:s}", "run", r.id);
    farm_no(m, ERR_NOT_FOUND, "no run", "run.stop", "{s:i}", "run", 9);
    farm_rebuilds(m);
}

static void a_rule_set_is_registered_once(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    for (int i = 0; i < 2; i++) {
        farm_lot(m, m->farmer1, 5000000, lot);
        farm_start_run(m, lot, NULL, &r);
        farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    }
    assert_int_equal(r.run, 2);
    assert_int_equal(
        fix_number(store_db(m->f.s), "SELECT count(*) FROM event WHERE kind='rule.registered'"), 1);
}

/* Every way an item can end, each with a mass of its own, so that no two can be mistaken. */
static void every_item_counts_once(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 1111000, lot);
    farm_start_run(m, lot, NULL, &r);
    farm_item(m, r.run, 1, 1000, 1, 1, 1); /* as planned */
    struct outcome again = {m->f.line, m->f.epoch, ++m->out, m->seq, 4, 5, {0}};
    OK(outcome_append(m->f.s, &again, e));      /* told twice: the first counts */
    farm_item(m, r.run, 2, 10000, 2, 4, 2);     /* late: default outlet */
    farm_item(m, r.run, 1, 100000, 1, 3, 3);    /* blocked: overflow */
    farm_item(m, r.run, 0, 1000000, 4, 4, 1);   /* not graded */
    struct item it = fix_item(&m->f, ++m->seq); /* no usable weight, no outcome */
    it.run = r.run;
    it.net_mg = ITEM_NO_MG;
    OK(item_append(m->f.s, &it, e));
    farm_item(m, r.run, 3, 10000000, 3, 0, 0); /* no outcome */
    json_t *a = farm_do(m, "run.stop", "{s:s}", "run", r.id);
    assert_string_equal(json_text_or(a, "state", ""), "stopping");
    assert_int_equal(json_int_or(a, "in_flight", 0), 2);
    json_decref(a);
    struct mono since = mono_now();
    for (int s = 0; s < 60; s += 59) {
        OK(run_settle(m->f.s, mono_add_ms(since, s * 1000), e));
        a = balance(m, r.id);
        assert_string_equal(json_text_or(a, "state", ""), "stopping");
        json_decref(a);
    }
    OK(run_settle(m->f.s, mono_add_ms(since, 61000), e));
    a = balance(m, r.id);
    assert_string_equal(json_text_or(a, "state", ""), "closed");
    assert_int_equal(json_int_or(a, "graded_mg", 0), 1000);
    assert_int_equal(line_mg(a, "rework"), 1110000);
    assert_int_equal(line_mg(a, "unknown"), 10000000);
    assert_int_equal(json_int_or(json_object_get(a, "unknown"), "pieces", 0), 2);
    assert_int_equal(line_mg(a, "unexplained"), -10000000);
    assert_int_equal(json_int_or(a, "no_weight", 0), 1);
    json_decref(a);
    farm_rebuilds(m);
}

static void the_last_outcome_closes_a_stopping_run(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 100000, lot);
    farm_start_run(m, lot, NULL, &r);
    farm_item(m, r.run, 1, 100000, 1, 0, 0);
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    start_no(m, ERR_STATE, "still stopping", json_pack("[s]", lot), "codonopsis-lu", "codonopsis");
    struct run_state rs;
    assert_int_equal(run_state_of(store_db(m->f.s), "a", &rs, NULL), ERR_NOT_FOUND);
    struct outcome o = {.line = m->f.line,
                        .epoch = m->f.epoch,
                        .out = ++m->out,
                        .seq = m->seq,
                        .outlet = 1,
                        .reason = 1};
    OK(outcome_append(m->f.s, &o, e));
    OK(run_settle(m->f.s, mono_now(), e));
    json_t *a = balance(m, "1");
    assert_int_equal(line_mg(a, "unexplained"), 0);
    assert_int_equal(json_int_or(a, "graded_mg", 0), 100000);
    json_decref(a);
}

/* A restart of the PLC: a new epoch, its outcomes numbered from 1 again. */
static void a_run_goes_on_over_epochs(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 300000, lot);
    farm_start_run(m, lot, NULL, &r);
    for (int i = 0; i < 2; i++)
        farm_item(m, r.run, 1, 50000, 1, 1, 1);
    OK(epoch_propose(m->f.s, m->f.line, 8, &m->f.epoch, e));
    OK(epoch_shown(m->f.s, m->f.line, m->f.epoch, 8, e));
    m->seq = m->out = 0;
    for (int i = 0; i < 4; i++)
        farm_item(m, r.run, 2, 50000, 2, 2, 1);
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    json_t *a = balance(m, r.id);
    const json_t *grades = json_object_get(a, "grades");
    assert_int_equal(json_int_or(json_array_get(grades, 0), "pieces", 0), 2);
    assert_int_equal(json_int_or(json_array_get(grades, 1), "pieces", 0), 4);
    assert_int_equal(line_mg(a, "unexplained"), 0);
    json_decref(a);
}

static void a_second_run_starts_where_the_first_ended(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    for (int i = 1; i <= 3; i++) {
        farm_lot(m, m->farmer1, i * 100000, lot);
        farm_start_run(m, lot, NULL, &r);
        for (int k = 0; k < i; k++)
            farm_item(m, r.run, 1, 100000, 1, 1, 1);
        farm_item(m, 0, 0, 77, 4, 4, 1); /* between runs: nobody's */
        farm_ok(m, "run.stop", "{s:s}", "run", r.id);
        json_t *a = balance(m, r.id);
        assert_int_equal(json_int_or(a, "items", 0), i);
        assert_int_equal(line_mg(a, "unexplained"), 0);
        json_decref(a);
    }
    farm_rebuilds(m);
}

static void edges_and_shares_add_up(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char one[IDENT_LOT_SIZE], two[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 7000000, one);
    farm_lot(m, m->farmer2, 4000000, two);
    farm_start_run(m, one, two, &r);
    for (int i = 0; i < 7; i++)
        farm_item(m, r.run, (uint16_t)(i % 3 + 1), 33331 + i, (uint16_t)(i % 3 + 1),
                  (uint16_t)(i % 3 + 1), 1);
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    assert_int_equal(
        fix_number(store_db(m->f.s),
                   "SELECT count(*) FROM lot l WHERE l.run = 1 AND l.mg <> (SELECT sum(mg) "
                   "FROM edge e WHERE e.dst = l.lot)"),
        0);
    assert_int_equal(fix_number(store_db(m->f.s),
                                "SELECT count(*) FROM lot l WHERE 1000000 <> (SELECT sum(ppm) FROM "
                                "lot_share s WHERE s.lot = l.lot)"),
                     0);
    /* rework is sorted again: shares go through it */
    farm_item(m, 0, 0, 1, 4, 4, 1);
    farm_rebuilds(m);
}

static void waste_and_late_items_have_their_lines(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 2000000, lot); /* shed-1 */
    farm_start_run(m, lot, NULL, &r);
    farm_item(m, r.run, 1, 1000000, 1, 1, 1);
    json_decref(farm_weigh(m, "run.waste", 300000, "{s:s,s:s}", "run", r.id, "grade", "soil"));
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    json_decref(farm_weigh(m, "run.waste", 200000, "{s:s,s:s}", "run", r.id, "grade", "trimmings"));
    farm_weigh_no(m, ERR_RANGE, "trimmings or soil", "run.waste", 200000, "{s:s,s:s}", "run", r.id,
                  "grade", "1");
    farm_item(m, r.run, 1, 500000, 1, 1, 1); /* the line had not yet changed its plan */
    json_t *a = balance(m, r.id);
    assert_int_equal(line_mg(a, "trimmings"), 500000);
    assert_int_equal(line_mg(a, "late"), 500000);
    assert_int_equal(json_int_or(a, "graded_mg", 0), 1000000);
    assert_int_equal(line_mg(a, "unexplained"), 0);
    json_decref(a);
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", "shed-2", "reason", "wrong run");
    a = balance(m, r.id);
    assert_int_equal(line_mg(a, "unexplained"), 300000);
    json_decref(a);
    farm_rebuilds(m);
}

static void calibration_is_shown(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    json_t *o = NULL;
    farm_lot(m, m->farmer1, 50000, lot);
    farm_start_run(m, lot, NULL, &r);
    farm_item(m, r.run, 1, 50000, 1, 1, 1);
    farm_no(m, ERR_RANGE, "pieces", "run.calibrate", "{s:s,s:i,s:i,s:s}", "run", r.id, "pieces", 0,
            "weighed_mg", 1, "detail", "x");
    farm_ok(m, "run.calibrate", "{s:s,s:i,s:i,s:s}", "run", r.id, "pieces", 40, "weighed_mg",
            2000000, "detail", "calliper at the head: 38 of 40 in grade");
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    OK(store_commit(m->f.s, e));
    OK(lot_public(store_db(m->f.s), r.grade[1], &o, e));
    assert_int_equal(json_int_or(json_object_get(o, "calibration"), "pieces", 0), 40);
    json_decref(o);
    farm_rebuilds(m);
}

/* An item that the PLC's own table sorted, and where it went. */
static void table_item(struct farm *m, uint32_t run, int64_t mg, uint16_t went, uint16_t reason)
{
    struct item it = fix_item(&m->f, ++m->seq);
    it.run = run;
    it.rule = 1;
    it.net_mg = mg;
    it.grade = it.outlet = 0;
    it.why = it.outlet_why = 21;
    OK(item_append(m->f.s, &it, e));
    struct outcome o = {.line = m->f.line,
                        .epoch = m->f.epoch,
                        .out = ++m->out,
                        .seq = m->seq,
                        .outlet = went,
                        .reason = reason};
    OK(outcome_append(m->f.s, &o, e));
}

static json_t *route(int grade, int outlet, int overflow)
{
    return overflow ? json_pack("{s:i,s:[i,i]}", "grade", grade, "outlets", outlet, overflow)
                    : json_pack("{s:i,s:[i]}", "grade", grade, "outlets", outlet);
}

/* Grade 1 has outlet 1; outlet 3 belongs to grades 2 and 3; nothing belongs to 5. */
static void start_with_routes(struct farm *m, const char *lot, struct farm_run *r)
{
    farm_take_run(farm_do(m, "run.start", "{s:s,s:s,s:[s],s:o,s:[o,o,o,o]}", "line", "a", "product",
                          "codonopsis-lu", "lots", lot, "rules", farm_rules("codonopsis"), "routes",
                          route(1, 1, 0), route(2, 2, 3), route(3, 3, 0), route(4, 4, 0)),
                  r);
}

static void the_plcs_table_counts_by_outlet(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    json_t *page = NULL;
    farm_lot(m, m->farmer1, 1111110, lot);
    start_with_routes(m, lot, &r);
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 1);
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 3);
    table_item(m, r.run, 10, 1, 1);
    table_item(m, r.run, 100, 2, 1);
    table_item(m, r.run, 1000, 3, 1);   /* of which grade? */
    table_item(m, r.run, 10000, 5, 1);  /* of none */
    table_item(m, r.run, 100000, 1, 6); /* by hand, not by the table: taken out of outlet 1 below */
    table_item(m, r.run, 1000000, 4, 1);
    farm_weigh_no(m, ERR_STATE, "more than one grade", "box", 100000, "{s:s,s:i}", "line", "a",
                  "outlet", 3);
    farm_weigh_no(m, ERR_STATE, "1 of 2 pieces", "box", 100000, "{s:s,s:i}", "line", "a", "outlet",
                  1);
    json_t *a = farm_do(m, "run.stop", "{s:s}", "run", r.id);
    const json_t *outs = json_object_get(a, "outs"), *unrouted = json_object_get(a, "unrouted");
    static const int64_t mg[] = {111000, 10, 100, 0, 1000000};
    for (size_t g = 0; g <= 4; g++)
        assert_int_equal(json_int_or(json_array_get(outs, g), "mg", -1), mg[g]);
    assert_int_equal(json_int_or(unrouted, "pieces", 0), 2);
    assert_int_equal(json_int_or(unrouted, "mg", 0), 11000);
    json_decref(a);
    OK(store_commit(m->f.s, e));
    OK(lot_public(store_db(m->f.s), r.grade[1], &page, e));
    assert_string_equal(json_text_or(page, "grade_basis", ""), "machine");
    assert_true(json_is_null(json_object_get(page, "rule"))); /* ours did not decide */
    json_decref(page);
    farm_rebuilds(m);
}

static void a_box_of_the_plcs_table_is_packed(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 5000000, lot);
    start_with_routes(m, lot, &r);
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 2);
    for (int i = 0; i < 50; i++)
        table_item(m, r.run, 50000, 2, 1);
    json_t *a = farm_weigh(m, "box", 2500000, "{s:s,s:i}", "line", "a", "outlet", 2);
    assert_string_equal(json_text_or(a, "lot", ""), r.grade[2]);
    json_decref(a);
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    farm_rebuilds(m);
}

static void routes_are_checked(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 5000000, lot);
    for (int i = 0; i < 3; i++)
        farm_no(m, ERR_RANGE, i < 2 ? "grade" : "outlet", "run.start", "{s:s,s:s,s:[s],s:o,s:[o]}",
                "line", "a", "product", "codonopsis-lu", "lots", lot, "rules",
                farm_rules("codonopsis"), "routes",
                route(i == 0   ? 0
                      : i == 1 ? 5
                               : 1,
                      i == 2 ? 17 : 1, 0));
}

/* lot.graded of the run's grade-1 lot, the newest: its balance. */
static int64_t told(struct farm *m, const char *lot, const char *key)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT json_extract(CAST(body AS TEXT), '$.balance.%s') FROM event WHERE seq = "
             "(SELECT graded_seq FROM lot WHERE lot = '%s')",
             key, lot);
    return fix_number(store_db(m->f.s), sql);
}

static int64_t on_hand(struct farm *m, const char *lot)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT mg - drawn_mg FROM lot WHERE lot = '%s'", lot);
    return fix_number(store_db(m->f.s), sql);
}

static void the_rest_goes_back_to_its_lot(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE], other[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 10000000, lot);  /* shed-1 */
    farm_lot(m, m->farmer2, 5000000, other); /* shed-2 */
    farm_start_run(m, lot, NULL, &r);
    for (int i = 0; i < 4; i++)
        farm_item(m, r.run, 1, 1000000, 1, 1, 1);
    /* shed-3, before it is stopped */
    json_decref(farm_weigh(m, "run.back", 1000000, "{s:s,s:s}", "run", r.id, "lot", lot));
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    assert_int_equal(told(m, r.grade[1], "in_mg"), 9000000);
    assert_int_equal(told(m, r.grade[1], "loss_mg"), 5000000);
    farm_weigh_no(m, ERR_STATE, "did not go into run", "run.back", 1000000, "{s:s,s:s}", "run",
                  r.id, "lot", other);
    farm_weigh_no(m, ERR_STATE, "only 5.000 kg", "run.back", 6000000, "{s:s,s:s}", "run", r.id,
                  "lot", lot);
    farm_weigh_no(m, ERR_NOT_FOUND, "no run", "run.back", 1000000, "{s:s,s:s}", "run",
                  "R261124-A0015", "lot", lot);
    /* shed-7, afterwards */
    json_t *a = farm_weigh(m, "run.back", 4900000, "{s:s,s:s}", "run", r.id, "lot", lot);
    assert_string_equal(json_text_or(a, "lot", ""), lot);
    json_decref(a);
    assert_int_equal(on_hand(m, lot), 5900000);
    assert_int_equal(told(m, r.grade[1], "in_mg"), 4100000);
    assert_int_equal(told(m, r.grade[1], "out_mg"), 4000000);
    assert_int_equal(told(m, r.grade[1], "loss_mg"), 100000);
    a = balance(m, r.id);
    assert_int_equal(json_int_or(a, "in_mg", 0), 10000000);
    assert_int_equal(line_mg(a, "returned"), 5900000);
    assert_int_equal(line_mg(a, "trimmings"), 0);
    assert_int_equal(line_mg(a, "unexplained"), 100000);
    json_decref(a);
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", "shed-7", "reason", "another crate");
    assert_int_equal(on_hand(m, lot), 1000000);
    assert_int_equal(told(m, r.grade[1], "loss_mg"), 5000000);
    /* shed-8 */
    json_decref(farm_weigh(m, "run.back", 5000000, "{s:s,s:s}", "run", r.id, "lot", lot));
    assert_int_equal(told(m, r.grade[1], "loss_mg"), 0);
    farm_rebuilds(m);
    fix_begin(&m->f);
    farm_start_run(m, lot, NULL, &r); /* it is stock again */
    farm_no(m, ERR_STATE, "drawn on already", "weighing.void", "{s:s,s:s}", "weighing", "shed-8",
            "reason", "late");
    a = balance(m, r.id);
    assert_int_equal(json_int_or(a, "in_mg", 0), 6000000);
    json_decref(a);
    farm_rebuilds(m);
}

/* A lot that was never put on the belt has no part in what came out. */
static void shares_follow_what_went_back(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char one[IDENT_LOT_SIZE], two[IDENT_LOT_SIZE], sql[256];
    farm_lot(m, m->farmer1, 4000000, one);
    farm_lot(m, m->farmer2, 4000000, two);
    farm_start_run(m, one, two, &r);
    for (int i = 0; i < 4; i++)
        farm_item(m, r.run, 1, 1000000, 1, 1, 1);
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    json_decref(farm_weigh(m, "run.back", 4000000, "{s:s,s:s}", "run", r.id, "lot", two));
    snprintf(sql, sizeof sql,
             "SELECT count(*) * 10000000 + sum(ppm) FROM lot_share WHERE lot = '%s'", r.grade[1]);
    assert_int_equal(fix_number(store_db(m->f.s), sql), 11000000);
    snprintf(sql, sizeof sql, "SELECT mg FROM edge WHERE src = '%s' AND dst = '%s'", one,
             r.grade[1]);
    assert_int_equal(fix_number(store_db(m->f.s), sql), 4000000);
    snprintf(sql, sizeof sql, "SELECT mg FROM edge WHERE src = '%s' AND dst = '%s'", two,
             r.grade[1]);
    assert_int_equal(fix_number(store_db(m->f.s), sql), 0);
    assert_int_equal(told(m, r.grade[1], "loss_mg"), 0);
    farm_weigh_no(m, ERR_STATE, "only 0.000 kg", "run.back", 100000, "{s:s,s:s}", "run", r.id,
                  "lot", two);
    farm_rebuilds(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(what_may_not_start),
        FARM_TEST(a_rule_set_is_registered_once),
        FARM_TEST(every_item_counts_once),
        FARM_TEST(the_last_outcome_closes_a_stopping_run),
        FARM_TEST(a_run_goes_on_over_epochs),
        FARM_TEST(a_second_run_starts_where_the_first_ended),
        FARM_TEST(edges_and_shares_add_up),
        FARM_TEST(waste_and_late_items_have_their_lines),
        FARM_TEST(calibration_is_shown),
        FARM_TEST(the_plcs_table_counts_by_outlet),
        FARM_TEST(a_box_of_the_plcs_table_is_packed),
        FARM_TEST(routes_are_checked),
        FARM_TEST(the_rest_goes_back_to_its_lot),
        FARM_TEST(shares_follow_what_went_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
