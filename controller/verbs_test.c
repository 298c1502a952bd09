/* What may be asked over the control socket: who may, what is refused and with which words, and
 * what the daemon adds of its own. */
#include "controller/testdaemon.h"

static void refused(struct shed *s, const char *verb, const char *id, json_t *args, int code,
                    const char *words)
{
    struct err e;
    int rc = shed_ask(s, verb, id, args, NULL, &e);
    if (rc != code || !strstr(e.text, words))
        fail_msg("%s: %s \"%s\", expected %s \"%s\"", verb, err_name(rc), e.text, err_name(code),
                 words);
}

/* clang-format off */
static const struct {
    const char *verb, *id, *args;
    int code;
    const char *words;
} refusals[] = {
    {"farmer.add",     NULL, "{}",                                               ERR_KEY,       "needs a request_id"},
    {"farmer.add",     "",   "{}",                                               ERR_KEY,       "needs a request_id"},
    {"farmer.ad",      "a",  "{}",                                               ERR_NOT_FOUND, "farmer.add"},
    {"run.start",      NULL, "{}",                                               ERR_KEY,       "needs a request_id"},
    {"run.start",      "b",  "{}",                                               ERR_KEY,       "line"},
    {"run.start",      "c",  "{\"line\":\"s1\"}",                                ERR_KEY,       "ruleset"},
    {"run.start",      "d",  "{\"line\":\"s9\",\"ruleset\":\"lu\"}",             ERR_NOT_FOUND, "no line \"s9\" in the configuration"},
    {"run.start",      "e",  "{\"line\":\"s1\",\"ruleset\":\"xl\"}",             ERR_NOT_FOUND, "crop codonopsis has no rule set \"xl\""},
    {"run.start",      "f",  "{\"line\":\"s2\",\"ruleset\":\"lu\"}",             ERR_STATE,     "needs head_diameter"},
    {"box.open",       NULL, "{\"line\":\"s1\"}",                                ERR_KEY,       "needs a request_id"},
    {"box.open",       "g",  "{\"line\":\"s9\",\"outlet\":1}",                   ERR_NOT_FOUND, "no line \"s9\""},
    {"box.open",       "h",  "{}",                                               ERR_NOT_FOUND, "no line \"\""},
    {"feed.stop",      NULL, "{\"line\":\"s9\"}",                                ERR_NOT_FOUND, "no line \"s9\""},
    {"feed.release",   NULL, "{}",                                               ERR_NOT_FOUND, "no line \"\""},
    {"sink.report",    NULL, "{}",                                               ERR_KEY,       "sink"},
    {"sink.report",    NULL, "{\"sink\":\"a name longer than 24 letters\"}",     ERR_RANGE,     "sink"},
    {"station.accept", NULL, "{}",                                               ERR_KEY,       "needs a request_id"},
    {"station.accept", "j",  "{}",                                               ERR_KEY,       "station"},
    {"station.accept", "k",  "{\"station\":\"st9\"}",                            ERR_NOT_FOUND, "no station \"st9\""},
    {"station.accept", "l",  "{\"station\":\"st1\"}",                            ERR_KEY,       "placement"},
    {"station.accept", "m",  "{\"station\":\"st1\",\"placement\":0}",            ERR_RANGE,     "placement"},
    {"station.accept", "n",  "{\"station\":\"st1\",\"placement\":1}",            ERR_KEY,       "shown_mg"},
    {"station.accept", "o",  "{\"station\":\"st1\",\"placement\":1,\"shown_mg\":1}", ERR_STATE, ""},
    {"weighing.record", "p", "{}",                                               ERR_DENIED,    ""},
};
/* clang-format on */

#define LINE_2                                                                                     \
    " - {name: s2, host: 127.0.0.1, port: 4, map: mailbox-v1-weight, crop: codonopsis,\n"          \
    "    bad_outlet: 5, default_outlet: 5,\n"                                                      \
    "    outlets: {\"1\": [1], \"2\": [2], \"3\": [3], reject: [4]}}\n"

static int start_two_lines(void **state)
{
    struct shed *s;
    shed_prepare(state);
    s = *state;
    shed_config(s, SHED_LINE LINE_2 SHED_SCALE);
    shed_open(s);
    return 0;
}

static void each_bad_request_is_refused_with_its_reason_and_writes_nothing(void **state)
{
    struct shed *s = *state;
    shed_do(s, "coop.set", "0",
            json_pack("{s:s,s:s,s:s,s:s,s:s}", "name_zh", "合作社", "name_en", "Coop", "contact",
                      "0635-0000000", "township_zh", "镇", "township_en", "Town"),
            NULL);
    int64_t before = shed_number(s, "SELECT count(*) FROM event");
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        refused(s, refusals[i].verb, refusals[i].id, json_loads(refusals[i].args, 0, NULL),
                refusals[i].code, refusals[i].words);
    assert_int_equal(shed_number(s, "SELECT count(*) FROM event"), before);
}

