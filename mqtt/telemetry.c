/* Status plane of a sink. Publisher thread. Owns a client of its own (id "…-status").
 * 1. A value is published with the age that it has; nothing old gets a new time.
 * 2. Retained topics are published again at every connect: a broker may have forgotten them. */
#include "mqtt/telemetry.h"
#include "base/json.h"
#include "base/log.h"
#include "mqtt/topics.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_MS    1000
#define HEARTBEAT_MS 5000
#define RETRY_MS     3000
#define EXPIRY_S     15
#define ALARMS_MAX   64
#define LINES_MAX    32

struct telemetry {
    const struct sink *sink;
    struct client *client;
    char site[17], version[24];
    json_t *status;   /* the newest; NULL: lotlined does not answer */
    json_t *previous; /* of the last rollup */
    struct mono due, heartbeat, retry, rolled;
    bool connecting;
    char will[320];
    char alarms[ALARMS_MAX][TOPIC_MAX]; /* retained now */
    size_t n_alarms;
};

static const char *state_json(struct telemetry *t, const char *state, bool with_time, char *buf,
                              size_t size)
{
    int n = snprintf(buf, size,
                     "{\"boot\":\"%s\",\"edge\":\"%s\",\"interval_s\":%d,\"lotlined\":%s,\"site\":"
                     "\"%s\",\"state\":\"%s\"",
                     clock_boot_id(), t->sink->edge, HEARTBEAT_MS / 1000,
                     t->status ? "true" : "false", t->site, state);
    if (with_time) /* the will is fixed at CONNECT: a time in it would lie */
        n += snprintf(buf + n, size - (size_t)n, ",\"ts\":%lld", (long long)wall_now().ms);
    snprintf(buf + n, size - (size_t)n, ",\"version\":\"%s\"}", t->version);
    return buf;
}

int telemetry_new(const struct sink *s, const char *site, const char *version,
                  struct telemetry **ret, struct err *e)
{
    struct telemetry *t = calloc(1, sizeof(*t));
    if (!t)
        return err_set(e, ERR_NOMEM, "no memory for the status client");
    struct client_options o = s->broker;
    snprintf(o.id, sizeof(o.id), "%.57s-status", s->broker.id);
    t->sink = s;
    snprintf(t->site, sizeof(t->site), "%s", site);
    snprintf(t->version, sizeof(t->version), "%s", version);
    int rc = client_new(&o, &t->client, e);
    if (rc < 0) {
        free(t);
        return rc;
    }
    *ret = t;
    return 0;
}

static int publish(struct telemetry *t, enum topic_id id, const struct topic_parts *p,
                   const char *text, size_t n)
{
    char topic[TOPIC_MAX];
    int rc = topic_name(id, p, topic);
    if (rc < 0)
        return rc;
    return client_publish(
        t->client, &(struct client_publish){.topic = topic,
                                            .payload = text,
                                            .n = n,
                                            .qos = topic_qos(id),
                                            .retain = topic_retained(id),
                                            .content_type = "application/json",
                                            .expiry_s = id == TOPIC_LINE_STATUS ? EXPIRY_S : 0});
}

static int publish_json(struct telemetry *t, enum topic_id id, const struct topic_parts *p,
                        const json_t *doc)
{
    size_t n;
    char *text = json_canonical(doc, &n);
    int rc = text ? publish(t, id, p, text, n) : ERR_NOMEM;
    free(text);
    return rc;
}

static struct topic_parts parts(const struct telemetry *t)
{
    return (struct topic_parts){.root = t->sink->root, .site = t->site, .edge = t->sink->edge};
}

static void publish_state(struct telemetry *t, const char *state)
{
    char buf[320];
    struct topic_parts p = parts(t);
    state_json(t, state, true, buf, sizeof(buf));
    publish(t, TOPIC_EDGE_STATE, &p, buf, strlen(buf));
}

static const json_t *line_of(const json_t *status, const char *name)
{
    size_t i;
    const json_t *l;
    json_array_foreach(json_object_get(status, "lines"), i, l)
        if (strcmp(json_text_or(l, "line", ""), name) == 0)
            return l;
    return NULL;
}

