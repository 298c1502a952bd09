/* For unit tests only: a Modbus slave that misbehaves as told, in a thread of the test's process,
 * and the one question that every test asks. */
#pragma once
#include "base/test_tmp.h"
#include "controller/link.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <cmocka.h>

enum trick {
    HONEST,
    SILENT,
    LATE,
    WRONG_UNIT,
    WRONG_TID,
    WRONG_PROTOCOL,
    BAD_LENGTH,
    WRONG_FC,
    WRONG_COUNT,
    WRONG_ADDR,
    WRONG_QUANTITY,
    EXCEPTION,
    TRICKLE,
    SLOW_PIECES,
    RESET,
    CLOSE,
    TWICE,
    GARBAGE,
    CUT,
    ECHO /* the request itself, as an RS-485 line without its own transmitter muted gives back */
};
struct slave {
    _Atomic int trick; /* for one request; then HONEST again, unless `always` */
    _Atomic bool always, stop;
    _Atomic int dead_unit; /* 0: none */
    _Atomic unsigned age;  /* added to every register */
    _Atomic unsigned requests, writes, connects;
    int listen_fd, fd, slave_fd;
    uint16_t port;
    char tty[64];
    pthread_t thread;
    _Atomic uint32_t late_ms;
};

static inline void sleep_ms(unsigned ms)
{
    poll(NULL, 0, (int)ms);
}

static inline bool read_all(struct slave *s, uint8_t *p, size_t n)
{
    while (n) {
        struct pollfd f = {s->fd, POLLIN, 0};
        if (s->stop)
            return false;
        if (poll(&f, 1, 20) <= 0)
            continue;
        ssize_t got = read(s->fd, p, n);
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

/* A register's value is its address, so that answers to other requests show, and `age`, so that old
 * ones do. */
static inline size_t answer(struct slave *s, const uint8_t *pdu, uint8_t *out)
{
    uint16_t addr = (uint16_t)(pdu[1] << 8 | pdu[2]), n = (uint16_t)(pdu[3] << 8 | pdu[4]);
    out[0] = pdu[0];
    if (pdu[0] == 16) {
        s->writes++;
        memcpy(out + 1, pdu + 1, 4);
        return 5;
    }
    if (pdu[0] == 1 || pdu[0] == 2) { /* every third bit is set */
        out[1] = (uint8_t)((n + 7) / 8);
        memset(out + 2, 0, out[1]);
        for (uint16_t i = 0; i < n; i++)
            out[2 + i / 8] |= (uint8_t)(((addr + i) % 3 == 0) << i % 8);
        return 2 + (size_t)out[1];
    }
    s->writes += pdu[0] == 23;
    out[1] = (uint8_t)(2 * n);
    for (uint16_t i = 0; i < n; i++) {
        uint16_t v = (uint16_t)(addr + i + s->age);
        out[2 + 2 * i] = (uint8_t)(v >> 8);
        out[3 + 2 * i] = (uint8_t)v;
    }
    return 2 + 2 * (size_t)n;
}

static inline bool put(struct slave *s, const uint8_t *p, size_t n)
{
    return send(s->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static inline void spoil_pdu(enum trick k, uint8_t *pdu, size_t *n)
{
    if (k == WRONG_FC)
        pdu[0] = 6;
    if (k == WRONG_COUNT && pdu[0] != 16) {
        pdu[1] = (uint8_t)(pdu[1] - 2);
        *n -= 2;
    }
    if (k == WRONG_ADDR && pdu[0] == 16)
        pdu[2]++;
    if (k == WRONG_QUANTITY && pdu[0] == 16)
        pdu[4]++;
    if (k == EXCEPTION) {
        pdu[0] |= 0x80;
        pdu[1] = 6;
        *n = 2;
    }
}

static inline bool window(void *ctx, uint8_t unit, uint16_t addr, uint16_t n)
{
    (void)ctx;
    return unit == 1 && addr >= 1000 && addr + n <= 1100;
}

static inline struct link *new_link(const struct slave *s)
{
    struct link_options o = {
        .host = "127.0.0.1", .port = s->port, .baud = 115200, .parity = 'N', .stop_bits = 1};
    struct link *l;
    if (s->tty[0]) {
        o.host[0] = 0;
        strcpy(o.serial, s->tty);
    }
    assert_int_equal(link_new(&o, &l, NULL), 0);
    link_guard(l, window, NULL);
    return l;
}

static inline struct want read_want(uint16_t addr, uint16_t n)
{
    return (struct want){.unit = 1, .fc = 3, .addr = addr, .n = n, .timeout_ms = 100};
}

/* Never late, and what came is what was asked for. */
static inline int ask(struct link *l, const struct want *w, struct reply *r)
{
    struct mono began = mono_now();
    memset(r, 0xEE, sizeof(*r));
    link_do(l, w, r);
    assert_true(mono_since_ms(mono_now(), began) < w->timeout_ms + 340);
    for (uint16_t i = 0; r->rc == 0 && w->fc <= 2 && i < w->n; i++)
        assert_int_equal(r->words[i / 16] >> i % 16 & 1, (w->addr + i) % 3 == 0);
    for (uint16_t i = 0; r->rc == 0 && w->fc > 2 && w->fc != 16 && i < w->n; i++)
        assert_int_equal(r->words[i], (uint16_t)(w->addr + i));
    return r->rc;
}

/* Asks until the link is up again. */
static inline void recover(struct link *l)
{
    struct reply r;
    struct want w = read_want(7, 3);
    for (int i = 0; i < 100; i++) {
        if (ask(l, &w, &r) == 0)
            return;
        sleep_ms(10);
    }
    fail();
}

static inline void slave_free(struct slave *s)
{
    s->stop = true;
    pthread_join(s->thread, NULL);
    if (s->listen_fd > 0)
        close(s->listen_fd);
    if (s->slave_fd > 0) {
        close(s->slave_fd);
        close(s->fd);
    }
    free(s);
}
