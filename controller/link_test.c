/* The link against slaves that misbehave: a raw TCP server and a pty, each in a thread of this process.
 * Held: no call outlasts its deadline, no answer is taken for another, nothing is written outside the
 * window, and after any trouble the next good answer comes. */
#include "base/crc.h"
#include "base/test_tmp.h"
#include "controller/link.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <cmocka.h>

enum trick {
    HONEST, SILENT, LATE, WRONG_UNIT, WRONG_TID, WRONG_PROTOCOL, BAD_LENGTH, WRONG_FC, WRONG_COUNT,
    WRONG_ADDR, WRONG_QUANTITY, EXCEPTION, TRICKLE, SLOW_PIECES, RESET, CLOSE, TWICE, GARBAGE, CUT
};
struct slave {
    _Atomic int trick; /* for one request; then HONEST again, unless `always` */
    _Atomic bool always, stop;
    _Atomic unsigned requests, writes, connects;
    int listen_fd, fd, slave_fd;
    uint16_t port;
    char tty[64];
    pthread_t thread;
    _Atomic uint32_t late_ms;
};

static void sleep_ms(unsigned ms)
{
    poll(NULL, 0, (int)ms);
}

static bool read_all(struct slave *s, uint8_t *p, size_t n)
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

/* A register's value is its address, mixed with the number of the request, so that old answers show. */
static size_t answer(struct slave *s, const uint8_t *pdu, uint8_t *out)
{
    uint16_t addr = (uint16_t)(pdu[1] << 8 | pdu[2]), n = (uint16_t)(pdu[3] << 8 | pdu[4]);
    out[0] = pdu[0];
    if (pdu[0] == 16) {
        s->writes++;
        memcpy(out + 1, pdu + 1, 4);
        return 5;
    }
    s->writes += pdu[0] == 23;
    out[1] = (uint8_t)(2 * n);
    for (uint16_t i = 0; i < n; i++) {
        uint16_t v = (uint16_t)(addr + i);
        out[2 + 2 * i] = (uint8_t)(v >> 8);
        out[3 + 2 * i] = (uint8_t)v;
    }
    return 2 + 2 * (size_t)n;
}

