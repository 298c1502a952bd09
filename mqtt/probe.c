/* A connect over paho to a listener of this process. Owns a handle of its own, kept for the next
 * trial: to destroy one while paho's threads run is what paho does worst. A callback does nothing
 * but ring an eventfd, whose count tells what has come. */
#include "mqtt/probe.h"
#include <MQTTAsync.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 2500 /* for each of two steps */

enum { CONNECTED = 1, FAILED = 2 };
struct probe {
    MQTTAsync handle;
    int answer;
};

static void tell(const struct probe *p, uint64_t what)
{
    if (write(p->answer, &what, sizeof(what)) < 0)
        return; /* no answer is one too */
}

static void on_connected(void *ctx, MQTTAsync_successData *r)
{
    (void)r;
    tell(ctx, CONNECTED);
}

static void on_failed(void *ctx, MQTTAsync_failureData *r)
{
    (void)r;
    tell(ctx, FAILED);
}

static struct probe *probe_new(void)
{
    struct probe *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->answer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->answer >= 0 && MQTTAsync_create(&p->handle, "tcp://127.0.0.1:1", "probe",
                                           MQTTCLIENT_PERSISTENCE_NONE, NULL) == MQTTASYNC_SUCCESS)
        return p;
    probe_free(p);
    return NULL;
}

void probe_free(struct probe *p)
{
    if (!p)
        return;
    MQTTAsync_destroy(&p->handle);
    if (p->answer >= 0)
        close(p->answer);
    free(p);
}

static int listener_open(char *uri, size_t size)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 4) == 0 &&
        getsockname(fd, (struct sockaddr *)&a, &n) == 0) {
        snprintf(uri, size, "tcp://127.0.0.1:%u", (unsigned)ntohs(a.sin_port));
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool wait_for(int fd)
{
    struct pollfd f = {.fd = fd, .events = POLLIN};
    return poll(&f, 1, PATIENCE_MS) == 1;
}

/* The broker's side of it: whatever comes is taken for a CONNECT. */
static int answer(int listener)
{
    static const unsigned char connack[] = {0x20, 2, 0, 0};
    unsigned char packet[64];
    int fd = wait_for(listener) ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
    if (fd >= 0 && wait_for(fd) && recv(fd, packet, sizeof(packet), 0) > 0 &&
        send(fd, connack, sizeof(connack), MSG_NOSIGNAL) == (ssize_t)sizeof(connack))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool connects(struct probe *p, int listener, char *uri)
{
    MQTTAsync_connectOptions o = MQTTAsync_connectOptions_initializer;
    char *const uris[] = {uri};
    uint64_t what = 0;
    o.MQTTVersion = MQTTVERSION_3_1_1;
    o.connectTimeout = 2;
    o.serverURIs = uris;
    o.serverURIcount = 1;
    o.context = p;
    o.onSuccess = on_connected;
    o.onFailure = on_failed;
    if (MQTTAsync_connect(p->handle, &o) != MQTTASYNC_SUCCESS)
        return false;
    int fd = answer(listener);
    bool ok = fd >= 0 && wait_for(p->answer) &&
              read(p->answer, &what, sizeof(what)) == (ssize_t)sizeof(what) && what == CONNECTED;
    if (fd >= 0)
        close(fd);
    return ok;
}

bool probe_passes(struct probe **p)
{
    char uri[32];
    if (!*p)
        *p = probe_new();
    int listener = *p ? listener_open(uri, sizeof(uri)) : -1;
    if (listener < 0)
        return true;
    bool ok = connects(*p, listener, uri);
    close(listener);
    return ok;
}
