/* Questions about lots, boxes, runs and people while a statement fails, or a piece of memory is not
 * there: the answer is whole, or it is an error with a reason. A list with a hole would hide goods
 * from a recall. */
#include "traceability/test_farm.h"
#include "traceability/box.h"
#include "traceability/people.h"
#include "traceability/problem.h"
#include "traceability/run_state.h"
#include "traceability/scale.h"
#include "traceability/step.h"
#include "traceability/test_fault.h"
#include "traceability/totals.h"

struct asking {
    struct farm *m;
    struct farm_demo d;
    char void_box[IDENT_BOX_SIZE], open[IDENT_LOT_SIZE], old_run[IDENT_LOT_SIZE];
    struct farm_run going;
};

static struct db *db_of(const struct asking *a)
{
    return store_db(a->m->f.s);
}

/* ---- questions: an answer as a value ---- */

typedef int question(struct asking *a, json_t **ret, struct err *e);

static int all_lots(struct asking *a, json_t **ret, struct err *e)
{
    return lot_list(db_of(a), -1, ret, e);
}

static int a_delivered_lot(struct asking *a, json_t **ret, struct err *e)
{
    return lot_show(db_of(a), a->d.lot3, ret, e);
}

static int a_held_lot_of_the_belt(struct asking *a, json_t **ret, struct err *e)
{
    return lot_show(db_of(a), a->d.run.grade[1], ret, e);
}

static int a_lot_of_an_open_run(struct asking *a, json_t **ret, struct err *e)
{
    return lot_show(db_of(a), a->going.grade[1], ret, e);
}

static int a_box(struct asking *a, json_t **ret, struct err *e)
{
    return lot_show(db_of(a), a->d.box, ret, e);
}

static int a_closed_run(struct asking *a, json_t **ret, struct err *e)
{
    return lot_show(db_of(a), a->d.run.id, ret, e);
}

static int an_open_run(struct asking *a, json_t **ret, struct err *e)
{
    return run_balance(db_of(a), a->going.id, ret, e);
}

static int a_recall(struct asking *a, json_t **ret, struct err *e)
{
    return lot_recall(db_of(a), a->d.box, ret, e);
}

static int the_page_of_a_held_box(struct asking *a, json_t **ret, struct err *e)
{
    return lot_public(db_of(a), a->d.box, ret, e);
}

static int the_page_of_a_void_box(struct asking *a, json_t **ret, struct err *e)
{
    return lot_public(db_of(a), a->void_box, ret, e);
}

static int the_page_of_a_recalled_lot(struct asking *a, json_t **ret, struct err *e)
{
    return lot_public(db_of(a), a->d.hand1, ret, e);
}

static int reports_of_buyers(struct asking *a, json_t **ret, struct err *e)
{
    return problem_list(a->m->f.s, 10, ret, e);
}

static int the_people(struct asking *a, json_t **ret, struct err *e)
{
    return people_find(a->m->f.s, "farmer", "z", 10, ret, e);
}

static int a_name_and_an_alias(struct asking *a, json_t **ret, struct err *e)
{
    char name[PEOPLE_NAME_MAX + 1], alias[PEOPLE_PID_SIZE];
    int rc = people_name(a->m->f.s, a->m->farmer1, name, sizeof name, e);
    if (rc == 0)
        rc = people_alias(a->m->f.s, a->m->farmer1, a->d.lot1, alias, e);
    if (rc == 0)
        *ret = json_pack("[s,s]", name, alias);
    return rc;
}

static int the_run_of_a_line(struct asking *a, json_t **ret, struct err *e)
{
    struct run_state r;
    int rc = run_state_of(db_of(a), "a", &r, e);
    if (rc == 0)
        *ret = json_pack("[i,i,s,s,s,b]", (int)r.run, (int)r.rule, r.id, r.crop, r.ruleset, r.held);
    return rc;
}

static void add_sum(void *ctx, uint16_t grade, uint32_t defects, int64_t net_mg)
{
    json_array_append_new(ctx, json_pack("[i,i,I]", grade, (int)defects, (json_int_t)net_mg));
}