static json_int_t sum_of(const json_t *list, const char *key)
{
    size_t i;
    const json_t *v;
    json_int_t sum = 0;
    json_array_foreach(list, i, v)
        sum += key ? json_int_or(v, key, 0) : json_integer_value(v);
    return sum;
}

/* What the last window brought: differences of counters since start; a restart begins
 * a new window. */
static void rollup(struct telemetry *t, const json_t *line, int64_t window_ms)
{
    const char *name = json_text_or(line, "line", "");
    const json_t *old = t->previous ? line_of(t->previous, name) : NULL;
    const json_t *grades = json_object_get(line, "grades"), *was = json_object_get(old, "grades");
    struct topic_parts p = parts(t);
    if (!old || json_int_or(line, "items", 0) < json_int_or(old, "items", 0))
        return;
    json_t *by_grade = json_array();
    for (size_t i = 0; i < json_array_size(grades); i++)
        json_array_append_new(by_grade, json_integer(json_integer_value(json_array_get(grades, i)) -
                                                     json_integer_value(json_array_get(was, i))));
    json_t *doc = json_pack(
        "{s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:s,s:I}", "window_ms", (json_int_t)window_ms, "n",
        json_int_or(line, "items", 0) - json_int_or(old, "items", 0), "net_mg",
        json_int_or(line, "net_mg", 0) - json_int_or(old, "net_mg", 0), "by_grade", by_grade,
        "late", json_int_or(line, "late_plc", 0) - json_int_or(old, "late_plc", 0), "missed",
        json_int_or(line, "lost_plc", 0) - json_int_or(old, "lost_plc", 0), "epoch",
        json_int_or(line, "epoch", 0), "boot", clock_boot_id(), "ts",
        json_int_or(t->status, "at_ms", 0));
    p.line = name;
    publish_json(t, TOPIC_LINE_ITEMS, &p, doc);
    json_decref(doc);
}

/* {grade: [outlet…]} of the open run. */
static json_t *routes_of(const json_t *line)
{
    json_t *o = json_object();
    size_t i;
    const json_t *r;
    json_array_foreach(json_object_get(line, "routes"), i, r)
        json_object_set(o, json_text_or(r, "code", ""), json_object_get(r, "outlets"));
    return o;
}

static void publish_line(struct telemetry *t, const json_t *line, const char *state)
{
    struct topic_parts p = parts(t);
    json_t *doc =
        json_pack("{s:s,s:s,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I}", "state", state, "boot",
                  clock_boot_id(), "plc", strcmp(state, "unknown") != 0, "quarantined",
                  json_is_true(json_object_get(line, "quarantined")), "age_ms",
                  json_int_or(line, "age_ms", -1), "epoch", json_int_or(line, "epoch", 0), "items",
                  json_int_or(line, "items", 0), "run", json_int_or(line, "run", 0), "late",
                  json_int_or(line, "late_plc", 0), "outlets",
                  sum_of(json_object_get(line, "outlets"), "items"), "routes", routes_of(line),
                  "alarms", (json_int_t)json_array_size(json_object_get(t->status, "alarms")), "ts",
                  json_int_or(t->status, "at_ms", 0));
    p.line = json_text_or(line, "line", "");
    publish_json(t, TOPIC_LINE_STATUS, &p, doc);
    json_decref(doc);
}

static bool alarm_topic(struct telemetry *t, const json_t *alarm, char *topic)
{
    struct topic_parts p = parts(t);
    p.code = json_text_or(alarm, "code", "");
    p.line = json_text_or(alarm, "line", "");
    if (!*p.line)
        p.line = t->sink->edge;
    return topic_name(TOPIC_LINE_ALARM, &p, topic) == 0;
}

