/* Items: which records are read, when one counts, when it is handed over. Pure; bus thread.
 *
 * 1. A record counts only with the wanted SEQ, its tail and its check, or, without checks, after
 *    two equal reads. Otherwise it is read again; 16 reads over at least 200 ms later it is
 *    unreadable.
 * 2. Every seq of the epoch is handed over once, in order: as an item or inside a gap.
 * 3. An item is handed over only after a later header has shown the same epoch.
 * 4. At most RING_N items wait here; without room for news nothing is handed over and nothing
 *    lost.
 * 5. A record that cannot be read holds up the handing over of later ones, not their slots. */
#include "controller/mailbox_state.h"
#include <string.h>

enum { READS_MAX = 16, READS_MS = 200, HASTY_READS = 3, READ_PAUSE_MS = 15, BUSY_PAUSE_MS = 10 };

static const uint16_t no_words[MB_ITEM_WORDS];

static void keep_committed(struct mailbox *m, const struct held *h)
{
    struct cell *c = cell_of(m, h->seq);
    if (after(h->seq, m->handed) || mb_u32(h->words) != h->seq) /* unreadable ones have no words */
        return;
    if (c->state != CELL_NONE && after(c->seq, h->seq))
        return;
    *c = (struct cell){.seq = h->seq, .state = CELL_HANDED, .kept = true};
    memcpy(c->words, h->words, sizeof(c->words));
}

void items_start(struct mailbox *m, uint32_t handed)
{
    memset(m->cells, 0, m->ring_n * sizeof(*m->cells));
    m->handed = m->covered = m->decided = handed;
    m->ack_seq =
        m->durable.seq_epoch == m->epoch && !after(m->durable.seq, handed) ? m->durable.seq : 0;
    m->slot_from = handed + 1;
    m->compare_n = 0;
    m->gone_told = 1;
    m->slot_hold = m->chunk_done = false;
    for (size_t i = 0; i < m->held_n && i < MAILBOX_RING_MAX && m->epoch == m->o.state.epoch; i++)
        keep_committed(m, &m->held[i]);
    m->held_n = 0;
}

static bool to_be_read(struct mailbox *m, uint32_t seq)
{
    const struct cell *c = cell_of(m, seq);
    return c->seq == seq && (c->compare || (m->phase == RUNNING &&
                                            (c->state == CELL_WANTED || c->state == CELL_ONCE)));
}

static void end_compare(struct mailbox *m, struct cell *c)
{
    if (c->compare)
        m->compare_n--;
    c->compare = false;
}

/* The first seq from `from` on that can have a cell: the newest RING_N have one. */
static uint32_t first_cell(const struct mailbox *m, uint32_t from)
{
    uint32_t none = m->covered > m->ring_n ? m->covered - m->ring_n : 0;
    return after(from, none) ? from : none + 1;
}

/* What stands at the PLC must be what we took from it (rule 3). */
void items_compare(struct mailbox *m)
{
    for (uint32_t seq = first_cell(m, m->hdr.oldest_seq); !after(seq, m->covered); seq++) {
        struct cell *c = cell_of(m, seq);
        if (c->seq != seq || !c->kept || c->compare)
            continue;
        c->compare = true;
        c->reads = 0;
        c->retry = c->first_bad = (struct mono){0};
        m->compare_n++;
    }
}

/* Cells of what has left the PLC: not to be compared, lost when not read yet. */
static void pass_oldest(struct mailbox *m)
{
    uint32_t oldest = m->hdr.oldest_seq;
    for (uint32_t seq = m->compare_n ? first_cell(m, 1) : m->handed + 1;
         after(oldest, seq) && !after(seq, m->covered); seq++) {
        struct cell *c = cell_of(m, seq);
        if (c->seq != seq)
            continue;
        end_compare(m, c);
        if (c->state == CELL_WANTED || c->state == CELL_ONCE)
            c->state = CELL_LOST;
    }
}

void items_shown(struct mailbox *m, struct mono now)
{
    pass_oldest(m);
    while (after(m->hdr.head_seq, m->covered) &&
           m->covered - m->handed < m->ring_n) { /* invariant 4 */
        uint32_t seq = ++m->covered;
        struct cell *c = cell_of(m, seq);
        end_compare(m, c);
        *c = (struct cell){.seq = seq,
                           .state = after(m->hdr.oldest_seq, seq) ? CELL_LOST : CELL_WANTED,
                           .shown = now};
    }
    m->head_seen = m->hdr.head_seq;
    m->out_seen = m->hdr.out_head;
}

