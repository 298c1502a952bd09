/* A small honest host against the PLC, at random: torn records, half seen writes, host crashes
 * between any two requests, retentive and volatile reboots, clearing by hand, stops, both ring
 * policies, with and without checks. Exactly once, to the byte, and every gate as decided, or else
 * declared. LOTLINE_SEED replays one run, LOTLINE_RUNS sets how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/num.h"
#include "sim/plc_rig.h"
#include <stdio.h>
#include <stdlib.h>

enum { ITEMS_MAX = 4096, EPOCHS_MAX = 64, BATCH = 7 };

/* What the host has on disk. */
static struct {
    struct {
        uint32_t epoch, seq;
        int32_t weight;
        uint16_t dia, outlet;
    } item[ITEMS_MAX];
    size_t items;
    struct {
        uint32_t epoch, index, seq;
        uint16_t outlet, reason;
    } outcome[ITEMS_MAX];
    size_t outcomes;
    struct {
        uint32_t epoch, seq, out; /* committed up to */
        uint64_t gap;             /* items declared lost */
    } epoch[EPOCHS_MAX];
    size_t epochs;
    uint32_t proposed, proposed_nonce, last_epoch;
    uint64_t declared; /* LOST_COUNT of first headers, without bounds */
} disk;

/* What it forgets when it crashes. */
static struct {
    bool alive;
    uint16_t session, heartbeat;
    struct mono beat_due;
    struct dice dice;
} host;

static struct dice fate;

static uint16_t outlet_of(uint32_t seq, int32_t weight)
{
    return (uint16_t)(1 + (seq * 7 + (uint32_t)weight) % 4);
}

/* ---- requests: time passes, and now and then the host dies ---- */

static void pass_time(void)
{
    for (uint32_t n = dice_below(&fate, 4); n; n--)
        rig_scan();
    if (dice_below(&fate, 4000) == 0)
        host.alive = false;
}

static bool ask(uint32_t addr, uint32_t n, uint16_t *w)
{
    pass_time();
    return host.alive && plc_up(rig.p) && plc_read(rig.p, addr, n, false, w, rig.now) == 0;
}

static bool tell(uint32_t addr, const uint16_t *w, uint32_t n)
{
    pass_time();
    return host.alive && plc_up(rig.p) && plc_write(rig.p, addr, w, n, rig.now) == 0;
}

/* Two equal reads stand for the checks where there are none. */
static bool ask_sure(uint32_t addr, uint32_t n, uint16_t *w)
{
    uint16_t again[BATCH * MB_ITEM_WORDS];
    if (!ask(addr, n, w) || rig.cfg.checks)
        return host.alive && plc_up(rig.p);
    return ask(addr, n, again) && memcmp(w, again, n * sizeof w[0]) == 0;
}

static bool ask_header(struct mb_header *ret)
{
    uint16_t w[MB_HDR_WORDS], again[MB_HDR_WORDS];
    if (!ask(rig.cfg.base, MB_HDR_WORDS, w))
        return false;
    if (!rig.cfg.checks) {
        if (!ask(rig.cfg.base, MB_HDR_WORDS, again))
            return false;
        static const uint8_t moving[] = {MB_HDR_HEARTBEAT, MB_HDR_ENC, MB_HDR_ENC + 1,
                                         MB_HDR_UPTIME_MS, MB_HDR_UPTIME_MS + 1};
        for (size_t i = 0; i < sizeof moving; i++)
            again[moving[i]] = w[moving[i]];
        if (memcmp(w, again, sizeof w) != 0)
            return false;
    }
    return mb_header_decode(w, rig.cfg.checks, ret);
}

static bool tell_host(const struct mb_host *h)
{
    uint16_t w[MB_HOST_WORDS];
    mb_host_encode(h, w);
    return tell(rig_h(), w, MB_HOST_WORDS);
}

static void beat(struct mb_host *h)
{
    h->session = host.session;
    h->heartbeat = ++host.heartbeat;
}

/* ---- the cycle ---- */