/* Retained while it lasts; an empty retained message takes it away. */
static void publish_alarms(struct telemetry *t)
{
    char now[ALARMS_MAX][TOPIC_MAX];
    size_t n = 0, i, k;
    const json_t *a;
    json_array_foreach(json_object_get(t->status, "alarms"), i, a) {
        if (n == ALARMS_MAX || !alarm_topic(t, a, now[n]))
            continue;
        for (k = 0; k < t->n_alarms && strcmp(t->alarms[k], now[n]) != 0; k++)
            ;
        size_t size;
        char *text = k == t->n_alarms ? json_canonical(a, &size) : NULL;
        if (text)
            client_publish(
                t->client,
                &(struct client_publish){
                    .topic = now[n], .payload = text, .n = size, .qos = 1, .retain = true});
        free(text);
        n++;
    }
    for (k = 0; k < t->n_alarms; k++) {
        for (i = 0; i < n && strcmp(t->alarms[k], now[i]) != 0; i++)
            ;
        if (i == n)
            client_publish(t->client,
                           &(struct client_publish){
                               .topic = t->alarms[k], .payload = "", .qos = 1, .retain = true});
    }
    memcpy(t->alarms, now, n * sizeof(now[0]));
    t->n_alarms = n;
}

static void publish_all(struct telemetry *t, struct mono now)
{
    size_t i;
    const json_t *l;
    const json_t *status = t->status ? t->status : t->previous;
    json_array_foreach(json_object_get(status, "lines"), i, l) {
        publish_line(t, l, t->status ? json_text_or(l, "state", "unknown") : "unknown");
        if (t->status)
            rollup(t, l, mono_since_ms(now, t->rolled));
    }
    if (t->status) {
        publish_alarms(t);
        json_decref(t->previous);
        t->previous = json_incref(t->status);
    }
    t->rolled = now;
}

void telemetry_status(struct telemetry *t, const json_t *status, struct mono now)
{
    bool change = (status == NULL) != (t->status == NULL);
    json_decref(t->status);
    t->status = status ? json_deep_copy(status) : NULL;
    if (change) {
        t->heartbeat = now;
        t->due = now;
    }
}

static void take_events(struct telemetry *t, struct mono now)
{
    struct client_event ev;
    while (client_next(t->client, &ev)) {
        client_message_free(ev.message);
        if (ev.kind == CLIENT_CONNECTED) {
            t->connecting = false;
            t->heartbeat = t->due = now; /* invariant 2 */
            t->n_alarms = 0;
        } else if (ev.kind == CLIENT_REFUSED || ev.kind == CLIENT_LOST) {
            t->connecting = false;
            t->retry = mono_add_ms(now, RETRY_MS);
        }
    }
}

void telemetry_wake(struct telemetry *t, struct mono now)
{
    char topic[TOPIC_MAX];
    struct topic_parts p = parts(t);
    struct err e = {0};
    take_events(t, now);
    if (!client_connected(t->client) && !t->connecting && mono_reached(now, t->retry) &&
        topic_name(TOPIC_EDGE_STATE, &p, topic) == 0) {
        state_json(t, "offline", false, t->will, sizeof(t->will));
        t->connecting = client_connect(t->client, topic, t->will, &e) == 0;
        t->retry = mono_add_ms(now, RETRY_MS);
    }
    if (!client_connected(t->client))
        return;
    if (mono_reached(now, t->heartbeat)) {
        publish_state(t, "online");
        t->heartbeat = mono_add_ms(now, HEARTBEAT_MS);
    }
    if (mono_reached(now, t->due)) {
        publish_all(t, now);
        t->due = mono_add_ms(now, PERIOD_MS);
    }
}

struct mono telemetry_due(const struct telemetry *t)
{
    if (!client_connected(t->client))
        return t->connecting ? mono_add_ms(mono_now(), PERIOD_MS) : t->retry;
    return mono_min(t->heartbeat, t->due);
}

const char *telemetry_broken(const struct telemetry *t, struct mono now)
{
    return client_broken(t->client, now);
}

int telemetry_fd(const struct telemetry *t)
{
    return client_fd(t->client);
}

void telemetry_free(struct telemetry *t)
{
    if (!t)
        return;
    if (client_connected(t->client))
        publish_state(t, "offline");
    client_free(t->client);
    json_decref(t->status);
    json_decref(t->previous);
    free(t);
}
