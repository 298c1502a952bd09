/* What the host writes: seen half done, then judged and obeyed.
 * Thread: the PLC's. Owns: k.mem, k.image, host, write.
 * Invariants:
 *  1 A reader of H sees a write at once (k.mem); the scan sees it in two parts (k.image), in order.
 *  2 Only k.image is obeyed, and nothing in it whose check does not hold.
 *  3 The contract is judged on whole writes only; a half one is the PLC's fault, not the host's. */
#include "sim/plc_state.h"
#include <assert.h>
#include <string.h>

static void judge_write(struct plc *p, uint32_t off, uint32_t n, struct mono at);

static void write_finish(struct plc *p, struct mono at)
{
    uint32_t from = p->write.half ? p->write.cut : 0;
    memcpy(p->k.image + p->write.off + from, p->write.words + from,
           (p->write.n - from) * sizeof p->write.words[0]);
    p->write.active = p->write.half = false;
    judge_write(p, p->write.off, p->write.n, at);
}

/* The arrival time belongs to the words: a repeated slot keeps its first one. */
static void stamp_slots(struct plc *p, uint32_t off, const uint16_t *words, uint32_t n,
                        struct mono at)
{
    for (uint32_t i = 0; i < n; i++)
        if (off + i >= MB_HOST_WORDS && p->k.mem[off + i] != words[i])
            p->k.slot_rx[(off + i - MB_HOST_WORDS) / MB_SLOT_WORDS] = at;
}

int plc_write(struct plc *p, uint32_t addr, const uint16_t *words, uint32_t n, struct mono at)
{
    assert(n >= 1 && n <= PLC_WRITE_MAX && plc_up(p));
    uint32_t off = addr - p->cfg.host;
    uint32_t size = MB_HOST_WORDS + (uint32_t)MB_SLOT_WORDS * p->cfg.slot_m;
    if (addr < p->cfg.host || off >= size || n > size - off)
        return 2;
    if (p->write.active)
        write_finish(p, at);
    stamp_slots(p, off, words, n, at);
    memcpy(p->k.mem + off, words, n * sizeof words[0]);
    memcpy(p->write.words, words, n * sizeof words[0]);
    p->write.off = off;
    p->write.n = n;
    p->write.active = true;
    return 0;
}

/* The first scan after a write sees it up to a seeded word, the second one whole. */
static void write_scan(struct plc *p, struct mono now)
{
    if (!p->write.active)
        return;
    if (p->write.half || !p->cfg.cut_writes) {
        write_finish(p, now);
        return;
    }
    p->write.cut = dice_below(&p->dice, p->write.n + 1);
    p->write.half = true;
    memcpy(p->k.image + p->write.off, p->write.words, p->write.cut * sizeof p->write.words[0]);
}

static bool covers(uint32_t off, uint32_t n, uint32_t first, uint32_t last)
{
    return off <= last && off + n > first;
}

/* Every item between the last acknowledgement and this one must have been read. */
static void judge_unread(struct plc *p, const struct mb_host *h, struct mono at)
{
    uint32_t n = p->cfg.ring_n, held = plc_held(p), acked = h->ack_seq - (p->k.oldest - 1);
    for (uint32_t i = 0; acked <= held && i < acked; i++)
        if (!p->k.item_read[(p->k.oldest + i) & (n - 1)])
            plc_violation(p, 4, p->k.oldest + i, "acknowledged an item that it never read", at);
    uint32_t open = p->k.out_head - p->k.ack_out, outs = h->ack_out - p->k.ack_out;
    for (uint32_t i = 1; outs <= open && i <= outs; i++) {
        uint32_t index = p->k.ack_out + i;
        if (p->k.out_head - index < n && !p->k.out_read[index & (n - 1)])
            plc_violation(p, 4, 0, "acknowledged an outcome that it never read", at);
    }
}