static size_t segment(uint32_t epoch)
{
    for (size_t i = 0; i < disk.epochs; i++)
        if (disk.epoch[i].epoch == epoch)
            return i;
    assert_true(disk.epochs < EPOCHS_MAX);
    return disk.epochs;
}

/* Rule 1: commit the epoch, then write it; again only if the nonce is the same and it was never
 * shown. */
static void propose(const struct mb_header *h)
{
    if (disk.proposed == 0 || disk.proposed_nonce != h->boot_nonce ||
        segment(disk.proposed) < disk.epochs) {
        disk.last_epoch += 1 + dice_below(&host.dice, 1000);
        disk.proposed = disk.last_epoch;
        disk.proposed_nonce = h->boot_nonce;
    }
    struct mb_host w = {.new_epoch = disk.proposed, .new_epoch_nonce = h->boot_nonce};
    beat(&w);
    tell_host(&w);
}

static void open_segment(const struct mb_header *h)
{
    size_t i = segment(h->epoch);
    if (i < disk.epochs)
        return;
    disk.epochs++;
    disk.epoch[i].epoch = h->epoch;
    disk.epoch[i].seq = h->oldest_seq - 1;
    disk.epoch[i].out = 0;
    disk.epoch[i].gap = h->oldest_seq - 1;
    disk.declared += h->lost_count - (h->oldest_seq - 1);
}

static void commit_item(uint32_t epoch, const struct mb_item *item, uint16_t outlet)
{
    assert_true(disk.items < ITEMS_MAX);
    disk.item[disk.items].epoch = epoch;
    disk.item[disk.items].seq = item->seq;
    disk.item[disk.items].weight = item->weight;
    disk.item[disk.items].dia = item->aux1;
    disk.item[disk.items].outlet = outlet;
    disk.items++;
}

/* Rule 5: after a restart a slot that stands there is adopted. Reads it back always: simple,
 * honest. */
static bool put_slot(uint32_t epoch, uint32_t seq, uint16_t *outlet)
{
    uint16_t w[MB_SLOT_WORDS];
    uint32_t addr = mb_slot_addr(rig_h(), rig.cfg.slot_m, seq);
    if (!ask(addr, MB_SLOT_WORDS, w))
        return false;
    if (mb_slot_valid(w, epoch, seq, outlet))
        return true;
    mb_slot_encode(epoch, seq, *outlet, w);
    return tell(addr, w, MB_SLOT_WORDS);
}

static void take_items(const struct mb_header *h, size_t seg)
{
    struct mb_item batch[BATCH];
    uint16_t outlet[BATCH], epoch[2];
    uint32_t next = disk.epoch[seg].seq + 1, n = 0;
    if ((int32_t)(h->oldest_seq - next) > 0) { /* overwritten: a gap with bounds */
        disk.epoch[seg].gap += h->oldest_seq - next;
        disk.epoch[seg].seq = h->oldest_seq - 1;
        next = h->oldest_seq;
    }
    for (; n < BATCH && (int32_t)(h->head_seq - (next + n)) >= 0; n++) {
        uint16_t w[MB_ITEM_WORDS];
        if (!ask_sure(mb_item_addr(rig.cfg.base, rig.cfg.ring_n, next + n), MB_ITEM_WORDS, w) ||
            !mb_item_decode(w, h->epoch, next + n, rig.cfg.checks, &batch[n]))
            break;
        outlet[n] = outlet_of(next + n, batch[n].weight);
        if (!rig.cfg.table_mode && !put_slot(h->epoch, next + n, &outlet[n]))
            return;
    }
    if (n == 0 || !ask(rig.cfg.base + MB_HDR_EPOCH, 2, epoch) || mb_u32(epoch) != h->epoch)
        return; /* rule 6: throw the batch away */
    for (uint32_t i = 0; i < n; i++)
        commit_item(h->epoch, &batch[i], outlet[i]);
    disk.epoch[seg].seq = next + n - 1;
}

