/* PLC, scale and the wires to them, with the truth about what the PLC showed and took.
 *
 * Invariant: what the PLC calls a violation of its contract by the host is a wrong of the host. */
#include "base/err.h"
#include "sim/plc.h"
#include "sim/scale.h"
#include "tests/simulation/world.h"
#include <stdlib.h>
#include <string.h>

enum { EPOCHS = 256, TABLE = 1 << 16, SCALE_TICK_MS = 50 };

static struct plant_options opt;
static struct plc *plc;
static struct scale scale;
static struct mono scan_due, scale_due, put_right, wire_until[2];
static struct mono disturbed, intruder_until;
static uint32_t loss[2], garble, was_blocked;
static bool quarantine_seen, frozen, was_restored, was_intruded;

static struct epoch_truth {
    uint32_t epoch, acked, acked_out, top, top_out, unnumbered;
    bool left;
} epochs[EPOCHS];
static size_t n_epochs;
static struct truth_item items[TABLE];       /* open addressing by (epoch, seq) */
static struct truth_outcome outcomes[TABLE]; /* by (epoch, out) */
static struct truth_outcome *last_outcome;

/* ---- truth ---- */

static size_t slot_of(uint32_t epoch, uint32_t n)
{
    uint64_t h = ((uint64_t)epoch << 32 | n) * 0x9E3779B97F4A7C15u;
    return (size_t)(h >> 40) % TABLE;
}

static struct truth_item *find_item(uint32_t epoch, uint32_t seq)
{
    size_t i = slot_of(epoch, seq);
    while (items[i].seq && (items[i].epoch != epoch || items[i].seq != seq))
        i = (i + 1) % TABLE;
    return &items[i];
}

static struct truth_outcome *find_outcome(uint32_t epoch, uint32_t out)
{
    size_t i = slot_of(epoch, out);
    while (outcomes[i].out && (outcomes[i].epoch != epoch || outcomes[i].out != out))
        i = (i + 1) % TABLE;
    return &outcomes[i];
}

static struct epoch_truth *find_epoch(uint32_t epoch)
{
    for (size_t i = 0; i < n_epochs; i++)
        if (epochs[i].epoch == epoch)
            return &epochs[i];
    if (n_epochs == EPOCHS)
        wrong("more than %d epochs in one run", EPOCHS);
    epochs[n_epochs] = (struct epoch_truth){.epoch = epoch};
    return &epochs[n_epochs++];
}

const struct truth_item *truth_item(uint32_t epoch, uint32_t seq)
{
    struct truth_item *t = find_item(epoch, seq);
    return t->seq ? t : NULL;
}

const struct truth_outcome *truth_outcome(uint32_t epoch, uint32_t out)
{
    struct truth_outcome *t = find_outcome(epoch, out);
    return t->out ? t : NULL;
}

uint32_t truth_acked(uint32_t epoch)
{
    return find_epoch(epoch)->acked;
}

uint32_t truth_acked_out(uint32_t epoch)
{
    return find_epoch(epoch)->acked_out;
}

uint32_t truth_top(uint32_t epoch)
{
    return find_epoch(epoch)->top;
}

uint32_t truth_top_out(uint32_t epoch)
{
    return find_epoch(epoch)->top_out;
}

uint32_t truth_unnumbered(uint32_t epoch)
{
    return find_epoch(epoch)->unnumbered;
}

bool plant_left(uint32_t epoch)
{
    return find_epoch(epoch)->left;
}

struct truth_item *truth_of(uint32_t epoch, uint32_t seq)
{
    struct truth_item *t = find_item(epoch, seq);
    return t->seq ? t : NULL;
}

size_t truth_epochs(void)
{
    return n_epochs;
}

uint32_t truth_epoch(size_t i)
{
    return epochs[i].epoch;
}

static void note_item(const struct plc_event *ev)
{
    struct truth_item *t = find_item(ev->epoch, ev->seq);
    bool twice = t->seq != 0;
    if (!twice)
        *t = (struct truth_item){.epoch = ev->epoch,
                                 .seq = ev->seq,
                                 .net_mg = ev->item->net_mg,
                                 .dia_um = ev->item->dia_um,
                                 .defects = ev->item->aux2,
                                 .flags = ev->item_flags};
    t->twice = t->differs = twice;
    t->now_mg = ev->item->net_mg;
    t->now_dia_um = ev->item->dia_um;
    struct epoch_truth *e = find_epoch(ev->epoch);
    e->top = ev->seq > e->top ? ev->seq : e->top;
    w.items++;
}

