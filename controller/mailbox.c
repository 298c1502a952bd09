/* What to ask next, and where each answer goes. Pure; bus thread. Owns struct mailbox.
 *
 * 1. Between a record and its slot nothing else is asked, and between the header that shows an
 *    item and its record nothing but host words that would otherwise come too late.
 * 2. Headers are due on a grid of absolute times; what is not urgent (host words, outcomes) is
 *    begun only when it will be over before the next one, but one of them per header in any case.
 * 3. Host words go out at least five times a second and soon after each commit.
 * 4. want() promises nothing: state changes in take functions, by the answer to the want given
 *    last.
 * way: 4/12 mailbox */
#include "controller/mailbox.h"
#include "controller/mailbox_state.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct mailbox *mailbox_new(const struct mailbox_options *o)
{
    assert(o->session != 0 && o->poll_ms > 0 && o->link.max_read >= MB_HDR_WORDS + o->serial &&
           o->link.max_write >= MB_HOST_WORDS);
    struct mailbox *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->o = *o;
    m->rec = o->state;
    m->durable.seq_epoch = m->durable.out_epoch = o->state.epoch;
    m->durable.seq = o->state.seq;
    m->durable.out = o->state.out;
    return m;
}

void mailbox_free(struct mailbox *m)
{
    free(m);
}

void mailbox_held(struct mailbox *m, uint32_t seq, const uint16_t words[MB_ITEM_WORDS])
{
    struct held *h = &m->held[m->held_n++ % MAILBOX_RING_MAX];
    h->seq = seq;
    memcpy(h->words, words, sizeof(h->words));
}

void mailbox_read(const struct mailbox *m, enum tag t, uint32_t addr, uint32_t n, struct want *ret)
{
    ret->prio = PRIO_MAILBOX;
    ret->unit = m->o.unit;
    ret->fc = 3;
    ret->addr = (uint16_t)addr;
    ret->n = (uint16_t)n;
    ret->timeout_ms = m->o.link.timeout_ms;
    ret->tag = t;
}

void mailbox_write(const struct mailbox *m, enum tag t, uint32_t addr, uint32_t n, struct want *ret)
{
    mailbox_read(m, t, addr, n, ret);
    ret->fc = 16;
}

static bool wait_for(struct mono due, struct mono now, struct mono *wake)
{
    if (mono_reached(now, due))
        return true;
    *wake = mono_min(*wake, due);
    return false;
}

static bool want_last_words(struct mailbox *m, struct want *ret)
{
    if (!m->seen || m->foreign || m->gone)
        return false;
    host_want(m, ret, true);
    ret->prio = PRIO_DIVERT;
    return true;
}

/* Host words or outcomes, when there is time for one of them (invariant 2). */
static bool want_leisurely(struct mailbox *m, struct mono now, struct want *ret, struct mono *wake)
{
    bool fits = now.ns + m->rtt_ns < m->header_due.ns;
    if (!fits && !m->turn_credit)
        return false;
    bool host = host_due(m, now);
    if (host && !(m->out_turn && !fits && outcomes_want(m, now, ret, wake))) {
        host_want(m, ret, false);
        return true;
    }
    if (!host && !m->foreign)
        *wake = mono_min(*wake, m->host_due);
    return outcomes_want(m, now, ret, wake);
}

bool mailbox_want(struct mailbox *m, struct mono now, struct want *ret, struct mono *ret_wake)
{
    struct mono wake = MONO_NEVER;
    *ret_wake = MONO_NEVER;
    if (m->goodbye)
        return want_last_words(m, ret);
    if (!m->doubt.on && slots_want(m, ret))
        return true;
    if (host_overdue(m, now)) { /* invariant 3 */
        host_want(m, ret, false);
        return true;
    }
    if (m->seen && !m->doubt.on) {
        if (adopt_want(m, now, ret, &wake))
            return true;
        bool due = mono_reached(now, m->header_due);
        if (!(due && m->chunk_done) && items_want(m, now, ret, &wake)) /* invariant 1 */
            return true;
        if (want_leisurely(m, now, ret, &wake))
            return true;
    }
    if (wait_for(m->header_due, now, &wake)) {
        header_want(m, ret);
        return true;
    }
    *ret_wake = wake;
    return false;
}

/* Host words and outcomes take turns when time is short. */
static void spend_credit(struct mailbox *m, bool was_host, struct mono now)
{
    m->out_turn = was_host;
    if (mono_since_ns(m->header_due, now) <= 0)
        m->turn_credit = false;
}

static void learn(struct mailbox *m, const struct reply *r, struct mono now)
{
    m->link_up = r->rc == 0 || r->rc == ERR_EXCEPTION;
    if (r->rc == 0)
        m->rtt_ns += (mono_since_ns(r->got, r->sent) - m->rtt_ns) / 4;
    if (r->rc == 0)
        return;
    m->slot_hold = true; /* whatever failed: look at the header before going on */
    if (r->rc != ERR_EXCEPTION)
        header_soon(m, now);
}

