/* The link on a serial line: a pty with a slave that misbehaves (testslave.h). Held as in
 * link_test.c. */
#include "base/crc.h"
#include "controller/bus.h"
#include "controller/testslave.h"
#include <fcntl.h>
#include <pty.h>

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
    size_t more =
        in[1] == 16 ? 1 + (size_t)in[6] : 0; /* in[6]: bytes; two of eight were CRC or data */
    if (more && !read_all(s, in + 8, more))
        return false;
    s->requests++;
    enum trick k = (enum trick)s->trick;
    if (!s->always)
        s->trick = HONEST;
    if (k == ECHO)
        (void)!write(s->fd, in, 8 + more);
    if (k == SILENT || k == ECHO || in[0] == s->dead_unit)
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
        {HONEST, 0, 0},
        {SILENT, ERR_TIMEOUT, ERR_TIMEOUT},
        {WRONG_UNIT, ERR_PROTOCOL, ERR_PROTOCOL},
        {WRONG_FC, ERR_PROTOCOL, ERR_PROTOCOL},
        {WRONG_ADDR, 0, ERR_ECHO},
        {WRONG_QUANTITY, 0, ERR_ECHO},
        {EXCEPTION, ERR_EXCEPTION, ERR_EXCEPTION},
        {GARBAGE, ERR_PROTOCOL, ERR_PROTOCOL},
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
            bool close_enough =
                rc == want || (want < 0 && want != ERR_EXCEPTION && rc < 0 && rtu[i].k == WRONG_FC);
            if (!close_enough)
                fail_msg("trick %d, write %d: %d, not %d", rtu[i].k, w, rc, want);
        }
    }
    rtu_recover(l);
    link_free(l);
    slave_free(s);
}

/* The defect that libmodbus' defaults have: a late answer taken for the next request's, for ever.
 * Here answers of every lateness come into the middle of other reads of the same quantity. */
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
        bool pause =
            i % 8 < 4; /* the bus's quarantine; without it, what draining alone must hold */
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

/* The beginning of this write, repeated by the line, is a whole confirmation of it: its check
 * stands where the request has its byte count and its first data byte. */
static bool confirms_itself(struct want *w)
{
    uint8_t f[6] = {w->unit, w->fc, (uint8_t)(w->addr >> 8), (uint8_t)w->addr, 0, (uint8_t)w->n};
    uint16_t c = crc16_bytes(0xFFFF, f, sizeof(f));
    w->words[0] = (uint16_t)(c & 0xFF00);
    return (c & 0xFF) == 2 * w->n;
}

static void test_rtu_echo(void **state)
{
    (void)state;
    struct slave *s = rtu_slave();
    struct link *l = new_link(s);
    struct reply r;
    unsigned found = 0;
    for (uint16_t i = 0; i < 99 * 99 && found < 2; i++) {
        struct want w = {.unit = 1, .fc = 16, .n = (uint16_t)(1 + i / 99), .timeout_ms = 100};
        w.addr = (uint16_t)(1000 + i % 99);
        if (w.addr + w.n > 1100 || !confirms_itself(&w))
            continue;
        rtu_recover(l);
        s->trick = ECHO;
        assert_int_equal(ask(l, &w, &r), ERR_PROTOCOL);
        rtu_recover(l);
        assert_int_equal(ask(l, &w, &r), 0); /* its real answer is one */
        found++;
    }
    assert_int_equal(found, 2);
    link_free(l);
    slave_free(s);
}

/* A poller of one block on a bus as the daemon drives it. */
struct poller {
    int rc;
    uint16_t word;
};

static bool poller_want(void *self, struct mono now, struct want *ret, struct mono *ret_wake)
{
    (void)self;
    (void)now;
    (void)ret_wake;
    *ret = read_want(100, 4);
    ret->prio = PRIO_TELEMETRY;
    ret->timeout_ms = 300;
    return true;
}

static void poller_reply(void *self, const struct want *w, const struct reply *r, struct mono now)
{
    struct poller *p = self;
    (void)w;
    (void)now;
    p->rc = r->rc;
    p->word = r->words[0];
}

static int poll_once(struct bus *b, struct link *l, struct poller *p)
{
    struct want w;
    struct reply r;
    struct mono wake;
    while (!bus_next(b, mono_now(), &w, &wake))
        sleep_ms(1);
    link_do(l, &w, &r);
    bus_done(b, &r, mono_now());
    return p->rc;
}

/* The measured defect of plain libmodbus: one answer of 500 or 900 ms at a timeout of 300, and
 * every later read of the block is the one before. Here none is: silence, draining, and then the
 * truth. */
static void test_rtu_500_900(void **state)
{
    (void)state;
    struct slave *s = rtu_slave();
    struct link *l = new_link(s);
    struct bus *b =
        bus_new(&(struct bus_options){.serial = true, .guard_us = 1750, .quarantine_ms = 600});
    struct poller p = {0};
    struct device d = {
        .name = "p", .unit = 1, .want = poller_want, .reply = poller_reply, .self = &p};
    assert_int_equal(bus_add(b, &d), 0);
    assert_int_equal(poll_once(b, l, &p), 0);
    for (int late = 500; late <= 900; late += 400) {
        s->late_ms = (uint32_t)late;
        s->trick = LATE;
        assert_int_equal(poll_once(b, l, &p), ERR_TIMEOUT); /* what comes late is of age k */
        for (int i = 0; i < 10; i++) {
            s->age++;
            assert_int_equal(poll_once(b, l, &p), 0);
            assert_int_equal(p.word, (uint16_t)(100 + s->age));
        }
    }
    bus_free(b);
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

/* A line that repeats what is sent, and a request whose own form is that of its answer. */
static void test_rtu_bits(void **state)
{
    (void)state;
    struct slave *s = rtu_slave();
    struct link *l = new_link(s);
    struct want w = {.unit = 1, .fc = 2, .addr = 0x0300, .n = 20, .timeout_ms = 100};
    struct reply r;
    for (uint16_t n = 1; n < 40; n++) {
        w.n = n;
        assert_int_equal(ask(l, &w, &r), 0);
        assert_int_equal(r.n, (n + 15) / 16);
    }
    w.n = 20;
    s->trick = ECHO;
    assert_int_equal(ask(l, &w, &r), ERR_PROTOCOL);
    rtu_recover(l);
    assert_int_equal(ask(l, &w, &r), 0);
    link_free(l);
    slave_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rtu_tricks), cmocka_unit_test(test_rtu_bits),
        cmocka_unit_test(test_rtu_late),   cmocka_unit_test(test_rtu_500_900),
        cmocka_unit_test(test_rtu_echo),   cmocka_unit_test(test_rtu_lock),
        cmocka_unit_test(test_rtu_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
