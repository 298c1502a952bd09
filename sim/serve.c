/* Sockets and ptys of the simulated devices.
 * Thread: the program's one. Owns: listeners, connections, ptys and their links.
 * Invariants:
 *  1 Replies of one connection leave in the order of their requests; a late one holds the next
 * back. 2 MAILBOX.md 14: one connection to a sorter; a new one replaces one silent for 1 s, else is
 * reset. 3 A device that is off answers nothing: its TCP side resets, its place on a pty stays
 * silent. 4 Nothing grows: connections, waiting replies and devices have bounds; over a bound means
 * a reset. */
#include "sim/serve.h"
#include "base/clock.h"
#include "sim/line.h"
#include "sim/reply.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORTS_MAX = 16, CONNS_MAX = 4, WAITING_MAX = 8, DEVICES_ON_LINE = 16, SILENT_MS = 1000 };

struct waiting {
    struct mono due;
    struct reply reply;
};
struct conn {
    int fd; /* −1: free */
    bool mute;
    struct mono last; /* of the last byte that came in */
    uint8_t in[2 * FRAME_MAX];
    size_t n;
    struct waiting out[WAITING_MAX];
    size_t outs;
};
/* A TCP port with one device, or a serial line with several (conn[0] is the line). */
struct port {
    bool rtu;
    int listener, keep; /* −1: none */
    char path[104];
    int64_t silence_ns;
    struct device *dev[DEVICES_ON_LINE];
    size_t devs;
    struct conn conn[CONNS_MAX];
};
struct serve {
    struct port port[PORTS_MAX];
    size_t ports;
};

int serve_new(struct serve **ret)
{
    struct serve *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    *ret = s;
    return 0;
}

static void conn_close(struct conn *c, bool reset)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    if (c->fd < 0)
        return;
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(c->fd);
    c->fd = -1;
    c->n = c->outs = 0;
    c->mute = false;
}

void serve_free(struct serve *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->ports; i++) {
        struct port *p = &s->port[i];
        for (size_t k = 0; k < CONNS_MAX; k++)
            conn_close(&p->conn[k], false);
        if (p->listener >= 0)
            close(p->listener);
        if (p->keep >= 0) {
            close(p->keep);
            unlink(p->path);
        }
    }
    free(s);
}

static struct port *port_new(struct serve *s, bool rtu)
{
    struct port *p = &s->port[s->ports++];
    p->rtu = rtu;
    p->listener = p->keep = -1;
    for (size_t k = 0; k < CONNS_MAX; k++)
        p->conn[k].fd = -1;
    return p;
}

static int listen_on(uint16_t port, uint16_t *ret_port, struct err *e)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof a;
    if (fd < 0)
        return err_set(e, ERR_IO, "no socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 8) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
        close(fd);
        return err_set(e, ERR_BUSY, "127.0.0.1 port %u: cannot listen", port);
    }
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static int add_tcp(struct serve *s, struct device *d, struct err *e)
{
    int fd = listen_on(d->cfg.port, &d->cfg.port, e);
    if (fd < 0)
        return fd;
    struct port *p = port_new(s, false);
    p->listener = fd;
    p->dev[p->devs++] = d;
    return 0;
}

static int add_rtu(struct serve *s, struct device *d, struct err *e)
{
    struct port *p = NULL;
    for (size_t i = 0; i < s->ports; i++)
        if (s->port[i].rtu && strcmp(s->port[i].path, d->cfg.pty) == 0)
            p = &s->port[i];
    if (!p) {
        int fd, keep, rc = line_open(d->cfg.pty, d->cfg.baud, &fd, &keep, e);
        if (rc)
            return rc;
        p = port_new(s, true);
        p->conn[0].fd = fd;
        p->keep = keep;
        p->silence_ns = line_silence_ns(d->cfg.baud);
        memcpy(p->path, d->cfg.pty, sizeof p->path);
    }
    if (p->devs == DEVICES_ON_LINE)
        return err_set(e, ERR_TOOBIG, "%s: too many devices on one line", p->path);
    p->dev[p->devs++] = d;
    return 0;
}

int serve_add(struct serve *s, struct device *d, struct err *e)
{
    if (s->ports == PORTS_MAX)
        return err_set(e, ERR_TOOBIG, "more than %d ports", PORTS_MAX);
    return d->cfg.pty[0] ? add_rtu(s, d, e) : add_tcp(s, d, e);
}

/* ---- replies ---- */

static void send_bytes(struct conn *c, bool rtu, const struct reply *r)
{
    ssize_t done = write(c->fd, r->bytes, r->n);
    if (done != (ssize_t)r->n && !rtu)
        conn_close(c, true);
}

static void queue_reply(struct conn *c, bool rtu, const struct reply *r, struct mono now)
{
    if (r->cut == REPLY_CUT_RESET && !rtu) {
        conn_close(c, true);
        return;
    }
    c->mute = c->mute || r->cut == REPLY_CUT_MUTE;
    if (r->n == 0 || c->mute)
        return;
    if (r->delay_ns == 0 && c->outs == 0) {
        send_bytes(c, rtu, r);
        return;
    }
    if (c->outs == WAITING_MAX) {
        conn_close(c, !rtu);
        return;
    }
    struct mono due = mono_add_ns(now, r->delay_ns);
    if (c->outs && c->out[c->outs - 1].due.ns > due.ns)
        due = c->out[c->outs - 1].due;
    c->out[c->outs++] = (struct waiting){due, *r};
}

