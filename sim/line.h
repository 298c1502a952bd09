/* A serial line on a pseudo terminal, or an existing serial device. */
#pragma once
#include "base/err.h"
#include <stdint.h>

/* If nothing stands at path, a new pty appears there as a symbolic link; a character device is
 * opened as it is. Raw, 8N1. *ret_keep (the pty's other end, or −1) stays open so that hosts may
 * come and go. */
int line_open(const char *path, uint32_t baud, int *ret_fd, int *ret_keep, struct err *e);
/* Silence that ends a frame. Source: Modbus over serial line V1.02, 2.5.1.1. */
int64_t line_silence_ns(uint32_t baud);
/* How long n characters of 11 bits take. */
int64_t line_wire_ns(uint32_t baud, int64_t n);