static void note_outcome(const struct plc_event *ev)
{
    struct truth_outcome *t = find_outcome(ev->epoch, ev->out);
    bool twice = t->out != 0;
    if (!twice)
        *t = (struct truth_outcome){.epoch = ev->epoch,
                                    .out = ev->out,
                                    .seq = ev->seq,
                                    .outlet = ev->outlet,
                                    .reason = ev->reason};
    t->twice = twice;
    last_outcome = t;
    struct epoch_truth *e = find_epoch(ev->epoch);
    e->top_out = ev->out > e->top_out ? ev->out : e->top_out;
    const struct truth_item *i = truth_item(ev->epoch, ev->seq);
    if (ev->reason == 1 && i && i->outlet && !i->twice && i->outlet != ev->outlet &&
        !opt.table_mode)
        wrong("item %u:%u went to outlet %u as decided, but its slot said %u", ev->epoch, ev->seq,
              ev->outlet, i->outlet);
}

/* Rule 3: under a number that the PLC gave twice nothing is acknowledged that is another item than
 * the recorded one, once the host can have seen it. */
static void judge_twice(uint32_t epoch, uint32_t from, uint32_t to)
{
    if (mono_since_ms(w.now, disturbed) < 1000)
        return;
    for (uint32_t seq = from; seq <= to && to - seq < opt.ring_n; seq++) {
        struct truth_item *t = truth_of(epoch, seq);
        if (t && t->differs && shed_differs(epoch, seq, t->now_mg, t->now_dia_um))
            wrong("item %u:%u was acknowledged as recorded, and is another one", epoch, seq);
        if (t)
            t->differs = false;
    }
}

static void note_ack(const struct plc_event *ev)
{
    struct epoch_truth *e = find_epoch(ev->epoch);
    judge_twice(ev->epoch, ev->seq >= opt.ring_n ? ev->seq - opt.ring_n + 1 : 1, ev->seq);
    uint32_t seq = ev->seq; /* all below the oldest: what it overwrote as well, which nobody took */
    for (const struct truth_item *t; seq > e->acked && (t = truth_of(ev->epoch, seq)) && t->lost;)
        seq--;
    shed_acknowledged(ev->epoch, seq == ev->seq ? seq : 0, ev->out);
    e->acked = seq > e->acked ? seq : e->acked;
    e->acked_out = ev->out > e->acked_out ? ev->out : e->acked_out;
}

static void on_event(void *ctx, const struct plc_event *ev)
{
    (void)ctx;
    trace("plc", ev->kind, (int64_t)ev->epoch << 32 | ev->seq, (int64_t)ev->out << 32 | ev->outlet);
    struct truth_item *t;
    switch (ev->kind) {
    case PLC_ITEM: note_item(ev); break;
    case PLC_OUTCOME: note_outcome(ev); break;
    case PLC_SLOT:
        t = find_item(ev->epoch, ev->seq);
        if (t->seq && !t->outlet)
            t->outlet = ev->outlet;
        break;
    case PLC_ACK: note_ack(ev); break;
    case PLC_EPOCH:
        find_epoch(ev->epoch)->unnumbered = ev->count;
        shed_adopted(ev->epoch);
        break;
    case PLC_LOST:
        if ((t = truth_of(ev->epoch, ev->seq)))
            t->lost = true;
        break;
    case PLC_SPOILED:
        if (strcmp(ev->what, "outcome") == 0)
            last_outcome->spoiled = true;
        else if ((t = find_item(ev->epoch, ev->seq))->seq)
            t->spoiled = true;
        break;
    case PLC_VIOLATION:
        if (ev->rule == 1 && mono_since_ms(w.now, disturbed) < 3000)
            break; /* NEW_EPOCH is not cleared in time: it cannot be */
        wrong("MAILBOX rule %d broken at item %u:%u: %s", ev->rule, ev->epoch, ev->seq, ev->what);
    case PLC_REBOOT: w.reboots++; break;
    default: break;
    }
}

