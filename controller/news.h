/* What passes between a bus thread and the main thread: fixed records through rings (base/ring.h),
 * one acknowledged position per line in atomics, and snapshots for status. Plain values. */
#pragma once
#include "controller/plan.h"
#include "traceability/item.h"
#include <stdatomic.h>

/* Line → main. */
enum news_kind {
    NEWS_ITEM,           /* u.item */
    NEWS_OUTCOME,        /* u.outcome */
    NEWS_GAP,            /* u.gap */
    NEWS_EPOCH_WANTED,   /* u.epoch: EPOCH is 0, with this nonce; main proposes, commits, orders */
    NEWS_EPOCH_SHOWN,    /* u.epoch: the PLC shows the proposed epoch */
    NEWS_EPOCH_UNKNOWN,  /* u.epoch.oldest: main opens it (gap 1…oldest−1), ORDER_EPOCH_OPEN */
    NEWS_PLAN_EFFECTIVE, /* u.plan: governs from (epoch, seq); the former plan is no longer used */
    NEWS_QUARANTINE,     /* u.alarm: the line is quarantined; why as text constant */
    NEWS_QUARANTINE_OVER,
    NEWS_ALARM,     /* u.alarm */
    NEWS_HELD_GONE, /* u.epoch.oldest: words of items below need not be kept (rule 3) */
};
struct news {
    enum news_kind kind;
    uint32_t line;
    union {
        struct item item;
        struct outcome outcome;
        struct gap gap;
        struct {
            uint32_t epoch, nonce, oldest, head;
            uint32_t seq, out; /* main's: up to where the record has it */
        } epoch;
        struct {
            const struct plan *plan, *former;
            uint32_t epoch, seq;
        } plan;
        struct {
            const char *code; /* "foreign-host", "unreadable-item", "epoch-conflict" … */
            const char *text; /* constant */
            uint32_t epoch, seq;
            uint32_t have, need; /* of "ring-too-small": RING_N and the map's min_ring; else 0 */
        } alarm;
    } u;
};

/* Main → line. */
enum order_kind {
    ORDER_EPOCH,      /* epoch, nonce: committed; write NEW_EPOCH */
    ORDER_EPOCH_OPEN, /* epoch: the unknown epoch stands in the record, up to seq and out */
    ORDER_PLAN,       /* plan: from the next item on; answered by NEWS_PLAN_EFFECTIVE */
    ORDER_FEED_STOP,  /* on */
    ORDER_BOX,        /* outlet: an empty box stands there, its fill counter starts at 0 */
};
struct order {
    enum order_kind kind;
    uint32_t epoch, nonce, seq, out;
    const struct plan *plan;
    uint16_t outlet;
    bool on;
};

/* Durably committed positions, written by main after each commit, read by the line. epoch << 32 |
 * n. */
struct line_ack {
    _Atomic uint64_t seq, out;
};

/* What everybody may know of a line; written by the bus thread under a sequence lock. */
struct line_status {
    bool link_up, stale, quarantined, table_mode, feed_stop_wanted, foreign_host;
    uint32_t epoch, boot_nonce, head_seq, oldest_seq, out_head, run, rule;
    uint16_t plc_state, fault, late_count, lost_count, default_outlet, n_outlets, outlet_blocked,
        enc_speed, pulses_per_m;
    uint64_t decided, adopted, unreadable, late_at_host; /* since start */
    int64_t last_header_ns;                              /* mono */
    int64_t slot_p50_us, slot_p99_us; /* header read that showed the item → slot confirmed */
    uint64_t outlet_items[OUTLETS_MAX + 1];
    uint64_t grade_items[CROP_GRADES_MAX + 1];
    int64_t outlet_fill_mg[OUTLETS_MAX + 1];
};
