/* Modbus PDUs of the functions that lotline uses: 1 and 2 read bits, 3 and 4 registers, 16 writes,
 * 23 writes then reads. Pure. A reply is accepted only when every byte of it answers the request.
 */
#pragma once
#include "controller/device.h"
#include <stddef.h>

#define FRAME_PDU_MAX 253

/* The request from the function code on; returns its length. Asserts function and quantities. */
size_t frame_request(const struct want *w, uint8_t ret_pdu[FRAME_PDU_MAX]);
/* How many bytes the normal answer has, from the function code on. */
size_t frame_reply_size(const struct want *w);
/* Takes an answer from the function code on: 0 fills ret->n and ret->words; ERR_EXCEPTION fills
 * ret->exception; ERR_ECHO: FC16 confirmed another address or quantity; ERR_PROTOCOL: no answer to
 * w. */
int frame_reply(const struct want *w, const uint8_t *pdu, size_t n, struct reply *ret);
