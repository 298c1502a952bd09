/* The text around the rules: blocks, refusals, half states, spoiled records, the balance of the
 * belt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "sim/plc_rig.h"

static void fed(uint32_t items)
{
    struct plc_cfg c = rig_cfg();
    c.items = items;
    rig_start(&c);
}

static void reads_and_writes_outside_the_blocks_are_refused(void **state)
{
    (void)state;
    struct plc_cfg c = rig_cfg();
    c.base = 1000;
    c.host = 8000;
    rig_start(&c);
    uint16_t w[125] = {0};
    const struct {
        uint32_t addr, n;
        int code;
    } reads[] = {{999, 1, 2},
                 {1000, 33, 0},
                 {1000 + 32 + 24 * 64 - 1, 1, 0},
                 {1000 + 32 + 24 * 64, 1, 2},
                 {1000 + 32 + 24 * 64 - 1, 2, 2},
                 {8000, 16, 0},
                 {8000 + 16 + 4 * 64 - 1, 2, 2}};
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++)
        assert_int_equal(plc_read(rig.p, reads[i].addr, reads[i].n, false, w, rig.now),
                         reads[i].code);
    assert_int_equal(plc_write(rig.p, 1000, w, 1, rig.now), 2);
    assert_int_equal(plc_write(rig.p, 7999, w, 2, rig.now), 2);
    assert_int_equal(plc_write(rig.p, 8000 + 16 + 4 * 64 - 2, w, 4, rig.now), 2);
    assert_int_equal(plc_write(rig.p, 8016, w, 4, rig.now), 0);
}

static void mixed_and_partial_slot_writes_are_violations(void **state)
{
    (void)state;
    fed(0);
    uint16_t w[8] = {0};
    plc_write(rig.p, rig_h() + 14, w, 6, rig.now);
    rig_run(10);
    plc_write(rig.p, rig_h() + 17, w, 4, rig.now);
    rig_run(10);
    w[0] = 1;
    plc_write(rig.p, rig_h() + 15, w, 1, rig.now);
    rig_run(10);
    assert_int_equal(rig_violations(0), 3);
}

/* A reader that looks after every scan meets half records, and never takes one for a whole. */
static void half_written_records_are_never_taken(void **state)
{
    (void)state;
    struct plc_cfg c = rig_cfg();
    c.items = 200;
    c.ring_n = c.slot_m = 16;
    c.overwrite = true;
    c.step_words = 1;
    c.torn = 300;
    rig_start(&c);
    rig_adopt(7);
    uint32_t torn = 0, whole = 0;
    for (int i = 0; i < 5000; i++) {
        rig_scan();
        uint16_t w[MB_ITEM_WORDS];
        struct mb_item item;
        struct mb_header h = rig_header();
        uint32_t seq = h.oldest_seq; /* the next to be overwritten */
        if (h.head_seq == 0)
            continue;
        if (!rig_read_item(seq, w, &item)) {
            torn++;
            continue;
        }
        whole++;
        const struct plc_event *ev = rig_find(PLC_ITEM, 7, seq);
        assert_non_null(ev);
        assert_int_equal(item.weight, rig.items[ev - rig.news].weight);
    }
    assert_true(torn > 10);
    assert_true(whole > 1000);
}

static void host_writes_are_seen_half_done_and_then_whole(void **state)
{
    (void)state;
    fed(40);
    rig_adopt(7);
    rig_until_head(8);
    uint16_t w[8 * MB_SLOT_WORDS], back[8 * MB_SLOT_WORDS];
    for (uint32_t s = 1; s <= 8; s++)
        mb_slot_encode(7, s, 2, w + (s - 1) * MB_SLOT_WORDS);
    plc_write(rig.p, mb_slot_addr(rig_h(), 64, 1), w, 32, rig.now);
    assert_int_equal(plc_read(rig.p, mb_slot_addr(rig_h(), 64, 1), 32, false, back, rig.now), 0);
    assert_memory_equal(w, back, sizeof w); /* a reader sees it at once */
    rig_scan();
    uint32_t first = rig_count(PLC_SLOT);
    rig_scan();
    assert_int_equal(rig_count(PLC_SLOT), 8);
    assert_true(first <= 8);
}

static void spoiled_records_and_outcomes_are_unreadable(void **state)
{
    (void)state;
    for (int checks = 0; checks < 2; checks++) {
        struct plc_cfg c = rig_cfg();
        c.items = 2;
        c.checks = checks;
        rig_start(&c);
        plc_spoil(rig.p, PLC_SPOIL_RECORD, 1);
        plc_spoil(rig.p, PLC_SPOIL_OUTCOME, 1);
        rig_adopt(7);
        rig_run(1500);
        uint16_t w[MB_ITEM_WORDS];
        struct mb_item item;
        struct mb_outcome o;
        assert_false(rig_read_item(1, w, &item));
        assert_true(rig_read_item(2, w, &item));
        assert_false(rig_read_outcome(1, &o));
        assert_true(rig_read_outcome(2, &o));
    }
}

static void everything_that_was_fed_arrives_somewhere(void **state)
{
    (void)state;
    fed(300);
    rig_adopt(7);
    for (int i = 0; i < 100; i++) {
        rig_run(200);
        rig_ack(7, rig_header().head_seq, rig_header().out_head);
    }
    struct plc_stat s;
    plc_stat(rig.p, &s);
    uint32_t sum = 0;
    for (int i = 1; i <= 16; i++)
        sum += s.outlet[i];
    assert_int_equal(s.fed, 300);
    assert_int_equal(sum, 300);
    assert_int_equal(s.outcomes, 300);
    assert_int_equal(s.violations, 0);
}

static int end(void **state)
{
    (void)state;
    plc_free(rig.p);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_outside_the_blocks_are_refused),
        cmocka_unit_test(mixed_and_partial_slot_writes_are_violations),
        cmocka_unit_test(half_written_records_are_never_taken),
        cmocka_unit_test(host_writes_are_seen_half_done_and_then_whole),
        cmocka_unit_test(spoiled_records_and_outcomes_are_unreadable),
        cmocka_unit_test(everything_that_was_fed_arrives_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
