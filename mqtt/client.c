/* One MQTT connection over paho MQTTAsync.
 * Threads: the publisher thread calls; paho's two threads (serialised by paho's own mutex, so the
 * ring has one producer) run the callbacks. Owns: the paho handle, a ring of events, the slots of
 * publishes in flight.
 * 1. A callback pushes one record and nothing else: no paho call, no lock, no I/O (paho holds its
 * mutex).
 * 2. A slot is taken and given back by the publisher thread only; its generation makes late
 * callbacks of a dropped connection harmless.
 * 3. The window stays at or under what the broker granted: paho 1.3.12 is not woken by a PUBACK and
 *    would sleep up to a second otherwise.
 * 4. paho keeps one buffer for what comes in all connections. When it gets no memory for it, it
 *    hears nobody any more, for good. From outside that is a broker that cannot be reached or
 * closes without a word; only a trial against this process itself (probe.c) tells them apart. */
#include "mqtt/client.h"
#include "base/log.h"
#include "base/ring.h"
#include "mqtt/probe.h"
#include <MQTTAsync.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define SLOTS        (CLIENT_WINDOW + 16)
#define MESSAGE_MAX  4096
#define EVENTS       256
#define RECEIVE_NONE 65535
#define ANSWER_MS    30000 /* three times paho's own limit for a connect */
#define UNHEARD_MAX  4

struct slot {
    struct client *client;
    uint64_t context;
    bool used;
};
struct client {
    struct client_options o;
    char uri[192], password[128];
    MQTTAsync handle;
    struct ring *events;
    int fd;
    bool connected, connecting;
    struct mono answer_by; /* of a connect */
    unsigned unheard;      /* connects in a row without a word of the broker (invariant 4) */
    struct probe *probe;
    struct slot slots[SLOTS];
    atomic_uint dropped; /* messages too long or more than the ring holds */
};
/* What the ring carries: slot −1 when the event has none. */
struct record {
    struct client_event ev;
    int slot;
};

static void push(struct client *c, struct record r) /* invariant 1 */
{
    uint64_t one = 1;
    if (!ring_push(c->events, &r))
        atomic_fetch_add(&c->dropped, 1);
    if (write(c->fd, &one, sizeof(one)) < 0)
        atomic_fetch_add(&c->dropped, 1);
}

