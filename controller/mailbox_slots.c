/* Slots: written at once after the record, alone, and never twice with different outlets. Pure;
 * bus thread.
 *
 * 1. An item's outlet is set once, by the owner or by the slot that stood there; it is only
 *    rewritten.
 * 2. A slot is needed until it is confirmed, its outcome is known, or its place belongs to a
 *    later item.
 * 3. A request holds whole slots of consecutive items up to the end of the ring, nothing else. */
#include "controller/mailbox_state.h"
#include <string.h>

enum { ILLEGAL_FUNCTION = 1, ILLEGAL_VALUE = 3, REFUSALS = 3, BUSY_PAUSE_MS = 10 };

static uint32_t to_ring_end(const struct mailbox *m, uint32_t seq)
{
    return m->hdr.slot_m - (seq & (m->hdr.slot_m - 1u));
}

static bool needed(struct mailbox *m, uint32_t seq)
{
    const struct cell *c = cell_of(m, seq);
    return c->seq == seq && c->need_slot;
}

void slots_need(struct mailbox *m, struct cell *c)
{
    c->need_slot = true;
    if (after(m->slot_from, c->seq))
        m->slot_from = c->seq;
}

static uint32_t pick(struct mailbox *m)
{
    uint32_t n = 0, most = m->o.link.max_write / MB_SLOT_WORDS;
    if (m->decided - m->slot_from >= m->hdr.slot_m && after(m->decided, m->slot_from))
        m->slot_from = m->decided - m->hdr.slot_m + 1; /* older places belong to later items */
    while (!after(m->slot_from, m->decided) && !needed(m, m->slot_from))
        m->slot_from++;
    if (most > to_ring_end(m, m->slot_from))
        most = to_ring_end(m, m->slot_from);
    while (n < most && !after(m->slot_from + n, m->decided) && needed(m, m->slot_from + n))
        n++;
    return n;
}

/* FC23: the slots and, in the same exchange, the next header. */
static void with_header(const struct mailbox *m, struct want *ret)
{
    ret->fc = 23;
    ret->waddr = ret->addr;
    ret->wn = ret->n;
    ret->addr = m->o.base;
    ret->n = (uint16_t)(MB_HDR_WORDS + m->o.serial);
}

bool slots_want(struct mailbox *m, struct want *ret)
{
    uint32_t n;
    if (!slots_wanted(m) || m->slot_hold || (n = pick(m)) == 0)
        return false;
    mailbox_write(m, TAG_SLOTS, mb_slot_addr(m->host, m->hdr.slot_m, m->slot_from),
                  MB_SLOT_WORDS * n, ret);
    ret->prio = PRIO_DIVERT;
    for (uint32_t i = 0; i < n; i++)
        mb_slot_encode(m->epoch, m->slot_from + i, cell_of(m, m->slot_from + i)->outlet,
                       ret->words + (size_t)MB_SLOT_WORDS * i);
    m->flight.seq = m->slot_from;
    m->flight.n = n;
    if (m->o.link.fc23 && !m->no_fc23 && ret->n <= 120)
        with_header(m, ret);
    return true;
}

void slots_take(struct mailbox *m, const struct reply *r)
{
    if (r->rc == ERR_EXCEPTION && r->exception == ILLEGAL_FUNCTION && m->o.link.fc23 &&
        !m->no_fc23) {
        m->no_fc23 = true;
        m->slot_hold = false;
    }
    if (r->rc != 0)
        return;
    for (uint32_t i = 0; i < m->flight.n; i++) {
        struct cell *c = cell_of(m, m->flight.seq + i);
        c->need_slot = false;
        m->o.owner.slotted(m->o.owner.self, c->seq, mono_since_ns(r->got, c->shown));
    }
}

/* ---- adoption after a restart (rule 5) ---- */

bool adopt_want(struct mailbox *m, struct mono now, struct want *ret, struct mono *wake)
{
    uint32_t n, most = m->o.link.max_read / MB_SLOT_WORDS;
    if (m->phase != ADOPTING)
        return false;
    if (!mono_reached(now, m->adopt_retry)) {
        *wake = mono_min(*wake, m->adopt_retry);
        return false;
    }
    n = m->adopt_last - m->adopt_next + 1;
    if (n > most)
        n = most;
    if (n > to_ring_end(m, m->adopt_next))
        n = to_ring_end(m, m->adopt_next);
    mailbox_read(m, TAG_ADOPT, mb_slot_addr(m->host, m->hdr.slot_m, m->adopt_next),
                 MB_SLOT_WORDS * n, ret);
    ret->prio = PRIO_DIVERT;
    m->flight.seq = m->adopt_next;
    m->flight.n = n;
    return true;
}

void adopt_take(struct mailbox *m, const struct reply *r, struct mono now)
{
    bool refused = r->rc == ERR_EXCEPTION && r->exception <= ILLEGAL_VALUE;
    m->adopt_refused = refused ? m->adopt_refused + 1 : 0;
    bool never = m->adopt_refused == REFUSALS; /* once may be a disturbance (rule 5) */
    if (m->phase != ADOPTING || (r->rc != 0 && !never)) {
        m->adopt_retry = mono_add_ms(now, BUSY_PAUSE_MS);
        return;
    }
    for (uint32_t i = 0; i < m->flight.n && r->rc == 0; i++) {
        struct cell *c = cell_of(m, m->flight.seq + i);
        if (c->seq == m->flight.seq + i)
            c->adopted =
                mb_slot_valid(r->words + (size_t)MB_SLOT_WORDS * i, m->epoch, c->seq, &c->outlet);
    }
    if (never) /* it may be read back, says the contract; this PLC does not let us */
        tell_alarm(m, NEWS_ALARM, "slots-not-readable",
                   "The PLC does not let its slots be read back", 0);
    m->adopt_next = r->rc == 0 ? m->adopt_next + m->flight.n : m->adopt_last + 1;
    if (after(m->adopt_next, m->adopt_last))
        epoch_step(m, EV_ADOPTED, &m->hdr, now);
}
