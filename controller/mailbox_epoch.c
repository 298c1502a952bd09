/* Epochs: rules 1 to 3 of the contract as one table, phase by event. Pure; bus thread.
 *
 * 1. An item belongs to (epoch, seq); nothing read under one epoch is handed over under another.
 * 2. An epoch is proposed only after it was committed, and only for the nonce that was read.
 * 3. What was shown and cannot be had any more is a gap with its bounds before the epoch is left.
 * 4. Quarantine ends only by a person at the PLC: EPOCH 0. */
#include "controller/mailbox_state.h"
#include <assert.h>

static bool same_layout(const struct mailbox *m, const struct mb_header *h)
{
    return h->ring_n == m->hdr.ring_n && h->slot_m == m->hdr.slot_m;
}

static bool went_back(uint32_t now, uint32_t before)
{
    return after(before, now);
}

static enum event event_attached(const struct mailbox *m, const struct mb_header *h)
{
    if (!same_layout(m, h) || went_back(h->head_seq, m->head_seen) ||
        went_back(h->out_head, m->out_seen))
        return EV_CONFLICT;
    return h->boot_nonce == m->nonce ? EV_SAME : EV_REBOOT;
}

static enum event event_of_record(const struct mailbox *m, const struct mb_header *h)
{
    const struct item_line_state *rec = &m->rec;
    if (went_back(h->head_seq, rec->seq) || went_back(h->out_head, rec->out))
        return EV_CONFLICT;
    if (rec->epoch_seen && rec->boot_nonce && rec->boot_nonce != h->boot_nonce &&
        went_back(h->head_seq, rec->head_seen))
        return EV_CONFLICT;
    return EV_OURS;
}

/* SEQ and OUT never wrap (rule 1: a PLC ends its epoch before), and the record counts on it:
 * OLDEST_SEQ is 1 … HEAD_SEQ + 1. */
static bool in_order(const struct mb_header *h)
{
    const uint32_t LAST = 0xFFFF0000;
    return h->oldest_seq >= 1 && h->oldest_seq - 1 <= h->head_seq && h->head_seq <= LAST &&
           h->out_head <= LAST;
}

enum event epoch_event(const struct mailbox *m, const struct mb_header *h)
{
    if (h->ring_n < m->o.map.min_ring)
        return EV_SMALL;
    if (h->epoch == 0)
        return EV_ZERO;
    if (!in_order(h))
        return EV_CONFLICT;
    if (m->epoch && h->epoch == m->epoch)
        return event_attached(m, h);
    if (h->epoch == m->rec.epoch)
        return event_of_record(m, h);
    return EV_UNKNOWN;
}

/* Nothing changes: such a header needs no second one. */
bool epoch_steady(const struct mailbox *m, enum event ev, const struct mb_header *h)
{
    switch (m->phase) {
    case BLIND: return false;
    case UNASSIGNED: return ev == EV_ZERO && h->boot_nonce == m->nonce;
    case OPENING:
        return ev == EV_UNKNOWN && h->epoch == m->told_epoch && h->boot_nonce == m->told_nonce;
    case CHECKING:
    case ADOPTING:
    case RUNNING: return ev == EV_SAME;
    case QUARANTINE: return ev != EV_ZERO && (ev != EV_SMALL || m->small);
    case PHASES: break;
    }
    return false;
}

/* ---- actions ---- */

typedef void action(struct mailbox *m, const struct mb_header *h, struct mono now);

static void nothing(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    (void)m;
    (void)h;
    (void)now;
}

static void never(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    (void)m;
    (void)h;
    (void)now;
    assert(!"an event that this phase cannot have");
}

/* Invariant 3. */
static void leave(struct mailbox *m, const char *cause)
{
    items_lose(m, m->head_seen, cause);
    outcomes_lose(m, m->out_seen, cause);
    m->epoch = 0;
    m->adopt = m->successor = false;
    m->host_dirty = true;
}

static void unassign(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    (void)now;
    if (m->phase == UNASSIGNED && m->nonce == h->boot_nonce)
        return;
    m->phase = UNASSIGNED;
    m->nonce = h->boot_nonce;
    m->proposal = 0;
    m->own_write = false;
    m->host_dirty = true;
    if (m->rec.epoch && !m->rec.epoch_seen && m->rec.epoch_nonce == h->boot_nonce)
        m->proposal = m->rec.epoch; /* committed before our own restart, never shown (rule 1) */
    else
        tell_epoch(m, NEWS_EPOCH_WANTED, h);
}

