/* The whole bus thread over a real socket: a line, its link, and a PLC (testplc.h) behind a small
 * TCP server. Items flow, acknowledgements wake it, a cut is survived, the goodbye is the last
 * word. */
#include "controller/busthread.h"
#include "controller/line.h"
#include "controller/testplc.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct site {
    struct tp plc; /* under lock */
    pthread_mutex_t lock;
    pthread_t server;
    _Atomic bool stop, cut;
    int listen_fd, news_fd;
    uint16_t port;
    struct ring *news, *orders;
    struct line_ack ack;
    struct plan plan;
    struct map *map;
    struct line *line;
    struct bus *bus;
    struct link *link;
    struct busthread *thread;
    uint32_t epoch, items, last_seq;
};

static bool get(const struct site *s, int fd, uint8_t *p, size_t n)
{
    while (n) {
        struct pollfd f = {fd, POLLIN, 0};
        if (s->stop || s->cut)
            return false;
        if (poll(&f, 1, 5) <= 0)
            continue;
        ssize_t got = read(fd, p, n);
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static uint16_t word(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static size_t execute(struct site *s, const uint8_t *pdu, uint8_t *out)
{
    struct want w = {.fc = pdu[0], .addr = word(pdu + 1), .n = word(pdu + 3)};
    struct reply r;
    for (uint16_t i = 0; w.fc == 16 && i < w.n; i++)
        w.words[i] = word(pdu + 6 + 2 * i);
    pthread_mutex_lock(&s->lock);
    tp_do(&s->plc, &w, &r);
    tp_scan(&s->plc); /* a PLC that scans with every request */
    pthread_mutex_unlock(&s->lock);
    out[0] = pdu[0];
    if (r.rc != 0) {
        out[0] |= 0x80;
        out[1] = r.exception;
        return 2;
    }
    memcpy(out + 1, pdu + 1, 4);
    if (w.fc == 16)
        return 5;
    out[1] = (uint8_t)(2 * w.n);
    for (uint16_t i = 0; i < w.n; i++) {
        out[2 + 2 * i] = (uint8_t)(r.words[i] >> 8);
        out[3 + 2 * i] = (uint8_t)r.words[i];
    }
    return 2 + 2 * (size_t)w.n;
}

static void converse(struct site *s, int fd)
{
    uint8_t in[300], out[300];
    while (get(s, fd, in, 7) && get(s, fd, in + 7, (size_t)word(in + 4) - 1)) {
        size_t n = execute(s, in + 7, out + 7);
        memcpy(out, in, 7);
        out[4] = (uint8_t)((n + 1) >> 8);
        out[5] = (uint8_t)(n + 1);
        if (send(fd, out, 7 + n, MSG_NOSIGNAL) < 0)
            return;
    }
}

static void *serve(void *arg)
{
    struct site *s = arg;
    while (!s->stop) {
        struct pollfd f = {s->listen_fd, POLLIN, 0};
        if (poll(&f, 1, 5) <= 0)
            continue;
        int fd = accept(s->listen_fd, NULL, NULL), on = 1;
        s->cut = false;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        converse(s, fd);
        close(fd);
    }
    return NULL;
}

static void listen_on(struct site *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(s->listen_fd, 4), 0);
    assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&s->server, NULL, serve, s), 0);
}

static struct site *site_new(void)
{
    struct site *s = calloc(1, sizeof(*s));
    struct err e = {0};
    assert_non_null(s);
    tp_init(&s->plc, 32, true);
    pthread_mutex_init(&s->lock, NULL);
    listen_on(s);
    assert_int_equal(map_load("plc-maps/mailbox-v1.yaml", &s->map, &e), 0);
    s->news = ring_new(sizeof(struct news), 4096);
    s->orders = ring_new(sizeof(struct order), 64);
    s->news_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->plan = (struct plan){.outlet_bad = 4, .outlet_none = 3};
    struct line_options o = {.no = 1,
                             .name = "l",
                             .unit = 1,
                             .base = TP_B,
                             .map = s->map,
                             .news = s->news,
                             .orders = s->orders,
                             .news_fd = s->news_fd,
                             .ack = &s->ack,
                             .plan = &s->plan,
                             .session = 5};
    assert_int_equal(line_new(&o, &s->line, &e), 0);
    struct link_options lo = {.host = "127.0.0.1", .port = s->port};
    assert_int_equal(link_new(&lo, &s->link, &e), 0);
    s->bus = bus_new(
        &(struct bus_options){.breaker_fails = 3, .breaker_first_ms = 500, .breaker_max_ms = 1000});
    struct device d = line_device(s->line);
    assert_int_equal(bus_add(s->bus, &d), 0);
    assert_int_equal(busthread_start(s->bus, s->link, "127.0.0.1", &s->thread, &e), 0);
    return s;
}

