/* FB_Mailbox called as a PLC calls it, scan by scan: what it must not obey, what a start finds, and
 * power that fails at every single statement of a scan. The rest of the rules: suite.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "plc-maps/mailbox_layout.h"
#include "tests/st/FB_Mailbox.h"

enum { RING = 64, B_WORDS = 32 + 24 * RING, H_WORDS = 16 + 4 * RING, DECISION = 200 };

static struct plc {
    struct FB_Mailbox fb;
    uint16_t b[B_WORDS], h[H_WORDS];
    struct mb_host host;
    jmp_buf cut;
    uint32_t steps, cut_at;
    uint32_t outlets, outlet_of[256], reason_of[256]; /* outcomes by seq, and how many */
} t;

static void step(void *ctx, int line)
{
    struct plc *p = ctx;
    (void)line;
    if (++p->steps == p->cut_at)
        longjmp(p->cut, 1);
}

static void start(bool lose_memory)
{
    if (lose_memory) {
        memset(t.b, 0, sizeof t.b);
        memset(t.h, 0, sizeof t.h);
        FB_Mailbox_cold(&t.fb);
    }
    FB_Mailbox_warm(&t.fb);
    t.fb.in = (struct FB_Mailbox_in){.xFirstScan = true,
                                     .uiScanMs = 10,
                                     .udiRandom = 4711,
                                     .udiEnc = t.fb.in.udiEnc,
                                     .xBeltRuns = true,
                                     .uiPulsesPerM = 1000,
                                     .uiOutlets = 5,
                                     .uiDefault = 5,
                                     .uiArriving = 4,
                                     .udiInfeedPulses = 50,
                                     .udiDecisionPulses = DECISION};
}

/* One scan; true when the power failed in it. */
static bool scan(void)
{
    t.steps = 0;
    t.fb.out = (struct FB_Mailbox_out){0};
    if (setjmp(t.cut))
        return true;
    FB_Mailbox_call(&t.fb);
    if (t.fb.out.uiOutlet && t.fb.out.udiOutletSeq) {
        t.outlets++;
        t.outlet_of[t.fb.out.udiOutletSeq] = t.fb.out.uiOutlet;
        t.reason_of[t.fb.out.udiOutletSeq] = t.fb.out.uiReason;
    }
    t.fb.in.xFirstScan = t.fb.in.xItem = false;
    return false;
}

static void scans(int n, uint32_t pulses)
{
    for (int i = 0; i < n; i++) {
        t.fb.in.udiEnc += pulses;
        scan();
    }
}

static void host_writes(void)
{
    t.host.session = 77;
    t.host.heartbeat++;
    mb_host_encode(&t.host, t.h);
}

static struct mb_header header(void)
{
    struct mb_header h = {0};
    assert_true(mb_header_decode(t.b, true, &h));
    return h;
}

static void adopt(uint32_t epoch)
{
    t.host = (struct mb_host){.new_epoch = epoch, .new_epoch_nonce = header().boot_nonce};
    host_writes();
    scan();
    t.host = (struct mb_host){0};
    host_writes();
    scan();
    assert_int_equal(header().epoch, epoch);
}

static void fresh(uint32_t epoch)
{
    memset(&t, 0, sizeof t);
    FB_Mailbox_tune(&t.fb);
    t.fb.awB = t.b;
    t.fb.awH = t.h;
    t.fb.step = step;
    t.fb.ctx = &t;
    start(true);
    scan();
    if (epoch)
        adopt(epoch);
}

static void item(int32_t weight)
{
    t.fb.in.xItem = true;
    t.fb.in.wItemFlags = MB_VALID | MB_STABLE;
    t.fb.in.diItemWeight = weight;
    t.fb.in.uiItemUnit = MB_UNIT_G;
    t.fb.in.udiItemEnc = t.fb.in.udiEnc;
}

static void slot(uint32_t epoch, uint32_t seq, uint16_t outlet)
{
    mb_slot_encode(epoch, seq, outlet, t.h + mb_slot_addr(0, RING, seq));
}

static bool record(uint32_t seq, struct mb_item *ret)
{
    return mb_item_decode(t.b + mb_item_addr(0, RING, seq), header().epoch, seq, true, ret);
}

