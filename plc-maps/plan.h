/* What a map costs its bus: figures for people, for the configuration and for golden
 * vectors. Pure. */
#pragma once
#include "plc-maps/map.h"

struct map_cost {
    int64_t
        poll_us; /* worst: every request once; a mailbox: header, one record, slot, host words */
    int64_t longest_us; /* worst: the longest single request that the link allows */
    int64_t dead_us;    /* a device that does not answer: every request to its timeout */
};
/* baud 0: TCP, where only the device's own delay counts. Wire time: 11 bits a character and 3.5
 * characters of silence on both sides (1.75 ms above 19200 baud); Modbus over serial line
 * V1.02, 2.5.1. */
struct map_cost map_cost(const struct map *m, uint32_t baud);
