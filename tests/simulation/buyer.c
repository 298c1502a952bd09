/* The publisher program (publisher, window, cursor as they are), a broker that keeps nothing over a
 * crash, and a buyer who follows the published contract: applies last + 1, ignores lower, asks for
 * a replay on a hole. In place of paho stand the client_… functions below.
 *
 * Invariants
 *  1. What a buyer has once received is in the record for ever, with the same bytes.
 *  2. Sequence numbers are dense; a repeated one has the same bytes; what a cut repeats is bounded.
 *  3. Only the head is retained, and it tells of nothing that no broker has had.
 *  4. The cursor is never written past what a broker has acknowledged. */
#include "base/json.h"
#include "base/log.h"
#include "mqtt/publisher.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/world.h"
#include "traceability/store.h"
#include "traceability/stream.h"
#include <stdlib.h>
#include <string.h>

enum { POST = 256, GOT_MAX = 1 << 16, PATIENCE_MS = 2000, REPEAT_MAX = 200 };

/* ---- broker and network: letters with a time of arrival, in order on each connection ---- */

enum letter_kind { TO_BROKER, TO_BUYER, ASK, EVENT };
struct letter {
    enum letter_kind kind;
    struct mono due;
    char topic[128];
    char *payload;
    size_t n;
    uint64_t context;
    bool qos1;
    struct client_event ev;
};
static struct letter post[POST];
static size_t letters;
static struct mono last_due, broker_back, buyer_back;
static uint32_t lossy;
static bool up; /* the connection of the publisher */
/* Newest event that a broker ever had, and of which the publisher has heard so. */
static int64_t broker_top, puback_top;
static int64_t cursor_at; /* written */
static bool cursor_failed;

static struct letter *mail(enum letter_kind kind, int32_t lo_ms, int32_t hi_ms)
{
    if (letters == POST)
        wrong("the network is full");
    struct letter *l = &post[letters++];
    struct mono due = in_ms(lo_ms, hi_ms);
    if (due.ns <= last_due.ns)
        due.ns = last_due.ns + 1;
    last_due = due;
    *l = (struct letter){.kind = kind, .due = due};
    return l;
}

static void drop_letter(size_t i)
{
    free(post[i].payload);
    post[i] = post[--letters];
}

struct client {
    bool connecting;
};
static struct client the_client;
static struct client_event events[POST]; /* for client_next */
static size_t n_events;
static bool wake;

static void tell(enum client_event_kind kind, int code, uint64_t context)
{
    if (n_events == POST)
        wrong("too many events for the publisher");
    events[n_events++] = (struct client_event){.kind = kind, .code = code, .context = context};
    wake = true;
}

/* What was in flight is answered by FAILED, whether it arrived or not; so does paho. */
static void cut(void)
{
    up = the_client.connecting = false;
    for (size_t i = 0; i < letters;) {
        struct letter *l = &post[i];
        bool acknowledges = l->kind == EVENT && l->ev.kind == CLIENT_ACKED;
        if (l->kind == TO_BROKER && l->qos1)
            tell(CLIENT_FAILED, -1, l->context);
        if (acknowledges)
            tell(CLIENT_FAILED, -1, l->ev.context);
        if (l->kind == TO_BROKER || l->kind == EVENT)
            drop_letter(i);
        else
            i++;
    }
}

int client_new(const struct client_options *o, struct client **ret, struct err *e)
{
    (void)o;
    (void)e;
    the_client = (struct client){0};
    *ret = &the_client;
    return 0;
}

void client_free(struct client *c)
{
    (void)c;
    cut();
    n_events = 0;
}

int client_fd(const struct client *c)
{
    (void)c;
    return -1;
}

bool client_next(struct client *c, struct client_event *ret)
{
    (void)c;
    if (!n_events)
        return false;
    *ret = events[0];
    memmove(events, events + 1, --n_events * sizeof events[0]);
    return true;
}

void client_message_free(struct client_message *m)
{
    free(m->payload);
    free(m);
}