/* ---- start ---- */

void plant_start(const struct plant_options *o)
{
    opt = *o;
    struct plc_cfg c = plc_cfg_default();
    c.seed = dice_next(&w.dice);
    c.salt = dice_next(&w.dice);
    c.rate_milli = o->rate_milli;
    c.ring_n = c.slot_m = (uint16_t)o->ring_n;
    c.checks = o->checks;
    c.retentive = true;
    c.overwrite = o->overwrite;
    c.table_mode = o->table_mode;
    c.decision_ms = (uint32_t)dice_between(&w.dice, 300, 900);
    c.torn = (uint16_t)dice_below(&w.dice, 80);
    c.step_words = (uint16_t)dice_between(&w.dice, 2, 16);
    c.wrap_at = o->wrap_at;
    struct err e = {0};
    struct plc_sink sink = {.event = on_event};
    if (plc_new(&c, sink, w.now, &plc, &e) < 0)
        wrong("PLC: %s", e.text);
    scale_init(&scale, dice_next(&w.dice), 300, w.now);
    scan_due = scale_due = w.now;
    put_right = MONO_NEVER;
    plant_feed();
}

void plant_stop(void)
{
    plc_free(plc);
}

/* ---- time ---- */

struct mono plant_due(void)
{
    return mono_min(scan_due, scale_due);
}

static void put_right_by_hand(void)
{
    if (!mono_reached(w.now, put_right))
        return;
    put_right = MONO_NEVER;
    plc_estop(plc, false);
    plc_trip(plc, 0);
    plc_manual(plc, false);
    plc_freeze(plc, frozen = false);
    garble = 0;
    plc_resume(plc);
    plc_restart_feed(plc); /* refused while the host's bit stands */
    for (uint16_t k = 1; k <= 5; k++) {
        plc_block(plc, k, false);
        plc_lane_full(plc, k, false);
    }
    if (quarantine_seen)
        plc_clear(plc, w.now);
    quarantine_seen = false;
}

static void look(void)
{
    static uint32_t epoch;
    struct plc_stat s;
    plc_stat(plc, &s);
    if (s.epoch != epoch && epoch)
        find_epoch(epoch)->left = true;
    epoch = s.epoch;
    if (!s.up || frozen || garble || loss[0] || !plant_wire_up(0) ||
        !mono_reached(w.now, intruder_until))
        disturbed = w.now;
}

void plant_run(void)
{
    if (mono_reached(w.now, scan_due)) {
        plc_scan(plc, w.now);
        look();
        put_right_by_hand();
        if (w.calm)
            plc_hold_infeed(plc, true);
        scan_due = mono_add_ms(w.now, opt.scan_ms);
    }
    if (mono_reached(w.now, scale_due)) {
        scale_tick(&scale, w.now);
        scale_due = mono_add_ms(w.now, SCALE_TICK_MS);
    }
}

void plant_feed(void)
{
    struct plc_stat s;
    plc_stat(plc, &s);
    plc_feed(plc, 1000000 - (s.feed_left < 1000000 ? s.feed_left : 1000000), opt.rate_milli);
}

bool plant_empty(void)
{
    struct plc_stat s;
    plc_stat(plc, &s);
    return s.up && s.held == 0 && s.on_belt == 0 && s.epoch &&
           truth_acked_out(s.epoch) >= s.out_head;
}

const char *plant_words(void)
{
    static char text[256];
    struct plc_stat s;
    plc_stat(plc, &s);
    snprintf(text, sizeof text,
             "up %d epoch %u head %u oldest %u out %u acked out %u on belt %u state 0x%x fault %u",
             s.up, s.epoch, s.head, s.oldest, s.out_head, truth_acked_out(s.epoch), s.on_belt,
             s.state, s.fault);
    return text;
}

void plant_quarantined(bool on)
{
    if (on && !quarantine_seen) { /* somebody walks to the machine */
        quarantine_seen = true;
        put_right = mono_min(put_right, in_ms(2000, 9000));
    }
}

/* ---- wires ---- */

