/* Boxes: what stands under an outlet, what may be packed, what the seal commits to. */
#include "traceability/test_farm.h"
#include "traceability/box.h"
#include "traceability/seal.h"

static void open_box(struct farm *m, int outlet)
{
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", outlet);
}

static void items(struct farm *m, uint32_t run, int n, uint16_t grade, uint16_t outlet)
{
    for (int i = 0; i < n; i++)
        farm_item(m, run, grade, 50000, outlet, outlet, 1);
}

static void started(struct farm *m, int64_t mg, struct farm_run *r, char lot[IDENT_LOT_SIZE])
{
    farm_lot(m, m->farmer1, mg, lot);
    farm_start_run(m, lot, NULL, r);
}

#define close_box(m, outlet)                                                                       \
    farm_weigh(m, "box", 1000000, "{s:s,s:i}", "line", "a", "outlet", outlet)
#define close_no(m, says, outlet)                                                                  \
    farm_weigh_no(m, ERR_STATE, says, "box", 1000000, "{s:s,s:i}", "line", "a", "outlet", outlet)

static void a_box_holds_what_came_between(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE], box[11];
    struct box_row b;
    started(m, 5000000, &r, lot);
    items(m, r.run, 3, 1, 1); /* before the box */
    open_box(m, 1);
    items(m, r.run, 7, 1, 1);
    items(m, r.run, 2, 2, 2); /* another outlet */
    uint32_t out = m->out;
    items(m, r.run, 4, 1, 1); /* after the closing OUT_INDEX */
    farm_text(farm_weigh(m, "box", 350000, "{s:s,s:i,s:i}", "line", "a", "outlet", 1, "close_out",
                         (int)out),
              "box", box, sizeof box);
    OK(box_get(store_db(m->f.s), box, &b, e));
    assert_int_equal(b.pieces, 7);
    assert_int_equal(b.items_mg, 350000);
    assert_int_equal(b.net_mg, 350000);
    assert_string_equal(b.lot, r.grade[1]);
    farm_rebuilds(m);
}

static void what_is_mixed_or_unsure_is_not_packed(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    started(m, 5000000, &r, lot);
    close_no(m, "no box stands under outlet 1", 1);
    open_box(m, 1);
    farm_no(m, ERR_STATE, "weigh it to close it", "box.open", "{s:s,s:i}", "line", "a", "outlet",
            1);
    close_no(m, "nothing came to outlet 1", 1);
    items(m, r.run, 5, 1, 1);
    farm_item(m, r.run, 2, 50000, 2, 1, 3); /* overflow fell into it */
    close_no(m, "1 of 6 pieces at outlet 1 are not of its grade (outcome reason 3)", 1);
    farm_ok(m, "box.cancel", "{s:s,s:i,s:s}", "line", "a", "outlet", 1, "reason",
            "overflow fell into it");
    farm_no(m, ERR_NOT_FOUND, "no box stands", "box.cancel", "{s:s,s:i,s:s}", "line", "a", "outlet",
            1, "reason", "x");
    open_box(m, 4);
    farm_item(m, r.run, 3, 50000, 3, 4, 2);
    close_no(m, "rework only", 4);
    open_box(m, 5);
    items(m, r.run, 3, 4, 5);
    close_no(m, "is reject", 5);
    farm_weigh_no(m, ERR_STATE, "to be sorted again", "box", 50000, "{s:s}", "lot", r.grade[0]);
    farm_weigh_no(m, ERR_STATE, "as it was delivered", "box", 50000, "{s:s}", "lot", lot);
    farm_weigh_no(m, ERR_STATE, "stop its run", "box", 50000, "{s:s}", "lot", r.grade[1]);
    farm_weigh_no(m, ERR_KEY, "not by both", "box", 50000, "{s:s,s:s}", "lot", lot, "line", "a");
    farm_rebuilds(m);
}

static void two_runs_do_not_share_a_box(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    started(m, 150000, &r, lot);
    open_box(m, 1);
    items(m, r.run, 3, 1, 1);
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    started(m, 150000, &r, lot);
    items(m, r.run, 2, 1, 1);
    close_no(m, "are not of its grade", 1);
}

