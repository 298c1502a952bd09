/* Each rule of MAILBOX.md as a test named after it, against the PLC side. Rules 3, 6 and 13 bind
 * the host: here the PLC must give what they rest on. Rule 14 is in serve_test.c. */
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

static void rule_01_an_epoch_is_adopted_with_the_right_nonce_only(void **state)
{
    (void)state;
    fed(0);
    struct mb_header h = rig_header();
    assert_int_equal(h.epoch, 0);
    assert_true(h.boot_nonce != 0);
    rig.host.new_epoch = 7;
    rig.host.new_epoch_nonce = h.boot_nonce ^ 1;
    rig_put_host();
    assert_int_equal(rig_header().epoch, 0);
    rig.host.new_epoch_nonce = h.boot_nonce;
    uint16_t w[MB_HOST_WORDS];
    mb_host_encode(&rig.host, w);
    w[MB_HOST_EPOCH_CHECK] ^= 1;
    rig_write(rig_h(), w, MB_HOST_WORDS);
    rig_run(20);
    assert_int_equal(rig_header().epoch, 0);
    rig_put_host();
    assert_int_equal(rig_header().epoch, 7);
    assert_int_equal(rig_header().head_seq, 0);
    rig.host.new_epoch = 8; /* only a PLC with EPOCH 0 adopts */
    rig_put_host();
    assert_int_equal(rig_header().epoch, 7);
}

static void rule_01_a_used_or_uncleared_epoch_is_a_violation(void **state)
{
    (void)state;
    fed(0);
    rig_adopt(7);
    rig_run(3000);
    assert_int_equal(rig_violations(1), 0);
    plc_clear(rig.p, rig.now);
    rig_scan();
    rig.host.new_epoch = 7;
    rig.host.new_epoch_nonce = rig_header().boot_nonce;
    rig_put_host();
    assert_int_equal(rig_violations(1), 1);
    rig_run(3000);
    assert_int_equal(rig_violations(1), 2);
}

static void rule_01_retentive_keeps_and_volatile_forgets(void **state)
{
    (void)state;
    fed(5);
    rig_adopt(7);
    rig_until_head(5);
    uint32_t nonce = rig_header().boot_nonce;
    plc_reboot(rig.p, false, rig.now);
    rig_run(500);
    struct mb_header h = rig_header();
    assert_int_equal(h.epoch, 7);
    assert_int_equal(h.head_seq, 5);
    assert_true(h.boot_nonce != nonce);
    nonce = h.boot_nonce;
    plc_reboot(rig.p, true, rig.now);
    rig.beating = false;
    rig_run(500);
    h = rig_header();
    assert_int_equal(h.epoch, 0);
    assert_int_equal(h.head_seq, 0);
    assert_int_equal(h.oldest_seq, 1);
    assert_int_equal(h.out_head, 0);
    assert_true(h.boot_nonce != nonce);
}

static void rule_01_the_numbers_end_in_an_orderly_way(void **state)
{
    (void)state;
    struct plc_cfg c = rig_cfg();
    c.items = 200;
    c.wrap_at = 60;
    rig_start(&c);
    rig_adopt(7);
    uint32_t nonce = rig_header().boot_nonce;
    for (int i = 0; i < 400 && rig_header().epoch; i++) {
        rig_run(50);
        struct mb_header h = rig_header();
        assert_true(h.head_seq < 60);
        if (i < 200)
            assert_int_equal(h.epoch, 7); /* not everything is acknowledged */
        if (i >= 100 && h.epoch)
            rig_ack(7, h.head_seq, i >= 200 ? h.out_head : 0);
    }
    assert_int_equal(rig_header().epoch, 0);
    assert_true(rig_header().boot_nonce != nonce);
    assert_int_equal(rig_count(PLC_UNNUMBERED), 0);
    assert_int_equal(rig_count(PLC_OUTCOME), rig_count(PLC_ITEM));
}

static void rule_02_without_an_epoch_nothing_is_fed_and_the_belt_is_counted(void **state)
{
    (void)state;
    fed(50);
    rig_run(1000);
    struct plc_stat s;
    plc_stat(rig.p, &s);
    assert_int_equal(s.fed, 0);
    assert_true(rig_header().state & MB_INFEED_INHIBITED);
    rig_adopt(7);
    rig_run(500);
    plc_place(rig.p, 3); /* on its way to the measuring point when the mailbox is cleared */
    uint32_t nonce = rig_header().boot_nonce;
    plc_clear(rig.p, rig.now);
    rig_run(2000);
    assert_int_equal(rig_header().epoch, 0);
    assert_true(rig_header().boot_nonce != nonce);
    uint32_t lost = rig_count(PLC_UNNUMBERED);
    assert_true(lost >= 3);
    rig_adopt(8);
    assert_int_equal(rig_header().lost_count, lost);
}

