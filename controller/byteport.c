/* Bytes over a serial port or TCP (contract: byteport.h).
 * 1. No call waits, but connecting: at most REACH_CONNECT_MS.
 * 2. Every failure closes the port; what the other end had sent before is gone with it. */
#include "controller/byteport.h"
#include "controller/reach.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

enum { SILENCE_MS = 5000 };

struct byteport {
    struct link_options o;
    int fd;
    bool heard; /* this opening has carried something */
    struct reach reach;
};

static bool is_serial(const struct byteport *p)
{
    return p->o.serial[0] != 0;
}

static bool speed_of(uint32_t baud, speed_t *ret)
{
    static const struct {
        uint32_t baud;
        speed_t speed;
    } speeds[] = {{600, B600},     {1200, B1200},   {2400, B2400},
                  {4800, B4800},   {9600, B9600},   {19200, B19200},
                  {38400, B38400}, {57600, B57600}, {115200, B115200}};
    for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
        if (speeds[i].baud == baud) {
            *ret = speeds[i].speed;
            return true;
        }
    return false;
}

bool byteport_speed_ok(uint32_t baud)
{
    speed_t speed;
    return speed_of(baud, &speed);
}

int byteport_new(const struct link_options *o, struct byteport **ret, struct err *e)
{
    struct in_addr a;
    if (!o->serial[0] && inet_pton(AF_INET, o->host, &a) != 1)
        return err_set(e, ERR_RANGE, "\"%s\" is no numeric IPv4 address", o->host);
    if (o->serial[0] && !byteport_speed_ok(o->baud))
        return err_set(e, ERR_RANGE, "%u baud is no speed of a serial port", o->baud);
    struct byteport *p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for a port");
    p->o = *o;
    p->fd = -1;
    reach_init(&p->reach);
    *ret = p;
    return 0;
}

static void shut(struct byteport *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

void byteport_free(struct byteport *p)
{
    if (p)
        shut(p);
    free(p);
}

int byteport_fd(const struct byteport *p)
{
    return p->fd;
}

/* ---- opening ---- */

/* Raw, 8 data bits, no flow control. Characters that came broken read as zero: left out, they would
 * let two halves grow together. */
static bool tune_serial(const struct byteport *p)
{
    struct termios t;
    speed_t speed;
    if (tcgetattr(p->fd, &t) < 0 || !speed_of(p->o.baud, &speed))
        return false;
    cfmakeraw(&t);
    t.c_cflag &= ~(tcflag_t)(CSTOPB | PARENB | PARODD | CRTSCTS);
    t.c_cflag |= CLOCAL | CREAD | (p->o.stop_bits == 2 ? CSTOPB : 0U);
    if (p->o.parity != 'N')
        t.c_cflag |= PARENB | (p->o.parity == 'O' ? PARODD : 0U);
    t.c_iflag &= ~(tcflag_t)(IGNPAR | PARMRK | IGNBRK | BRKINT | INPCK);
    t.c_iflag |= p->o.parity != 'N' ? INPCK : 0U;
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 0;
    return cfsetispeed(&t, speed) == 0 && cfsetospeed(&t, speed) == 0 &&
           tcsetattr(p->fd, TCSANOW, &t) == 0 && tcflush(p->fd, TCIOFLUSH) == 0;
}

/* The lock stands before anything is set, so that a port in use keeps its settings. */
static bool open_serial(struct byteport *p)
{
    p->fd = open(p->o.serial, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (p->fd < 0 || flock(p->fd, LOCK_EX | LOCK_NB) < 0)
        return false;
    (void)ioctl(p->fd, TIOCEXCL);
    return tune_serial(p);
}

static bool connected(int fd)
{
    struct pollfd w = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t n = sizeof(error);
    return poll(&w, 1, REACH_CONNECT_MS) == 1 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0;
}

static bool open_tcp(struct byteport *p)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(p->o.port)};
    inet_pton(AF_INET, p->o.host, &a.sin_addr);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || (connect(p->fd, (struct sockaddr *)&a, sizeof(a)) < 0 &&
                      (errno != EINPROGRESS || !connected(p->fd))))
        return false;
    reach_tune_tcp(p->fd, 2, 1, SILENCE_MS);
    return true;
}

bool byteport_open(struct byteport *p, struct mono now, struct mono *ret_due)
{
    *ret_due = MONO_NEVER;
    if (p->fd >= 0)
        return true;
    if (mono_reached(now, p->reach.retry)) {
        if (is_serial(p) ? open_serial(p) : open_tcp(p)) {
            p->heard = false;
            return true;
        }
        shut(p);
        reach_failed(&p->reach, now);
    }
    *ret_due = p->reach.retry;
    return false;
}

/* ---- bytes ---- */

static int lost(struct byteport *p, struct mono now)
{
    shut(p);
    if (!p->heard)
        reach_failed(&p->reach, now);
    return ERR_LINK;
}

int byteport_read(struct byteport *p, uint8_t *buf, size_t size, struct mono now)
{
    if (p->fd < 0)
        return ERR_LINK;
    ssize_t n = read(p->fd, buf, size);
    if (n > 0) {
        p->heard = true;
        p->reach.ms = 0;
        return (int)n;
    }
    /* a serial port with nothing to read gives 0 bytes; so does a connection that has ended, and a
     * port whose other end is gone */
    struct pollfd w = {.fd = p->fd, .events = POLLIN};
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : lost(p, now);
    return is_serial(p) && poll(&w, 1, 0) == 0 ? 0 : lost(p, now);
}

int byteport_write(struct byteport *p, const uint8_t *buf, size_t n, struct mono now)
{
    if (p->fd < 0)
        return ERR_LINK;
    ssize_t sent = is_serial(p) ? write(p->fd, buf, n) : send(p->fd, buf, n, MSG_NOSIGNAL);
    return sent == (ssize_t)n ? 0 : lost(p, now);
}

void byteport_flush(struct byteport *p)
{
    uint8_t junk[512];
    if (p->fd < 0)
        return;
    if (is_serial(p))
        (void)tcflush(p->fd, TCIFLUSH);
    for (int i = 0; i < 64 && read(p->fd, junk, sizeof(junk)) > 0; i++)
        ;
}
