/* A line between a PLC (testplc.h) and its rings: rows as the record gets them, plans, boxes,
 * feed-stop, status, a full news ring. Maps and crops are the shipped ones. */
#include "controller/testline.h"

/* lu-weight of the shipped crop decides by the gram; only that grades differ matters here. */
static void test_rows(void **state)
{
    (void)state;
    struct rig *r = rig_new(5, 4096);
    run_ms(r, 100);
    post(r, 30);
    post(r, 2);
    run_ms(r, 100);
    const struct item *a = &r->items[1], *b = &r->items[2];
    assert_int_equal(a->line, 7);
    assert_int_equal(a->epoch, 1);
    assert_int_equal(a->run, 5);
    assert_int_equal(a->rule, 3);
    assert_int_equal(a->net_mg, 30000);
    assert_int_equal(a->dia_um, ITEM_NO_VALUE);
    assert_int_equal(a->lane, 1);
    assert_int_equal(a->why, WHY_GRADED);
    assert_int_equal(a->outlet_why, WHY_PLANNED);
    assert_int_equal(a->outlet, a->grade < 4 ? a->grade : 4);
    assert_true(a->grade < b->grade && !a->recovered && a->at.ms > 0);
    assert_memory_equal(a->words, tp_item(&r->plc, 1)->words, sizeof(a->words));
    assert_int_equal(tp_item(&r->plc, 1)->first_outlet, a->outlet);
    struct line_status s = status(r);
    assert_true(s.link_up && !s.stale && !s.quarantined && !s.foreign_host);
    assert_int_equal(s.decided, 2);
    assert_int_equal(s.head_seq, 2);
    assert_int_equal(s.run, 5);
    assert_int_equal(s.outlet_fill_mg[a->outlet], 30000);
    assert_int_equal(s.grade_items[a->grade], 1);
    assert_true(s.slot_p50_us >= 400 && s.slot_p99_us < 1000); /* record and slot, 200 us each */
    assert_int_equal(r->plc.oldest, 3);                        /* acknowledged */
    rig_free(r);
}

static void test_no_run(void **state)
{
    (void)state;
    struct rig *r = rig_new(0, 4096);
    run_ms(r, 100);
    post(r, 30);
    run_ms(r, 50);
    assert_int_equal(r->items[1].outlet, 5);
    assert_int_equal(r->items[1].why, WHY_NO_RUN);
    assert_int_equal(r->items[1].run, 0);
    rig_free(r);
}

static void test_bad_unit(void **state)
{
    (void)state;
    struct rig *r = rig_new(5, 4096);
    r->plc.default_outlet = 3;
    run_ms(r, 100);
    assert_true(tp_post(&r->plc, 9));
    run_ms(r, 50);
    assert_int_equal(r->items[1].net_mg, ITEM_NO_MG);
    assert_int_equal(r->items[1].why, WHY_BAD_UNIT);
    assert_int_equal(r->items[1].outlet, 3);
    assert_int_equal(r->count[NEWS_ALARM], 1);
    rig_free(r);
}

/* A new plan governs from the next item on, and says so; the former one is given back. */
static void test_plan(void **state)
{
    (void)state;
    struct rig *r = rig_new(0, 4096);
    run_ms(r, 100);
    post(r, 30);
    run_ms(r, 50);
    r->plan[1] = a_plan(6);
    ring_push(r->orders, &(struct order){.kind = ORDER_PLAN, .plan = &r->plan[1]});
    run_ms(r, 20);
    const struct news *n = &r->last[NEWS_PLAN_EFFECTIVE];
    assert_int_equal(r->count[NEWS_PLAN_EFFECTIVE], 1);
    assert_ptr_equal(n->u.plan.plan, &r->plan[1]);
    assert_ptr_equal(n->u.plan.former, &r->plan[0]);
    assert_int_equal(n->u.plan.epoch, 1);
    assert_int_equal(n->u.plan.seq, 2);
    memset(&r->plan[0], 0xEE, sizeof(r->plan[0])); /* really given back */
    post(r, 30);
    run_ms(r, 50);
    assert_int_equal(r->items[1].run, 0);
    assert_int_equal(r->items[2].run, 6);
    rig_free(r);
}

/* A full box sends items elsewhere until an empty one stands there. */
static void test_box(void **state)
{
    (void)state;
    struct rig *r = rig_new(5, 4096);
    run_ms(r, 100);
    post(r, 30);
    run_ms(r, 50);
    uint16_t home = r->items[1].outlet;
    r->plan[0].capacity_mg[home] = 60000;
    post(r, 30);
    post(r, 30);
    run_ms(r, 50);
    assert_int_equal(r->items[2].outlet, home);
    assert_int_equal(r->items[3].outlet, 5);
    assert_int_equal(r->items[3].outlet_why, WHY_ALL_BLOCKED);
    ring_push(r->orders, &(struct order){.kind = ORDER_BOX, .outlet = home});
    run_ms(r, 30);
    assert_int_equal(status(r).outlet_fill_mg[home], 0);
    post(r, 30);
    run_ms(r, 50);
    assert_int_equal(r->items[4].outlet, home);
    rig_free(r);
}

