/* What must hold of every item, whatever host and machine go through: shown once, stored as it was,
 * one outcome, and that one the host's first valid word or the default with the true reason. */
#include "tests/st/scenario.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void broken(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("LOTLINE_SEED=%llu scan %u: ", (unsigned long long)s.seed, s.scans);
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
    fflush(stdout);
    exit(1);
}

struct truth *find(uint32_t epoch, uint32_t seq)
{
    for (size_t i = s.truths; i-- > 0;)
        if (s.truth[i].epoch == epoch && s.truth[i].seq == seq)
            return &s.truth[i];
    return NULL;
}

/* ---- what the PLC shows ---- */

static void shown(const struct plc_event *ev)
{
    if (s.truths == TRUTHS)
        broken("more than %d items", TRUTHS);
    if (find(ev->epoch, ev->seq))
        broken("number %u:%u is given twice", ev->epoch, ev->seq);
    if (ev->epoch == 0 || (ev->seq > 1 && !find(ev->epoch, ev->seq - 1)))
        broken("number %u:%u leaves a hole", ev->epoch, ev->seq);
    if (s.cfg.wrap_at && ev->seq >= s.cfg.wrap_at)
        broken("number %u:%u is beyond the end of the numbers", ev->epoch, ev->seq);
    s.truth[s.truths++] = (struct truth){.epoch = ev->epoch,
                                         .seq = ev->seq,
                                         .posted_scan = s.scans,
                                         .forgets = s.forgets,
                                         .item = *ev->item,
                                         .flags = ev->item_flags,
                                         .length = (uint16_t)ev->item_len_pulses};
    seen.items++;
}

static void adopted(const struct plc_event *ev)
{
    struct plc_stat st;
    plc_stat(s.p, &st);
    if (!host_proposed(ev->epoch, st.boot_nonce))
        broken("epoch %u is adopted, and was never proposed for this start", ev->epoch);
    for (size_t i = 0; i < s.adoptions; i++)
        if (s.adopted[i] == ev->epoch)
            broken("epoch %u is adopted a second time", ev->epoch);
    s.adopted[s.adoptions++ % EPOCHS] = ev->epoch;
}

/* By a person, or because the numbers have ended: then everything is told and acknowledged. */
static void cleared(const struct plc_event *ev)
{
    uint32_t out, seq = host_committed(ev->epoch, &out);
    s.forgets++;
    if (s.clear_pressed)
        return;
    seen.wraps++;
    if (!s.cfg.wrap_at || seq + 2 * 5 < s.cfg.wrap_at / 2)
        broken("epoch %u is cleared by nobody", ev->epoch);
    for (size_t i = 0; i < s.truths; i++) {
        const struct truth *t = &s.truth[i];
        if (t->epoch == ev->epoch && ((t->stored != 1 && !t->lost) || t->outcomes != 1))
            broken("item %u:%u is forgotten at the end of the numbers", t->epoch, t->seq);
    }
}

static void acknowledged(const struct plc_event *ev)
{
    uint32_t out, seq = host_committed(ev->epoch, &out);
    const struct truth *t = find(ev->epoch, ev->seq);
    if (ev->seq > seq && !(t && t->lost))
        broken("%u:%u is taken as acknowledged, committed is %u", ev->epoch, ev->seq, seq);
    if (ev->out > out)
        broken("outcome %u:%u is taken as acknowledged, committed is %u", ev->epoch, ev->out, out);
}

/* ---- where it went ---- */

static bool barred(const struct truth *t, uint32_t mask)
{
    return mask >> (t->intent - 1) & 1;
}