static void lose_epoch(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    leave(m, "epoch-lost");
    unassign(m, h, now);
}

static void release(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    m->small = false;
    tell_alarm(m, NEWS_QUARANTINE_OVER, "quarantine", "The mailbox was cleared at the PLC", 0);
    unassign(m, h, now);
}

static void take_proposal(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    (void)h;
    (void)now;
    m->proposal = m->rec.epoch;
    m->host_dirty = true;
}

static void attach(struct mailbox *m, const struct mb_header *h, uint32_t epoch)
{
    m->epoch = epoch;
    m->nonce = h->boot_nonce;
    m->ring_n = h->ring_n;
    m->head_seen = h->head_seq;
    m->out_seen = h->out_head;
    m->proposal = 0;
    m->host_dirty = true;
    items_start(m, m->rec.seq);
    outcomes_start(m, m->rec.out);
}

/* Afterwards every item that is held fits in the window, so that adoption sees them all. */
static void take_stock(struct mailbox *m)
{
    items_passed(m);
    items_compare(m);
}

/* The record learns of the epoch, or of the PLC's new start under it. */
static void show(struct mailbox *m, const struct mb_header *h)
{
    m->rec.boot_nonce = h->boot_nonce;
    tell_epoch(m, NEWS_EPOCH_SHOWN, h);
}

static void first_shown(struct mailbox *m, const struct mb_header *h)
{
    uint32_t overwritten = h->oldest_seq - 1;
    m->rec.epoch_seen = true;
    if (h->lost_count > overwritten) /* rule 2: what passed unnumbered */
        tell_gap(m, GAP_ITEMS, 0, 0, h->lost_count - overwritten, "lost-before-first");
    show(m, h); /* after its gap: a crash in between tells the gap again, which the record knows */
}

static void take_ours(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    bool fresh = m->phase == UNASSIGNED && m->proposal == h->epoch;
    (void)now;
    attach(m, h, m->rec.epoch);
    if (!m->rec.epoch_seen)
        first_shown(m, h);
    else if (m->rec.boot_nonce != h->boot_nonce)
        show(m, h);
    m->adopt = !fresh;
    m->phase = fresh ? RUNNING : CHECKING;
    take_stock(m);
}

static void ask_to_open(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    (void)now;
    if (m->phase == OPENING && h->epoch == m->told_epoch && h->boot_nonce == m->told_nonce)
        return;
    m->phase = OPENING;
    m->proposal = 0;
    m->told_epoch = h->epoch;
    m->told_nonce = h->boot_nonce;
    m->told_oldest = h->oldest_seq;
    m->told_out = h->out_head > h->ring_n ? h->out_head - h->ring_n : 0;
    tell_epoch(m, NEWS_EPOCH_UNKNOWN, h);
}

static void lose_and_ask(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    leave(m, "epoch-lost");
    ask_to_open(m, h, now);
}

static void lose_and_take(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    leave(m, "epoch-lost");
    take_ours(m, h, now);
}

static void set_aside(struct mailbox *m)
{
    if (m->epoch)
        leave(m, "quarantine");
    m->phase = QUARANTINE;
    m->proposal = 0;
    m->host_dirty = true;
}

static void quarantine(struct mailbox *m, const char *code, const char *text, uint32_t seq)
{
    set_aside(m);
    tell_alarm(m, NEWS_QUARANTINE, code, text, seq);
}

/* Known from the header alone, so also where EPOCH is 0; told once, and again behind another
 * quarantine. */
static void too_small(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    (void)now;
    if (m->phase == QUARANTINE && m->small)
        return;
    set_aside(m);
    m->small = true;
    tell_small(m, h->ring_n);
}

static void conflict(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    (void)now;
    quarantine(
        m, "epoch-conflict",
        "The PLC is behind what is recorded: clear its mailbox by hand (EPOCH 0), then go on",
        h->head_seq);
}

/* Committed earlier (an epoch that comes back from a copy) or opened just now; outcomes that are
 * out of reach are a gap. What is held under committed numbers of an earlier epoch cannot be
 * compared any more and may be other items (rule 3). */
static void open_unknown(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    if (went_back(h->head_seq, m->rec.seq) || went_back(h->out_head, m->rec.out) ||
        went_back(h->oldest_seq, m->rec.seq + 1)) {
        conflict(m, h, now);
        return;
    }
    attach(m, h, m->told_epoch);
    m->adopt = true;
    m->phase = CHECKING;
    if (after(m->told_out, m->out_handed))
        outcomes_lose(m, m->told_out, "unknown-epoch");
    take_stock(m);
    header_soon(m, now);
}

