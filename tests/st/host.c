/* The host of the scenario: honest to its record, a menace on the wire. It may die before any
 * request; what it has committed it keeps. Between its cycles it repeats old slots, sends late ones
 * with another outlet, slots of other epochs, acknowledgements and epochs that must not count, or
 * nothing for seconds. */
#include "tests/st/scenario.h"
#include <string.h>

enum { BATCH = 4, POISON = 5 };

static struct { /* on disk */
    struct {
        uint32_t epoch, seq, out;
    } seg[EPOCHS];
    size_t segs;
    uint32_t proposed, nonce, last;
    struct {
        uint32_t epoch, nonce;
    } history[EPOCHS];
    size_t histories;
} disk;

static struct { /* in memory */
    struct dice dice;
    bool alive, calm, lazy, stop;
    uint16_t session, heartbeat;
    uint32_t silent_until, stop_scan;
    struct mb_host last; /* the words it wrote last */
} host;

static uint32_t nth(uint32_t n)
{
    return dice_below(&host.dice, n);
}

void host_start(uint64_t seed)
{
    memset(&disk, 0, sizeof disk);
    memset(&host, 0, sizeof host);
    host.dice = (struct dice){seed};
    disk.last = nth(2) ? 0xFFF0 : 0x10; /* epochs whose low words come again */
}

void host_calm(void)
{
    host.calm = true;
    host.stop = host.lazy = false;
    host.silent_until = 0;
}

uint32_t host_committed(uint32_t epoch, uint32_t *ret_out)
{
    for (size_t i = 0; i < disk.segs; i++) {
        if (disk.seg[i].epoch == epoch) {
            *ret_out = disk.seg[i].out;
            return disk.seg[i].seq;
        }
    }
    return *ret_out = 0;
}

bool host_proposed(uint32_t epoch, uint32_t nonce)
{
    for (size_t i = 0; i < disk.histories; i++)
        if (disk.history[i].epoch == epoch && disk.history[i].nonce == nonce)
            return true;
    return false;
}

bool host_asks_stop(void)
{
    return host.last.request && s.scans - host.stop_scan > 4;
}

/* ---- the wire: time passes, and the host may die before its request ---- */

static bool gone(void)
{
    for (uint32_t n = nth(4); n; n--)
        scan();
    if (!host.calm && nth(1500) == 0) {
        host.alive = false;
        seen.crashes++;
    }
    return !host.alive || !plc_up(s.p);
}

static bool get(uint32_t addr, uint32_t n, uint16_t *w)
{
    return !gone() && plc_read(s.p, addr, n, false, w, s.now) == 0;
}

static bool put(uint32_t addr, const uint16_t *w, uint32_t n)
{
    return !gone() && plc_write(s.p, addr, w, n, s.now) == 0;
}

static uint32_t h_base(void)
{
    return plc_host_base(s.p);
}

static bool header(struct mb_header *ret)
{
    uint16_t w[MB_HDR_WORDS];
    if (!get(s.cfg.base, MB_HDR_WORDS, w))
        return false;
    if (mb_header_decode(w, true, ret))
        return true;
    seen.torn++;
    return false;
}

static bool put_host(struct mb_host h)
{
    uint16_t w[MB_HOST_WORDS];
    h.session = host.session;
    h.heartbeat = ++host.heartbeat;
    h.request = host.stop ? MB_REQUEST_FEED_STOP : 0;
    mb_host_encode(&h, w);
    if (!put(h_base(), w, MB_HOST_WORDS))
        return false;
    if (!host.last.request)
        host.stop_scan = s.scans; /* the first word that asks for it */
    host.last = h;
    s.beat_at = s.now;
    s.beats_since_boot++;
    return true;
}

/* ---- the honest cycle ---- */

static size_t segment(uint32_t epoch)
{
    size_t i = 0;
    while (i < disk.segs && disk.seg[i].epoch != epoch)
        i++;
    return i;
}

static void propose(const struct mb_header *h)
{
    bool again = disk.proposed && disk.nonce == h->boot_nonce;
    if (!again || segment(disk.proposed) < disk.segs) {
        disk.last += nth(3) ? 1 : 0x10000;
        disk.proposed = disk.last;
        disk.nonce = h->boot_nonce;
        disk.history[disk.histories].epoch = disk.proposed;
        disk.history[disk.histories++ % EPOCHS].nonce = disk.nonce;
    }
    put_host((struct mb_host){.new_epoch = disk.proposed, .new_epoch_nonce = disk.nonce});
}