static void take_outcomes(const struct mb_header *h, size_t seg)
{
    uint16_t w[MB_OUT_WORDS];
    struct mb_outcome o;
    uint32_t *cursor = &disk.epoch[seg].out;
    if (h->out_head - *cursor > rig.cfg.ring_n)
        *cursor = h->out_head - rig.cfg.ring_n;
    for (int n = 0; n < BATCH && *cursor != h->out_head; n++) {
        uint32_t index = *cursor + 1;
        if (!ask_sure(mb_out_addr(rig.cfg.base, rig.cfg.ring_n, index), MB_OUT_WORDS, w) ||
            !mb_outcome_decode(w, h->epoch, index, rig.cfg.checks, &o))
            return;
        assert_true(disk.outcomes < ITEMS_MAX);
        disk.outcome[disk.outcomes].epoch = h->epoch;
        disk.outcome[disk.outcomes].index = index;
        disk.outcome[disk.outcomes].seq = o.seq;
        disk.outcome[disk.outcomes].outlet = o.outlet;
        disk.outcome[disk.outcomes].reason = o.reason;
        disk.outcomes++;
        ++*cursor;
    }
}

static void host_cycle(void)
{
    struct mb_header h;
    if (!ask_header(&h))
        return;
    if (h.epoch == 0) {
        propose(&h);
        return;
    }
    open_segment(&h);
    size_t seg = segment(h.epoch);
    take_items(&h, seg);
    if (!host.alive || !plc_up(rig.p) || !ask_header(&h) || h.epoch != disk.epoch[seg].epoch)
        return;
    take_outcomes(&h, seg);
    struct mb_host w = {
        .ack_epoch = h.epoch, .ack_seq = disk.epoch[seg].seq, .ack_out = disk.epoch[seg].out};
    beat(&w);
    tell_host(&w);
}

static void host_turn(void)
{
    if (!host.alive && dice_below(&fate, 200) == 0) {
        host.alive = true;
        host.session = (uint16_t)(1 + dice_below(&host.dice, 65535));
    }
    if (host.alive)
        host_cycle();
    else
        rig_scan();
}

/* ---- what befalls the machine ---- */

static void misfortune(void)
{
    switch (dice_below(&fate, 1200)) {
    case 0: plc_reboot(rig.p, true, rig.now); break;
    case 1:
    case 2: plc_reboot(rig.p, false, rig.now); break;
    case 3: plc_clear(rig.p, rig.now); break;
    case 4: plc_stop(rig.p); break;
    case 5:
    case 6: plc_resume(rig.p); break;
    case 7: plc_block(rig.p, 3, dice_below(&fate, 2)); break;
    case 8: plc_place(rig.p, 1 + dice_below(&fate, 5)); break;
    default: break;
    }
}

/* ---- the verdict ---- */

static size_t stored(uint32_t epoch, uint32_t seq, size_t *ret_at)
{
    size_t n = 0;
    for (size_t i = 0; i < disk.items; i++) {
        if (disk.item[i].epoch == epoch && disk.item[i].seq == seq) {
            *ret_at = i;
            n++;
        }
    }
    return n;
}

static void judge_item(const struct plc_event *ev, bool newest, uint64_t *missing)
{
    size_t at = 0, n = stored(ev->epoch, ev->seq, &at);
    assert_true(n <= 1); /* never twice */
    if (n == 0) {
        assert_true(!newest || rig_find(PLC_LOST, ev->epoch, ev->seq));
        ++*missing;
        return;
    }
    const struct farm_item *f = &rig.items[ev - rig.news];
    assert_int_equal(disk.item[at].weight, f->weight);
    assert_int_equal(disk.item[at].dia, f->aux1);
    const struct plc_event *out = rig_find(PLC_OUTCOME, ev->epoch, ev->seq);
    if (out && out->reason == MB_DECIDED && !rig.cfg.table_mode)
        assert_int_equal(out->outlet, disk.item[at].outlet); /* wrong outlet: never */
}

