/* One buyer's stream to one broker. Publisher thread. Owns: the client, the window, the cursor.
 *
 * 1. Stored, acknowledged by the broker and receipted are three states: here the cursor moves on
 * PUBACK over a gapless run only, and nothing is ever removed.
 * 2. Numbers of the window are local and dense; pos[] maps those in flight to (epoch, n).
 * 3. A cursor whose hash is not the store's own at that place stops the sink: publishing on would
 * tell a buyer another history.
 * 4. After a loss: nothing is sent until every outstanding publish was answered, then go back. */
#include "mqtt/publisher.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "mqtt/replay.h"
#include "mqtt/topics.h"
#include "mqtt/window.h"
#include "traceability/stream.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS   60000
#define ANSWER_MS      30000
#define SETTLE_MS      5000
#define CURSOR_MS      100
#define HEAD_MS        1000
#define IDLE_MS        1000
/* The context of an event's publish: generation << 40 | number. A new generation begins when
 * answers of a dropped connection are given up, so that a late one cannot be taken for a newer
 * publish. */
#define GENERATION_SHIFT 40
#define HEAD_CONTEXT     UINT64_MAX
#define RESULT_CONTEXT   (UINT64_MAX - 1)

struct publisher {
    const struct sink *sink;
    struct db *store;
    char site[17], store_id[40];
    struct client *client;
    struct cursor *cursor;
    struct window w;
    struct cursor_position pos[WINDOW_MAX]; /* of number k at k % WINDOW_MAX (invariant 2) */
    struct cursor_position sent, acked, written;
    int64_t head_epoch, head_n, head_at_ms;
    enum publisher_state state;
    struct mono retry, answer_by, settle_by, cursor_due, head_due;
    int64_t retry_ms;
    bool head_stale;
    struct complaint down, unread;
    const char *why;
    uint64_t sent_count, acked_count, failed_count, connects, poison;
    uint64_t generation;
    struct replay replay;
};

static int remember_leaf(void *ctx, const struct stream_event *se)
{
    struct cursor_position *p = ctx;
    p->epoch = se->epoch;
    p->n = se->n;
    memcpy(p->leaf, se->leaf, sizeof(p->leaf));
    return 1;
}

/* Invariant 3. */
static int check_cursor(struct publisher *p, struct err *e)
{
    struct cursor_position there = {0};
    if (p->acked.n == 0)
        return 0;
    int rc = stream_read(p->store, p->sink->stream, p->acked.epoch, p->acked.n - 1, 1,
                         remember_leaf, &there, e);
    if (rc < 0)
        return rc;
    if (there.epoch == p->acked.epoch && there.n == p->acked.n &&
        memcmp(there.leaf, p->acked.leaf, sizeof(there.leaf)) == 0)
        return 0;
    return err_set(
        e, ERR_CHECK,
        "stream %s: event %lld:%lld was published with another hash than the store holds now: "
        "restore the store, or delete the sink's state to begin anew",
        p->sink->stream, (long long)p->acked.epoch, (long long)p->acked.n);
}

int publisher_new(const struct sink *s, struct db *store, const char *site, const char *store_id,
                  struct publisher **ret, struct err *e)
{
    struct publisher *p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for the publisher");
    p->sink = s;
    p->store = store;
    p->retry_ms = RETRY_FIRST_MS;
    p->why = "";
    snprintf(p->site, sizeof(p->site), "%s", site);
    snprintf(p->store_id, sizeof(p->store_id), "%s", store_id);
    window_init(&p->w, WINDOW_MAX);
    int rc = client_new(&s->broker, &p->client, e);
    if (rc == 0)
        rc = cursor_open(s->state, s->name, s->stream, &p->cursor, &p->acked, e);
    if (rc == 0)
        rc = check_cursor(p, e);
    if (rc == ERR_CHECK || rc == ERR_NOT_FOUND) {
        log_error("sink %s stops: %s", s->name, e->text);
        p->state = PUBLISHER_STOPPED;
        p->why =
            rc == ERR_CHECK ? "cursor does not match the store" : "no such stream in the store";
        rc = 0;
    }
    if (rc < 0) {
        publisher_free(p);
        return rc;
    }
    p->sent = p->written = p->acked;
    *ret = p;
    return 0;
}

