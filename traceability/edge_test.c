/* Commands at the edge of what they allow: a scale's papers of which one word changed, readings
 * with parts of a gram, crates and lots of the wrong kind, the last number of a day. */
#include "traceability/test_farm.h"

static void open_lot(struct farm *m, char lot[IDENT_LOT_SIZE])
{
    farm_text(farm_do(m, "lot.open", "{s:s,s:s}", "farmer", m->farmer1, "product", "codonopsis-lu"),
              "lot", lot, IDENT_LOT_SIZE);
}

static void crate_out(struct farm *m, const char *lot, int64_t mg, char task[IDENT_LOT_SIZE],
                      char weighing[40])
{
    json_t *a = farm_weigh(m, "hand.out", mg, "{s:s,s:s}", "lot", lot, "worker", m->worker);
    snprintf(task, IDENT_LOT_SIZE, "%s", json_text_or(a, "task", ""));
    farm_text(a, "weighing", weighing, 40);
}

static void back(struct farm *m, const char *task, const char *grade, int64_t mg, char weighing[40])
{
    farm_text(farm_weigh(m, "hand.back", mg, "{s:s,s:s}", "task", task, "grade", grade), "weighing",
              weighing, 40);
}

static void void_it(struct farm *m, const char *weighing)
{
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", weighing, "reason", "not this one");
}

static void void_no(struct farm *m, int code, const char *says, const char *weighing)
{
    farm_no(m, code, says, "weighing.void", "{s:s,s:s}", "weighing", weighing, "reason", "x");
}

/* ---- scales ---- */

static void a_change_of_any_word_of_a_scale_is_recorded(void **state)
{
    static const struct {
        const char *key, *text;
        int64_t number;
    } changes[] = {{"role", "automatic", 0},
                   {"class", "II", 0},
                   {"serial", "S-2", 0},
                   {"certificate", "C-9", 0},
                   {"valid_until_ms", NULL, 1900000000000},
                   {"max_mg", NULL, 61000000},
                   {"min_mg", NULL, 50000},
                   {"e_mg", NULL, 10000},
                   {"d_mg", NULL, 1000}};
    struct farm *m = *state;
    json_t *scale = farm_scale("bench", "static", "C-2", wall_now().ms + DAY_MS);
    for (size_t i = 0; i <= sizeof changes / sizeof changes[0]; i++) {
        for (int again = 0; again < 2; again++) {
            json_t *a = farm_run(m, "scale.configure", json_deep_copy(scale), 0, NULL);
            assert_int_equal(json_is_true(json_object_get(a, "changed")), !again);
            json_decref(a);
        }
        if (i < sizeof changes / sizeof changes[0])
            json_object_set_new(scale, changes[i].key,
                                changes[i].text ? json_string(changes[i].text)
                                                : json_integer(changes[i].number));
    }
    json_decref(scale);
    farm_rebuilds(m);
}

static void a_scale_that_shows_too_little_is_shut_like_one_that_shows_too_much(void **state)
{
    static const struct {
        int shown_mg;
        bool ok;
    } rows[] = {{20020000, true}, {20020001, false}, {19980000, true}, {19979999, false}};
    struct farm *m = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *a = farm_do(m, "scale.check", "{s:s,s:[{s:i,s:i}]}", "scale", "floor", "weights",
                            "applied_mg", 10000000, "shown_mg", rows[i].shown_mg - 10000000);
        assert_int_equal(json_is_true(json_object_get(a, "ok")), rows[i].ok);
        json_decref(a);
    }
}

/* ---- readings ---- */

