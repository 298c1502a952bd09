/* Headers: when one is read, when it counts, what it sets in motion. Pure; bus thread.
 *
 * 1. A header counts with its check, or, from a PLC without checks, after two reads that are
 *    equal but for HEARTBEAT, ENC and UPTIME_MS.
 * 2. A header that would move the machine to another phase counts only when the next one says the
 *    same: on a serial line an old answer may come late.
 * 3. Such a step is postponed while the owner has no room for its news. */
#include "controller/mailbox_state.h"
#include <string.h>

enum { HASTY_HEADERS = 3, STEP_NEWS = 8, GONE_STEP = 64, GONE_MS = 1000 };

void header_want(const struct mailbox *m, struct want *ret)
{
    mailbox_read(m, TAG_HEADER, m->o.base, MB_HDR_WORDS + (uint32_t)m->o.serial, ret);
}

void header_soon(struct mailbox *m, struct mono now)
{
    m->header_due = now;
}

/* The next point of the grid after now; points that were missed are skipped. */
static void header_later(struct mailbox *m, struct mono now)
{
    int64_t period = (int64_t)m->o.poll_ms * 1000000;
    if (m->grid.ns == 0)
        m->grid = now;
    if (m->grid.ns <= now.ns)
        m->grid.ns += ((now.ns - m->grid.ns) / period + 1) * period;
    m->header_due = m->grid;
}

static bool free_running(int word)
{
    return word == MB_HDR_HEARTBEAT || word == MB_HDR_ENC || word == MB_HDR_ENC + 1 ||
           word == MB_HDR_UPTIME_MS || word == MB_HDR_UPTIME_MS + 1;
}

/* Invariant 1. */
static bool read_twice(struct mailbox *m, const uint16_t *w)
{
    bool same = m->raw_known;
    for (int i = 0; i < MB_HDR_WORDS && same; i++)
        same = free_running(i) || m->raw[i] == w[i];
    memcpy(m->raw, w, sizeof(m->raw));
    m->raw_known = true;
    return same;
}

static bool fits_address_space(const struct mailbox *m, const struct mb_header *h,
                               uint32_t *ret_host)
{
    uint32_t host = m->o.host ? m->o.host : mb_default_host(m->o.base, h->ring_n);
    *ret_host = host;
    return mb_default_host(m->o.base, h->ring_n) <= 0x10000 &&
           host + MB_HOST_WORDS + (uint32_t)MB_SLOT_WORDS * h->slot_m <= 0x10000;
}

static bool decode(struct mailbox *m, const struct reply *r, struct mb_header *ret,
                   uint32_t *ret_host)
{
    if (!m->o.map.checks && !read_twice(m, r->words))
        return false;
    return mb_header_decode(r->words, m->o.map.checks, ret) && fits_address_space(m, ret, ret_host);
}

/* Invariant 2. */
static bool confirmed(struct mailbox *m, enum event ev, const struct mb_header *h)
{
    bool same = m->doubt.on && m->doubt.ev == ev && m->doubt.epoch == h->epoch &&
                m->doubt.nonce == h->boot_nonce;
    m->doubt.on = true;
    m->doubt.ev = ev;
    m->doubt.epoch = h->epoch;
    m->doubt.nonce = h->boot_nonce;
    return same;
}

static bool heartbeat(struct mailbox *m, const struct mb_header *h, struct mono got)
{
    bool moved = m->beat_at.ns == 0 || h->heartbeat != m->beat_seen;
    if (moved)
        m->beat_at = got;
    m->beat_seen = h->heartbeat;
    return moved;
}

/* The PLC does not hold these any more: nothing is left to compare them with (rule 3). */
static void forget_words(struct mailbox *m, struct mono now)
{
    uint32_t oldest = m->hdr.oldest_seq;
    if (!after(oldest, m->gone_told) || !room_for(m, 1))
        return;
    if (oldest - m->gone_told < GONE_STEP && mono_since_ms(now, m->gone_at) < GONE_MS)
        return;
    m->gone_told = oldest;
    m->gone_at = now;
    tell_epoch(m, NEWS_HELD_GONE, &m->hdr);
}

static void accept(struct mailbox *m, enum event ev, const struct mb_header *h, struct mono got,
                   struct mono now)
{
    m->doubt.on = false;
    m->last_header = got;
    m->turn++;
    m->turn_credit = true;
    m->chunk_done = m->slot_hold = false;
    m->hdr = *h;
    m->seen = true;
    epoch_step(m, ev, h, now);
    if (m->epoch == 0)
        return;
    items_shown(m, got);
    if (m->phase == CHECKING && m->compare_n == 0)
        epoch_step(m, EV_CHECKED, h, now);
    if (m->phase != RUNNING)
        return;
    items_hand_over(m, now);
    items_shown(m, got);
    outcomes_shown(m);
    forget_words(m, now);
}

void header_take(struct mailbox *m, const struct reply *r, struct mono now)
{
    struct mb_header h;
    uint32_t host;
    if (r->rc == ERR_EXCEPTION || r->rc == 0)
        header_later(m, now);
    if (r->rc != 0)
        return;
    if (!decode(m, r, &h, &host)) {
        m->bad_headers = (m->bad_headers + 1) % (HASTY_HEADERS + 1);
        if (m->bad_headers)
            header_soon(m, now); /* else when the next one is due */
        return;
    }
    m->bad_headers = 0;
    bool moved = heartbeat(m, &h, r->got);
    enum event ev = epoch_event(m, &h);
    bool steady = m->seen && epoch_steady(m, ev, &h);
    if (!steady && !confirmed(m, ev, &h)) {
        header_soon(m, now);
        return;
    }
    if (!steady && !room_for(m, STEP_NEWS)) /* invariant 3 */
        return;
    m->host = host;
    accept(m, ev, &h, r->got, now);
    host_echo(m, &h, moved, r->sent);
}