static void site_free(struct site *s)
{
    s->stop = true;
    pthread_join(s->server, NULL);
    line_free(s->line);
    bus_free(s->bus);
    link_free(s->link);
    ring_free(s->news);
    ring_free(s->orders);
    map_free(s->map);
    close(s->listen_fd);
    close(s->news_fd);
    tp_free(&s->plc);
    free(s);
}

/* The main thread's part: sleeps on the eventfd, commits, acknowledges, wakes. */
static void main_turn(struct site *s, int timeout_ms)
{
    struct pollfd f = {s->news_fd, POLLIN, 0};
    uint64_t n;
    struct news news;
    if (poll(&f, 1, timeout_ms) > 0)
        (void)!read(s->news_fd, &n, sizeof(n));
    while (ring_pop(s->news, &news)) {
        if (news.kind == NEWS_EPOCH_WANTED) {
            pthread_mutex_lock(&s->lock);
            s->plc.committed_epoch = s->epoch + 1;
            pthread_mutex_unlock(&s->lock);
            ring_push(s->orders, &(struct order){.kind = ORDER_EPOCH,
                                                 .epoch = ++s->epoch,
                                                 .nonce = news.u.epoch.nonce});
        }
        if (news.kind == NEWS_ITEM) {
            assert_int_equal(news.u.item.seq, ++s->last_seq);
            s->items++;
            pthread_mutex_lock(&s->lock);
            s->plc.committed = s->last_seq;
            pthread_mutex_unlock(&s->lock);
            atomic_store(&s->ack.seq, (uint64_t)s->epoch << 32 | s->last_seq);
        }
        busthread_wake(s->thread);
    }
}

static void post(struct site *s)
{
    pthread_mutex_lock(&s->lock);
    assert_true(tp_post(&s->plc, MB_UNIT_G));
    pthread_mutex_unlock(&s->lock);
}

static uint32_t oldest(struct site *s)
{
    pthread_mutex_lock(&s->lock);
    uint32_t v = s->plc.oldest;
    pthread_mutex_unlock(&s->lock);
    return v;
}

static void wait_epoch(struct site *s)
{
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&s->lock);
        bool there = s->plc.epoch != 0;
        pthread_mutex_unlock(&s->lock);
        if (there)
            return;
        main_turn(s, 10);
    }
    fail();
}

static void wait_acked(struct site *s, uint32_t seq)
{
    for (int i = 0; i < 1000 && oldest(s) <= seq; i++)
        main_turn(s, 10);
    assert_int_equal(oldest(s), seq + 1);
}

static void test_flow(void **state)
{
    (void)state;
    struct site *s = site_new();
    wait_epoch(s);
    for (uint32_t i = 1; i <= 100; i++) {
        post(s);
        if (i % 10 == 0)
            wait_acked(s, i);
        if (i == 50)
            s->cut = true; /* the connection breaks */
    }
    assert_int_equal(s->items, 100);
    assert_true(busthread_link_up(s->thread));
    assert_true(mono_now().ns - busthread_progress_ns(s->thread) < 1000000000);
    struct line_status st = {0};
    for (int i = 0; i < 100 && st.decided < 100; i++) { /* shown every 20 ms */
        main_turn(s, 10);
        line_status_get(s->line, &st);
    }
    assert_int_equal(st.decided, 100);
    assert_true(st.slot_p99_us > 0);
    struct mono began = mono_now();
    busthread_stop(s->thread);
    assert_true(mono_since_ms(mono_now(), began) < 400);
    assert_int_equal(s->plc.mem[s->plc.host + MB_HOST_SESSION], 0); /* the last word */
    assert_false(s->plc.bad_ack || s->plc.bad_slot || s->plc.bad_epoch);
    site_free(s);
}

/* Nobody answers: it goes on, makes progress, and stops in time. */
static void test_alone(void **state)
{
    (void)state;
    struct site *s = site_new();
    s->stop = true;
    pthread_join(s->server, NULL);
    shutdown(s->listen_fd, SHUT_RDWR);
    for (int i = 0; i < 8; i++) {
        main_turn(s, 100);
        assert_true(mono_now().ns - busthread_progress_ns(s->thread) < 1000000000);
    }
    struct mono began = mono_now();
    busthread_stop(s->thread);
    busthread_stop(NULL);
    assert_true(mono_since_ms(mono_now(), began) < 1000);
    pthread_create(&s->server, NULL, serve, s); /* ends at once; for site_free */
    site_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_flow), cmocka_unit_test(test_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