static void judge_ack(struct plc *p, const struct mb_host *h, struct mono at)
{
    if (!mb_host_ack_valid(p->k.image) || h->ack_epoch == 0 || h->ack_epoch != p->k.epoch ||
        p->restored)
        return;
    if ((int32_t)(h->ack_seq - p->k.head) > 0)
        plc_violation(p, 4, h->ack_seq, "acknowledged above HEAD_SEQ", at);
    if ((int32_t)(h->ack_out - p->k.out_head) > 0)
        plc_violation(p, 4, 0, "acknowledged above OUT_HEAD", at);
    judge_unread(p, h, at);
}

/* A cell stands for the newest posted item of its index; the host cannot know a later one. */
static void judge_slot(struct plc *p, uint32_t index, struct mono at)
{
    const uint16_t *w = plc_slot_image(p, index);
    uint32_t m = p->cfg.slot_m, seq = p->k.head - ((p->k.head - index) & (m - 1));
    uint16_t outlet;
    if (p->k.epoch == 0 || w[MB_SLOT_EPOCH_LO] != (uint16_t)p->k.epoch)
        return;
    if (mb_slot_valid(w, p->k.epoch, seq + m, &outlet) && !p->restored) {
        plc_violation(p, 5, seq + m, "slot for an item not posted", at);
        return;
    }
    if (seq == 0 || seq > p->k.head || w[MB_SLOT_SEQ_LO] != (uint16_t)seq)
        return;
    if (p->table)
        plc_violation(p, 11, seq, "slot in table mode", at);
    if (!mb_slot_valid(w, p->k.epoch, seq, &outlet))
        plc_violation(p, 5, seq, "slot with a wrong check", at);
    else if (p->k.taken[index].seq == seq && p->k.taken[index].outlet != outlet)
        plc_violation(p, 5, seq, "another outlet for the same item", at);
}

static void judge_write(struct plc *p, uint32_t off, uint32_t n, struct mono at)
{
    struct mb_host h;
    mb_host_decode(p->k.image, &h);
    if (off < MB_HOST_WORDS && off + n > MB_HOST_WORDS)
        plc_violation(p, 0, 0, "header words and slots in one write", at);
    if (covers(off, n, MB_HOST_RESERVED, MB_HOST_RESERVED) && p->k.image[MB_HOST_RESERVED])
        plc_violation(p, 0, 0, "reserved word not 0", at);
    if (covers(off, n, MB_HOST_REQUEST, MB_HOST_REQUEST) && (h.request & ~MB_REQUEST_FEED_STOP))
        plc_violation(p, 10, 0, "a request that does not exist", at);
    if (covers(off, n, MB_HOST_ACK_EPOCH, MB_HOST_ACK_OUT + 1) ||
        covers(off, n, MB_HOST_ACK_CHECK, MB_HOST_ACK_CHECK))
        judge_ack(p, &h, at);
    if (off < MB_HOST_WORDS)
        return;
    if ((off - MB_HOST_WORDS) % MB_SLOT_WORDS || n % MB_SLOT_WORDS)
        plc_violation(p, 0, 0, "not whole slots", at);
    for (uint32_t i = 0; i < n; i += MB_SLOT_WORDS)
        judge_slot(p, (off + i - MB_HOST_WORDS) / MB_SLOT_WORDS, at);
}

static void watch(struct plc *p, const struct mb_host *h, struct mono now)
{
    if (h->heartbeat != p->host.seen) {
        p->host.seen = h->heartbeat;
        p->host.at = now;
        p->host.changed = true;
    }
    p->host.echo = h->session;
    bool ok = h->session && p->host.changed && mono_since_ms(now, p->host.at) <= 1000;
    if (ok != p->host.ok) {
        p->host.ok = ok;
        p->host.since = now;
        plc_say(p, (struct plc_event){.kind = PLC_HOST_OK, .on = ok, .at = now});
    }
}

static void obey_feed_stop(struct plc *p, const struct mb_host *h, struct mono now)
{
    if (!p->host.ok || !(h->request & MB_REQUEST_FEED_STOP) || p->k.feed_stopped)
        return;
    p->k.feed_stopped = true;
    plc_say(p, (struct plc_event){.kind = PLC_FEED_STOP, .on = true, .at = now});
}

