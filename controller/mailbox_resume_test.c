/* What a PLC shows when host or PLC come back: another layout, another start, slots that cannot be
 * read, outcomes that are out of reach (testhost.h). */
#include "controller/testhost.h"

/* Stands in quarantine for this reason until a person has cleared the mailbox. */
static void cleared_by_a_person(struct th *t, const char *code)
{
    th_run_ms(t, 400, true);
    assert_non_null(t->quarantine);
    assert_string_equal(t->quarantine, code);
    assert_int_equal(th_host_words(t).ack_epoch, 0);
    tp_lose_all(&t->plc);
    t->plc.nonce++;
    th_run_ms(t, 500, true);
    assert_null(t->quarantine);
    assert_true(th_view(t).running);
}

/* Items that were decided, diverted and told about. */
static void sorted(struct th *t, int n)
{
    for (int i = 0; i < n; i++) {
        th_post(t, 1);
        th_run_ms(t, 40, true);
        assert_true(tp_fire(&t->plc));
    }
    th_run_ms(t, 100, true);
}

static void another_layout_under_the_same_epoch_is_a_conflict(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 3);
    th_run_ms(t, 100, true);
    t->plc.slot_m = (uint16_t)(t->plc.slot_m / 2);
    cleared_by_a_person(t, "epoch-conflict");
    th_free(t);
}

static void outcomes_that_went_back_are_a_conflict(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    sorted(t, 5);
    assert_int_equal(t->rec.out, 5);
    t->plc.out_head = 2;
    cleared_by_a_person(t, "epoch-conflict");
    th_free(t);
}

/* The same, found by a host that starts anew and has it from its record. */
static void outcomes_below_the_record_are_a_conflict(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    sorted(t, 5);
    assert_int_equal(t->rec.out, 5);
    t->plc.out_head = 2;
    th_crash(t);
    cleared_by_a_person(t, "epoch-conflict");
    th_free(t);
}

/* The record does not know the epoch; before it has opened it, the PLC starts again. */
static void an_unknown_epoch_is_asked_for_again_after_another_start(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    th_post(t, 4);
    th_run_ms(t, 100, true);
    t->rec = (struct item_line_state){.epoch = 7, .epoch_seen = true};
    th_crash(t);
    th_run_ms(t, 50, false);
    assert_int_equal(t->queued, 1);
    uint32_t nonce = t->queue[0].n.u.epoch.nonce;
    t->plc.nonce = nonce + 5;
    th_run_ms(t, 50, false);
    assert_int_equal(t->queued, 2);
    assert_int_equal(t->queue[1].n.kind, NEWS_EPOCH_UNKNOWN);
    assert_int_equal(t->queue[1].n.u.epoch.nonce, nonce + 5);
    mailbox_order_open(t->m, 12345, 1, 1); /* an order for another epoch opens nothing */
    th_run_ms(t, 50, false);
    assert_int_equal(th_host_words(t).ack_epoch, 0);
    th_commit(t);
    th_run_ms(t, 200, true);
    assert_true(th_view(t).running);
    assert_int_equal(t->rec.epoch, 41);
    th_free(t);
}

static void outcomes_of_an_unknown_epoch_beyond_the_ring_are_a_gap(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    sorted(t, 24);
    assert_int_equal(t->plc.out_head, 24);
    t->rec = (struct item_line_state){.epoch = 7, .epoch_seen = true};
    uint64_t outcomes = t->outcomes;
    th_crash(t);
    th_run_ms(t, 600, true);
    assert_int_equal(t->rec.epoch, 41);
    assert_int_equal(t->rec.out, 24);
    assert_int_equal(t->outcomes - outcomes, 16); /* the ring's; the 8 before are the gap */
    th_free(t);
}

/* A ring too small is said also behind another quarantine, and the clearing ends both. */
static void a_ring_too_small_is_said_behind_another_quarantine(void **state)
{
    (void)state;
    struct th *t = th_new(1, 64, true);
    t->o.map.min_ring = 32;
    th_crash(t);
    th_run_ms(t, 300, true);
    t->plc.slot_m = (uint16_t)(t->plc.slot_m / 2);
    th_run_ms(t, 400, true);
    assert_string_equal(t->quarantine, "epoch-conflict");
    t->plc.ring_n = 16;
    th_run_ms(t, 400, true);
    assert_string_equal(t->quarantine, "ring-too-small");
    t->plc.ring_n = 64;
    cleared_by_a_person(t, "ring-too-small");
    th_free(t);
}

