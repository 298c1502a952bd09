/* From a request to its handler, and what every reply has in common (contract: web.h).
 * Thread: HTTP, except web_new and web_end. Owns the compiled-in pages, the record's reader, the
 * cache.
 *
 *  1. A handler runs only if routes.def gives its row to this process's role.
 *  2. What changes something must come from one of our own pages or from a program: a browser on
 * another site says where it comes from, and is refused. */
#include "web/web.h"
#include "base/crypto.h"
#include "base/log.h"
#include "web/buyer.h"
#include "web/gzip.h"
#include "web/msgid.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CACHE_ENTRIES  2048
#define CACHE_BYTES    (16u << 20)
#define PACK_FROM      600
#define REPORTS_EACH   3
#define REPORTS_ALL    60
#define REPORTS_WINDOW (10L * 60 * 1000)

/* Styles of buyers' pages stand in the page and are allowed by their hash; all else
 * comes from us. */
static void make_csp(const struct assets *a, char *buf, size_t size)
{
    const struct asset *css = assets_get(a, "buyer.css");
    uint8_t hash[SHA256_LEN];
    char text[48];
    sha256_of(css->text, css->n, hash);
    snprintf(
        buf, size,
        "default-src 'none'; style-src 'self' 'sha256-%s'; script-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        base64_text(hash, sizeof hash, text, sizeof text));
}

int web_new(const struct web_options *o, struct web *w, struct err *e)
{
    *w = (struct web){.o = o, .role = o->role == 0 ? WEB_PUBLIC : WEB_SHED};
    int code = assets_load(&w->assets, e);
    if (code == 0)
        code = pages_load(w->assets, &w->pages, e);
    if (code == 0)
        code = ask_new(o->socket, &w->ask, e);
    if (code == 0 && w->role == WEB_SHED)
        code = live_new(o->socket, &w->live, e);
    if (code)
        return code;
    make_csp(w->assets, w->csp, sizeof w->csp);
    w->record = record_new(o->store);
    w->cache = cache_new(CACHE_ENTRIES, CACHE_BYTES);
    w->reports = limiter_new(REPORTS_EACH, REPORTS_ALL, REPORTS_WINDOW);
    return w->record && w->cache && w->reports ? 0 : err_set(e, ERR_NOMEM, "no memory");
}

void web_end(struct web *w)
{
    live_free(w->live);
    ask_free(w->ask);
    limiter_free(w->reports);
    cache_free(w->cache);
    record_free(w->record);
    pages_free(w->pages);
    assets_free(w->assets);
}

/* ---- replies ---- */

void web_pack(struct reply *r)
{
    char *packed;
    size_t n;
    if (r->gzip || r->n < PACK_FROM || gzip_pack(r->body, r->n, &packed, &n))
        return;
    free(r->body);
    r->body = packed;
    r->n = n;
    r->gzip = true;
}

void web_page(struct web *w, const struct request *q, struct reply *r, unsigned status,
              const char *page, json_t *view)
{
    size_t n = 0;
    char *text = page_render(pages_get(w->pages, page), view, q->lang, &n);
    json_decref(view);
    reply_take(r, status, asset_type(".html"), text, n);
    reply_header(r, "Cache-Control", "no-store");
    web_pack(r);
}

void web_notice(struct web *w, const struct request *q, struct reply *r, unsigned status,
                const char *verdict, const char *heading, const char *line)
{
    json_t *view = json_object();
    buyer_frame(view, q->lang, text_in(q->lang, heading), "/", "");
    if (verdict)
        json_object_set_new(view, "verdict", buyer_verdict(verdict, q->lang));
    else
        json_object_set_new(view, "heading", json_string(text_in(q->lang, heading)));
    if (line)
        json_object_set_new(view, "lines", json_pack("[s]", text_in(q->lang, line)));
    web_page(w, q, r, status, "notice.html", view);
}

/* ---- dispatch ---- */

static bool wants_page(const struct request *q)
{
    static const char *const offered[] = {"application/json", "text/html", NULL};
    const char *accept = request_header(q, "Accept");
    return accept && strstr(accept, "text/html") && accept_best(accept, offered) == offered[1];
}

static void not_found(struct web *w, const struct request *q, struct reply *r)
{
    if (wants_page(q))
        web_notice(w, q, r, 404, NULL, N_("No such page"), N_("Please check the address."));
    else
        reply_problem(r, 404, "not found", "no such address here");
}

/* The host of "http://host:port", for comparing with a Host header. */
static bool is_host(const char *url, const char *host)
{
    const char *p = strstr(url, "://");
    return p && strcasecmp(p + 3, host) == 0;
}

bool web_same_origin(const struct web *w, const struct request *q)
{
    const char *site = request_header(q, "Sec-Fetch-Site"), *origin = request_header(q, "Origin");
    const char *host = request_header(q, "Host");
    if (site && strcmp(site, "same-origin") && strcmp(site, "none"))
        return false;
    if (!origin)
        return true;
    return host && (is_host(origin, host) || strcmp(origin, w->o->base_url) == 0);
}

static void answer_options(unsigned methods, bool open, struct reply *r)
{
    char list[40];
    reply_copy(r, 204, NULL, "", 0);
    reply_header(r, "Allow", "%s", route_methods(methods, list, sizeof list));
    if (!open)
        return;
    reply_header(r, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
    reply_header(r, "Access-Control-Allow-Headers", "Accept, Accept-Language");
    reply_header(r, "Access-Control-Max-Age", "86400");
}

void web_handle(void *ctx, const struct request *q, struct reply *r)
{
    struct web *w = ctx;
    const char *args[ROUTE_ARGS] = {0};
    char list[40];
    unsigned methods;
    const struct route *route = route_match(q, w->role, args, &methods);
    if (methods == 0) {
        not_found(w, q, r);
    } else if (q->method == METHOD_OPTIONS) {
        answer_options(methods, methods & 1u << METHOD_GET, r);
    } else if (!route) {
        reply_problem(r, 405, "method not allowed", "this address knows other methods");
        reply_header(r, "Allow", "%s", route_methods(methods, list, sizeof list));
    } else if (route->method == METHOD_POST && !web_same_origin(w, q)) {
        reply_problem(r, 403, "not allowed", "this request comes from another site");
    } else {
        route->handler(w, q, args, r);
    }
    /* Anybody may read what buyers may read: resolvers are asked from other sites' pages. */
    if (route ? route->roles == WEB_BOTH && route->method == METHOD_GET : w->role == WEB_PUBLIC)
        reply_header(r, "Access-Control-Allow-Origin", "*");
}