static void the_alibi_is_the_indicators_own_or_station_and_placement(void **state)
{
    static const char long_one[] = "123456789012345678901234567890123456789012345678";
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE], sql[160], own[40];
    const struct {
        json_t *given;
        const char *kept; /* NULL: ours */
    } rows[] = {{json_integer(815), "815"},    {json_string("A-7"), "A-7"}, {json_string(""), NULL},
                {json_string(long_one), NULL}, {json_integer(0), NULL},     {json_null(), NULL}};
    open_lot(m, lot);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        farm_text(farm_weigh(m, "intake", 1000000, "{s:s,s:o}", "lot", lot, "alibi", rows[i].given),
                  "weighing", own, sizeof own);
        snprintf(sql, sizeof sql, "SELECT alibi = '%s' FROM weighing WHERE weighing = '%s'",
                 rows[i].kept ? rows[i].kept : own, own);
        assert_int_equal(fix_number(store_db(m->f.s), sql), 1);
    }
}

static void net_is_gross_less_tare_both_ways(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    open_lot(m, lot);
    for (int over = -1; over <= 1; over += 2) {
        farm_weigh_no(m, ERR_CHECK, "is not net", "intake", 5000000, "{s:s,s:I}", "lot", lot,
                      "gross_mg", (json_int_t)(5500000 + over * 20001));
        json_decref(farm_weigh(m, "intake", 5000000, "{s:s,s:I}", "lot", lot, "gross_mg",
                               (json_int_t)(5500000 + over * 20000)));
    }
    farm_weigh_no(m, ERR_RANGE, "station", "intake", 5000000, "{s:s,s:s}", "lot", lot, "station",
                  "Shed 1");
}

static void every_kind_of_tare_is_kept_as_it_was_given(void **state)
{
    static const char *const kinds[] = {"weighed", "preset", "none", "unknown"};
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE], sql[96];
    open_lot(m, lot);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        json_decref(
            farm_weigh(m, "intake", 1000000, "{s:s,s:s}", "lot", lot, "tare_kind", kinds[i]));
        snprintf(sql, sizeof sql, "SELECT count(*) FROM weighing WHERE tare_kind = '%s'", kinds[i]);
        assert_int_equal(fix_number(store_db(m->f.s), sql), 1);
    }
    json_t *a = farm_reading(m, "intake", 1000000, json_pack("{s:s}", "lot", lot));
    json_object_set_new(a, "tare_kind", json_null());
    json_decref(farm_run(m, "weighing.record", a, 0, NULL)); /* null is as if it were not there */
    assert_int_equal(
        fix_number(store_db(m->f.s), "SELECT count(*) FROM weighing WHERE tare_kind = 'none'"), 2);
}

static void a_scale_that_shows_parts_of_a_gram_opens_no_lot_of_whole_grams(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    json_t *fine = farm_scale("floor", "static", "C-1", wall_now().ms + 30 * DAY_MS);
    json_object_set_new(fine, "d_mg", json_integer(500));
    json_decref(farm_run(m, "scale.configure", fine, 0, NULL));
    open_lot(m, lot);
    json_decref(farm_weigh(m, "intake", 1000000, "{s:s}", "lot", lot)); /* whole by chance */
    json_decref(farm_weigh(m, "intake", 1000500, "{s:s}", "lot", lot));
    assert_int_equal(fix_number(store_db(m->f.s), "SELECT mg FROM lot WHERE unit = 'MGM'"),
                     2000500);
}

static void a_purpose_of_another_program_is_neither_applied_nor_voided(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    struct err why = {0};
    farm_lot(m, m->farmer1, 1000000, lot);
    fix_commit(&m->f);
    fix_begin(&m->f);
    json_t *body =
        json_pack("{s:s,s:s,s:s,s:i,s:s,s:i,s:i,s:i,s:s,s:s,s:i}", "weighing", "shed-99", "station",
                  "shed", "scale", "floor", "placement", 99, "purpose", "auction", "gross_mg", 1,
                  "tare_mg", 0, "net_mg", 1, "tare_kind", "none", "alibi", "9", "read_ms", 1);
    assert_int_equal(event_append(m->f.s, EVENT_WEIGHING_ACCEPTED, body, NULL, NULL, &why),
                     ERR_VERSION);
    assert_non_null(strstr(why.text, "cannot be applied"));
    assert_int_equal(event_append(m->f.s, EVENT_WEIGHING_VOIDED, body, NULL, NULL, &why),
                     ERR_VERSION);
    json_decref(body);
    assert_int_equal(fix_number(store_db(m->f.s), "SELECT max(seq) FROM event"),
                     store_head(m->f.s));
    OK(db_exec(store_db(m->f.s), "UPDATE weighing SET purpose = 'auction'", e));
    void_no(m, ERR_VERSION, "\"auction\"", "shed-1");
    store_rollback(m->f.s);
}