static void rule_03_a_restored_backup_shows_a_lower_head_under_a_new_nonce(void **state)
{
    (void)state;
    fed(20);
    rig_adopt(7);
    rig_until_head(5);
    plc_backup(rig.p);
    rig_until_head(12);
    uint32_t nonce = rig_header().boot_nonce;
    assert_int_equal(plc_restore(rig.p, rig.now), 0);
    rig_run(210);
    struct mb_header h = rig_header();
    assert_int_equal(h.epoch, 7);
    assert_true(h.head_seq < 12);
    assert_true(h.boot_nonce != nonce);
}

static void rule_04_an_acknowledgement_counts_within_its_bounds(void **state)
{
    (void)state;
    fed(10);
    rig_adopt(7);
    rig_until_head(10);
    rig_run(1000);
    rig_ack(7, 4, 2);
    assert_int_equal(rig_header().oldest_seq, 5);
    rig_ack(7, 3, 1); /* lower: ignored, harmless */
    rig_ack(7, 4, 2); /* repeated */
    rig_ack(8, 9, 9); /* another epoch */
    assert_int_equal(rig_header().oldest_seq, 5);
    assert_int_equal(rig_violations(4), 0);
    rig_ack(7, 11, 3);
    assert_int_equal(rig_header().oldest_seq, 5);
    assert_int_equal(rig_violations(4), 1);
    rig.host.ack_seq = 8;
    uint16_t w[MB_HOST_WORDS];
    mb_host_encode(&rig.host, w);
    w[MB_HOST_ACK_CHECK] ^= 0x100;
    rig_write(rig_h(), w, MB_HOST_WORDS);
    rig_run(20);
    assert_int_equal(rig_header().oldest_seq, 5);
}

static void rule_04_acknowledged_records_are_scrubbed(void **state)
{
    (void)state;
    fed(4);
    rig_adopt(7);
    rig_until_head(4);
    uint16_t before[MB_ITEM_WORDS], after[MB_ITEM_WORDS];
    struct mb_item item;
    assert_true(rig_read_item(2, before, &item));
    rig_ack(7, 2, 0);
    assert_false(rig_read_item(2, after, &item));
    assert_memory_not_equal(before, after, sizeof before);
    assert_true(rig_read_item(3, after, &item));
}

static void rule_04_an_acknowledgement_without_reading_is_a_violation(void **state)
{
    (void)state;
    fed(4);
    rig_adopt(7);
    rig_until_head(4);
    rig.host.ack_epoch = 7;
    rig.host.ack_seq = 3;
    rig_put_host();
    assert_int_equal(rig_violations(4), 3);
}

static void rule_05_the_first_slot_counts_and_stays(void **state)
{
    (void)state;
    fed(3);
    rig_adopt(7);
    rig_until_head(3);
    rig_put_slot(7, 1, 2);
    rig_put_slot(7, 1, 3); /* another outlet: ignored, and a violation */
    rig_put_slot(7, 1, 2); /* again: harmless */
    rig_put_slot(7, 2, 4);
    rig.beating = false; /* a slot stays valid when host_ok falls */
    rig_run(1500);
    assert_int_equal(rig_find(PLC_OUTCOME, 7, 1)->outlet, 2);
    assert_int_equal(rig_find(PLC_OUTCOME, 7, 1)->reason, MB_DECIDED);
    assert_int_equal(rig_find(PLC_OUTCOME, 7, 2)->outlet, 4);
    assert_int_equal(rig_violations(5), 1);
}

static void rule_05_slots_of_other_epochs_and_checks_do_not_count(void **state)
{
    (void)state;
    fed(3);
    rig_adopt(0x10007);
    rig_until_head(3);
    rig_put_slot(0x20007, 1, 2); /* the low word of the epoch is the same */
    rig_put_slot(7, 2, 2);
    rig_put_slot(0x10007, 3, 6); /* no such outlet: blocked */
    rig_run(1500);
    assert_int_equal(rig_find(PLC_OUTCOME, 0x10007, 1)->reason, MB_LATE);
    assert_int_equal(rig_find(PLC_OUTCOME, 0x10007, 2)->reason, MB_LATE);
    assert_int_equal(rig_find(PLC_OUTCOME, 0x10007, 3)->reason, MB_BLOCKED);
}

