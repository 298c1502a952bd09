/* The inside of a sorter whose PLC is the Structured Text (see sorter.c). Shared by the files of
 * tests/st only; from outside it is sim/plc.h. */
#pragma once
#include "plc-maps/mailbox_layout.h"
#include "sim/plc.h"
#include "tests/st/FB_Mailbox.h"
#include <setjmp.h>

enum {
    RING_MAX = 1024,
    SLOT_MAX = 4096,
    THINGS = 1024,
    WRITE_MAX = 123,
    BELT_SLOTS = sizeof((struct FB_Mailbox_keep *)0)->audiSeq / sizeof(uint32_t),
};

/* Physical: on the belt, whatever the PLC knows of it. */
struct thing {
    int64_t at; /* belt position in pulses when it is at the measuring point */
    struct farm_item item;
    uint32_t epoch, seq; /* 0: never shown under a number */
    uint32_t life;       /* p->life when it got its number */
    bool close, known;   /* known: it is on the block's list */
    bool decided, slotted;
};

/* What a retentive memory holds, and a backup copies. */
struct memory {
    struct FB_Mailbox_keep keep;
    uint16_t b[MB_HDR_WORDS + 24 * RING_MAX];
    uint16_t h[MB_HOST_WORDS + MB_SLOT_WORDS * SLOT_MAX]; /* as the scan sees it */
};

struct plc {
    struct plc_cfg cfg;
    struct plc_sink sink;
    struct dice dice, grow, nonce;
    struct FB_Mailbox fb;
    struct memory m, *backup;
    uint16_t seen[MB_HDR_WORDS + 24 * RING_MAX];            /* B as a reader sees it */
    uint16_t mem[MB_HOST_WORDS + MB_SLOT_WORDS * SLOT_MAX]; /* H as a reader sees it */
    struct {                       /* the host write whose words have not all arrived */
        bool active, begun;        /* begun: a scan has had its chance to see some of it */
        uint32_t off, n, done, at; /* at: the step at which some more arrive */
        uint16_t words[WRITE_MAX];
    } write;
    /* the scan that runs */
    jmp_buf cut;
    uint32_t steps, usual[2]; /* statements so far; of the last call without and with an item */
    uint32_t cut_at, look_at, look_n; /* 0: not in this call */
    bool torn, first_scan;
    enum { CUT_NO, CUT_NEXT, CUT_AT_WORK } cutting;
    struct FB_Mailbox_out gate; /* what the outputs moved in the last whole call */
    /* the machine */
    uint32_t life; /* goes up when numbers are forgotten */
    bool restored; /* the block's list up to stale_end is of a belt that has long gone */
    uint16_t stale_end;
    struct mono up_at, last_scan;
    int64_t scan_ns; /* less than a millisecond, carried over */
    const char *boot_how;
    bool down, frozen, stopped, estop, manual, table, held_infeed;
    bool jolt; /* the belt stopped since the last scan, if only for a moment */
    bool press_clear, press_restart;
    uint16_t fault, blocked, lane_full;
    uint32_t spoil[PLC_SPOILS];
    struct mono intruder_until, intruder_due;
    int64_t pos, enc_zero, pos_frac; /* pulses; 1e-9 pulses */
    struct thing thing[THINGS];
    uint32_t first, measure_next, end; /* running, mod THINGS */
    uint32_t feed_left, rate_milli;
    struct mono feed_due;
    bool feed_waits;
    struct plc_stat stat;
};

static inline struct thing *thing_at(struct plc *p, uint32_t i)
{
    return &p->thing[i % THINGS];
}
static inline bool runs(const struct plc *p)
{
    return !p->down && !p->stopped && !p->estop && p->fault == 0;
}
static inline uint32_t encoder(const struct plc *p)
{
    return (uint32_t)(p->pos - p->enc_zero);
}
void say(struct plc *p, struct plc_event ev);
/* One call of the block; t: what has just been measured, or NULL. True when the power was cut. */
bool call_block(struct plc *p, struct thing *t, uint32_t scan_ms, struct mono now);
void boot(struct plc *p, const char *how, bool lose_memory, struct mono now);

/* account.c: what a call has done, told as events; compares the block's memory before and after. */
struct before {
    uint32_t epoch, head, oldest, out_head, ack_out;
    uint16_t first, end;
    bool host_ok, feed_stopped;
};
struct before account_before(const struct plc *p);
void account(struct plc *p, const struct before *was, struct thing *t, struct mono now);

/* belt.c */
void belt_move(struct plc *p, int64_t elapsed_ns);
void belt_unknown(struct plc *p); /* the block has forgotten what is on the belt */
void belt_leave(struct plc *p);   /* what nobody knows leaves at the end of the belt */
void belt_feed(struct plc *p, struct mono now);
struct thing *belt_known(struct plc *p); /* the first thing that the block has to decide; or NULL */
void belt_arrive(struct plc *p, struct thing *t, uint16_t outlet);
