/* The PLC's inside, shared by plc.c, plc_host.c, plc_belt.c, plc_ring.c and plc_hand.c only. */
#pragma once
#include "plc-maps/mailbox_layout.h"
#include "sim/plc.h"

enum {
    PLC_RING_MAX = 1024,
    PLC_SLOT_MAX = 4096,
    PLC_BELT_MAX = 512,
    PLC_ITEM_QUEUE = 64,
    PLC_OUT_QUEUE = 512,
    PLC_WRITE_MAX = 123,
    PLC_EPOCHS = 256,
};

struct plc_post { /* an item measured and not yet shown by HEAD_SEQ */
    struct mb_item words;
    struct farm_item item;
    bool bad_record, bad_unit;
};
struct plc_fired { /* an outcome not yet shown by OUT_HEAD */
    uint32_t seq;
    uint16_t outlet, reason, enc_lo;
    bool bad;
};
/* What a retentive PLC keeps over a reboot, and a backup copies. A plain value. */
struct plc_keep {
    uint32_t epoch, head, oldest, out_head, ack_out;
    uint16_t lost, late, boot_count;
    bool feed_stopped;
    uint16_t ring[24 * PLC_RING_MAX];                           /* items, then outcomes: B+32… */
    uint16_t mem[MB_HOST_WORDS + MB_SLOT_WORDS * PLC_SLOT_MAX]; /* H as a reader sees it */
    uint16_t image[MB_HOST_WORDS + MB_SLOT_WORDS * PLC_SLOT_MAX]; /* H as the scan has seen it */
    struct mono slot_rx[PLC_SLOT_MAX]; /* when the words of that slot arrived */
    struct {
        uint32_t seq;
        uint16_t outlet;
    } taken[PLC_SLOT_MAX]; /* the last slot that counted; seq 0: none */
    bool item_read[PLC_RING_MAX], out_read[PLC_RING_MAX]; /* by the host, since it is shown */
    struct plc_post post[PLC_ITEM_QUEUE];
    struct plc_fired fired[PLC_OUT_QUEUE];
    uint32_t posts, fires; /* used, from index 0 */
};

/* Physical: survives whatever the PLC forgets. */
struct plc_thing {
    int64_t at; /* position of the measuring point in pulses when it passes */
    struct farm_item item;
    uint32_t epoch, seq; /* 0: unnumbered */
    uint32_t life;       /* the memory under which it got its number: see plc.life */
    uint16_t outlet;     /* what the slot said */
    bool measured, untracked, close, decided, slotted;
};

struct plc {
    struct plc_cfg cfg;
    struct plc_sink sink;
    struct dice dice; /* what the machine does */
    struct dice grow; /* what the farm grows: independent of the host's timing */
    struct dice nonce;
    struct plc_keep k, *backup;
    uint16_t hdr[MB_HDR_WORDS]; /* as a reader sees it */
    bool torn;
    /* volatile */
    uint32_t boot_nonce;
    uint32_t life; /* goes up whenever the numbering is forgotten */
    struct mono booted, up_at, last_scan;
    const char *boot_how;
    bool down, frozen, stopped, held_infeed, estop, manual, table;
    bool restored; /* the host cannot know yet: it may acknowledge above HEAD_SEQ */
    uint16_t fault, blocked, lane_full, heartbeat;
    struct mono beat_due;
    uint32_t item_step, out_step; /* position of the writers in the first post and fired */
    uint16_t item_words[MB_ITEM_WORDS], out_words[MB_OUT_WORDS];
    uint32_t spoil[PLC_SPOILS];
    /* host */
    struct {
        bool ok, changed;
        uint16_t seen;
        struct mono at, since; /* of the last change; ok or not since then */
        uint16_t echo;
    } host;
    struct {
        bool active, half;
        uint32_t off, n, cut;
        uint16_t words[PLC_WRITE_MAX];
    } write; /* the host write that the scan has not seen whole */
    struct mono adopted;
    struct mono intruder_until, intruder_due; /* rule 9: a second host */
    bool adopt_nagged;
    uint32_t used_epoch[PLC_EPOCHS], used_epochs;
    /* belt */
    int64_t pos, enc_zero; /* pulses */
    int64_t pos_frac;      /* 1e-9 pulses */
    struct plc_thing thing[PLC_BELT_MAX];
    uint32_t first, measure_next, decide_next,
        end; /* running indices into thing, mod PLC_BELT_MAX */
    uint32_t feed_left, rate_milli;
    struct mono feed_due;
    bool feed_waits;
    struct plc_stat stat;
};

static inline uint32_t plc_held(const struct plc *p)
{
    return p->k.head - p->k.oldest + 1;
}
static inline const uint16_t *plc_slot_image(const struct plc *p, uint32_t index)
{
    return p->k.image + MB_HOST_WORDS + (size_t)MB_SLOT_WORDS * index;
}
static inline struct plc_thing *plc_thing_at(struct plc *p, uint32_t i)
{
    return &p->thing[i % PLC_BELT_MAX];
}
static inline bool plc_runs(const struct plc *p)
{
    return !p->down && !p->stopped && !p->estop && p->fault == 0;
}
/* Reports; fills epoch, counts violations. */
void plc_say(struct plc *p, struct plc_event ev);
void plc_violation(struct plc *p, int rule, uint32_t seq, const char *what, struct mono at);
void plc_forget(struct plc *p); /* EPOCH := 0, rings and numbering gone */
void plc_boot_begin(struct plc *p, const char *how, struct mono now);
bool plc_inhibited(const struct plc *p);    /* b4: ring, epoch, end of the numbers */
bool plc_closing(const struct plc *p);      /* rule 1: the numbers end */
uint32_t plc_arriving(const struct plc *p); /* K of rule 8 */
uint32_t plc_enc(const struct plc *p);
uint32_t plc_uptime_ms(const struct plc *p, struct mono now);

/* plc_host.c */
void plc_host_scan(struct plc *p, struct mono now);
void plc_host_boot(struct plc *p, struct mono now);
/* plc_belt.c */
void plc_belt_scan(struct plc *p, struct mono now, int64_t elapsed_ns);
void plc_belt_untrack(struct plc *p);
/* plc_ring.c */
void plc_ring_post(struct plc *p, const struct plc_post *post, struct mono now);
void plc_ring_fire(struct plc *p, const struct plc_fired *fired, struct mono now);
void plc_ring_scan(struct plc *p, struct mono now);
void plc_ring_scrub(struct plc *p, uint32_t first_seq, uint32_t last_seq);
void plc_ring_boot(struct plc *p);