static bool reason_holds(const struct truth *t, uint16_t reason)
{
    if (s.cfg.table_mode &&
        (reason == MB_DECIDED || reason == MB_BLOCKED || reason == MB_LANE_FULL))
        return true; /* the table's outlet is the machine's own */
    bool slot_long = t->intended && s.scans - t->intent_scan > 3 && s.scans - t->posted_scan > 1;
    bool sure = s.disturbed_scan + 2 < t->posted_scan;
    bool exists = t->intent >= 1 && t->intent <= s.cfg.n_outlets;
    bool moving = s.scans - s.blocked_scan < 4; /* somebody has just blocked or freed one */
    int64_t silent_ms = mono_since_ms(s.now, s.beat_at);
    switch (reason) {
    case MB_DECIDED:
        return t->intended && exists && (moving || !barred(t, s.blocked | s.lane_full));
    case MB_LATE: return !slot_long && silent_ms < 1050 && s.beats_since_boot >= 1;
    case MB_NO_HOST: return !slot_long && (silent_ms > 950 || s.beats_since_boot <= 2);
    case MB_BLOCKED: return t->intended && (!exists || moving || barred(t, s.blocked));
    case MB_LANE_FULL: return t->intended && exists && (moving || barred(t, s.lane_full));
    case MB_UNTRACKED: return !sure;
    case MB_BY_HAND: return s.manual;
    case MB_SPACING: return s.placed;
    default: return false;
    }
}

static void went(const struct plc_event *ev)
{
    struct truth *t = find(ev->epoch, ev->seq);
    if (!t || t->outcomes++ || t->left)
        broken("item %u:%u: %s", ev->epoch, ev->seq, t ? "a second outcome" : "was never shown");
    t->out = ev->out;
    t->outlet = ev->outlet;
    t->reason = ev->reason;
    seen.reasons[ev->reason <= 8 ? ev->reason : 0]++;
    bool instead =
        ev->outlet == s.cfg.default_outlet ||
        ((ev->reason == MB_BLOCKED || ev->reason == MB_LANE_FULL) && ev->outlet == s.cfg.overflow);
    bool as_said = s.cfg.table_mode || ev->outlet == t->intent;
    if (ev->reason == MB_DECIDED ? !as_said : !instead)
        broken("item %u:%u went to outlet %u, reason %u, and the host said %u", ev->epoch, ev->seq,
               ev->outlet, ev->reason, t->intent);
    if (!reason_holds(t, ev->reason))
        broken("item %u:%u: reason %u is not true (slot %d %u, %u scans ago)", ev->epoch, ev->seq,
               ev->reason, t->intended, t->intent, s.scans - t->intent_scan);
    if (t->posted_scan + 2 < s.disturbed_scan && s.disturbed_scan + 2 < s.scans &&
        ev->reason != MB_UNTRACKED && ev->reason != MB_BY_HAND)
        broken("item %u:%u: a gate moves for it after the belt stopped", ev->epoch, ev->seq);
}

static void left(const struct plc_event *ev)
{
    struct truth *t = find(ev->epoch, ev->seq);
    if (!t || t->outcomes || t->left)
        broken("item %u:%u leaves a second time", ev->epoch, ev->seq);
    if (t->forgets == s.forgets)
        broken("item %u:%u leaves without an outcome", ev->epoch, ev->seq);
    t->left = true;
}

void judge_event(void *ctx, const struct plc_event *ev)
{
    (void)ctx;
    struct truth *t = find(ev->epoch, ev->seq);
    switch (ev->kind) {
    case PLC_ITEM: shown(ev); break;
    case PLC_OUTCOME: went(ev); break;
    case PLC_UNREPORTED: left(ev); break;
    case PLC_ACK: acknowledged(ev); break;
    case PLC_EPOCH: adopted(ev); break;
    case PLC_CLEAR: cleared(ev); break;
    case PLC_LOST:
        if (!s.cfg.overwrite || !t)
            broken("item %u:%u is overwritten", ev->epoch, ev->seq);
        t->lost = true;
        seen.overwritten++;
        break;
    case PLC_REBOOT:
        s.boots++;
        s.disturbed_scan = s.scans;
        s.beats_since_boot = 0;
        break;
    default: break;
    }
}

