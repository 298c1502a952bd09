/* Server-sent events (contract: live.h).
 * Threads: main receives and stores, HTTP reads; `lock` guards all that both touch. Lock order:
 * http's, then this one (feed reads run under http's), so nothing here calls http under `lock`.
 *
 *  1. A message is shared and counted; a feed that is half through one keeps it alive.
 *  2. Kept are the newest message of each kind: state, not history. The id counts all messages of
 * this process; a Last-Event-ID of another process, or one that is not the newest, gets "resync".
 *  3. A comment every 15 s lets the listener notice browsers that have gone. */
#include "web/live.h"
#include "base/crypto.h"
#include "base/ipc.h"
#include "base/json.h"
#include "base/log.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS 1000
#define RETRY_MS   1000
#define BEAT_MS    15000
#define SILENT_MS  3000 /* a watched daemon says something at least once a second */
#define HEAD_SIZE  80   /* id, a uint64, and the event's name */

enum kind { KIND_STATUS, KIND_HEAD, KIND_AWAY, KIND_COUNT };
struct message {
    unsigned refs;
    uint64_t id;
    size_t n;
    char text[];
};
struct client {
    struct live *live;
    uint64_t seen;        /* id of the newest message that was begun */
    uint64_t beats;       /* heartbeats sent */
    struct message *half; /* being sent, from `at` on */
    size_t at;
};
struct live {
    char socket[108];
    uint32_t process;
    /* main thread */
    int fd;
    struct mono next_try, beat, heard;
    struct complaint away;
    /* both */
    pthread_mutex_t lock;
    struct message *newest[KIND_COUNT];
    uint64_t id, beats;
    unsigned clients;
};

static void unref(struct message *m)
{
    if (m && --m->refs == 0)
        free(m);
}

int live_new(const char *socket, struct live **ret, struct err *e)
{
    struct live *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(e, ERR_NOMEM, "no memory");
    snprintf(l->socket, sizeof l->socket, "%s", socket);
    l->process = crypto_random_u32();
    l->fd = -1;
    pthread_mutex_init(&l->lock, NULL);
    *ret = l;
    return 0;
}

void live_free(struct live *l)
{
    if (!l)
        return;
    if (l->fd >= 0)
        close(l->fd);
    for (size_t i = 0; i < KIND_COUNT; i++)
        unref(l->newest[i]);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

int live_fd(const struct live *l)
{
    return l->fd;
}

unsigned live_feeds(struct live *l)
{
    pthread_mutex_lock(&l->lock);
    unsigned n = l->clients;
    pthread_mutex_unlock(&l->lock);
    return n;
}

/* ---- main thread: from the daemon ---- */

static void publish(struct live *l, enum kind kind, const char *event, const char *data)
{
    size_t n = strlen(data);
    struct message *m = malloc(sizeof *m + HEAD_SIZE + n + 2);
    if (!m)
        return; /* the next one is 100 ms away */
    pthread_mutex_lock(&l->lock);
    m->refs = 1;
    m->id = ++l->id;
    m->n = (size_t)snprintf(m->text, HEAD_SIZE,
                            "id: %08x-%llu\nevent: %s\ndata: ", (unsigned)l->process,
                            (unsigned long long)m->id, event);
    memcpy(m->text + m->n, data, n);
    memcpy(m->text + m->n + n, "\n\n", 2);
    m->n += n + 2;
    unref(l->newest[kind]);
    l->newest[kind] = m;
    if (kind != KIND_AWAY) {
        unref(l->newest[KIND_AWAY]);
        l->newest[KIND_AWAY] = NULL;
    }
    pthread_mutex_unlock(&l->lock);
}

void live_take(struct live *l, const json_t *doc)
{
    bool whole = json_object_get(doc, "station") || json_object_get(doc, "lines");
    char *text = json_dumps(doc, JSON_COMPACT); /* escapes line ends, so one data line suffices */
    if (text)
        publish(l, whole ? KIND_STATUS : KIND_HEAD, whole ? "status" : "head", text);
    free(text);
}

static void lost(struct live *l, const struct err *e)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    l->next_try = mono_add_ms(mono_now(), RETRY_MS);
    log_complain(&l->away, "no live values: %s", e->text);
    publish(l, KIND_AWAY, "away", "{}");
}

