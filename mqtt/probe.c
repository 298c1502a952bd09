/* A connection of our own, without a word and without TLS. Owns nothing between calls. */
#include "mqtt/probe.h"
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_MS 1000
#define QUIET_MS   500

static bool waits(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    struct pollfd f = {.fd = fd, .events = POLLOUT};
    int error = -1;
    socklen_t size = sizeof(error);
    if (fd < 0)
        return false;
    (void)connect(fd, a->ai_addr, a->ai_addrlen); /* how it went: SO_ERROR */
    bool yes = poll(&f, 1, CONNECT_MS) == 1 &&
               getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
    f.events = POLLIN;
    yes = yes && poll(&f, 1, QUIET_MS) == 0;
    close(fd);
    return yes;
}

bool probe_waits(const char *host, int64_t port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char service[24];
    bool yes = false;
    snprintf(service, sizeof(service), "%lld", (long long)port);
    if (getaddrinfo(host, service, &hints, &list) != 0)
        return false;
    for (const struct addrinfo *a = list; a && !yes; a = a->ai_next)
        yes = waits(a);
    freeaddrinfo(list);
    return yes;
}