static bool put(struct slave *s, const uint8_t *p, size_t n)
{
    return send(s->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void spoil_pdu(enum trick k, uint8_t *pdu, size_t *n)
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

static void tcp_put(struct slave *s, enum trick k, uint8_t *adu, size_t n)
{
    if (k == LATE)
        sleep_ms(s->late_ms);
    if (k == TRICKLE || k == SLOW_PIECES) {
        for (size_t i = 0; i < n && put(s, adu + i, 1); i++)
            sleep_ms(k == TRICKLE ? 60 : 1);
        return;
    }
    if (k == GARBAGE)
        memset(adu, 0xA5, n);
    put(s, adu, k == CUT ? n - 1 : n);
    if (k == TWICE)
        put(s, adu, n);
}

static bool tcp_one(struct slave *s)
{
    uint8_t in[300], out[300];
    if (!read_all(s, in, 7) || !read_all(s, in + 7, (size_t)(in[4] << 8 | in[5]) - 1))
        return false;
    s->requests++;
    enum trick k = (enum trick)s->trick;
    if (!s->always)
        s->trick = HONEST;
    if (k == SILENT)
        return true;
    if (k == CLOSE)
        return false;
    if (k == RESET) {
        struct linger l = {1, 0};
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        return false;
    }
    size_t n = answer(s, in + 7, out + 7);
    spoil_pdu(k, out + 7, &n);
    memcpy(out, in, 7);
    out[4] = (uint8_t)((n + 1) >> 8);
    out[5] = (uint8_t)(n + 1);
    out[6] = (uint8_t)(out[6] + (k == WRONG_UNIT));
    out[3] = k == WRONG_PROTOCOL;
    out[5] = (uint8_t)(out[5] + (k == BAD_LENGTH));
    if (k == WRONG_TID)
        out[0] = (uint8_t)(out[0] + 0x40);
    tcp_put(s, k, out, 7 + n);
    return true;
}

static void *tcp_run(void *arg)
{
    struct slave *s = arg;
    while (!s->stop) {
        struct pollfd f = {s->listen_fd, POLLIN, 0};
        if (poll(&f, 1, 20) <= 0)
            continue;
        s->fd = accept(s->listen_fd, NULL, NULL);
        s->connects++;
        int on = 1;
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        while (tcp_one(s))
            ;
        close(s->fd);
    }
    return NULL;
}

static struct slave *tcp_slave(void)
{
    struct slave *s = calloc(1, sizeof(*s));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    assert_non_null(s);
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(s->listen_fd, 4), 0);
    assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    s->late_ms = 160;
    assert_int_equal(pthread_create(&s->thread, NULL, tcp_run, s), 0);
    return s;
}

static void slave_free(struct slave *s)
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

static bool window(void *ctx, uint8_t unit, uint16_t addr, uint16_t n)
{
    (void)ctx;
    return unit == 1 && addr >= 1000 && addr + n <= 1100;
}

static struct link *new_link(const struct slave *s)
{
    struct link_options o = {.host = "127.0.0.1", .port = s->port, .baud = 115200, .parity = 'N', .stop_bits = 1};
    struct link *l;
    if (s->tty[0]) {
        o.host[0] = 0;
        strcpy(o.serial, s->tty);
    }
    assert_int_equal(link_new(&o, &l, NULL), 0);
    link_guard(l, window, NULL);
    return l;
}

static struct want read_want(uint16_t addr, uint16_t n)
{
    return (struct want){.unit = 1, .fc = 3, .addr = addr, .n = n, .timeout_ms = 100};
}

/* Never late, and what came is what was asked for. */
static int ask(struct link *l, const struct want *w, struct reply *r)
{
    struct mono began = mono_now();
    memset(r, 0xEE, sizeof(*r));
    link_do(l, w, r);
    assert_true(mono_since_ms(mono_now(), began) < w->timeout_ms + 340);
    for (uint16_t i = 0; r->rc == 0 && w->fc != 16 && i < w->n; i++)
        assert_int_equal(r->words[i], (uint16_t)(w->addr + i));
    return r->rc;
}

/* Asks until the link is up again. */
static void recover(struct link *l)
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

static int trick(struct link *l, struct slave *s, enum trick k, const struct want *w, struct reply *r)
{
    recover(l);
    s->trick = k;
    return ask(l, w, r);
}

/* What each trick must give on a read, on a write, and whether the connection survives. */
static const struct {
    enum trick k;
    int read_rc, write_rc;
    bool survives;
} tricks[] = {
    {HONEST, 0, 0, true},
    {SILENT, ERR_TIMEOUT, ERR_TIMEOUT, false},
    {LATE, ERR_TIMEOUT, ERR_TIMEOUT, false},
    {WRONG_UNIT, ERR_PROTOCOL, ERR_PROTOCOL, false},
    {WRONG_TID, ERR_PROTOCOL, ERR_PROTOCOL, false},
    {WRONG_PROTOCOL, ERR_PROTOCOL, ERR_PROTOCOL, false},
    {BAD_LENGTH, ERR_PROTOCOL, ERR_PROTOCOL, false},
    {WRONG_FC, ERR_PROTOCOL, ERR_PROTOCOL, false},
    {WRONG_COUNT, ERR_PROTOCOL, 0, false},
    {WRONG_ADDR, 0, ERR_ECHO, false},
    {WRONG_QUANTITY, 0, ERR_ECHO, false},
    {EXCEPTION, ERR_EXCEPTION, ERR_EXCEPTION, true},
    {TRICKLE, ERR_TIMEOUT, ERR_TIMEOUT, false},
    {SLOW_PIECES, 0, 0, true},
    {RESET, ERR_LINK, ERR_LINK, false},
    {CLOSE, ERR_LINK, ERR_LINK, false},
    {TWICE, 0, 0, true},
    {CUT, ERR_TIMEOUT, ERR_TIMEOUT, false},
};

static void test_tcp_tricks(void **state)
{
    (void)state;
    struct slave *s = tcp_slave();
    struct link *l = new_link(s);
    struct want reads = read_want(20, 5);
    struct want writes = {.unit = 1, .fc = 16, .addr = 1000, .n = 8, .timeout_ms = 100};
    struct reply r;
    for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++) {
        int rc = trick(l, s, tricks[i].k, &reads, &r);
        if (rc != tricks[i].read_rc)
            fail_msg("trick %d, read: %d, not %d", tricks[i].k, rc, tricks[i].read_rc);
        assert_true(rc != ERR_EXCEPTION || r.exception == 6);
        assert_int_equal(link_up(l), rc == 0 || tricks[i].survives);
        rc = trick(l, s, tricks[i].k, &writes, &r);
        if (rc != tricks[i].write_rc)
            fail_msg("trick %d, write: %d, not %d", tricks[i].k, rc, tricks[i].write_rc);
    }
    recover(l);
    link_free(l);
    slave_free(s);
}