static size_t open_segment(const struct mb_header *h)
{
    size_t i = segment(h->epoch);
    if (i == disk.segs) {
        if (disk.segs == EPOCHS)
            broken("more than %d epochs", EPOCHS);
        disk.seg[disk.segs].epoch = h->epoch;
        disk.seg[disk.segs].seq = h->oldest_seq - 1;
        disk.seg[disk.segs++].out = 0;
        s.declared += h->lost_count - (h->oldest_seq - 1);
    }
    return i;
}

/* A slot that stands there already is adopted (rule 5). Sometimes no such outlet is chosen. */
static bool slot(uint32_t epoch, uint32_t seq)
{
    uint16_t w[MB_SLOT_WORDS], outlet = (uint16_t)(nth(30) ? 1 + nth(5) : nth(2) * 17);
    uint32_t addr = mb_slot_addr(h_base(), s.cfg.slot_m, seq);
    struct truth *t = find(epoch, seq);
    if (!get(addr, MB_SLOT_WORDS, w))
        return false;
    if (mb_slot_valid(w, epoch, seq, &outlet)) {
        seen.adopted_slots++;
        return true;
    }
    mb_slot_encode(epoch, seq, outlet, w);
    if (!put(addr, w, MB_SLOT_WORDS))
        return false;
    if (!t->intended) {
        t->intended = true;
        t->intent = outlet;
        t->intent_scan = s.scans;
        seen.late_slots += t->outcomes > 0;
    }
    return true;
}

static void items(const struct mb_header *h, size_t seg)
{
    struct mb_item got[BATCH];
    uint16_t w[MB_ITEM_WORDS], epoch[2];
    uint32_t n = 0, next = disk.seg[seg].seq + 1;
    if (h->oldest_seq > next)
        next = h->oldest_seq; /* overwritten */
    for (; n < BATCH && next + n <= h->head_seq; n++) {
        if (!get(mb_item_addr(s.cfg.base, s.cfg.ring_n, next + n), MB_ITEM_WORDS, w) ||
            !mb_item_decode(w, h->epoch, next + n, true, &got[n]))
            break;
        if (!s.cfg.table_mode && !slot(h->epoch, next + n))
            return;
    }
    if (n == 0 || !get(s.cfg.base + MB_HDR_EPOCH, 2, epoch) || mb_u32(epoch) != h->epoch)
        return;
    for (uint32_t i = 0; i < n; i++)
        judge_stored(h->epoch, &got[i]);
    disk.seg[seg].seq = next + n - 1;
}

static void outcomes(const struct mb_header *h, size_t seg)
{
    uint16_t w[MB_OUT_WORDS];
    struct mb_outcome o;
    uint32_t *at = &disk.seg[seg].out;
    if (h->out_head - *at > s.cfg.ring_n) {
        *at = h->out_head - s.cfg.ring_n;
        seen.out_gaps++;
    }
    for (int n = 0; n < BATCH && *at != h->out_head; n++) {
        if (!get(mb_out_addr(s.cfg.base, s.cfg.ring_n, *at + 1), MB_OUT_WORDS, w) ||
            !mb_outcome_decode(w, h->epoch, *at + 1, true, &o))
            return;
        judge_outcome(h->epoch, &o);
        ++*at;
    }
}

static void cycle(void)
{
    struct mb_header h;
    if (!header(&h))
        return;
    if (h.epoch == 0) {
        propose(&h);
        return;
    }
    size_t seg = open_segment(&h);
    items(&h, seg);
    if (!host.lazy && header(&h) && h.epoch == disk.seg[seg].epoch)
        outcomes(&h, seg);
    put_host((struct mb_host){.ack_epoch = disk.seg[seg].epoch,
                              .ack_seq = disk.seg[seg].seq,
                              .ack_out = disk.seg[seg].out});
}

/* ---- lies ---- */

static struct truth *any_recent(void)
{
    size_t n = s.truths < 24 ? s.truths : 24;
    return n ? &s.truth[s.truths - 1 - nth((uint32_t)n)] : NULL;
}

/* A slot just written there the PLC has not seen whole yet: overwriting it would unsay it. */
static bool fresh(uint32_t seq)
{
    for (size_t i = s.truths > 200 ? s.truths - 200 : 0; i < s.truths; i++)
        if (s.truth[i].intended && s.scans - s.truth[i].intent_scan <= 4 &&
            ((s.truth[i].seq ^ seq) & (s.cfg.slot_m - 1u)) == 0)
            return true;
    return false;
}