int client_connect(struct client *c, const char *will_topic, const char *will, struct err *e)
{
    (void)will_topic;
    (void)will;
    (void)e;
    c->connecting = true;
    struct letter *l = mail(EVENT, 1, 40);
    bool there = mono_reached(w.now, broker_back);
    l->ev = (struct client_event){.kind = there ? CLIENT_CONNECTED : CLIENT_REFUSED,
                                  .code = there ? (chance(200) ? 4 : 65535) : -1};
    return 0;
}

const char *client_broken(struct client *c, struct mono now)
{
    (void)c;
    (void)now;
    return NULL; /* every connect is answered */
}

void client_drop(struct client *c)
{
    (void)c;
    cut();
}

bool client_connected(const struct client *c)
{
    (void)c;
    return up;
}

static int64_t number_after(const char *text, const char *key)
{
    const char *p = strstr(text, key);
    return p ? strtoll(p + strlen(key), NULL, 10) : -1;
}

/* Invariants 2 and 3. */
static void judge_publish(const struct client_publish *p)
{
    bool head = strstr(p->topic, "/head") != NULL, event = strstr(p->topic, "/ev/") != NULL;
    if (p->retain != head)
        wrong("%s is retained: %d", p->topic, p->retain);
    if (head && number_after(p->payload, "\"seq\":") > broker_top)
        wrong("the head tells of event %lld, the broker has %lld",
              (long long)number_after(p->payload, "\"seq\":"), (long long)broker_top);
    if (event && number_after(p->payload, "\"streamseq\":") < broker_top - REPEAT_MAX)
        wrong("event %lld is published again, the broker has %lld",
              (long long)number_after(p->payload, "\"streamseq\":"), (long long)broker_top);
}

int client_publish(struct client *c, const struct client_publish *p)
{
    (void)c;
    if (!up)
        return ERR_UNREACHABLE;
    size_t flying = 0;
    for (size_t i = 0; i < letters; i++)
        flying += post[i].kind == TO_BROKER;
    if (flying > CLIENT_WINDOW + 16)
        return ERR_AGAIN;
    judge_publish(p);
    struct letter *l = mail(TO_BROKER, 0, 8);
    snprintf(l->topic, sizeof l->topic, "%s", p->topic);
    if (!(l->payload = malloc(p->n + 1)))
        wrong("no memory");
    memcpy(l->payload, p->payload, p->n);
    l->payload[l->n = p->n] = '\0';
    l->context = p->context;
    l->qos1 = p->qos == 1;
    trace("publish", (int64_t)p->context, (int64_t)p->n, 0);
    return 0;
}

int client_subscribe(struct client *c, const char *filter)
{
    (void)c;
    (void)filter;
    return 0;
}

const char *client_reason(int code, bool v5)
{
    (void)code;
    (void)v5;
    return "simulated";
}

/* ---- the buyer ---- */

static struct {
    int64_t epoch, last, head;
    uint64_t hash[GOT_MAX]; /* by sequence */
    struct mono asked;
} buyer;

static uint64_t hash_of(const char *p, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
    return h;
}

static void ask_again(void)
{
    if (mono_since_ms(w.now, buyer.asked) < 1000)
        return;
    buyer.asked = w.now;
    struct letter *l = mail(ASK, 1, 20);
    l->payload = malloc(96);
    l->n = (size_t)snprintf(l->payload, 96, "{\"after\":[%lld,%lld],\"limit\":50,\"client\":\"b\"}",
                            (long long)buyer.epoch, (long long)buyer.last);
}

static void take_event(const char *doc, size_t n)
{
    int64_t epoch = number_after(doc, "\"streamepoch\":"),
            seq = number_after(doc, "\"streamseq\":");
    uint64_t h = hash_of(doc, n);
    if (epoch < 1 || seq < 1 || seq >= GOT_MAX)
        wrong("an event without its place in the stream: %.80s", doc);
    if (!buyer.epoch)
        buyer.epoch = epoch;
    if (epoch != buyer.epoch)
        wrong("the stream began epoch %lld without a restored record", (long long)epoch);
    if (seq <= buyer.last) {
        if (buyer.hash[seq] != h)
            wrong("event %lld came again with other bytes", (long long)seq);
        return;
    }
    if (seq == buyer.last + 1) {
        buyer.hash[++buyer.last] = h;
        trace("event", seq, (int64_t)h, 0);
    } else {
        ask_again();
    }
}

