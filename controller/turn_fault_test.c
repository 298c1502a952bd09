/* The disk fails at one statement of a turn, at each in its turn: nothing is acknowledged, answered
 * as done or half written, lines are asked to stop feeding, and the next turns make it good. */
#include "controller/testdaemon.h"
#include "base/test_fault.h"

enum { RETRY_MS = 600, MANY = 400 };

static bool feed_stop_ordered(struct shed *s, bool on)
{
    struct order o;
    bool found = false;
    while (shed_order(s, &o))
        found |= o.kind == ORDER_FEED_STOP && o.on == on;
    return found;
}

/* The turn with the n-th statement failing; returns whether it came to that. */
static bool turn_failing_at(struct shed *s, int n)
{
    fault_at(&fault_sql, n);
    shed_turn(s);
    fault_sql.after = -1;
    return fault_sql.fired;
}

static void turn_later(struct shed *s)
{
    s->ahead_ms += RETRY_MS;
    shed_turn(s);
}

/* The answer of this turn: done, or refused with a reason. A request that the turn did not come to
 * waits for the next. */
static int settled(struct shed *s, struct err *e)
{
    feed_stop_ordered(s, true); /* nobody else takes the orders out of the ring */
    if (s->d->failed && control_waiting(s->d->control)) {
        turn_later(s);
        assert_int_equal(shed_answer(s->fd, NULL, e), 0);
        return 0;
    }
    int rc = shed_answer(s->fd, NULL, e);
    assert_true(rc == 0 || e->text[0]);
    return rc;
}

static json_t *farmer(int n)
{
    char name[32];
    snprintf(name, sizeof(name), "农户%d", n);
    return json_pack("{s:s,s:s,s:s,s:s}", "name", name, "initials", "nh", "township_zh", "镇",
                     "township_en", "Town");
}

static void an_item_is_acknowledged_once_it_is_stored_whatever_statement_fails(void **state)
{
    struct shed *s = *state;
    struct daemon_line *l = &s->d->lines[0];
    uint32_t epoch = shed_epoch(s, 7), seq = 0, failures = 0;
    for (bool fired = true; fired && seq < MANY;) {
        uint64_t before = l->ack.seq;
        shed_news(s, shed_item(s, epoch, ++seq));
        s->ahead_ms += 1100; /* so that each turn looks after blocks and runs, too */
        fired = turn_failing_at(s, (int)seq - 1);
        if (s->d->failed) {
            failures++;
            assert_int_equal(l->ack.seq, before);
            assert_int_equal(shed_number(s, "SELECT count(*) FROM item"), seq - 1);
            assert_non_null(shed_alarm(s, "record-failed"));
            assert_true(feed_stop_ordered(s, true));
            turn_later(s);
            assert_false(s->d->failed);
            assert_null(shed_alarm(s, "record-failed"));
            assert_true(feed_stop_ordered(s, false));
        }
        assert_int_equal(l->ack.seq, (uint64_t)epoch << 32 | seq);
        assert_int_equal(shed_number(s, "SELECT count(*) FROM item"), seq);
        s->ahead_ms += 11000; /* the block is closed */
        shed_turn(s);
    }
    assert_in_range(failures, 5, MANY - 1);
}

static void a_request_is_done_or_refused_whatever_statement_fails(void **state)
{
    struct shed *s = *state;
    int failures = 0;
    bool fired = true;
    for (int n = 0; fired && n < MANY; n++) {
        char id[16];
        struct err e;
        int64_t before = shed_number(s, "SELECT count(*) FROM event");
        snprintf(id, sizeof(id), "f%d", n);
        shed_send(s->fd, "farmer.add", id, farmer(n));
        shed_pass(s);
        fired = turn_failing_at(s, n);
        if (settled(s, &e) < 0) {
            failures++;
            assert_int_equal(shed_number(s, "SELECT count(*) FROM event"), before);
            turn_later(s);
            if (shed_ask(s, "farmer.add", id, farmer(n), NULL, &e) < 0)
                fail_msg("again at %d: %s", n, e.text);
        }
        assert_int_equal(shed_number(s, "SELECT count(*) FROM event"), before + 1);
        assert_int_equal(shed_number(s, "SELECT count(*) FROM party"), n + 1);
    }
    assert_in_range(failures, 5, MANY - 1);
}