static void add_fill(void *ctx, int64_t outlet, int64_t net_mg)
{
    json_array_append_new(ctx, json_pack("[I,I]", (json_int_t)outlet, (json_int_t)net_mg));
}

static int sums_by_grade_and_outlet(struct asking *a, json_t **ret, struct err *e)
{
    json_t *sums = json_array();
    int rc = run_state_sums(db_of(a), a->going.run, add_sum, sums, e);
    if (rc == 0)
        rc = run_state_fill(db_of(a), "a", add_fill, sums, e);
    if (rc == 0)
        *ret = sums;
    else
        json_decref(sums);
    return rc;
}

static int a_scale_and_its_station(struct asking *a, json_t **ret, struct err *e)
{
    struct scale_facts f;
    uint32_t last;
    int rc = scale_facts(db_of(a), "floor", wall_now(), &f, e);
    if (rc == 0)
        rc = station_last_placement(db_of(a), "shed", &last, e);
    if (rc == 0)
        *ret = json_pack("[s,s,b,i]", f.role, f.certificate, f.checked, (int)last);
    return rc;
}

static int what_is_under_an_outlet(struct asking *a, json_t **ret, struct err *e)
{
    struct box_content b;
    uint32_t line;
    int64_t to;
    int rc = totals_newest(db_of(a), "a", &line, &to, e);
    if (rc == 0)
        rc = totals_box(db_of(a), "a", 1, 0, to, &b, e);
    if (rc == 0)
        *ret = json_pack("[i,I,I,I]", (int)b.run, (json_int_t)b.good.pieces,
                         (json_int_t)b.other.pieces, (json_int_t)b.unknown);
    return rc;
}

/* values: the answer is made of JSON by what is asked, and not by the question above */
static const struct {
    const char *name;
    question *ask;
    bool values;
} questions[] = {
    {"all lots", all_lots, true},
    {"a delivered lot", a_delivered_lot, true},
    {"a held lot of the belt", a_held_lot_of_the_belt, true},
    {"a lot of an open run", a_lot_of_an_open_run, true},
    {"a box", a_box, true},
    {"a closed run", a_closed_run, true},
    {"an open run", an_open_run, true},
    {"a recall", a_recall, true},
    {"the page of a held box", the_page_of_a_held_box, true},
    {"the page of a void box", the_page_of_a_void_box, true},
    {"the page of a recalled lot", the_page_of_a_recalled_lot, true},
    {"reports of buyers", reports_of_buyers, true},
    {"the people", the_people, true},
    {"a name and an alias", a_name_and_an_alias, false},
    {"the run of a line", the_run_of_a_line, false},
    {"sums by grade and outlet", sums_by_grade_and_outlet, false},
    {"a scale and its station", a_scale_and_its_station, false},
    {"what is under an outlet", what_is_under_an_outlet, false},
};

/* ---- a record in which there is something to answer ---- */

static void prepare(struct farm *m, struct asking *a)
{
    char weighing[40], box2[IDENT_BOX_SIZE];
    *a = (struct asking){.m = m};
    farm_demo(m, &a->d);
    fix_begin(&m->f);
    json_t *o = farm_weigh(m, "box", 500000, "{s:s}", "lot", a->d.hand1);
    snprintf(a->void_box, sizeof a->void_box, "%s", json_text_or(o, "box", ""));
    farm_text(o, "weighing", weighing, sizeof weighing);
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", weighing, "reason", "twice");
    farm_text(farm_weigh(m, "box", 400000, "{s:s}", "lot", a->d.hand1), "box", box2, sizeof box2);
    farm_ok(m, "problem.report", "{s:s,s:s}", "id", a->d.box, "text", "a stone");
    farm_ok(m, "hold.place", "{s:s,s:s}", "lot", a->d.lot2, "reason", "smells");
    farm_ok(m, "hold.release", "{s:s,s:s}", "lot", a->d.lot2, "reason", "aired");
    farm_lot(m, m->farmer2, 1000000, a->open);
    farm_start_run(m, a->open, NULL, &a->going);
    farm_ok(m, "run.calibrate", "{s:s,s:i,s:i,s:s}", "run", a->d.run.id, "pieces", 5, "weighed_mg",
            90, "detail", "calliper");
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 1);
    for (int i = 0; i < 4; i++)
        farm_item(m, a->going.run, 1, 50000, 1, 1, i < 3 ? 1 : 0);
    farm_ok(m, "hold.place", "{s:s,s:s}", "lot", a->d.lot1, "reason", "smells");
    farm_ok(m, "recall.start", "{s:s,s:s}", "id", a->d.hand_box, "reason", "stones");
    fix_commit(&m->f);
}

