/* A line's plan follows the record: what it starts with, when it is renewed, what stands in the
 * way. The line's thread is played: nobody gives plans back unless the test does. */
#include "controller/testdaemon.h"
#include "base/test_fault.h"

enum { USED = 8 };

static int hold(struct shed *s, bool on, struct err *e)
{
    return shed_ask(s, on ? "hold.place" : "hold.release", shed_id(s),
                    json_pack("{s:s,s:s}", "lot", s->lot, "reason", "mould"), NULL, e);
}

static void sorted(struct shed *s, uint32_t epoch, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i <= to; i++)
        shed_news(s, shed_item(s, epoch, i));
    shed_turn(s);
}

static void a_restart_goes_on_with_run_sums_and_fill(void **state)
{
    struct shed *s = *state;
    uint32_t epoch = shed_epoch(s, 7);
    shed_sorting(s);
    sorted(s, epoch, 1, 3);
    shed_do(s, "box.open", "b1", json_pack("{s:s,s:i}", "line", "s1", "outlet", 1), NULL);
    shed_do(s, "feed.stop", "f1", json_pack("{s:s}", "line", "s1"), NULL);
    shed_close(s);
    shed_open(s);
    const struct plan *p = s->d->lines[0].plan;
    assert_int_equal(p->run, 1);
    assert_false(p->held);
    assert_int_equal(p->tally.grade_mg[1], 63000);
    assert_int_equal(p->capacity_mg[1], 5000000);
    assert_int_equal(s->d->lines[0].ack.seq, (uint64_t)epoch << 32 | 3);
    struct order o;
    shed_turn(s); /* a stop that a person asked for outlasts the restart */
    assert_true(shed_order(s, &o));
    assert_true(o.kind == ORDER_FEED_STOP && o.on);
}

/* The crop file as shipped, one word of the rules changed. */
static void change_crop(struct shed *s, const char *from, const char *to)
{
    char text[16384], *at;
    FILE *f = fopen("crops/codonopsis.yaml", "re");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = 0;
    assert_non_null(at = strstr(text, from));
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    tmp_write(tmp_path(&s->tmp, "codonopsis.yaml"), text, n);
    s->crops = s->tmp.dir;
    shed_config(s, SHED_ALL);
}

static void an_open_run_whose_rules_were_changed_stops_the_start_with_the_way_out(void **state)
{
    struct shed *s = *state;
    struct err e = {0};
    shed_sorting(s);
    shed_close(s);
    change_crop(s, "{black: 10 %}", "{black: 20 %}");
    assert_non_null(s->d = calloc(1, sizeof(*s->d)));
    assert_int_equal(daemon_setup(s->d, s->c, &e), ERR_STATE);
    assert_non_null(strstr(e.text, "no longer holds unchanged: put it back, or stop the run"));
    shed_close(s);
    change_crop(s, "- id: lu\n", "- id: xx\n"); /* the rule set is gone */
    assert_non_null(s->d = calloc(1, sizeof(*s->d)));
    assert_int_equal(daemon_setup(s->d, s->c, &e), ERR_STATE);
    assert_non_null(strstr(e.text, "rule set lu of crop codonopsis"));
}

#define LINE(map, crop, outlets)                                                                   \
    "lines:\n - {name: s1, host: 127.0.0.1, port: 1, map: " map ", crop: " crop ",\n"              \
    "    bad_outlet: 5, default_outlet: 5, outlets: {" outlets "}}\n"

static void an_open_run_that_the_new_configuration_cannot_go_on_with_stops_the_start(void **state)
{
    static const struct {
        const char *line, *words;
    } rows[] = {
        {LINE("mailbox-v1-weight", "codonopsis", "\"1\": [1], \"2\": [2], \"3\": [3], reject: [4]"),
         "rule set lu needs head_diameter, which map mailbox-v1-weight does not give"},
        {LINE("mailbox-v1-zucchini", "zucchini",
              "I: [1], II: [2], out: [4], I-S: [1], I-M: [2], I-L: [3]"),
         "was started with rule set lu of crop codonopsis"},
    };
    struct shed *s = *state;
    shed_sorting(s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {0};
        char parts[2048];
        shed_close(s);
        snprintf(parts, sizeof(parts), "%s%s", rows[i].line, SHED_SCALE SHED_REST);
        shed_config(s, parts);
        assert_non_null(s->d = calloc(1, sizeof(*s->d)));
        assert_int_equal(daemon_setup(s->d, s->c, &e), ERR_STATE);
        if (!strstr(e.text, rows[i].words))
            fail_msg("\"%s\" is not in: %s", rows[i].words, e.text);
    }
}