static void write_cursor(struct publisher *p, struct mono now)
{
    struct err e = {0};
    if (p->acked.epoch == p->written.epoch && p->acked.n == p->written.n)
        return;
    if (cursor_write(p->cursor, &p->acked, &e) == 0)
        p->written = p->acked;
    else
        log_warn("%s", e.text); /* repeats at most what is not written: never a loss */
    p->cursor_due = mono_add_ms(now, CURSOR_MS);
}

void publisher_free(struct publisher *p)
{
    if (!p)
        return;
    if (p->cursor)
        write_cursor(p, mono_now());
    client_free(p->client);
    cursor_close(p->cursor);
    free(p);
}

int publisher_fd(const struct publisher *p)
{
    return client_fd(p->client);
}

static void offline(struct publisher *p, struct mono now, int64_t wait_ms)
{
    uint32_t dice;
    crypto_random(&dice, sizeof(dice));
    p->state = PUBLISHER_OFFLINE;
    int64_t ms = wait_ms ? wait_ms : p->retry_ms / 2 + dice % (uint32_t)(p->retry_ms / 2 + 1);
    p->retry = mono_add_ms(now, ms);
    p->retry_ms = p->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : p->retry_ms * 2;
    p->answer_by = MONO_NEVER;
    p->settle_by = p->w.outstanding ? mono_add_ms(now, SETTLE_MS) : MONO_NEVER;
    window_lost(&p->w); /* invariant 4 */
    if (!p->w.outstanding)
        p->sent = p->acked;
}

static void refused(struct publisher *p, int code, struct mono now)
{
    bool person = code == 0x86 || code == 0x87 || code == 0x8E ||
                  (!p->sink->broker.v5 && (code == 4 || code == 5));
    p->why = client_reason(code, p->sink->broker.v5);
    log_complain(&p->down, "sink %s: broker %s:%lld refuses: %s (%d)", p->sink->name,
                 p->sink->broker.host, (long long)p->sink->broker.port, p->why, code);
    offline(p, now, person ? RETRY_MAX_MS : 0);
}

static void connected(struct publisher *p, int receive_max, struct mono now)
{
    char filter[TOPIC_MAX];
    struct topic_parts t = {.root = p->sink->root, .buyer = p->sink->stream};
    p->state = PUBLISHER_ONLINE;
    p->why = "";
    p->retry_ms = RETRY_FIRST_MS;
    p->connects++;
    p->head_stale = true;
    p->head_due = now;
    window_resize(&p->w, (uint32_t)receive_max);
    log_release(&p->down, "sink %s: connected to %s:%lld, window %u", p->sink->name,
                p->sink->broker.host, (long long)p->sink->broker.port, p->w.size);
    if (topic_name(TOPIC_BUYER_REQUEST, &t, filter) < 0 || client_subscribe(p->client, filter) < 0)
        log_warn("sink %s: replay requests cannot be taken", p->sink->name);
}

static void acked(struct publisher *p, int64_t n, struct mono now)
{
    int64_t cursor;
    p->acked_count++;
    p->answer_by = p->w.outstanding > 1 ? mono_add_ms(now, ANSWER_MS) : MONO_NEVER;
    if (window_acked(&p->w, n, &cursor)) {
        p->acked = p->pos[cursor % WINDOW_MAX];
        p->head_stale = true;
    }
    if (!p->w.outstanding && p->state != PUBLISHER_ONLINE)
        p->sent = p->acked;
}

/* A refusal of one publish: not authorised needs a person; what the broker will never take is an
 * alarm and stops the sink, since leaving it out would tear a hole into the stream. */
