/* Rules 1 to 3: epochs, unknown epochs, quarantine (testhost.h). */
#include "controller/testhost.h"

/* 1: an epoch is committed before it is proposed, for the nonce that was read, and cleared when
 * shown. */
static void test_epoch(void **state)
{
    (void)state;
    struct th *t = th_fresh(16);
    th_run_ms(t, 100, false);
    assert_int_equal(t->plc.epoch, 0);
    assert_int_equal(th_host_words(t).new_epoch, 0); /* not committed yet */
    assert_int_equal(t->queue[0].n.kind, NEWS_EPOCH_WANTED);
    assert_int_equal(t->queued, 1); /* wanted once */
    th_commit(t);
    th_next_want(t, 16, t->plc.host);
    assert_int_equal(th_host_words(t).new_epoch_nonce, t->plc.nonce);
    th_run_ms(t, 300, true);
    assert_int_equal(t->plc.epoch, 41);
    assert_int_equal(th_host_words(t).new_epoch, 0);
    assert_int_equal(th_host_words(t).ack_epoch, 41);
    th_free(t);
}

/* 1: after its own restart the host proposes again only for the same nonce, and only if never
 * shown. */
static void test_epoch_proposed_again(void **state)
{
    (void)state;
    struct th *t = th_fresh(16);
    t->frozen = true; /* reads, but adopts nothing */
    th_run_ms(t, 100, true);
    assert_int_equal(t->rec.epoch, 41);
    th_crash(t);
    th_run_ms(t, 100, true);
    assert_int_equal(th_host_words(t).new_epoch, 41);
    th_crash(t);
    tp_reboot(&t->plc, true);
    th_run_ms(t, 100, true);
    assert_int_equal(th_host_words(t).new_epoch, 42);
    t->frozen = false;
    th_run_ms(t, 200, true);
    tp_reboot(&t->plc, true);
    th_crash(t);
    th_run_ms(t, 300, true);
    assert_int_equal(t->plc.epoch, 43);
    th_free(t);
}

/* 2: what passed unnumbered is a gap without bounds before the first item. */
static void test_lost_before_first(void **state)
{
    (void)state;
    struct th *t = th_fresh(16);
    t->plc.lost = 7;
    th_run_ms(t, 300, true);
    assert_int_equal(t->unnumbered, 7);
    th_crash(t);
    th_run_ms(t, 300, true);
    assert_int_equal(t->unnumbered, 7);
    th_free(t);
}

/* 3: an epoch that is not this line's newest is opened at OLDEST_SEQ, after the record has it. */
static void test_unknown_epoch(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 5);
    th_run_ms(t, 100, true);
    th_post(t, 3);
    th_run_ms(t, 30, false);
    t->rec = (struct item_line_state){.epoch = 7,
                                      .epoch_seen = true}; /* a record that does not know it */
    th_crash(t);
    th_run_ms(t, 50, false);
    assert_int_equal(t->queued, 1);
    assert_int_equal(t->queue[0].n.kind, NEWS_EPOCH_UNKNOWN);
    assert_int_equal(t->queue[0].n.u.epoch.oldest, 6);
    assert_int_equal(th_host_words(t).ack_epoch, 0);
    th_commit(t);
    th_run_ms(t, 200, true);
    assert_int_equal(t->rec.epoch, 41);
    assert_int_equal(t->rec.seq, 8);
    assert_int_equal(t->adopted, 3);
    assert_int_equal(t->plc.oldest, 9);
    th_free(t);
}

static void check_quarantine(struct th *t, const char *code)
{
    mailbox_feed_stop(t->m, true);
    th_run_ms(t, 400, true);
    assert_non_null(t->quarantine);
    assert_string_equal(t->quarantine, code);
    uint16_t beat = th_host_words(t).heartbeat;
    th_post(t, 2);
    th_run_ms(t, 400, true);
    assert_int_not_equal(th_host_words(t).heartbeat, beat);
    assert_int_equal(th_host_words(t).ack_epoch, 0);
    assert_int_equal(th_host_words(t).request, MB_REQUEST_FEED_STOP);
    assert_int_equal(tp_item(&t->plc, t->plc.head)->first_outlet, 0);
    tp_lose_all(&t->plc); /* a person clears it */
    t->plc.nonce++;
    th_run_ms(t, 500, true);
    assert_null(t->quarantine);
    assert_true(th_view(t).running);
    th_post(t, 1);
    th_run_ms(t, 100, true);
    assert_int_equal(t->rec.seq, 1);
    th_free(t);
}

