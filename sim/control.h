/* The control channel: a UNIX stream socket, one JSON request a line, one JSON answer a line.
 * And the script: the same requests with "at_ms". One thread. */
#pragma once
#include "sim/device.h"
#include <poll.h>

enum { CONTROL_CLIENTS_MAX = 8, CONTROL_FDS_MAX = CONTROL_CLIENTS_MAX + 1 };

struct control;
int control_open(const char *path, struct device *devs, size_t n, struct control **ret,
                 struct err *e);
void control_close(struct control *c); /* NULL allowed; takes the socket away */
size_t control_fds(const struct control *c, struct pollfd *ret, size_t cap);
void control_ready(struct control *c, const struct pollfd *fds, size_t n);

struct script;
/* JSON lines, each with at_ms from the start on; blank lines and lines with '#' are skipped. */
int script_load(const char *path, struct script **ret, struct err *e);
void script_free(struct script *s);
/* Carries out what is due since `start`; returns when the next is. A refused line is logged. */
struct mono script_run(struct script *s, struct device *devs, size_t n, struct mono start,
                       struct mono now);