static void on_connected5(void *ctx, MQTTAsync_successData5 *r)
{
    int max = MQTTProperties_getNumericValue(&r->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
    push(ctx,
         (struct record){{.kind = CLIENT_CONNECTED, .code = max > 0 ? max : RECEIVE_NONE}, -1});
}

static void on_connected3(void *ctx, MQTTAsync_successData *r)
{
    (void)r;
    push(ctx, (struct record){{.kind = CLIENT_CONNECTED, .code = RECEIVE_NONE}, -1});
}

static void on_refused5(void *ctx, MQTTAsync_failureData5 *r)
{
    push(ctx,
         (struct record){
             {.kind = CLIENT_REFUSED, .code = r->reasonCode ? (int)r->reasonCode : r->code}, -1});
}

static void on_refused3(void *ctx, MQTTAsync_failureData *r)
{
    push(ctx, (struct record){{.kind = CLIENT_REFUSED, .code = r->code}, -1});
}

static void on_lost(void *ctx, char *cause)
{
    (void)cause;
    push(ctx, (struct record){{.kind = CLIENT_LOST}, -1});
}

static void on_disconnected(void *ctx, MQTTProperties *p, enum MQTTReasonCodes code)
{
    (void)p;
    push(ctx, (struct record){{.kind = CLIENT_LOST, .code = (int)code}, -1});
}

static void slot_event(struct slot *s, enum client_event_kind kind, int code)
{
    push(s->client, (struct record){{.kind = kind, .code = code, .context = s->context},
                                    (int)(s - s->client->slots)});
}

static void on_acked5(void *ctx, MQTTAsync_successData5 *r)
{
    (void)r;
    slot_event(ctx, CLIENT_ACKED, 0);
}

static void on_acked3(void *ctx, MQTTAsync_successData *r)
{
    (void)r;
    slot_event(ctx, CLIENT_ACKED, 0);
}

static void on_failed5(void *ctx, MQTTAsync_failureData5 *r)
{
    slot_event(ctx, CLIENT_FAILED, r->reasonCode ? (int)r->reasonCode : r->code);
}

static void on_failed3(void *ctx, MQTTAsync_failureData *r)
{
    slot_event(ctx, CLIENT_FAILED, r->code);
}

static void message_properties(struct client_message *m, MQTTProperties *p)
{
    MQTTProperty *v = MQTTProperties_getProperty(p, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
    if (v && v->value.data.len > 0 && (size_t)v->value.data.len < sizeof(m->response_topic))
        memcpy(m->response_topic, v->value.data.data, (size_t)v->value.data.len);
    v = MQTTProperties_getProperty(p, MQTTPROPERTY_CODE_CORRELATION_DATA);
    if (v && v->value.data.len > 0 && (size_t)v->value.data.len <= sizeof(m->correlation)) {
        m->correlation_n = (size_t)v->value.data.len;
        memcpy(m->correlation, v->value.data.data, m->correlation_n);
    }
}

static int on_message(void *ctx, char *topic, int topic_len, MQTTAsync_message *msg)
{
    struct client *c = ctx;
    struct client_message *m = NULL;
    size_t tn = topic_len ? (size_t)topic_len : strlen(topic);
    if (msg->payloadlen >= 0 && msg->payloadlen <= MESSAGE_MAX && tn < sizeof(m->topic))
        m = calloc(1, sizeof(*m));
    if (m && (m->payload = malloc((size_t)msg->payloadlen + 1))) {
        memcpy(m->topic, topic, tn);
        m->n = (size_t)msg->payloadlen;
        memcpy(m->payload, msg->payload, m->n);
        m->payload[m->n] = 0;
        message_properties(m, &msg->properties);
        push(c, (struct record){{.kind = CLIENT_MESSAGE, .message = m}, -1});
    } else {
        free(m);
        atomic_fetch_add(&c->dropped, 1);
    }
    MQTTAsync_freeMessage(&msg);
    MQTTAsync_free(topic);
    return 1;
}

static int read_password(struct client *c, struct err *e)
{
    if (!c->o.password_file[0])
        return 0;
    FILE *f = fopen(c->o.password_file, "re");
    if (!f)
        return err_set(e, ERR_NOT_FOUND, "password file %s cannot be read", c->o.password_file);
    if (!fgets(c->password, sizeof(c->password), f))
        c->password[0] = 0;
    fclose(f);
    c->password[strcspn(c->password, "\r\n")] = 0;
    return c->password[0] ? 0
                          : err_set(e, ERR_PARSE, "password file %s is empty", c->o.password_file);
}

int client_new(const struct client_options *o, struct client **ret, struct err *e)
{
    struct client *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for the MQTT client");
    c->o = *o;
    c->answer_by = MONO_NEVER;
    c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->events = ring_new(sizeof(struct record), EVENTS);
    int rc = c->fd < 0 || !c->events ? err_set(e, ERR_NOMEM, "no memory for the MQTT client") : 0;
    if (rc == 0)
        rc = read_password(c, e);
    snprintf(c->uri, sizeof(c->uri), "%s://%s:%lld", o->tls ? "ssl" : "tcp", o->host,
             (long long)o->port);
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    create.MQTTVersion = o->v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    create.sendWhileDisconnected = 0;
    create.maxBufferedMessages = 64;
    if (rc == 0 &&
        MQTTAsync_createWithOptions(&c->handle, c->uri, o->id, MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                    &create) != MQTTASYNC_SUCCESS)
        rc = err_set(e, ERR_NOMEM, "no MQTT client for %s", c->uri);
    if (rc == 0) {
        MQTTAsync_setCallbacks(c->handle, c, on_lost, on_message, NULL);
        MQTTAsync_setDisconnected(c->handle, c, on_disconnected);
    }
    if (rc < 0) {
        client_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

void client_free(struct client *c)
{
    if (!c)
        return;
    if (c->handle) {
        MQTTAsync_disconnectOptions d = MQTTAsync_disconnectOptions_initializer5;
        if (!c->o.v5)
            d = (MQTTAsync_disconnectOptions)MQTTAsync_disconnectOptions_initializer;
        d.timeout = 200;
        MQTTAsync_disconnect(c->handle, &d);
        for (int i = 0; i < 100 && MQTTAsync_isConnected(c->handle); i++)
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        MQTTAsync_destroy(&c->handle);
    }
    probe_free(c->probe);
    struct client_event ev;
    while (c->events && client_next(c, &ev))
        client_message_free(ev.message);
    ring_free(c->events);
    if (c->fd >= 0)
        close(c->fd);
    free(c);
}

int client_fd(const struct client *c)
{
    return c->fd;
}

void client_message_free(struct client_message *m)
{
    if (m)
        free(m->payload);
    free(m);
}

bool client_next(struct client *c, struct client_event *ret)
{
    struct record r;
    uint64_t n;
    if (!ring_pop(c->events, &r)) {
        if (read(c->fd, &n, sizeof(n)) < 0 || !ring_pop(c->events, &r))
            return false;
    }
    if (r.slot >= 0)
        c->slots[r.slot].used = false; /* invariant 2 */
    if (r.ev.kind == CLIENT_CONNECTED) {
        c->connected = true;
        c->connecting = false;
        c->unheard = 0;
    } else if (r.ev.kind == CLIENT_REFUSED || r.ev.kind == CLIENT_LOST) {
        c->connected = c->connecting = false;
    }
    if (r.ev.kind == CLIENT_REFUSED)
        c->unheard = r.ev.code < 0 ? c->unheard + 1 : 0;
    if (r.ev.kind == CLIENT_CONNECTED || r.ev.kind == CLIENT_REFUSED)
        c->answer_by = MONO_NEVER;
    *ret = r.ev;
    return true;
}

bool client_connected(const struct client *c)
{
    return c->connected;
}

const char *client_broken(struct client *c, struct mono now)
{
    if (mono_reached(now, c->answer_by))
        return "has lost a connect";
    if (c->unheard < UNHEARD_MAX)
        return NULL;
    c->unheard = 0; /* unless it is the library, as many again */
    return probe_passes(&c->probe) ? NULL : "hears no broker any more";
}

int client_connect(struct client *c, const char *will_topic, const char *will, struct err *e)
{
    MQTTAsync_connectOptions o = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions w = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions ssl = MQTTAsync_SSLOptions_initializer;
    if (!c->o.v5)
        o = (MQTTAsync_connectOptions)MQTTAsync_connectOptions_initializer;
    o.MQTTVersion = c->o.v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    o.cleansession = c->o.v5 ? 0 : 1;
    o.cleanstart = c->o.v5 ? 1 : 0;
    o.keepAliveInterval = (int)c->o.keepalive_s;
    o.connectTimeout = 10;
    o.maxInflight = SLOTS;
    o.automaticReconnect = 0;
    o.context = c;
    if (c->o.v5) {
        o.onSuccess5 = on_connected5;
        o.onFailure5 = on_refused5;
    } else {
        o.onSuccess = on_connected3;
        o.onFailure = on_refused3;
    }
    if (c->o.username[0])
        o.username = c->o.username;
    if (c->password[0])
        o.password = c->password;
    if (will_topic) {
        w.topicName = will_topic;
        w.message = will;
        w.retained = 1;
        w.qos = 1;
        o.will = &w;
    }
    if (c->o.tls) {
        ssl.verify = 1; /* the host's name too: paho's default does not look at it */
        ssl.enableServerCertAuth = 1;
        ssl.enabledCipherSuites = "DEFAULT:@SECLEVEL=2"; /* paho lowers it to 1 by itself */
        ssl.trustStore = c->o.ca[0] ? c->o.ca : NULL;
        ssl.CApath = c->o.ca[0] ? NULL : "/etc/ssl/certs";
        ssl.keyStore = c->o.cert[0] ? c->o.cert : NULL;
        ssl.privateKey = c->o.key[0] ? c->o.key : NULL;
        o.ssl = &ssl;
    }
    c->connecting = true;
    c->answer_by = mono_add_ms(mono_now(), ANSWER_MS);
    int rc = MQTTAsync_connect(c->handle, &o);
    if (rc == MQTTASYNC_SUCCESS)
        return 0;
    c->connecting = false;
    c->answer_by = MONO_NEVER;
    c->unheard++;
    return err_set(e, ERR_UNREACHABLE, "broker %s: %s", c->uri, client_reason(rc, c->o.v5));
}

void client_drop(struct client *c)
{
    MQTTAsync_disconnectOptions d = MQTTAsync_disconnectOptions_initializer5;
    if (!c->o.v5)
        d = (MQTTAsync_disconnectOptions)MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnect(c->handle, &d);
    c->connected = false;
}

static struct slot *slot_take(struct client *c, uint64_t context)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (!c->slots[i].used) {
            c->slots[i] = (struct slot){.client = c, .context = context, .used = true};
            return &c->slots[i];
        }
    return NULL;
}

static void add_property(MQTTProperties *p, enum MQTTPropertyCodes id, const void *data, size_t n,
                         uint32_t v)
{
    MQTTProperty m = {.identifier = id};
    union {
        const void *in;
        char *out;
    } plain = {.in = data}; /* paho copies, but its type is not const */
    if (data) {
        m.value.data.data = plain.out;
        m.value.data.len = (int)n;
    } else {
        m.value.integer4 = v;
    }
    MQTTProperties_add(p, &m);
}

int client_publish(struct client *c, const struct client_publish *p)
{
    if (!c->connected)
        return ERR_UNREACHABLE;
    struct slot *s = p->qos ? slot_take(c, p->context) : NULL;
    if (p->qos && !s)
        return ERR_AGAIN;
    union {
        const void *in;
        void *out;
    } plain = {.in = p->payload};
    MQTTAsync_message m = MQTTAsync_message_initializer;
    MQTTAsync_responseOptions r = MQTTAsync_responseOptions_initializer;
    MQTTProperties props = MQTTProperties_initializer;
    m.payload = plain.out;
    m.payloadlen = (int)p->n;
    m.qos = p->qos;
    m.retained = p->retain;
    if (s) {
        r.context = s;
        if (c->o.v5) {
            r.onSuccess5 = on_acked5;
            r.onFailure5 = on_failed5;
        } else {
            r.onSuccess = on_acked3;
            r.onFailure = on_failed3;
        }
    }
    if (c->o.v5) {
        if (p->content_type)
            add_property(&props, MQTTPROPERTY_CODE_CONTENT_TYPE, p->content_type,
                         strlen(p->content_type), 0);
        if (p->expiry_s)
            add_property(&props, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, NULL, 0, p->expiry_s);
        if (p->correlation_n)
            add_property(&props, MQTTPROPERTY_CODE_CORRELATION_DATA, p->correlation,
                         p->correlation_n, 0);
        m.properties = props;
    }
    int rc = MQTTAsync_sendMessage(c->handle, p->topic, &m, &r);
    MQTTProperties_free(&props);
    if (rc == MQTTASYNC_SUCCESS)
        return 0;
    if (s)
        s->used = false;
    return rc == MQTTASYNC_DISCONNECTED ? ERR_UNREACHABLE : ERR_LINK;
}

int client_subscribe(struct client *c, const char *filter)
{
    MQTTAsync_responseOptions r = MQTTAsync_responseOptions_initializer;
    return MQTTAsync_subscribe(c->handle, filter, 1, &r) == MQTTASYNC_SUCCESS ? 0 : ERR_LINK;
}

const char *client_reason(int code, bool v5)
{
    if (code < 0) {
        const char *s = MQTTAsync_strerror(code);
        return code == MQTTASYNC_FAILURE ? "no connection" : s ? s : "unknown error";
    }
    if (v5) {
        const char *s = MQTTReasonCode_toString((enum MQTTReasonCodes)code);
        return s ? s : "unknown reason";
    }
    static const char *const v3[] = {
        "accepted",           "protocol version refused",  "client id refused",
        "broker unavailable", "bad user name or password", "not authorised"};
    return (size_t)code < sizeof(v3) / sizeof(v3[0]) ? v3[code] : "unknown reason";
}