/* A repeated answer is passed over: the connection and the next answers are right. */
static void test_tcp_repeats(void **state)
{
    (void)state;
    struct slave *s = tcp_slave();
    struct link *l = new_link(s);
    struct reply r;
    s->trick = TWICE;
    s->always = true;
    for (uint16_t i = 0; i < 50; i++) {
        struct want w = read_want((uint16_t)(i * 3), 4);
        assert_int_equal(ask(l, &w, &r), 0);
    }
    assert_int_equal(s->connects, 1);
    link_free(l);
    slave_free(s);
}

/* FC23: the words of the read; a wrong byte count is no answer. */
static void test_tcp_fc23(void **state)
{
    (void)state;
    struct slave *s = tcp_slave();
    struct link *l = new_link(s);
    struct want w = {.unit = 1, .fc = 23, .addr = 60, .n = 32, .waddr = 1000, .wn = 4, .timeout_ms = 100};
    struct reply r;
    assert_int_equal(trick(l, s, HONEST, &w, &r), 0);
    assert_int_equal(r.n, 32);
    assert_int_equal(trick(l, s, WRONG_COUNT, &w, &r), ERR_PROTOCOL);
    link_free(l);
    slave_free(s);
}

/* Outside the window nothing is sent. */
static void test_window(void **state)
{
    (void)state;
    struct slave *s = tcp_slave();
    struct link *l = new_link(s);
    struct want w = {.unit = 1, .fc = 16, .addr = 1096, .n = 5, .timeout_ms = 100};
    struct want rw = {.unit = 1, .fc = 23, .addr = 0, .n = 5, .waddr = 999, .wn = 1, .timeout_ms = 100};
    struct reply r;
    assert_int_equal(ask(l, &w, &r), ERR_DENIED);
    assert_int_equal(ask(l, &rw, &r), ERR_DENIED);
    link_guard(l, NULL, NULL);
    w.n = 1;
    assert_int_equal(ask(l, &w, &r), ERR_DENIED);
    assert_int_equal(s->requests, 0);
    link_free(l);
    slave_free(s);
}

/* Refused and unreachable: ERR_LINK, at once while the backoff runs, which grows. */
static void test_backoff(void **state)
{
    (void)state;
    struct slave *s = tcp_slave();
    struct link *l = new_link(s);
    s->stop = true;
    pthread_join(s->thread, NULL);
    close(s->listen_fd);
    struct want w = read_want(0, 1);
    struct reply r;
    unsigned tries = 0;
    struct mono began = mono_now();
    while (mono_since_ms(mono_now(), began) < 1000) {
        struct mono t = mono_now();
        assert_int_equal(ask(l, &w, &r), ERR_LINK);
        tries += mono_since_ns(mono_now(), t) > 20000; /* one that touched the network */
        sleep_ms(5);
    }
    assert_in_range(tries, 1, 12); /* 0, 100, 300, 700 ms; a slow machine may count more */
    link_free(l);
    free(s);
}

