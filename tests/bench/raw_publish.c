/* The reference for the publisher: bare paho MQTTAsync, MQTT 5, QoS 1, 16 publishes in flight.
 * raw_publish PORT FILE
 *
 * FILE holds one message a line, "topic TAB payload": what the publisher will send from its store.
 * All of it is read before the clock starts. One handle without persistence; the window is a
 * semaphore that paho's acknowledgements post. The clock runs from the first send to the last
 * PUBACK. */
#include "tests/bench/bench.h"
#include <MQTTAsync.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 16 };

struct message {
    char *topic, *payload;
};
struct messages {
    struct message *m;
    size_t n;
    char *text;
};

static sem_t room, done;
static atomic_int failure; /* reason code of the first failure */

/* ---- what is sent ---- */

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        bench_give_up("%s: cannot be read", path);
    long n = ftell(f);
    char *text = malloc((size_t)n + 1);
    rewind(f);
    if (!text || fread(text, 1, (size_t)n, f) != (size_t)n)
        bench_give_up("%s: cannot be read", path);
    text[n] = '\0';
    fclose(f);
    return text;
}

static struct messages load(const char *path)
{
    struct messages ms = {.text = read_file(path)};
    for (const char *p = ms.text; (p = strchr(p, '\n')); p++)
        ms.n++;
    ms.m = calloc(ms.n + 1, sizeof *ms.m);
    if (!ms.m || ms.n == 0)
        bench_give_up("%s: no messages", path);
    char *save = NULL, *line = strtok_r(ms.text, "\n", &save);
    for (size_t i = 0; line && i < ms.n; i++, line = strtok_r(NULL, "\n", &save)) {
        char *tab = strchr(line, '\t');
        if (!tab)
            bench_give_up("%s: a line without a tab", path);
        *tab = '\0';
        ms.m[i] = (struct message){line, tab + 1};
    }
    return ms;
}

/* ---- paho's threads ---- */

static void on_ready(void *ctx, MQTTAsync_successData5 *r)
{
    (void)ctx;
    (void)r;
    sem_post(&done);
}

static void on_acked(void *ctx, MQTTAsync_successData5 *r)
{
    (void)ctx;
    (void)r;
    sem_post(&room);
}

static void on_failed(void *ctx, MQTTAsync_failureData5 *r)
{
    (void)ctx;
    failure = r && r->code ? r->code : -1;
    sem_post(&room);
    sem_post(&done);
}

static void must(int rc, const char *what)
{
    if (rc == MQTTASYNC_SUCCESS && failure)
        rc = failure;
    if (rc != MQTTASYNC_SUCCESS)
        bench_give_up("%s: %d", what, rc);
}

/* ---- main thread ---- */

static void wait_for(sem_t *s)
{
    while (sem_wait(s) != 0)
        ;
}

static MQTTAsync connected(const char *port)
{
    char uri[64];
    MQTTAsync h = NULL;
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    MQTTAsync_connectOptions o = MQTTAsync_connectOptions_initializer5;
    snprintf(uri, sizeof uri, "tcp://127.0.0.1:%s", port);
    must(MQTTAsync_createWithOptions(&h, uri, "raw", MQTTCLIENT_PERSISTENCE_NONE, NULL, &create),
         "create");
    o.maxInflight = WINDOW;
    o.cleanstart = 1;
    o.onSuccess5 = on_ready;
    o.onFailure5 = on_failed;
    must(MQTTAsync_connect(h, &o), "connect");
    wait_for(&done);
    must(MQTTASYNC_SUCCESS, "connect");
    return h;
}

static void send_one(MQTTAsync h, const struct message *m)
{
    static char type[] = "application/cloudevents+json";
    MQTTAsync_message msg = MQTTAsync_message_initializer;
    MQTTAsync_responseOptions r = MQTTAsync_responseOptions_initializer;
    MQTTProperty p = {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE};
    p.value.data.data = type;
    p.value.data.len = sizeof type - 1;
    msg.payload = m->payload;
    msg.payloadlen = (int)strlen(m->payload);
    msg.qos = 1;
    MQTTProperties_add(&msg.properties, &p);
    r.onSuccess5 = on_acked;
    r.onFailure5 = on_failed;
    must(MQTTAsync_sendMessage(h, m->topic, &msg, &r), "publish");
    MQTTProperties_free(&msg.properties);
}

int main(int argc, char **argv)
{
    struct bench_result r;
    int64_t bytes = 0;
    if (argc != 3)
        bench_give_up("usage: raw_publish PORT FILE");
    struct messages ms = load(argv[2]);
    sem_init(&room, 0, WINDOW);
    sem_init(&done, 0, 0);
    MQTTAsync h = connected(argv[1]);
    bench_begin(&r);
    for (size_t i = 0; i < ms.n; i++) {
        wait_for(&room);
        send_one(h, &ms.m[i]);
        bytes += (int64_t)strlen(ms.m[i].payload);
    }
    for (int i = 0; i < WINDOW; i++)
        wait_for(&room);
    bench_end(&r, (int64_t)ms.n);
    must(MQTTASYNC_SUCCESS, "publish");
    r.bytes = bytes;
    bench_print(&r);
    fflush(stdout);
    free(ms.m);
    free(ms.text);
    _exit(0); /* paho's farewell is not what is measured */
}
