/* Outcomes: where each item went, in order of OUT_INDEX, once each. Pure; bus thread.
 *
 * 1. Outcomes wait in the stage until a later header shows the same epoch and their items have
 *    been handed over; nothing more is read meanwhile.
 * 2. Every index is handed over once: as an outcome or inside a gap (overrun, or 200 ms
 *    unreadable).
 * 3. Without room for news no outcomes are read. */
#include "controller/mailbox_state.h"
#include <string.h>

enum { BAD_MS = 200, BAD_READS = 4, BAD_PAUSE_MS = 10 };

void outcomes_start(struct mailbox *m, uint32_t handed)
{
    m->out_handed = m->out_told = handed;
    m->ack_out =
        m->durable.out_epoch == m->epoch && !after(m->durable.out, handed) ? m->durable.out : 0;
    m->stage_n = m->stage_done = m->out_once_n = 0;
    m->out_retry = (struct mono){0};
    memset(m->out_bad, 0, m->ring_n * sizeof(*m->out_bad));
}

/* Whether this outcome has been unreadable for so long, and been read so often, that it is a gap:
 * two bad readings around a dead link say nothing of what stands at the PLC. */
static bool given_up(struct mailbox *m, uint32_t index, struct mono now)
{
    struct out_bad *b = &m->out_bad[index & (m->ring_n - 1u)];
    if (b->index != index)
        *b = (struct out_bad){index, 0, now};
    return ++b->reads >= BAD_READS && mono_since_ms(now, b->since) >= BAD_MS;
}

/* Why it is a gap. The PLC fills the place of the oldest outcome before its OUT_HEAD says so, and a
 * header is older than what is read after it. */
static const char *cause_of(const struct mailbox *m, const uint16_t *w, uint32_t index)
{
    struct mb_outcome o;
    return mb_outcome_decode(w, m->epoch, index + m->ring_n, m->o.map.checks, &o)
               ? "outcomes-overrun"
               : "outcome-unreadable";
}

static void move_handed(struct mailbox *m, uint32_t to)
{
    m->out_handed = to;
    if (after(to, m->out_told))
        m->out_told = to;
    if (m->rec.epoch == m->epoch)
        m->rec.out = to;
}

static void hand_over(struct mailbox *m, const struct staged *s)
{
    uint32_t index = s->o.out_index;
    struct cell *c = cell_of(m, s->o.seq);
    if (s->gap) {
        tell_gap(m, GAP_OUTCOMES, index, index, 1, s->gap);
    } else {
        if (c->seq == s->o.seq)
            c->need_slot = false; /* too late for a slot */
        m->late_n += s->o.reason == MB_LATE;
        struct news n = {.kind = NEWS_OUTCOME,
                         .u.outcome = {.epoch = m->epoch,
                                       .out = index,
                                       .seq = s->o.seq,
                                       .outlet = s->o.outlet,
                                       .reason = s->o.reason}};
        m->o.owner.news(m->o.owner.self, &n);
    }
    move_handed(m, index);
}

/* Invariant 1: its item first, unless the PLC speaks of an item that it never showed. */
static bool may_hand_over(const struct mailbox *m, const struct staged *s)
{
    return room_for(m, 1) &&
           (s->gap || !after(s->o.seq, m->handed) || after(s->o.seq, m->hdr.head_seq));
}

void outcomes_shown(struct mailbox *m)
{
    while (m->stage_done < m->stage_n && m->stage_turn < m->turn &&
           may_hand_over(m, &m->stage[m->stage_done]))
        hand_over(m, &m->stage[m->stage_done++]);
    if (m->stage_done < m->stage_n)
        return;
    m->stage_n = m->stage_done = 0;
    if (m->hdr.out_head - m->out_told > m->ring_n && after(m->hdr.out_head, m->out_told) &&
        room_for(m, 1)) {
        uint32_t from = m->out_told + 1, to = m->hdr.out_head - m->ring_n;
        tell_gap(m, GAP_OUTCOMES, from, to, to - from + 1, "outcomes-overrun");
        move_handed(m, to);
    }
}

bool outcomes_want(struct mailbox *m, struct mono now, struct want *ret, struct mono *wake)
{
    uint32_t first = m->out_told + 1, n = m->hdr.out_head - m->out_told,
             most = m->o.link.max_read / MB_OUT_WORDS;
    if (m->phase != RUNNING || m->stage_n || n == 0 || n > m->ring_n || !room_for(m, OUT_STAGE))
        return false;
    if (!mono_reached(now, m->out_retry)) {
        *wake = mono_min(*wake, m->out_retry);
        return false;
    }
    if (n > most)
        n = most;
    if (n > OUT_STAGE)
        n = OUT_STAGE;
    if (n > m->ring_n - (first & (m->ring_n - 1u)))
        n = m->ring_n - (first & (m->ring_n - 1u));
    mailbox_read(m, TAG_OUTCOMES, mb_out_addr(m->o.base, m->ring_n, first), MB_OUT_WORDS * n, ret);
    m->flight.seq = first;
    m->flight.n = n;
    return true;
}

/* Without checks an outcome counts after two equal reads; the reading before may have begun with
 * another one. */
static bool twice(const struct mailbox *m, const uint16_t *w, uint32_t i)
{
    uint32_t at = m->flight.seq + i - m->out_once_at;
    return m->o.map.checks ||
           (at < m->out_once_n &&
            memcmp(w, m->out_once + (size_t)MB_OUT_WORDS * at, MB_OUT_WORDS * sizeof(*w)) == 0);
}

static void remember(struct mailbox *m, const struct reply *r)
{
    m->out_once_at = m->flight.seq;
    m->out_once_n = m->flight.n;
    memcpy(m->out_once, r->words, (size_t)m->flight.n * MB_OUT_WORDS * sizeof(*r->words));
}

void outcomes_take(struct mailbox *m, const struct reply *r, struct mono now)
{
    bool in_order = true;
    if (r->rc != 0 || m->phase != RUNNING) {
        m->out_retry = mono_add_ms(now, BAD_PAUSE_MS);
        return;
    }
    for (uint32_t i = 0; i < m->flight.n; i++) {
        const uint16_t *w = r->words + (size_t)MB_OUT_WORDS * i;
        struct staged s = {.o = {.out_index = m->flight.seq + i}};
        if (!mb_outcome_decode(w, m->epoch, m->flight.seq + i, m->o.map.checks, &s.o) ||
            !twice(m, w, i)) {
            if (given_up(m, m->flight.seq + i, now))
                s.gap = cause_of(m, w, m->flight.seq + i);
            in_order &= s.gap != NULL;
        }
        if (in_order) {
            m->stage[m->stage_n++] = s;
            m->out_told = m->flight.seq + i;
        }
    }
    remember(m, r);
    m->stage_turn = m->turn;
    if (!in_order && m->stage_n == 0)
        m->out_retry = mono_add_ms(now, m->o.map.checks ? BAD_PAUSE_MS : 0);
}

void outcomes_lose(struct mailbox *m, uint32_t head, const char *cause)
{
    uint32_t from = m->out_handed + 1;
    if (after(head, m->out_handed)) {
        tell_gap(m, GAP_OUTCOMES, from, head, head - m->out_handed, cause);
        move_handed(m, head);
    }
    m->stage_n = m->stage_done = 0;
}