/* RING_N below what the map is meant for: said once with both numbers, nothing is proposed or
 * decided, also where EPOCH is 0 already; over when the ring has grown and EPOCH is 0. */
static void test_ring_too_small(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) { /* at the first header; or another program, at work */
        struct th *t = th_new(1, how ? 64 : 16, true);
        t->o.map.min_ring = 64;
        th_crash(t);
        if (how) {
            th_run_ms(t, 300, true);
            th_post(t, 3);
            th_run_ms(t, 100, true);
            uint32_t nonce = t->plc.nonce;
            tp_free(&t->plc);
            tp_init(&t->plc, 32, true);
            t->plc.nonce = nonce + 1;
        }
        th_run_ms(t, 400, false);
        assert_int_equal(t->queued, 1);
        assert_int_equal(t->queue[0].n.kind, NEWS_QUARANTINE);
        assert_string_equal(t->queue[0].n.u.alarm.code, "ring-too-small");
        assert_int_equal(t->queue[0].n.u.alarm.have, how ? 32 : 16);
        assert_int_equal(t->queue[0].n.u.alarm.need, 64);
        th_run_ms(t, 600, true);
        assert_int_equal(t->plc.epoch, 0);
        assert_int_equal(th_host_words(t).new_epoch, 0);
        assert_int_equal(th_host_words(t).ack_epoch, 0);
        assert_true(th_view(t).quarantined && !th_view(t).stale);
        uint32_t nonce = t->plc.nonce;
        tp_free(&t->plc);
        tp_init(&t->plc, 128, true);
        t->plc.nonce = nonce + 1;
        th_run_ms(t, 600, true);
        assert_null(t->quarantine);
        assert_true(th_view(t).running);
        th_free(t);
    }
}

/* 3: an earlier epoch comes back and holds items under numbers that were committed. */
static void test_earlier_epoch_comes_back(void **state)
{
    (void)state;
    const uint32_t in_record[] = {2, 3, 4294966262}; /* the last: a PLC that lied told it */
    for (size_t i = 0; i < 3; i++) {
        uint32_t committed = in_record[i];
        struct th *t = th_running(16);
        th_post(t, 2);
        th_run_ms(t, 100, true);
        th_post(t, 3); /* held: 3 to 5 */
        t->rec = (struct item_line_state){.epoch = 50, .epoch_seen = true};
        th_crash(t);
        th_run_ms(t, 100, false);
        assert_int_equal(t->queue[0].n.kind, NEWS_EPOCH_UNKNOWN);
        t->queued = 0;
        mailbox_order_open(t->m, 41, committed, 0);
        th_run_ms(t, 100, false);
        assert_int_equal(th_view(t).quarantined, i > 0);
        assert_int_equal(th_host_words(t).ack_epoch, i > 0 ? 0 : 41);
        th_free(t);
    }
}

static void rewind_head(struct th *t, uint32_t to)
{
    t->plc.rewound = true;
    t->plc.n_items -= t->plc.head - to;
    t->plc.head = to;
    t->plc.oldest = to + 1;
    if (t->plc.fire_from > to + 1)
        t->plc.fire_from = to + 1;
}

static void test_head_below_committed(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 5);
    th_run_ms(t, 100, true);
    rewind_head(t, 3);
    check_quarantine(t, "epoch-conflict");
    t = th_running(16);
    th_post(t, 5);
    th_run_ms(t, 100, true);
    rewind_head(t, 3);
    th_crash(t); /* noticed at a start too */
    check_quarantine(t, "epoch-conflict");
}

