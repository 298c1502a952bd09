/* Frames. Thread: the program's; owns nothing.
 * Invariants: 1 faults are counted per request that reaches the device, on every link alike; 2 a
 * request is carried out at most once, before its reply is spoiled. */
#include "sim/reply.h"
#include "base/crc.h"
#include "sim/line.h"
#include "sim/pdu.h"
#include <string.h>

enum { MBAP = 7 };

size_t reply_tcp_length(const uint8_t *p)
{
    size_t len = (size_t)p[4] << 8 | p[5];
    if (p[2] || p[3] || len < 2 || len > 254)
        return 0;
    return 6 + len;
}

bool reply_rtu_crc(const uint8_t *frame, size_t n)
{
    if (n < 4)
        return false;
    uint16_t c = crc16_bytes(0xFFFF, frame, n - 2);
    return frame[n - 2] == (uint8_t)c && frame[n - 1] == (uint8_t)(c >> 8);
}

/* The PDU of the reply into `pdu`, or 0 for silence. */
static size_t carry_out(struct device *d, const struct fault_hit *hit, const uint8_t *req, size_t n,
                        bool rtu, struct mono at, uint8_t *pdu)
{
    if (fault_is(hit, FAULT_DEAF))
        return 0;
    if (fault_is(hit, FAULT_EXCEPTION))
        return pdu_exception(req[0], hit->code ? hit->code : 4, pdu);
    size_t got = pdu_answer(d, req, n, rtu, pdu, at);
    bool mute = fault_is(hit, FAULT_SILENCE) || fault_is(hit, FAULT_HALF_OPEN) ||
                fault_is(hit, FAULT_RESET);
    return mute ? 0 : got;
}

static void finish(struct device *d, const struct fault_hit *hit, size_t n, size_t unit,
                   size_t data, struct reply *r)
{
    r->cut = fault_is(hit, FAULT_RESET)       ? REPLY_CUT_RESET
             : fault_is(hit, FAULT_HALF_OPEN) ? REPLY_CUT_MUTE
                                              : REPLY_CUT_NONE;
    r->delay_ns = (int64_t)d->cfg.turnaround_us * 1000;
    if (fault_is(hit, FAULT_LATE))
        r->delay_ns += (int64_t)hit->ms * 1000000;
    if (n == 0)
        return;
    r->n = fault_spoil(hit, &d->dice, r->bytes, n, unit, data);
    if (fault_is(hit, FAULT_DUPLICATE)) {
        memcpy(r->bytes + r->n, r->bytes, r->n);
        r->n *= 2;
    }
}

void reply_tcp(struct device *d, const uint8_t *frame, size_t n, struct mono at, struct reply *ret)
{
    *ret = (struct reply){0};
    if (frame[6] != d->cfg.unit)
        return;
    struct fault_hit hit = fault_next(&d->faults);
    size_t pdu = carry_out(d, &hit, frame + MBAP, n - MBAP, false, at, ret->bytes + MBAP);
    memcpy(ret->bytes, frame, MBAP);
    ret->bytes[4] = (uint8_t)((pdu + 1) >> 8);
    ret->bytes[5] = (uint8_t)(pdu + 1);
    finish(d, &hit, pdu ? MBAP + pdu : 0, 6, MBAP + 1, ret);
}

void reply_rtu(struct device *d, const uint8_t *frame, size_t n, struct mono at, struct reply *ret)
{
    *ret = (struct reply){0};
    struct fault_hit hit = fault_next(&d->faults);
    size_t pdu = carry_out(d, &hit, frame + 1, n - 3, true, at, ret->bytes + 1);
    ret->bytes[0] = frame[0];
    uint16_t c = crc16_bytes(0xFFFF, ret->bytes, pdu + 1);
    ret->bytes[pdu + 1] = (uint8_t)c;
    ret->bytes[pdu + 2] = (uint8_t)(c >> 8);
    finish(d, &hit, pdu ? pdu + 3 : 0, 0, 2, ret);
    if (d->cfg.wire)
        ret->delay_ns += line_wire_ns(d->cfg.baud, (int64_t)(n + ret->n));
}
