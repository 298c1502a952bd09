/* One Modbus connection, TCP or RTU, over libmodbus 3.1.6; the only file that knows modbus.h.
 * Thread: the bus thread that owns it. Owns: the libmodbus context, its descriptor, the port's
 * lock.
 *
 * libmodbus connects, keeps the serial port, adds and checks the RTU's CRC and deframes with one
 * hard deadline (byte timeout 0, no recovery mode). It is not asked to judge: it accepts TCP
 * answers with a wrong unit, protocol or length and FC16 answers with a wrong address, and its
 * raw requests carry transaction 0. So the MBAP header is ours, both ways, and frame.c compares
 * what follows it.
 *
 * 1. A reply counts only if transaction, protocol, length, unit and PDU are those of the request.
 * 2. On TCP every failure but an exception closes the connection with a reset: no late reply can
 *    reach a later request, and no unsent write can burst out after the cable is plugged in
 *    again. Whole repeats of earlier transactions are passed over.
 * 3. On RTU a failure makes the line dirty: nothing is sent before it has been drained to
 *    silence. Only a port that is gone is closed.
 * 4. No call outlasts its deadline; connecting has a deadline of its own, REACH_CONNECT_MS.
 * 5. Nothing is written that the guard does not allow.
 * 6. A connection that has carried an answer is opened again at once, so that a unit which is dead
 *    behind a gateway costs the others its timeout and no more. One that has carried none waits,
 *    longer each time; no wait and failing connect together take more than a second.
 * way: 3/12 link */
#include "controller/link.h"
#include "controller/frame.h"
#include "controller/reach.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <modbus/modbus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MBAP = 7,
    REPEATS_MAX = 8,
    DRAIN_MAX_MS = 200,
    DRAIN_QUIET_MS = 20,
    CONNECT_TRIP_MS = 5, /* to a device that answers */
};

struct link {
    struct link_options o;
    modbus_t *mb;
    bool (*may)(void *ctx, uint8_t unit, uint16_t addr, uint16_t n);
    void *may_ctx;
    bool up, dirty;
    bool answered;        /* this connection has carried an answer */
    int lock_fd;          /* serial: holds the flock */
    struct reach reach;   /* while down; ms 0: the last transaction was good */
    struct mono ready;    /* not before, when just connected */
    uint16_t tid, sent_n; /* of this connection: last transaction, how many (saturating) */
};

static bool is_serial(const struct link *l)
{
    return l->o.serial[0] != 0;
}

int link_new(const struct link_options *o, struct link **ret, struct err *e)
{
    struct in_addr a;
    if (!o->serial[0] && inet_pton(AF_INET, o->host, &a) != 1)
        return err_set(e, ERR_RANGE, "\"%s\" is no numeric IPv4 address", o->host);
    struct link *l = calloc(1, sizeof(*l));
    if (!l)
        return err_set(e, ERR_NOMEM, "no memory for a link");
    l->o = *o;
    l->lock_fd = -1;
    reach_init(&l->reach);
    l->tid = (uint16_t)(l->reach.dice >> 8);
    l->mb = is_serial(l) ? modbus_new_rtu(o->serial, (int)o->baud, o->parity, 8, o->stop_bits)
                         : modbus_new_tcp(o->host, o->port);
    if (!l->mb) {
        const char *why = modbus_strerror(errno);
        free(l);
        return err_set(e, ERR_RANGE, "%s: %s", o->serial[0] ? o->serial : o->host, why);
    }
    modbus_set_byte_timeout(l->mb, 0, 0); /* invariant 4 */
    *ret = l;
    return 0;
}

void link_guard(struct link *l, bool (*may)(void *ctx, uint8_t unit, uint16_t addr, uint16_t n),
                void *ctx)
{
    l->may = may;
    l->may_ctx = ctx;
}

bool link_up(const struct link *l)
{
    return l->up;
}