/* A line asks for an epoch once: the order must come, whatever else fails. */
static void an_epoch_is_ordered_whatever_statement_fails(void **state)
{
    struct shed *s = *state;
    bool fired = true;
    int n = 0;
    for (; fired && n < MANY; n++) {
        uint32_t nonce = 100 + (uint32_t)n, unknown = 3000000000u + (uint32_t)n;
        struct order o, asked = {0}, open = {0};
        shed_news(s, (struct news){.kind = NEWS_EPOCH_WANTED, .u.epoch = {.nonce = nonce}});
        shed_news(s, (struct news){.kind = NEWS_EPOCH_UNKNOWN,
                                   .u.epoch = {.epoch = unknown, .nonce = nonce, .oldest = 11}});
        fired = turn_failing_at(s, n);
        if (s->d->failed)
            turn_later(s);
        while (shed_order(s, &o)) {
            asked = o.kind == ORDER_EPOCH ? o : asked;
            open = o.kind == ORDER_EPOCH_OPEN ? o : open;
        }
        assert_true(asked.epoch != 0 && asked.nonce == nonce);
        assert_true(open.epoch == unknown && open.seq == 10 && open.out == 0);
        assert_false(s->d->lines[0].broken);
    }
    assert_in_range(n, 10, MANY - 1);
}

/* The interlock takes a placement once; when the commit fails it has not been taken. */
static void a_weighing_whose_commit_failed_can_be_accepted_again(void **state)
{
    struct shed *s = *state;
    int failures = 0;
    bool fired = true;
    shed_morning(s);
    for (int n = 0; fired && n < MANY; n++) {
        const char *id = shed_id(s);
        struct err e;
        shed_load(s, 0);
        shed_load(s, 12500 + n);
        shed_send(s->fd, "station.accept", id, shed_accept_args(s, 12500 + n));
        shed_pass(s);
        fired = turn_failing_at(s, n);
        if (settled(s, &e) < 0) {
            failures++;
            assert_int_equal(shed_number(s, "SELECT count(*) FROM weighing"), n);
            turn_later(s);
            if (shed_ask(s, "station.accept", id, shed_accept_args(s, 12500 + n), NULL, &e) < 0)
                fail_msg("again at %d: %s", n, e.text);
        }
        assert_int_equal(shed_number(s, "SELECT count(*) FROM weighing"), n + 1);
    }
    assert_in_range(failures, 5, MANY - 1);
}

static void a_wish_to_stop_feeding_that_was_not_committed_is_no_wish(void **state)
{
    struct shed *s = *state;
    const bool *wished = &s->d->lines[0].feed_stop;
    int failures = 0;
    bool fired = true;
    for (int n = 2; fired && n < MANY; n++) { /* from the first after both BEGINs to the commits */
        struct err e;
        shed_send(s->fd, "feed.stop", NULL, json_pack("{s:s}", "line", "s1"));
        shed_pass(s);
        fired = turn_failing_at(s, n);
        bool done = shed_answer(s->fd, NULL, &e) == 0;
        assert_int_equal(*wished, done);
        failures += !done;
        if (s->d->failed) {
            turn_later(s);
            assert_true(
                feed_stop_ordered(s, false)); /* what the failure itself asked for is over */
        }
        assert_int_equal(*wished, done);
        shed_do(s, "feed.release", NULL, json_pack("{s:s}", "line", "s1"), NULL);
        feed_stop_ordered(s, false);
    }
    assert_in_range(failures, 5, MANY - 1);
}

