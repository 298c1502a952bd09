/* For unit tests only: a machine under test, a PLC (testplc.h), a record that commits when the test
 * says so, and a wire with faults, all under one virtual clock. What is committed is compared with
 * the PLC's truth at once. */
#pragma once
#include "base/test_tmp.h"
#include "controller/mailbox.h"
#include "controller/testplc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define TH_NEWS     4096
#define TH_B_EPOCHS 64

struct th_row {
    uint32_t epoch, seq;
    uint16_t outlet;
    bool adopted, unreadable, bad_unit;
    uint16_t words[MB_ITEM_WORDS];
};
struct th_faults { /* per mille of requests */
    unsigned lost, unanswered, refused, torn, header_torn;
};
struct th {
    struct tp plc;
    struct mailbox *m;
    struct mailbox_options o;
    uint64_t dice;
    struct mono now, next_scan;
    bool frozen; /* the PLC's CPU stands, its Modbus side answers */
    struct th_faults f;
    size_t room;
    uint32_t next_epoch;
    struct item_line_state rec;                                     /* durable */
    struct th_row rows[MAILBOX_RING_MAX], stored[MAILBOX_RING_MAX]; /* decided; committed */
    struct {
        struct news n;
        struct th_row row;
    } queue[TH_NEWS];
    size_t queued;
    bool was_torn;
    /* counts over all */
    uint64_t items, outcomes, gaps, unnumbered, requests, adopted, unreadable, bad_unit, alarms;
    const char *gap_cause;  /* of the newest */
    const char *quarantine; /* code, while it lasts */
    bool foreign_alarm;
    struct want last_want;
    unsigned divert_gap; /* requests between a record and its slot */
    uint16_t outlet;     /* 0: by chance */
    int64_t cost_ns;     /* of a request; 0: by chance */
    uint8_t slot_reads;  /* the exception with which slots are not read; 0: they are */
};

static inline unsigned th_dice(struct th *t, unsigned n)
{
    return (unsigned)(seed_next(&t->dice) % n);
}

static inline bool th_chance(struct th *t, unsigned per_mille)
{
    return th_dice(t, 1000) < per_mille;
}

/* ---- owner of the machine ---- */

static inline size_t th_room(void *self)
{
    struct th *t = self;
    size_t left = TH_NEWS - t->queued;
    return left < t->room ? left : t->room;
}

static inline uint16_t th_decide(void *self, const struct mailbox_item *it)
{
    struct th *t = self;
    struct th_row *r = &t->rows[it->seq % MAILBOX_RING_MAX];
    *r = (struct th_row){.epoch = it->epoch,
                         .seq = it->seq,
                         .adopted = it->adopted,
                         .unreadable = it->quality == MAILBOX_UNREADABLE,
                         .bad_unit = it->quality == MAILBOX_BAD_UNIT};
    memcpy(r->words, it->words, sizeof(r->words));
    r->outlet = it->table_mode                ? 0
                : it->adopted                 ? it->outlet
                : it->quality != MAILBOX_GOOD ? it->header->default_outlet
                : t->outlet                   ? t->outlet
                                              : (uint16_t)(1 + th_dice(t, 4));
    return r->outlet;
}

static inline void th_push(struct th *t, const struct news *n)
{
    assert_true(t->queued < TH_NEWS);
    t->queue[t->queued++].n = *n;
}

static inline void th_item(void *self, uint32_t seq)
{
    struct th *t = self;
    t->queue[t->queued].row = t->rows[seq % MAILBOX_RING_MAX];
    assert_int_equal(t->queue[t->queued].row.seq, seq);
    struct news n = {.kind = NEWS_ITEM};
    n.u.item.epoch = t->queue[t->queued].row.epoch;
    n.u.item.seq = seq;
    th_push(t, &n);
}

static inline void th_news(void *self, const struct news *n)
{
    th_push(self, n);
}

static inline void th_ignore(void *self)
{
    (void)self;
}

