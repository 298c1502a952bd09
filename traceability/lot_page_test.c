/* What the shed and the buyers are shown of lots that are unusual: unfinished, very many, held,
 * recalled. */
#include "traceability/test_farm.h"
#include "traceability/run_state.h"

static void a_run_has_no_page_for_buyers(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    json_t *o = NULL;
    struct err why = {0};
    farm_demo(m, &d);
    assert_int_equal(lot_public(store_db(m->f.s), d.run.id, &o, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "number of a lot or a box"));
    assert_null(o);
}

static void pages_of_unusual_lots_are_whole(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    json_t *o = NULL;
    farm_demo(m, &d);
    OK(lot_public(store_db(m->f.s), d.run.grade[0], &o, e)); /* rework */
    assert_string_equal(json_text_or(json_object_get(o, "grade"), "name_en", ""),
                        "to be sorted again");
    json_decref(o);
    fix_begin(&m->f);
    farm_ok(m, "product.add", "{s:s,s:s,s:s,s:s,s:s}", "product", "codonopsis-lu", "crop",
            "codonopsis", "name_zh", "潞党", "name_en", "Lu", "gtin", "6291041500213");
    farm_lot(m, m->farmer1, 1000000, lot);
    farm_start_run(m, lot, NULL, &r);
    farm_item(m, r.run, 1, 50000, 1, 1, 1);
    fix_commit(&m->f);
    OK(lot_public(store_db(m->f.s), r.grade[1], &o, e)); /* its run goes on: nothing is lost yet */
    assert_int_equal(json_int_or(json_object_get(o, "balance"), "loss_mg", -1), 0);
    assert_string_equal(json_text_or(json_object_get(o, "product"), "gtin", ""), "06291041500213");
    assert_true(json_is_null(json_object_get(o, "net_mg")));
    json_decref(o);
}

/* An event is bounded: of very many farms the smallest stand as one line. */
static void very_many_farms_stand_as_one_line_at_the_end(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    json_t *o = NULL;
    int64_t sum = 0;
    farm_demo(m, &d);
    fix_begin(&m->f);
    OK(db_exec(store_db(m->f.s), "DELETE FROM lot_share", e));
    struct stmt *s =
        db_q(store_db(m->f.s),
             "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
             "INSERT INTO lot_share(lot, alias, farmer, ppm) SELECT ?1, i, 'P' || i, 2000 FROM n");
    assert_int_equal(q_run(q_text(s, 1, d.run.grade[1])), 0);
    OK(lot_public(store_db(m->f.s), d.run.grade[1], &o, e));
    const json_t *farms = json_object_get(o, "farms");
    assert_int_equal(json_array_size(farms), 401);
    for (size_t i = 0; i < 401; i++)
        sum += json_int_or(json_array_get(farms, i), "share_ppm", 0);
    assert_int_equal(sum, 1000000);
    assert_string_equal(json_text_or(json_array_get(farms, 400), "alias", ""), "others");
    json_decref(o);
    store_rollback(m->f.s);
}

static void a_list_is_as_long_as_it_was_asked_for(void **state)
{
    static const struct {
        int64_t limit;
        size_t lots;
    } rows[] = {{0, 0}, {2, 2}, {10, 3}, {-1, 3}, {INT64_MAX, 3}};
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    for (int i = 0; i < 3; i++)
        farm_lot(m, m->farmer1, 1000000, lot);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *o = NULL;
        OK(lot_list(store_db(m->f.s), rows[i].limit, &o, e));
        assert_int_equal(json_array_size(o), rows[i].lots);
        json_decref(o);
    }
}

