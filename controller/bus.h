/* Whose turn it is on one serial port or TCP connection. Pure. Priority divert > mailbox >
 * telemetry, oldest first within one; pacing; after a timeout quarantine of the bus (RTU: silence ≥
 * the longest reply time; TCP: the link reconnects); breaker by (link, unit): a dead unit is probed
 * rarely and never while an item awaits its slot. */
#pragma once
#include "controller/device.h"

#define BUS_DEVICES_MAX 16

struct bus;
struct bus_options {
    bool serial;
    uint32_t guard_us;      /* silence between frames; t3.5 or the map's, the longer */
    uint32_t quarantine_ms; /* after a timeout on RTU */
    uint32_t breaker_fails, breaker_first_ms, breaker_max_ms;
};
struct bus *bus_new(const struct bus_options *o);
void bus_free(struct bus *b);
int bus_add(struct bus *b, const struct device *d); /* copied; self is borrowed */
bool bus_next(struct bus *b, struct mono now, struct want *ret, struct mono *ret_wake);
void bus_done(struct bus *b, const struct reply *r, struct mono now); /* for the want just given */
/* Worst ms that a unit which does not answer keeps the others waiting, when the link needs link_ms
 * for it (link_dead_ms). Pure. */
uint32_t bus_dead_ms(const struct bus_options *o, uint32_t link_ms);
/* The device that was asked last: its place in the order of adding, and its name. */
size_t bus_asked(const struct bus *b, const char **ret_name);
/* Counters for status: transactions, timeouts, exceptions, echo errors, breaker open per device. */
struct bus_counters {
    uint64_t transactions, timeouts, exceptions, echo_errors, link_errors;
    uint32_t open_breakers;
};
void bus_counters(const struct bus *b, struct bus_counters *ret);
/* The device of that unit lets these words be written. */
bool bus_may_write(const struct bus *b, uint8_t unit, uint16_t addr, uint16_t n);
/* Clean stop: from now on only last words are asked for; bus_next then ends with
 * wake MONO_NEVER. */
void bus_goodbye(struct bus *b);
