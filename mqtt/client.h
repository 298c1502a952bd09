/* One MQTT connection over paho MQTTAsync (Debian's 1.3.12), used as facts prescribe: MQTT 5 (or
 * 3.1.1), persistence NONE, clean start, no automatic reconnect, will set anew at each connect.
 * All functions are called by the program's one publisher thread; paho's own threads only push
 * fixed records into a ring and ring an eventfd. The only files that know MQTTAsync.h
 * are client.c and probe.c. */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_WINDOW 16

struct client_options {
    char host[128]; /* address or name; a name is looked up synchronously: prefer an address */
    int64_t port;
    bool tls, v5;
    char ca[256], cert[256], key[256]; /* PEM files; ca empty: the system's */
    char username[64], password_file[256];
    char id[65];
    int64_t keepalive_s;
};
enum client_event_kind {
    CLIENT_CONNECTED, /* code: Receive Maximum granted (65535 when the broker names none) */
    CLIENT_REFUSED,   /* code: reason; the attempt is over */
    CLIENT_LOST,      /* the connection is gone */
    CLIENT_ACKED,     /* context of the publish; PUBACK came */
    CLIENT_FAILED,    /* context of the publish; code: reason or paho's error */
    CLIENT_SUBSCRIBED,
    CLIENT_MESSAGE, /* message: the caller frees it with client_message_free */
};
struct client_message {
    char topic[128], response_topic[128];
    uint8_t correlation[64];
    size_t correlation_n, n;
    char *payload; /* NUL-terminated, ≤ 4 KiB: longer ones are dropped and counted */
};
struct client_event {
    enum client_event_kind kind;
    int code;
    uint64_t context;
    struct client_message *message;
};
struct client;
int client_new(const struct client_options *o, struct client **ret, struct err *e);
void client_free(struct client *c);    /* disconnects first, ≤ 1 s */
int client_fd(const struct client *c); /* readable when client_next has something */
bool client_next(struct client *c, struct client_event *ret);
void client_message_free(struct client_message *m);

/* Starts an attempt; CONNECTED or REFUSED follows. will_topic NULL: no will. */
int client_connect(struct client *c, const char *will_topic, const char *will, struct err *e);
/* gives the connection up; FAILED follows for what was in flight */
void client_drop(struct client *c);
bool client_connected(const struct client *c);
/* NULL, or why the library is past use, as it is after it got no memory at the wrong place: it has
 * not answered a connect long after its own time limit, or several failed in a row without a word
 * of the broker, and then one to this process itself. Only a new process has a whole one. May block
 * as probe_passes does, once in four failures. */
const char *client_broken(struct client *c, struct mono now);

/* QoS 1 publishes are followed by exactly one ACKED or FAILED with `context`. ERR_AGAIN: more in
 * flight than CLIENT_WINDOW + 16; ERR_UNREACHABLE: not connected. expiry_s 0: none. */
struct client_publish {
    const char *topic;
    const void *payload;
    size_t n;
    int qos;
    bool retain;
    const char *content_type; /* MQTT 5; NULL: none */
    uint32_t expiry_s;
    const uint8_t *correlation;
    size_t correlation_n;
    uint64_t context;
};
int client_publish(struct client *c, const struct client_publish *p);
int client_subscribe(struct client *c, const char *filter);
const char *client_reason(int code, bool v5); /* words for a reason code or paho error */
