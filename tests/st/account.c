/* What a call of the block has done, told as the simulated sorter tells it: from the outputs that
 * move gates and the counters that show records, before and after. Also after a call that the power
 * cut off. A block that decides a thing twice, out of order or without having seen it ends the
 * program. */
#include "tests/st/sorter.h"

struct before account_before(const struct plc *p)
{
    const struct FB_Mailbox_keep *k = &p->fb.keep;
    return (struct before){.epoch = k->udiEpoch,
                           .head = k->udiHead,
                           .oldest = k->udiOldest,
                           .out_head = k->udiOutHead,
                           .ack_out = k->udiAckOut,
                           .first = k->uiFirst,
                           .end = k->uiEnd,
                           .host_ok = p->fb.out.xHostOk,
                           .feed_stopped = k->xFeedStopped};
}

void say(struct plc *p, struct plc_event ev)
{
    uint32_t *const counts[PLC_EVENT_KINDS] = {
        [PLC_ITEM] = &p->stat.posted,
        [PLC_OUTCOME] = &p->stat.outcomes,
        [PLC_LOST] = &p->stat.lost,
        [PLC_UNNUMBERED] = &p->stat.unnumbered,
        [PLC_UNREPORTED] = &p->stat.unreported,
    };
    if (counts[ev.kind])
        ++*counts[ev.kind];
    if (!ev.epoch)
        ev.epoch = p->fb.keep.udiEpoch;
    if (p->sink.event)
        p->sink.event(p->sink.ctx, &ev);
}

static void epochs(struct plc *p, const struct before *was, struct mono now)
{
    const struct FB_Mailbox_keep *k = &p->fb.keep;
    if (was->epoch && was->epoch != k->udiEpoch) {
        p->life++;
        say(p, (struct plc_event){
                   .kind = PLC_CLEAR, .epoch = was->epoch, .what = "cleared", .at = now});
    }
    if (k->udiEpoch && was->epoch != k->udiEpoch)
        say(p, (struct plc_event){.kind = PLC_EPOCH, .count = k->uiLost, .at = now});
}

/* With an item the ring may also have overwritten; what was acknowledged stands in the host's
 * words. */
static void acknowledged(struct plc *p, const struct before *was, const struct thing *t)
{
    const struct FB_Mailbox_keep *k = &p->fb.keep;
    struct mb_host h;
    uint32_t up_to = k->udiOldest - 1;
    if (was->epoch != k->udiEpoch)
        return;
    mb_host_decode(p->m.h, &h);
    if (t && up_to != was->oldest - 1) {
        bool counts = mb_host_ack_valid(p->m.h) && h.ack_epoch == k->udiEpoch &&
                      h.ack_seq >= was->oldest && h.ack_seq <= was->head;
        up_to = counts ? h.ack_seq : was->oldest - 1;
    }
    if (up_to != was->oldest - 1 || k->udiAckOut != was->ack_out)
        say(p, (struct plc_event){.kind = PLC_ACK, .seq = up_to, .out = k->udiAckOut});
    for (uint32_t seq = up_to + 1; seq < k->udiOldest; seq++)
        say(p, (struct plc_event){.kind = PLC_LOST, .seq = seq});
}

static void spoil_record(struct plc *p, uint32_t seq)
{
    uint32_t at = mb_item_addr(0, p->cfg.ring_n, seq);
    const char *what = NULL;
    if (p->spoil[PLC_SPOIL_RECORD]) {
        p->spoil[PLC_SPOIL_RECORD]--;
        p->m.b[at + (p->cfg.checks ? MB_ITEM_CRC : MB_ITEM_TAIL)] ^= 0x5A5A;
        what = "record";
    }
    if (p->spoil[PLC_SPOIL_UNIT]) {
        p->spoil[PLC_SPOIL_UNIT]--;
        what = what ? what : "unit";
    }
    if (what)
        say(p, (struct plc_event){.kind = PLC_SPOILED, .seq = seq, .what = what});
}

static void item(struct plc *p, const struct before *was, struct thing *t, struct mono now)
{
    const struct FB_Mailbox_keep *k = &p->fb.keep;
    t->known = k->uiEnd != was->end;
    if (k->udiHead == (k->udiEpoch == was->epoch ? was->head : 0))
        return;
    t->epoch = k->udiEpoch;
    t->seq = k->udiHead;
    t->life = p->life;
    say(p, (struct plc_event){
               .kind = PLC_ITEM,
               .seq = t->seq,
               .item = &t->item,
               .item_flags = (uint16_t)(p->fb.in.wItemFlags | (p->manual ? MB_ITEM_MANUAL : 0)),
               .item_len_pulses = p->fb.in.uiItemLength,
               .item_t_ms = p->fb.var.udiUptime,
               .at = now});
    spoil_record(p, t->seq);
}