/* An address where nobody answers at all: the connect has a deadline of its own. */
static void test_blackhole(void **state)
{
    (void)state;
    struct slave *s = tcp_slave(); /* its backlog is filled, so that SYNs go unanswered */
    s->stop = true;
    pthread_join(s->thread, NULL);
    listen(s->listen_fd, 0);
    int fill[3];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(s->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < 3; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fill[i], (struct sockaddr *)&a, sizeof(a));
    }
    sleep_ms(20);
    struct link *l = new_link(s);
    struct want w = read_want(0, 1);
    struct reply r;
    assert_int_equal(ask(l, &w, &r), ERR_LINK);
    for (int i = 0; i < 3; i++)
        close(fill[i]);
    link_free(l);
    close(s->listen_fd);
    free(s);
}

/* ---- RTU over a pty ---- */

static void rtu_put(struct slave *s, enum trick k, uint8_t *adu, size_t n)
{
    uint16_t c = crc16_bytes(0xFFFF, adu, n);
    adu[n++] = (uint8_t)c;
    adu[n++] = (uint8_t)(c >> 8);
    if (k == LATE)
        sleep_ms(s->late_ms);
    if (k == GARBAGE)
        adu[4] ^= 0x55;
    (void)!write(s->fd, adu, k == CUT ? n - 1 : n);
}

static bool rtu_one(struct slave *s)
{
    uint8_t in[300], out[300];
    if (!read_all(s, in, 8))
        return false;
    size_t more = in[1] == 16 ? 1 + (size_t)in[6] : 0; /* in[6]: bytes; two of eight were CRC or data */
    if (more && !read_all(s, in + 8, more))
        return false;
    s->requests++;
    enum trick k = (enum trick)s->trick;
    if (!s->always)
        s->trick = HONEST;
    if (k == SILENT)
        return true;
    size_t n = answer(s, in + 1, out + 1);
    spoil_pdu(k, out + 1, &n);
    out[0] = (uint8_t)(in[0] + (k == WRONG_UNIT));
    rtu_put(s, k, out, 1 + n);
    return true;
}

static void *rtu_run(void *arg)
{
    while (rtu_one(arg))
        ;
    return NULL;
}

static struct slave *rtu_slave(void)
{
    struct slave *s = calloc(1, sizeof(*s));
    struct termios raw;
    assert_non_null(s);
    memset(&raw, 0, sizeof(raw));
    cfmakeraw(&raw);
    assert_int_equal(openpty(&s->fd, &s->slave_fd, s->tty, &raw, NULL), 0);
    s->late_ms = 160;
    assert_int_equal(pthread_create(&s->thread, NULL, rtu_run, s), 0);
    return s;
}

/* On RTU the bus pauses after trouble; here the test does. */
static void rtu_recover(struct link *l)
{
    struct want w = read_want(7, 3);
    struct reply r;
    for (int i = 0; i < 20; i++) {
        link_do(l, &w, &r);
        if (r.rc == 0)
            return;
        sleep_ms(120);
    }
    fail();
}