static void failed(struct publisher *p, int code, struct mono now)
{
    p->failed_count++;
    window_failed(&p->w);
    if (!p->w.outstanding)
        p->sent = p->acked;
    if (code == 0x87 || code == 0x90 || code == 0x95 || code == 0x99) {
        p->why = client_reason(code, true);
        p->state = PUBLISHER_STOPPED;
        p->poison++;
        log_error("sink %s stops: the broker refuses an event of stream %s: %s (0x%02x)",
                  p->sink->name, p->sink->stream, p->why, (unsigned)code);
    } else if (p->state == PUBLISHER_ONLINE && code >= 0) {
        client_drop(p->client);
        offline(p, now, 0);
    }
}

static void take_events(struct publisher *p, struct mono now)
{
    struct client_event ev;
    while (client_next(p->client, &ev)) {
        bool own = ev.context == HEAD_CONTEXT || ev.context == RESULT_CONTEXT;
        bool ours = !own && ev.context >> GENERATION_SHIFT == p->generation && p->w.outstanding;
        switch (ev.kind) {
        case CLIENT_CONNECTED: connected(p, ev.code, now); break;
        case CLIENT_REFUSED: refused(p, ev.code, now); break;
        case CLIENT_LOST:
            if (p->state == PUBLISHER_ONLINE) {
                log_complain(&p->down, "sink %s: connection to the broker lost", p->sink->name);
                p->why = "connection lost";
                offline(p, now, 0);
            }
            break;
        case CLIENT_ACKED:
            if (ours)
                acked(p, (int64_t)(ev.context & ((UINT64_C(1) << GENERATION_SHIFT) - 1)), now);
            break;
        case CLIENT_FAILED:
            if (own)
                p->head_stale = true;
            else if (ours)
                failed(p, ev.code, now);
            break;
        case CLIENT_SUBSCRIBED: break;
        case CLIENT_MESSAGE:
            replay_ask(&p->replay, ev.message, p->sink, now);
            client_message_free(ev.message);
            break;
        }
    }
}

struct filling {
    struct publisher *p;
    struct mono now;
};

/* One event into the window; 1 stops the reading. */
static int send_event(void *ctx, const struct stream_event *se)
{
    struct filling *f = ctx;
    struct publisher *p = f->p;
    char topic[TOPIC_MAX];
    int64_t k;
    size_t n;
    struct topic_parts t = {
        .root = p->sink->root, .buyer = p->sink->stream, .type = event_kind_name(se->ev.kind)};
    if (!window_next(&p->w, INT64_MAX, &k) || topic_name(TOPIC_BUYER_EVENT, &t, topic) < 0)
        return 1;
    char *doc = export_cloudevent(se, p->site, p->store_id, &n);
    if (!doc)
        return 1;
    struct client_publish m = {.topic = topic,
                               .payload = doc,
                               .n = n,
                               .qos = 1,
                               .content_type = "application/cloudevents+json",
                               .context = p->generation << GENERATION_SHIFT | (uint64_t)k};
    int rc = client_publish(p->client, &m);
    free(doc);
    if (rc < 0) {
        if (rc != ERR_AGAIN)
            window_lost(&p->w);
        return 1;
    }
    struct cursor_position *pos = &p->pos[k % WINDOW_MAX];
    remember_leaf(pos, se);
    p->sent = *pos;
    if (p->w.outstanding == 0)
        p->answer_by = mono_add_ms(f->now, ANSWER_MS);
    window_sent(&p->w);
    p->sent_count++;
    return 0;
}

static void fill(struct publisher *p, struct mono now)
{
    int64_t k;
    struct err e = {0};
    struct filling f = {p, now};
    if (!window_next(&p->w, INT64_MAX, &k))
        return;
    if (p->w.outstanding == 0 && k == p->w.cursor + 1)
        p->sent = p->acked; /* after a rewind */
    int rc = stream_read(p->store, p->sink->stream, p->sent.epoch, p->sent.n,
                         (int64_t)p->w.size - p->w.outstanding, send_event, &f, &e);
    if (rc < 0)
        log_complain(&p->unread, "sink %s: the store cannot be read: %s", p->sink->name, e.text);
    else
        log_release(&p->unread, "sink %s: the store can be read", p->sink->name);
}

