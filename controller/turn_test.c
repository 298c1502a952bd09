/* The turn: what is acknowledged, ordered and answered, and when. Lines' news are pushed by hand.
 */
#include "controller/testdaemon.h"

static uint64_t position(uint32_t epoch, uint32_t n)
{
    return (uint64_t)epoch << 32 | n;
}

static struct news outcome_of(uint32_t epoch, uint32_t out)
{
    return (struct news){.kind = NEWS_OUTCOME,
                         .u.outcome = {.line = 1,
                                       .epoch = epoch,
                                       .out = out,
                                       .seq = out,
                                       .outlet = 5,
                                       .reason = 1,
                                       .at = wall_now()}};
}

static struct news gap_of(enum gap_kind kind, uint32_t epoch, uint32_t from, uint32_t to)
{
    return (struct news){.kind = NEWS_GAP,
                         .u.gap = {.kind = kind,
                                   .line = 1,
                                   .epoch = epoch,
                                   .from = from,
                                   .to = to,
                                   .count = to ? to - from + 1 : 3,
                                   .cause = "overwritten"}};
}

static void what_is_committed_is_acknowledged(void **state)
{
    struct shed *s = *state;
    struct daemon_line *l = &s->d->lines[0];
    uint32_t epoch = shed_epoch(s, 7);
    assert_int_equal(l->ack.seq, 0);
    struct news no_weight = shed_item(s, epoch, 2);
    no_weight.u.item.net_mg = ITEM_NO_MG;
    shed_news(s, shed_item(s, epoch, 1));
    shed_news(s, no_weight);
    shed_news(s, outcome_of(epoch, 1));
    assert_int_equal(l->ack.seq, 0); /* not before the turn */
    shed_turn(s);
    assert_int_equal(l->ack.seq, position(epoch, 2));
    assert_int_equal(l->ack.out, position(epoch, 1));
    assert_int_equal(l->net_mg, 21000); /* what has no weight adds none */
    assert_int_equal(shed_number(s, "SELECT count(*) FROM item"), 2);
}

static void a_hole_with_bounds_is_acknowledged_and_one_without_is_not(void **state)
{
    struct shed *s = *state;
    struct daemon_line *l = &s->d->lines[0];
    uint32_t epoch = shed_epoch(s, 7);
    shed_news(s, gap_of(GAP_ITEMS, epoch, 1, 5));
    shed_news(s, gap_of(GAP_OUTCOMES, epoch, 1, 4));
    shed_turn(s);
    assert_int_equal(l->ack.seq, position(epoch, 5));
    assert_int_equal(l->ack.out, position(epoch, 4));
    shed_news(s, gap_of(GAP_OUTCOMES, epoch, 0, 0));
    shed_turn(s);
    assert_int_equal(l->ack.out, position(epoch, 4));
    assert_int_equal(shed_number(s, "SELECT count(*) FROM event WHERE kind LIKE '%gap%'"), 3);
}

static void an_epoch_of_an_older_record_is_opened_where_the_plc_stands(void **state)
{
    struct shed *s = *state;
    struct order o;
    shed_news(s, (struct news){.kind = NEWS_EPOCH_UNKNOWN,
                               .u.epoch = {.epoch = 77, .nonce = 9, .oldest = 11}});
    shed_turn(s);
    assert_true(shed_order(s, &o));
    assert_int_equal(o.kind, ORDER_EPOCH_OPEN);
    assert_int_equal(o.epoch, 77);
    assert_int_equal(o.seq, 10); /* 1 to 10 are a hole with a number */
    shed_news(s, shed_item(s, 77, 11));
    shed_turn(s);
    assert_int_equal(s->d->lines[0].ack.seq, position(77, 11));
}