static void rule_05_a_slot_for_an_item_not_posted_is_a_violation(void **state)
{
    (void)state;
    fed(0);
    rig_adopt(7);
    rig_put_slot(7, 1, 2);
    assert_int_equal(rig_violations(5), 1);
    plc_feed(rig.p, 1, 0); /* yet one that already stands there counts */
    rig_run(1500);
    assert_int_equal(rig_find(PLC_OUTCOME, 7, 1)->reason, MB_DECIDED);
}

static void rule_06_records_and_epoch_can_be_read_in_one_cycle(void **state)
{
    (void)state;
    fed(30);
    rig_adopt(7);
    rig_until_head(12);
    uint16_t w[7 * MB_ITEM_WORDS], epoch[2];
    struct mb_item item;
    uint32_t addr = mb_item_addr(0, rig.cfg.ring_n, 3);
    assert_int_equal(plc_read(rig.p, addr, 7 * MB_ITEM_WORDS, false, w, rig.now), 0);
    for (uint32_t i = 0; i < 7; i++)
        assert_true(mb_item_decode(w + i * MB_ITEM_WORDS, 7, 3 + i, true, &item));
    assert_int_equal(plc_read(rig.p, MB_HDR_EPOCH, 2, false, epoch, rig.now), 0);
    assert_int_equal(mb_u32(epoch), 7);
}

static void rule_07_late_no_host_blocked_and_overflow(void **state)
{
    (void)state;
    struct plc_cfg c = rig_cfg();
    c.items = 8;
    c.overflow = 3;
    rig_start(&c);
    rig_adopt(7);
    plc_block(rig.p, 2, true);
    plc_block(rig.p, 5, true);
    rig_until_head(2);
    rig_put_slot(7, 2, 2);
    rig_run(480); /* 1 is late by now */
    assert_int_equal(rig_find(PLC_OUTCOME, 7, 1)->reason, MB_LATE);
    assert_int_equal(rig_find(PLC_OUTCOME, 7, 1)->outlet, 5); /* a blocked default fires */
    assert_int_equal(rig_header().late_count >= 1, 1);
    assert_int_equal(rig_header().outlet_blocked, 0x12);
    rig.beating = false;
    rig_run(1500);
    plc_feed(rig.p, 1, 0);
    rig_run(1500);
    assert_int_equal(rig_find(PLC_OUTCOME, 7, 2)->reason, MB_BLOCKED);
    assert_int_equal(rig_find(PLC_OUTCOME, 7, 2)->outlet, 3);
    assert_int_equal(rig_find(PLC_OUTCOME, 7, 9)->reason, MB_NO_HOST);
}

static void stop_by_hand(void)
{
    plc_stop(rig.p);
    rig_run(100);
    plc_resume(rig.p);
}

static void stop_by_estop(void)
{
    plc_estop(rig.p, true);
    rig_run(100);
    assert_true(rig_header().state & MB_ESTOP);
    plc_estop(rig.p, false);
    rig_run(100);
    assert_false(rig_header().state & MB_RUNNING); /* released is not started */
    plc_resume(rig.p);
}

static void stop_by_reboot(void)
{
    plc_reboot(rig.p, false, rig.now);
}

static void stop_by_trip(void)
{
    plc_trip(rig.p, 17);
    rig_run(100);
    assert_int_equal(rig_header().fault, 17);
    plc_trip(rig.p, 0);
}

static void rule_07_whatever_stops_the_belt_makes_items_untracked(void **state)
{
    (void)state;
    void (*const stops[])(void) = {stop_by_hand, stop_by_estop, stop_by_reboot, stop_by_trip};
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        fed(1);
        rig_adopt(7);
        rig_until_head(1);
        rig_put_slot(7, 1, 2);
        stops[i]();
        rig_run(1500);
        assert_int_equal(rig_find(PLC_OUTCOME, 7, 1)->reason, MB_UNTRACKED);
        assert_int_equal(rig_find(PLC_OUTCOME, 7, 1)->outlet, rig.cfg.default_outlet);
    }
}

static void rule_07_spacing_lane_full_and_manual(void **state)
{
    (void)state;
    fed(0);
    rig_adopt(7);
    plc_lane_full(rig.p, 2, true);
    plc_place(rig.p, 2);
    rig_until_head(2);
    rig_put_slot(7, 1, 2);
    rig_put_slot(7, 2, 1);
    rig_run(1000);
    assert_int_equal(rig_find(PLC_OUTCOME, 7, 1)->reason, MB_LANE_FULL);
    assert_int_equal(rig_find(PLC_OUTCOME, 7, 2)->reason, MB_SPACING);
    plc_manual(rig.p, true);
    plc_place(rig.p, 1);
    rig_run(1000);
    assert_int_equal(rig_find(PLC_OUTCOME, 7, 3)->reason, MB_BY_HAND);
    assert_true(rig_header().state & MB_MANUAL);
}

