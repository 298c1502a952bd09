/* The two rings, written a few words a scan so that a reader can meet every half state.
 * Thread: the PLC's. Owns: k.ring, k.post, k.fired, and the only writes of HEAD_SEQ and OUT_HEAD.
 * Invariants:
 *  1 Record: word 14 := not(low word), body, check, word 14, then HEAD_SEQ. One writer at a time.
 *  2 Outcome: garbage over the old one, body, check, then OUT_HEAD; never before its item is shown.
 *  3 OLDEST_SEQ passes a record before its cell is touched (overwrite policy) and after nothing
 * else than an acknowledgement; acknowledged cells hold garbage at once. 4 After a retentive reboot
 * a half written record or outcome is written again from its beginning. */
#include "sim/plc_state.h"
#include <string.h>

static uint16_t *item_cell(struct plc *p, uint32_t seq)
{
    return p->k.ring + (mb_item_addr(0, p->cfg.ring_n, seq) - MB_HDR_WORDS);
}

static uint16_t *out_cell(struct plc *p, uint32_t index)
{
    return p->k.ring + (mb_out_addr(0, p->cfg.ring_n, index) - MB_HDR_WORDS);
}

/* Garbage that is no record of this cell: its words 0–1 and 14 never agree. */
static void garbage(struct plc *p, uint16_t *cell, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cell[i] = (uint16_t)dice_next(&p->dice);
    if (n == MB_ITEM_WORDS)
        cell[MB_ITEM_TAIL] = (uint16_t)~cell[MB_ITEM_SEQ + 1];
}

void plc_ring_scrub(struct plc *p, uint32_t first_seq, uint32_t last_seq)
{
    for (uint32_t s = first_seq; s != last_seq + 1; s++)
        garbage(p, item_cell(p, s), MB_ITEM_WORDS);
}

/* ---- items ---- */

/* Order of the words of a record; 14 comes last, its complement before everything. */
static const uint8_t item_order[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 14};
enum { ITEM_STEPS = sizeof item_order + 2 }; /* + the complement, + HEAD_SEQ */

static void item_begin(struct plc *p, const struct plc_post *post)
{
    struct plc_keep *k = &p->k;
    struct mb_item item = post->words;
    if (plc_held(p) >= p->cfg.ring_n) {
        plc_say(p, (struct plc_event){.kind = PLC_LOST, .seq = k->oldest});
        k->oldest++;
        if (k->lost < UINT16_MAX)
            k->lost++;
    }
    if (post->bad_unit)
        item.unit = 9;
    mb_item_encode(&item, k->epoch, p->cfg.checks, p->item_words);
    if (post->bad_record)
        p->item_words[p->cfg.checks ? MB_ITEM_CRC : MB_ITEM_TAIL] ^= 0x5A5A;
    item_cell(p, item.seq)[MB_ITEM_TAIL] = (uint16_t)~item.seq;
}

static void item_show(struct plc *p, struct mono now)
{
    struct plc_keep *k = &p->k;
    struct plc_post post = k->post[0];
    k->head = post.words.seq;
    k->item_read[k->head & (p->cfg.ring_n - 1u)] = false;
    memmove(k->post, k->post + 1, --k->posts * sizeof k->post[0]);
    plc_say(p, (struct plc_event){.kind = PLC_ITEM,
                                  .seq = post.words.seq,
                                  .item = &post.item,
                                  .item_flags = post.words.flags,
                                  .item_len_pulses = post.words.length,
                                  .item_t_ms = post.words.t_ms,
                                  .at = now});
    if (post.bad_record || post.bad_unit)
        plc_say(p, (struct plc_event){.kind = PLC_SPOILED,
                                      .seq = post.words.seq,
                                      .what = post.bad_record ? "record" : "unit"});
}

static void item_step(struct plc *p, struct mono now)
{
    const struct plc_post *post = &p->k.post[0];
    uint32_t step = p->item_step++;
    if (step == 0) {
        item_begin(p, post);
    } else if (step < ITEM_STEPS - 1) {
        uint8_t w = item_order[step - 1];
        item_cell(p, post->words.seq)[w] = p->item_words[w];
    } else {
        p->item_step = 0;
        item_show(p, now);
    }
}

void plc_ring_post(struct plc *p, const struct plc_post *post, struct mono now)
{
    while (p->k.posts == PLC_ITEM_QUEUE)
        item_step(p, now);
    p->k.post[p->k.posts++] = *post;
}

/* ---- outcomes ---- */

enum { OUT_STEPS = MB_OUT_WORDS + 2 }; /* the garbage, the words, OUT_HEAD */

static void out_begin(struct plc *p, const struct plc_fired *f)
{
    uint32_t index = p->k.out_head + 1;
    struct mb_outcome o = {index, f->seq, f->outlet, f->reason, f->enc_lo};
    mb_outcome_encode(&o, p->k.epoch, p->cfg.checks, p->out_words);
    if (f->bad)
        p->out_words[p->cfg.checks ? MB_OUT_CRC : MB_OUT_OUT_INDEX + 1] ^= 0x5A5A;
    uint16_t *cell = out_cell(p, index);
    garbage(p, cell, MB_OUT_WORDS);
    if (mb_u32(cell) == index || mb_u32(cell) == index - p->cfg.ring_n)
        cell[0] ^= 0x8000;
}

static void out_show(struct plc *p)
{
    struct plc_keep *k = &p->k;
    struct plc_fired f = k->fired[0];
    k->out_head++;
    k->out_read[k->out_head & (p->cfg.ring_n - 1u)] = false;
    memmove(k->fired, k->fired + 1, --k->fires * sizeof k->fired[0]);
    plc_say(p, (struct plc_event){.kind = PLC_OUTCOME,
                                  .seq = f.seq,
                                  .out = k->out_head,
                                  .outlet = f.outlet,
                                  .reason = f.reason});
    if (f.bad)
        plc_say(p, (struct plc_event){.kind = PLC_SPOILED, .seq = f.seq, .what = "outcome"});
}

static void out_step(struct plc *p)
{
    uint32_t step = p->out_step++;
    if (step == 0) {
        out_begin(p, &p->k.fired[0]);
    } else if (step < OUT_STEPS - 1) {
        out_cell(p, p->k.out_head + 1)[step - 1] = p->out_words[step - 1];
    } else {
        p->out_step = 0;
        out_show(p);
    }
}

static bool out_ready(const struct plc *p)
{
    return p->k.fires && (int32_t)(p->k.fired[0].seq - p->k.head) <= 0;
}

void plc_ring_fire(struct plc *p, const struct plc_fired *fired, struct mono now)
{
    while (p->k.fires == PLC_OUT_QUEUE)
        if (out_ready(p))
            out_step(p);
        else
            item_step(p, now);
    p->k.fired[p->k.fires++] = *fired;
}

/* A longer queue is written faster, so that a slow scan does not fall behind the belt. */
void plc_ring_scan(struct plc *p, struct mono now)
{
    for (uint32_t n = p->cfg.step_words * p->k.posts; n && p->k.posts; n--)
        item_step(p, now);
    for (uint32_t n = p->cfg.step_words * p->k.fires; n && out_ready(p); n--)
        out_step(p);
}

void plc_ring_boot(struct plc *p)
{
    p->item_step = p->out_step = 0;
}