static void connect_now(struct live *l, struct mono now)
{
    struct err e = {0};
    json_t *first = NULL;
    int code = ipc_connect(l->socket, CONNECT_MS, &l->fd, NULL, &e);
    if (code)
        l->fd = -1;
    else
        code = ipc_call(l->fd, "watch", NULL, NULL, CONNECT_MS, &first, &e);
    json_decref(first);
    if (code) {
        lost(l, &e);
        return;
    }
    l->heard = now;
    log_release(&l->away, "live values again");
}

static void receive(struct live *l, struct mono now)
{
    for (int i = 0; i < 16; i++) {
        struct err e = {0};
        json_t *doc = NULL;
        int code = ipc_recv(l->fd, &doc, &e);
        if (code == ERR_AGAIN)
            break;
        if (code) {
            lost(l, &e);
            return;
        }
        l->heard = now;
        live_take(l, doc);
        json_decref(doc);
    }
    if (mono_since_ms(now, l->heard) > SILENT_MS) {
        struct err e = {.text = "lotlined has gone silent"};
        lost(l, &e);
    }
}

void live_turn(struct live *l, struct http *h, struct mono now)
{
    uint64_t before = l->id;
    if (l->fd >= 0)
        receive(l, now);
    else if (mono_reached(now, l->next_try))
        connect_now(l, now);
    bool beat = mono_since_ms(now, l->beat) >= BEAT_MS;
    if (beat) {
        l->beat = now;
        pthread_mutex_lock(&l->lock);
        l->beats++;
        pthread_mutex_unlock(&l->lock);
    }
    if (beat || l->id != before)
        http_wake_feeds(h);
}

/* ---- HTTP thread: to browsers ---- */

/* The oldest of the newest messages that this client has not begun. */
static struct message *next_for(const struct client *c)
{
    struct message *best = NULL;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct message *m = c->live->newest[i];
        if (m && m->id > c->seen && (!best || m->id < best->id))
            best = m;
    }
    return best;
}

static size_t copy_some(struct client *c, char *buf, size_t max)
{
    size_t n = c->half->n - c->at;
    n = n < max ? n : max;
    memcpy(buf, c->half->text + c->at, n);
    c->at += n;
    if (c->at == c->half->n) {
        unref(c->half);
        c->half = NULL;
    }
    return n;
}

static ssize_t client_read(void *self, char *buf, size_t max)
{
    struct client *c = self;
    struct live *l = c->live;
    size_t n = 0;
    pthread_mutex_lock(&l->lock);
    if (!c->half && (c->half = next_for(c))) {
        c->half->refs++;
        c->seen = c->half->id;
        c->at = 0;
    }
    if (c->half) {
        n = copy_some(c, buf, max);
    } else if (c->beats != l->beats && max >= 3) {
        c->beats = l->beats;
        memcpy(buf, ":\n\n", 3);
        n = 3;
    }
    pthread_mutex_unlock(&l->lock);
    return (ssize_t)n;
}

static void client_close(void *self)
{
    struct client *c = self;
    pthread_mutex_lock(&c->live->lock);
    unref(c->half);
    c->live->clients--;
    pthread_mutex_unlock(&c->live->lock);
    free(c);
}

/* True when the browser has seen everything up to now (invariant 2). */
static bool is_current(const struct live *l, const char *last)
{
    char now[32];
    snprintf(now, sizeof now, "%08x-%llu", (unsigned)l->process, (unsigned long long)l->id);
    return strcmp(last, now) == 0;
}

static struct message *greeting(bool resync)
{
    struct message *m = malloc(sizeof *m + 96);
    if (!m)
        return NULL;
    m->refs = 1;
    m->id = 0;
    m->n = (size_t)snprintf(m->text, 96, "retry: 1000\n\n%s",
                            resync ? "event: resync\ndata: {}\n\n" : "");
    return m;
}

void live_open(struct live *l, const char *last, struct reply *r)
{
    struct client *c = calloc(1, sizeof *c);
    pthread_mutex_lock(&l->lock);
    bool room = c && l->clients < LIVE_FEEDS_MAX;
    if (room) {
        l->clients++;
        *c = (struct client){.live = l, .beats = l->beats};
        c->half = greeting(last && *last && !is_current(l, last));
    }
    pthread_mutex_unlock(&l->lock);
    if (!room) {
        free(c);
        reply_problem(r, 503, "too many live views", "close another window of this screen");
        reply_header(r, "Retry-After", "5");
        return;
    }
    r->status = 200;
    r->type = "text/event-stream";
    r->feed = (struct feed){client_read, client_close, c};
    reply_header(r, "Cache-Control", "no-store");
    reply_header(r, "X-Accel-Buffering", "no");
}