/* The first record to be read now, and how many follow it in one request. */
static uint32_t pick(struct mailbox *m, struct mono now, uint32_t *ret_seq, struct mono *wake)
{
    bool checking = m->phase == CHECKING;
    uint32_t oldest = m->hdr.oldest_seq,
             seq = first_cell(m, checking || after(oldest, m->handed) ? oldest : m->handed + 1);
    uint32_t most = m->o.link.max_read / MB_ITEM_WORDS, n = 0;
    if (checking && m->compare_n == 0)
        return 0;
    for (; !after(seq, m->covered); seq++) {
        const struct cell *c = cell_of(m, seq);
        if (!to_be_read(m, seq))
            continue;
        if (mono_reached(now, c->retry))
            break;
        *wake = mono_min(*wake, c->retry);
    }
    *ret_seq = seq;
    while (n < most && !after(seq + n, m->covered) && to_be_read(m, seq + n) &&
           (n == 0 || ((seq + n) & (m->ring_n - 1u)) != 0))
        n++;
    return n;
}

bool items_want(struct mailbox *m, struct mono now, struct want *ret, struct mono *wake)
{
    uint32_t seq, n;
    if ((m->phase != RUNNING && m->phase != CHECKING) || (n = pick(m, now, &seq, wake)) == 0)
        return false;
    mailbox_read(m, TAG_RECORDS, mb_item_addr(m->o.base, m->ring_n, seq), MB_ITEM_WORDS * n, ret);
    ret->prio = PRIO_DIVERT;
    m->flight.seq = seq;
    m->flight.n = n;
    return true;
}

static void decide(struct mailbox *m, struct cell *c, enum mailbox_quality q,
                   const struct mb_item *record)
{
    struct mailbox_item it = {.epoch = m->epoch,
                              .seq = c->seq,
                              .quality = q,
                              .words = q == MAILBOX_UNREADABLE ? no_words : c->words,
                              .record = *record,
                              .table_mode = (m->hdr.state & MB_TABLE_MODE) != 0,
                              .adopted = c->adopted,
                              .outlet = c->outlet,
                              .header = &m->hdr};
    c->outlet = m->o.owner.decide(m->o.owner.self, &it);
    c->state = CELL_READ;
    c->kept = q != MAILBOX_UNREADABLE;
    c->turn = m->turn;
    if (after(c->seq, m->decided))
        m->decided = c->seq;
    m->adopted_n += c->adopted;
    if (!c->adopted && !it.table_mode && c->outlet != 0)
        slots_need(m, c);
}

/* The row says it too: without room the alarm alone is dropped. */
static void alarm(struct mailbox *m, const char *code, const char *text, uint32_t seq)
{
    if (room_for(m, 0))
        tell_alarm(m, NEWS_ALARM, code, text, seq);
}

/* Without checks a record counts after two equal reads (invariant 1). */
static bool counts(const struct mailbox *m, struct cell *c, const uint16_t *w)
{
    bool twice = c->state == CELL_ONCE && memcmp(c->words, w, sizeof(c->words)) == 0;
    memcpy(c->words, w, sizeof(c->words));
    return m->o.map.checks || twice;
}

static void take_good(struct mailbox *m, struct cell *c, const struct mb_item *record)
{
    int64_t mg;
    m->successor = false;
    bool unit = mb_weight_mg(record->weight, record->decimals, record->unit, &mg) == 0;
    if (!unit)
        alarm(m, "unit-refused", "An item's weight has a unit that is not known", c->seq);
    decide(m, c, unit ? MAILBOX_GOOD : MAILBOX_BAD_UNIT, record);
}

/* A reading that is odd but whole; without checks it takes two of them, equal. */
static bool is_certain(const struct mailbox *m, struct cell *c, const uint16_t *w)
{
    bool twice = c->reads > 0 && memcmp(w, c->second, sizeof(c->second)) == 0;
    memcpy(c->second, w, sizeof(c->second));
    return m->o.map.checks || twice;
}

/* Rule 3: after a reboot the next record must be the successor, not a whole record of
 * another seq. */
static bool is_stranger(const struct mailbox *m, struct cell *c, const uint16_t *w)
{
    struct mb_item other;
    uint32_t seq = mb_u32(w);
    return m->successor && is_certain(m, c, w) && c->reads >= HASTY_READS && seq != c->seq &&
           !after(seq, m->hdr.head_seq) &&
           mb_item_decode(w, m->epoch, seq, m->o.map.checks, &other);
}

static void take_bad(struct mailbox *m, struct cell *c, struct mono now)
{
    if (c->reads++ == 0 || c->first_bad.ns == 0) {
        c->first_bad = now;
        c->turn = m->turn;
    }
    c->retry = c->reads < HASTY_READS ? now : mono_add_ms(now, READ_PAUSE_MS);
    if (c->reads == HASTY_READS - 1)
        header_soon(m, now); /* it may have been overwritten, acknowledged, or its epoch be gone */
}