static void recheck(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    (void)now;
    if (m->nonce != h->boot_nonce)
        show(m, h);
    m->nonce = h->boot_nonce;
    m->successor = true;
    m->phase = CHECKING;
    m->own_write = false;
    items_compare(m);
}

static void checked(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    (void)now;
    bool slots = m->adopt && !(h->state & MB_TABLE_MODE) && after(m->covered, m->handed);
    m->phase = slots ? ADOPTING : RUNNING;
    m->adopt_next = after(h->oldest_seq, m->handed + 1) ? h->oldest_seq : m->handed + 1;
    m->adopt_last = m->covered;
    m->adopt_refused = 0;
    if (slots && after(m->adopt_next, m->adopt_last))
        m->phase = RUNNING;
    if (m->phase == RUNNING)
        m->adopt = false;
    m->host_dirty = true;
}

static void adopted(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    (void)h;
    (void)now;
    m->adopt = false;
    m->phase = RUNNING;
    m->host_dirty = true;
}

static void differs(struct mailbox *m, const struct mb_header *h, struct mono now)
{
    (void)now;
    quarantine(m, "record-differs",
               "The PLC holds other items under recorded numbers: clear its mailbox by hand (EPOCH "
               "0), then go on",
               h->oldest_seq);
}

/* No holes. Headers first, then orders, then what reading brought. */
/* clang-format off */
static action *const table[PHASES][EVENTS] = {
    /*               ZERO        SAME     REBOOT   OURS          UNKNOWN       CONFLICT  SMALL
     *               PROPOSE        OPEN          CHECKED  ADOPTED  DIFFERS */
    [BLIND] =      {unassign,   never,   never,   take_ours,    ask_to_open,  conflict, too_small,
                    nothing,       nothing,      never,   never,   never},
    [UNASSIGNED] = {unassign,   never,   never,   take_ours,    ask_to_open,  conflict, too_small,
                    take_proposal, nothing,      never,   never,   never},
    [OPENING] =    {unassign,   never,   never,   take_ours,    ask_to_open,  conflict, too_small,
                    nothing,       open_unknown, never,   never,   never},
    [CHECKING] =   {lose_epoch, nothing, recheck, lose_and_take, lose_and_ask, conflict, too_small,
                    nothing,       nothing,      checked, never,   differs},
    [ADOPTING] =   {lose_epoch, nothing, recheck, lose_and_take, lose_and_ask, conflict, too_small,
                    nothing,       nothing,      never,   adopted, differs},
    [RUNNING] =    {lose_epoch, nothing, recheck, lose_and_take, lose_and_ask, conflict, too_small,
                    nothing,       nothing,      never,   never,   differs},
    [QUARANTINE] = {release,    nothing, nothing, nothing,      nothing,      nothing,  too_small,
                    nothing,       nothing,      never,   never,   never},
};
/* clang-format on */

void epoch_step(struct mailbox *m, enum event ev, const struct mb_header *h, struct mono now)
{
    table[m->phase][ev](m, h, now);
}

void mailbox_order_epoch(struct mailbox *m, uint32_t epoch, uint32_t nonce)
{
    if (m->phase != UNASSIGNED || nonce != m->nonce || epoch == 0 ||
        (epoch == m->rec.epoch && m->rec.epoch_seen))
        return; /* invariant 2: too late; where EPOCH is still 0, the next order is for its nonce */
    m->rec = (struct item_line_state){.epoch = epoch, .epoch_nonce = nonce};
    epoch_step(m, EV_PROPOSE, &m->hdr, m->last_header);
}

void mailbox_order_open(struct mailbox *m, uint32_t epoch, uint32_t seq, uint32_t out)
{
    if (m->phase != OPENING || epoch != m->told_epoch)
        return;
    m->rec =
        (struct item_line_state){.epoch = epoch,
                                 .epoch_nonce = m->told_nonce,
                                 .epoch_seen = true,
                                 .seq = after(seq, m->told_oldest - 1) ? seq : m->told_oldest - 1,
                                 .out = out,
                                 .boot_nonce = m->told_nonce};
    mailbox_committed(m, epoch, m->rec.seq);
    mailbox_committed_out(m, epoch, out);
    epoch_step(m, EV_OPEN, &m->hdr, m->last_header);
}
