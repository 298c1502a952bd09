/* Can a line decide before the item is at the gate? Pure arithmetic of the configuration: worst
 * time from posting to a slot that the PLC sees, against the time that the belt gives. Sources of
 * the times: Modbus over serial line V1.02 (11 bits a character, 3.5 characters of silence), the
 * map's link. */
#pragma once
#include "base/err.h"
#include "plc-maps/map.h"

struct geometry {
    const struct map_link *link;
    uint32_t serial_baud; /* 0: TCP */
    uint32_t poll_ms;
    int64_t belt_um_per_s, distance_um; /* measuring point to the first gate */
    uint32_t lead_ms;                   /* of the actuator */
    /* How long another unit of the same bus can hold it when it is dead (bus_dead_ms): its timeout,
     * and behind it quarantine and draining on a serial port, on TCP the wait before the common
     * connection is made again. 0: the line is alone on its bus. */
    uint32_t neighbour_ms;
    const char *neighbour; /* its name; NULL: none */
};
/* Worst milliseconds: a poll just missed, header, record, slot, each with the device's turnaround,
 * host words in between, one scan. */
int64_t geometry_worst_ms(const struct geometry *g);
int64_t geometry_have_ms(const struct geometry *g);
/* 0, or ERR_RANGE naming the missing milliseconds and millimetres, and the neighbour. */
int geometry_check(const struct geometry *g, struct err *e);