/* Only when a later header says that the record is still there. */
static bool given_up(const struct mailbox *m, const struct cell *c, struct mono now)
{
    return c->reads >= READS_MAX && m->turn > c->turn &&
           mono_since_ms(now, c->first_bad) >= READS_MS;
}

/* Returns false when it is certain that the record is not what was committed. */
static bool take_compared(struct mailbox *m, struct cell *c, const uint16_t *w, struct mono now)
{
    struct mb_item record;
    bool good = mb_item_decode(w, m->epoch, c->seq, m->o.map.checks, &record);
    if (good && memcmp(w, c->words, sizeof(c->words)) == 0) {
        end_compare(m, c);
        return true;
    }
    bool other = good && is_certain(m, c, w);
    take_bad(m, c, now);
    return !other && !given_up(m, c, now);
}

/* Returns false as take_compared. */
static bool take_record(struct mailbox *m, struct cell *c, const uint16_t *w, struct mono now)
{
    struct mb_item record = {0};
    if (c->compare)
        return take_compared(m, c, w, now);
    bool good = mb_item_decode(w, m->epoch, c->seq, m->o.map.checks, &record);
    bool first = good && c->state == CELL_WANTED;
    if (good && counts(m, c, w)) {
        take_good(m, c, &record);
        return true;
    }
    c->state = good ? CELL_ONCE : CELL_WANTED;
    if (first)
        return true;
    if (!good && is_stranger(m, c, w))
        return false;
    take_bad(m, c, now);
    if (given_up(m, c, now)) {
        m->unreadable++;
        alarm(m, "unreadable-item", "An item's record could not be read", c->seq);
        decide(m, c, MAILBOX_UNREADABLE, &record);
    }
    return true;
}

void items_take(struct mailbox *m, const struct reply *r, struct mono now)
{
    m->chunk_done = true;
    for (uint32_t i = 0; i < m->flight.n; i++) {
        uint32_t seq = m->flight.seq + i;
        struct cell *c = cell_of(m, seq);
        if (!to_be_read(m, seq))
            continue;
        if (r->rc != 0) {
            c->retry = r->rc == ERR_EXCEPTION ? mono_add_ms(now, BUSY_PAUSE_MS) : now;
        } else if (!take_record(m, c, r->words + (size_t)MB_ITEM_WORDS * i, now)) {
            epoch_step(m, EV_DIFFERS, &m->hdr, now);
            return;
        }
    }
    if (m->phase == CHECKING && m->compare_n == 0)
        epoch_step(m, EV_CHECKED, &m->hdr, now);
}

/* ---- handing over ---- */

static void move_handed(struct mailbox *m, uint32_t to)
{
    m->handed = to;
    if (after(to, m->covered))
        m->covered = to;
    if (after(to, m->decided))
        m->decided = to;
    if (m->rec.epoch == m->epoch)
        m->rec.seq = to;
}

static void gap_to(struct mailbox *m, uint32_t to)
{
    tell_gap(m, GAP_ITEMS, m->handed + 1, to, to - m->handed,
             m->hdr.state & MB_OVERWRITE ? "overwritten" : "passed");
    move_handed(m, to);
}

static void hand_over_gap(struct mailbox *m)
{
    uint32_t to = m->handed + 1;
    while (!after(to + 1, m->covered) && cell_of(m, to + 1)->state == CELL_LOST)
        to++;
    if (to == m->covered && after(m->hdr.oldest_seq - 1, to))
        to = m->hdr.oldest_seq - 1;
    gap_to(m, to);
}

/* On attaching: what left the PLC while nobody looked. */
void items_passed(struct mailbox *m)
{
    if (after(m->hdr.oldest_seq - 1, m->handed))
        gap_to(m, m->hdr.oldest_seq - 1);
}

void items_hand_over(struct mailbox *m, struct mono now)
{
    (void)now;
    while (after(m->covered, m->handed) && room_for(m, 1)) {
        struct cell *c = cell_of(m, m->handed + 1);
        if (c->state == CELL_LOST) {
            hand_over_gap(m);
        } else if (c->state == CELL_READ && c->turn < m->turn && !c->compare) { /* invariant 3 */
            c->state = CELL_HANDED;
            m->o.owner.item(m->o.owner.self, c->seq);
            move_handed(m, c->seq);
        } else {
            return;
        }
    }
}

/* The epoch is left: what was shown up to `head` and not handed over is a gap. */
void items_lose(struct mailbox *m, uint32_t head, const char *cause)
{
    uint32_t from = m->handed + 1;
    m->o.owner.thrown(m->o.owner.self);
    if (after(head, m->handed)) {
        tell_gap(m, GAP_ITEMS, from, head, head - m->handed, cause);
        move_handed(m, head);
    }
    m->compare_n = 0;
}