static void a_plan_that_the_line_has_no_room_for_comes_when_it_has(void **state)
{
    struct shed *s = *state;
    struct daemon_line *l = &s->d->lines[0];
    struct err e;
    const struct plan *first = l->plan;
    shed_sorting(s); /* 1 */
    for (int i = 1; i < USED; i++)
        assert_int_equal(hold(s, i % 2, &e), 0);
    assert_null(shed_alarm(s, "plan"));
    bool was = l->plan->held;
    assert_int_equal(hold(s, !was, &e), 0); /* the record has it, the line cannot */
    assert_int_equal(l->plan->held, was);
    assert_non_null(shed_alarm(s, "plan"));
    shed_news(s, (struct news){.kind = NEWS_PLAN_EFFECTIVE, .u.plan = {.former = first}});
    s->ahead_ms += 1100;
    shed_turn(s);
    assert_int_equal(l->plan->held, !was);
    s->ahead_ms += 1100;
    shed_turn(s);
    assert_null(shed_alarm(s, "plan"));
}

/* The line takes up its newest plan. */
static void taken_up(struct shed *s)
{
    struct daemon_line *l = &s->d->lines[0];
    struct order o;
    while (shed_order(s, &o))
        ;
    for (size_t i = 0; i < USED; i++)
        planner_retire(l, l->used[i]);
}

/* What the record says after a commit governs the line: at once, or with a later turn. */
static void a_hold_governs_the_line_whatever_statement_fails(void **state)
{
    struct shed *s = *state;
    struct daemon_line *l = &s->d->lines[0];
    int later = 0;
    bool fired = true;
    shed_sorting(s);
    for (int n = 2; fired && n < 400; n++) { /* from the first after both BEGINs */
        struct err e;
        bool want = !l->plan->held;
        fault_at(&fault_sql, n);
        int rc = hold(s, want, &e);
        fault_sql.after = -1;
        fired = fault_sql.fired;
        if (rc < 0) {
            s->ahead_ms += 1100;
            shed_turn(s);
            assert_int_equal(l->plan->held, !want);
            assert_int_equal(hold(s, want, &e), 0);
        } else if (l->plan->held != want) {
            later++;
            assert_non_null(shed_alarm(s, "plan"));
            s->ahead_ms += 1100;
            shed_turn(s);
        }
        assert_int_equal(l->plan->held, want);
        assert_null(shed_alarm(s, "plan"));
        taken_up(s);
    }
    assert_false(fired);
    assert_in_range(later, 2, 20);
}

static void why_a_plan_cannot_be_made_is_always_said(void **state)
{
    struct shed *s = *state;
    struct daemon_line *l = &s->d->lines[0];
    int failures = -1, rc;
    shed_sorting(s);
    do {
        struct plan *p = NULL;
        struct err e = {0};
        fault_at(&fault_sql, ++failures);
        rc = planner_build(s->d, l, &p, &e);
        fault_sql.after = -1;
        assert_true(rc == 0 ? p != NULL : p == NULL && e.text[0]);
        free(p);
    } while (rc < 0);
    assert_in_range(failures, 3, 20);
}

static void routes_of_a_run_are_those_of_its_grades(void **state)
{
    struct shed *s = *state;
    shed_sorting(s);
    json_t *routes = planner_routes(s->d->lines[0].plan);
    assert_int_equal(json_array_size(routes), 4);
    for (int g = 1; g <= 4; g++) {
        json_t *r = json_array_get(routes, (size_t)g - 1);
        assert_int_equal(json_integer_value(json_object_get(r, "grade")), g);
        assert_int_equal(json_integer_value(json_array_get(json_object_get(r, "outlets"), 0)), g);
    }
    json_decref(routes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHED_TEST(a_restart_goes_on_with_run_sums_and_fill),
        SHED_TEST(an_open_run_whose_rules_were_changed_stops_the_start_with_the_way_out),
        SHED_TEST(an_open_run_that_the_new_configuration_cannot_go_on_with_stops_the_start),
        SHED_TEST(a_plan_that_the_line_has_no_room_for_comes_when_it_has),
        SHED_TEST(a_hold_governs_the_line_whatever_statement_fails),
        SHED_TEST(why_a_plan_cannot_be_made_is_always_said),
        SHED_TEST(routes_of_a_run_are_those_of_its_grades),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