static void rule_08_a_full_ring_stops_the_infeed_with_room_for_what_arrives(void **state)
{
    (void)state;
    struct plc_cfg c = rig_cfg();
    c.items = 100;
    c.ring_n = c.slot_m = 16;
    rig_start(&c);
    rig_adopt(7);
    rig_run(4000);
    struct mb_header h = rig_header();
    assert_true(h.state & MB_INFEED_INHIBITED);
    assert_true(h.head_seq - h.oldest_seq + 1 <= 16);
    assert_int_equal(h.lost_count, 0);
    rig_ack(7, h.head_seq, 0);
    rig_run(1000);
    assert_true(rig_header().head_seq > h.head_seq);
    plc_place(rig.p, 16); /* by hand past the inhibited infeed: no number is left for some */
    rig_run(3000);
    assert_true(rig_header().lost_count > 0);
    assert_int_equal(rig_header().lost_count, rig_count(PLC_UNNUMBERED));
}

static void rule_08_overwriting_moves_oldest_and_counts(void **state)
{
    (void)state;
    struct plc_cfg c = rig_cfg();
    c.items = 100;
    c.ring_n = c.slot_m = 16;
    c.overwrite = true;
    rig_start(&c);
    rig_adopt(7);
    rig_run(4000);
    struct mb_header h = rig_header();
    assert_true(h.state & MB_OVERWRITE);
    assert_true(h.head_seq > 40);
    assert_int_equal(h.head_seq - h.oldest_seq + 1, 16);
    assert_int_equal(h.lost_count, h.oldest_seq - 1);
    assert_int_equal(rig_count(PLC_LOST), h.lost_count);
}

static void rule_09_host_ok_needs_a_session_and_a_changing_heartbeat(void **state)
{
    (void)state;
    fed(0);
    rig.host.heartbeat = 0;
    rig_put_host();
    rig_run(50);
    assert_false(rig_header().state & MB_HOST_OK); /* no change since the boot */
    rig.beating = true;
    rig_run(300);
    assert_true(rig_header().state & MB_HOST_OK);
    assert_int_equal(rig_header().host_session_echo, 0x5E55);
    rig.beating = false;
    rig_run(900);
    assert_true(rig_header().state & MB_HOST_OK);
    rig_run(300);
    assert_false(rig_header().state & MB_HOST_OK);
    rig.beating = true;
    rig_run(300);
    rig.host.session = 0; /* goodbye */
    rig_run(300);
    assert_false(rig_header().state & MB_HOST_OK);
}

static void rule_09_the_plc_beats_and_stops_beating_when_frozen(void **state)
{
    (void)state;
    fed(0);
    for (int i = 0; i < 20; i++) {
        uint16_t before = rig_header().heartbeat;
        rig_run(100);
        assert_true(rig_header().heartbeat != before);
    }
    plc_freeze(rig.p, true);
    uint16_t frozen = rig_header().heartbeat;
    rig_run(2000);
    assert_int_equal(rig_header().heartbeat, frozen);
}

static void rule_10_feed_stop_latches_until_a_person_restarts(void **state)
{
    (void)state;
    fed(100);
    rig_adopt(7);
    rig.host.request = MB_REQUEST_FEED_STOP;
    rig_put_host();
    rig_run(200);
    struct mb_header h = rig_header();
    assert_true(h.state & MB_FEED_STOPPED);
    assert_true(h.state & MB_RUNNING); /* the belt runs on */
    assert_int_equal(plc_restart_feed(rig.p), ERR_BUSY);
    rig.host.request = 0;
    rig_put_host();
    rig_run(200);
    assert_true(rig_header().state & MB_FEED_STOPPED);
    uint32_t head = rig_header().head_seq;
    rig_run(500);
    assert_int_equal(rig_header().head_seq, head);
    assert_int_equal(plc_restart_feed(rig.p), 0);
    rig_run(500);
    assert_false(rig_header().state & MB_FEED_STOPPED);
    assert_true(rig_header().head_seq > head);
    rig.host.request = 2;
    rig_put_host();
    assert_int_equal(rig_violations(10), 1);
}

static void rule_10_a_request_without_host_ok_does_not_count(void **state)
{
    (void)state;
    fed(0);
    rig.host.request = MB_REQUEST_FEED_STOP;
    rig_put_host();
    rig_run(1500);
    assert_false(rig_header().state & MB_FEED_STOPPED);
}

