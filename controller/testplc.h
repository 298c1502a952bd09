/* For unit tests only: a small PLC with an item mailbox, pure, and the truth of what it did. It
 * answers the machine's requests word for word from MAILBOX.md; a test brings the faults. */
#pragma once
#include "controller/device.h"
#include "plc-maps/mailbox_layout.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TP_ITEMS  (1 << 16) /* truth of so many items, over all epochs */
#define TP_EPOCHS 512
#define TP_MEM    (1 << 16)
#define TP_B      100
#define TP_NOT_FC 1
#define TP_NOT_AT 2

struct tp_item {
    uint32_t epoch, seq;
    uint16_t words[MB_ITEM_WORDS];
    uint16_t first_outlet; /* of the first valid slot ever written; 0: none */
    uint16_t taken;        /* the slot that counted; 0: none */
    bool lost, fired;      /* lost: overwritten, or its epoch went away */
    uint32_t out;
};
struct tp {
    uint16_t ring_n, slot_m, n_outlets, default_outlet;
    bool checks, overwrite, table, fc23;
    uint32_t epoch, nonce, head, oldest, out_head, ack_out, lost, uptime;
    uint16_t beat, session_seen, blocked;
    bool feed_stopped, host_ok;
    int64_t beat_seen_ms;
    uint16_t host_beat;
    uint32_t host, fire_from; /* next seq to pass the decision point */
    uint16_t mem[TP_MEM];
    struct tp_item *items; /* truth, in order of posting */
    size_t n_items;
    size_t epoch_first; /* index of seq 1 of the present epoch */
    uint32_t serial, epochs_used[TP_EPOCHS];
    size_t n_epochs;
    bool bad_ack, bad_slot, bad_epoch; /* violations by the host, latched */
    bool bad_header;                   /* its check does not hold */
    bool rewound; /* its HEAD_SEQ went back by itself: the host cannot know at once */
    uint32_t committed_epoch, committed; /* what the host may acknowledge */
    uint32_t committed_out;
};

static inline void tp_init(struct tp *p, uint16_t ring_n, bool checks)
{
    memset(p, 0, sizeof(*p));
    p->ring_n = ring_n;
    p->slot_m = (uint16_t)(2 * ring_n);
    p->n_outlets = 5;
    p->default_outlet = 5;
    p->checks = checks;
    p->nonce = 0xA0000001;
    p->oldest = p->fire_from = 1;
    p->host = mb_default_host(TP_B, ring_n);
    p->items = calloc(TP_ITEMS, sizeof(*p->items));
    assert(p->items);
}

static inline void tp_free(struct tp *p)
{
    free(p->items);
    p->items = NULL;
}

static inline struct tp_item *tp_item(struct tp *p, uint32_t seq) /* of the present epoch */
{
    assert(seq >= 1 && p->epoch_first + seq - 1 < p->n_items);
    return &p->items[p->epoch_first + seq - 1];
}

static inline struct tp_item *tp_find(struct tp *p, uint32_t epoch, uint32_t seq)
{
    for (size_t i = p->n_items; i-- > 0;)
        if (p->items[i].epoch == epoch && p->items[i].seq == seq)
            return &p->items[i];
    return NULL;
}

static inline struct mb_header tp_header(const struct tp *p)
{
    return (struct mb_header){.epoch = p->epoch,
                              .boot_nonce = p->nonce,
                              .head_seq = p->head,
                              .oldest_seq = p->oldest,
                              .out_head = p->out_head,
                              .uptime_ms = p->uptime,
                              .heartbeat = p->beat,
                              .state = (uint16_t)(MB_RUNNING | (p->overwrite ? MB_OVERWRITE : 0) |
                                                  (p->table ? MB_TABLE_MODE : 0) |
                                                  (p->feed_stopped ? MB_FEED_STOPPED : 0) |
                                                  (p->host_ok ? MB_HOST_OK : 0)),
                              .lost_count = (uint16_t)(p->lost > 0xFFFF ? 0xFFFF : p->lost),
                              .ring_n = p->ring_n,
                              .slot_m = p->slot_m,
                              .pulses_per_m = 1000,
                              .host_session_echo = p->session_seen,
                              .default_outlet = p->default_outlet,
                              .n_outlets = p->n_outlets,
                              .outlet_blocked = p->blocked};
}

static inline bool tp_full(const struct tp *p)
{
    return p->head - p->oldest + 1 >= p->ring_n;
}

