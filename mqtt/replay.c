/* Replay over MQTT. Publisher thread; reads the store, answers from it, keeps nothing.
 * A request is hostile input: bounded, checked, and answered only below the buyer's own res/
 * branch. */
#include "mqtt/replay.h"
#include "base/json.h"
#include "base/log.h"
#include "mqtt/topics.h"
#include "traceability/stream.h"
#include <stdlib.h>
#include <string.h>

#define PAGE_EVENTS 50
#define PAGE_BYTES  60000
#define TOKENS_MAX  20
#define TOKEN_MS    200 /* five pages a second, twenty at once */

static bool take_token(struct replay *r, struct mono now)
{
    int64_t more = r->filled.ns ? mono_since_ms(now, r->filled) / TOKEN_MS : TOKENS_MAX;
    if (more > 0) {
        r->tokens = r->tokens + more > TOKENS_MAX ? TOKENS_MAX : r->tokens + more;
        r->filled = now;
    }
    if (r->tokens <= 0)
        return false;
    r->tokens--;
    return true;
}

/* Where the answer goes: the response topic below …/res/, or …/res/{client}. */
static bool result_topic(const struct client_message *m, const json_t *doc, const struct sink *s,
                         char *ret, size_t size)
{
    char below[TOPIC_MAX];
    struct topic_parts t = {
        .root = s->root, .buyer = s->stream, .client = json_text_or(doc, "client", "x")};
    if (topic_name(TOPIC_BUYER_RESULT, &t, below) < 0)
        return false;
    if (m->response_topic[0]) {
        size_t prefix = (size_t)(strrchr(below, '/') - below) + 1;
        if (strncmp(m->response_topic, below, prefix) != 0 || strpbrk(m->response_topic, "+#"))
            return false;
        snprintf(ret, size, "%s", m->response_topic);
        return true;
    }
    snprintf(ret, size, "%s", below);
    return json_object_get(doc, "client") != NULL;
}

void replay_ask(struct replay *r, const struct client_message *m, const struct sink *s,
                struct mono now)
{
    json_t *doc = NULL;
    struct err e = {0};
    if (r->count == REPLAY_WAITING || !take_token(r, now) ||
        json_parse(m->payload, m->n, &doc, &e) < 0) {
        r->refused++;
        return;
    }
    const json_t *after = json_object_get(doc, "after");
    int64_t epoch = json_integer_value(json_array_get(after, 0)),
            n = json_integer_value(json_array_get(after, 1));
    int64_t limit = json_int_or(doc, "limit", PAGE_EVENTS);
    if (json_array_size(after) == 2 && epoch >= 0 && n >= 0 && limit >= 1 &&
        result_topic(m, doc, s, r->waiting[r->count].topic, sizeof(r->waiting[0].topic))) {
        r->waiting[r->count].epoch = epoch;
        r->waiting[r->count].n = n;
        r->waiting[r->count].limit = limit > PAGE_EVENTS ? PAGE_EVENTS : limit;
        r->waiting[r->count].correlation_n = m->correlation_n;
        memcpy(r->waiting[r->count].correlation, m->correlation, sizeof(m->correlation));
        r->count++;
    } else {
        r->refused++;
    }
    json_decref(doc);
}

struct page {
    char *text;
    size_t n;
    int64_t epoch, seq;
    bool more;
    const char *site, *store_id;
};

static int add_event(void *ctx, const struct stream_event *se)
{
    struct page *p = ctx;
    size_t n;
    char *doc = export_cloudevent(se, p->site, p->store_id, &n);
    if (!doc)
        return 1;
    if (p->n && p->n + n + 1 > PAGE_BYTES) {
        free(doc);
        p->more = true;
        return 1;
    }
    memcpy(p->text + p->n, doc, n);
    p->n += n;
    p->text[p->n++] = '\n';
    p->epoch = se->epoch;
    p->seq = se->n;
    free(doc);
    return 0;
}

void replay_answer(struct replay *r, struct client *c, struct db *store, const struct sink *s,
                   const char *site, const char *store_id, uint64_t context, struct mono now)
{
    (void)now;
    struct err e = {0};
    if (r->count == 0)
        return;
    struct page p = {.text = malloc(2 * 65536 + 256),
                     .site = site,
                     .store_id = store_id,
                     .epoch = r->waiting[0].epoch,
                     .seq = r->waiting[0].n};
    if (!p.text)
        return;
    if (stream_read(store, s->stream, p.epoch, p.seq, r->waiting[0].limit, add_event, &p, &e) < 0)
        log_warn("sink %s: replay: %s", s->name, e.text);
    int64_t head_epoch = 0, head_n = 0, at;
    stream_head(store, s->stream, &head_epoch, &head_n, &at, &e);
    bool more = p.more || head_epoch > p.epoch || (head_epoch == p.epoch && head_n > p.seq);
    p.n += (size_t)snprintf(p.text + p.n, 256, "{\"epoch\":%lld,\"seq\":%lld,\"more\":%s}\n",
                            (long long)p.epoch, (long long)p.seq, more ? "true" : "false");
    struct client_publish m = {.topic = r->waiting[0].topic,
                               .payload = p.text,
                               .n = p.n,
                               .qos = 1,
                               .content_type = "application/x-ndjson",
                               .expiry_s = 60,
                               .correlation = r->waiting[0].correlation,
                               .correlation_n = r->waiting[0].correlation_n,
                               .context = context};
    if (client_publish(c, &m) != ERR_AGAIN) {
        memmove(&r->waiting[0], &r->waiting[1], (r->count - 1) * sizeof(r->waiting[0]));
        r->count--;
    }
    free(p.text);
}

struct mono replay_due(const struct replay *r, struct mono now)
{
    return r->count ? mono_add_ms(now, 5) : MONO_NEVER;
}