static void a_role_may_ask_what_its_rank_allows(void **state)
{
    static const struct {
        const char *verb;
        int least; /* index into nobody, worker, operator */
        const char *name;
    } rows[] = {{"ping", 0, NULL},
                {"status", 0, NULL},
                {"lot.list", 1, "worker"},
                {"party.list", 1, "worker"},
                {"problem.list", 2, "operator"},
                {"feed.release", 2, "operator"}};
    struct shed *s = *state;
    for (int role = 0; role <= 2; role++) {
        s->c->roles[0] = (struct config_role){.uid = (int64_t)geteuid(), .role = role};
        s->c->n_roles = 1;
        close(s->fd);
        s->fd = shed_client(s);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            struct err e;
            json_t *args = json_pack("{s:s}", "line", "s1");
            if (role >= rows[i].least) {
                shed_do(s, rows[i].verb, NULL, args, NULL);
            } else {
                assert_int_equal(shed_ask(s, rows[i].verb, NULL, args, NULL, &e), ERR_DENIED);
                assert_non_null(strstr(e.text, rows[i].name));
            }
        }
    }
}

static void without_a_row_for_it_another_user_is_nobody(void **state)
{
    struct shed *s = *state;
    s->c->roles[0] = (struct config_role){.uid = (int64_t)geteuid() + 1, .role = ROLE_WORKER};
    s->c->n_roles = 1;
    close(s->fd);
    s->fd = shed_client(s); /* ours is the daemon's own user: it may all */
    shed_do(s, "problem.list", NULL, NULL, NULL);
}

static size_t listed(struct shed *s, const char *verb, const char *key, json_t *args)
{
    json_t *ret = NULL;
    struct err e;
    if (shed_ask(s, verb, NULL, args, &ret, &e) < 0)
        fail_msg("%s: %s", verb, e.text);
    assert_true(json_is_array(json_object_get(ret, key)));
    size_t n = json_array_size(json_object_get(ret, key));
    json_decref(ret);
    return n;
}

static void lists_show_what_was_entered(void **state)
{
    struct shed *s = *state;
    shed_morning(s);
    shed_do(s, "worker.add", "w1", json_pack("{s:s,s:s}", "name", "工人", "initials", "gr"), NULL);
    shed_do(s, "problem.report", "q1",
            json_pack("{s:s,s:s}", "id", s->lot, "text", "a stone was in it"), NULL);
    assert_int_equal(listed(s, "party.list", "parties", NULL), 2);
    assert_int_equal(listed(s, "party.list", "parties", json_pack("{s:s}", "kind", "worker")), 1);
    assert_int_equal(listed(s, "party.list", "parties", json_pack("{s:s}", "find", "nh")), 1);
    assert_int_equal(listed(s, "product.list", "products", NULL), 1);
    assert_int_equal(listed(s, "lot.list", "lots", json_pack("{s:s}", "state", "open")), 1);
    assert_int_equal(listed(s, "lot.list", "lots", json_pack("{s:s}", "state", "closed")), 0);
    assert_int_equal(listed(s, "task.list", "tasks", NULL), 0);
    assert_int_equal(listed(s, "problem.list", "problems", NULL), 1);
}

static void of_a_sink_the_newest_report_is_shown_and_sixteen_sinks_at_most(void **state)
{
    struct shed *s = *state;
    char name[24];
    for (int i = 0; i < DAEMON_SINKS; i++) {
        snprintf(name, sizeof(name), "sink-%d", i);
        shed_do(s, "sink.report", NULL, json_pack("{s:s,s:i}", "sink", name, "lag", i), NULL);
    }
    shed_do(s, "sink.report", NULL, json_pack("{s:s,s:i}", "sink", "sink-3", "lag", 99), NULL);
    refused(s, "sink.report", NULL, json_pack("{s:s}", "sink", "one-more"), ERR_TOOBIG,
            "more than 16 sinks");
    json_t *ret = NULL;
    struct err e;
    assert_int_equal(shed_ask(s, "status", NULL, NULL, &ret, &e), 0);
    json_t *sinks = json_object_get(ret, "sinks");
    assert_int_equal(json_array_size(sinks), DAEMON_SINKS);
    json_t *third = json_array_get(sinks, 3);
    assert_int_equal(json_integer_value(json_object_get(third, "lag")), 99);
    assert_true(json_integer_value(json_object_get(third, "at_ms")) > 0);
    json_decref(ret);
}