/* Posts one item; false: inhibited. `weight` is unique for the life of the PLC. */
static inline bool tp_post(struct tp *p, uint8_t unit)
{
    if (p->epoch == 0 || p->n_items == TP_ITEMS) {
        p->lost += p->epoch == 0;
        return false;
    }
    if (tp_full(p)) {
        if (!p->overwrite)
            return false;
        tp_item(p, p->oldest)->lost = true;
        p->oldest++;
        p->lost++;
    }
    struct mb_item i = {.seq = p->head + 1,
                        .flags = MB_VALID | MB_STABLE,
                        .lane = 1,
                        .weight = (int32_t)++p->serial,
                        .decimals = 0,
                        .unit = unit,
                        .length = 10,
                        .t_ms = p->uptime};
    struct tp_item *t = &p->items[p->n_items++];
    *t = (struct tp_item){.epoch = p->epoch, .seq = i.seq};
    mb_item_encode(&i, p->epoch, p->checks, t->words);
    memcpy(p->mem + mb_item_addr(TP_B, p->ring_n, i.seq), t->words, sizeof(t->words));
    p->head = i.seq;
    return true;
}

/* The oldest unfired item passes its decision point. */
static inline bool tp_fire(struct tp *p)
{
    if (p->epoch == 0 || p->fire_from > p->head)
        return false;
    struct tp_item *t = tp_item(p, p->fire_from++);
    struct mb_outcome o = {.out_index = ++p->out_head,
                           .seq = t->seq,
                           .outlet = t->taken ? t->taken : p->default_outlet,
                           .reason = t->taken || p->table ? MB_DECIDED : MB_LATE};
    t->fired = true;
    t->out = o.out_index;
    mb_outcome_encode(&o, p->epoch, p->checks, p->mem + mb_out_addr(TP_B, p->ring_n, o.out_index));
    return true;
}

static inline void tp_scrub(struct tp *p, uint32_t from, uint32_t to)
{
    for (uint32_t s = from; s != to + 1; s++)
        for (int w = 0; w < MB_ITEM_WORDS; w++)
            p->mem[mb_item_addr(TP_B, p->ring_n, s) + (uint32_t)w] =
                (uint16_t)(s * 7919u + (uint32_t)w * 31u + 0x5A00u);
}

static inline void tp_lose_all(struct tp *p)
{
    for (uint32_t s = 1; p->epoch && s <= p->head; s++)
        tp_item(p, s)->lost = true;
    p->epoch = p->head = p->out_head = p->ack_out = p->lost = 0;
    p->oldest = p->fire_from = 1;
}

/* volatile: everything is gone; else the retentive memory stays. */
static inline void tp_reboot(struct tp *p, bool is_volatile)
{
    p->nonce += 0x01010101;
    if (p->nonce == 0)
        p->nonce = 1;
    p->uptime = 0;
    if (!is_volatile)
        return;
    tp_lose_all(p);
    memset(p->mem, 0, sizeof(p->mem));
    p->session_seen = 0;
}

static inline void tp_adopt(struct tp *p, const struct mb_host *h)
{
    for (size_t i = 0; i < p->n_epochs; i++)
        p->bad_epoch |= p->epochs_used[i] == h->new_epoch;
    if (p->n_epochs < TP_EPOCHS)
        p->epochs_used[p->n_epochs++] = h->new_epoch;
    uint32_t lost = p->lost;
    tp_lose_all(p);
    p->lost = lost;
    p->epoch = h->new_epoch;
    p->epoch_first = p->n_items;
    memset(p->mem + TP_B, 0, sizeof(uint16_t) * (p->host - TP_B));
    memset(p->mem + p->host + MB_HOST_WORDS, 0, sizeof(uint16_t) * MB_SLOT_WORDS * p->slot_m);
}

/* The first slot whose check holds counts for an item still upstream. */
static inline void tp_take_slots(struct tp *p)
{
    for (uint32_t s = p->fire_from; p->epoch && s <= p->head; s++) {
        struct tp_item *t = tp_item(p, s);
        uint16_t outlet;
        if (!t->taken &&
            mb_slot_valid(p->mem + mb_slot_addr(p->host, p->slot_m, s), p->epoch, s, &outlet))
            t->taken = outlet;
    }
}

