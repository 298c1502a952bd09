/* A season at the sorter with the Structured Text inside: the truth about every item, a host that
 * crashes, lies, repeats and falls silent, and the judge. One season at a time; single thread.
 * host.c plays the host, judge.c judges, scenario_test.c throws the dice. */
#pragma once
#include "plc-maps/mailbox_layout.h"
#include "sim/plc.h"

enum { TRUTHS = 8192, EPOCHS = 256 };

struct truth { /* one item that HEAD_SEQ has shown */
    uint32_t epoch, seq, out, posted_scan, forgets;
    struct farm_item item;
    uint16_t flags, length, outlet, reason;
    uint32_t outcomes, stored;
    bool lost, left;
    bool intended; /* a slot whose check holds was written; the first one */
    uint16_t intent;
    uint32_t intent_scan;
};

struct season {
    uint64_t seed;
    struct plc *p;
    struct plc_cfg cfg;
    struct mono now;
    uint32_t scans;
    struct dice fate;
    /* what befell the machine */
    uint32_t disturbed_scan, blocked_scan, forgets, boots;
    uint16_t blocked, lane_full; /* bit k - 1 for outlet k; last changed in blocked_scan */
    bool clear_pressed, placed, manual, frozen;
    /* truth */
    struct truth truth[TRUTHS];
    size_t truths;
    uint32_t adopted[EPOCHS];
    size_t adoptions;
    /* the host, as the judge sees it */
    struct mono beat_at;       /* its last new heartbeat */
    uint32_t beats_since_boot; /* that the PLC can have seen change */
    uint64_t declared;         /* gaps without bounds */
};
extern struct season s;

/* What has happened over all seasons: a scenario that never met a thing proves nothing about it. */
struct seen {
    uint32_t items, reasons[9], overwritten, wraps, volatiles, retentives, out_gaps, full,
        wrong_nonce, late_slots, double_slots, foreign_slots, wrong_acks, crashes, adopted_slots,
        silences, feed_stops, torn;
};
extern struct seen seen;

_Noreturn void broken(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
struct truth *find(uint32_t epoch, uint32_t seq); /* NULL: there is none */
void scan(void);                                  /* 2 ms go by */

/* judge.c */
void judge_event(void *ctx, const struct plc_event *ev);
void judge_stored(uint32_t epoch, const struct mb_item *i);
void judge_outcome(uint32_t epoch, const struct mb_outcome *o);
void judge_scan(void); /* after every scan */
void judge_end(void);

/* host.c */
void host_start(uint64_t seed);
void host_turn(void);
void host_calm(void); /* no more crashes, lies or silence */
uint32_t host_committed(uint32_t epoch, uint32_t *ret_out);
bool host_proposed(uint32_t epoch, uint32_t nonce);
bool host_asks_stop(void); /* feed-stop stands in the block, and has for some scans */
