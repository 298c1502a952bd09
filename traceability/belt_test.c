/* Runs and boxes of the belt at the edge of what is allowed: a stopping run that is asked again and
 * again, one that gave everything back, a box of which not all is known. */
#include "traceability/test_farm.h"
#include "traceability/box.h"

/* ---- boxes ---- */

static void an_out_index_that_cannot_be_is_refused(void **state)
{
    struct farm *m = *state;
    farm_no(m, ERR_RANGE, "\"out\"", "box.open", "{s:s,s:i,s:i}", "line", "a", "outlet", 1, "out",
            -1);
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 1);
    farm_weigh_no(m, ERR_RANGE, "\"close_out\"", "box", 1000000, "{s:s,s:i,s:I}", "line", "a",
                  "outlet", 1, "close_out", (json_int_t)INT64_C(4294967296));
}

/* ---- runs ---- */

static void a_run_that_is_asked_to_stop_again_waits_on(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 1000000, lot);
    farm_start_run(m, lot, NULL, &r);
    farm_item(m, r.run, 1, 50000, 1, 1, 1);
    farm_item(m, r.run, 1, 50000, 1, 1, 0); /* still on its way */
    for (int i = 0; i < 3; i++) {
        json_t *a = farm_do(m, "run.stop", "{s:s}", "run", r.id);
        assert_string_equal(json_text_or(a, "state", ""), "stopping");
        assert_int_equal(json_int_or(a, "in_flight", 0), 1);
        json_decref(a);
        OK(run_settle(m->f.s, mono_now(), e));
    }
    assert_int_equal(
        fix_number(store_db(m->f.s), "SELECT count(*) FROM event WHERE kind = 'run.stopped'"), 1);
    struct mono later = mono_now();
    later.ns += INT64_C(61) * 1000000000;
    OK(run_settle(m->f.s, later, e)); /* nobody knows where it went */
    assert_int_equal(
        fix_number(store_db(m->f.s), "SELECT unknown_pieces FROM run WHERE state = 'closed'"), 1);
    farm_rebuilds(m);
}

/* More runs than a store remembers the waits of: the newest still waits its minute. */
static void the_wait_of_a_run_is_kept_behind_many_others(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    for (int i = 0; i < 66; i++) {
        farm_lot(m, m->farmer1, 100000, lot);
        farm_start_run(m, lot, NULL, &r);
        farm_item(m, r.run, 1, 50000, 1, 1, 0);
        farm_ok(m, "run.stop", "{s:s}", "run", r.id);
        OK(run_settle(m->f.s, mono_now(), e));
        assert_int_equal(
            fix_number(store_db(m->f.s), "SELECT count(*) FROM run WHERE state = 'stopping'"), 1);
        struct mono later = mono_now();
        later.ns += INT64_C(61) * 1000000000;
        OK(run_settle(m->f.s, later, e));
        assert_int_equal(
            fix_number(store_db(m->f.s), "SELECT count(*) FROM run WHERE state = 'stopping'"), 0);
    }
}

/* A void crate gives everything back; a run that got everything back keeps the shares it had. */
static void a_run_that_gave_everything_back_has_lost_nothing(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    json_t *o = NULL;
    farm_lot(m, m->farmer1, 3000000, lot);
    farm_start_run(m, lot, NULL, &r);
    json_decref(farm_weigh(m, "run.back", 3010000, "{s:s,s:s}", "run", r.id, "lot", lot));
    farm_weigh_no(m, ERR_STATE, "only 0.000 kg", "run.back", 100000, "{s:s,s:s}", "run", r.id,
                  "lot", lot);
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    OK(run_balance(store_db(m->f.s), r.id, &o, e));
    assert_int_equal(json_int_or(json_object_get(o, "returned"), "mg", 0), 3000000);
    assert_int_equal(json_int_or(json_object_get(o, "unexplained"), "mg", -1), 0);
    json_decref(o);
    assert_int_equal(
        fix_number(store_db(m->f.s), "SELECT mg - drawn_mg FROM lot WHERE kind = 'intake'"),
        3000000);
    assert_int_equal(
        fix_number(store_db(m->f.s),
                   "SELECT count(*) FROM lot_share WHERE lot LIKE 'G%' AND ppm <> 1000000"),
        0);
    farm_rebuilds(m);
}

static void a_small_lot_of_the_belt_gives_two_divisions_more_than_its_books(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 1000000, lot);
    farm_start_run(m, lot, NULL, &r);
    farm_item(m, r.run, 1, 1000000, 1, 1, 1);
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    farm_weigh_no(m, ERR_STATE, "has 1.000 kg on hand", "box", 1042000, "{s:s}", "lot", r.grade[1]);
    json_decref(farm_weigh(m, "box", 1040000, "{s:s}", "lot", r.grade[1]));
}

static void a_piece_that_was_never_read_is_unknown_in_its_box(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    struct box_row b;
    char lot[IDENT_LOT_SIZE], box[IDENT_BOX_SIZE];
    farm_lot(m, m->farmer1, 1000000, lot);
    farm_start_run(m, lot, NULL, &r);
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 1);
    farm_item(m, r.run, 1, 500000, 1, 1, 1);
    struct gap g = {.kind = GAP_ITEMS,
                    .line = m->f.line,
                    .epoch = m->f.epoch,
                    .from = m->seq + 1,
                    .to = m->seq + 1,
                    .count = 1,
                    .cause = "items-overrun"};
    OK(gap_append(m->f.s, &g, e));
    struct outcome o = {.line = m->f.line,
                        .epoch = m->f.epoch,
                        .out = ++m->out,
                        .seq = ++m->seq,
                        .outlet = 1,
                        .reason = 1};
    OK(outcome_append(m->f.s, &o, e));
    farm_text(farm_weigh(m, "box", 500000, "{s:s,s:i}", "line", "a", "outlet", 1), "box", box,
              sizeof box);
    OK(box_get(store_db(m->f.s), box, &b, e));
    assert_int_equal(b.pieces, 1);
    assert_int_equal(b.unknown, 1);
}

static void a_label_needs_the_cooperatives_name(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    json_t *o = NULL;
    farm_demo(m, &d);
    fix_begin(&m->f);
    OK(db_exec(store_db(m->f.s), "DELETE FROM coop", e));
    farm_ok(m, "scale.check", "{s:s,s:[{s:i,s:i}]}", "scale", "floor", "weights", "applied_mg",
            20000000, "shown_mg", 20000000); /* its day began with the clock of the cooperative */
    farm_weigh_no(m, ERR_STATE, "coop.set", "box", 500000, "{s:s}", "lot", d.hand1);
    OK(lot_public(store_db(m->f.s), d.box, &o, e));
    assert_int_equal(json_object_size(json_object_get(o, "coop")), 0);
    json_decref(o);
    store_rollback(m->f.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(an_out_index_that_cannot_be_is_refused),
        FARM_TEST(a_run_that_is_asked_to_stop_again_waits_on),
        FARM_TEST(the_wait_of_a_run_is_kept_behind_many_others),
        FARM_TEST(a_run_that_gave_everything_back_has_lost_nothing),
        FARM_TEST(a_small_lot_of_the_belt_gives_two_divisions_more_than_its_books),
        FARM_TEST(a_piece_that_was_never_read_is_unknown_in_its_box),
        FARM_TEST(a_label_needs_the_cooperatives_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