void mailbox_reply(struct mailbox *m, const struct want *w, const struct reply *r, struct mono now)
{
    learn(m, r, now);
    switch ((enum tag)w->tag) {
    case TAG_HEADER: header_take(m, r, now); break;
    case TAG_RECORDS: items_take(m, r, now); break;
    case TAG_SLOTS:
        slots_take(m, r);
        if (w->fc == 23)
            header_take(m, r, now);
        break;
    case TAG_ADOPT: adopt_take(m, r, now); break;
    case TAG_HOST:
        host_take(m, r, now);
        spend_credit(m, true, now);
        break;
    case TAG_OUTCOMES:
        outcomes_take(m, r, now);
        spend_credit(m, false, now);
        break;
    case TAG_GOODBYE: m->gone = r->rc == 0; break;
    case TAGS: break;
    }
}

void mailbox_committed(struct mailbox *m, uint32_t epoch, uint32_t seq)
{
    m->durable.seq_epoch = epoch;
    m->durable.seq = seq;
    if (epoch != m->epoch || epoch == 0 || !after(seq, m->ack_seq) || after(seq, m->handed))
        return;
    m->ack_seq = seq;
    m->host_dirty = true;
}

void mailbox_committed_out(struct mailbox *m, uint32_t epoch, uint32_t out)
{
    m->durable.out_epoch = epoch;
    m->durable.out = out;
    if (epoch != m->epoch || epoch == 0 || !after(out, m->ack_out) || after(out, m->out_handed))
        return;
    m->ack_out = out;
    m->host_dirty = true;
}

void mailbox_feed_stop(struct mailbox *m, bool on)
{
    m->host_dirty |= on != m->feed_stop;
    m->feed_stop = on;
}

void mailbox_goodbye(struct mailbox *m)
{
    m->goodbye = true;
}

bool mailbox_may_write(const struct mailbox *m, uint16_t addr, uint16_t n)
{
    uint32_t words = MB_HOST_WORDS + (uint32_t)MB_SLOT_WORDS * m->hdr.slot_m;
    if (!m->seen || n == 0 || addr < m->host)
        return false;
    if (m->host + words > m->o.base && m->host < mb_default_host(m->o.base, m->hdr.ring_n))
        return false; /* H is configured into the PLC's own block */
    uint32_t from = addr - m->host, to = from + n;
    return to <= MB_HOST_WORDS || (from >= MB_HOST_WORDS && to <= words);
}

void mailbox_view(const struct mailbox *m, struct mono now, struct mailbox_view *ret)
{
    *ret = (struct mailbox_view){
        .seen = m->seen,
        .link_up = m->link_up,
        .stale = !m->seen || mono_since_ms(now, m->beat_at) >= 1000,
        .quarantined = m->phase == QUARANTINE,
        .foreign_host = m->foreign,
        .running = m->phase == RUNNING,
        .epoch = m->epoch,
        .decided = m->decided,
        .handed = m->handed,
        .last_header = m->last_header,
        .header = &m->hdr,
        .unreadable = m->unreadable,
        .adopted = m->adopted_n,
        .late_at_host = m->late_n,
    };
}

/* ---- news ---- */

static void tell(struct mailbox *m, const struct news *n)
{
    m->o.owner.news(m->o.owner.self, n);
}

void tell_gap(struct mailbox *m, enum gap_kind kind, uint32_t from, uint32_t to, uint32_t count,
              const char *cause)
{
    tell(m, &(struct news){.kind = NEWS_GAP,
                           .u.gap = {.kind = kind,
                                     .epoch = m->epoch,
                                     .from = from,
                                     .to = to,
                                     .count = count,
                                     .cause = cause}});
}

void tell_epoch(struct mailbox *m, enum news_kind kind, const struct mb_header *h)
{
    tell(m, &(struct news){.kind = kind,
                           .u.epoch = {.epoch = h->epoch,
                                       .nonce = h->boot_nonce,
                                       .oldest = h->oldest_seq,
                                       .head = h->head_seq}});
}

void tell_alarm(struct mailbox *m, enum news_kind kind, const char *code, const char *text,
                uint32_t seq)
{
    tell(m, &(struct news){
                .kind = kind,
                .u.alarm = {.code = code, .text = text, .epoch = m->hdr.epoch, .seq = seq}});
}

void tell_small(struct mailbox *m, uint32_t ring_n)
{
    tell(m,
         &(struct news){
             .kind = NEWS_QUARANTINE,
             .u.alarm = {.code = "ring-too-small",
                         .text = "enlarge the ring at the PLC and clear its mailbox (EPOCH 0), or "
                                 "give the line a map for smaller rings",
                         .have = ring_n,
                         .need = m->o.map.min_ring}});
}
