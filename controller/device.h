/* Every device on a bus is a pure machine: want(now) says what it next asks of its bus, reply(…)
 * takes the answer. Words, addresses and times go in and out; no I/O, no clock, no allocation. Bus
 * thread. */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum prio { PRIO_DIVERT, PRIO_MAILBOX, PRIO_TELEMETRY }; /* lower goes first */

/* One Modbus transaction. fc 1, 2: read n bits at addr, 16 to a word of the answer, the lowest
 * first. fc 3, 4: read n words at addr. fc 16: write n words. fc 23: write wn
 * words at waddr, then read n words at addr. */
struct want {
    enum prio prio;
    uint8_t unit, fc;
    uint16_t addr, n, waddr, wn;
    uint16_t words[123]; /* what is written */
    uint32_t timeout_ms; /* for this answer */
    uint16_t tag;        /* the device's own, comes back untouched */
};
/* rc: 0; ERR_EXCEPTION (exception holds the code; the link is fine); ERR_TIMEOUT; ERR_LINK;
 * ERR_ECHO (the device confirmed something else than what was written: not confirmed); ERR_PROTOCOL
 * (what came is no answer to this request); ERR_DENIED (a write outside the device's window: never
 * sent). */
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
    /* The answer to the want that was given last. A want that was given may also never be executed:
     * want() changes nothing that a second call would not bring again. */
    void (*reply)(void *self, const struct want *w, const struct reply *r, struct mono now);
    /* The closed window of what may be written; NULL: nothing. */
    bool (*may_write)(void *self, uint16_t addr, uint16_t n);
    /* A request of another device to the same unit failed: its answer may still come. NULL: such an
     * answer cannot be taken for one of this device's. */
    void (*doubt)(void *self);
    /* At a clean stop: from now on want() gives only the last words. NULL: has none. */
    void (*goodbye)(void *self);
    void *self;
    /* Of its breaker; 0: as the bus has it. */
    uint32_t breaker_fails, breaker_first_ms, breaker_max_ms;
};