static void a_hold_that_is_over_is_shown_with_both_its_times(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    json_t *o = NULL;
    farm_lot(m, m->farmer1, 1000000, lot);
    farm_ok(m, "hold.place", "{s:s,s:s}", "lot", lot, "reason", "smells");
    farm_ok(m, "hold.release", "{s:s,s:s}", "lot", lot, "reason", "aired");
    farm_ok(m, "hold.place", "{s:s,s:s}", "lot", lot, "reason", "smells again");
    OK(lot_show(store_db(m->f.s), lot, &o, e));
    const json_t *holds = json_object_get(o, "holds");
    assert_int_equal(json_array_size(holds), 2);
    const json_t *over = json_array_get(holds, 0), *stands = json_array_get(holds, 1);
    assert_true(json_int_or(over, "released_ms", 0) >= json_int_or(over, "at_ms", INT64_MAX));
    assert_null(json_object_get(stands, "released_ms"));
    assert_string_equal(json_text_or(stands, "reason", ""), "smells again");
    json_decref(o);
}

/* An event is bounded: a recall of more graded lots than one holds is told in parts, and all are
 * told. */
static void a_recall_of_very_many_lots_is_told_in_parts(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    struct db *db = store_db(m->f.s);
    farm_demo(m, &d);
    fix_begin(&m->f);
    struct stmt *s =
        db_q(db, "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 1100) "
                 "INSERT INTO "
                 "edge(src, dst, via, mg, event_seq) SELECT ?1, 'X' || i, 'hand', 1, 1 FROM n");
    assert_int_equal(q_run(q_text(s, 1, d.lot3)), 0);
    s = db_q(
        db, "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 1100) "
            "INSERT INTO "
            "lot(lot, kind, state, product, unit, mg, drawn_mg, net_mg, recalled, opened_ms, "
            "opened_seq) "
            "SELECT 'X' || i, 'graded', 'closed', 'codonopsis-lu', 'GRM', 1, 0, 0, 0, 1, 1 FROM n");
    assert_int_equal(q_run(s), 0);
    json_t *a = farm_do(m, "recall.start", "{s:s,s:s}", "id", d.lot3, "reason", "stones");
    assert_int_equal(json_array_size(json_object_get(a, "recalled")),
                     1102); /* and two of the demo */
    json_decref(a);
    assert_int_equal(fix_number(db, "SELECT count(*) FROM event WHERE kind = 'recall.started'"), 2);
    assert_int_equal(fix_number(db, "SELECT count(*) FROM lot WHERE recalled"), 1102);
    store_rollback(m->f.s);
}

struct filled {
    int64_t outlet, mg;
    int calls;
};

static void add_fill(void *ctx, int64_t outlet, int64_t net_mg)
{
    struct filled *f = ctx;
    *f = (struct filled){outlet, net_mg, f->calls + 1};
}

/* After a restart the line knows how full the box is that stands there. */
static void a_box_is_as_full_as_what_came_since_it_was_opened(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    struct filled f = {0};
    char lot[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 1000000, lot);
    farm_start_run(m, lot, NULL, &r);
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 2);
    for (int i = 0; i < 6; i++) {
        struct item it = fix_item(&m->f, ++m->seq);
        it.run = r.run;
        it.net_mg = 1000 << i;
        it.outlet = (uint16_t)(i % 2 + 1);
        it.at.ms = wall_now().ms + (i < 2 ? -DAY_MS : i);
        OK(item_append(m->f.s, &it, e));
    }
    OK(run_state_fill(store_db(m->f.s), "a", add_fill, &f, e));
    assert_int_equal(f.calls, 1);
    assert_int_equal(f.outlet, 2);
    assert_int_equal(f.mg, (1000 << 3) + (1000 << 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(a_run_has_no_page_for_buyers),
        FARM_TEST(pages_of_unusual_lots_are_whole),
        FARM_TEST(very_many_farms_stand_as_one_line_at_the_end),
        FARM_TEST(a_list_is_as_long_as_it_was_asked_for),
        FARM_TEST(a_hold_that_is_over_is_shown_with_both_its_times),
        FARM_TEST(a_recall_of_very_many_lots_is_told_in_parts),
        FARM_TEST(a_box_is_as_full_as_what_came_since_it_was_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