static void take_pages(char *text, size_t n)
{
    for (char *line = text; line < text + n;) {
        char *end = memchr(line, '\n', (size_t)(text + n - line));
        size_t len = end ? (size_t)(end - line) : (size_t)(text + n - line);
        char *next = line + len + 1;
        line[len] = '\0';
        if (strstr(line, "\"streamseq\":"))
            take_event(line, len);
        else if (strstr(line, "\"more\":true")) {
            buyer.asked = (struct mono){0};
            ask_again();
        }
        line = next;
    }
}

static void at_the_buyer(struct letter *l)
{
    if (strstr(l->topic, "/ev/"))
        take_event(l->payload, l->n);
    else if (strstr(l->topic, "/res/"))
        take_pages(l->payload, l->n);
    else if (strstr(l->topic, "/head")) {
        buyer.head = number_after(l->payload, "\"seq\":");
        if (buyer.head > buyer.last)
            ask_again();
    }
}

/* ---- letters arrive ---- */

static char retained[256]; /* the head, kept by the broker for who connects */
static bool away;          /* the buyer has no connection */

static void to_the_buyer(const char *topic, const char *payload, size_t n)
{
    struct letter *l = mail(TO_BUYER, 0, 8);
    snprintf(l->topic, sizeof l->topic, "%s", topic);
    if (!(l->payload = malloc(n + 1)))
        wrong("no memory");
    memcpy(l->payload, payload, l->n = n);
    l->payload[n] = '\0';
}

static void buyer_connects(void)
{
    away = false;
    if (retained[0])
        to_the_buyer("/head", retained, strlen(retained));
}

static void at_the_broker(const struct letter *l)
{
    if (!up)
        return;
    if (strstr(l->topic, "/ev/") && number_after(l->payload, "\"streamseq\":") > broker_top)
        broker_top = number_after(l->payload, "\"streamseq\":");
    if (strstr(l->topic, "/head"))
        snprintf(retained, sizeof retained, "%s", l->payload);
    if (!away)
        to_the_buyer(l->topic, l->payload, l->n);
    if (l->qos1) {
        struct letter *ack = mail(EVENT, 0, 8);
        ack->ev = (struct client_event){.kind = CLIENT_ACKED, .context = l->context};
        if (strstr(l->topic, "/ev/"))
            ack->n = (size_t)number_after(l->payload, "\"streamseq\":");
    }
}

static void ask_publisher(struct letter *l)
{
    if (!up)
        return;
    struct client_message *m = calloc(1, sizeof *m);
    m->payload = l->payload;
    m->n = l->n;
    l->payload = NULL;
    snprintf(m->topic, sizeof m->topic, "coop/v1/c/buyer/market/req/replay");
    tell(CLIENT_MESSAGE, 0, 0);
    events[n_events - 1].message = m;
}

static void arrive(size_t i)
{
    struct letter l = post[i];
    post[i] = post[--letters];
    bool event = l.kind == TO_BUYER && strstr(l.topic, "/ev/");
    if (lossy && chance(lossy) && (event || l.kind == ASK)) {
        free(l.payload); /* a broker may lose what it has acknowledged */
        return;
    }
    switch (l.kind) {
    case TO_BROKER: at_the_broker(&l); break;
    case TO_BUYER: at_the_buyer(&l); break;
    case ASK: ask_publisher(&l); break;
    case EVENT:
        up |= l.ev.kind == CLIENT_CONNECTED;
        if (l.ev.kind == CLIENT_CONNECTED || l.ev.kind == CLIENT_REFUSED)
            the_client.connecting = false;
        if (l.ev.kind == CLIENT_ACKED && l.n && (int64_t)l.n > puback_top)
            puback_top = (int64_t)l.n;
        tell(l.ev.kind, l.ev.code, l.ev.context);
        break;
    }
    free(l.payload);
}

