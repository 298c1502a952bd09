/* Small answers about the program itself: is it well, its scripts and styles. Thread: HTTP. */
#include "web/web.h"
#include <stdio.h>
#include <string.h>

void health_get(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    struct err e = {0};
    int64_t head = 0;
    (void)q;
    (void)args;
    bool record = record_head(w->record, mono_now(), &head, &e) == 0;
    json_t *doc = json_pack("{s:b,s:s,s:b,s:I,s:b,s:i}", "ok", record, "role",
                            w->role == WEB_SHED ? "shed" : "public", "record", record, "head",
                            (json_int_t)head, "lotlined", ask_up(w->ask), "live",
                            w->live ? (int)live_feeds(w->live) : 0);
    reply_json(r, record ? 200 : 503, doc);
    reply_header(r, "Cache-Control", "no-store");
}

void asset_get(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    const struct asset *a = assets_get(w->assets, args[0]);
    if (!a || strstr(args[0], ".html")) {
        reply_problem(r, 404, "not found", "no such file");
        return;
    }
    const char *have = request_header(q, "If-None-Match");
    if (have && strstr(have, a->tag)) {
        reply_copy(r, 304, NULL, "", 0);
    } else {
        reply_copy(r, 200, asset_type(a->name), a->packed, a->n_packed);
        r->gzip = true;
    }
    reply_header(r, "ETag", "\"%s\"", a->tag);
    bool named = strcmp(q->query, a->tag) == 0; /* this very text: it never changes */
    reply_header(r, "Cache-Control", "%s",
                 named ? "public, max-age=31536000, immutable" : "no-cache");
}
