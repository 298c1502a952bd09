/* A listening socket (contract: listen.h). Names are not resolved: an address that means another
 * machine tomorrow is no address to listen on. */
#include "web/listen.h"
#include "base/num.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_QUEUE 128

int listen_parse(const char *text, char *ret_host, size_t size, uint16_t *ret_port, struct err *e)
{
    const char *colon = strrchr(text, ':');
    int64_t port = 0;
    if (!colon || colon == text || num_i64(colon + 1, 0, 65535, &port))
        return err_set(e, ERR_PARSE, "\"%s\" is no ADDRESS:PORT", text);
    bool v6 = text[0] == '[' && colon[-1] == ']';
    const char *from = text + (v6 ? 1 : 0);
    size_t n = (size_t)(colon - from) - (v6 ? 1 : 0);
    if (n == 0 || n >= size || (!v6 && memchr(from, ':', n)))
        return err_set(e, ERR_PARSE, "\"%s\" is no ADDRESS:PORT (IPv6: [ADDRESS]:PORT)", text);
    memcpy(ret_host, from, n);
    ret_host[n] = '\0';
    *ret_port = (uint16_t)port;
    return 0;
}

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = {0};
    socklen_t n = sizeof a;
    if (getsockname(fd, &a.any, &n))
        return 0;
    return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

static int open_socket(const struct addrinfo *a)
{
    int on = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, LISTEN_QUEUE)) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

int listen_on(const char *host, uint16_t port, int *ret_fd, uint16_t *ret_port, struct err *e)
{
    char service[8];
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *a = NULL;
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int why = getaddrinfo(host, service, &hints, &a);
    if (why)
        return err_set(e, ERR_RANGE, "%s: %s", host, gai_strerror(why));
    int fd = open_socket(a);
    why = errno;
    freeaddrinfo(a);
    if (fd < 0)
        return err_set(e, why == EADDRINUSE ? ERR_BUSY : ERR_IO, "%s port %u: %s", host,
                       (unsigned)port, strerror(why));
    *ret_fd = fd;
    *ret_port = port_of(fd);
    return 0;
}
