/* make check-links: the link (controller/link.c) against a slave whose registers identify
 * themselves, through a proxy that breaks what can break between them. One process: a thread for
 * the slave, one for the proxy, one for each lane that asks.
 *
 * A lane is one connection: driver → TCP or pty → proxy → slave. The slave counts the requests of a
 * lane; a register's value says its unit, function, address and that count, a written word the
 * number of its write. So no answer but the one to this very request can pass. */
#pragma once
#include "controller/device.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

enum { LANES_MAX = 160, FRAME_ROOM = 272, DONE_ROOM = 4096, MAILBOXES = 8, EXCEPTIONS = 12 };

enum fault {
    FAULT_NONE,
#define F(name, word, where) FAULT_##name,
#include "tests/links/faults.def"
#undef F
    FAULTS
};
/* What lasts until it heals. */
enum outage {
    OUTAGE_NONE,
    OUTAGE_SILENT,  /* requests are swallowed */
    OUTAGE_REFUSED, /* TCP: nobody listens */
    OUTAGE_RESET,   /* TCP: every new connection is reset */
    OUTAGE_HOLE,    /* TCP: not even the connect is answered */
    OUTAGE_NOISE,   /* serial: bytes without an end */
    OUTAGE_GONE,    /* serial: no port */
    OUTAGES
};
enum lane_kind { LANE_TCP, LANE_RTU, LANE_MAILBOX };

struct link;
struct mailbox_lane;
struct lane {
    int no;
    enum lane_kind kind;
    uint32_t timeout_ms;
    bool plain; /* libmodbus alone, to see that the witness sees */
    bool deep;  /* mailbox: what is asked is spoiled too */
    /* proxy and driver */
    uint16_t port;               /* TCP */
    char path[64];               /* serial: a link to the pty */
    _Atomic int per_mille, only; /* faults of requests; only: this one */
    _Atomic int outage;          /* wanted; the proxy sets it back when it healed */
    _Atomic int outage_ms;
    _Atomic int64_t healed_ns; /* 0: not yet */
    _Atomic int dead_unit;     /* 0: none; its requests are lost */
    _Atomic unsigned requests, connects;
    /* slave and driver */
    int up[2]; /* SOCK_SEQPACKET: proxy's end, slave's end */
    _Atomic uint32_t count;
    _Atomic uint32_t done[DONE_ROOM]; /* number of the write that was carried out, by number */
    struct mailbox_lane *mailbox;
    int flaps;
    _Atomic int reached; /* 1: a tenth of them, 2: go on, 3: all, 4: go on */
    pthread_t thread;
};

/* Counts of all. */
struct link_tally {
    _Atomic uint64_t fault[FAULTS], exception[EXCEPTIONS];
    _Atomic uint64_t late_same, late_other; /* late answers into a later request: alike or not */
    _Atomic uint64_t wrong, false_confirmed, torn_writes, ok, noticed, down, too_late;
};
extern struct link_tally tally;
extern struct lane lanes[LANES_MAX];
extern int n_lanes;
extern _Atomic bool stopping;
extern uint64_t seed;
extern const char *const fault_words[FAULTS];

#define RTU_QUARANTINE 2 /* timeouts, as config_check.c has it */
enum { RTU_BAUD = 921600 };

/* ---- small things ---- */

static inline uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint32_t dice(uint64_t *state, uint32_t n) /* 0 … n−1 */
{
    return (uint32_t)((mix(*state += 0x9e3779b97f4a7c15u) >> 32) % n);
}

static inline uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* Of the register at addr, seen by the count-th request. FC23 reads what FC3 does. */
static inline uint16_t register_value(const struct lane *l, uint8_t unit, uint8_t fc, uint16_t addr,
                                      uint32_t count)
{
    uint64_t who = (uint64_t)l->no << 56 | (uint64_t)unit << 48 | (uint64_t)(fc == 4) << 47;
    return (uint16_t)mix(mix(who | addr) ^ (uint64_t)count << 16);
}

/* The i-th word of write `id`: its number, then words that belong to it. */
static inline uint16_t written_word(uint32_t id, uint32_t i)
{
    return i == 0   ? (uint16_t)(id >> 16)
           : i == 1 ? (uint16_t)id
                    : (uint16_t)mix((uint64_t)id << 8 | i);
}

_Noreturn void give_up(const char *what);

/* slave.c */
void slave_start(void);
void slave_stop(void);
/* proxy.c */
void proxy_open(struct lane *l); /* before proxy_start: a port or a pty */
void proxy_start(void);
void proxy_stop(void);
/* drive.c */
struct link *drive_link(const struct lane *l);
void *drive_storm(void *lane);    /* until `stopping` */
void *drive_recovery(void *lane); /* so many outages as the run has */
void *drive_flaps(void *lane);    /* l->flaps times up and down */
void drive_judge(struct lane *l, const struct want *w, const struct reply *r, uint32_t before);
enum { HISTOGRAM = 40000, OVER_STEP_US = 50, RECOVERY_STEP_US = 100 };
extern int recoveries, outage_most_ms;
extern _Atomic uint64_t over_at[HISTOGRAM], recovery_at[HISTOGRAM];
int64_t histogram_at(const _Atomic uint64_t *h, unsigned per_mille); /* in steps */
extern _Atomic int64_t over_worst_ns;                                /* beyond the deadline */
/* Of the fourth-worst call, without the time its thread waited for a processor; TCP, RTU. */
extern _Atomic int64_t over_own_ns[2];
extern _Atomic int64_t recovery_worst_ns; /* beyond the lane's timeout */
/* mailbox.c */
void mailbox_lane_new(struct lane *l);
void mailbox_lane_free(struct lane *l);
void *mailbox_drive(void *lane);                    /* until `stopping`, then until all is in */
void mailbox_scan(struct lane *l, struct mono now); /* slave's thread */
bool mailbox_checked(const struct lane *l, uint32_t addr); /* a word written that has a check */
int mailbox_words(struct lane *l, const struct want *w, uint16_t *ret, struct mono now);
struct mailbox_sum {
    uint64_t items, outcomes, gaps, wrong, alarms, violations, missing;
};
void mailbox_judge(struct lane *l, struct mailbox_sum *add);
/* share.c: several units on one connection, one of them dead */
struct share {
    unsigned first,
        rest; /* good answers of the live: in the first tenth of the time, in the time */
};
void share_run(struct lane *l, bool one_dead, int ms, struct share *ret);