static void rule_11_table_mode_sorts_by_the_machine(void **state)
{
    (void)state;
    struct plc_cfg c = rig_cfg();
    c.items = 5;
    c.table_mode = true;
    rig_start(&c);
    rig_adopt(7);
    rig_until_head(1);
    rig_put_slot(7, 1, 2);
    assert_int_equal(rig_violations(11), 1);
    rig_run(1500);
    assert_true(rig_header().state & MB_TABLE_MODE);
    assert_int_equal(rig_count(PLC_SLOT), 0);
    for (uint32_t s = 1; s <= 5; s++)
        assert_int_equal(rig_find(PLC_OUTCOME, 7, s)->reason, MB_DECIDED);
}

static void rule_12_on_rtu_33_words_are_the_header(void **state)
{
    (void)state;
    fed(0);
    uint16_t w[125];
    assert_int_equal(plc_read(rig.p, 0, 33, true, w, rig.now), 0);
    assert_int_equal(plc_read(rig.p, MB_HDR_EPOCH, 2, true, w, rig.now), 0);
    assert_int_equal(plc_read(rig.p, 32, 32, true, w, rig.now), 0);
    assert_int_equal(rig_violations(12), 0);
    assert_int_equal(plc_read(rig.p, 0, 32, true, w, rig.now), 0);
    assert_int_equal(plc_read(rig.p, 32, 33, true, w, rig.now), 0);
    assert_int_equal(rig_violations(12), 2);
    assert_int_equal(plc_read(rig.p, 0, 32, false, w, rig.now), 0);
    assert_int_equal(rig_violations(12), 2);
}

static void rule_13_outcomes_are_dense_and_readable(void **state)
{
    (void)state;
    fed(40);
    rig_adopt(7);
    rig_run(4000);
    struct mb_header h = rig_header();
    assert_int_equal(h.out_head, 40);
    for (uint32_t i = 1; i <= 40; i++) {
        struct mb_outcome o;
        assert_true(rig_read_outcome(i, &o));
        assert_int_equal(o.seq, i);
        assert_int_equal(o.reason, MB_LATE);
        assert_int_equal(o.outlet, 5);
    }
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
        cmocka_unit_test(rule_01_an_epoch_is_adopted_with_the_right_nonce_only),
        cmocka_unit_test(rule_01_a_used_or_uncleared_epoch_is_a_violation),
        cmocka_unit_test(rule_01_retentive_keeps_and_volatile_forgets),
        cmocka_unit_test(rule_01_the_numbers_end_in_an_orderly_way),
        cmocka_unit_test(rule_02_without_an_epoch_nothing_is_fed_and_the_belt_is_counted),
        cmocka_unit_test(rule_03_a_restored_backup_shows_a_lower_head_under_a_new_nonce),
        cmocka_unit_test(rule_04_an_acknowledgement_counts_within_its_bounds),
        cmocka_unit_test(rule_04_acknowledged_records_are_scrubbed),
        cmocka_unit_test(rule_04_an_acknowledgement_without_reading_is_a_violation),
        cmocka_unit_test(rule_05_the_first_slot_counts_and_stays),
        cmocka_unit_test(rule_05_slots_of_other_epochs_and_checks_do_not_count),
        cmocka_unit_test(rule_05_a_slot_for_an_item_not_posted_is_a_violation),
        cmocka_unit_test(rule_06_records_and_epoch_can_be_read_in_one_cycle),
        cmocka_unit_test(rule_07_late_no_host_blocked_and_overflow),
        cmocka_unit_test(rule_07_whatever_stops_the_belt_makes_items_untracked),
        cmocka_unit_test(rule_07_spacing_lane_full_and_manual),
        cmocka_unit_test(rule_08_a_full_ring_stops_the_infeed_with_room_for_what_arrives),
        cmocka_unit_test(rule_08_overwriting_moves_oldest_and_counts),
        cmocka_unit_test(rule_09_host_ok_needs_a_session_and_a_changing_heartbeat),
        cmocka_unit_test(rule_09_the_plc_beats_and_stops_beating_when_frozen),
        cmocka_unit_test(rule_10_feed_stop_latches_until_a_person_restarts),
        cmocka_unit_test(rule_10_a_request_without_host_ok_does_not_count),
        cmocka_unit_test(rule_11_table_mode_sorts_by_the_machine),
        cmocka_unit_test(rule_12_on_rtu_33_words_are_the_header),
        cmocka_unit_test(rule_13_outcomes_are_dense_and_readable),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
