/* For tests of plc only: a PLC under a virtual clock, its news remembered, and the hands to write
 * what a host writes. Included by *_test.c after cmocka.h. */
#pragma once
#include "plc-maps/mailbox_layout.h"
#include "sim/plc.h"
#include <string.h>

enum { RIG_NEWS = 200000, RIG_SCAN_MS = 2 };

struct rig {
    struct plc *p;
    struct plc_cfg cfg;
    struct mono now, beat_due;
    bool beating; /* the heartbeat is written by itself */
    struct mb_host host;
    size_t n;
    struct plc_event news[RIG_NEWS];
    struct farm_item items[RIG_NEWS]; /* of the news of the same index */
};
static struct rig rig __attribute__((unused)); /* tests run one after the other */

static inline void rig_event(void *ctx, const struct plc_event *ev)
{
    (void)ctx;
    assert_true(rig.n < RIG_NEWS);
    rig.news[rig.n] = *ev;
    if (ev->item)
        rig.items[rig.n] = *ev->item;
    rig.n++;
}

/* No torn headers and whole writes unless the test asks: then every word is predictable. */
static inline struct plc_cfg rig_cfg(void)
{
    struct plc_cfg c = plc_cfg_default();
    c.torn = 0;
    c.rate_milli = 20000;
    return c;
}

static inline void rig_start(const struct plc_cfg *cfg)
{
    struct err e = {0};
    plc_free(rig.p);
    rig.p = NULL;
    rig.n = 0;
    rig.cfg = *cfg;
    rig.now = rig.beat_due = (struct mono){1000000000};
    rig.beating = false;
    rig.host = (struct mb_host){.session = 0x5E55};
    struct plc_sink sink = {rig_event, NULL};
    assert_int_equal(plc_new(cfg, sink, rig.now, &rig.p, &e), 0);
}

static inline uint32_t rig_h(void)
{
    return plc_host_base(rig.p);
}

static inline int rig_write(uint32_t addr, const uint16_t *w, uint32_t n)
{
    return plc_up(rig.p) ? plc_write(rig.p, addr, w, n, rig.now) : -1;
}

static inline void rig_scan(void)
{
    rig.now = mono_add_ms(rig.now, RIG_SCAN_MS);
    if (rig.beating && mono_reached(rig.now, rig.beat_due)) {
        rig.host.heartbeat++;
        uint16_t w[2] = {rig.host.session, rig.host.heartbeat};
        rig_write(rig_h(), w, 2);
        rig.beat_due = mono_add_ms(rig.now, 100);
    }
    plc_scan(rig.p, rig.now);
}

static inline void rig_run(int64_t ms)
{
    for (int64_t t = 0; t < ms; t += RIG_SCAN_MS)
        rig_scan();
}

/* The words of rig.host, then time for the PLC to see them whole. */
static inline void rig_put_host(void)
{
    uint16_t w[MB_HOST_WORDS];
    mb_host_encode(&rig.host, w);
    assert_int_equal(rig_write(rig_h(), w, MB_HOST_WORDS), 0);
    rig_scan();
    rig_scan();
}

static inline struct mb_header rig_header(void)
{
    struct mb_header h;
    uint16_t w[MB_HDR_WORDS];
    for (int i = 0; i < 10; i++) {
        assert_int_equal(plc_read(rig.p, rig.cfg.base, MB_HDR_WORDS, false, w, rig.now), 0);
        if (mb_header_decode(w, rig.cfg.checks, &h))
            return h;
        rig_scan();
    }
    fail_msg("no whole header in ten scans");
    return h;
}

static inline void rig_adopt(uint32_t epoch)
{
    rig.host.new_epoch = epoch;
    rig.host.new_epoch_nonce = rig_header().boot_nonce;
    rig_put_host();
    rig.host.new_epoch = rig.host.new_epoch_nonce = 0;
    rig_put_host();
    rig.beating = true;
}

static inline bool rig_read_item(uint32_t seq, uint16_t w[MB_ITEM_WORDS], struct mb_item *ret)
{
    uint32_t addr = mb_item_addr(rig.cfg.base, rig.cfg.ring_n, seq);
    assert_int_equal(plc_read(rig.p, addr, MB_ITEM_WORDS, false, w, rig.now), 0);
    return mb_item_decode(w, rig_header().epoch, seq, rig.cfg.checks, ret);
}

static inline bool rig_read_outcome(uint32_t index, struct mb_outcome *ret)
{
    uint16_t w[MB_OUT_WORDS];
    uint32_t addr = mb_out_addr(rig.cfg.base, rig.cfg.ring_n, index);
    assert_int_equal(plc_read(rig.p, addr, MB_OUT_WORDS, false, w, rig.now), 0);
    return mb_outcome_decode(w, rig_header().epoch, index, rig.cfg.checks, ret);
}

static inline void rig_put_slot(uint32_t epoch, uint32_t seq, uint16_t outlet)
{
    uint16_t w[MB_SLOT_WORDS];
    mb_slot_encode(epoch, seq, outlet, w);
    assert_int_equal(rig_write(mb_slot_addr(rig_h(), rig.cfg.ring_n, seq), w, MB_SLOT_WORDS), 0);
    rig_scan();
    rig_scan();
}

/* Reads first, as a host must. */
static inline void rig_ack(uint32_t epoch, uint32_t seq, uint32_t out)
{
    uint16_t w[MB_ITEM_WORDS];
    struct mb_item item;
    struct mb_outcome o;
    struct mb_header h = rig_header();
    for (uint32_t s = h.oldest_seq; s != seq + 1 && s - h.oldest_seq < rig.cfg.ring_n; s++)
        rig_read_item(s, w, &item);
    for (uint32_t i = 0; i < rig.cfg.ring_n && out - i > 0; i++)
        rig_read_outcome(out - i, &o);
    rig.host.ack_epoch = epoch;
    rig.host.ack_seq = seq;
    rig.host.ack_out = out;
    rig_put_host();
}

static inline uint32_t rig_count(enum plc_event_kind kind)
{
    uint32_t n = 0;
    for (size_t i = 0; i < rig.n; i++)
        n += rig.news[i].kind == kind;
    return n;
}

static inline uint32_t rig_violations(int rule)
{
    uint32_t n = 0;
    for (size_t i = 0; i < rig.n; i++)
        n += rig.news[i].kind == PLC_VIOLATION && rig.news[i].rule == rule;
    return n;
}

/* The first event of a kind for an item; NULL when there is none. */
static inline const struct plc_event *rig_find(enum plc_event_kind kind, uint32_t epoch,
                                               uint32_t seq)
{
    for (size_t i = 0; i < rig.n; i++)
        if (rig.news[i].kind == kind && rig.news[i].seq == seq && rig.news[i].epoch == epoch)
            return &rig.news[i];
    return NULL;
}

/* Runs until HEAD_SEQ is at least seq. */
static inline void rig_until_head(uint32_t seq)
{
    for (int i = 0; i < 20000 && rig_header().head_seq < seq; i++)
        rig_scan();
    assert_true(rig_header().head_seq >= seq);
}
