/* The proxy between link and slave: one frame at a time each way, and for some of them a fault
 * (faults.def), for some time an outage. Thread: its own; owns all its descriptors.
 *
 * 1. Late answers go to whoever is connected then.
 * 2. A stream of TCP loses nothing in its middle: behind half an answer nothing more comes.
 * 3. On a serial line nothing of an answer comes later than timeout and quarantine allow: what a
 *    slave may do is in its map, and no link can tell such an answer from the next one. */
#include "base/crc.h"
#include "tests/links/links.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pty.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

enum { ASKED_MAX = 32, CHUNKS_MAX = 32, FILLERS = 3, TICK_MS = 5, SHUT_MS = 40 };
enum { ON_LISTENER, ON_CLIENT, ON_UP };
enum then { THEN_KEEP, THEN_CLOSE, THEN_RESET };

struct asked {
    enum fault fault;
    uint8_t frame[FRAME_ROOM];
    size_t n;
    int64_t at, due; /* due: a late request's */
    bool late;
};
struct chunk {
    int64_t due;
    uint8_t bytes[2 * FRAME_ROOM];
    size_t n, done;
    int drip_ms;
    unsigned conn;
    enum then then;
    struct asked of;
};
struct side {
    struct lane *l;
    uint64_t d;
    int listener, client, place; /* place: keeps the port, or the pty's other end, ours */
    unsigned conn, half;         /* half: the connection that ends in half an answer */
    bool mute, waiting;
    uint8_t in[2 * FRAME_ROOM];
    size_t n;
    struct asked at_slave[ASKED_MAX], held[ASKED_MAX], last;
    size_t n_at_slave, n_held;
    struct chunk chunks[CHUNKS_MAX];
    size_t n_chunks;
    int64_t shut_until, reset_until, outage_until, noise_due;
    int outage, filler[FILLERS];
};

static struct side sides[LANES_MAX];
static int ep = -1;
static pthread_t thread;
static _Atomic bool stop;

static const int fault_where[FAULTS] = {
#define T                    1
#define R                    2
#define M                    4
#define F(name, word, where) [FAULT_##name] = (where),
#include "tests/links/faults.def"
#undef F
#undef T
#undef R
#undef M
};

static int64_t now_ns(void)
{
    return mono_now().ns;
}

static int64_t ms(int64_t n)
{
    return n * 1000000;
}

static bool is_rtu(const struct side *s)
{
    return s->l->kind == LANE_RTU;
}

/* ---- frames ---- */

static size_t body(const struct side *s) /* where the function code stands */
{
    return is_rtu(s) ? 1 : 7;
}

static size_t pdu_size(const struct side *s, size_t n)
{
    return n - body(s) - (is_rtu(s) ? 2 : 0);
}

static size_t seal(const struct side *s, uint8_t *f, size_t pdu_n) /* length or check; its size */
{
    if (!is_rtu(s)) {
        put16(f + 4, (unsigned)pdu_n + 1);
        return pdu_n + 7;
    }
    uint16_t c = crc16_bytes(0xFFFF, f, pdu_n + 1);
    f[pdu_n + 1] = (uint8_t)c;
    f[pdu_n + 2] = (uint8_t)(c >> 8);
    return pdu_n + 3;
}

/* How long the request that begins here is; 0: not known yet. */
static size_t request_size(const struct side *s, const uint8_t *p, size_t n)
{
    if (!is_rtu(s))
        return n < 6 ? 0 : 6 + (size_t)get16(p + 4);
    if (n < 2 || (p[1] == 16 && n < 7) || (p[1] == 23 && n < 11))
        return 0;
    return p[1] == 16 ? 9 + (size_t)p[6] : p[1] == 23 ? 13 + (size_t)p[10] : 8;
}

static size_t reply_size(const struct side *s, const struct asked *a) /* of the PDU */
{
    const uint8_t *pdu = a->frame + body(s);
    return pdu[0] == 16 ? 5 : 2 + (size_t)2 * get16(pdu + 3);
}

static bool alike(const struct side *s, const struct asked *a, const struct asked *b)
{
    size_t f = body(s);
    return a->frame[f - 1] == b->frame[f - 1] && a->frame[f] == b->frame[f] &&
           reply_size(s, a) == reply_size(s, b);
}