static struct mono send_due(struct conn *c, bool rtu, struct mono now)
{
    while (c->fd >= 0 && c->outs && mono_reached(now, c->out[0].due)) {
        struct reply r = c->out[0].reply;
        memmove(c->out, c->out + 1, --c->outs * sizeof c->out[0]);
        send_bytes(c, rtu, &r);
    }
    return c->fd >= 0 && c->outs ? c->out[0].due : MONO_NEVER;
}

/* ---- requests ---- */

static void drop_front(struct conn *c, size_t n)
{
    memmove(c->in, c->in + n, c->n - n);
    c->n -= n;
}

static void tcp_requests(struct port *p, struct conn *c, struct mono now)
{
    while (c->fd >= 0 && c->n >= 6) {
        size_t len = reply_tcp_length(c->in);
        if (len == 0 || len > FRAME_MAX) {
            conn_close(c, true);
            return;
        }
        if (c->n < len)
            return;
        struct reply r;
        uint8_t frame[FRAME_MAX];
        memcpy(frame, c->in, len);
        drop_front(c, len);
        if (c->mute || len < 8 || !device_answers(p->dev[0], now))
            continue;
        reply_tcp(p->dev[0], frame, len, now, &r);
        queue_reply(c, false, &r, now);
    }
}

/* A frame that has fallen silent: for one of the units on the line, or for nobody. */
static void rtu_request(struct port *p, struct conn *c, struct mono now)
{
    struct reply r;
    size_t n = c->n;
    c->n = 0;
    if (n > FRAME_MAX || !reply_rtu_crc(c->in, n))
        return;
    for (size_t i = 0; i < p->devs; i++) {
        struct device *d = p->dev[i];
        if (d->cfg.unit != c->in[0] || !device_answers(d, now))
            continue;
        reply_rtu(d, c->in, n, now, &r);
        r.cut = REPLY_CUT_NONE;
        queue_reply(c, true, &r, now);
        return;
    }
}

static void conn_read(struct port *p, struct conn *c)
{
    ssize_t got = read(c->fd, c->in + c->n, sizeof c->in - c->n);
    int failed = errno;
    struct mono now = mono_now();
    if (got > 0) {
        c->n += (size_t)got;
        c->last = now;
        if (!p->rtu)
            tcp_requests(p, c, now);
        else if (c->n == sizeof c->in)
            c->n = 0; /* noise: longer than any frame */
    } else if (!p->rtu && (got == 0 || (failed != EAGAIN && failed != EINTR))) {
        conn_close(c, false);
    }
}

/* ---- connections ---- */

static struct conn *place_for(struct port *p, struct mono now)
{
    if (device_one_connection(p->dev[0])) {
        struct conn *c = &p->conn[0];
        if (c->fd >= 0 && mono_since_ms(now, c->last) < SILENT_MS)
            return NULL;
        conn_close(c, true);
        return c;
    }
    for (size_t k = 0; k < CONNS_MAX; k++)
        if (p->conn[k].fd < 0)
            return &p->conn[k];
    return NULL;
}

static void port_accept(struct port *p)
{
    struct mono now = mono_now();
    struct device *d = p->dev[0];
    struct conn turned = {.fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    int one = 1;
    if (turned.fd < 0)
        return;
    bool open = device_answers(d, now) && mono_reached(now, d->refuse_until);
    struct conn *c = open ? place_for(p, now) : NULL;
    if (!c) {
        device_say(d, "refused", NULL);
        conn_close(&turned, true);
        return;
    }
    setsockopt(turned.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->fd = turned.fd;
    c->last = now;
}

/* ---- the turn ---- */

size_t serve_fds(const struct serve *s, struct pollfd *ret, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < s->ports; i++) {
        if (s->port[i].listener >= 0 && n < cap)
            ret[n++] = (struct pollfd){.fd = s->port[i].listener, .events = POLLIN};
        for (size_t k = 0; k < CONNS_MAX; k++)
            if (s->port[i].conn[k].fd >= 0 && n < cap)
                ret[n++] = (struct pollfd){.fd = s->port[i].conn[k].fd, .events = POLLIN};
    }
    return n;
}

static void fd_ready(struct serve *s, int fd)
{
    for (size_t i = 0; i < s->ports; i++) {
        struct port *p = &s->port[i];
        for (size_t k = 0; k < CONNS_MAX; k++) {
            if (p->conn[k].fd == fd) {
                conn_read(p, &p->conn[k]);
                return;
            }
        }
        if (p->listener == fd) {
            port_accept(p);
            return;
        }
    }
}

void serve_ready(struct serve *s, const struct pollfd *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i].revents)
            fd_ready(s, fds[i].fd);
}

static struct mono conn_run(struct port *p, struct conn *c, struct mono now)
{
    if (c->fd < 0)
        return MONO_NEVER;
    if (!p->rtu && !device_answers(p->dev[0], now)) {
        conn_close(c, true);
        return MONO_NEVER;
    }
    struct mono due = MONO_NEVER, silent = mono_add_ns(c->last, p->silence_ns);
    if (p->rtu && c->n && mono_reached(now, silent))
        rtu_request(p, c, now);
    else if (p->rtu && c->n)
        due = silent;
    return mono_min(due, send_due(c, p->rtu, now));
}

struct mono serve_run(struct serve *s, struct mono now)
{
    struct mono due = MONO_NEVER;
    for (size_t i = 0; i < s->ports; i++)
        for (size_t k = 0; k < CONNS_MAX; k++)
            due = mono_min(due, conn_run(&s->port[i], &s->port[i].conn[k], now));
    return due;
}
