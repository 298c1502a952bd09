/* Rules 1 to 6 of MAILBOX.md, each as a test named after it, against the PLC side. Rules 3 and 6
 * bind the host: here the PLC must give what they rest on. 7 to 13: plc_belt_test.c; 14:
 * serve_test.c. */
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
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
