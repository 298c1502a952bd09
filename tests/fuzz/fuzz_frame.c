/* Modbus answers: any bytes as the answer to any request. What is accepted is what was asked for.
 */
#include "controller/frame.h"
#include "tests/fuzz/fuzz.h"

void fuzz_setup(void)
{
}

void fuzz_one(const uint8_t *p, size_t n)
{
    static const uint8_t functions[] = {3, 4, 16, 23};
    struct feeder f = {p, n};
    struct want w = {.fc = functions[take_u8(&f) % 4], .addr = take_u16(&f), .waddr = take_u16(&f)};
    w.n = (uint16_t)(1 + take_u8(&f) % (w.fc == 16 ? 123 : 125));
    w.wn = (uint16_t)(1 + take_u8(&f) % 121);
    for (int i = 0; i < 123; i++)
        w.words[i] = (uint16_t)(i * 257);
    uint8_t pdu[FRAME_PDU_MAX];
    size_t len = frame_request(&w, pdu);
    assert(len >= 5 && len <= sizeof pdu && pdu[0] == w.fc);
    struct reply *r = calloc(1, sizeof *r);
    assert(r);
    int rc = f.n ? frame_reply(&w, f.p, f.n, r) : ERR_PROTOCOL;
    assert(rc == 0 || rc == ERR_EXCEPTION || rc == ERR_ECHO || rc == ERR_PROTOCOL);
    assert(rc == 0 || r->n == 0);
    assert(rc != 0 || r->n == (w.fc == 16 ? 0 : w.n));
    assert(rc != ERR_EXCEPTION || r->exception);
    free(r);
}
