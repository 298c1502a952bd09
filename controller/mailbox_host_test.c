/* The host's own words and rule 9: heartbeats, another host, goodbye (testhost.h). */
#include "controller/testhost.h"

/* 9: the host beats at least five times a second, always with another value. */
static void beats_in_time(int64_t cost_ns)
{
    struct th *t = th_running(64);
    t->cost_ns = cost_ns;
    struct mono last = t->now;
    uint16_t beat = th_host_words(t).heartbeat;
    for (int i = 0; i < 20000; i++) {
        th_step(t);
        if (th_chance(t, 300) && !tp_full(&t->plc))
            th_post(t, 1);
        if (th_chance(t, 100))
            th_commit(t);
        if (th_host_words(t).heartbeat == beat)
            continue;
        assert_true(mono_since_ms(t->now, last) <= 200);
        last = t->now;
        beat = th_host_words(t).heartbeat;
    }
    th_free(t);
}

static void test_heartbeat(void **state)
{
    (void)state;
    beats_in_time(0);
    beats_in_time(5000000);
    beats_in_time(30000000); /* 19200 baud */
}

/* 9: a heartbeat of the PLC that stands for a second is stale, though its TCP side answers. */
static void test_stale(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    assert_false(th_view(t).stale);
    t->frozen = true;
    th_run_ms(t, 900, true);
    assert_false(th_view(t).stale);
    th_run_ms(t, 200, true);
    assert_true(th_view(t).stale);
    t->frozen = false;
    th_run_ms(t, 50, true);
    assert_false(th_view(t).stale);
    th_free(t);
}

/* 9: another host; and what is none: a PLC that stands still, our own restart. */
static void test_foreign_host(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    t->frozen = true;
    th_crash(t);
    th_run_ms(t, 5000, true);
    t->frozen = false;
    th_run_ms(t, 3000, true);
    assert_false(th_view(t).foreign_host);
    for (int i = 0; i < 400 && !th_view(t).foreign_host; i++) {
        t->plc.mem[t->plc.host + MB_HOST_SESSION] = 0x7777;
        th_run_ms(t, 20, true);
    }
    assert_true(th_view(t).foreign_host);
    th_commit(t);
    assert_true(t->foreign_alarm);
    uint16_t beat = th_host_words(t).heartbeat;
    th_run_ms(t, 1000, true);
    assert_int_equal(th_host_words(t).heartbeat, beat); /* writes nothing */
    th_free(t);
}

static void test_goodbye(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    mailbox_goodbye(t->m);
    assert_true(th_step(t));
    assert_int_equal(th_host_words(t).session, 0);
    struct want w;
    struct mono wake;
    assert_false(mailbox_want(t->m, t->now, &w, &wake));
    assert_int_equal(wake.ns, MONO_NEVER.ns);
    th_free(t);
}

/* 9: answers get lost; every write that arrives has another heartbeat all the same. */
static void test_heartbeat_without_answers(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    uint16_t before = 0;
    t->f.unanswered = 300;
    for (int i = 0; i < 3000; i++) {
        if (!th_step(t) || t->last_want.tag != 5)
            continue;
        assert_int_not_equal(t->last_want.words[MB_HOST_HEARTBEAT], before);
        before = t->last_want.words[MB_HOST_HEARTBEAT];
    }
    th_free(t);
}

/* 4: after a failure nothing is acknowledged before a header has shown that the PLC is the same:
 * its memory may have been put back meanwhile. */
static void test_no_ack_before_header(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    uint32_t epoch = t->plc.epoch;
    assert_int_equal(th_host_words(t).ack_epoch, epoch);
    t->f.lost = 1000;
    th_run_ms(t, 500, true);
    t->f.lost = 0;
    do
        th_step(t);
    while (t->last_want.tag != 5);
    struct mb_host h;
    mb_host_decode(t->last_want.words, &h);
    assert_int_equal(h.ack_epoch, 0);
    assert_true(mb_host_ack_valid(t->last_want.words));
    th_run_ms(t, 300, true);
    assert_int_equal(th_host_words(t).ack_epoch, epoch);
    th_free(t);
}

/* 4: numbers of a long epoch. */
static void test_far_numbers(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    t->plc.epoch_first = t->plc.n_items - 70000;
    t->plc.head = t->rec.seq = t->plc.committed = 70000;
    t->plc.oldest = t->plc.fire_from = 70001;
    th_crash(t);
    th_run_ms(t, 300, true);
    th_post(t, 3);
    th_run_ms(t, 300, true);
    assert_int_equal(th_host_words(t).ack_seq, 70003);
    assert_int_equal(t->plc.oldest, 70004);
    th_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heartbeat),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_foreign_host),
        cmocka_unit_test(test_goodbye),
        cmocka_unit_test(test_heartbeat_without_answers),
        cmocka_unit_test(test_no_ack_before_header),
        cmocka_unit_test(test_far_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
