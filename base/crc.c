/* CRC-16/MODBUS bit by bit: blocks are short, and a table would be one more thing to prove. */
#include "base/crc.h"

static uint16_t add(uint16_t crc, uint8_t byte)
{
    uint32_t c = (uint32_t)crc ^ byte;
    for (int bit = 0; bit < 8; bit++)
        c = (c & 1) ? (c >> 1) ^ 0xa001u : c >> 1;
    return (uint16_t)c;
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