/* 1: a window over the wrap of SEQ can be neither stored nor acknowledged. */
static void test_oldest_beyond_head(void **state)
{
    (void)state;
    static const uint32_t oldest[] = {0, 0xFFFFFFF7}; /* with HEAD_SEQ 2, within RING_N */
    for (int i = 0; i < 2; i++) {
        struct th *t = th_running(16);
        th_post(t, 2);
        th_run_ms(t, 100, true);
        t->frozen = true;
        t->plc.oldest = oldest[i];
        th_run_ms(t, 100, true);
        t->frozen = false;
        check_quarantine(t, "epoch-conflict");
    }
}

/* 3: a new start under the same epoch whose HEAD_SEQ is lower than seen, committed or not. */
static void test_reboot_with_lower_head(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 2);
    th_run_ms(t, 100, true);
    t->room = 0;
    th_post(t, 3); /* seen, not handed over */
    th_run_ms(t, 100, false);
    rewind_head(t, 4);
    tp_reboot(&t->plc, false);
    tp_item(&t->plc, 3)->lost = tp_item(&t->plc, 4)->lost =
        true; /* the gap that leaving tells of */
    t->room = TH_NEWS;
    check_quarantine(t, "epoch-conflict");
}

static void change_record(struct th *t, uint32_t seq)
{
    struct mb_item i;
    uint16_t *w = t->plc.mem + mb_item_addr(TP_B, t->plc.ring_n, seq);
    assert_true(mb_item_decode(w, t->plc.epoch, seq, true, &i));
    i.weight += 1000;
    mb_item_encode(&i, t->plc.epoch, true, w);
}

static void no_acks(struct th *t) /* commits, but the PLC does not learn of it */
{
    uint32_t oldest = t->plc.oldest;
    for (int i = 0; i < 40; i++) {
        th_step(t);
        t->plc.oldest = oldest;
    }
}

/* 3: a committed record with other bytes, found after a restart and after a reboot of the PLC. */
static void test_record_differs(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct th *t = th_running(16);
        t->frozen = true; /* acknowledgements are written and not obeyed */
        th_post(t, 5);
        no_acks(t);
        th_commit(t);
        assert_int_equal(t->rec.seq, 5);
        change_record(t, 4);
        if (how == 0)
            th_crash(t);
        else
            tp_reboot(&t->plc, false);
        memset(t->plc.mem + t->plc.host, 0, sizeof(uint16_t) * MB_HOST_WORDS);
        t->frozen = false;
        check_quarantine(t, "record-differs");
    }
}

/* 3: what is held and equal is no conflict; it is acknowledged after the comparison only. */
static void test_record_equal(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    t->frozen = true;
    th_post(t, 5);
    no_acks(t);
    th_commit(t);
    memset(t->plc.mem + t->plc.host, 0, sizeof(uint16_t) * MB_HOST_WORDS);
    th_crash(t);
    th_next_want(t, 16, t->plc.host);
    assert_int_equal(th_host_words(t).ack_epoch, 0); /* not before the comparison */
    t->frozen = false;
    th_run_ms(t, 200, true);
    assert_null(t->quarantine);
    assert_int_equal(t->plc.oldest, 6);
    assert_int_equal(t->items, 5);
    th_free(t);
}

/* 3: after a reboot the next record is another whole one. */
static void test_not_the_successor(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 3);
    th_run_ms(t, 100, true);
    tp_reboot(&t->plc, false);
    th_post(t, 1);
    struct mb_item i;
    uint16_t *w = t->plc.mem + mb_item_addr(TP_B, 16, 4);
    assert_true(mb_item_decode(w, t->plc.epoch, 4, true, &i));
    i.seq = 2;
    mb_item_encode(&i, t->plc.epoch, true, w);
    tp_item(&t->plc, 4)->lost = true;
    check_quarantine(t, "record-differs");
}

/* 3: a retentive reboot with everything in place goes on. */
static void test_retentive_reboot(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 5);
    th_run_ms(t, 5, false);
    tp_reboot(&t->plc, false);
    th_post(t, 2);
    th_run_ms(t, 300, true);
    assert_null(t->quarantine);
    assert_int_equal(t->rec.seq, 7);
    assert_int_equal(t->rec.boot_nonce, t->plc.nonce);
    th_free(t);
}

