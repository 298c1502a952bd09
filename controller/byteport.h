/* A stream of characters to and from a device: a serial port or a TCP connection, without a
 * protocol of its own. Opens itself again when it was lost, at once when it had carried something,
 * else with backoff (100 … 700 ms). Never waits but for a connect (at most 300 ms). Owned by one
 * thread. Serial ports are taken with flock and TIOCEXCL; a character with wrong parity or stop bit
 * reads as zero. */
#pragma once
#include "base/clock.h"
#include "controller/link.h"

struct byteport;
bool byteport_speed_ok(uint32_t baud); /* a speed that serial ports have */
/* The same options as a link's. Opens nothing yet. ERR_RANGE, ERR_NOMEM. */
int byteport_new(const struct link_options *o, struct byteport **ret, struct err *e);
void byteport_free(struct byteport *p);
/* Opens when it is closed and due. true: it is open. *ret_due: when to try again. */
bool byteport_open(struct byteport *p, struct mono now, struct mono *ret_due);
int byteport_fd(const struct byteport *p); /* −1 while closed */
/* What has come, at most `size`: its length, 0: nothing more; ERR_LINK: lost and closed. */
int byteport_read(struct byteport *p, uint8_t *buf, size_t size, struct mono now);
/* All n bytes or ERR_LINK. */
int byteport_write(struct byteport *p, const uint8_t *buf, size_t n, struct mono now);
/* Throws away what has come and not been read. */
void byteport_flush(struct byteport *p);