/* ---- slots after a restart of the host ---- */

/* Steps until the slots of `n` items stand in the PLC and nothing of them is committed. */
static struct th *slots_written(int n)
{
    struct th *t = th_running(16);
    t->frozen = true; /* the items wait at the gate */
    th_post(t, n);
    while (!tp_item(&t->plc, (uint32_t)n)->first_outlet)
        th_step(t);
    return t;
}

static void slots_are_adopted_when_a_busy_plc_answers_at_last(void **state)
{
    (void)state;
    struct th *t = slots_written(3);
    t->slot_reads = 6; /* busy */
    th_crash(t);
    th_run_ms(t, 300, true);
    assert_false(th_view(t).running);
    t->slot_reads = 0;
    th_run_ms(t, 300, true);
    assert_true(th_view(t).running);
    assert_int_equal(t->adopted, 3);
    assert_int_equal(t->rec.seq, 3);
    th_free(t);
}

/* One refusal may be a disturbance: what was decided is not decided again for it. */
static void slots_that_are_refused_once_are_read_again(void **state)
{
    (void)state;
    struct th *t = slots_written(3);
    t->slot_reads = 2; /* no such address */
    th_crash(t);
    do
        th_step(t);
    while (t->last_want.fc != 3 || t->last_want.addr < t->plc.host);
    t->slot_reads = 0;
    th_run_ms(t, 300, true);
    assert_int_equal(t->adopted, 3);
    assert_int_equal(t->rec.seq, 3);
    th_free(t);
}

static void slots_that_cannot_be_read_back_are_decided_anew_and_said(void **state)
{
    (void)state;
    struct th *t = slots_written(3);
    t->slot_reads = 2; /* no such address */
    th_crash(t);
    th_run_ms(t, 300, true);
    assert_true(th_view(t).running);
    assert_int_equal(t->adopted, 0);
    assert_int_equal(t->rec.seq, 3);
    assert_true(t->alarms > 0);
    th_free(t);
}

/* FC23 may be refused for good, or for once: only "illegal function" turns it off. */
static void a_busy_plc_keeps_its_joint_requests(void **state)
{
    (void)state;
    struct th *t = th_fresh(16);
    t->o.link.fc23 = t->plc.fc23 = true;
    th_crash(t);
    th_run_ms(t, 300, true);
    t->f.refused = 500;
    th_post(t, 6);
    th_run_ms(t, 1000, true);
    t->f.refused = 0;
    th_run_ms(t, 100, true);
    assert_int_equal(t->items, 6);
    th_post(t, 1);
    while (!tp_item(&t->plc, 7)->first_outlet)
        th_step(t);
    assert_int_equal(t->last_want.fc, 23);
    th_free(t);
}

/* The row says it too. */
static void an_alarm_without_room_is_dropped_its_row_is_not(void **state)
{
    (void)state;
    struct th *t = th_running(16);
    t->room = 0;
    assert_true(tp_post(&t->plc, 9)); /* a unit that nobody knows */
    th_run_ms(t, 100, true);
    assert_int_not_equal(tp_item(&t->plc, 1)->first_outlet, 0);
    assert_int_equal(t->items, 0);
    t->room = TH_NEWS;
    th_run_ms(t, 100, true);
    assert_int_equal(t->bad_unit, 1);
    assert_int_equal(t->alarms, 0);
    th_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_layout_under_the_same_epoch_is_a_conflict),
        cmocka_unit_test(outcomes_that_went_back_are_a_conflict),
        cmocka_unit_test(outcomes_below_the_record_are_a_conflict),
        cmocka_unit_test(an_unknown_epoch_is_asked_for_again_after_another_start),
        cmocka_unit_test(outcomes_of_an_unknown_epoch_beyond_the_ring_are_a_gap),
        cmocka_unit_test(a_ring_too_small_is_said_behind_another_quarantine),
        cmocka_unit_test(slots_are_adopted_when_a_busy_plc_answers_at_last),
        cmocka_unit_test(slots_that_are_refused_once_are_read_again),
        cmocka_unit_test(slots_that_cannot_be_read_back_are_decided_anew_and_said),
        cmocka_unit_test(an_alarm_without_room_is_dropped_its_row_is_not),
        cmocka_unit_test(a_busy_plc_keeps_its_joint_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