static void a_weight_is_taken_as_shown_once_and_its_request_answered_alike(void **state)
{
    struct shed *s = *state;
    struct err e;
    json_t *first = NULL, *again = NULL;
    shed_morning(s);
    shed_load(s, 0);
    shed_load(s, 12500);
    json_t *args = shed_accept_args(s, 12500), *other = json_deep_copy(args);
    json_object_set_new(other, "shown_mg", json_integer(12400000));
    refused(s, "station.accept", "w1", other, ERR_CHECK, "has changed since it was shown");
    json_t *unknown = json_deep_copy(args);
    json_object_set_new(unknown, "lot", json_string("L-NONE"));
    refused(s, "station.accept", "w2", unknown, ERR_NOT_FOUND, "L-NONE");
    assert_int_equal(shed_ask(s, "station.accept", "w1", json_incref(args), &first, &e), 0);
    assert_int_equal(shed_ask(s, "station.accept", "w1", json_incref(args), &again, &e), 0);
    assert_true(json_equal(first, again));
    refused(s, "station.accept", "w3", args, ERR_EXISTS, "was accepted already");
    assert_int_equal(shed_number(s, "SELECT count(*) FROM weighing"), 1);
    assert_int_equal(shed_number(s, "SELECT net_mg FROM weighing"), 12500000);
    json_decref(first);
    json_decref(again);
}

static void a_tare_that_the_scale_weighed_is_recorded_as_weighed(void **state)
{
    struct shed *s = *state;
    shed_morning(s);
    shed_load(s, 0);
    shed_load_tared(s, 10000, 2000);
    shed_do(s, "station.accept", "w1", shed_accept_args(s, 10000), NULL);
    assert_int_equal(shed_number(s, "SELECT tare_kind='weighed' AND gross_mg=12000000 AND "
                                    "tare_mg=2000000 AND net_mg=10000000 FROM weighing"),
                     1);
}

/* The answer is the first one's; what the repeat says otherwise moves nothing. */
static void a_repeated_request_orders_nothing_anew(void **state)
{
    struct shed *s = *state;
    struct order o;
    shed_sorting(s);
    shed_do(s, "box.open", "b1", json_pack("{s:s,s:i}", "line", "s1", "outlet", 2), NULL);
    while (shed_order(s, &o))
        ;
    shed_do(s, "box.open", "b1", json_pack("{s:s,s:i}", "line", "s1", "outlet", 99), NULL);
    shed_do(s, "box.open", "b1", json_pack("{s:s,s:i}", "line", "s1", "outlet", -1), NULL);
    assert_false(shed_order(s, &o));
}

static void a_box_that_is_weighed_leaves_an_empty_one_for_its_outlet(void **state)
{
    struct shed *s = *state;
    struct order o;
    uint32_t epoch = shed_epoch(s, 7);
    shed_sorting(s);
    shed_do(s, "box.open", "b1", json_pack("{s:s,s:i}", "line", "s1", "outlet", 1), NULL);
    for (uint32_t i = 1; i <= 3; i++) {
        shed_news(s, shed_item(s, epoch, i));
        shed_news(s, (struct news){.kind = NEWS_OUTCOME,
                                   .u.outcome = {.line = 1,
                                                 .epoch = epoch,
                                                 .out = i,
                                                 .seq = i,
                                                 .outlet = 1,
                                                 .reason = 1,
                                                 .at = wall_now()}});
    }
    shed_turn(s);
    while (shed_order(s, &o))
        ;
    shed_load(s, 63);
    json_t *args = shed_accept_args(s, 63);
    json_object_del(args, "lot");
    json_object_set_new(args, "purpose", json_string("box"));
    json_object_set_new(args, "line", json_string("s1"));
    json_object_set_new(args, "outlet", json_integer(1));
    shed_do(s, "station.accept", "w1", args, NULL);
    assert_true(shed_order(s, &o));
    assert_int_equal(o.kind, ORDER_BOX);
    assert_int_equal(o.outlet, 1);
    assert_int_equal(shed_number(s, "SELECT pieces FROM unit"), 3); /* by the outcomes committed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            each_bad_request_is_refused_with_its_reason_and_writes_nothing, start_two_lines,
            shed_stop),
        SHED_TEST(a_role_may_ask_what_its_rank_allows),
        SHED_TEST(without_a_row_for_it_another_user_is_nobody),
        SHED_TEST(lists_show_what_was_entered),
        SHED_TEST(of_a_sink_the_newest_report_is_shown_and_sixteen_sinks_at_most),
        SHED_TEST(a_weight_is_taken_as_shown_once_and_its_request_answered_alike),
        SHED_TEST(a_tare_that_the_scale_weighed_is_recorded_as_weighed),
        SHED_TEST(a_repeated_request_orders_nothing_anew),
        SHED_TEST(a_box_that_is_weighed_leaves_an_empty_one_for_its_outlet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