/* ---- what the host reads ---- */

void judge_stored(uint32_t epoch, const struct mb_item *i)
{
    struct truth *t = find(epoch, i->seq);
    if (!t || t->stored++)
        broken("item %u:%u: %s", epoch, i->seq, t ? "stored twice" : "read, and never shown");
    if (i->weight != t->item.weight || i->aux1 != t->item.aux1 || i->aux2 != t->item.aux2 ||
        i->flags != t->flags || i->length != t->length || i->unit != t->item.unit ||
        i->decimals != t->item.decimals || i->lane != 1)
        broken("item %u:%u is read otherwise than it was measured", epoch, i->seq);
}

void judge_outcome(uint32_t epoch, const struct mb_outcome *o)
{
    const struct truth *t = find(epoch, o->seq);
    if (!t || t->out != o->out_index || t->outlet != o->outlet || t->reason != o->reason)
        broken("outcome %u:%u is read otherwise than it was", epoch, o->out_index);
}

/* ---- all the time ---- */

static void forward_only(const struct plc_stat *a, const struct plc_stat *b)
{
    if (a->epoch != b->epoch || !b->epoch)
        return;
    if (b->head < a->head || b->oldest < a->oldest || b->out_head < a->out_head)
        broken("a counter goes back: head %u oldest %u out %u", b->head, b->oldest, b->out_head);
}

void judge_scan(void)
{
    static struct plc_stat was;
    static uint32_t ok_scans;
    struct plc_stat st;
    plc_stat(s.p, &st);
    bool same = s.scans > 1 && was.up && st.up; /* no start in between */
    uint32_t arriving = s.cfg.infeed_ms / s.cfg.spacing_ms + 2;
    bool closed = st.epoch == 0 || (st.state & MB_FEED_STOPPED);
    bool full = !s.cfg.overwrite && st.held + arriving >= s.cfg.ring_n;
    if (same)
        forward_only(&was, &st);
    if (st.held > s.cfg.ring_n)
        broken("%u items are held in a ring of %u", st.held, s.cfg.ring_n);
    if (same && closed && was.epoch == st.epoch && was.state == st.state && was.fed != st.fed &&
        !s.placed)
        broken("the infeed runs, and must not");
    if (same && full && !(st.state & MB_INFEED_INHIBITED))
        broken("the ring is full, and the infeed is not inhibited");
    ok_scans = same && !s.frozen && (st.state & MB_HOST_OK) ? ok_scans + 1 : 0;
    if (ok_scans > 4 && host_asks_stop() && !(st.state & MB_FEED_STOPPED))
        broken("the host asks for feed-stop, and is not heard");
    seen.full += full;
    was = st;
}

void judge_end(void)
{
    struct plc_stat st;
    plc_stat(s.p, &st);
    for (size_t i = 0; i < s.truths; i++) {
        const struct truth *t = &s.truth[i];
        bool newest = t->epoch == st.epoch;
        if (t->stored == 0 && !t->lost && newest)
            broken("item %u:%u is lost", t->epoch, t->seq);
        if (t->stored == 0 && !t->lost && t->forgets == s.forgets)
            broken("item %u:%u is lost, and nothing was forgotten", t->epoch, t->seq);
        if (t->outcomes == 0 && !t->left)
            broken("item %u:%u went nowhere", t->epoch, t->seq);
    }
    uint64_t arrived = 0;
    for (int k = 1; k <= 16; k++)
        arrived += st.outlet[k];
    if (arrived != st.fed || st.outcomes + st.unnumbered + st.unreported != arrived)
        broken("%u fed, %llu arrived", st.fed, (unsigned long long)arrived);
    if (s.declared > st.unnumbered)
        broken("%llu passed without a number by LOST_COUNT, %u in truth",
               (unsigned long long)s.declared, st.unnumbered);
}