static void a_line_that_contradicts_the_record_stops_alone(void **state)
{
    struct shed *s = *state;
    struct daemon_line *l = &s->d->lines[0];
    uint32_t epoch = shed_epoch(s, 7);
    shed_news(s, shed_item(s, epoch, 1));
    shed_turn(s);
    struct news other = shed_item(s, epoch, 1);
    other.u.item.words[3] = 0xBEEF;
    shed_news(s, other);
    shed_news(s, shed_item(s, epoch, 2));
    shed_do(s, "product.add", "p1",
            json_pack("{s:s,s:s,s:s,s:s}", "product", "lu", "crop", "codonopsis", "name_zh", "党参",
                      "name_en", "Codonopsis"),
            NULL); /* in the same turn: the record goes on */
    assert_int_equal(l->ack.seq, position(epoch, 1));
    assert_int_equal(shed_number(s, "SELECT count(*) FROM item"), 1);
    const struct daemon_alarm *a = shed_alarm(s, "record-conflict");
    assert_non_null(a);
    assert_string_equal(a->line, "s1");
    assert_non_null(strstr(a->text, "clear the mailbox"));
    json_t *ret = NULL;
    struct err e;
    assert_int_equal(shed_ask(s, "status", NULL, NULL, &ret, &e), 0);
    json_t *line = json_array_get(json_object_get(ret, "lines"), 0);
    assert_true(json_is_true(json_object_get(line, "quarantined")));
    json_decref(ret);
}

/* Whatever it is that cannot be: the line stands still, the record and the other news go on. */
static void each_contradiction_breaks_its_line_and_nothing_else(void **state)
{
    enum { OTHER_WORDS, A_HOLE, NO_SUCH_EPOCH, NEVER_OPENED, OUTCOME_HOLE, HOWS };
    (void)state;
    for (int how = 0; how < HOWS; how++) {
        struct shed *s;
        shed_start((void **)&s);
        uint32_t epoch = shed_epoch(s, 7);
        shed_news(s, shed_item(s, epoch, 1));
        shed_turn(s);
        struct news n = shed_item(s, epoch, how == A_HOLE ? 5 : how == OTHER_WORDS ? 1 : 2);
        if (how == OTHER_WORDS)
            n.u.item.words[3] = 0xBEEF;
        if (how == NO_SUCH_EPOCH)
            n.u.item.epoch = epoch + 77;
        if (how == NEVER_OPENED)
            n = (struct news){.kind = NEWS_EPOCH_SHOWN,
                              .u.epoch = {.epoch = epoch + 77, .nonce = 9}};
        if (how == OUTCOME_HOLE)
            n = outcome_of(epoch, 5);
        shed_news(s, n);
        shed_news(s, shed_item(s, epoch, 2)); /* what comes after it is not stored either */
        shed_turn(s);
        if (!s->d->lines[0].broken)
            fail_msg("contradiction %d breaks nothing", how);
        assert_false(s->d->failed);
        assert_int_equal(s->d->lines[0].ack.seq, position(epoch, 1));
        assert_int_equal(shed_number(s, "SELECT count(*) FROM item"), 1);
        shed_news(s, shed_item(s, epoch, 3));
        shed_turn(s);
        assert_int_equal(shed_number(s, "SELECT count(*) FROM item"), 1);
        shed_stop((void **)&s);
    }
}

static struct news alarm_of(enum news_kind kind, const char *code, uint32_t have, uint32_t need)
{
    return (struct news){.kind = kind,
                         .u.alarm = {.code = code,
                                     .text = "what happened",
                                     .epoch = 1,
                                     .seq = 4,
                                     .have = have,
                                     .need = need}};
}

static void a_quarantine_is_recorded_and_lasts_until_the_line_says_so(void **state)
{
    struct shed *s = *state;
    shed_epoch(s, 7);
    shed_news(s, alarm_of(NEWS_QUARANTINE, "epoch-conflict", 0, 0));
    shed_turn(s);
    assert_string_equal(shed_alarm(s, "quarantine")->text, "what happened");
    assert_int_equal(shed_number(s, "SELECT count(*) FROM event WHERE kind LIKE '%quarantine%'"),
                     1);
    shed_news(s, alarm_of(NEWS_QUARANTINE, "ring-too-small", 16, 64));
    shed_turn(s);
    const struct daemon_alarm *a = shed_alarm(s, "ring-too-small");
    assert_non_null(strstr(a->text, "RING_N is 16, the least for map mailbox-v1 64"));
    shed_news(s, (struct news){.kind = NEWS_QUARANTINE_OVER});
    shed_turn(s);
    assert_null(shed_alarm(s, "quarantine"));
    assert_null(shed_alarm(s, "ring-too-small"));
}

