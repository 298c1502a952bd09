/* Phones at the buyer page: load PORT PATH CONNECTIONS SECONDS
 *
 * CONNECTIONS keep-alive connections to 127.0.0.1, one request outstanding on each, the next one
 * sent as soon as the answer is whole; one thread, epoll. Answers other than 200 with a
 * Content-Length end the run. Latency is from send to the last byte. */
#include "tests/bench/bench.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, BUFFER = 1 << 18, SAMPLES = 1 << 22 };

struct conn {
    int fd;
    int64_t sent;
    size_t have, want; /* want 0: the headers are not whole yet */
    char buf[BUFFER];
};
struct load {
    char request[1024];
    size_t n;
    int64_t bytes;
    uint32_t *us;
    size_t done;
};

static void ask(struct load *l, struct conn *c)
{
    c->have = c->want = 0;
    c->sent = bench_mono_ns();
    if (send(c->fd, l->request, l->n, MSG_NOSIGNAL) != (ssize_t)l->n)
        bench_give_up("a request could not be sent");
}

static void open_conn(struct conn *c, int64_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) != 0)
        bench_give_up("port %lld: no connection", (long long)port);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* Headers and body; 0: the headers are not whole. */
static size_t length_of(const struct conn *c)
{
    const char *end = memmem(c->buf, c->have, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (strncmp(c->buf, "HTTP/1.1 200", 12) != 0)
        bench_give_up("not a page: %.40s", c->buf);
    for (const char *p = c->buf; p < end; p = strchr(p, '\n') + 1)
        if (strncasecmp(p, "Content-Length:", 15) == 0)
            return (size_t)(end + 4 - c->buf) + (size_t)strtoul(p + 15, NULL, 10);
    bench_give_up("a page without Content-Length");
}

/* Takes what has arrived; true: the answer is whole. */
static bool take(struct conn *c)
{
    ssize_t got = recv(c->fd, c->buf + c->have, BUFFER - 1 - c->have, 0);
    if (got <= 0)
        bench_give_up("the server closed a connection");
    c->have += (size_t)got;
    c->buf[c->have] = '\0';
    if (c->want == 0)
        c->want = length_of(c);
    if (c->want > BUFFER - 1)
        bench_give_up("a page of %zu bytes", c->want);
    return c->want && c->have >= c->want;
}

static void count(struct load *l, const struct conn *c, int64_t now)
{
    if (l->done < SAMPLES)
        l->us[l->done] = (uint32_t)((now - c->sent) / 1000);
    l->done++;
    l->bytes += (int64_t)c->want;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void run(struct load *l, struct conn *conns, int n, int64_t until)
{
    int ep = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < n; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &conns[i]};
        epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev);
        ask(l, &conns[i]);
    }
    for (int64_t now = 0; now < until;) {
        struct epoll_event evs[CONNECTIONS_MAX];
        int k = epoll_wait(ep, evs, CONNECTIONS_MAX, 1000);
        if (k == 0)
            bench_give_up("no answer for a second");
        now = bench_mono_ns();
        for (int i = 0; i < k; i++) {
            struct conn *c = evs[i].data.ptr;
            if (!take(c))
                continue;
            count(l, c, bench_mono_ns());
            ask(l, c);
        }
    }
    close(ep);
}

int main(int argc, char **argv)
{
    static struct conn conns[CONNECTIONS_MAX];
    struct load l = {.us = calloc(SAMPLES, sizeof *l.us)};
    struct bench_result r;
    if (argc != 5 || !l.us)
        bench_give_up("usage: load PORT PATH CONNECTIONS SECONDS");
    int64_t port = bench_number(argv[1], 1, 65535), seconds = bench_number(argv[4], 1, 3600);
    int n = (int)bench_number(argv[3], 1, CONNECTIONS_MAX);
    l.n = (size_t)snprintf(l.request, sizeof l.request,
                           "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n"
                           "Accept-Language: zh-CN,zh;q=0.9\r\nAccept: text/html\r\n\r\n",
                           argv[2]);
    for (int i = 0; i < n; i++)
        open_conn(&conns[i], port);
    bench_begin(&r);
    run(&l, conns, n, r.ns + seconds * 1000000000);
    bench_end(&r, (int64_t)l.done);
    size_t kept = l.done < SAMPLES ? l.done : SAMPLES;
    qsort(l.us, kept, sizeof *l.us, by_size);
    printf("{\"ops\":%zu,\"ns\":%lld,\"bytes\":%lld,\"p50_us\":%u,\"p99_us\":%u}\n", l.done,
           (long long)r.ns, (long long)l.bytes, l.us[kept / 2], l.us[kept * 99 / 100]);
    free(l.us);
    return 0;
}
