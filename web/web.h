/* What every handler of lotline-web can reach. Built by the main thread before the listener starts;
 * after that the HTTP thread uses it, and the main thread uses only what is said to be its. */
#pragma once
#include "web/ask.h"
#include "web/asset.h"
#include "web/cache.h"
#include "web/http.h"
#include "web/limiter.h"
#include "web/live.h"
#include "web/options.h"
#include "web/page.h"
#include "web/record.h"
#include "web/route.h"

struct web {
    const struct web_options *o;
    enum web_role role;
    struct assets *assets;
    struct pages *pages;
    struct record *record;   /* HTTP thread */
    struct cache *cache;     /* HTTP thread */
    struct limiter *reports; /* HTTP thread */
    struct ask *ask;         /* both: see ask.h */
    struct live *live;       /* both: see live.h; NULL for the public role */
    struct http *http;
    char csp[512];
};

/* Everything but the listener. */
int web_new(const struct web_options *o, struct web *w, struct err *e);
void web_end(struct web *w);
void web_handle(void *ctx, const struct request *q, struct reply *r); /* http_handler */

/* Replies of handlers. `view` is taken over. */
void web_page(struct web *w, const struct request *q, struct reply *r, unsigned status,
              const char *page, json_t *view);
/* A notice on a page of its own: heading and one line, both translated; `verdict` NULL or as in
 * buyer.h. */
void web_notice(struct web *w, const struct request *q, struct reply *r, unsigned status,
                const char *verdict, const char *heading, const char *line);
/* Packs what stands in the reply, when that is worth it. */
void web_pack(struct reply *r);
/* True when a state-changing request comes from one of our own pages, or from a program. */
bool web_same_origin(const struct web *w, const struct request *q);