static void lost_outcomes_are_told(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    struct box_row b;
    char lot[IDENT_LOT_SIZE], box[11];
    started(m, 1000000, &r, lot);
    items(m, r.run, 2, 1, 1);
    open_box(m, 1);
    items(m, r.run, 4, 1, 1);
    for (int i = 0; i < 3; i++)
        farm_item(m, r.run, 1, 50000, 1, 0, 0);
    struct gap g = {.kind = GAP_OUTCOMES,
                    .line = m->f.line,
                    .epoch = m->f.epoch,
                    .from = m->out + 1,
                    .to = m->out + 3,
                    .count = 3,
                    .cause = "outcomes-overrun"};
    OK(gap_append(m->f.s, &g, e));
    m->out += 3;
    items(m, r.run, 1, 1, 1);
    farm_text(close_box(m, 1), "box", box, sizeof box);
    OK(box_get(store_db(m->f.s), box, &b, e));
    assert_int_equal(b.pieces, 5);
    assert_int_equal(b.unknown, 3);
}

static void loose_goods_are_packed_by_lot(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE], box[11];
    json_t *o = NULL;
    started(m, 5000000, &r, lot);
    items(m, r.run, 100, 1, 1);
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    farm_weigh_no(m, ERR_STATE, "has 5.000 kg on hand", "box", 5200000, "{s:s}", "lot", r.grade[1]);
    farm_text(farm_weigh(m, "box", 4000000, "{s:s}", "lot", r.grade[1]), "box", box, sizeof box);
    farm_text(farm_weigh(m, "box", 1050000, "{s:s}", "lot", r.grade[1]), "box", box, sizeof box);
    OK(lot_show(store_db(m->f.s), r.grade[1], &o, e));
    assert_int_equal(json_int_or(o, "on_hand_mg", -1), 0);
    assert_int_equal(json_int_or(o, "packed_net_mg", -1), 5050000);
    json_decref(o);
    farm_weigh_no(m, ERR_STATE, "on hand", "box", 50000, "{s:s}", "lot", r.grade[1]);
    farm_rebuilds(m);
}

static void a_void_box_gives_its_goods_back(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    struct box_row b;
    json_t *o = NULL;
    farm_demo(m, &d);
    fix_begin(&m->f);
    OK(box_get(store_db(m->f.s), d.seal, &b, e)); /* by its seal */
    assert_string_equal(b.box, d.box);
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", b.weighing, "reason", "torn");
    OK(store_commit(m->f.s, e));
    OK(lot_public(store_db(m->f.s), d.box, &o, e));
    assert_string_equal(json_text_or(o, "verdict", ""), "void");
    assert_string_equal(json_text_or(o, "reason", ""), "torn");
    json_decref(o);
    OK(lot_show(store_db(m->f.s), d.run.grade[1], &o, e));
    assert_int_equal(json_int_or(o, "on_hand_mg", -1), 10000000);
    json_decref(o);
    assert_int_equal(
        fix_number(store_db(m->f.s), "SELECT count(*) FROM event WHERE kind='box.voided'"), 1);
    farm_rebuilds(m);
}

static void the_seal_commits_to_what_is_printed(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    json_t *o = NULL, *record = NULL;
    farm_demo(m, &d);
    OK(lot_public(store_db(m->f.s), d.box, &o, e));
    const json_t *seal = json_object_get(o, "seal");
    const char *text = json_text_or(seal, "record", ""), *nonce = json_text_or(seal, "nonce", "");
    OK(json_parse(text, strlen(text), &record, e));
    assert_string_equal(json_text_or(record, "id", ""), d.box);
    assert_string_equal(json_text_or(record, "lot", ""), d.run.grade[1]);
    assert_string_equal(json_text_or(record, "grade", ""), "1");
    assert_string_equal(json_text_or(record, "product", ""), "codonopsis-lu");
    assert_int_equal(json_int_or(record, "net_mg", 0), 10010000);
    assert_int_equal(json_object_size(record), 7);
    assert_true(seal_holds(d.seal, text, strlen(text), nonce));
    assert_false(seal_holds(d.seal, text, strlen(text) - 1, nonce));
    json_decref(record);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(a_box_holds_what_came_between),
        FARM_TEST(what_is_mixed_or_unsure_is_not_packed),
        FARM_TEST(two_runs_do_not_share_a_box),
        FARM_TEST(lost_outcomes_are_told),
        FARM_TEST(loose_goods_are_packed_by_lot),
        FARM_TEST(a_void_box_gives_its_goods_back),
        FARM_TEST(the_seal_commits_to_what_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