static inline void tp_scan(struct tp *p)
{
    struct mb_host h;
    const uint16_t *w = p->mem + p->host;
    mb_host_decode(w, &h);
    p->beat++;
    p->uptime += 10;
    p->session_seen = h.session;
    if (h.heartbeat != p->host_beat)
        p->beat_seen_ms = 0;
    else
        p->beat_seen_ms += 10;
    p->host_beat = h.heartbeat;
    p->host_ok = h.session && p->beat_seen_ms <= 1000;
    if (p->host_ok && (h.request & MB_REQUEST_FEED_STOP))
        p->feed_stopped = true;
    if (p->epoch == 0 && h.new_epoch && mb_host_epoch_valid(w) && h.new_epoch_nonce == p->nonce) {
        tp_adopt(p, &h);
        return;
    }
    if (p->epoch && h.ack_epoch == p->epoch && mb_host_ack_valid(w)) {
        if (h.ack_seq - (p->oldest - 1) <= p->head - (p->oldest - 1)) {
            tp_scrub(p, p->oldest, h.ack_seq);
            p->oldest = h.ack_seq + 1;
        }
        if (h.ack_out - p->ack_out <= p->out_head - p->ack_out)
            p->ack_out = h.ack_out;
    }
    tp_take_slots(p);
}

/* Judges what the host writes. */
static inline void tp_judge(struct tp *p, uint32_t addr, uint32_t n)
{
    struct mb_host h;
    const uint16_t *w = p->mem + p->host;
    mb_host_decode(w, &h);
    if (addr == p->host && h.ack_epoch && h.ack_epoch == p->epoch && mb_host_ack_valid(w))
        p->bad_ack |= h.ack_epoch != p->committed_epoch || h.ack_seq > p->committed ||
                      (h.ack_seq > p->head && !p->rewound) || h.ack_out > p->committed_out ||
                      h.ack_out > p->out_head;
    if (addr < p->host + MB_HOST_WORDS) {
        p->bad_slot |= n > MB_HOST_WORDS;
        return;
    }
    p->bad_slot |= (addr - p->host) % MB_SLOT_WORDS || n % MB_SLOT_WORDS;
    for (uint32_t s = p->head > p->slot_m ? p->head - p->slot_m + 1 : 1; p->epoch && s <= p->head;
         s++) {
        uint32_t at = mb_slot_addr(p->host, p->slot_m, s);
        uint16_t outlet;
        if (at < addr || at >= addr + n || !mb_slot_valid(p->mem + at, p->epoch, s, &outlet))
            continue;
        struct tp_item *t = tp_item(p, s);
        p->bad_slot |= (t->first_outlet && t->first_outlet != outlet) || p->table;
        t->first_outlet = outlet;
    }
}

static inline int tp_refuse(struct reply *r, uint8_t code)
{
    r->exception = code;
    return ERR_EXCEPTION;
}

static inline int tp_write(struct tp *p, uint32_t addr, uint32_t n, const uint16_t *words,
                           struct reply *r)
{
    uint32_t end = p->host + MB_HOST_WORDS + (uint32_t)MB_SLOT_WORDS * p->slot_m;
    if (addr < p->host || addr + n > end)
        return tp_refuse(r, TP_NOT_AT);
    memcpy(p->mem + addr, words, n * sizeof(*words));
    tp_judge(p, addr, n);
    return 0;
}

static inline int tp_read(struct tp *p, uint32_t addr, uint32_t n, struct reply *r)
{
    struct mb_header h = tp_header(p);
    if (addr < TP_B || addr + n > p->host + MB_HOST_WORDS + (uint32_t)MB_SLOT_WORDS * p->slot_m)
        return tp_refuse(r, TP_NOT_AT);
    mb_header_encode(&h, p->checks, p->mem + TP_B);
    p->mem[TP_B + MB_HDR_HDR_CHECK] ^= p->bad_header;
    memcpy(r->words, p->mem + addr, n * sizeof(*r->words));
    r->n = (uint16_t)n;
    return 0;
}

/* Executes one request; r->sent and r->got are the test's. */
static inline void tp_do(struct tp *p, const struct want *w, struct reply *r)
{
    r->n = 0;
    r->exception = 0;
    if (w->fc == 3)
        r->rc = tp_read(p, w->addr, w->n, r);
    else if (w->fc == 16)
        r->rc = tp_write(p, w->addr, w->n, w->words, r);
    else if (w->fc == 23 && p->fc23)
        r->rc = tp_write(p, w->waddr, w->wn, w->words, r) == 0 ? tp_read(p, w->addr, w->n, r)
                                                               : ERR_EXCEPTION;
    else
        r->rc = tp_refuse(r, TP_NOT_FC);
}
