/* One Modbus connection, TCP or RTU, over libmodbus; the only file that knows modbus.h. Never late:
 * every call ends by its deadline. Never wrong about an echo: FC16 and FC23 answers are compared.
 * No recovery modes; on any error but an exception the connection is closed and reopened: at once
 * when it had carried an answer, else with backoff (100 … 700 ms); on RTU the line is drained.
 * Owned by one bus thread. */
#pragma once
#include "controller/device.h"

struct link;
struct link_options {
    char host[64]; /* numeric IPv4; "" for serial */
    uint16_t port;
    char serial[96]; /* device path */
    uint32_t baud;
    char parity; /* N, E, O */
    uint8_t stop_bits;
    uint32_t connect_pause_ms; /* after connecting, before the first request; 0: none */
};
int link_new(const struct link_options *o, struct link **ret,
             struct err *e); /* opens nothing yet */
void link_free(struct link *l);
/* The closed window: a write goes out only when `may` agrees; without a guard none goes out. */
void link_guard(struct link *l, bool (*may)(void *ctx, uint8_t unit, uint16_t addr, uint16_t n),
                void *ctx);
/* false: the pause after connecting lasts until *ret_wake; nothing may be asked before. Connects
 * when needed and due (at most 300 ms), with timeout_ms as of the request that waits. */
bool link_ready(struct link *l, uint32_t timeout_ms, struct mono *ret_wake);
/* Executes one transaction, connecting first when needed and due (at most 300 ms more). ret->rc as
 * in device.h; ERR_LINK while the backoff runs (returns at once). The deadline is w->timeout_ms
 * after ret->sent, on RTU plus the time of both frames on the wire; before it sends, a serial line
 * after trouble is drained, for at most 220 ms. Serial ports are taken with flock and TIOCEXCL. */
void link_do(struct link *l, const struct want *w, struct reply *ret);
/* Worst ms from a read of `words` that nobody answers until this link can carry the next request:
 * the answer's deadline, and behind it the draining on RTU, on TCP the wait before it connects
 * again. That wait doubles with every failure running: for `alone_ms` before there may have been
 * nothing else. Pure. */
uint32_t link_dead_ms(const struct link_options *o, uint32_t timeout_ms, uint32_t words,
                      uint32_t alone_ms);
bool link_up(const struct link *l);