static void judge_outcomes(void)
{
    for (size_t i = 0; i < disk.outcomes; i++) {
        const struct plc_event *ev =
            rig_find(PLC_OUTCOME, disk.outcome[i].epoch, disk.outcome[i].seq);
        assert_non_null(ev);
        assert_int_equal(ev->out, disk.outcome[i].index);
        assert_int_equal(ev->outlet, disk.outcome[i].outlet);
        assert_int_equal(ev->reason, disk.outcome[i].reason);
        for (size_t k = 0; k < i; k++)
            assert_false(disk.outcome[k].epoch == disk.outcome[i].epoch &&
                         (disk.outcome[k].seq == disk.outcome[i].seq ||
                          disk.outcome[k].index == disk.outcome[i].index));
    }
}

static void judge(void)
{
    struct plc_stat s;
    uint64_t items = 0, missing = 0, arrived = 0;
    plc_stat(rig.p, &s);
    for (size_t i = 0; i < rig.n; i++) {
        if (rig.news[i].kind != PLC_ITEM)
            continue;
        items++;
        judge_item(&rig.news[i], rig.news[i].epoch == s.epoch, &missing);
    }
    judge_outcomes();
    for (int i = 1; i <= 16; i++)
        arrived += s.outlet[i];
    assert_int_equal(disk.items + missing, items); /* nothing stored that never was */
    assert_int_equal(arrived + s.on_belt, s.fed);
    assert_int_equal(s.outcomes + s.unnumbered + s.unreported, arrived);
    assert_int_equal(s.violations, 0);
    printf("  fed %u stored %zu overwritten or forgotten %llu unnumbered %u epochs %zu late %u\n",
           s.fed, disk.items, (unsigned long long)missing, s.unnumbered, disk.epochs, s.late);
}

static struct plc_cfg random_cfg(uint64_t seed)
{
    struct plc_cfg c = plc_cfg_default();
    struct dice d = {seed};
    c.seed = dice_next(&d);
    c.ring_n = (uint16_t)(16u << dice_below(&d, 3));
    c.slot_m = (uint16_t)(c.ring_n << dice_below(&d, 2));
    c.checks = dice_below(&d, 3) > 0;
    c.overwrite = dice_below(&d, 3) == 0;
    c.table_mode = dice_below(&d, 5) == 0;
    c.step_words = (uint16_t)(1 + dice_below(&d, 6));
    c.torn = (uint16_t)dice_below(&d, 200);
    c.rate_milli = 5000 + dice_below(&d, 15000);
    c.decision_ms = 200 + dice_below(&d, 600);
    c.boot_ms = 50 + dice_below(&d, 200);
    c.base = dice_below(&d, 2) ? 0 : 4096;
    c.items = 300;
    return c;
}

static void one_run(uint64_t seed)
{
    printf("  LOTLINE_SEED=%llu\n", (unsigned long long)seed);
    struct plc_cfg c = random_cfg(seed);
    rig_start(&c);
    memset(&disk, 0, sizeof disk);
    memset(&host, 0, sizeof host);
    fate = (struct dice){seed ^ 0x66617465};
    host.dice = (struct dice){seed ^ 0x686F7374};
    for (int turn = 0; turn < 6000; turn++) {
        misfortune();
        host_turn();
    }
    plc_resume(rig.p);
    struct plc_stat s = {0};
    for (int turn = 0; turn < 20000; turn++) { /* quiet: let it drain */
        host_turn();
        plc_stat(rig.p, &s);
        if (s.epoch && !s.feed_left && !s.on_belt && !s.held && s.out_head == s.outcomes)
            break;
    }
    for (int turn = 0; turn < 400; turn++) {
        host.alive = true;
        host_turn();
    }
    judge();
}

static uint64_t env(const char *name, uint64_t def)
{
    int64_t v;
    const char *text = getenv(name);
    return text && num_i64(text, 0, INT64_MAX, &v) == 0 ? (uint64_t)v : def;
}

static void exactly_once_through_everything(void **state)
{
    (void)state;
    uint64_t runs = env("LOTLINE_RUNS", 40), seed = env("LOTLINE_SEED", 0);
    if (seed)
        one_run(seed);
    for (uint64_t i = 1; !seed && i <= runs; i++)
        one_run(i * 1000003);
}

static int end(void **state)
{
    (void)state;
    plc_free(rig.p);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exactly_once_through_everything)};
    return cmocka_run_group_tests(tests, NULL, end);
}