/* 6: what was read under an epoch that is gone is not handed over, but a gap with its bounds. */
static void test_batch_thrown(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 3);
    while (!tp_item(&t->plc, 3)->first_outlet)
        th_step(t);
    assert_int_equal(th_view(t).handed, 0); /* not before another header */
    assert_int_equal(t->queued, 0);
    tp_reboot(&t->plc, true);
    th_run_ms(t, 300, true);
    assert_int_equal(t->items, 0);
    assert_int_equal(t->gaps, 1);
    assert_int_equal(t->plc.epoch, 42);
    th_free(t);
}

/* An odd header that comes once, as a late answer may, moves nothing. */
static void test_one_odd_header(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 3);
    th_run_ms(t, 50, true);
    uint32_t epoch = t->plc.epoch, head = t->plc.head;
    t->plc.epoch = t->plc.head = 0;
    t->plc.oldest = 1;
    th_next_want(t, 3, TP_B);
    t->plc.epoch = epoch;
    t->plc.head = head;
    t->plc.oldest = head + 1;
    th_post(t, 1);
    th_run_ms(t, 100, true);
    assert_int_equal(t->gaps, 0);
    assert_int_equal(t->items, 4);
    assert_int_equal(t->next_epoch, 41);
    th_free(t);
}

/* 1: an order for another start of the PLC is not written; one for this start is. */
static void test_order_for_another_nonce(void **state)
{
    (void)state;
    struct th *t = th_fresh(16);
    th_run_ms(t, 50, false);
    mailbox_order_epoch(t->m, 77, t->plc.nonce - 1);
    th_run_ms(t, 400, false);
    assert_int_equal(th_host_words(t).new_epoch, 0);
    t->frozen = true; /* reads it, adopts nothing */
    mailbox_order_epoch(t->m, 78, t->plc.nonce);
    th_run_ms(t, 20, false);
    assert_int_equal(th_host_words(t).new_epoch, 78);
    th_free(t);
}

/* 1: an order that comes while an epoch runs is not kept: what is known of that epoch stays, and
 * where EPOCH is 0 again it is asked for anew (found by the fuzzer of the PLC). */
static void test_order_too_late(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 3);
    th_run_ms(t, 100, true);
    mailbox_order_epoch(t->m, 99, t->plc.nonce);
    th_post(t, 2);
    th_run_ms(t, 100, true);
    assert_int_equal(t->rec.seq, 5);
    t->plc.epoch = t->plc.head = 0;
    t->plc.oldest = 1;
    th_run_ms(t, 300, true);
    assert_int_equal(t->plc.epoch, 42);
    assert_int_equal(t->gaps, 0);
    th_free(t);
}

/* 3: only the next record after a reboot must be the successor; a broken one later is just
 * unreadable. */
static void test_successor_once(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 3);
    th_run_ms(t, 100, true);
    tp_reboot(&t->plc, false);
    th_post(t, 1);
    th_run_ms(t, 100, true);
    th_post(t, 1);
    struct mb_item i;
    uint16_t *w = t->plc.mem + mb_item_addr(TP_B, 16, 5);
    assert_true(mb_item_decode(w, t->plc.epoch, 5, true, &i));
    i.seq = 2;
    mb_item_encode(&i, t->plc.epoch, true, w);
    th_run_ms(t, 400, true);
    assert_null(t->quarantine);
    assert_int_equal(t->unreadable, 1);
    th_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_epoch_proposed_again),
        cmocka_unit_test(test_lost_before_first),
        cmocka_unit_test(test_unknown_epoch),
        cmocka_unit_test(test_ring_too_small),
        cmocka_unit_test(test_earlier_epoch_comes_back),
        cmocka_unit_test(test_head_below_committed),
        cmocka_unit_test(test_reboot_with_lower_head),
        cmocka_unit_test(test_record_differs),
        cmocka_unit_test(test_record_equal),
        cmocka_unit_test(test_not_the_successor),
        cmocka_unit_test(test_retentive_reboot),
        cmocka_unit_test(test_batch_thrown),
        cmocka_unit_test(test_oldest_beyond_head),
        cmocka_unit_test(test_one_odd_header),
        cmocka_unit_test(test_order_for_another_nonce),
        cmocka_unit_test(test_order_too_late),
        cmocka_unit_test(test_successor_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