/* ---- hand sorting ---- */

static void a_crate_with_returns_stands_also_after_its_task_is_closed(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE], out[40], in[40];
    farm_lot(m, m->farmer1, 10000000, lot);
    crate_out(m, lot, 5000000, task, out);
    back(m, task, "1", 4000000, in);
    void_no(m, ERR_STATE, "has returns already", out);
    farm_ok(m, "hand.close", "{s:s}", "task", task);
    void_no(m, ERR_STATE, "let it stand", out);
}

static void a_return_that_was_packed_stands(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE], one[IDENT_LOT_SIZE], two[IDENT_LOT_SIZE], to[IDENT_LOT_SIZE], w[40],
        in[40];
    farm_lot(m, m->farmer1, 10000000, lot);
    crate_out(m, lot, 5000000, one, w);
    crate_out(m, lot, 5000000, two, w);
    back(m, one, "1", 3000000, in);
    farm_ok(m, "hand.close", "{s:s}", "task", one);
    json_t *a = farm_weigh(m, "hand.back", 2000000, "{s:s,s:s}", "task", two, "grade", "1");
    snprintf(to, sizeof to, "%s", json_text_or(a, "to", ""));
    farm_text(a, "weighing", in, sizeof in);
    json_decref(farm_weigh(m, "box", 4000000, "{s:s}", "lot", to));
    void_no(m, ERR_STATE, "was packed or drawn on already", in);
}

/* Every return may err by a division of the scale; returns that were void may not. */
static void void_returns_give_no_tolerance(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE], w[40], soil[3][40];
    farm_lot(m, m->farmer1, 20000000, lot);
    crate_out(m, lot, 10000000, task, w);
    for (int i = 0; i < 3; i++)
        back(m, task, "soil", 2000, soil[i]);
    back(m, task, "1", 10090000, w);
    for (int i = 0; i < 3; i++)
        void_it(m, soil[i]);
    farm_no(m, ERR_STATE, "more came back", "hand.close", "{s:s}", "task", task);
    void_it(m, w);
    back(m, task, "1", 10000000, w);
    farm_ok(m, "hand.close", "{s:s}", "task", task);
    farm_rebuilds(m);
}

static void whole_grams_stay_whole_out_of_a_lot_and_back(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE], w[40];
    farm_lot(m, m->farmer1, 10000000, lot);
    farm_weigh_no(m, ERR_STATE, "whole grams", "hand.out", 1000500, "{s:s,s:s}", "lot", lot,
                  "worker", m->worker);
    crate_out(m, lot, 5000000, task, w);
    farm_weigh_no(m, ERR_STATE, "whole grams", "hand.back", 1000500, "{s:s,s:s}", "task", task,
                  "grade", "1");
}

/* ---- lots of another kind ---- */

static void what_is_no_delivered_lot_takes_no_delivery(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    farm_demo(m, &d);
    fix_begin(&m->f);
    farm_no(m, ERR_STATE, "closes with its run or task", "lot.close", "{s:s}", "lot",
            d.run.grade[1]);
    farm_weigh_no(m, ERR_STATE, "is no intake lot", "intake", 1000000, "{s:s}", "lot", d.hand1);
    farm_weigh_no(m, ERR_NOT_FOUND, "no lot", "run.back", 1000000, "{s:s,s:s}", "run", d.run.id,
                  "lot", "x");
}