/* ---- the publisher program ---- */

static struct publisher *publisher;
static struct db *reader;
static struct sink sink = {
    .name = "s1", .coop = "c", .edge = "e", .stream = "market", .root = "coop/v1/c"};
static struct mono program_due, start_due;

void buyer_start(void)
{
    snprintf(sink.store, sizeof sink.store, "%s/store", w.dir);
    snprintf(sink.state, sizeof sink.state, "%s/store", w.dir);
    sink.broker.v5 = true;
    start_due = in_ms(50, 2000);
    program_due = MONO_NEVER;
}

/* Who stops in peace leaves the cursor where the broker's acknowledgements are. */
static void stop_publisher(void)
{
    json_t *r = publisher_report(publisher);
    int64_t n = json_int_or(r, "cursor", 0);
    json_decref(r);
    publisher_free(publisher);
    if (!disk_dead() && !cursor_failed && cursor_at < n)
        wrong("the publisher stops at event %lld, its cursor at %lld", (long long)n,
              (long long)cursor_at);
}

void buyer_stop(void)
{
    if (publisher)
        stop_publisher();
    db_close(reader);
    publisher = NULL;
    reader = NULL;
    program_due = MONO_NEVER;
    start_due = in_ms(50, 3000);
}

static void start(void)
{
    struct err e = {0};
    struct store_facts f;
    start_due = in_ms(200, 1000);
    if (store_open_reader(sink.store, &reader, &e) < 0)
        return;
    if (store_facts(reader, &f, &e) < 0 ||
        publisher_new(&sink, reader, f.site, f.store_id, &publisher, &e) < 0) {
        publisher = NULL;
        db_close(reader);
        reader = NULL;
        return;
    }
    start_due = MONO_NEVER;
    program_due = w.now;
}

struct mono buyer_due(void)
{
    struct mono due = mono_min(start_due, program_due);
    if (away)
        due = mono_min(due, buyer_back);
    else if (buyer.head > buyer.last)
        due = mono_min(due, mono_add_ms(buyer.asked, PATIENCE_MS));
    for (size_t i = 0; i < letters; i++)
        due = mono_min(due, post[i].due);
    return due;
}

static void read_stopped(void)
{
    json_t *r = publisher_report(publisher);
    if (strcmp(json_text_or(r, "state", ""), "stopped") == 0)
        wrong("the publisher stopped: %s", json_text_or(r, "why", ""));
    json_decref(r);
}

void buyer_run(void)
{
    for (size_t i = 0; i < letters;)
        if (mono_reached(w.now, post[i].due))
            arrive(i);
        else
            i++;
    if (away && mono_reached(w.now, buyer_back))
        buyer_connects();
    if (!away && buyer.head > buyer.last &&
        mono_reached(w.now, mono_add_ms(buyer.asked, PATIENCE_MS)))
        ask_again();
    if (wake && publisher)
        program_due = w.now;
    wake = false;
    if (mono_reached(w.now, start_due))
        start();
    if (publisher && mono_reached(w.now, program_due)) {
        publisher_wake(publisher, w.now);
        program_due = publisher_due(publisher);
        if (program_due.ns <= w.now.ns)
            program_due = mono_add_ms(w.now, 1);
    }
}

void buyer_head(void)
{
    if (publisher)
        program_due = mono_min(program_due, in_ms(0, 10));
}

void buyer_fault(void)
{
    uint32_t what = dice_below(&w.dice, 7);
    trace("market-fault", what, 0, 0);
    switch (what) {
    case 0: /* the broker falls over; what it held for the buyer is gone */
        broker_back = in_ms(100, 20000);
        retained[0] = '\0';
        for (size_t i = 0; i < letters;)
            if (post[i].kind == TO_BUYER)
                drop_letter(i);
            else
                i++;
        /* fall through */
    case 1:
        if (up || the_client.connecting) {
            enum client_event_kind kind = up ? CLIENT_LOST : CLIENT_REFUSED;
            cut();
            tell(kind, -1, 0);
        }
        break;
    case 2:
        away = true;
        buyer_back = in_ms(100, 15000);
        break;
    case 3:
        if (publisher)
            buyer_stop();
        break;
    default: lossy = dice_below(&w.dice, 200); break;
    }
}