int plant_transact(int wire, bool read, uint8_t unit, uint16_t addr, uint16_t n, uint16_t *words)
{
    (void)unit;
    if (wire == 0)
        return read ? plc_read(plc, addr, n, opt.rtu, words, w.now)
                    : plc_write(plc, addr, words, n, w.now);
    return read ? scale_read(&scale, addr, n, words) : scale_write(&scale, addr, words, n, w.now);
}

bool plant_wire_up(int wire)
{
    return mono_reached(w.now, wire_until[wire]);
}

bool plant_answers(int wire)
{
    return wire == 1 || plc_up(plc);
}

void plant_wire_down(int wire, int64_t ns)
{
    wire_until[wire] = mono_add_ns(w.now, ns);
}

/* Bits that flip, at most three (a CRC-16 sees them), and answers that come one request late. */
uint32_t plant_garble(int wire)
{
    return wire == 0 && opt.checks ? garble : 0;
}

struct mono plant_disturbed(void)
{
    return disturbed;
}

void plant_stat(struct plc_stat *ret, uint32_t *ret_host)
{
    plc_stat(plc, ret);
    *ret_host = plc_host_base(plc);
}

const struct plant_options *plant_options(void)
{
    return &opt;
}

bool plant_table(void)
{
    return opt.table_mode;
}

bool plant_was_blocked(uint16_t outlet)
{
    return was_blocked >> outlet & 1;
}

bool plant_was_restored(void)
{
    return was_restored;
}

bool plant_was_intruded(void)
{
    return was_intruded;
}

void plant_dip(void)
{
    if (!opt.retentive_only)
        plc_reboot(plc, true, w.now);
}

void plant_soon_put_right(void)
{
    put_right = mono_min(put_right, in_ms(1000, 4000));
}

uint32_t plant_loss(int wire)
{
    return loss[wire];
}

void plant_load(int64_t mg)
{
    scale_load(&scale, mg, w.now);
    if (chance(300))
        scale_shake(&scale, 200, w.now);
}

/* ---- trouble ---- */

void plant_fault(void)
{
    uint32_t what = dice_below(&w.dice, 23);
    uint16_t outlet = (uint16_t)(1 + dice_below(&w.dice, 5));
    int wire = (int)dice_below(&w.dice, 2);
    put_right = mono_min(put_right, in_ms(500, 6000));
    trace("trouble", what, outlet, wire);
    switch (what) {
    case 0: plc_reboot(plc, false, w.now); break;
    case 1:
    case 2: plc_reboot(plc, !opt.retentive_only, w.now); break;
    case 3: plc_stop(plc); break;
    case 4: plc_estop(plc, true); break;
    case 5: plc_trip(plc, 7); break;
    case 6:
        plc_block(plc, outlet, true);
        was_blocked |= 1u << outlet;
        break;
    case 7: plc_lane_full(plc, outlet, true); break;
    case 8:
        if (!opt.retentive_only)
            plc_clear(plc, w.now);
        break;
    case 9: plc_freeze(plc, frozen = true); break;
    case 10:
        intruder_until = mono_add_ns(w.now, between_ms(200, 3000));
        plc_intrude(plc, intruder_until);
        was_intruded = true;
        break;
    case 11: plc_spoil(plc, PLC_SPOIL_RECORD, 1 + dice_below(&w.dice, 2)); break;
    case 12: plc_spoil(plc, PLC_SPOIL_OUTCOME, 1); break;
    case 13: plc_spoil(plc, PLC_SPOIL_UNIT, 1); break;
    case 14: plc_backup(plc); break;
    case 15:
        if (!opt.retentive_only && plc_restore(plc, w.now) == 0)
            was_restored = true;
        break;
    case 16:
    case 17: plant_wire_down(wire, between_ms(5, 6000)); break;
    case 18:
    case 19:
    case 20: garble = 20 + dice_below(&w.dice, 80); break;
    default: loss[wire] = dice_below(&w.dice, 250); break;
    }
}

void plant_tidy(void)
{
    put_right = w.now;
    loss[0] = loss[1] = garble = 0;
    wire_until[0] = wire_until[1] = intruder_until = w.now;
    plc_intrude(plc, w.now);
    put_right_by_hand();
    plc_hold_infeed(plc, true);
}