static void another_crop_does_not_go_on_the_belt(void **state)
{
    struct farm *m = *state;
    char ginger[IDENT_LOT_SIZE], lot[IDENT_LOT_SIZE];
    farm_ok(m, "product.add", "{s:s,s:s,s:s,s:s}", "product", "ginger", "crop", "ginger", "name_zh",
            "姜", "name_en", "Ginger");
    farm_lot(m, m->farmer1, 1000000, lot);
    farm_text(farm_do(m, "lot.open", "{s:s,s:s}", "farmer", m->farmer2, "product", "ginger"), "lot",
              ginger, sizeof ginger);
    json_decref(farm_weigh(m, "intake", 1000000, "{s:s}", "lot", ginger));
    farm_ok(m, "lot.close", "{s:s}", "lot", ginger);
    farm_no(m, ERR_STATE, "is ginger and the rules are for codonopsis", "run.start",
            "{s:s,s:s,s:[s,s],s:o}", "line", "a", "product", "codonopsis-lu", "lots", lot, ginger,
            "rules", farm_rules("codonopsis"));
}

/* ---- numbers ---- */

/* As if so many lots had been numbered today that `left` are left. */
static void numbers_left(struct farm *m, int left)
{
    struct stmt *s = db_q(store_db(m->f.s), "UPDATE counter SET n = 999 + 26 * 1296 - ?1");
    assert_int_equal(q_run(q_int(s, 1, left)), 0);
}

static void without_a_number_nothing_is_begun(void **state)
{
    struct farm *m = *state;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE], w[40];
    farm_lot(m, m->farmer1, 5000000, lot);
    crate_out(m, lot, 1000000, task, w);
    numbers_left(m, 0);
    farm_no(m, ERR_RANGE, "go on tomorrow", "lot.open", "{s:s,s:s}", "farmer", m->farmer1,
            "product", "codonopsis-lu");
    farm_weigh_no(m, ERR_RANGE, "go on tomorrow", "hand.out", 1000000, "{s:s,s:s}", "lot", lot,
                  "worker", m->worker);
    farm_weigh_no(m, ERR_RANGE, "go on tomorrow", "hand.back", 500000, "{s:s,s:s}", "task", task,
                  "grade", "1");
    for (int left = 0; left < 6; left++) { /* a run, four grades, rework */
        numbers_left(m, left);
        farm_no(m, ERR_RANGE, "go on tomorrow", "run.start", "{s:s,s:s,s:[s],s:o}", "line", "a",
                "product", "codonopsis-lu", "lots", lot, "rules", farm_rules("codonopsis"));
        assert_int_equal(fix_number(store_db(m->f.s), "SELECT count(*) FROM run"), 0);
    }
    numbers_left(m, 6);
    farm_start_run(m, lot, NULL, &r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(a_change_of_any_word_of_a_scale_is_recorded),
        FARM_TEST(a_scale_that_shows_too_little_is_shut_like_one_that_shows_too_much),
        FARM_TEST(the_alibi_is_the_indicators_own_or_station_and_placement),
        FARM_TEST(net_is_gross_less_tare_both_ways),
        FARM_TEST(every_kind_of_tare_is_kept_as_it_was_given),
        FARM_TEST(a_scale_that_shows_parts_of_a_gram_opens_no_lot_of_whole_grams),
        FARM_TEST(a_purpose_of_another_program_is_neither_applied_nor_voided),
        FARM_TEST(a_crate_with_returns_stands_also_after_its_task_is_closed),
        FARM_TEST(a_return_that_was_packed_stands),
        FARM_TEST(void_returns_give_no_tolerance),
        FARM_TEST(whole_grams_stay_whole_out_of_a_lot_and_back),
        FARM_TEST(what_is_no_delivered_lot_takes_no_delivery),
        FARM_TEST(another_crop_does_not_go_on_the_belt),
        FARM_TEST(without_a_number_nothing_is_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