static inline void th_slotted(void *self, uint32_t seq, int64_t ns)
{
    (void)self;
    (void)seq;
    assert_true(ns >= 0);
}

/* ---- the record ---- */

static inline void th_store_item(struct th *t, const struct th_row *r)
{
    struct tp_item *truth = tp_find(&t->plc, r->epoch, r->seq);
    assert_non_null(truth);
    assert_int_equal(r->epoch, t->rec.epoch);
    assert_int_equal(r->seq, t->rec.seq + 1); /* in order, once, no hole */
    if (!r->unreadable)
        assert_memory_equal(r->words, truth->words, sizeof(truth->words));
    if (truth->first_outlet)
        assert_int_equal(truth->first_outlet, r->outlet);
    t->stored[r->seq % MAILBOX_RING_MAX] = *r;
    t->rec.seq = r->seq;
    t->items++;
    t->adopted += r->adopted;
    t->unreadable += r->unreadable;
    t->bad_unit += r->bad_unit;
}

static inline void th_store_outcome(struct th *t, const struct outcome *o)
{
    assert_int_equal(o->epoch, t->rec.epoch);
    assert_int_equal(o->out, t->rec.out + 1);
    struct tp_item *truth = tp_find(&t->plc, o->epoch, o->seq);
    assert_non_null(truth);
    assert_true(truth->fired && truth->out == o->out);
    assert_true(o->seq <= t->rec.seq); /* its item first */
    assert_int_equal(o->outlet, truth->taken ? truth->taken : t->plc.default_outlet);
    t->rec.out = o->out;
    t->outcomes++;
}

static inline void th_store_gap(struct th *t, const struct gap *g)
{
    assert_int_equal(g->epoch, t->rec.epoch);
    t->gaps++;
    t->gap_cause = g->cause;
    if (g->from == 0) {
        t->unnumbered += g->count;
        return;
    }
    assert_int_equal(g->count, g->to - g->from + 1);
    if (g->kind == GAP_OUTCOMES) {
        assert_int_equal(g->from, t->rec.out + 1);
        t->rec.out = g->to;
        return;
    }
    assert_int_equal(g->from, t->rec.seq + 1);
    for (uint32_t s = g->from; s <= g->to; s++) { /* never something that could be had */
        const struct tp_item *truth = tp_find(&t->plc, g->epoch, s);
        assert_true(truth ? truth->lost : t->plc.rewound);
    }
    t->rec.seq = g->to;
}

static inline void th_store(struct th *t, size_t i)
{
    const struct news *n = &t->queue[i].n;
    switch (n->kind) {
    case NEWS_ITEM: th_store_item(t, &t->queue[i].row); break;
    case NEWS_OUTCOME: th_store_outcome(t, &n->u.outcome); break;
    case NEWS_GAP: th_store_gap(t, &n->u.gap); break;
    case NEWS_EPOCH_WANTED:
        if (t->rec.epoch == 0 || t->rec.epoch_seen || t->rec.epoch_nonce != n->u.epoch.nonce)
            t->rec =
                (struct item_line_state){.epoch = ++t->next_epoch, .epoch_nonce = n->u.epoch.nonce};
        break;
    case NEWS_EPOCH_SHOWN:
        assert_int_equal(n->u.epoch.epoch, t->rec.epoch);
        t->rec.epoch_seen = true;
        t->rec.boot_nonce = n->u.epoch.nonce;
        break;
    case NEWS_EPOCH_UNKNOWN:
        t->rec = (struct item_line_state){.epoch = n->u.epoch.epoch,
                                          .epoch_nonce = n->u.epoch.nonce,
                                          .epoch_seen = true,
                                          .seq = n->u.epoch.oldest - 1,
                                          .boot_nonce = n->u.epoch.nonce};
        break;
    case NEWS_QUARANTINE: t->quarantine = n->u.alarm.code; break;
    case NEWS_QUARANTINE_OVER: t->quarantine = NULL; break;
    case NEWS_ALARM:
        t->alarms++;
        t->foreign_alarm |= strcmp(n->u.alarm.code, "foreign-host") == 0;
        break;
    case NEWS_PLAN_EFFECTIVE:
    case NEWS_HELD_GONE: break;
    }
    t->rec.head_seen = t->rec.seq;
}