static char *answer_to(struct asking *a, size_t i)
{
    json_t *o = NULL;
    OK(questions[i].ask(a, &o, e));
    char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null(text);
    json_decref(o);
    return text;
}

/* True when the n-th was reached. */
static bool fails_at(struct asking *a, size_t i, enum fault_kind kind, int n, const char *whole)
{
    json_t *o = NULL;
    struct err why = {0};
    fault_set(kind, n);
    int rc = questions[i].ask(a, &o, &why);
    bool fired = fault_end();
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (rc == 0 && (!text || strcmp(text, whole) != 0))
        fail_msg("%s, failure %d: %s instead of %s", questions[i].name, n, text ? text : "nothing",
                 whole);
    if (rc && (!fired || o || why.code != rc || !why.text[0]))
        fail_msg("%s, failure %d: %s: \"%s\"", questions[i].name, n, err_name(rc), why.text);
    free(text);
    json_decref(o);
    return fired;
}

static void every_question(struct farm *m, enum fault_kind kind, int step)
{
    struct asking a;
    prepare(m, &a);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        if (kind == FAULT_JSON && !questions[i].values)
            continue;
        char *whole = answer_to(&a, i);
        int n = 0;
        while (fails_at(&a, i, kind, n, whole))
            n += step;
        assert_true(n > 0);
        free(whole);
    }
}

static void a_statement_that_fails_leaves_no_hole_in_an_answer(void **state)
{
    every_question(*state, FAULT_STEP, 1);
}

static void memory_that_is_not_there_leaves_no_hole_in_an_answer(void **state)
{
    every_question(*state, FAULT_JSON, 3);
}

/* What cannot be asked must not be taken for a no. */
static void a_page_that_cannot_be_read_whole_gives_no_verdict(void **state)
{
    struct asking a;
    int refused = 0;
    prepare(*state, &a);
    for (int n = 0;; n++, refused++) {
        json_t *o = NULL;
        fault_set(FAULT_STEP, n);
        int rc = lot_public(db_of(&a), a.d.hand1, &o, NULL);
        bool fired = fault_end();
        if (rc == 0)
            assert_string_equal(json_text_or(o, "verdict", ""), "recalled");
        json_decref(o);
        if (!fired)
            break;
        assert_true(step_trouble(rc) && !o);
    }
    assert_true(refused > 10);
}

/* Another day's checks and numbers would be taken for this one's. */
static void a_time_zone_that_cannot_be_read_is_not_the_usual_one(void **state)
{
    struct farm *m = *state;
    struct err why = {0};
    int min = 1;
    char day[7] = "000000";
    fault_set(FAULT_STEP, 0);
    int rc = ident_offset_min(store_db(m->f.s), &min, &why);
    assert_true(fault_end());
    assert_true(step_trouble(rc) && why.code == rc && why.text[0]);
    assert_int_equal(min, 1);
    fault_set(FAULT_STEP, 0);
    assert_true(step_trouble(ident_day(store_db(m->f.s), wall_now(), day, &why)));
    assert_true(fault_end());
    assert_string_equal(day, "000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(a_statement_that_fails_leaves_no_hole_in_an_answer),
        FARM_TEST(memory_that_is_not_there_leaves_no_hole_in_an_answer),
        FARM_TEST(a_page_that_cannot_be_read_whole_gives_no_verdict),
        FARM_TEST(a_time_zone_that_cannot_be_read_is_not_the_usual_one),
    };
    json_use_malloc(fault_malloc);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
