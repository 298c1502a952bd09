/* CRC-16/MODBUS (poly 0xA001 reflected, init 0xFFFF) over 16-bit words as big-endian bytes.
 * Source: Modbus over serial line V1.02, 6.2.2. Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>

uint16_t crc16_bytes(uint16_t crc, const uint8_t *p, size_t n); /* start with 0xFFFF */
uint16_t crc16_words(uint16_t crc, const uint16_t *w, size_t n);