/* Rule 4. */
static void obey_ack(struct plc *p, const struct mb_host *h)
{
    struct plc_keep *k = &p->k;
    if (k->epoch == 0 || h->ack_epoch != k->epoch || !mb_host_ack_valid(k->image))
        return;
    uint32_t acked = h->ack_seq - (k->oldest - 1), outs = h->ack_out - k->ack_out;
    bool seq = acked >= 1 && acked <= plc_held(p),
         out = outs >= 1 && outs <= k->out_head - k->ack_out;
    if (seq) {
        plc_ring_scrub(p, k->oldest, h->ack_seq);
        k->oldest = h->ack_seq + 1;
    }
    if (out)
        k->ack_out = h->ack_out;
    if (seq || out)
        plc_say(p, (struct plc_event){.kind = PLC_ACK, .seq = k->oldest - 1, .out = k->ack_out});
}

static bool used_before(struct plc *p, uint32_t epoch)
{
    bool used = false;
    for (uint32_t i = 0; i < PLC_EPOCHS; i++)
        used |= p->used_epoch[i] == epoch;
    p->used_epoch[p->used_epochs++ % PLC_EPOCHS] = epoch;
    return used;
}

/* Rule 1: adopt, clear both rings and the slots, start at 1. LOST_COUNT keeps what passed
 * unnumbered. */
static void obey_epoch(struct plc *p, const struct mb_host *h, struct mono now)
{
    struct plc_keep *k = &p->k;
    if (k->epoch || !h->new_epoch || !mb_host_epoch_valid(k->image) ||
        h->new_epoch_nonce != p->boot_nonce)
        return;
    size_t slots = (size_t)MB_SLOT_WORDS * p->cfg.slot_m * sizeof k->mem[0];
    memset(k->ring, 0, sizeof k->ring);
    memset(k->mem + MB_HOST_WORDS, 0, slots);
    memset(k->image + MB_HOST_WORDS, 0, slots);
    memset(k->taken, 0, sizeof k->taken);
    k->epoch = h->new_epoch;
    p->adopted = now;
    p->adopt_nagged = p->restored = false;
    plc_say(p, (struct plc_event){.kind = PLC_EPOCH, .count = k->lost, .at = now});
    if (used_before(p, k->epoch))
        plc_violation(p, 1, 0, "epoch used before", now);
}

static void judge_new_epoch(struct plc *p, const struct mb_host *h, struct mono now)
{
    if (p->adopt_nagged || !p->k.epoch || !p->host.ok || h->new_epoch != p->k.epoch ||
        mono_since_ms(now, p->adopted) < 2000 || mono_since_ms(now, p->host.since) < 2000)
        return; /* a host that comes back needs a cycle, and its write may be seen half done */
    p->adopt_nagged = true;
    plc_violation(p, 1, 0, "NEW_EPOCH not cleared", now);
}

/* Its session and heartbeat stand until the true host writes its own again. */
static void intrude(struct plc *p, struct mono now)
{
    if (mono_reached(now, p->intruder_until) || !mono_reached(now, p->intruder_due))
        return;
    p->intruder_due = mono_add_ms(now, 50);
    p->k.mem[MB_HOST_SESSION] = p->k.image[MB_HOST_SESSION] = 0xBAD1;
    p->k.mem[MB_HOST_HEARTBEAT] = ++p->k.image[MB_HOST_HEARTBEAT];
}

void plc_host_scan(struct plc *p, struct mono now)
{
    struct mb_host h;
    write_scan(p, now);
    intrude(p, now);
    mb_host_decode(p->k.image, &h);
    watch(p, &h, now);
    obey_feed_stop(p, &h, now);
    obey_ack(p, &h);
    obey_epoch(p, &h, now);
    judge_new_epoch(p, &h, now);
}

void plc_host_boot(struct plc *p, struct mono now)
{
    memcpy(p->k.image, p->k.mem, sizeof p->k.image);
    p->host.ok = p->host.changed = false;
    p->host.seen = p->k.image[MB_HOST_HEARTBEAT];
    p->host.at = now;
    p->write.active = p->write.half = false;
}
