/* The simulated shed: one process, one thread, virtual time, one seed. The programs' own machines
 * run as they are (bus, mailbox, decide, line, scale, station, the daemon's turn, the record on a
 * real SQLite, publisher, window, cursor); simulated are what lies outside them: clock, chance,
 * wires, PLC, scale, disk, broker, buyer, people.
 *
 * Every part has a `due` time; main() runs the earliest, so a seed replays bit for bit. Each notes
 * what it does with trace(); equal hashes mean equal histories. */
#pragma once
#include "base/clock.h"
#include "sim/dice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct world {
    uint64_t seed;
    struct dice dice;   /* of everything outside the programs */
    struct dice random; /* nonces, keys, jitter of the programs */
    struct mono now;
    int64_t wall_ms; /* the wall's clock at mono 0; stepped by faults */
    uint64_t trace;
    bool calm; /* no new faults: liveness is judged */
    bool clock_stepped;
    FILE *log;     /* NULL: nobody reads along */
    char dir[128]; /* key and lock files; store.db lives on the simulated disk */
    /* what happened, for the report */
    uint32_t items, kills, cuts, reboots, faults, events, weighings, calms;
};
extern struct world w;

void trace(const char *what, int64_t a, int64_t b, int64_t c);
/* An invariant does not hold: says seed, time and what, and ends the process with 1. */
void wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
bool chance(uint32_t permille);
int64_t between_ms(int32_t lo, int32_t hi); /* in nanoseconds */
struct mono in_ms(int32_t lo, int32_t hi);

/* plant.c: PLC, scale, and the two wires to them. */
struct plant_options {
    uint32_t rate_milli, scan_ms, ring_n, wrap_at;
    bool rtu, checks, retentive_only, table_mode, overwrite;
};
void plant_start(const struct plant_options *o);
struct mono plant_due(void);
void plant_run(void); /* what is due now */
int plant_transact(int wire, bool read, uint8_t unit, uint16_t addr, uint16_t n, uint16_t *words);
bool plant_wire_up(int wire);
bool plant_answers(int wire);
void plant_wire_down(int wire, int64_t ns);
uint32_t plant_loss(int wire);     /* permille */
uint32_t plant_garble(int wire);   /* permille of readings that come wrong */
struct mono plant_disturbed(void); /* when the PLC or its wire was last in trouble */
struct plc_stat;
void plant_stat(struct plc_stat *ret, uint32_t *ret_host);
const struct plant_options *plant_options(void);
bool plant_table(void); /* the PLC sorts by its own table */
bool plant_was_blocked(uint16_t outlet);
bool plant_was_restored(void);
bool plant_was_intruded(void);
bool plant_left(uint32_t epoch);
void plant_dip(void);            /* the power of the machine: an epoch is wanted */
void plant_soon_put_right(void); /* a person goes to the machine */
void plant_fault(void);          /* one more trouble at the machine */
void plant_tidy(void);           /* a person puts the machine right and lets the belt run empty */
void plant_feed(void);
bool plant_empty(void);          /* nothing on the belt, nothing unacknowledged */
const char *plant_words(void);   /* its state, for a complaint */
void plant_quarantined(bool on); /* as a person sees it on the screen */
void plant_load(int64_t mg);
void plant_stop(void);
/* The truth, for judging rows. false: the PLC never showed it. */
struct truth_item {
    uint32_t epoch, seq;
    int64_t net_mg;
    int32_t dia_um;
    uint16_t flags, defects;
    uint16_t outlet;           /* of the slot that the PLC took; 0 none */
    uint16_t slot;             /* first written for it; 0 none */
    struct mono first, newest; /* readings of its record */
    bool spoiled, lost;        /* lost: overwritten while nobody had acknowledged it */
    bool twice, differs;       /* the PLC's memory was put back and it used the number again, */
    int64_t now_mg;            /* for this one; differs: not acknowledged yet */
    int32_t now_dia_um;
};
struct truth_outcome {
    uint32_t epoch, out, seq;
    uint16_t outlet, reason;
    bool spoiled, twice;
};
const struct truth_item *truth_item(uint32_t epoch, uint32_t seq);
struct truth_item *truth_of(uint32_t epoch, uint32_t seq);
const struct truth_outcome *truth_outcome(uint32_t epoch, uint32_t out);
uint32_t truth_unnumbered(uint32_t epoch); /* what passed before its first item */
uint32_t truth_acked(uint32_t epoch), truth_acked_out(uint32_t epoch); /* as the PLC took it */
uint32_t truth_top(uint32_t epoch), truth_top_out(uint32_t epoch);     /* newest shown */
size_t truth_epochs(void);
uint32_t truth_epoch(size_t i);

/* host.c: lotlined without its threads, its socket and its wires. */
#define SHED_CONFIGS 4 /* of them one is of TCP or of RTU, with the PLC's checks or without */
void shed_config(size_t i, const char *yaml);
void shed_begin(size_t config); /* files in w.dir */
void shed_up(void);
void shed_kill(bool cut);
void shed_stop(void); /* as systemd stops it */
bool shed_running(void);
struct mono shed_due(void);
void shed_run(void);
void shed_fault(void); /* one more trouble with disk or clock, or its death */
void shed_heal(void);
bool shed_quarantined(void);
void shed_judge(bool all); /* the record against the truth; all: liveness too */
void shed_finish(void);    /* stopped: the whole record, its proofs, its projections */
bool shed_acknowledged(uint32_t epoch, uint32_t seq, uint32_t out);
void shed_adopted(uint32_t epoch); /* by the PLC, just now */
bool shed_differs(uint32_t epoch, uint32_t seq, int64_t net_mg, int32_t dia_um);
struct shed_station {
    const char *state;
    uint32_t placement;
    int64_t net_mg;
};
bool shed_station(struct shed_station *ret);
/* A request of a person; false: nobody takes it now. Its answer comes to hands_answer. */
bool shed_ask(const char *verb, const char *request_id, void *args /* json_t, taken over */);

/* watch.c: what lotlined reads and writes at the PLC. */
void watch_start(void); /* a new lotlined */
void watch_read(uint16_t addr, uint16_t n);
void watch_write(uint16_t addr, uint16_t n, const uint16_t *words, bool quarantined);
void watch_tick(bool record_failed);

/* hands.c: the people. */
void hands_start(void);
struct mono hands_due(void);
void hands_run(void);
void hands_answer(const char *request_id, int rc, const char *text,
                  const void *result /* json_t */);
void hands_lost(void); /* the daemon died: no answer will come */
void hands_rest(bool on);
bool hands_resting(void);
bool hands_feed_stop(struct mono *ret_since);         /* asked for and answered */
bool hands_run_at(struct mono at, uint32_t *ret_run); /* false: not certain */
bool hands_weighing_open(void);        /* one may be recorded that nobody has heard of */
int64_t hands_waited_ms(uint32_t run); /* from the first stop to its end; INT64_MAX: not ended */
size_t hands_weighings(void);
const char *hands_weighing(size_t i, int64_t *ret_mg); /* id that was answered; "" none */

/* buyer.c: publisher program, broker, buyer. */
void buyer_start(void);
struct mono buyer_due(void);
void buyer_run(void);
void buyer_head(void); /* the record grew */
void buyer_fault(void);
void buyer_dip(void);
void buyer_heal(void);
void buyer_judge(bool all); /* what the buyer has is what the record says; all: and it has all */
void buyer_stop(void);
void buyer_finish(void); /* stopped: a cursor of another history is refused */