static void put_slot(uint32_t epoch, uint32_t cell, uint32_t seq, uint16_t outlet, uint16_t spoil)
{
    uint16_t w[MB_SLOT_WORDS];
    mb_slot_encode(epoch, seq, outlet, w);
    w[MB_SLOT_CHECK] ^= spoil;
    put(mb_slot_addr(h_base(), s.cfg.slot_m, cell), w, MB_SLOT_WORDS);
}

/* Again the same, or another outlet after the PLC must have taken the first. */
static void slot_again(void)
{
    struct truth *t = any_recent();
    if (!t || !t->intended || fresh(t->seq))
        return;
    uint16_t other = (uint16_t)(1 + t->intent % 5);
    put_slot(t->epoch, t->seq, t->seq, nth(2) ? other : t->intent, 0);
    seen.double_slots++;
}

/* For an item of another epoch with the same low word, one that will never be, or spoiled. */
static void foreign_slot(void)
{
    struct truth *t = any_recent();
    if (!t || fresh(t->seq))
        return;
    uint32_t never = t->seq + 0x10000 * (1 + nth(3)) + (nth(2) ? s.cfg.slot_m : 0);
    uint16_t bit = (uint16_t)(1u << nth(16));
    switch (nth(4)) {
    case 0: put_slot(t->epoch ^ 0x1000000u << nth(7), t->seq, t->seq, POISON, 0); break;
    case 1: put_slot(t->epoch, t->seq, never, POISON, 0); break;
    case 2: put_slot(t->epoch, t->seq, t->seq, POISON, bit); break;
    default: put_slot(0, t->seq, t->seq, POISON, 0); break;
    }
    seen.foreign_slots++;
}

static void wrong_ack(void)
{
    struct mb_host h = host.last;
    uint16_t w[MB_HOST_WORDS];
    bool spoil = nth(2);
    switch (nth(4)) {
    case 0: h.ack_seq += 0x100000; break;
    case 1: h.ack_out += 0x100000; break;
    case 2:
        h.ack_epoch ^= 0x1000000u << nth(7);
        h.ack_seq += nth(20);
        break;
    default:
        h.ack_seq -= h.ack_seq ? 1 : 0;
        h.ack_out = 0;
        break;
    }
    if (spoil) { /* more than was committed, under a check that does not hold */
        h = host.last;
        h.ack_seq += 1 + nth(8);
        h.ack_out += 1 + nth(8);
    }
    mb_host_encode(&h, w);
    w[MB_HOST_ACK_CHECK] ^= (uint16_t)(spoil ? 1u << nth(16) : 0);
    put(h_base() + MB_HOST_ACK_EPOCH, w + MB_HOST_ACK_EPOCH, MB_HOST_WORDS - MB_HOST_ACK_EPOCH);
    seen.wrong_acks++;
}

/* Epochs that no PLC may adopt: of another start, under a spoiled check, or while it has one. */
static void wrong_epoch(void)
{
    struct mb_header h;
    uint16_t w[MB_HOST_WORDS];
    if (!header(&h))
        return;
    struct mb_host words = host.last;
    words.new_epoch = 0xBAD00000 + nth(1000);
    words.new_epoch_nonce = h.boot_nonce ^ (h.epoch ? 0 : 1u << nth(32));
    bool spoil = !h.epoch && nth(2);
    if (spoil)
        words.new_epoch_nonce = h.boot_nonce;
    mb_host_encode(&words, w);
    w[MB_HOST_EPOCH_CHECK] ^= (uint16_t)(spoil ? 1u << nth(16) : 0);
    put(h_base() + MB_HOST_NEW_EPOCH, w + MB_HOST_NEW_EPOCH, MB_HOST_WORDS - MB_HOST_NEW_EPOCH);
    seen.wrong_nonce++;
}

static void misbehave(void)
{
    switch (nth(60)) {
    case 0:
    case 1:
    case 2: slot_again(); break;
    case 3:
    case 4: foreign_slot(); break;
    case 5: wrong_ack(); break;
    case 6: wrong_epoch(); break;
    case 7: host.lazy = !host.lazy; break;
    case 8:
        host.stop = nth(4) == 0;
        seen.feed_stops += host.stop;
        break;
    case 9:
        if (nth(12) == 0) {
            host.silent_until = s.scans + 100 + nth(2000);
            seen.silences++;
        }
        break;
    default: break;
    }
}

void host_turn(void)
{
    if (!host.alive && (host.calm || nth(150) == 0)) {
        host.alive = true;
        host.session = (uint16_t)(1 + nth(65535));
        host.heartbeat = (uint16_t)nth(65536);
    }
    if (!host.alive || (int32_t)(host.silent_until - s.scans) > 0) {
        scan();
        return;
    }
    cycle();
    if (!host.calm && host.alive)
        misbehave();
}