static void drop(struct link *l)
{
    if (l->up)
        modbus_close(l->mb);
    if (l->lock_fd >= 0)
        close(l->lock_fd);
    l->lock_fd = -1;
    l->up = false;
}

void link_free(struct link *l)
{
    if (!l)
        return;
    drop(l);
    modbus_free(l->mb);
    free(l);
}

/* Invariant 2: a reset, so that nothing unsent survives. */
static void drop_failed(struct link *l)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (l->up && !is_serial(l))
        (void)setsockopt(modbus_get_socket(l->mb), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    drop(l);
}

static void set_timeout(struct link *l, int64_t ns)
{
    if (ns < 1000)
        ns = 1000;
    modbus_set_response_timeout(l->mb, (uint32_t)(ns / 1000000000),
                                (uint32_t)(ns % 1000000000 / 1000));
}

/* The lock stands before libmodbus opens the port, so that a port in use keeps its settings. */
static bool lock_port(struct link *l)
{
    l->lock_fd = open(l->o.serial, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    return l->lock_fd >= 0 && flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0;
}

static void tune_port(int fd)
{
    struct serial_struct s;
    (void)ioctl(fd, TIOCEXCL);
    if (ioctl(fd, TIOCGSERIAL, &s) == 0) { /* USB adapters hold bytes back for 16 ms otherwise */
        s.flags = (int)((unsigned)s.flags | ASYNC_LOW_LATENCY);
        (void)ioctl(fd, TIOCSSERIAL, &s);
    }
}

static bool connect_link(struct link *l, uint32_t timeout_ms)
{
    if (!mono_reached(mono_now(), l->reach.retry))
        return false;
    set_timeout(l, (int64_t)REACH_CONNECT_MS * 1000000);
    if ((is_serial(l) && !lock_port(l)) || modbus_connect(l->mb) < 0) {
        drop(l);
        reach_failed(&l->reach, mono_now());
        return false;
    }
    int fd = modbus_get_socket(l->mb);
    assert(fd >= 0 && fd < FD_SETSIZE); /* libmodbus selects */
    if (is_serial(l))
        tune_port(fd);
    else
        reach_tune_tcp(fd, 5, 2, timeout_ms * 2);
    l->up = true;
    l->ready = mono_add_ms(mono_now(), l->o.connect_pause_ms);
    l->dirty = is_serial(l);
    l->answered = false;
    l->sent_n = 0;
    return true;
}

bool link_ready(struct link *l, uint32_t timeout_ms, struct mono *ret_wake)
{
    if (l->o.connect_pause_ms == 0 || (!l->up && !connect_link(l, timeout_ms)))
        return true; /* a link that is down is link_do's to report */
    *ret_wake = l->ready;
    return mono_reached(mono_now(), l->ready);
}

/* ---- TCP ---- */

static int tcp_send(struct link *l, const struct want *w)
{
    uint8_t adu[MBAP + FRAME_PDU_MAX];
    size_t n = frame_request(w, adu + MBAP);
    l->tid++;
    if (l->sent_n < UINT16_MAX / 2)
        l->sent_n++;
    adu[0] = (uint8_t)(l->tid >> 8);
    adu[1] = (uint8_t)l->tid;
    adu[2] = adu[3] = 0;
    adu[4] = (uint8_t)((n + 1) >> 8);
    adu[5] = (uint8_t)(n + 1);
    adu[6] = w->unit;
    ssize_t sent = send(modbus_get_socket(l->mb), adu, MBAP + n, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == (ssize_t)(MBAP + n) ? 0 : ERR_LINK;
}

/* One whole frame before `until`: 0 and its transaction, or an error. */
static int tcp_receive(struct link *l, struct mono until, uint8_t adu[MODBUS_TCP_MAX_ADU_LENGTH],
                       size_t *ret_n, uint16_t *ret_tid)
{
    set_timeout(l, mono_since_ns(until, mono_now()));
    int n = modbus_receive_confirmation(l->mb, adu);
    if (n < 0)
        return errno == ETIMEDOUT ? ERR_TIMEOUT : errno == EMBBADDATA ? ERR_PROTOCOL : ERR_LINK;
    if (n < MBAP + 2 || adu[2] || adu[3] || (adu[4] << 8 | adu[5]) != n - (MBAP - 1))
        return ERR_PROTOCOL; /* framing is lost */
    *ret_n = (size_t)n;
    *ret_tid = (uint16_t)(adu[0] << 8 | adu[1]);
    return 0;
}

static int tcp_do(struct link *l, const struct want *w, struct reply *ret)
{
    uint8_t adu[MODBUS_TCP_MAX_ADU_LENGTH];
    struct mono until = mono_add_ms(ret->sent, w->timeout_ms);
    int rc = tcp_send(l, w);
    for (int i = 0; rc == 0 && i < REPEATS_MAX; i++) {
        size_t n;
        uint16_t tid;
        rc = tcp_receive(l, until, adu, &n, &tid);
        if (rc == 0 && tid == l->tid) /* invariant 1 */
            return adu[MBAP - 1] == w->unit ? frame_reply(w, adu + MBAP, n - MBAP, ret)
                                            : ERR_PROTOCOL;
        if (rc == 0 && (uint16_t)(l->tid - tid) >= l->sent_n)
            rc = ERR_PROTOCOL; /* never sent on this connection */
        if (rc == 0 && mono_reached(mono_now(), until))
            rc = ERR_TIMEOUT;
    }
    return rc == 0 ? ERR_PROTOCOL : rc;
}

/* ---- RTU ---- */

static int64_t chars_ns(const struct link_options *o, size_t n)
{
    return (int64_t)n * 11 * 1000000000 / o->baud; /* no link is made without a speed */
}

/* Four times t3.5, at least 20 ms. */
static int64_t drain_ns(const struct link_options *o)
{
    int64_t least = (int64_t)DRAIN_QUIET_MS * 1000000, ns = chars_ns(o, 14);
    return ns > least ? ns : least;
}

/* Both frames on the wire: a PDU has a unit before it and a check of two bytes behind it. */
static int64_t frames_ns(const struct link_options *o, size_t request, const struct want *w)
{
    return chars_ns(o, request + 2 + frame_reply_size(w) + 3);
}

/* Invariant 3. Reads until nothing came for drain_ns: 0, ERR_TIMEOUT while it goes on talking,
 * ERR_LINK when the port is gone. */
static int drain(struct link *l)
{
    uint8_t junk[256];
    int64_t quiet_ns = drain_ns(&l->o);
    struct mono end = mono_add_ms(mono_now(), DRAIN_MAX_MS);
    struct pollfd p = {.fd = modbus_get_socket(l->mb), .events = POLLIN};
    struct timespec t = {.tv_sec = quiet_ns / 1000000000, .tv_nsec = quiet_ns % 1000000000};
    while (!mono_reached(mono_now(), end)) {
        int rc = ppoll(&p, 1, &t, NULL);
        if (rc == 0)
            return 0;
        if (rc > 0 && read(p.fd, junk, sizeof(junk)) <= 0)
            return ERR_LINK;
    }
    return ERR_TIMEOUT;
}

static int rtu_error(int error)
{
    switch (error) {
    case ETIMEDOUT: return ERR_TIMEOUT;
    case EMBBADDATA:
    case EMBBADCRC:
    case EMBBADSLAVE: return ERR_PROTOCOL;
    default: return ERR_LINK;
    }
}

/* On a line that repeats what is sent, the beginning of a request may by chance be a whole answer
 * to it: the check of an FC16 answer stands where the request has its byte count and first data.
 * Such a one counts only when nothing follows it. */
static bool is_echo(struct link *l, const uint8_t *req, size_t n, const uint8_t *adu, size_t got)
{
    struct pollfd p = {.fd = modbus_get_socket(l->mb), .events = POLLIN};
    int64_t ns = drain_ns(&l->o);
    struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    return memcmp(adu, req, got < n ? got : n) == 0 && ppoll(&p, 1, &t, NULL) != 0;
}

static int rtu_do(struct link *l, const struct want *w, struct reply *ret)
{
    uint8_t adu[MODBUS_TCP_MAX_ADU_LENGTH], req[1 + FRAME_PDU_MAX];
    int rc = l->dirty ? drain(l) : 0;
    if (rc < 0)
        return rc;
    l->dirty = false;
    req[0] = w->unit;
    size_t n = 1 + frame_request(w, req + 1);
    modbus_set_slave(l->mb, w->unit);
    modbus_flush(l->mb);
    ret->sent = mono_now();
    set_timeout(l, (int64_t)w->timeout_ms * 1000000 + frames_ns(&l->o, n, w));
    if (modbus_send_raw_request(l->mb, req, (int)n) < 0)
        return rtu_error(errno);
    int got = modbus_receive_confirmation(l->mb, adu);
    if (got < 0)
        return rtu_error(errno);
    if (got < 5 || adu[0] != w->unit) /* invariant 1; 0: an answer of another unit */
        return ERR_PROTOCOL;
    if (is_echo(l, req, n, adu, (size_t)got))
        return ERR_PROTOCOL;
    return frame_reply(w, adu + 1, (size_t)got - 3, ret);
}

/* ---- both ---- */

static bool may_send(const struct link *l, const struct want *w)
{
    if (w->fc >= 1 && w->fc <= 4)
        return true;
    uint16_t addr = w->fc == 23 ? w->waddr : w->addr, n = w->fc == 23 ? w->wn : w->n;
    return l->may && l->may(l->may_ctx, w->unit, addr, n);
}

static void failed(struct link *l, int rc)
{
    if (is_serial(l) && rc != ERR_LINK) {
        l->dirty = true;
        return;
    }
    drop_failed(l);
    if (!l->answered) /* invariant 6 */
        reach_failed(&l->reach, mono_now());
}

void link_do(struct link *l, const struct want *w, struct reply *ret)
{
    ret->n = 0;
    ret->exception = 0;
    ret->sent = mono_now();
    if (!may_send(l, w)) {
        ret->rc = ERR_DENIED; /* invariant 5 */
    } else if (!l->up && !connect_link(l, w->timeout_ms)) {
        ret->rc = ERR_LINK;
    } else {
        ret->sent = mono_now();
        ret->rc = is_serial(l) ? rtu_do(l, w, ret) : tcp_do(l, w, ret);
        if (ret->rc == 0 || ret->rc == ERR_EXCEPTION) {
            l->reach.ms = 0;
            l->answered = true;
        } else {
            failed(l, ret->rc);
        }
    }
    ret->got = mono_now();
}

/* ---- what the unanswered costs ---- */

static uint32_t tcp_dead_ms(uint32_t timeout_ms, uint32_t alone_ms, uint32_t pause_ms)
{
    uint32_t wait = 0, spent = 0;
    for (;;) {
        spent += timeout_ms + wait * REACH_LEAST_PERCENT / 100;
        if (spent >= alone_ms || wait >= REACH_LAST_MS)
            return timeout_ms + wait * REACH_MOST_PERCENT / 100 + CONNECT_TRIP_MS + pause_ms;
        wait = reach_next_ms(wait);
    }
}

uint32_t link_dead_ms(const struct link_options *o, uint32_t timeout_ms, uint32_t words,
                      uint32_t alone_ms)
{
    struct want w = {.fc = 3, .n = (uint16_t)words};
    uint8_t pdu[FRAME_PDU_MAX];
    if (!o->serial[0])
        return tcp_dead_ms(timeout_ms, alone_ms, o->connect_pause_ms);
    int64_t ns = frames_ns(o, 1 + frame_request(&w, pdu), &w) + drain_ns(o);
    return timeout_ms + (uint32_t)((ns + 999999) / 1000000);
}
