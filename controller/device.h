/* Every device on a bus is a pure machine: want(now) says what it next asks of its bus, reply(…) takes
 * the answer. Words, addresses and times go in and out; no I/O, no clock, no allocation. Bus thread. */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum prio { PRIO_DIVERT, PRIO_MAILBOX, PRIO_TELEMETRY }; /* lower goes first */

/* One Modbus transaction. fc 3, 4: read n words at addr. fc 16: write n words. fc 23: write wn words at
 * waddr, then read n words at addr. */
struct want {
    enum prio prio;
    uint8_t unit, fc;
    uint16_t addr, n, waddr, wn;
    uint16_t words[123];   /* what is written */
    uint32_t timeout_ms;   /* for this answer */
    uint16_t tag;          /* the device's own, comes back untouched */
};
/* rc: 0; ERR_EXCEPTION (exception holds the code; the link is fine); ERR_TIMEOUT; ERR_LINK; ERR_ECHO
 * (the device confirmed something else than what was written: not confirmed). */
struct reply {
    int rc;
    uint8_t exception;
    uint16_t n;
    uint16_t words[125];
    struct mono sent, got;
};
struct device {
    const char *name; /* of the configuration */
    uint8_t unit;
    /* false: nothing to ask before *ret_wake. true: *ret is due now. */
    bool (*want)(void *self, struct mono now, struct want *ret, struct mono *ret_wake);
    void (*reply)(void *self, const struct want *w, const struct reply *r, struct mono now);
    void *self;
};