static bool outcome(uint32_t index, struct mb_outcome *ret)
{
    return mb_outcome_decode(t.b + mb_out_addr(0, RING, index), header().epoch, index, true, ret);
}

/* ---- what it must not obey (rules 4, 5, 10, 11) ---- */

static void acknowledge(uint32_t epoch, uint32_t seq, uint32_t out)
{
    t.host.ack_epoch = epoch;
    t.host.ack_seq = seq;
    t.host.ack_out = out;
    host_writes();
    scan();
}

static void an_acknowledgement_counts_within_its_bounds(void **state)
{
    (void)state;
    fresh(7);
    for (int i = 0; i < 10; i++) {
        item(i);
        scan();
    }
    acknowledge(7, 4, 0);
    assert_int_equal(header().oldest_seq, 5);
    const struct {
        uint32_t epoch, seq;
    } ignored[] = {{7, 3}, {7, 4}, {7, 0}, {8, 9}, {0, 9}, {7, 11}, {7, UINT32_MAX}};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        acknowledge(ignored[i].epoch, ignored[i].seq, 1);
        assert_int_equal(header().oldest_seq, 5);
    }
    acknowledge(7, 8, 0);
    t.host.ack_seq = 10;
    host_writes();
    t.h[MB_HOST_ACK_CHECK] ^= 0x100;
    scan();
    assert_int_equal(header().oldest_seq, 9);
    acknowledge(7, 10, 0);
    assert_int_equal(header().oldest_seq, 11); /* empty: HEAD_SEQ + 1 */
}

static void the_first_slot_counts_and_stays(void **state)
{
    (void)state;
    fresh(0x10007);
    slot(0x10007, 1, 2); /* stands there before its item */
    item(100);
    scan();
    item(200);
    scan();
    slot(0x10007, 1, 3);
    slot(0x20007, 2, 3); /* the low word is the same */
    scan();
    slot(0x10007, 2, 4);
    scan();
    slot(0x10007, 2, 1);
    scans(10, 30);
    assert_int_equal(t.outlet_of[1], 2);
    assert_int_equal(t.outlet_of[2], 4);
    assert_int_equal(t.reason_of[2], MB_DECIDED);
}

static void feed_stop_latches_until_a_person_restarts(void **state)
{
    (void)state;
    fresh(7);
    assert_true(t.fb.out.xInfeed);
    t.host.request = MB_REQUEST_FEED_STOP;
    host_writes();
    scan();
    assert_false(t.fb.out.xInfeed);
    assert_true(header().state & MB_FEED_STOPPED);
    assert_true(header().state & MB_RUNNING); /* the belt runs on */
    t.fb.in.xRestartFeed = true; /* not while the bit stands, nor by a button that is held */
    scans(3, 10);
    t.host.request = 0;
    host_writes();
    scans(3, 10);
    assert_true(header().state & MB_FEED_STOPPED);
    t.fb.in.xRestartFeed = false;
    scan();
    t.fb.in.xRestartFeed = true;
    scan();
    assert_true(t.fb.out.xInfeed);
}

static void table_mode_sorts_by_the_machine(void **state)
{
    (void)state;
    fresh(7);
    t.fb.in.xTableMode = true;
    t.fb.in.uiItemTable = 3;
    item(100);
    scan();
    slot(7, 1, 2);
    scans(10, 30);
    assert_true(header().state & MB_TABLE_MODE);
    assert_int_equal(t.outlet_of[1], 3);
    assert_int_equal(t.reason_of[1], MB_DECIDED);
}

static void a_negative_weight_and_a_wide_number_keep_their_bits(void **state)
{
    (void)state;
    struct mb_item i = {0};
    fresh(0xFEDCBA98);
    t.fb.keep.udiHead = 0x12344; /* as if it had counted so far */
    t.fb.keep.udiOldest = 0x12345;
    item(-70001);
    t.fb.in.uiItemDecimals = 3;
    scan();
    assert_true(record(0x12345, &i));
    assert_int_equal(i.weight, -70001);
    assert_int_equal(i.decimals, 3);
    assert_int_equal(i.unit, MB_UNIT_G);
}

