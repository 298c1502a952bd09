/* How a device is reached again after a failure, and how a connection that died unnoticed is found:
 * of every link and port. Plain values; any thread, one at a time. */
#pragma once
#include "base/clock.h"

enum {
    REACH_CONNECT_MS = 300, /* a connect takes no longer */
    REACH_FIRST_MS = 100,
    REACH_LAST_MS = 560, /* by chance 700, and a connect that fails: a second at most */
    REACH_LEAST_PERCENT = 75,
    REACH_MOST_PERCENT = 125,
};
/* Set up by reach_init. retry: not before. */
struct reach {
    struct mono retry;
    uint32_t ms;   /* the last wait; the owner sets 0 when something has come */
    uint32_t dice; /* jitter */
};
void reach_init(struct reach *r);
/* The wait after one of `ms`: 0, then 100 ms, doubling. */
uint32_t reach_next_ms(uint32_t ms);
/* The next wait begins, a quarter shorter or longer by chance. */
void reach_failed(struct reach *r, struct mono now);
/* A TCP connection that says at once what it is told, and ends when its other end is silent for
 * idle_s and three tries every_s apart, or takes nothing for unsent_ms. */
void reach_tune_tcp(int fd, int idle_s, int every_s, unsigned unsent_ms);
