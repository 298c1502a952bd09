/* CRC-16/MODBUS four bits at a time: step[n] is what four turns of the register make of n. */
#include "base/crc.h"

static const uint16_t step[16] = {
    0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00, 0x2800, 0xe401,
    0xa001, 0x6c00, 0x7800, 0xb401, 0x5000, 0x9c01, 0x8801, 0x4400,
};

static uint16_t add(uint16_t crc, uint8_t byte)
{
    uint32_t c = (uint32_t)crc ^ byte;
    c = (c >> 4) ^ step[c & 15];
    return (uint16_t)((c >> 4) ^ step[c & 15]);
}

uint16_t crc16_bytes(uint16_t crc, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        crc = add(crc, p[i]);
    return crc;
}

uint16_t crc16_words(uint16_t crc, const uint16_t *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        crc = add(add(crc, (uint8_t)(w[i] >> 8)), (uint8_t)(w[i] & 0xff));
    return crc;
}
