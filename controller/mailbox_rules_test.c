/* The rules of MAILBOX.md one by one, each against the machine alone (testhost.h). */
#include "controller/testhost.h"

static struct th *fresh(uint16_t ring_n)
{
    struct th *t = th_new(1, ring_n, true);
    t->outlet = 2;
    return t;
}

static struct th *running(uint16_t ring_n)
{
    struct th *t = fresh(ring_n);
    th_run_ms(t, 300, true);
    assert_true(th_view(t).running);
    return t;
}

static void post(struct th *t, int n)
{
    for (int i = 0; i < n; i++)
        assert_true(tp_post(&t->plc, MB_UNIT_G));
}

static struct mb_host host_words(const struct th *t)
{
    struct mb_host h;
    mb_host_decode(t->plc.mem + t->plc.host, &h);
    return h;
}

/* Runs until `n` requests of this function code at or behind addr were made; returns the last. */
static struct want next_want(struct th *t, uint8_t fc, uint32_t addr)
{
    for (int i = 0; i < 10000; i++)
        if (th_step(t) && t->last_want.fc == fc && t->last_want.addr >= addr)
            return t->last_want;
    fail();
    return t->last_want;
}

/* 1: an epoch is committed before it is proposed, for the nonce that was read, and cleared when shown. */
static void test_epoch(void **state)
{
    (void)state;
    struct th *t = fresh(16);
    th_run_ms(t, 100, false);
    assert_int_equal(t->plc.epoch, 0);
    assert_int_equal(host_words(t).new_epoch, 0); /* not committed yet */
    assert_int_equal(t->queue[0].n.kind, NEWS_EPOCH_WANTED);
    assert_int_equal(t->queued, 1); /* wanted once */
    th_commit(t);
    next_want(t, 16, t->plc.host);
    assert_int_equal(host_words(t).new_epoch_nonce, t->plc.nonce);
    th_run_ms(t, 300, true);
    assert_int_equal(t->plc.epoch, 41);
    assert_int_equal(host_words(t).new_epoch, 0);
    assert_int_equal(host_words(t).ack_epoch, 41);
    th_free(t);
}

/* 1: after its own restart the host proposes again only for the same nonce, and only if never shown. */
static void test_epoch_proposed_again(void **state)
{
    (void)state;
    struct th *t = fresh(16);
    t->frozen = true; /* reads, but adopts nothing */
    th_run_ms(t, 100, true);
    assert_int_equal(t->rec.epoch, 41);
    th_crash(t);
    th_run_ms(t, 100, true);
    assert_int_equal(host_words(t).new_epoch, 41);
    th_crash(t);
    tp_reboot(&t->plc, true);
    th_run_ms(t, 100, true);
    assert_int_equal(host_words(t).new_epoch, 42);
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
    struct th *t = fresh(16);
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
    struct th *t = running(16);
    post(t, 5);
    th_run_ms(t, 100, true);
    post(t, 3);
    th_run_ms(t, 30, false);
    t->rec = (struct item_line_state){.epoch = 7, .epoch_seen = true}; /* a record that does not know it */
    th_crash(t);
    th_run_ms(t, 50, false);
    assert_int_equal(t->queued, 1);
    assert_int_equal(t->queue[0].n.kind, NEWS_EPOCH_UNKNOWN);
    assert_int_equal(t->queue[0].n.u.epoch.oldest, 6);
    assert_int_equal(host_words(t).ack_epoch, 0);
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
    uint16_t beat = host_words(t).heartbeat;
    post(t, 2);
    th_run_ms(t, 400, true);
    assert_int_not_equal(host_words(t).heartbeat, beat);
    assert_int_equal(host_words(t).ack_epoch, 0);
    assert_int_equal(host_words(t).request, MB_REQUEST_FEED_STOP);
    assert_int_equal(tp_item(&t->plc, t->plc.head)->first_outlet, 0);
    tp_lose_all(&t->plc); /* a person clears it */
    t->plc.nonce++;
    th_run_ms(t, 500, true);
    assert_null(t->quarantine);
    assert_true(th_view(t).running);
    post(t, 1);
    th_run_ms(t, 100, true);
    assert_int_equal(t->rec.seq, 1);
    th_free(t);
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
    struct th *t = running(16);
    post(t, 5);
    th_run_ms(t, 100, true);
    rewind_head(t, 3);
    check_quarantine(t, "epoch-conflict");
    t = running(16);
    post(t, 5);
    th_run_ms(t, 100, true);
    rewind_head(t, 3);
    th_crash(t); /* noticed at a start too */
    check_quarantine(t, "epoch-conflict");
}

