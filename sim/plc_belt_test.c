/* Rules 7 to 13 of MAILBOX.md, each as a test named after it, against the PLC side. */
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

static void rule_09_another_host_shows_in_the_echo(void **state)
{
    (void)state;
    fed(0);
    rig.beating = true;
    rig_run(300);
    plc_intrude(rig.p, mono_add_ms(rig.now, 1000));
    int others = 0;
    for (int i = 0; i < 100; i++) {
        rig_run(10);
        others += rig_header().host_session_echo != rig.host.session;
    }
    assert_in_range(others, 3, 90);
    rig_run(300);
    assert_int_equal(rig_header().host_session_echo, rig.host.session);
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
        cmocka_unit_test(rule_07_late_no_host_blocked_and_overflow),
        cmocka_unit_test(rule_07_whatever_stops_the_belt_makes_items_untracked),
        cmocka_unit_test(rule_07_spacing_lane_full_and_manual),
        cmocka_unit_test(rule_08_a_full_ring_stops_the_infeed_with_room_for_what_arrives),
        cmocka_unit_test(rule_08_overwriting_moves_oldest_and_counts),
        cmocka_unit_test(rule_09_host_ok_needs_a_session_and_a_changing_heartbeat),
        cmocka_unit_test(rule_09_another_host_shows_in_the_echo),
        cmocka_unit_test(rule_09_the_plc_beats_and_stops_beating_when_frozen),
        cmocka_unit_test(rule_10_feed_stop_latches_until_a_person_restarts),
        cmocka_unit_test(rule_10_a_request_without_host_ok_does_not_count),
        cmocka_unit_test(rule_11_table_mode_sorts_by_the_machine),
        cmocka_unit_test(rule_12_on_rtu_33_words_are_the_header),
        cmocka_unit_test(rule_13_outcomes_are_dense_and_readable),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
