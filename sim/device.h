/* One simulated device: what a spec "kind:key=value,…" says and the machine behind
 * it. One thread. */
#pragma once
#include "sim/drive.h"
#include "sim/fault.h"
#include "sim/plc.h"
#include "sim/scale.h"
#include "sim/truth.h"

enum device_kind { DEVICE_SORTER, DEVICE_SCALE, DEVICE_DRIVE, DEVICE_KINDS };

struct device_cfg {
    enum device_kind kind;
    char name[32],
        pty[104];  /* pty: where its link stands, or an existing serial device; "" for TCP */
    uint16_t port; /* 0: a free one */
    uint8_t unit;
    bool fc23, wire; /* wire: replies take their time on a serial line of `baud` */
    uint32_t baud, scan_us, turnaround_us, settle_ms;
    struct plc_cfg plc;
};

struct device {
    struct device_cfg cfg;
    struct truth *truth; /* borrowed */
    struct faults faults;
    struct dice dice; /* of the faults */
    struct mono scan_due;
    struct mono off_until;    /* unplugged: nothing answers */
    struct mono refuse_until; /* only new connections are reset */
    struct plc *plc;          /* sorters; owned */
    struct scale scale;
    struct drive drive;
};

extern const char *const device_kind_words[DEVICE_KINDS];

/* Parses a spec; ERR_USAGE, ERR_KEY or ERR_RANGE with the offending text. seed: the program's. */
void device_help(void (*line)(const char *text)); /* the keys, a line a kind */
int device_parse(const char *spec, uint64_t seed, struct device_cfg *ret, struct err *e);
/* *d must stay where it is until device_close. salt as in plc_cfg. */
int device_open(struct device *d, const struct device_cfg *cfg, struct truth *truth, uint64_t salt,
                struct mono now, struct err *e);
void device_close(struct device *d); /* writes the {"ev":"end"} line */
/* Runs what is due; returns when it wants to run again. */
struct mono device_tick(struct device *d, struct mono now);
bool device_answers(const struct device *d, struct mono now);
bool device_one_connection(const struct device *d); /* rule 14 */
json_t *device_stat(const struct device *d);        /* new reference */
/* A word for the truth log of things that a sorter's events do not cover. */
void device_say(struct device *d, const char *ev, json_t *more); /* takes `more`; NULL allowed */
