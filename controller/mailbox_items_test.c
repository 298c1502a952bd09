/* Records, slots, adoption, order of requests, modes (testhost.h). */
#include "controller/testhost.h"

/* Item ring: 16 reads over at least 200 ms, then a row without a record; the items behind it have
 * their slots long before. */
static void test_unreadable(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 3);
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
    struct th *t = th_running(16);
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
    struct th *t = th_running(16);
    th_post(t, 3);
    th_next_want(t, 16, t->plc.host + MB_HOST_WORDS);
    t->outlet = 4;
    th_crash(t);
    th_post(t, 1);
    th_run_ms(t, 200, true);
    assert_int_equal(t->adopted, 3);
    for (uint32_t s = 1; s <= 3; s++)
        assert_int_equal(t->stored[s].outlet, 2);
    assert_int_equal(t->stored[4].outlet, 4);
    th_free(t);
}

/* 5: a slot whose check does not hold is none: the item is decided anew. */
static void test_half_a_slot_is_not_adopted(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 2);
    th_next_want(t, 16, t->plc.host + MB_HOST_WORDS);
    uint16_t *slot = &t->plc.mem[mb_slot_addr(t->plc.host, t->plc.slot_m, 2)];
    slot[MB_SLOT_CHECK] ^= 1;
    tp_item(&t->plc, 2)->first_outlet = 0;
    t->outlet = 4;
    th_crash(t);
    th_run_ms(t, 200, true);
    assert_int_equal(t->adopted, 1);
    assert_int_equal(t->stored[1].outlet, 2);
    assert_int_equal(t->stored[2].outlet, 4);
    th_free(t);
}

/* 6: header, records, slots: nothing in between, also when host words are due. */
static void test_order_of_requests(void **state)
{
    (void)state;
    struct th *t = th_running(64);
    for (int i = 0; i < 200; i++) {
        th_post(t, 1 + (int)th_dice(t, 9));
        th_run_ms(t, (int)th_dice(t, 12), false);
        th_commit(t);
    }
    uint16_t before = 0;
    for (int i = 0; i < 20000; i++) {
        if (th_chance(t, 200) && !tp_full(&t->plc))
            th_post(t, 1);
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
    struct th *t = th_running(16);
    for (int i = 0; i < 5; i++) {
        th_post(t, 6);
        th_run_ms(t, 50, true);
    }
    th_post(t, 5); /* 31 … 35: SLOT_M is 32 */
    struct want w = th_next_want(t, 16, t->plc.host + MB_HOST_WORDS);
    assert_int_equal(w.addr, t->plc.host + MB_HOST_WORDS + 31 * 4);
    assert_int_equal(w.n, 4);
    w = th_next_want(t, 16, t->plc.host + MB_HOST_WORDS);
    assert_int_equal(w.addr, t->plc.host + MB_HOST_WORDS);
    th_free(t);
}

static void test_overwritten(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    t->plc.overwrite = true;
    th_post(t, 40); /* between two headers */
    th_run_ms(t, 100, true);
    assert_int_equal(t->gaps, 1);
    assert_int_equal(t->items, 16);
    assert_int_equal(t->rec.seq, 40);
    th_free(t);
}

/* Without room for news: at most RING_N decided items wait, no outcomes are read,
 * nothing is lost. */
static void test_no_room(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    t->room = 0;
    th_post(t, 10);
    th_run_ms(t, 200, false);
    for (uint32_t s = 1; s <= 10; s++)
        assert_int_equal(tp_item(&t->plc, s)->first_outlet, 2); /* still decided */
    th_post(t, 6);
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

/* 11: the PLC sorts by its own table: items and outcomes are recorded, no slot is written. */
static void test_table_mode(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    t->plc.table = true;
    th_run_ms(t, 20, true);
    th_post(t, 5);
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
    struct th *t = th_fresh(16);
    t->o.serial = true;
    th_crash(t);
    for (int i = 0; i < 5000; i++) {
        if (th_chance(t, 100) && t->plc.epoch && !tp_full(&t->plc))
            th_post(t, 1);
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
        struct th *t = th_fresh(16);
        t->o.link.fc23 = true;
        t->plc.fc23 = offered;
        th_crash(t);
        th_run_ms(t, 200, true);
        th_post(t, 4);
        th_run_ms(t, 100, true);
        assert_int_equal(tp_item(&t->plc, 4)->first_outlet, 2);
        assert_int_equal(t->items, 4);
        th_post(t, 1);
        while (!tp_item(&t->plc, 5)->first_outlet)
            th_step(t);
        assert_int_equal(t->last_want.fc, offered ? 23 : 16);
        th_free(t);
    }
}

/* A slow wire: 200 ms are over long before 16 reads are. */
static void test_unreadable_slowly(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    t->cost_ns = 60000000;
    th_post(t, 1);
    t->plc.mem[mb_item_addr(TP_B, 16, 1) + MB_ITEM_CRC] ^= 1;
    unsigned reads = 0;
    while (t->unreadable == 0) {
        if (th_step(t) && t->last_want.tag == 2)
            reads++;
        th_commit(t);
    }
    assert_int_equal(reads, 16);
    th_free(t);
}

/* Nothing is given up on the word of an old header: the item may be gone by then. */
static void test_not_given_up_blindly(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 1);
    t->plc.mem[mb_item_addr(TP_B, 16, 1) + MB_ITEM_CRC] ^= 1;
    while (t->last_want.tag != 2)
        th_step(t);
    t->plc.bad_header = true;
    th_run_ms(t, 800, true);
    assert_int_equal(t->unreadable, 0);
    t->plc.bad_header = false;
    th_run_ms(t, 100, true);
    assert_int_equal(t->unreadable, 1);
    th_free(t);
}

/* A slot whose answer is lost: the header first, then the same slot again. */
static void test_slot_not_confirmed(void **state)
{
    (void)state;
    for (int executed = 0; executed < 2; executed++) {
        struct th *t = th_running(16);
        th_post(t, 2);
        while (t->last_want.tag != 2)
            th_step(t);
        t->f = executed ? (struct th_faults){.unanswered = 1000} : (struct th_faults){.lost = 1000};
        struct want first = th_next_want(t, 16, t->plc.host + MB_HOST_WORDS);
        t->f = (struct th_faults){0};
        t->outlet = 4;
        t->last_want.tag = 0;
        do
            th_step(t);
        while (t->last_want.tag == 5 || t->last_want.tag == 0); /* host words may be due */
        assert_int_equal(t->last_want.addr, TP_B);
        struct want again = th_next_want(t, 16, t->plc.host + MB_HOST_WORDS);
        assert_memory_equal(first.words, again.words, sizeof(first.words));
        th_run_ms(t, 100, true);
        assert_int_equal(t->items, 2);
        th_free(t);
    }
}

/* A long queue on a slow wire: headers are read in between, so that handing over goes on. */
static void test_headers_between_chunks(void **state)
{
    (void)state;
    struct th *t = th_running(1024);
    t->cost_ns = 3000000;
    th_post(t, 700);
    unsigned since = 0;
    while (t->rec.seq < 700) {
        if (!th_step(t))
            continue;
        since = t->last_want.addr == TP_B ? 0 : since + 1;
        assert_true(since <= 4); /* records, slots, and one of host words and outcomes */
        th_commit(t);
    }
    th_free(t);
}

/* What was not handed over cannot have been committed, whatever is said. */
static void test_committed_beyond(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 3);
    th_run_ms(t, 50, false);
    mailbox_committed(t->m, t->plc.epoch, 100);
    mailbox_committed_out(t->m, t->plc.epoch, 100);
    mailbox_committed(t->m, t->plc.epoch + 1, 2);
    th_run_ms(t, 300, false);
    assert_int_equal(th_host_words(t).ack_seq, 0);
    assert_int_equal(th_host_words(t).ack_out, 0);
    th_free(t);
}