/* Commits what is queued, then acknowledges and orders, as the main thread does. */
static inline void th_commit(struct th *t)
{
    size_t n = t->queued; /* an order may bring news at once: they are of the next turn */
    for (size_t i = 0; i < n; i++)
        th_store(t, i);
    t->plc.committed_epoch = t->rec.epoch;
    t->plc.committed = t->rec.seq;
    t->plc.committed_out = t->rec.out;
    for (size_t i = 0; i < n; i++) {
        if (t->queue[i].n.kind == NEWS_EPOCH_WANTED)
            mailbox_order_epoch(t->m, t->rec.epoch, t->rec.epoch_nonce);
        if (t->queue[i].n.kind == NEWS_EPOCH_UNKNOWN)
            mailbox_order_open(t->m, t->rec.epoch, t->rec.seq, t->rec.out);
    }
    mailbox_committed(t->m, t->rec.epoch, t->rec.seq);
    mailbox_committed_out(t->m, t->rec.epoch, t->rec.out);
    t->queued -= n;
    memmove(t->queue, t->queue + n, t->queued * sizeof(t->queue[0]));
}

/* ---- life of the host ---- */

static inline void th_boot(struct th *t)
{
    t->o.state = t->rec;
    t->o.session++;
    t->o.owner =
        (struct mailbox_owner){th_room, th_decide, th_item, th_ignore, th_slotted, th_news, t};
    t->m = mailbox_new(&t->o);
    assert_non_null(t->m);
    uint32_t n = t->rec.seq < MAILBOX_RING_MAX ? t->rec.seq : MAILBOX_RING_MAX;
    for (uint32_t s = t->rec.seq - n + 1; s <= t->rec.seq; s++) {
        const struct th_row *r = &t->stored[s % MAILBOX_RING_MAX];
        if (r->epoch == t->rec.epoch && r->seq == s)
            mailbox_held(t->m, s, r->words);
    }
}

/* kill -9: what was not committed is gone. */
static inline void th_crash(struct th *t)
{
    mailbox_free(t->m);
    t->queued = 0;
    th_boot(t);
}

static inline struct th *th_new(uint64_t seed, uint16_t ring_n, bool checks)
{
    struct th *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    tp_init(&t->plc, ring_n, checks);
    t->dice = seed;
    t->now = t->next_scan = (struct mono){1000000000};
    t->room = TH_NEWS;
    t->next_epoch = 40;
    t->o = (struct mailbox_options){.unit = 1,
                                    .base = TP_B,
                                    .poll_ms = 5,
                                    .session = 0x1000,
                                    .link = {.max_read = 112, .max_write = 120, .timeout_ms = 200},
                                    .map = {.checks = checks, .min_ring = 16}};
    th_boot(t);
    return t;
}

static inline void th_free(struct th *t)
{
    mailbox_free(t->m);
    tp_free(&t->plc);
    free(t);
}

static inline struct mailbox_view th_view(struct th *t)
{
    struct mailbox_view v;
    mailbox_view(t->m, t->now, &v);
    return v;
}

/* ---- the wire ---- */

static inline void th_scans(struct th *t)
{
    while (mono_reached(t->now, t->next_scan)) {
        if (!t->frozen)
            tp_scan(&t->plc);
        t->next_scan = mono_add_ms(t->next_scan, 10);
    }
}

static inline bool th_is_header(const struct th *t, const struct want *w)
{
    return w->fc != 16 && w->addr == TP_B && w->n >= MB_HDR_WORDS && t;
}

/* A reader in the middle of a write: some words are not what they will be. Never twice running, so
 * that a PLC without checks keeps its promise that two equal reads are a true one. */