static void an_alarm_of_a_line_stands_in_the_status_and_not_in_the_record(void **state)
{
    struct shed *s = *state;
    shed_epoch(s, 7);
    int64_t head = s->d->head;
    shed_news(s, alarm_of(NEWS_ALARM, "unreadable-item", 0, 0));
    shed_news(s, (struct news){.kind = NEWS_HELD_GONE, .u.epoch = {.oldest = 1}});
    shed_turn(s);
    assert_string_equal(shed_alarm(s, "unreadable-item")->line, "s1");
    assert_int_equal(s->d->head, head);
}

static void a_step_of_the_clock_is_one_event(void **state)
{
    struct shed *s = *state;
    shed_turn(s);
    s->d->clock_seen.wall.ms += 5000; /* the clock went back by five seconds since */
    shed_do(s, "feed.stop", "f1", json_pack("{s:s}", "line", "s1"), NULL);
    shed_do(s, "feed.release", "f2", json_pack("{s:s}", "line", "s1"), NULL);
    assert_int_equal(shed_number(s, "SELECT count(*) FROM event WHERE kind='clock.stepped'"), 1);
    assert_in_range(-shed_number(s, "SELECT json_extract(body,'$.step_ms') FROM event WHERE "
                                    "kind='clock.stepped'"),
                    4900, 5100);
}

static void orders_leave_with_the_commit_that_they_rest_on(void **state)
{
    struct shed *s = *state;
    struct order o;
    shed_sorting(s);
    assert_true(shed_order(s, &o));
    assert_int_equal(o.kind, ORDER_PLAN);
    assert_int_equal(o.plan->run, 1);
    const struct plan *first = o.plan;
    shed_do(s, "box.open", "b1", json_pack("{s:s,s:i}", "line", "s1", "outlet", 2), NULL);
    assert_true(shed_order(s, &o));
    assert_int_equal(o.kind, ORDER_BOX);
    assert_int_equal(o.outlet, 2);
    shed_do(s, "feed.stop", "f1", json_pack("{s:s}", "line", "s1"), NULL);
    assert_true(shed_order(s, &o));
    assert_int_equal(o.kind, ORDER_FEED_STOP);
    assert_true(o.on);
    shed_do(s, "hold.place", "h1", json_pack("{s:s,s:s}", "lot", s->lot, "reason", "mould"), NULL);
    assert_true(shed_order(s, &o));
    assert_int_equal(o.kind, ORDER_PLAN);
    assert_true(o.plan->held);
    assert_ptr_not_equal(o.plan, first);
    assert_false(shed_order(s, &o));
    shed_news(
        s, (struct news){.kind = NEWS_PLAN_EFFECTIVE, .u.plan = {.plan = o.plan, .former = first}});
    shed_turn(s); /* only now the former plan is freed: ASan looks on */
    assert_true(s->d->lines[0].plan->held);
}

static void a_turn_without_anything_to_do_leaves_the_record_alone(void **state)
{
    struct shed *s = *state;
    shed_turn(s);
    int64_t commits = s->d->commits;
    shed_turn(s);
    assert_int_equal(s->d->commits, commits);
    s->ahead_ms = 1100; /* blocks are looked for once a second */
    shed_turn(s);
    assert_int_equal(s->d->commits, commits + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHED_TEST(what_is_committed_is_acknowledged),
        SHED_TEST(a_hole_with_bounds_is_acknowledged_and_one_without_is_not),
        SHED_TEST(an_epoch_of_an_older_record_is_opened_where_the_plc_stands),
        SHED_TEST(a_line_that_contradicts_the_record_stops_alone),
        cmocka_unit_test(each_contradiction_breaks_its_line_and_nothing_else),
        SHED_TEST(a_quarantine_is_recorded_and_lasts_until_the_line_says_so),
        SHED_TEST(an_alarm_of_a_line_stands_in_the_status_and_not_in_the_record),
        SHED_TEST(a_step_of_the_clock_is_one_event),
        SHED_TEST(orders_leave_with_the_commit_that_they_rest_on),
        SHED_TEST(a_turn_without_anything_to_do_leaves_the_record_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