/* 3: a new start under the same epoch whose HEAD_SEQ is lower than seen, committed or not. */
static void test_reboot_with_lower_head(void **state)
{
    (void)state;
    struct th *t = running(16);
    post(t, 2);
    th_run_ms(t, 100, true);
    t->room = 0;
    post(t, 3); /* seen, not handed over */
    th_run_ms(t, 100, false);
    rewind_head(t, 4);
    tp_reboot(&t->plc, false);
    tp_item(&t->plc, 3)->lost = tp_item(&t->plc, 4)->lost = true; /* the gap that leaving tells of */
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
        struct th *t = running(16);
        t->frozen = true; /* acknowledgements are written and not obeyed */
        post(t, 5);
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
    struct th *t = running(16);
    t->frozen = true;
    post(t, 5);
    no_acks(t);
    th_commit(t);
    memset(t->plc.mem + t->plc.host, 0, sizeof(uint16_t) * MB_HOST_WORDS);
    th_crash(t);
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
    struct th *t = running(16);
    post(t, 3);
    th_run_ms(t, 100, true);
    tp_reboot(&t->plc, false);
    post(t, 1);
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
    struct th *t = running(16);
    post(t, 5);
    th_run_ms(t, 5, false);
    tp_reboot(&t->plc, false);
    post(t, 2);
    th_run_ms(t, 300, true);
    assert_null(t->quarantine);
    assert_int_equal(t->rec.seq, 7);
    assert_int_equal(t->rec.boot_nonce, t->plc.nonce);
    th_free(t);
}

/* Item ring: 16 reads over at least 200 ms, then a row without a record; the items behind it have
 * their slots long before. */
static void test_unreadable(void **state)
{
    (void)state;
    struct th *t = running(16);
    post(t, 3);
    t->plc.mem[mb_item_addr(TP_B, 16, 2) + MB_ITEM_CRC] ^= 1;
    struct mono began = t->now;
    while (!tp_item(&t->plc, 3)->first_outlet)
        th_step(t);
    assert_true(mono_since_ms(t->now, began) < 20);
    unsigned reads = 0;
    while (t->rec.seq < 3) {
        if (th_step(t) && t->last_want.tag == 2 && t->last_want.addr == mb_item_addr(TP_B, 16, 2))
            reads++;
        th_commit(t);
    }
    assert_true(mono_since_ms(t->now, began) >= 200 && mono_since_ms(t->now, began) < 400);
    assert_true(reads >= 15); /* the first was part of a longer one */
    assert_int_equal(t->unreadable, 1);
    assert_int_equal(t->alarms, 1);
    th_run_ms(t, 20, true);
    assert_int_equal(tp_item(&t->plc, 2)->first_outlet, t->plc.default_outlet);
    th_free(t);
}

static void test_unit_refused(void **state)
{
    (void)state;
    struct th *t = running(16);
    assert_true(tp_post(&t->plc, 9));
    th_run_ms(t, 100, true);
    assert_int_equal(t->bad_unit, 1);
    assert_int_equal(t->alarms, 1);
    assert_int_equal(tp_item(&t->plc, 1)->first_outlet, t->plc.default_outlet);
    th_free(t);
}

/* 5: after a crash the slot that stands is adopted, whatever would be decided now. */
static void test_adopted(void **state)
{
    (void)state;
    struct th *t = running(16);
    post(t, 3);
    next_want(t, 16, t->plc.host + MB_HOST_WORDS);
    t->outlet = 4;
    th_crash(t);
    post(t, 1);
    th_run_ms(t, 200, true);
    assert_int_equal(t->adopted, 3);
    for (uint32_t s = 1; s <= 3; s++)
        assert_int_equal(t->stored[s].outlet, 2);
    assert_int_equal(t->stored[4].outlet, 4);
    th_free(t);
}