/* ---- the belt ---- */

/* The encoder wraps, starts near the end of its range, and trembles backwards. */
static void an_item_is_decided_at_its_pulse_whatever_the_encoder_shows(void **state)
{
    (void)state;
    const uint32_t from[] = {0, 1000, UINT32_MAX - 100, UINT32_MAX - DECISION, INT32_MAX - 50u};
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
        fresh(0);
        t.fb.in.udiEnc = from[i];
        start(true);
        scan();
        adopt(7);
        item(1);
        scan();
        for (uint32_t moved = 0; moved < DECISION - 1; moved++) {
            scans(1, 1);
            if (moved % 7 == 3) {
                scans(1, (uint32_t)-2);
                scans(1, 2);
            }
        }
        assert_int_equal(t.outlets, 0);
        scans(1, 1);
        assert_int_equal(t.outlets, 1);
    }
}

static void a_full_list_gives_no_number(void **state)
{
    (void)state;
    const uint32_t places = sizeof t.fb.keep.audiSeq / sizeof t.fb.keep.audiSeq[0] - 1;
    fresh(7);
    t.fb.in.xOverwrite = true; /* the ring is shorter than the list */
    for (uint32_t i = 0; i < places + 7; i++) {
        item((int32_t)i);
        scan();
    }
    struct mb_header h = header();
    assert_int_equal(h.head_seq, places);
    assert_int_equal(h.lost_count, places - RING + 7);
    scans((int)places + 10, DECISION);
    assert_int_equal(t.outlets, places);
}

/* Whatever a hand puts on the belt beside the infeed. */
static void the_numbers_end_below_their_limit(void **state)
{
    (void)state;
    fresh(7);
    t.fb.tune.WRAP_AT = 20;
    for (int i = 0; i < 40; i++) {
        item(i);
        scan();
    }
    struct mb_header h = header();
    assert_int_equal(h.head_seq, 19);
    assert_int_equal(h.lost_count, 21);
    assert_true(h.state & MB_INFEED_INHIBITED);
    assert_int_equal(h.epoch, 7); /* until everything is fired and acknowledged */
}

/* ---- a start ---- */

static void registers_that_were_not_kept_clear_the_block(void **state)
{
    (void)state;
    fresh(7);
    item(1);
    scan();
    start(false);
    scan();
    assert_int_equal(header().epoch, 7);
    memset(t.b, 0, sizeof t.b);
    start(false);
    scan();
    assert_int_equal(header().epoch, 0);
    assert_int_equal(header().head_seq, 0);
}

static void every_start_and_clearing_has_a_nonce_of_its_own_even_if_the_clock_stands(void **state)
{
    (void)state;
    fresh(7);
    uint32_t seen[12];
    for (size_t i = 0; i < 12; i++) {
        if (i % 3 == 0) {
            t.fb.in.xClear = true;
            scan();
            t.fb.in.xClear = false;
            scan();
        } else {
            start(false);
            t.fb.in.udiRandom = i % 2 ? 0 : t.fb.keep.udiNonce;
            scan();
        }
        seen[i] = header().boot_nonce;
        assert_true(seen[i] != 0);
        assert_true(i == 0 || seen[i] != seen[i - 1]);
    }
}

static void a_button_held_while_the_plc_starts_does_nothing(void **state)
{
    (void)state;
    fresh(7);
    t.host.request = MB_REQUEST_FEED_STOP;
    host_writes();
    scan();
    t.host.request = 0;
    host_writes();
    start(false);
    t.fb.in.xClear = t.fb.in.xRestartFeed = true;
    scans(3, 10);
    assert_int_equal(header().epoch, 7);
    assert_true(header().state & MB_FEED_STOPPED);
}

/* ---- power ---- */

/* A list of one decided before, one due now, one measured now, and the host's acknowledgement. */
static void busy_scan_ahead(void)
{
    fresh(7);
    for (int32_t i = 1; i <= 3; i++) {
        item(i * 10);
        scan();
        slot(7, (uint32_t)i, (uint16_t)i);
        scans(1, 20);
    }
    scans(1, DECISION - 60);
    assert_int_equal(t.outlets, 1);
    t.host.ack_epoch = 7;
    t.host.ack_seq = t.host.ack_out = 1;
    host_writes();
    t.fb.in.udiEnc += 20;
    item(40);
}