static void publish_head(struct publisher *p, struct mono now)
{
    char topic[TOPIC_MAX], doc[160];
    struct topic_parts t = {.root = p->sink->root, .buyer = p->sink->stream};
    if (!p->head_stale || !mono_reached(now, p->head_due) ||
        topic_name(TOPIC_BUYER_HEAD, &t, topic) < 0)
        return;
    int n = snprintf(doc, sizeof(doc), "{\"epoch\":%lld,\"seq\":%lld,\"ts\":%lld}",
                     (long long)p->acked.epoch, (long long)p->acked.n, (long long)wall_now().ms);
    struct client_publish m = {.topic = topic,
                               .payload = doc,
                               .n = (size_t)n,
                               .qos = 1,
                               .retain = true,
                               .content_type = "application/json",
                               .context = HEAD_CONTEXT};
    if (client_publish(p->client, &m) == 0) {
        p->head_stale = false;
        p->head_due = mono_add_ms(now, HEAD_MS);
    }
}

static void overdue(struct publisher *p, struct mono now)
{
    if (p->state == PUBLISHER_ONLINE && p->w.outstanding && mono_reached(now, p->answer_by)) {
        log_warn("sink %s: the broker has not answered for %d s: reconnecting", p->sink->name,
                 ANSWER_MS / 1000);
        p->why = "broker does not answer";
        client_drop(p->client);
        offline(p, now, 0);
    }
    if (p->state != PUBLISHER_ONLINE && p->w.outstanding && mono_reached(now, p->settle_by)) {
        window_forget(&p->w);
        p->generation = (p->generation + 1) & 0x7FFFFF;
        p->sent = p->acked;
    }
}

void publisher_wake(struct publisher *p, struct mono now)
{
    struct err e = {0};
    take_events(p, now);
    if (p->state == PUBLISHER_STOPPED)
        return;
    overdue(p, now);
    if (p->state == PUBLISHER_OFFLINE && mono_reached(now, p->retry) && !p->w.outstanding) {
        p->state = PUBLISHER_CONNECTING;
        if (client_connect(p->client, NULL, NULL, &e) < 0)
            refused(p, -1, now);
    }
    if (p->state == PUBLISHER_ONLINE) {
        fill(p, now);
        publish_head(p, now);
        replay_answer(&p->replay, p->client, p->store, p->sink, p->site, p->store_id,
                      RESULT_CONTEXT, now);
    }
    if (mono_reached(now, p->cursor_due))
        write_cursor(p, now);
    stream_head(p->store, p->sink->stream, &p->head_epoch, &p->head_n, &p->head_at_ms, &e);
}

const char *publisher_broken(const struct publisher *p, struct mono now)
{
    return client_broken(p->client, now);
}

struct mono publisher_due(const struct publisher *p)
{
    struct mono now = mono_now(), due = mono_add_ms(now, IDLE_MS);
    if (p->acked.n != p->written.n || p->acked.epoch != p->written.epoch)
        due = mono_min(due, p->cursor_due);
    if (p->state == PUBLISHER_OFFLINE)
        due = mono_min(due, p->retry);
    if (p->state == PUBLISHER_ONLINE && p->head_stale)
        due = mono_min(due, p->head_due);
    return mono_min(due, replay_due(&p->replay, now));
}

json_t *publisher_report(const struct publisher *p)
{
    static const char *const words[] = {"offline", "connecting", "online", "stopped"};
    int64_t lag = p->head_epoch == p->acked.epoch ? p->head_n - p->acked.n : p->head_n;
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i}", "sink", p->sink->name,
                     "stream", p->sink->stream, "state", words[p->state], "why", p->why, "epoch",
                     (json_int_t)p->acked.epoch, "cursor", (json_int_t)p->acked.n, "lag",
                     (json_int_t)lag, "sent", (json_int_t)p->sent_count, "acked",
                     (json_int_t)p->acked_count, "failed", (json_int_t)p->failed_count, "connects",
                     (json_int_t)p->connects, "window", (int)p->w.size);
}