/* Feed-stop is a level; the PLC confirms it and keeps it until a person restarts. */
static void test_feed_stop(void **state)
{
    (void)state;
    struct rig *r = rig_new(5, 4096);
    run_ms(r, 100);
    ring_push(r->orders, &(struct order){.kind = ORDER_FEED_STOP, .on = true});
    run_ms(r, 100);
    assert_true(r->plc.feed_stopped);
    assert_true(status(r).feed_stop_wanted);
    ring_push(r->orders, &(struct order){.kind = ORDER_FEED_STOP, .on = false});
    run_ms(r, 100);
    struct mb_host h;
    mb_host_decode(r->plc.mem + r->plc.host, &h);
    assert_int_equal(h.request, 0);
    assert_true(status(r).plc_state & MB_FEED_STOPPED);
    rig_free(r);
}

/* Table mode: no decision is stored, and a hold becomes a feed-stop. */
static void test_table_mode(void **state)
{
    (void)state;
    struct rig *r = rig_new(5, 4096);
    r->plc.table = true;
    run_ms(r, 100);
    post(r, 30);
    run_ms(r, 50);
    assert_int_equal(r->items[1].outlet, 0);
    assert_int_equal(r->items[1].why, WHY_TABLE_MODE);
    assert_int_equal(r->items[1].net_mg, 30000);
    assert_false(r->plc.feed_stopped);
    r->plan[1] = a_plan(5);
    r->plan[1].held = true;
    ring_push(r->orders, &(struct order){.kind = ORDER_PLAN, .plan = &r->plan[1]});
    run_ms(r, 100);
    assert_true(r->plc.feed_stopped);
    assert_true(status(r).table_mode && status(r).feed_stop_wanted);
    rig_free(r);
}

/* The main thread stands still: slots are still written; nothing is lost when it comes back. */
static void test_full_ring(void **state)
{
    (void)state;
    struct rig *r = rig_new(5, 70); /* 128 records; 64 of them are kept for what cannot wait */
    run_ms(r, 100);
    unsigned posted = 0;
    for (int i = 0; i < 4000; i++) {
        step(r); /* without take() */
        if (i % 10 == 0)
            posted += tp_post(&r->plc, MB_UNIT_G);
    }
    assert_true(posted > 0 &&
                tp_full(&r->plc)); /* nothing is acknowledged, so infeed is inhibited */
    assert_int_equal(tp_item(&r->plc, posted)->first_outlet != 0, true);
    run_ms(r, 500);
    assert_int_equal(r->count[NEWS_ITEM], posted);
    assert_int_equal(r->count[NEWS_GAP], 0);
    assert_int_equal(r->plc.oldest, posted + 1);
    rig_free(r);
}

/* A thrown batch does not fill a box. */
static void test_thrown(void **state)
{
    (void)state;
    struct rig *r = rig_new(5, 4096);
    run_ms(r, 100);
    post(r, 30);
    while (!tp_item(&r->plc, 1)->first_outlet)
        step(r); /* decided, slot written, not handed over */
    tp_reboot(&r->plc, true);
    run_ms(r, 300);
    assert_int_equal(r->count[NEWS_ITEM], 0);
    assert_int_equal(r->last[NEWS_GAP].u.gap.from, 1);
    assert_int_equal(r->last[NEWS_GAP].u.gap.to, 1);
    for (int k = 0; k <= OUTLETS_MAX; k++)
        assert_int_equal(status(r).outlet_fill_mg[k], 0);
    post(r, 40);
    run_ms(r, 100);
    assert_int_equal(r->items[1].epoch, 2);
    rig_free(r);
}

static void test_goodbye(void **state)
{
    (void)state;
    struct rig *r = rig_new(5, 4096);
    run_ms(r, 100);
    r->d.goodbye(r->d.self);
    for (int i = 0; i < 10; i++)
        step(r);
    struct mb_host h;
    mb_host_decode(r->plc.mem + r->plc.host, &h);
    assert_int_equal(h.session, 0);
    assert_false(r->d.may_write(r->d.self, (uint16_t)(r->plc.host - 1), 1));
    assert_true(r->d.may_write(r->d.self, (uint16_t)r->plc.host, MB_HOST_WORDS));
    assert_false(
        r->d.may_write(r->d.self, (uint16_t)r->plc.host, MB_HOST_WORDS + 1)); /* not both */
    rig_free(r);
}

/* A host block that the configuration puts where the PLC writes: not one word goes out. */
static void test_window(void **state)
{
    (void)state;
    const uint16_t end = (uint16_t)mb_default_host(TP_B, 16);
    const struct {
        uint16_t host;
        bool may;
    } rows[] = {{end, true},
                {(uint16_t)(end - 1), false},
                {TP_B, false},
                {TP_B + 40, false},
                {(uint16_t)(end + 300), true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig *r = rig_at(rows[i].host, 5, 4096);
        /* no header yet: nothing is known */
        assert_false(r->d.may_write(r->d.self, rows[i].host, 1));
        for (int k = 0; k < 3; k++)
            step(r);
        assert_int_equal(r->d.may_write(r->d.self, rows[i].host, MB_HOST_WORDS), rows[i].may);
        assert_int_equal(r->d.may_write(r->d.self, (uint16_t)(rows[i].host + MB_HOST_WORDS), 4),
                         rows[i].may);
        rig_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_no_run),
        cmocka_unit_test(test_bad_unit),   cmocka_unit_test(test_plan),
        cmocka_unit_test(test_box),        cmocka_unit_test(test_feed_stop),
        cmocka_unit_test(test_table_mode), cmocka_unit_test(test_full_ring),
        cmocka_unit_test(test_thrown),     cmocka_unit_test(test_goodbye),
        cmocka_unit_test(test_window),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
