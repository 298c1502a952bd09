/* Requests in, replies out. Thread: the program's; owns nothing.
 * Invariants: 1 a function that the device's kind does not list is refused with 01; 2 quantities
 * and lengths that do not fit are 03, addresses 02, and then nothing was done. */
#include "sim/pdu.h"
#include <string.h>

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* ---- a device's registers ---- */

struct request {
    struct device *d;
    bool rtu;
    struct mono at;
};

static int words_read(const struct request *q, uint32_t addr, uint32_t n, uint16_t *ret)
{
    if (addr + n > 65536)
        return 2;
    switch (q->d->cfg.kind) {
    case DEVICE_SORTER: return plc_read(q->d->plc, addr, n, q->rtu, ret, q->at);
    case DEVICE_SCALE: return scale_read(&q->d->scale, addr, n, ret);
    case DEVICE_DRIVE: return drive_read(&q->d->drive, addr, n, ret);
    case DEVICE_KINDS: break;
    }
    return 4;
}

static int words_write(const struct request *q, uint32_t addr, uint32_t n, const uint8_t *bytes)
{
    uint16_t w[123];
    for (uint32_t i = 0; i < n; i++)
        w[i] = get16(bytes + (size_t)2 * i);
    if (addr + n > 65536)
        return 2;
    switch (q->d->cfg.kind) {
    case DEVICE_SORTER: return plc_write(q->d->plc, addr, w, n, q->at);
    case DEVICE_SCALE: return scale_write(&q->d->scale, addr, w, n, q->at);
    case DEVICE_DRIVE:
    case DEVICE_KINDS: break;
    }
    return 1;
}

/* ---- function codes: each returns an exception code, or 0 and the reply after the
 * code byte ---- */

static int reply_words(const struct request *q, uint32_t addr, uint32_t n, uint8_t *ret,
                       size_t *ret_n)
{
    uint16_t w[125];
    int code = words_read(q, addr, n, w);
    if (code)
        return code;
    ret[0] = (uint8_t)(2 * n);
    for (uint32_t i = 0; i < n; i++)
        put16(ret + 1 + (size_t)2 * i, w[i]);
    *ret_n = 1 + 2 * (size_t)n;
    return 0;
}

static int read_holding(const struct request *q, const uint8_t *p, size_t n, uint8_t *ret,
                        size_t *ret_n)
{
    uint32_t count = n == 4 ? get16(p + 2) : 0;
    if (count < 1 || count > 125)
        return 3;
    return reply_words(q, get16(p), count, ret, ret_n);
}

static int write_one(const struct request *q, const uint8_t *p, size_t n, uint8_t *ret,
                     size_t *ret_n)
{
    if (n != 4)
        return 3;
    int code = words_write(q, get16(p), 1, p + 2);
    memcpy(ret, p, 4);
    *ret_n = 4;
    return code;
}

static int write_many(const struct request *q, const uint8_t *p, size_t n, uint8_t *ret,
                      size_t *ret_n)
{
    uint32_t count = n >= 5 ? get16(p + 2) : 0;
    if (count < 1 || count > 123 || p[4] != 2 * count || n != 5 + 2 * (size_t)count)
        return 3;
    int code = words_write(q, get16(p), count, p + 5);
    memcpy(ret, p, 4);
    *ret_n = 4;
    return code;
}

/* FC23: the write happens first. */
static int write_read(const struct request *q, const uint8_t *p, size_t n, uint8_t *ret,
                      size_t *ret_n)
{
    if (n < 9)
        return 3;
    uint32_t reads = get16(p + 2), writes = get16(p + 6);
    if (reads < 1 || reads > 125 || writes < 1 || writes > 121 || p[8] != 2 * writes ||
        n != 9 + 2 * (size_t)writes)
        return 3;
    uint16_t probe[125];
    int code =
        words_read(q, get16(p), reads, probe); /* nothing executed when the read is refused */
    if (code == 0)
        code = words_write(q, get16(p + 4), writes, p + 9);
    return code ? code : reply_words(q, get16(p), reads, ret, ret_n);
}

static const struct fc_row {
    uint8_t fc;
    int kinds;
    bool if_fc23;
    int (*run)(const struct request *, const uint8_t *, size_t, uint8_t *, size_t *);
} rows[] = {
    {3, 1 << DEVICE_SORTER | 1 << DEVICE_SCALE | 1 << DEVICE_DRIVE, false, read_holding},
    {6, 1 << DEVICE_SCALE, false, write_one},
    {16, 1 << DEVICE_SORTER | 1 << DEVICE_SCALE, false, write_many},
    {23, 1 << DEVICE_SORTER, true, write_read},
};

size_t pdu_exception(uint8_t fc, int code, uint8_t *ret)
{
    ret[0] = fc | 0x80;
    ret[1] = (uint8_t)code;
    return 2;
}

size_t pdu_answer(struct device *d, const uint8_t *req, size_t n, bool rtu, uint8_t *ret,
                  struct mono at)
{
    struct request q = {d, rtu, at};
    size_t body = 0;
    int code = 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].fc == req[0] && (rows[i].kinds >> d->cfg.kind & 1) &&
            (!rows[i].if_fc23 || d->cfg.fc23))
            code = rows[i].run(&q, req + 1, n - 1, ret + 1, &body);
    if (code)
        return pdu_exception(req[0], code, ret);
    ret[0] = req[0];
    return 1 + body;
}
