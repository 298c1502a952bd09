/* From a request frame to the bytes of its reply: unit, device, faults. No sockets; one thread. */
#pragma once
#include "sim/device.h"

enum { FRAME_MAX = 260, REPLY_CUT_NONE = 0, REPLY_CUT_RESET = 1, REPLY_CUT_MUTE = 2 };

struct reply {
    uint8_t bytes[2 * FRAME_MAX]; /* twice one frame when duplicated */
    size_t n;                     /* 0: silence */
    int64_t delay_ns;
    int cut; /* REPLY_CUT_…: what happens to the connection */
};
/* A whole MBAP frame for d. A wrong unit id gives silence. */
void reply_tcp(struct device *d, const uint8_t *frame, size_t n, struct mono at, struct reply *ret);
/* A whole RTU frame with a good CRC for d (its unit matches). */
void reply_rtu(struct device *d, const uint8_t *frame, size_t n, struct mono at, struct reply *ret);
bool reply_rtu_crc(const uint8_t *frame, size_t n); /* the CRC holds */
/* Length of the MBAP frame that begins at p, from its first 6 bytes; 0: no Modbus at all. */
size_t reply_tcp_length(const uint8_t *p);
