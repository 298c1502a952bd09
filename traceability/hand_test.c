/* Hand sorting: crate out = returns + loss, one lot per grade, and what is refused. */
#include "traceability/test_farm.h"

struct crate {
    char lot[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE];
};

static void crate_out(struct farm *m, const char *lot, int64_t mg, char task[IDENT_LOT_SIZE])
{
    farm_text(farm_weigh(m, "hand.out", mg, "{s:s,s:s}", "lot", lot, "worker", m->worker), "task",
              task, IDENT_LOT_SIZE);
}

static void back(struct farm *m, const char *task, const char *grade, int64_t mg)
{
    json_decref(farm_weigh(m, "hand.back", mg, "{s:s,s:s}", "task", task, "grade", grade));
}

static void two_crates_make_one_lot_per_grade(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE], one[IDENT_LOT_SIZE], two[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 20000000, lot);
    crate_out(m, lot, 8000000, one);
    crate_out(m, lot, 12000000, two);
    back(m, one, "1", 5000000);
    back(m, two, "1", 6000000);
    back(m, one, "soil", 1000000);
    back(m, two, "2", 5500000);
    json_t *a = farm_do(m, "hand.close", "{s:s}", "task", one);
    assert_int_equal(json_int_or(a, "loss_mg", 0), 2000000);
    json_decref(a);
    a = farm_do(m, "hand.close", "{s:s}", "task", two);
    assert_int_equal(json_int_or(a, "loss_mg", 0), 500000);
    json_decref(a);
    struct db *db = store_db(m->f.s);
    assert_int_equal(fix_number(db, "SELECT count(*) FROM lot WHERE source IS NOT NULL"), 2);
    assert_int_equal(
        fix_number(db, "SELECT mg FROM lot WHERE source IS NOT NULL AND grade_code='1'"), 11000000);
    assert_int_equal(
        fix_number(
            db, "SELECT mg FROM edge WHERE dst = (SELECT lot FROM lot WHERE source IS NOT NULL AND "
                "grade_code='1')"),
        11000000);
    assert_int_equal(fix_number(db, "SELECT mg - drawn_mg FROM lot WHERE kind='intake'"), 0);
    assert_int_equal(
        fix_number(db, "SELECT count(*) FROM task t WHERE out_mg <> loss_mg + (SELECT sum(mg) FROM "
                       "task_return r WHERE r.task = t.task)"),
        0);
    farm_rebuilds(m);
}

static void refusals(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE], open[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 10000000, lot);
    farm_text(farm_do(m, "lot.open", "{s:s,s:s}", "farmer", m->farmer1, "product", "codonopsis-lu"),
              "lot", open, sizeof open);
    farm_weigh_no(m, ERR_STATE, "lot.close", "hand.out", 1000000, "{s:s,s:s}", "lot", open,
                  "worker", m->worker);
    farm_weigh_no(m, ERR_STATE, "not as a worker", "hand.out", 1000000, "{s:s,s:s}", "lot", lot,
                  "worker", m->farmer1);
    farm_weigh_no(m, ERR_NOT_FOUND, "worker.add", "hand.out", 1000000, "{s:s,s:s}", "lot", lot,
                  "worker", "0000000000");
    farm_weigh_no(m, ERR_STATE, "only 10.000 kg on hand", "hand.out", 10060000, "{s:s,s:s}", "lot",
                  lot, "worker", m->worker);
    crate_out(m, lot, 10020000, task); /* within the scale's divisions: the books stay at 0 */
    assert_int_equal(
        fix_number(store_db(m->f.s),
                   "SELECT mg - drawn_mg FROM lot WHERE kind='intake' AND state='used'"),
        0);
    farm_no(m, ERR_STATE, "nothing came back", "hand.close", "{s:s}", "task", task);
    farm_weigh_no(m, ERR_RANGE, "mixed, trimmings or soil", "hand.back", 1000000, "{s:s,s:s}",
                  "task", task, "grade", "4");
    farm_weigh_no(m, ERR_NOT_FOUND, "crate's slip", "hand.back", 1000000, "{s:s,s:s}", "task",
                  "T261124-A999X", "grade", "1");
    farm_weigh_no(m, ERR_STATE, "would have come back", "hand.back", 10080000, "{s:s,s:s}", "task",
                  task, "grade", "1");
    back(m, task, "1", 10040000); /* heavier than it went out, by less than the scales may err */
    json_t *a = farm_do(m, "hand.close", "{s:s}", "task", task);
    assert_int_equal(json_int_or(a, "loss_mg", 0), -20000);
    json_decref(a);
    farm_no(m, ERR_STATE, "closed or void already", "hand.close", "{s:s}", "task", task);
    farm_weigh_no(m, ERR_STATE, "weigh out a new crate", "hand.back", 1000000, "{s:s,s:s}", "task",
                  task, "grade", "1");
    farm_rebuilds(m);
}

