/* Modbus servers of all devices on one poll(): TCP (MBAP) on 127.0.0.1 and RTU (CRC, silence) on a
 * pty. Answers are late, spoiled or missing as the faults say. One thread.
 *
 * Turn: serve_fds → poll until min(serve_due, …) → serve_ready. */
#pragma once
#include "sim/device.h"
#include <poll.h>

enum { SERVE_FDS_MAX = 96 };

struct serve;
int serve_new(struct serve **ret);
void serve_free(struct serve *s); /* NULL allowed; takes pty links away */
/* Gives a device its own TCP port, or a place on the pty it names. *d is borrowed until serve_free.
 * The port found goes into d->cfg.port. */
int serve_add(struct serve *s, struct device *d, struct err *e);
size_t serve_fds(const struct serve *s, struct pollfd *ret, size_t cap);
void serve_ready(struct serve *s, const struct pollfd *fds, size_t n);
/* Sends what is due, ends frames that fell silent, cuts connections of devices that are off. */
struct mono serve_run(struct serve *s, struct mono now); /* when it wants to run again */