void buyer_heal(void)
{
    lossy = 0;
    broker_back = buyer_back = w.now;
    away = true; /* connects anew */
}

/* The broker is away for a while: events wait. */
void buyer_dip(void)
{
    broker_back = in_ms(3000, 20000);
    if (up || the_client.connecting) {
        enum client_event_kind kind = up ? CLIENT_LOST : CLIENT_REFUSED;
        cut();
        tell(kind, -1, 0);
    }
}

struct comparing {
    int64_t n;
    struct store_facts f;
};

static int compare(void *ctx, const struct stream_event *se)
{
    struct comparing *c = ctx;
    size_t n;
    c->n = se->n;
    if (se->n > buyer.last)
        return 1;
    char *doc = export_cloudevent(se, c->f.site, c->f.store_id, &n);
    if (!doc || hash_of(doc, n) != buyer.hash[se->n])
        wrong("the buyer holds another event %lld than the record", (long long)se->n);
    free(doc);
    return 0;
}

void buyer_judge(bool all)
{
    struct err e = {0};
    struct comparing c = {0};
    int64_t epoch = 0, n = 0, at;
    if (publisher)
        read_stopped();
    if (!reader && all)
        wrong("the publisher is not back after a calm");
    if (!reader)
        return;
    if (stream_head(reader, "market", &epoch, &n, &at, &e) < 0)
        wrong("the stream cannot be read: %s", e.text);
    if (buyer.last > n)
        wrong("the buyer holds event %lld, the record ends at %lld", (long long)buyer.last,
              (long long)n);
    if (!all)
        return;
    if (buyer.last != n)
        wrong("the buyer holds events up to %lld of %lld after a calm", (long long)buyer.last,
              (long long)n);
    if (store_facts(reader, &c.f, &e) < 0 ||
        stream_read(reader, "market", 0, 0, INT32_MAX, compare, &c, &e) < 0)
        wrong("the stream cannot be read: %s", e.text);
}

int __wrap_cursor_write(struct cursor *c, const struct cursor_position *p, struct err *e);
int __real_cursor_write(struct cursor *c, const struct cursor_position *p, struct err *e);

/* Invariant 4. */
int __wrap_cursor_write(struct cursor *c, const struct cursor_position *p, struct err *e)
{
    if (p->n > puback_top)
        wrong("the cursor is written at event %lld, the broker acknowledged %lld", (long long)p->n,
              (long long)puback_top);
    int rc = __real_cursor_write(c, p, e);
    cursor_failed = rc < 0;
    if (rc == 0)
        cursor_at = p->n;
    return rc;
}

/* As after a restore of another copy: its newest event had another hash. */
void buyer_finish(void)
{
    struct err e = {0};
    struct store_facts f;
    struct cursor *c;
    struct cursor_position at;
    if (cursor_open(sink.state, sink.name, sink.stream, &c, &at, &e) < 0)
        wrong("the cursor cannot be opened: %s", e.text);
    at.leaf[0] ^= 1;
    if (cursor_write(c, &at, &e) < 0)
        wrong("the cursor cannot be written: %s", e.text);
    cursor_close(c);
    if (at.n == 0)
        return;
    if (store_open_reader(sink.store, &reader, &e) < 0 || store_facts(reader, &f, &e) < 0 ||
        publisher_new(&sink, reader, f.site, f.store_id, &publisher, &e) < 0)
        wrong("the publisher does not start: %s", e.text);
    json_t *r = publisher_report(publisher);
    if (strcmp(json_text_or(r, "state", ""), "stopped") != 0)
        wrong("the publisher goes on from a cursor of another history");
    json_decref(r);
    buyer_stop();
}
