/* Waits between tries, and the kernel's watch over TCP (contract: reach.h). */
#include "controller/reach.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

void reach_init(struct reach *r)
{
    *r = (struct reach){.dice = (uint32_t)mono_now().ns | 1};
}

uint32_t reach_next_ms(uint32_t ms)
{
    return ms == 0 ? REACH_FIRST_MS : ms * 2 < REACH_LAST_MS ? ms * 2 : REACH_LAST_MS;
}

void reach_failed(struct reach *r, struct mono now)
{
    uint32_t range = REACH_MOST_PERCENT - REACH_LEAST_PERCENT + 1;
    r->ms = reach_next_ms(r->ms);
    r->dice = r->dice * 1664525u + 1013904223u;
    uint32_t percent = REACH_LEAST_PERCENT + (r->dice >> 16) % range;
    r->retry = mono_add_ms(now, (int64_t)r->ms * percent / 100);
}

void reach_tune_tcp(int fd, int idle_s, int every_s, unsigned unsent_ms)
{
    int on = 1, count = 3;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent_ms, sizeof(unsent_ms));
}