/* HEAD_SEQ jumps by a thousand million under one epoch: a gap, and the bus thread goes on. */
static void test_head_jumps(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    struct mb_header h = tp_header(&t->plc);
    struct want w = {0};
    struct reply r = {.sent = t->now, .got = t->now, .n = MB_HDR_WORDS};
    struct mono wake;
    h.head_seq += 1000000000;
    h.oldest_seq = h.head_seq - 9;
    mb_header_encode(&h, true, r.words);
    while (!mailbox_want(t->m, t->now, &w, &wake) || w.tag != 1) /* a header */
        t->now = mono_add_ms(t->now, 1);
    clock_t began = clock();
    mailbox_reply(t->m, &w, &r, t->now);
    assert_true(mailbox_want(t->m, t->now, &w, &wake));
    assert_true(clock() - began < CLOCKS_PER_SEC / 20);
    assert_int_equal(th_view(t).handed, h.oldest_seq - 1);
    th_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_unit_refused),
        cmocka_unit_test(test_adopted),
        cmocka_unit_test(test_half_a_slot_is_not_adopted),
        cmocka_unit_test(test_order_of_requests),
        cmocka_unit_test(test_slots_wrap),
        cmocka_unit_test(test_overwritten),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_table_mode),
        cmocka_unit_test(test_serial),
        cmocka_unit_test(test_fc23),
        cmocka_unit_test(test_unreadable_slowly),
        cmocka_unit_test(test_not_given_up_blindly),
        cmocka_unit_test(test_slot_not_confirmed),
        cmocka_unit_test(test_headers_between_chunks),
        cmocka_unit_test(test_committed_beyond),
        cmocka_unit_test(test_head_jumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