static void flip(struct side *s, uint8_t *p, size_t n)
{
    for (uint32_t bits = 1 + dice(&s->d, 3); bits; bits--)
        p[dice(&s->d, (uint32_t)n)] ^= (uint8_t)(1 << dice(&s->d, 8));
}

/* ---- connections ---- */

static void watch(struct side *s, int fd, unsigned what)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)(s - sides) << 2 | what};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void hang_up(struct side *s, bool reset)
{
    struct linger now = {1, 0};
    if (is_rtu(s) || s->client < 0)
        return;
    if (reset)
        setsockopt(s->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close_fd(&s->client);
    s->mute = false;
    s->n = 0;
}

static int bound_socket(struct side *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(s->l->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        give_up("a port that was ours is not");
    s->l->port = ntohs(a.sin_port);
    return fd;
}

static void open_listener(struct side *s)
{
    if (s->listener >= 0)
        return;
    s->listener = bound_socket(s);
    listen(s->listener, 16);
    watch(s, s->listener, ON_LISTENER);
}

static void open_pty(struct side *s)
{
    char name[64];
    struct termios raw;
    memset(&raw, 0, sizeof(raw));
    cfmakeraw(&raw);
    if (openpty(&s->client, &s->place, name, &raw, NULL) != 0)
        give_up("no pty");
    fcntl(s->client, F_SETFL, O_NONBLOCK);
    unlink(s->l->path);
    if (symlink(name, s->l->path) != 0)
        give_up("no link to the pty");
    watch(s, s->client, ON_CLIENT);
    s->l->connects++;
    s->n = 0;
}

static void accept_one(struct side *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), on = 1;
    if (fd < 0)
        return;
    hang_up(s, true);
    s->client = fd;
    s->conn++;
    s->l->connects++;
    if (s->outage == OUTAGE_RESET || now_ns() < s->reset_until) {
        hang_up(s, true);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    watch(s, fd, ON_CLIENT);
}

/* ---- what goes to the link ---- */

static void put_bytes(struct side *s, const uint8_t *p, size_t n)
{
    if (s->client >= 0)
        (void)!(is_rtu(s) ? write(s->client, p, n)
                          : send(s->client, p, n, MSG_NOSIGNAL | MSG_DONTWAIT));
}

static void put(struct side *s, const uint8_t *p, size_t n) /* whole answers */
{
    if (is_rtu(s) || s->half != s->conn) /* invariant 2 */
        put_bytes(s, p, n);
}

static void put_half(struct side *s, const uint8_t *p, size_t n)
{
    put(s, p, n);
    s->half = s->conn;
}

static struct chunk *later(struct side *s, int64_t due, const uint8_t *p, size_t n,
                           const struct asked *of)
{
    if (s->n_chunks == CHUNKS_MAX)
        return &s->chunks[CHUNKS_MAX - 1];
    struct chunk *c = &s->chunks[s->n_chunks++];
    *c = (struct chunk){.due = due, .n = n, .conn = s->conn, .of = *of};
    memcpy(c->bytes, p, n);
    return c;
}

static bool too_late(const struct side *s, const struct asked *a) /* invariant 3 */
{
    bool late = is_rtu(s) && now_ns() > a->at + ms(s->l->timeout_ms) * (1 + RTU_QUARANTINE);
    tally.too_late += late;
    return late;
}

static void count_late(struct side *s, const struct asked *a)
{
    if (!s->waiting)
        return;
    if (alike(s, a, &s->last))
        tally.late_same++;
    else
        tally.late_other++;
}

/* false: done with it. */
static bool run_chunk(struct side *s, struct chunk *c)
{
    if (c->drip_ms) {
        if (c->conn != s->conn || c->done == c->n || (!is_rtu(s) && !c->done && s->half == s->conn))
            return false;
        put_bytes(s, c->bytes + c->done++, 1);
        s->half = c->done < c->n ? s->conn : 0;
        c->due += ms(c->drip_ms);
        return true;
    }
    if (c->then == THEN_KEEP && c->n && !too_late(s, &c->of)) {
        count_late(s, &c->of); /* invariant 1 */
        put(s, c->bytes, c->n);
    }
    if (c->then != THEN_KEEP && c->conn == s->conn)
        hang_up(s, c->then == THEN_RESET);
    return false;
}

static int64_t late_ns(struct side *s) /* after the request */
{
    uint32_t t = s->l->timeout_ms;
    return ms(t) + (int64_t)dice(&s->d, t * RTU_QUARANTINE) * 1000000 +
           (int64_t)dice(&s->d, 1000000);
}

static void end_with(struct side *s, enum then then, const struct asked *a)
{
    later(s, now_ns() + (int64_t)dice(&s->d, 500000), a->frame, 0, a)->then = then;
}

/* Another unit's or function's registers. */
static void other_words(struct side *s, uint8_t *pdu, size_t n)
{
    for (size_t i = 2; i < n; i++)
        pdu[i] = (uint8_t)dice(&s->d, 256);
}

/* Spoils the answer f of n bytes in place; its size. */
static size_t spoil(struct side *s, const struct asked *a, uint8_t *f, size_t n)
{
    size_t b = body(s), pdu_n = pdu_size(s, n);
    uint8_t *pdu = f + b;
    bool words = pdu[0] == 3 || pdu[0] == 4 || pdu[0] == 23;
    uint32_t have = words ? pdu[1] / 2u : 0, k;
    static const uint8_t functions[] = {1, 3, 4, 6, 16, 23};
    switch (a->fault) {
    case FAULT_FLIP: flip(s, f, is_rtu(s) ? n : words ? 9 : n); return n;
    case FAULT_DATA: flip(s, pdu + (words ? 2 : 1), words ? pdu_n - 2 : 1); return n;
    case FAULT_LENGTH:
        put16(f + 4, get16(f + 4) + (dice(&s->d, 2) ? 1 + dice(&s->d, 300) : 0xFFFF));
        return n;
    case FAULT_TRANSACTION:
        put16(f, get16(f) - (dice(&s->d, 2) ? 1 + dice(&s->d, 4) : 1 + dice(&s->d, 65534)));
        return n;
    case FAULT_PROTOCOL: put16(f + 2, 1 + dice(&s->d, 65535)); return n;
    case FAULT_UNIT:
        f[b - 1] = (uint8_t)(f[b - 1] + 1 + dice(&s->d, 255));
        other_words(s, pdu, words ? pdu_n : 0);
        break;
    case FAULT_FUNCTION:
        do
            k = functions[dice(&s->d, sizeof(functions))];
        while (k == pdu[0]);
        pdu[0] = (uint8_t)k;
        other_words(s, pdu, words ? pdu_n : 0);
        break;
    case FAULT_FEWER:
        if (have > 1) {
            k = 1 + dice(&s->d, have - 1);
            pdu[1] = (uint8_t)(2 * (have - k));
            pdu_n -= 2 * k;
        }
        break;
    case FAULT_MORE:
        if (have && have < 125) {
            k = 1 + dice(&s->d, 125 - have);
            memset(pdu + pdu_n, 0x5A, 2 * k);
            pdu[1] = (uint8_t)(2 * (have + k));
            pdu_n += 2 * k;
        }
        break;
    case FAULT_CONFIRM:
        if (pdu[0] == 23) {
            memcpy(pdu + 1, a->frame + b + 5, 4);
            pdu_n = 5;
        } else {
            k = dice(&s->d, 2) ? 1 : 3;
            put16(pdu + k, get16(pdu + k) + 1 + dice(&s->d, 65534));
        }
        break;
    default: return n;
    }
    return seal(s, f, pdu_n);
}

static void send_spoiled(struct side *s, const struct asked *a, const uint8_t *answer, size_t n)
{
    uint8_t f[2 * FRAME_ROOM + 16];
    memcpy(f, answer, n);
    size_t junk = 1 + dice(&s->d, 16);
    switch (a->fault) {
    case FAULT_LATE: later(s, a->at + late_ns(s), f, n, a); return;
    case FAULT_TWICE:
        memcpy(f + n, f, n);
        put(s, f, 2 * n);
        return;
    case FAULT_AGAIN:
        put(s, f, n);
        later(s, now_ns() + (int64_t)dice(&s->d, 2000000), f, n, a);
        s->waiting = false;
        return;
    case FAULT_CUT: put_half(s, f, dice(&s->d, (uint32_t)n)); return;
    case FAULT_CUT_RESET:
        put_half(s, f, dice(&s->d, (uint32_t)n));
        end_with(s, THEN_RESET, a);
        return;
    case FAULT_CLOSED:
        put(s, f, n);
        end_with(s, THEN_CLOSE, a);
        return;
    case FAULT_DRIP: later(s, now_ns(), f, n, a)->drip_ms = 1 + (int)dice(&s->d, 3); return;
    case FAULT_GARBAGE:
        memmove(f + junk, f, n);
        for (size_t i = 0; i < junk; i++)
            f[i] = (uint8_t)dice(&s->d, 256);
        put(s, f, n + junk);
        return;
    default:
        n = spoil(s, a, f, n);
        put(s, f, n);
        s->waiting = false;
    }
}

static void from_slave(struct side *s)
{
    uint8_t f[FRAME_ROOM];
    ssize_t n = recv(s->l->up[0], f, sizeof(f), MSG_DONTWAIT);
    if (n <= 0 || s->n_at_slave == 0)
        return;
    struct asked a = s->at_slave[0];
    memmove(s->at_slave, s->at_slave + 1, --s->n_at_slave * sizeof(a));
    if (a.fault == FAULT_LOST_REPLY || too_late(s, &a))
        return;
    if (a.late)
        count_late(s, &a);
    send_spoiled(s, &a, f, (size_t)n);
}

/* ---- what goes to the slave ---- */

static void forward(struct side *s, const struct asked *a)
{
    if (s->n_at_slave == ASKED_MAX)
        return;
    s->at_slave[s->n_at_slave++] = *a;
    (void)!send(s->l->up[0], a->frame, a->n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool applies(const struct side *s, enum fault k, uint8_t fc)
{
    int here = is_rtu(s) ? 2 : s->l->kind == LANE_MAILBOX ? 5 : 1;
    if (!(fault_where[k] & here))
        return false;
    if (k == FAULT_FEWER || k == FAULT_MORE || k == FAULT_DATA)
        return fc != 16;
    if (k == FAULT_CONFIRM)
        return fc == 16 || fc == 23;
    if (k == FAULT_ASKED)
        return s->l->deep;
    return k != FAULT_LATE_REQUEST || s->l->kind != LANE_MAILBOX;
}

static enum fault choose(struct side *s, const struct asked *a)
{
    uint8_t fc = a->frame[body(s)];
    if ((int)dice(&s->d, 1000) >= s->l->per_mille)
        return FAULT_NONE;
    if (s->l->only)
        return (enum fault)s->l->only;
    if (s->l->kind == LANE_MAILBOX && dice(&s->d, 2))
        return s->l->deep && dice(&s->d, 2) ? FAULT_ASKED : FAULT_DATA;
    for (;;) {
        enum fault k = (enum fault)(1 + dice(&s->d, FAULTS - 1));
        bool rare = k == FAULT_REFUSED || k == FAULT_ONE_ONLY; /* each costs a wait of the link */
        if (applies(s, k, fc) && (!rare || dice(&s->d, 8) == 0))
            return k;
    }
}

/* Bits of a request to a mailbox that its own checks must make harmless. */
static void spoil_request(struct side *s, struct asked *a)
{
    uint8_t *pdu = a->frame + body(s);
    uint32_t addr = get16(pdu + 1), n = get16(pdu + 3);
    if (pdu[0] != 16) {
        flip(s, pdu + 1, 2);
        return;
    }
    for (int tries = 0; tries < 20; tries++) {
        uint32_t i = dice(&s->d, n);
        if (mailbox_checked(s->l, addr + i)) {
            flip(s, pdu + 6 + (size_t)2 * i, 2);
            return;
        }
    }
}

static void answer_alone(struct side *s, struct asked *a) /* the slave never hears of it */
{
    uint8_t f[FRAME_ROOM];
    size_t b = body(s);
    memcpy(f, a->frame, b + 5);
    if (a->fault == FAULT_EXCEPTION) {
        uint32_t code = 1 + dice(&s->d, EXCEPTIONS - 1);
        tally.exception[code]++;
        f[b] |= 0x80;
        f[b + 1] = (uint8_t)code;
        put(s, f, seal(s, f, 2));
    } else {
        send_spoiled(s, a, f, seal(s, f, 5));
    }
    s->waiting = false;
}

static void ask_slave(struct side *s, struct asked *a)
{
    int64_t shut = ms(1 + dice(&s->d, SHUT_MS));
    switch (a->fault) {
    case FAULT_LOST_REQUEST: return;
    case FAULT_LATE_REQUEST:
        if (s->n_held == ASKED_MAX)
            return;
        a->due = a->at + late_ns(s);
        a->late = true;
        s->held[s->n_held++] = *a;
        return;
    case FAULT_HALF_OPEN: s->mute = true; return;
    case FAULT_REFUSED:
        s->shut_until = now_ns() + shut;
        close_fd(&s->listener);
        hang_up(s, true);
        return;
    case FAULT_ONE_ONLY:
        s->reset_until = now_ns() + shut;
        hang_up(s, true);
        return;
    case FAULT_RESET: hang_up(s, true); return;
    case FAULT_EXCEPTION: answer_alone(s, a); return;
    case FAULT_ECHO:
        put(s, a->frame, a->n);
        if (dice(&s->d, 2))
            forward(s, a);
        return;
    case FAULT_CONFIRM:
        if (a->frame[body(s)] == 16 && dice(&s->d, 2)) {
            answer_alone(s, a);
            return;
        }
        break;
    case FAULT_ASKED: spoil_request(s, a); break;
    default: break;
    }
    forward(s, a);
}

static void from_link(struct side *s, const uint8_t *p, size_t n)
{
    struct asked a = {.n = n, .at = now_ns()};
    memcpy(a.frame, p, n);
    s->l->requests++;
    s->last = a;
    s->waiting = true;
    if (s->mute || s->outage || a.frame[body(s) - 1] == s->l->dead_unit)
        return;
    a.fault = choose(s, &a);
    tally.fault[a.fault]++;
    ask_slave(s, &a);
}

static void client_ready(struct side *s)
{
    if (s->client < 0)
        return;
    ssize_t got = is_rtu(s) ? read(s->client, s->in + s->n, sizeof(s->in) - s->n)
                            : recv(s->client, s->in + s->n, sizeof(s->in) - s->n, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EIO))
        return;
    if (got <= 0) {
        hang_up(s, false);
        return;
    }
    s->n += (size_t)got;
    for (size_t len; s->n && (len = request_size(s, s->in, s->n)) != 0 && s->n >= len;) {
        uint8_t frame[FRAME_ROOM];
        if (len > FRAME_ROOM || len < 8 ||
            (is_rtu(s) && crc16_bytes(0xFFFF, s->in, len) != 0)) { /* a link never sends that */
            s->n = 0;
            return;
        }
        memcpy(frame, s->in, len);
        s->n -= len;
        memmove(s->in, s->in + len, s->n);
        from_link(s, frame, len);
    }
}

/* ---- outages ---- */

static void outage_begins(struct side *s, int64_t now)
{
    s->outage = s->l->outage;
    s->outage_until = now + ms(s->l->outage_ms);
    s->noise_due = now;
    if (s->outage == OUTAGE_REFUSED || s->outage == OUTAGE_HOLE)
        close_fd(&s->listener);
    if (s->outage == OUTAGE_HOLE) {
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons(s->l->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        s->listener = bound_socket(s);
        listen(s->listener, 0);
        for (int i = 0; i < FILLERS; i++) {
            s->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            (void)!connect(s->filler[i], (struct sockaddr *)&a, sizeof(a));
        }
    }
    if (s->outage != OUTAGE_SILENT)
        hang_up(s, true);
    if (s->outage == OUTAGE_GONE) {
        close_fd(&s->client);
        close_fd(&s->place);
        unlink(s->l->path);
    }
}

static void outage_ends(struct side *s)
{
    if (s->outage == OUTAGE_HOLE) {
        for (int i = 0; i < FILLERS; i++)
            close_fd(&s->filler[i]);
        close_fd(&s->listener);
    }
    if (!is_rtu(s))
        open_listener(s);
    if (s->outage == OUTAGE_GONE)
        open_pty(s);
    s->outage = OUTAGE_NONE;
    s->l->healed_ns = now_ns();
    s->l->outage = OUTAGE_NONE;
}

static void noise(struct side *s, int64_t now)
{
    uint8_t junk[32];
    size_t n = 1 + dice(&s->d, sizeof(junk));
    for (size_t i = 0; i < n; i++)
        junk[i] = (uint8_t)dice(&s->d, 256);
    put(s, junk, n);
    s->noise_due = now + ms(2);
}

/* ---- the thread ---- */

static int64_t run_side(struct side *s, int64_t now) /* when it wants to run again */
{
    int64_t due = INT64_MAX;
    if (!s->outage && s->l->outage)
        outage_begins(s, now);
    if (s->outage && now >= s->outage_until)
        outage_ends(s);
    if (s->outage == OUTAGE_NOISE && now >= s->noise_due)
        noise(s, now);
    if (!is_rtu(s) && !s->outage && now >= s->shut_until)
        open_listener(s);
    for (size_t i = 0; i < s->n_chunks;) {
        struct chunk *c = &s->chunks[i];
        if (now >= c->due && !run_chunk(s, c)) {
            *c = s->chunks[--s->n_chunks];
            continue;
        }
        due = c->due < due ? c->due : due;
        i++;
    }
    for (size_t i = 0; i < s->n_held;) {
        if (now >= s->held[i].due) {
            forward(s, &s->held[i]);
            s->held[i] = s->held[--s->n_held];
            continue;
        }
        due = s->held[i].due < due ? s->held[i].due : due;
        i++;
    }
    return due;
}

static void ready(uint64_t what)
{
    struct side *s = &sides[what >> 2];
    switch (what & 3) {
    case ON_LISTENER:
        if (s->listener >= 0 && s->outage != OUTAGE_HOLE)
            accept_one(s);
        break;
    case ON_CLIENT: client_ready(s); break;
    default: from_slave(s);
    }
}

static void *run(void *arg)
{
    struct epoll_event e[64];
    (void)arg;
    while (!stop) {
        int64_t now = now_ns(), due = now + ms(TICK_MS);
        for (int i = 0; i < n_lanes; i++) {
            int64_t at = run_side(&sides[i], now);
            due = at < due ? at : due;
        }
        int64_t wait = due - now_ns();
        int n = epoll_wait(ep, e, 64, wait <= 0 ? 0 : (int)((wait + 999999) / 1000000));
        for (int i = 0; i < n; i++)
            ready(e[i].data.u64);
    }
    return NULL;
}

void proxy_open(struct lane *l)
{
    struct side *s = &sides[l->no];
    *s = (struct side){
        .l = l, .d = mix(seed ^ (uint64_t)l->no << 32), .listener = -1, .client = -1, .place = -1};
    for (int i = 0; i < FILLERS; i++)
        s->filler[i] = -1;
    if (ep < 0)
        ep = epoll_create1(EPOLL_CLOEXEC);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, l->up) != 0)
        give_up("no socket pair");
    watch(s, l->up[0], ON_UP);
    if (l->kind == LANE_RTU) {
        open_pty(s);
        return;
    }
    s->place = bound_socket(s);
    open_listener(s);
}

void proxy_start(void)
{
    if (pthread_create(&thread, NULL, run, NULL) != 0)
        give_up("no thread");
}

void proxy_stop(void)
{
    stop = true;
    pthread_join(thread, NULL);
    for (int i = 0; i < n_lanes; i++) {
        struct side *s = &sides[i];
        close_fd(&s->client);
        close_fd(&s->listener);
        close_fd(&s->place);
        close_fd(&lanes[i].up[0]);
        close_fd(&lanes[i].up[1]);
        if (is_rtu(s))
            unlink(lanes[i].path);
    }
    close_fd(&ep);
}
