/* A Modbus request's PDU answered by a device: function codes, their bounds, the exceptions.
 * No sockets, no framing; one thread. Source: Modbus application protocol V1.1b3, 6. */
#pragma once
#include "sim/device.h"

enum { PDU_MAX = 253 };

/* n ≥ 1 bytes in, the reply's length (2…253) out; ret holds PDU_MAX. rtu: it came over a serial
 * line. */
size_t pdu_answer(struct device *d, const uint8_t *req, size_t n, bool rtu, uint8_t *ret,
                  struct mono at);
/* The exception reply to a request; ret holds 2 bytes. Returns 2. */
size_t pdu_exception(uint8_t fc, int code, uint8_t *ret);