static void slots(struct plc *p, struct mono now)
{
    const struct FB_Mailbox_keep *k = &p->fb.keep;
    for (uint32_t i = k->uiFirst; i != k->uiEnd; i = (i + 1) % BELT_SLOTS) {
        if (!k->axSlot[i] || !k->audiSeq[i])
            continue;
        for (uint32_t n = p->first; n != p->measure_next; n++) {
            struct thing *t = thing_at(p, n);
            if (t->slotted || t->seq != k->audiSeq[i] || t->life != p->life)
                continue;
            t->slotted = true;
            say(p, (struct plc_event){
                       .kind = PLC_SLOT, .seq = t->seq, .outlet = k->auiSlot[i], .at = now});
        }
    }
}

static void tell(struct plc *p, const struct FB_Mailbox_out *gate)
{
    say(p, (struct plc_event){.kind = PLC_OUTCOME,
                              .seq = gate->udiOutletSeq,
                              .out = p->fb.keep.udiOutHead,
                              .outlet = gate->uiOutlet,
                              .reason = gate->uiReason});
    p->stat.decided += gate->uiReason == MB_DECIDED;
    p->stat.late += gate->uiReason == MB_LATE;
    p->stat.no_host += gate->uiReason == MB_NO_HOST;
    if (!p->spoil[PLC_SPOIL_OUTCOME])
        return;
    p->spoil[PLC_SPOIL_OUTCOME]--;
    uint32_t at = mb_out_addr(0, p->cfg.ring_n, p->fb.keep.udiOutHead);
    p->m.b[at + (p->cfg.checks ? MB_OUT_CRC : MB_OUT_OUT_INDEX + 1)] ^= 0x5A5A;
    say(p, (struct plc_event){.kind = PLC_SPOILED, .seq = gate->udiOutletSeq, .what = "outcome"});
}

/* The gate moved in the call before; now the block tells of it, or, without a number, forgets it.
 */
static void decided(struct plc *p, const struct before *was)
{
    const struct FB_Mailbox_keep *k = &p->fb.keep;
    const struct FB_Mailbox_out *gate = &p->gate;
    bool told = k->udiOutHead != (k->udiEpoch == was->epoch ? was->out_head : 0) &&
                k->udiEpoch == was->epoch;
    bool gone = k->uiFirst != was->first && gate->uiOutlet;
    if (!told && !gone)
        return;
    p->restored = p->restored && was->first != p->stale_end;
    struct thing *t = p->restored ? NULL : belt_known(p);
    if (!gate->uiOutlet)
        st_fail("an outcome is told, and no gate has moved", 0);
    if (!p->restored && (!t || (told && t->seq != gate->udiOutletSeq)))
        st_fail("an outcome for another item than the one at the decision point", 0);
    if (!told && t && t->seq && t->life == p->life)
        st_fail("no outcome for an item that has a number", 0);
    if (told)
        tell(p, gate);
    if (!t)
        return; /* restored: the block remembers what has long gone */
    if (!told)
        say(p, (struct plc_event){.kind = t->seq ? PLC_UNREPORTED : PLC_UNNUMBERED,
                                  .epoch = t->epoch,
                                  .seq = t->seq,
                                  .outlet = gate->uiOutlet});
    belt_arrive(p, t, gate->uiOutlet);
}

static void host(struct plc *p, const struct before *was, struct mono now)
{
    bool ok = p->fb.out.xHostOk, stop = p->fb.keep.xFeedStopped;
    if (ok != was->host_ok)
        say(p, (struct plc_event){.kind = PLC_HOST_OK, .on = ok, .at = now});
    if (stop != was->feed_stopped)
        say(p, (struct plc_event){.kind = PLC_FEED_STOP, .on = stop, .at = now});
}

void account(struct plc *p, const struct before *was, struct thing *t, struct mono now)
{
    epochs(p, was, now);
    acknowledged(p, was, t);
    if (t)
        item(p, was, t, now);
    slots(p, now);
    decided(p, was);
    host(p, was, now);
}