static void a_lot_is_packed_when_its_task_is_closed(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE], to[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 10000000, lot);
    crate_out(m, lot, 10000000, task);
    farm_text(farm_weigh(m, "hand.back", 9000000, "{s:s,s:s}", "task", task, "grade", "2"), "to",
              to, sizeof to);
    farm_weigh_no(m, ERR_STATE, "hand.close", "box", 9000000, "{s:s}", "lot", to);
    farm_ok(m, "hand.close", "{s:s}", "task", task);
    json_decref(farm_weigh(m, "box", 9000000, "{s:s}", "lot", to));
    assert_int_equal(
        fix_number(store_db(m->f.s), "SELECT mg - drawn_mg FROM lot WHERE grade_code='2'"), 0);
}

static void voids(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 10000000, lot); /* shed-1 */
    crate_out(m, lot, 6000000, task);       /* shed-2 */
    back(m, task, "1", 5000000);            /* shed-3 */
    back(m, task, "soil", 500000);          /* shed-4 */
    farm_no(m, ERR_STATE, "has returns already", "weighing.void", "{s:s,s:s}", "weighing", "shed-2",
            "reason", "x");
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", "shed-4", "reason", "twice");
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", "shed-3", "reason", "wrong grade");
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", "shed-2", "reason", "wrong lot");
    struct db *db = store_db(m->f.s);
    assert_int_equal(
        fix_number(db, "SELECT mg - drawn_mg FROM lot WHERE kind='intake' AND state='closed'"),
        10000000);
    assert_int_equal(fix_number(db, "SELECT sum(mg) FROM lot WHERE kind='graded'"), 0);
    assert_int_equal(fix_number(db, "SELECT sum(mg) FROM edge"), 0);
    farm_weigh_no(m, ERR_STATE, "is void", "hand.back", 1000000, "{s:s,s:s}", "task", task, "grade",
                  "1");
    crate_out(m, lot, 6000000, task); /* shed-6 */
    back(m, task, "1", 5000000);      /* shed-7 */
    farm_ok(m, "hand.close", "{s:s}", "task", task);
    farm_no(m, ERR_STATE, "its returns stand", "weighing.void", "{s:s,s:s}", "weighing", "shed-7",
            "reason", "x");
    farm_rebuilds(m);
}

static void mixed_goods_are_sorted_again(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE], mixed[IDENT_LOT_SIZE], other[IDENT_LOT_SIZE];
    json_t *o = NULL;
    farm_lot(m, m->farmer1, 4000000, lot);
    farm_lot(m, m->farmer2, 3000000, other);
    crate_out(m, lot, 4000000, task);
    farm_text(farm_weigh(m, "hand.back", 1000000, "{s:s,s:s}", "task", task, "grade", "mixed"),
              "to", mixed, sizeof mixed);
    farm_ok(m, "hand.close", "{s:s}", "task", task);
    farm_start_run(m, mixed, other, &r);
    for (int i = 0; i < 80; i++)
        farm_item(m, r.run, 1, 50000, 1, 1, 1);
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    OK(lot_show(store_db(m->f.s), r.grade[1], &o, e));
    const json_t *farms = json_object_get(o, "farms");
    assert_int_equal(json_int_or(json_array_get(farms, 0), "share_ppm", 0), 750000);
    assert_string_equal(json_text_or(json_array_get(farms, 0), "farmer", ""), m->farmer2);
    assert_string_equal(json_text_or(json_array_get(farms, 1), "farmer", ""), m->farmer1);
    json_decref(o);
    farm_rebuilds(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(two_crates_make_one_lot_per_grade),
        FARM_TEST(refusals),
        FARM_TEST(a_lot_is_packed_when_its_task_is_closed),
        FARM_TEST(voids),
        FARM_TEST(mixed_goods_are_sorted_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