static void all_is_told_once(uint32_t k)
{
    uint32_t of[5] = {0}, head;
    struct mb_item i = {0};
    struct mb_outcome o = {0};
    struct mb_header h = header();
    head = h.head_seq;
    assert_true(head == 3 || head == 4);
    for (uint32_t seq = 1; seq <= head; seq++) {
        assert_true(record(seq, &i));
        assert_int_equal(i.weight, seq * 10);
    }
    if (h.out_head != head)
        fail_msg("cut at %u: %u items, %u outcomes", k, head, h.out_head);
    for (uint32_t index = 1; index <= h.out_head; index++) {
        assert_true(outcome(index, &o));
        assert_in_range(o.seq, 1, head);
        of[o.seq]++;
        assert_true(o.reason == MB_UNTRACKED ? o.outlet == 5 : o.outlet == o.seq);
        assert_true(o.reason == MB_UNTRACKED || o.seq <= 2);
        assert_int_equal(o.outlet, t.outlet_of[o.seq]); /* a gate has moved, and this one last */
    }
    for (uint32_t seq = 1; seq <= head; seq++)
        assert_int_equal(of[seq], 1);
}

static void power_may_fail_at_every_statement(void **state)
{
    (void)state;
    uint32_t k = 1;
    for (;; k++) {
        busy_scan_ahead();
        t.cut_at = k;
        if (!scan())
            break;
        t.cut_at = 0;
        start(false);
        scans(40, 20);
        assert_int_equal(header().epoch, 7);
        all_is_told_once(k);
    }
    assert_true(k > 200);
}

static void power_may_fail_at_every_statement_of_a_clearing_and_of_an_adoption(void **state)
{
    (void)state;
    uint32_t cleared = 0, kept = 0, adopted = 0;
    for (uint32_t k = 1;; k++) {
        busy_scan_ahead();
        t.fb.in.xItem = false;
        t.fb.in.xClear = true;
        t.cut_at = k;
        if (!scan())
            break;
        t.cut_at = 0;
        start(false);
        scans(40, 20);
        struct mb_header h = header();
        if (h.epoch)
            all_is_told_once(k);
        assert_true(h.epoch == 7 || (h.head_seq == 0 && h.oldest_seq == 1 && h.out_head == 0));
        cleared += h.epoch == 0;
        kept += h.epoch == 7;
    }
    for (uint32_t k = 1;; k++) {
        fresh(0);
        memset(t.b + 32, 0xA5, sizeof t.b - 32 * sizeof t.b[0]);
        t.host = (struct mb_host){.new_epoch = 9, .new_epoch_nonce = header().boot_nonce};
        host_writes();
        t.cut_at = k;
        if (!scan())
            break;
        t.cut_at = 0;
        start(false);
        scans(3, 20);
        adopted += header().epoch == 9;
        assert_true(header().epoch == 0 || t.b[32] == 0);
    }
    assert_true(cleared && kept && adopted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_acknowledgement_counts_within_its_bounds),
        cmocka_unit_test(the_first_slot_counts_and_stays),
        cmocka_unit_test(feed_stop_latches_until_a_person_restarts),
        cmocka_unit_test(table_mode_sorts_by_the_machine),
        cmocka_unit_test(a_negative_weight_and_a_wide_number_keep_their_bits),
        cmocka_unit_test(an_item_is_decided_at_its_pulse_whatever_the_encoder_shows),
        cmocka_unit_test(a_full_list_gives_no_number),
        cmocka_unit_test(the_numbers_end_below_their_limit),
        cmocka_unit_test(registers_that_were_not_kept_clear_the_block),
        cmocka_unit_test(every_start_and_clearing_has_a_nonce_of_its_own_even_if_the_clock_stands),
        cmocka_unit_test(a_button_held_while_the_plc_starts_does_nothing),
        cmocka_unit_test(power_may_fail_at_every_statement),
        cmocka_unit_test(power_may_fail_at_every_statement_of_a_clearing_and_of_an_adoption),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
