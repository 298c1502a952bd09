/* Control clients. Thread: the program's. Owns: the socket and its clients.
 * Invariants: 1 a line is at most LINE_MAX_BYTES, a longer one closes its client; 2 an answer that
 * the client does not take at once closes it: nothing here waits. */
#include "sim/control.h"
#include "base/json.h"
#include "base/log.h"
#include "sim/verb.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };

struct client {
    int fd; /* −1: free */
    char in[LINE_MAX_BYTES];
    size_t n;
};
struct control {
    int listener;
    char path[108];
    struct device *devs;
    size_t n;
    struct client client[CONTROL_CLIENTS_MAX];
};

int control_open(const char *path, struct device *devs, size_t n, struct control **ret,
                 struct err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return err_set(e, ERR_TOOBIG, "%s: longer than a socket's path may be", path);
    struct control *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(e, ERR_NOMEM, "no memory");
    memcpy(a.sun_path, path, strlen(path) + 1);
    memcpy(c->path, path, strlen(path) + 1);
    c->devs = devs;
    c->n = n;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        c->client[i].fd = -1;
    unlink(path);
    c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->listener < 0 || bind(c->listener, (struct sockaddr *)&a, sizeof a) < 0 ||
        listen(c->listener, 8) < 0) {
        control_close(c);
        return err_set(e, ERR_IO, "%s: cannot listen", path);
    }
    *ret = c;
    return 0;
}

static void client_close(struct client *k)
{
    if (k->fd >= 0)
        close(k->fd);
    k->fd = -1;
    k->n = 0;
}

void control_close(struct control *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        client_close(&c->client[i]);
    if (c->listener >= 0)
        close(c->listener);
    unlink(c->path);
    free(c);
}

size_t control_fds(const struct control *c, struct pollfd *ret, size_t cap)
{
    size_t n = 0;
    if (n < cap)
        ret[n++] = (struct pollfd){.fd = c->listener, .events = POLLIN};
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (c->client[i].fd >= 0 && n < cap)
            ret[n++] = (struct pollfd){.fd = c->client[i].fd, .events = POLLIN};
    return n;
}

static json_t *answer_to(struct control *c, const char *line, size_t n)
{
    json_t *req = NULL;
    struct err e = {0};
    if (json_parse(line, n, &req, &e) != 0 || !json_is_object(req)) {
        json_decref(req);
        return json_pack("{sbss}", "ok", 0, "error", "one JSON object a line expected");
    }
    json_t *ans = verb_do(c->devs, c->n, req, mono_now());
    json_decref(req);
    return ans;
}

static void client_line(struct control *c, struct client *k, const char *line, size_t n)
{
    char out[LINE_MAX_BYTES];
    json_t *ans = answer_to(c, line, n);
    size_t len = json_dumpb(ans, out, sizeof out - 1, JSON_COMPACT);
    json_decref(ans);
    if (len == 0 || len > sizeof out - 1) {
        client_close(k);
        return;
    }
    out[len] = '\n';
    if (send(k->fd, out, len + 1, MSG_NOSIGNAL) != (ssize_t)(len + 1))
        client_close(k);
}

static void client_lines(struct control *c, struct client *k)
{
    char line[LINE_MAX_BYTES];
    char *end;
    while (k->fd >= 0 && (end = memchr(k->in, '\n', k->n)) != NULL) {
        size_t n = (size_t)(end - k->in);
        memcpy(line, k->in, n);
        k->n -= n + 1;
        memmove(k->in, end + 1, k->n);
        client_line(c, k, line, n);
    }
    if (k->n == sizeof k->in)
        client_close(k);
}

static void client_read(struct control *c, struct client *k)
{
    ssize_t got = recv(k->fd, k->in + k->n, sizeof k->in - k->n, MSG_DONTWAIT);
    int failed = errno;
    if (got > 0) {
        k->n += (size_t)got;
        client_lines(c, k);
    } else if (got == 0 || (failed != EAGAIN && failed != EINTR)) {
        client_close(k);
    }
}

static void accept_one(struct control *c)
{
    int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < CONTROL_CLIENTS_MAX; i++) {
        if (c->client[i].fd < 0) {
            c->client[i].fd = fd;
            return;
        }
    }
    if (fd >= 0)
        close(fd);
}

void control_ready(struct control *c, const struct pollfd *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!fds[i].revents)
            continue;
        if (fds[i].fd == c->listener)
            accept_one(c);
        for (size_t k = 0; k < CONTROL_CLIENTS_MAX; k++)
            if (c->client[k].fd == fds[i].fd)
                client_read(c, &c->client[k]);
    }
}