/* 6: header, records, slots: nothing in between, also when host words are due. */
static void test_order_of_requests(void **state)
{
    (void)state;
    struct th *t = running(64);
    for (int i = 0; i < 200; i++) {
        post(t, 1 + (int)th_dice(t, 9));
        th_run_ms(t, (int)th_dice(t, 12), false);
        th_commit(t);
    }
    uint16_t before = 0;
    for (int i = 0; i < 20000; i++) {
        if (th_chance(t, 200) && !tp_full(&t->plc))
            post(t, 1);
        if (!th_step(t))
            continue;
        if (before == 2)
            assert_true(t->last_want.tag == 3); /* records, then slots, at once */
        before = t->last_want.tag;
        if (th_chance(t, 100))
            th_commit(t);
    }
    th_free(t);
}

/* Slots are written alone, whole, in two writes where they wrap. */
static void test_slots_wrap(void **state)
{
    (void)state;
    struct th *t = running(16);
    for (int i = 0; i < 5; i++) {
        post(t, 6);
        th_run_ms(t, 50, true);
    }
    post(t, 5); /* 31 … 35: SLOT_M is 32 */
    struct want w = next_want(t, 16, t->plc.host + MB_HOST_WORDS);
    assert_int_equal(w.addr, t->plc.host + MB_HOST_WORDS + 31 * 4);
    assert_int_equal(w.n, 4);
    w = next_want(t, 16, t->plc.host + MB_HOST_WORDS);
    assert_int_equal(w.addr, t->plc.host + MB_HOST_WORDS);
    th_free(t);
}

static void test_overwritten(void **state)
{
    (void)state;
    struct th *t = running(16);
    t->plc.overwrite = true;
    post(t, 40); /* between two headers */
    th_run_ms(t, 100, true);
    assert_int_equal(t->gaps, 1);
    assert_int_equal(t->items, 16);
    assert_int_equal(t->rec.seq, 40);
    th_free(t);
}

/* Outcomes: overrun and unreadable ones are gaps; items come before their outcomes. */
static void test_outcomes(void **state)
{
    (void)state;
    struct th *t = running(16);
    post(t, 10);
    th_run_ms(t, 100, true);
    while (tp_fire(&t->plc))
        ;
    t->plc.mem[mb_out_addr(TP_B, 16, 4) + MB_OUT_CRC] ^= 1;
    th_run_ms(t, 150, true);
    assert_int_equal(t->rec.out, 3);
    th_run_ms(t, 150, true);
    assert_int_equal(t->rec.out, 10);
    assert_int_equal(t->outcomes, 9);
    assert_int_equal(t->gaps, 1);
    th_free(t);
}

static void test_outcomes_overrun(void **state)
{
    (void)state;
    struct th *t = running(16);
    for (int i = 0; i < 3; i++) {
        post(t, 10);
        th_run_ms(t, 60, true);
    }
    while (tp_fire(&t->plc))
        ;
    th_run_ms(t, 200, true);
    assert_int_equal(t->gaps, 1);
    assert_int_equal(t->outcomes, 16);
    assert_int_equal(t->rec.out, 30);
    th_free(t);
}

/* Without room for news: at most RING_N decided items wait, no outcomes are read, nothing is lost. */
static void test_no_room(void **state)
{
    (void)state;
    struct th *t = running(16);
    t->room = 0;
    post(t, 10);
    th_run_ms(t, 200, false);
    for (uint32_t s = 1; s <= 10; s++)
        assert_int_equal(tp_item(&t->plc, s)->first_outlet, 2); /* still decided */
    post(t, 6);
    while (tp_fire(&t->plc))
        ;
    assert_int_equal(t->queued, 0);
    for (int i = 0; i < 500; i++)
        if (th_step(t))
            assert_int_not_equal(t->last_want.tag, 6);
    t->room = TH_NEWS;
    th_run_ms(t, 300, true);
    assert_int_equal(t->items, 16);
    assert_int_equal(t->outcomes, 16);
    assert_int_equal(t->gaps, 0);
    th_free(t);
}