static inline void th_tear(struct th *t, const struct want *w, struct reply *r)
{
    unsigned p = th_is_header(t, w) ? t->f.header_torn : t->f.torn;
    bool own = w->fc == 3 && w->addr >= t->plc.host; /* what only the host writes does not tear */
    if (t->was_torn || w->fc == 16 || own || r->n == 0 || !th_chance(t, p)) {
        t->was_torn = false;
        return;
    }
    t->was_torn = true;
    unsigned n =
        t->plc.checks
            ? 1
            : 1 + th_dice(t, 6); /* a 16-bit check knows every single word, not all pairs */
    while (n--)
        r->words[th_dice(t, r->n)] ^= (uint16_t)(1 + th_dice(t, 0xFFFF));
}

static inline void th_execute(struct th *t, const struct want *w, struct reply *r)
{
    *r = (struct reply){.sent = t->now};
    bool slots = w->fc == 3 && w->addr >= t->plc.host + MB_HOST_WORDS;
    if (slots && t->slot_reads) {
        r->rc = tp_refuse(r, t->slot_reads);
    } else if (th_chance(t, t->f.refused)) {
        r->rc = ERR_EXCEPTION;
        r->exception = 6;
    } else if (th_chance(t, t->f.lost)) {
        r->rc = ERR_TIMEOUT;
    } else {
        tp_do(&t->plc, w, r);
        th_tear(t, w, r);
        if (th_chance(t, t->f.unanswered))
            r->rc = ERR_TIMEOUT;
    }
    int64_t cost = t->cost_ns ? t->cost_ns : 50000 + th_dice(t, 400000);
    t->now = mono_add_ns(t->now, r->rc == ERR_TIMEOUT ? 20000000 : cost);
    r->got = t->now;
    th_scans(t);
}

/* One transaction, or time passes to the next thing that is due. */
static inline bool th_step(struct th *t)
{
    struct want w = {0};
    struct reply r;
    struct mono wake;
    if (!mailbox_want(t->m, t->now, &w, &wake)) {
        assert_true(wake.ns > t->now.ns);
        t->now = mono_min(mono_min(wake, t->next_scan), mono_add_ms(t->now, 1000));
        th_scans(t);
        return false;
    }
    assert_int_equal(w.unit, 1);
    assert_true(w.fc == 3 ||
                mailbox_may_write(t->m, w.fc == 23 ? w.waddr : w.addr, w.fc == 23 ? w.wn : w.n));
    t->requests++;
    th_execute(t, &w, &r);
    t->last_want = w;
    mailbox_reply(t->m, &w, &r, t->now);
    assert_false(t->plc.bad_ack);
    assert_false(t->plc.bad_slot);
    assert_false(t->plc.bad_epoch);
    return true;
}

static inline void th_run_ms(struct th *t, int64_t ms, bool commit)
{
    struct mono end = mono_add_ms(t->now, ms);
    while (!mono_reached(t->now, end)) {
        th_step(t);
        if (commit)
            th_commit(t);
    }
}

/* ---- for tests of one rule ---- */

static inline struct th *th_fresh(uint16_t ring_n)
{
    struct th *t = th_new(1, ring_n, true);
    t->outlet = 2;
    return t;
}

static inline struct th *th_running(uint16_t ring_n)
{
    struct th *t = th_fresh(ring_n);
    th_run_ms(t, 300, true);
    assert_true(th_view(t).running);
    return t;
}

static inline void th_post(struct th *t, int n)
{
    for (int i = 0; i < n; i++)
        assert_true(tp_post(&t->plc, MB_UNIT_G));
}

static inline struct mb_host th_host_words(const struct th *t)
{
    struct mb_host h;
    mb_host_decode(t->plc.mem + t->plc.host, &h);
    return h;
}

/* Runs until `n` requests of this function code at or behind addr were made; returns the last. */
static inline struct want th_next_want(struct th *t, uint8_t fc, uint32_t addr)
{
    for (int i = 0; i < 10000; i++)
        if (th_step(t) && t->last_want.fc == fc && t->last_want.addr >= addr)
            return t->last_want;
    fail();
    return t->last_want;
}
