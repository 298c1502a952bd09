/* The link against TCP slaves that misbehave (testslave.h).
 * Held: no call outlasts its deadline, no answer is taken for another, nothing is written outside
 * the window, and after any trouble the next good answer comes. */
#include "controller/testslave.h"

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
    if (k == SILENT || in[6] == s->dead_unit)
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

static int trick(struct link *l, struct slave *s, enum trick k, const struct want *w,
                 struct reply *r)
{
    recover(l);
    s->trick = k;
    return ask(l, w, r);
}

/* What each trick must give on a read, on a write, and whether the connection survives. */
/* clang-format off */
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
/* clang-format on */

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

/* A unit that is dead behind a gateway costs the others its timeout and no more. */
static void test_tcp_dead_unit(void **state)
{
    (void)state;
    struct slave *s = tcp_slave();
    struct link *l = new_link(s);
    struct want dead = read_want(5, 2), live = read_want(9, 4);
    struct reply r;
    dead.unit = 2;
    dead.timeout_ms = 20;
    s->dead_unit = 2;
    recover(l);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ask(l, &dead, &r), ERR_TIMEOUT);
        for (int k = 0; k < 7; k++)
            assert_int_equal(ask(l, &live, &r), 0);
    }
    assert_int_equal(s->connects, 11);
    link_free(l);
    slave_free(s);
}

/* A device that takes connections and never answers is not overrun with them. */
static void test_tcp_mute(void **state)
{
    (void)state;
    struct slave *s = tcp_slave();
    struct link *l = new_link(s);
    struct want w = read_want(5, 2);
    struct reply r;
    w.timeout_ms = 20;
    recover(l);
    unsigned before = s->connects;
    s->trick = SILENT;
    s->always = true;
    struct mono began = mono_now();
    while (mono_since_ms(mono_now(), began) < 1000) {
        assert_int_not_equal(ask(l, &w, &r), 0);
        sleep_ms(5);
    }
    assert_in_range(s->connects - before, 1, 5); /* at 20, 40, 160, 380, 800 ms */
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
    struct want w = {
        .unit = 1, .fc = 23, .addr = 60, .n = 32, .waddr = 1000, .wn = 4, .timeout_ms = 100};
    struct reply r;
    assert_int_equal(trick(l, s, HONEST, &w, &r), 0);
    assert_int_equal(r.n, 32);
    assert_int_equal(trick(l, s, WRONG_COUNT, &w, &r), ERR_PROTOCOL);
    link_free(l);
    slave_free(s);
}

/* Coils and discrete inputs are read; no window is asked, for nothing is written. */
static void test_tcp_bits(void **state)
{
    (void)state;
    struct slave *s = tcp_slave();
    struct link *l = new_link(s);
    struct reply r;
    for (uint8_t fc = 1; fc <= 2; fc++)
        for (uint16_t n = 1; n < 40; n++) {
            struct want w = {.unit = 1, .fc = fc, .addr = 300, .n = n, .timeout_ms = 100};
            assert_int_equal(trick(l, s, HONEST, &w, &r), 0);
            assert_int_equal(r.n, (n + 15) / 16);
        }
    struct want w = {.unit = 1, .fc = 1, .addr = 300, .n = 20, .timeout_ms = 100};
    assert_int_equal(trick(l, s, WRONG_FC, &w, &r), ERR_PROTOCOL);
    assert_int_equal(s->writes, 0);
    link_free(l);
    slave_free(s);
}

/* After connecting nothing is due before the pause is over; each new connection has its own. */
static void test_pause_after_connecting(void **state)
{
    (void)state;
    struct slave *s = tcp_slave();
    struct link_options o = {.host = "127.0.0.1", .port = s->port, .connect_pause_ms = 80};
    struct link *l;
    struct mono wake = {0};
    struct want w = read_want(7, 3);
    struct reply r;
    assert_int_equal(link_new(&o, &l, NULL), 0);
    for (int i = 0; i < 2; i++) {
        struct mono began = mono_now();
        assert_false(link_ready(l, 100, &wake));
        assert_true(mono_since_ms(wake, began) >= 80);
        unsigned asked = s->requests;
        while (!link_ready(l, 100, &wake))
            sleep_ms(5);
        assert_true(mono_since_ms(mono_now(), began) >= 80);
        assert_int_equal(s->requests, asked);
        assert_int_equal(ask(l, &w, &r), 0);
        s->trick = CLOSE; /* one that has carried an answer is opened again at once */
        assert_int_equal(ask(l, &w, &r), ERR_LINK);
    }
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
    struct want rw = {
        .unit = 1, .fc = 23, .addr = 0, .n = 5, .waddr = 999, .wn = 1, .timeout_ms = 100};
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

/* What this thread worked: a busy machine does not add to it. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
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
        int64_t t = cpu_ns();
        assert_int_equal(ask(l, &w, &r), ERR_LINK);
        tries += cpu_ns() - t > 10000; /* one that touched the network */
        sleep_ms(5);
    }
    assert_in_range(tries, 1, 60); /* 0, 100, 300, 700 ms of some 190; a slow machine counts more */
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
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(s->port),
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

/* By hand. RTU at 9600: 1.146 ms a character; a read of 10 words is 8 characters out and 25 back,
 * the draining 20 ms. TCP: 200, and 5 to connect; when the line leaves it 1 s, failures after 200,
 * 400, 675 and 1025 ms make the wait 400 and a quarter; never more than 560 and a quarter. */
static void test_dead(void **state)
{
    (void)state;
    struct link_options rtu = {.serial = "/dev/ttyUSB0", .baud = 9600}, tcp = {.host = "127.0.0.1"};
    assert_int_equal(link_dead_ms(&rtu, 200, 10, 5), 200 + 38 + 20);
    rtu.baud = 1200; /* the draining is 14 characters then */
    assert_int_equal(link_dead_ms(&rtu, 200, 10, 5), 200 + (33 + 14) * 11000 / 1200 + 1);
    assert_int_equal(link_dead_ms(&tcp, 200, 10, 5), 200 + 5);
    assert_int_equal(link_dead_ms(&tcp, 200, 10, 1000), 200 + 500 + 5);
    assert_int_equal(link_dead_ms(&tcp, 50, 10, 100000), 50 + 700 + 5);
    tcp.connect_pause_ms = 30;
    assert_int_equal(link_dead_ms(&tcp, 200, 10, 5), 200 + 5 + 30);
}

static void test_bad_options(void **state)
{
    (void)state;
    struct link *l;
    struct err e = {0};
    assert_int_equal(link_new(&(struct link_options){.host = "plc.local", .port = 502}, &l, &e),
                     ERR_RANGE);
    assert_non_null(strstr(e.text, "plc.local"));
    assert_int_equal(link_new(&(struct link_options){.serial = "/dev/ttyUSB0"}, &l, &e),
                     ERR_RANGE); /* no speed */
    assert_non_null(strstr(e.text, "/dev/ttyUSB0: "));
    link_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp_tricks),  cmocka_unit_test(test_tcp_repeats),
        cmocka_unit_test(test_tcp_bits),    cmocka_unit_test(test_pause_after_connecting),
        cmocka_unit_test(test_tcp_fc23),    cmocka_unit_test(test_tcp_dead_unit),
        cmocka_unit_test(test_tcp_mute),    cmocka_unit_test(test_window),
        cmocka_unit_test(test_backoff),     cmocka_unit_test(test_blackhole),
        cmocka_unit_test(test_bad_options), cmocka_unit_test(test_dead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