/* 9: the host beats at least five times a second, always with another value. */
static void test_heartbeat(void **state)
{
    (void)state;
    struct th *t = running(64);
    struct mono last = t->now;
    uint16_t beat = host_words(t).heartbeat;
    for (int i = 0; i < 30000; i++) {
        th_step(t);
        if (th_chance(t, 300) && !tp_full(&t->plc))
            post(t, 1);
        if (th_chance(t, 100))
            th_commit(t);
        if (host_words(t).heartbeat == beat)
            continue;
        assert_true(mono_since_ms(t->now, last) <= 200);
        last = t->now;
        beat = host_words(t).heartbeat;
    }
    th_free(t);
}

/* 9: a heartbeat of the PLC that stands for a second is stale, though its TCP side answers. */
static void test_stale(void **state)
{
    (void)state;
    struct th *t = running(16);
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
    struct th *t = running(16);
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
    uint16_t beat = host_words(t).heartbeat;
    th_run_ms(t, 1000, true);
    assert_int_equal(host_words(t).heartbeat, beat); /* writes nothing */
    th_free(t);
}

/* 11: the PLC sorts by its own table: items and outcomes are recorded, no slot is written. */
static void test_table_mode(void **state)
{
    (void)state;
    struct th *t = running(16);
    t->plc.table = true;
    th_run_ms(t, 20, true);
    post(t, 5);
    th_run_ms(t, 100, true);
    while (tp_fire(&t->plc))
        ;
    th_run_ms(t, 100, true);
    assert_int_equal(t->items, 5);
    assert_int_equal(t->outcomes, 5);
    assert_int_equal(tp_item(&t->plc, 5)->first_outlet, 0);
    assert_int_equal(t->stored[5].outlet, 0);
    th_free(t);
}

/* 12: on RTU headers have 33 words and nothing else has. */
static void test_serial(void **state)
{
    (void)state;
    struct th *t = fresh(16);
    t->o.serial = true;
    th_crash(t);
    for (int i = 0; i < 5000; i++) {
        if (th_chance(t, 100) && t->plc.epoch && !tp_full(&t->plc))
            post(t, 1);
        if (th_step(t) && t->last_want.fc == 3)
            assert_int_equal(t->last_want.n == 33, t->last_want.addr == TP_B);
        th_commit(t);
    }
    assert_true(t->items > 100);
    th_free(t);
}

/* FC23 writes slots and brings the next header; a PLC that refuses it gets FC16. */
static void test_fc23(void **state)
{
    (void)state;
    for (int offered = 0; offered < 2; offered++) {
        struct th *t = fresh(16);
        t->o.link.fc23 = true;
        t->plc.fc23 = offered;
        th_crash(t);
        th_run_ms(t, 200, true);
        post(t, 4);
        th_run_ms(t, 100, true);
        assert_int_equal(tp_item(&t->plc, 4)->first_outlet, 2);
        assert_int_equal(t->items, 4);
        post(t, 1);
        while (!tp_item(&t->plc, 5)->first_outlet)
            th_step(t);
        assert_int_equal(t->last_want.fc, offered ? 23 : 16);
        th_free(t);
    }
}

static void test_goodbye(void **state)
{
    (void)state;
    struct th *t = running(16);
    mailbox_goodbye(t->m);
    assert_true(th_step(t));
    assert_int_equal(host_words(t).session, 0);
    struct want w;
    struct mono wake;
    assert_false(mailbox_want(t->m, t->now, &w, &wake));
    assert_int_equal(wake.ns, MONO_NEVER.ns);
    th_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_epoch_proposed_again),
        cmocka_unit_test(test_lost_before_first),
        cmocka_unit_test(test_unknown_epoch),
        cmocka_unit_test(test_head_below_committed),
        cmocka_unit_test(test_reboot_with_lower_head),
        cmocka_unit_test(test_record_differs),
        cmocka_unit_test(test_record_equal),
        cmocka_unit_test(test_not_the_successor),
        cmocka_unit_test(test_retentive_reboot),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_unit_refused),
        cmocka_unit_test(test_adopted),
        cmocka_unit_test(test_order_of_requests),
        cmocka_unit_test(test_slots_wrap),
        cmocka_unit_test(test_overwritten),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_outcomes_overrun),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_heartbeat),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_foreign_host),
        cmocka_unit_test(test_table_mode),
        cmocka_unit_test(test_serial),
        cmocka_unit_test(test_fc23),
        cmocka_unit_test(test_goodbye),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