static void a_wish_to_stop_feeding_outlasts_a_record_that_was_down(void **state)
{
    struct shed *s = *state;
    shed_do(s, "feed.stop", NULL, json_pack("{s:s}", "line", "s1"), NULL);
    assert_true(feed_stop_ordered(s, true));
    shed_send(s->fd, "farmer.add", "f1", farmer(1));
    shed_pass(s);
    assert_true(turn_failing_at(s, 3));
    feed_stop_ordered(s, true);
    turn_later(s);
    assert_false(s->d->failed);
    assert_true(feed_stop_ordered(s, true)); /* a person asked for it, and has not released it */
}

/* Reading fails like writing: with a reason, not with an empty list. */
static void a_list_that_cannot_be_read_is_no_empty_list(void **state)
{
    static const struct {
        const char *verb, *key;
    } rows[] = {{"party.list", "parties"},
                {"product.list", "products"},
                {"lot.list", "lots"},
                {"task.list", "tasks"},
                {"problem.list", "problems"}};
    struct shed *s = *state;
    shed_morning(s);
    shed_do(s, "problem.report", "q1",
            json_pack("{s:s,s:s}", "id", s->lot, "text", "a stone was in it"), NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int failures = 0;
        bool fired = true;
        for (int n = 2; fired; n++) { /* from the first after both BEGINs */
            json_t *ret = NULL;
            struct err e;
            shed_send(s->fd, rows[i].verb, NULL, NULL);
            shed_pass(s);
            fired = turn_failing_at(s, n);
            int rc = shed_answer(s->fd, &ret, &e);
            failures += rc < 0;
            if (rc == 0 && strcmp(rows[i].key, "tasks") != 0)
                assert_int_equal(json_array_size(json_object_get(ret, rows[i].key)), 1);
            assert_true(rc == 0 || e.text[0]);
            json_decref(ret);
            turn_later(s);
            feed_stop_ordered(s, true);
        }
        assert_in_range(failures, 1, 20);
    }
}

/* While the record is down, what asks nothing of it is answered, everything else is refused. */
static void a_record_that_is_down_is_said_and_tried_again(void **state)
{
    struct shed *s = *state;
    struct err e;
    json_t *ret = NULL;
    shed_send(s->fd, "farmer.add", "f1", farmer(1));
    shed_pass(s);
    assert_true(turn_failing_at(s, 3));
    assert_true(shed_answer(s->fd, NULL, &e) < 0);
    assert_int_equal(shed_ask(s, "farmer.add", "f2", farmer(2), NULL, &e), ERR_IO);
    assert_non_null(strstr(e.text, "free or repair the disk"));
    assert_int_equal(shed_ask(s, "status", NULL, NULL, &ret, &e), 0);
    assert_true(json_is_true(json_object_get(json_object_get(ret, "record"), "failed")));
    json_decref(ret);
    s->ahead_ms += RETRY_MS;
    turn_failing_at(s, 0); /* the disk is as bad as before */
    assert_true(s->d->failed);
    shed_turn(s); /* too early to try again */
    assert_true(s->d->failed);
    turn_later(s);
    assert_false(s->d->failed);
    assert_int_equal(shed_ask(s, "farmer.add", "f1", farmer(1), NULL, &e), 0);
    assert_int_equal(shed_number(s, "SELECT count(*) FROM party"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHED_TEST(an_item_is_acknowledged_once_it_is_stored_whatever_statement_fails),
        SHED_TEST(an_epoch_is_ordered_whatever_statement_fails),
        SHED_TEST(a_request_is_done_or_refused_whatever_statement_fails),
        SHED_TEST(a_weighing_whose_commit_failed_can_be_accepted_again),
        SHED_TEST(a_wish_to_stop_feeding_that_was_not_committed_is_no_wish),
        SHED_TEST(a_wish_to_stop_feeding_outlasts_a_record_that_was_down),
        SHED_TEST(a_list_that_cannot_be_read_is_no_empty_list),
        SHED_TEST(a_record_that_is_down_is_said_and_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
