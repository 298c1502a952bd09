/* GET /v1/streams/{stream}?after=EPOCH:SEQ&limit=N: replay of a buyer's stream as NDJSON
 * CloudEvents, the same bytes that MQTT brings. Thread: HTTP. Invariant: a page ends with a whole
 * event and holds at most PAGE_BYTES, but always one event. */
#include "base/json.h"
#include "base/num.h"
#include "traceability/stream.h"
#include "web/web.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000
#define PAGE_BYTES    65536

struct page_of {
    const char *site, *store;
    FILE *out;
    size_t n;
    int64_t epoch, seq, count; /* the last event that is in the page */
    bool more;
};

static int add_event(void *ctx, const struct stream_event *se)
{
    struct page_of *p = ctx;
    size_t n = 0;
    char *text = export_cloudevent(se, p->site, p->store, &n);
    if (!text)
        return ERR_NOMEM;
    if (p->count && p->n + n + 1 > PAGE_BYTES) {
        free(text);
        p->more = true;
        return 1;
    }
    fwrite(text, 1, n, p->out);
    fputc('\n', p->out);
    free(text);
    p->n += n + 1;
    p->epoch = se->epoch;
    p->seq = se->n;
    p->count++;
    return 0;
}

/* "3:17" → 3 and 17. */
static int parse_after(const char *text, int64_t *ret_epoch, int64_t *ret_seq)
{
    const char *colon = strchr(text, ':');
    char epoch[24];
    if (!colon || (size_t)(colon - text) >= sizeof epoch)
        return ERR_PARSE;
    snprintf(epoch, sizeof epoch, "%.*s", (int)(colon - text), text);
    int code = num_i64(epoch, 0, INT64_MAX, ret_epoch);
    return code ? code : num_i64(colon + 1, 0, INT64_MAX, ret_seq);
}

static int read_query(const struct request *q, struct page_of *p, int64_t *ret_limit,
                      const char **ret_wrong)
{
    char text[48];
    int code = request_query(q, "after", text, sizeof text);
    if (code == 0)
        code = parse_after(text, &p->epoch, &p->seq);
    if (code && code != ERR_NOT_FOUND) {
        *ret_wrong = "after is EPOCH:SEQ, for example 0:0 for the beginning";
        return ERR_PARSE;
    }
    code = request_query(q, "limit", text, sizeof text);
    if (code == 0)
        code = num_i64(text, 1, LIMIT_MAX, ret_limit);
    if (code && code != ERR_NOT_FOUND) {
        *ret_wrong = "limit is a number from 1 to 1000";
        return ERR_PARSE;
    }
    return 0;
}

static int read_stream(struct web *w, const char *stream, struct page_of *p, int64_t limit,
                       struct err *e)
{
    struct db *db;
    char site[64], store[64];
    int code = record_begin(w->record, &db, e);
    if (code)
        return code;
    snprintf(site, sizeof site, "%s", record_meta(w->record, "site"));
    snprintf(store, sizeof store, "%s", record_meta(w->record, "store_id"));
    p->site = site;
    p->store = store;
    code = stream_read(db, stream, p->epoch, p->seq, limit, add_event, p, e);
    record_end(w->record);
    return code < 0 ? code : 0;
}

void stream_get(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    struct page_of p = {0};
    struct err e = {0};
    const char *wrong = NULL;
    int64_t limit = LIMIT_DEFAULT;
    char *text = NULL;
    size_t n = 0;
    if (read_query(q, &p, &limit, &wrong)) {
        reply_problem(r, 400, "wrong query", wrong);
        return;
    }
    p.out = open_memstream(&text, &n);
    int code =
        p.out ? read_stream(w, args[0], &p, limit, &e) : err_set(&e, ERR_NOMEM, "out of memory");
    if (p.out && fclose(p.out) && code == 0)
        code = err_set(&e, ERR_NOMEM, "out of memory");
    if (code) {
        free(text);
        e.code = code;
        reply_error(r, &e);
        return;
    }
    reply_take(r, 200, "application/x-ndjson", text, n);
    reply_header(r, "Cache-Control", "no-store");
    if (p.more || p.count == limit)
        reply_header(r, "Link", "</v1/streams/%s?after=%lld:%lld&limit=%lld>; rel=\"next\"",
                     args[0], (long long)p.epoch, (long long)p.seq, (long long)limit);
    web_pack(r);
}
