/* Modbus PDUs, built and compared byte for byte (Modbus Application Protocol V1.1b3, 6.1 to 6.4,
 * 6.12, 6.17). Pure. libmodbus 3.1.6 compares only the quantity of FC16 and no address, so the
 * daemon does not rely on its comparisons at all. */
#include "controller/frame.h"
#include <assert.h>
#include <string.h>

static uint8_t *put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint8_t *put_words(uint8_t *p, const uint16_t *words, uint16_t n)
{
    *p++ = (uint8_t)(2 * n);
    for (uint16_t i = 0; i < n; i++)
        p = put16(p, words[i]);
    return p;
}

static bool is_bits(const struct want *w)
{
    return w->fc == 1 || w->fc == 2;
}

static void check_want(const struct want *w)
{
    assert(is_bits(w) || w->fc == 3 || w->fc == 4 || w->fc == 16 || w->fc == 23);
    assert(w->n >= 1 && w->n <= (is_bits(w) ? 2000 : w->fc == 16 ? 123 : 125));
    assert(w->fc != 23 || (w->wn >= 1 && w->wn <= 121));
}

size_t frame_request(const struct want *w, uint8_t ret_pdu[FRAME_PDU_MAX])
{
    check_want(w);
    uint8_t *p = ret_pdu;
    *p++ = w->fc;
    p = put16(p, w->addr);
    p = put16(p, w->n);
    if (w->fc == 23) {
        p = put16(p, w->waddr);
        p = put16(p, w->wn);
        p = put_words(p, w->words, w->wn);
    } else if (w->fc == 16) {
        p = put_words(p, w->words, w->n);
    }
    return (size_t)(p - ret_pdu);
}

static size_t data_size(const struct want *w)
{
    return is_bits(w) ? (w->n + 7u) / 8 : 2 * (size_t)w->n;
}

size_t frame_reply_size(const struct want *w)
{
    return w->fc == 16 ? 5 : 2 + data_size(w);
}

/* Eight bits a byte, the lowest first; what fills up the last byte means nothing. */
static void take_bits(const struct want *w, const uint8_t *data, struct reply *ret)
{
    ret->n = (uint16_t)((w->n + 15u) / 16);
    memset(ret->words, 0, ret->n * sizeof(uint16_t));
    for (uint16_t i = 0; i < w->n; i++)
        ret->words[i / 16] |= (uint16_t)(((unsigned)data[i / 8] >> i % 8 & 1u) << i % 16);
}

static void take_words(const struct want *w, const uint8_t *data, struct reply *ret)
{
    ret->n = w->n;
    for (uint16_t i = 0; i < w->n; i++)
        ret->words[i] = get16(data + (size_t)2 * i);
}

/* An FC23 request that comes back may have the form of its answer, and one for 17 to 24 bits too:
 * as many bytes, and the byte count where its address is. */
static bool is_request(const struct want *w, const uint8_t *pdu, size_t n)
{
    uint8_t sent[FRAME_PDU_MAX];
    return frame_request(w, sent) == n && memcmp(sent, pdu, n) == 0;
}

int frame_reply(const struct want *w, const uint8_t *pdu, size_t n, struct reply *ret)
{
    check_want(w);
    if (n == 2 && pdu[0] == (w->fc | 0x80) && pdu[1] != 0) {
        ret->exception = pdu[1];
        return ERR_EXCEPTION;
    }
    if (n != frame_reply_size(w) || pdu[0] != w->fc)
        return ERR_PROTOCOL;
    if (w->fc == 16)
        return get16(pdu + 1) == w->addr && get16(pdu + 3) == w->n ? 0 : ERR_ECHO;
    if (pdu[1] != data_size(w) || ((w->fc == 23 || is_bits(w)) && is_request(w, pdu, n)))
        return ERR_PROTOCOL;
    if (is_bits(w))
        take_bits(w, pdu + 2, ret);
    else
        take_words(w, pdu + 2, ret);
    return 0;
}