static void test_rtu_tricks(void **state)
{
    (void)state;
    static const struct {
        enum trick k;
        int read_rc, write_rc;
    } rtu[] = {
        {HONEST, 0, 0}, {SILENT, ERR_TIMEOUT, ERR_TIMEOUT}, {WRONG_UNIT, ERR_PROTOCOL, ERR_PROTOCOL},
        {WRONG_FC, ERR_PROTOCOL, ERR_PROTOCOL}, {WRONG_ADDR, 0, ERR_ECHO}, {WRONG_QUANTITY, 0, ERR_ECHO},
        {EXCEPTION, ERR_EXCEPTION, ERR_EXCEPTION}, {GARBAGE, ERR_PROTOCOL, ERR_PROTOCOL},
        {CUT, ERR_TIMEOUT, ERR_TIMEOUT},
    };
    struct slave *s = rtu_slave();
    struct link *l = new_link(s);
    struct want reads = read_want(20, 5);
    struct want writes = {.unit = 1, .fc = 16, .addr = 1000, .n = 8, .timeout_ms = 100};
    struct reply r;
    for (size_t i = 0; i < sizeof(rtu) / sizeof(rtu[0]); i++) {
        for (int w = 0; w < 2; w++) {
            rtu_recover(l);
            s->trick = (int)rtu[i].k;
            int rc = ask(l, w ? &writes : &reads, &r), want = w ? rtu[i].write_rc : rtu[i].read_rc;
            bool close_enough = rc == want || (want < 0 && want != ERR_EXCEPTION && rc < 0 && rtu[i].k == WRONG_FC);
            if (!close_enough)
                fail_msg("trick %d, write %d: %d, not %d", rtu[i].k, w, rc, want);
        }
    }
    rtu_recover(l);
    link_free(l);
    slave_free(s);
}

/* The defect that libmodbus' defaults have: a late answer taken for the next request's, for ever. Here
 * answers of every lateness come into the middle of other reads of the same quantity. */
static void test_rtu_late(void **state)
{
    (void)state;
    struct slave *s = rtu_slave();
    struct link *l = new_link(s);
    struct reply r;
    uint64_t dice = seed_print("link_test");
    unsigned good = 0;
    for (int i = 0; i < 60; i++) {
        struct want w = read_want((uint16_t)(seed_next(&dice) % 500), 4);
        bool pause = i % 8 < 4; /* the bus's quarantine; without it, what draining alone must hold */
        w.timeout_ms = 30;
        if (i % 4 == 0) {
            s->late_ms = 31 + (uint32_t)(seed_next(&dice) % (pause ? 60 : 12));
            s->trick = LATE;
        }
        if (ask(l, &w, &r) == 0) /* compares every word with its address */
            good++;
        else if (pause)
            sleep_ms(70);
    }
    assert_true(good >= 20);
    link_free(l);
    slave_free(s);
}

/* One owner: a second link does not get the port, and leaves it as it is. */
static void test_rtu_lock(void **state)
{
    (void)state;
    struct slave *s = rtu_slave();
    struct link *a = new_link(s), *b = new_link(s);
    struct want w = read_want(3, 2);
    struct reply r;
    rtu_recover(a);
    assert_int_equal(ask(b, &w, &r), ERR_LINK);
    assert_int_equal(ask(a, &w, &r), 0);
    link_free(a);
    sleep_ms(140);
    rtu_recover(b);
    link_free(b);
    slave_free(s);
}

/* A port that goes away is an error of the link, not a hang, and comes back by its path. */
static void test_rtu_gone(void **state)
{
    (void)state;
    struct slave *s = rtu_slave();
    struct link *l = new_link(s);
    struct want w = read_want(3, 2);
    struct reply r;
    rtu_recover(l);
    s->stop = true;
    pthread_join(s->thread, NULL);
    close(s->fd);
    assert_int_equal(ask(l, &w, &r), ERR_LINK);
    assert_false(link_up(l));
    close(s->slave_fd);
    link_free(l);
    free(s);
}

static void test_bad_options(void **state)
{
    (void)state;
    struct link *l;
    struct err e = {0};
    assert_int_equal(link_new(&(struct link_options){.host = "plc.local", .port = 502}, &l, &e), ERR_RANGE);
    assert_non_null(strstr(e.text, "plc.local"));
    link_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp_tricks), cmocka_unit_test(test_tcp_repeats), cmocka_unit_test(test_tcp_fc23),
        cmocka_unit_test(test_window),     cmocka_unit_test(test_backoff),     cmocka_unit_test(test_blackhole),
        cmocka_unit_test(test_rtu_tricks), cmocka_unit_test(test_rtu_late),    cmocka_unit_test(test_rtu_lock),
        cmocka_unit_test(test_rtu_gone),   cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
