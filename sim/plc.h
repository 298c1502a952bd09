/* The PLC side of the item mailbox (MAILBOX.md), adversarial: it scrubs what is acknowledged, shows
 * records half written and sees host writes half done. Pure: time is an argument, randomness a
 * seed, news go to a callback. One thread at a time; a struct plc holds no descriptor.
 *
 * Use: plc_scan at least every cfg.scan; between scans plc_read and plc_write as the Modbus server.
 * Person's actions (a hand at the machine) are the functions of the last block. */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include "sim/farm.h"
#include <stdbool.h>
#include <stdint.h>

struct plc;

struct plc_cfg {
    uint64_t seed, salt;  /* the salt makes nonces differ between runs of one seed */
    uint32_t base, host;  /* B and H; host 0: right behind the rings */
    uint32_t wrap_at;     /* rule 1; 0: 0xFFFF0000 */
    uint32_t rate_milli;  /* items per 1000 s that the infeed releases */
    uint32_t items;       /* how many to feed after start */
    uint32_t decision_ms; /* belt time from the measuring point to the decision point */
    uint32_t infeed_ms;   /* belt time from the infeed to the measuring point */
    uint32_t spacing_ms;  /* least belt time between two items */
    uint32_t boot_ms;     /* how long a reboot lasts */
    uint16_t ring_n, slot_m, n_outlets, default_outlet;
    uint16_t overflow;            /* outlet for blocked ones; 0: the default outlet */
    uint16_t pulses_per_m, speed; /* speed in pulses/s */
    uint16_t step_words; /* words of a record written per scan; a reader may look in between */
    uint16_t torn; /* permille of scans that leave the header half updated (with checks only) */
    bool checks, overwrite, retentive, table_mode, simulated;
    bool cut_writes; /* host writes become visible over two scans */
    enum farm_crop crop;
};
/* A line that works: ring 64, 10 items/s, 400 ms, 5 outlets, checks on. */
struct plc_cfg plc_cfg_default(void);

enum plc_event_kind {
#define E(name, word, keys) PLC_##name,
#include "sim/plc_events.def"
#undef E
    PLC_EVENT_KINDS
};
struct plc_event {
    enum plc_event_kind kind;
    uint32_t epoch, seq, out, count;
    uint16_t outlet, reason;
    bool late, on;
    int rule;         /* of MAILBOX.md; 0: the text around the rules */
    const char *what; /* borrowed, static */
    struct mono at;
    const struct farm_item *item; /* borrowed for the call */
    uint16_t item_flags;          /* FLAGS as posted */
    uint32_t item_len_pulses, item_t_ms;
};
struct plc_sink {
    void (*event)(void *ctx, const struct plc_event *ev);
    void *ctx;
};

struct plc_stat {
    uint32_t epoch, head, oldest, out_head, boot_nonce;
    uint32_t held, on_belt, feed_left;
    uint32_t fed, posted, decided, late, no_host, lost, unnumbered, unreported, violations,
        outcomes;
    uint32_t outlet[17]; /* physically arrived, by outlet; 0 stays empty */
    uint16_t state, fault, late_count, lost_count;
    bool up;
};

/* Called with a cfg whose bounds it checks: ERR_RANGE names the field in *e. */
int plc_new(const struct plc_cfg *cfg, struct plc_sink sink, struct mono now, struct plc **ret,
            struct err *e);
void plc_free(struct plc *p); /* NULL allowed */
void plc_scan(struct plc *p, struct mono now);
bool plc_up(const struct plc *p); /* false while it boots: nothing answers */
void plc_stat(const struct plc *p, struct plc_stat *ret);
uint32_t plc_host_base(const struct plc *p);

/* Modbus. 0 or the exception code 2 (outside the blocks; nothing done). n is 1…125 and 1…123; `at`
 * is when the request arrived. `rtu` turns on rule 12 for the reader. */
int plc_read(struct plc *p, uint32_t addr, uint32_t n, bool rtu, uint16_t *ret_words,
             struct mono at);
int plc_write(struct plc *p, uint32_t addr, const uint16_t *words, uint32_t n, struct mono at);

/* A hand at the machine. 0 or ERR_…, nothing done. */
void plc_feed(struct plc *p, uint32_t items, uint32_t rate_milli); /* rate 0: as it was */
void plc_place(struct plc *p,
               uint32_t items); /* put on the belt past the infeed, inhibited or not */
void plc_stop(struct plc *p);   /* the belt stops: what is on it is untracked */
void plc_hold_infeed(struct plc *p,
                     bool on); /* the infeed alone; feeding and resuming release it */
void plc_resume(struct plc *p);
void plc_estop(struct plc *p, bool on);      /* released: resume starts the belt */
void plc_trip(struct plc *p, uint16_t code); /* 0 clears the fault */
void plc_manual(struct plc *p, bool on);
void plc_table_mode(struct plc *p, bool on);
int plc_block(struct plc *p, uint16_t outlet, bool on);
int plc_lane_full(struct plc *p, uint16_t outlet, bool on);
int plc_restart_feed(struct plc *p);            /* ERR_BUSY while the host's bit stands */
void plc_clear(struct plc *p, struct mono now); /* a person clears the mailbox */
void plc_reboot(struct plc *p, bool lose_memory, struct mono now);
void plc_intrude(struct plc *p, struct mono until); /* another host beats in the same block */
void plc_freeze(struct plc *p, bool on); /* the CPU stops, its Modbus side goes on answering */
enum plc_spoil { PLC_SPOIL_RECORD, PLC_SPOIL_OUTCOME, PLC_SPOIL_UNIT, PLC_SPOILS };
void plc_spoil(struct plc *p, enum plc_spoil what, uint32_t n); /* the next n are unreadable */
void plc_backup(struct plc *p);                  /* keep a copy of the retentive memory */
int plc_restore(struct plc *p, struct mono now); /* and boot from it: rule 3 must notice */
