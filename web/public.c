/* What buyers ask for: pages, documents and proofs of lots and boxes, in the GS1 Digital Link
 * manner. Thread: HTTP. Everything is read from the record; nothing here changes anything.
 * Invariant: a kept page is as good as the record's head it was made from, and at most 30 s old,
 * since it says how old the data are. */
#include "base/json.h"
#include "traceability/event.h"
#include "traceability/lot.h"
#include "web/buyer.h"
#include "web/msgid.h"
#include "web/proof.h"
#include "web/resolve.h"
#include "web/web.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_MS    30000
#define SEAL_ASKED 48 /* longest text that is looked at as a seal */

/* ---- answers that are no lot ---- */

static json_t *find_view(const struct request *q, const char *title, const char *asked)
{
    json_t *view = json_pack("{s:b,s:s}", "find", 1, "asked", asked);
    buyer_frame(view, q->lang, title, "/", "");
    return view;
}

static void say_wrong(struct web *w, const struct request *q, struct reply *r, const char *part,
                      const char *text)
{
    char line[400];
    json_t *view = find_view(q, text_in(q->lang, N_("Not a valid number")), text);
    snprintf(line, sizeof line, "%s: %s", text_in(q->lang, part), text);
    json_t *lines = json_pack(
        "[s,s]", text_in(q->lang, N_("One part of this number is mistyped or torn off:")), line);
    json_object_set_new(view, "heading", json_string(text_in(q->lang, N_("Not a valid number"))));
    json_object_set_new(view, "lines",
                        lines ? lines : json_array()); /* NULL: the text is no UTF-8 */
    web_page(w, q, r, 400, "notice.html", view);
}

static void say_unknown(struct web *w, const struct request *q, struct reply *r, const char *asked)
{
    json_t *view = find_view(q, text_in(q->lang, N_("Unknown")), asked);
    json_object_set_new(view, "verdict", buyer_verdict("unknown", q->lang));
    web_page(w, q, r, 404, "notice.html", view);
}

static void say_error(struct web *w, const struct request *q, struct reply *r, const struct err *e,
                      const char *asked)
{
    if (e->code == ERR_NOT_FOUND) {
        say_unknown(w, q, r, asked);
        return;
    }
    web_notice(w, q, r, reply_status_of(e->code), NULL,
               N_("The record cannot be read at the moment"), N_("Please try again in a minute."));
    reply_header(r, "Retry-After", "10");
}

/* ---- reading ---- */

/* True when the record's lot is the one that a GS1 address means. */
static bool same_thing(const json_t *lot, const struct target *t)
{
    if (*t->gtin && strcmp(json_text_or(json_object_get(lot, "product"), "gtin", ""), t->gtin))
        return false;
    return !*t->lot || strcmp(json_text_or(lot, "lot", ""), t->lot) == 0 ||
           strcmp(json_text_or(lot, "id", ""), t->lot) == 0 ||
           strcmp(json_text_or(lot, "id", ""), t->id) == 0;
}

static int read_lot(struct web *w, const struct target *t, json_t **ret, struct err *e)
{
    struct db *db;
    json_t *lot = NULL;
    int code = record_begin(w->record, &db, e);
    if (code)
        return code;
    code = lot_public(db, t->id, &lot, e);
    record_end(w->record);
    if (code == 0 && !same_thing(lot, t))
        code = ERR_NOT_FOUND;
    if (code) {
        json_decref(lot);
        return e->code == code ? code : err_set(e, code, "%s", err_text(code));
    }
    *ret = lot;
    return 0;
}

/* Sends what is kept, or 304 when the browser has it. */
static void send_cached(const struct request *q, struct reply *r, const struct cached *c)
{
    const char *have = request_header(q, "If-None-Match");
    if (have && strstr(have, c->etag)) {
        reply_copy(r, 304, NULL, "", 0);
    } else {
        reply_copy(r, c->status, c->type, c->packed, c->n);
        r->gzip = true;
    }
    reply_header(r, "ETag", "%s", c->etag);
    reply_header(r, "Cache-Control", "no-cache");
}

/* Keeps a text under a key and sends it. Takes the text. */
static void send_kept(struct web *w, const struct request *q, struct reply *r, const char *key,
                      int64_t head, const char *type, char *text, size_t n)
{
    struct mono until = mono_add_ms(mono_now(), KEEP_MS);
    const struct cached *c =
        text ? cache_put(w->cache, key, head, until, 200, type, text, n) : NULL;
    if (c)
        send_cached(q, r, c);
    else
        reply_problem(r, 500, "out of memory", "");
    free(text);
}

/* Segments that name the thing: without "/epcis" and its like. */
static int target_of(struct web *w, const struct request *q, size_t n, struct target *ret,
                     struct reply *r)
{
    const char *part, *text;
    int code = resolve(q->segment, n, ret, &part, &text);
    if (code)
        say_wrong(w, q, r, part, text);
    return code;
}

/* ---- the page ---- */

static void page_headers(struct web *w, struct reply *r, const struct target *t)
{
    reply_header(r, "Link",
                 "<%s/%s?linkType=linkset>; rel=\"linkset\"; type=\"application/linkset+json\"",
                 w->o->base_url, t->id);
    reply_header(r, "Vary", "Accept, Accept-Language");
}

static void send_page(struct web *w, const struct request *q, const struct target *t,
                      struct reply *r)
{
    char seal[SEAL_ASKED] = "", key[112];
    struct err e = {0};
    int64_t head;
    json_t *lot = NULL;
    int code = request_query(q, "s", seal, sizeof seal);
    if (code == ERR_NOT_FOUND)
        request_query(q, "S", seal, sizeof seal);
    else if (code)
        snprintf(seal, sizeof seal, "0"); /* not a seal, so not this one's */
    bool up = ask_up(w->ask);
    snprintf(key, sizeof key, "page %s %s %d %d %s", t->id, t->gtin, q->lang, up, seal);
    struct mono now = mono_now();
    code = record_head(w->record, now, &head, &e);
    const struct cached *c = code ? NULL : cache_get(w->cache, key, head, now);
    if (c) {
        send_cached(q, r, c);
    } else if (code || read_lot(w, t, &lot, &e)) {
        say_error(w, q, r, &e, strchr(t->id, '/') + 1);
    } else {
        struct buyer_ask a = {q->lang, seal, up, wall_now(), (int)w->o->offset_min};
        size_t n = 0;
        char *text = buyer_page(w->pages, lot, &a, &n);
        send_kept(w, q, r, key, head, asset_type(".html"), text, n);
    }
    json_decref(lot);
    page_headers(w, r, t);
}

static void send_linkset(struct web *w, const struct request *q, const struct target *t,
                         struct reply *r)
{
    char anchor[128], title[160];
    struct err e = {0};
    json_t *lot = NULL;
    if (read_lot(w, t, &lot, &e)) {
        reply_error(r, &e);
        return;
    }
    const json_t *p = json_object_get(lot, "product");
    if (*t->gtin)
        snprintf(anchor, sizeof anchor, "/01/%s/10/%s%s%s", t->gtin, t->lot, *t->box ? "/21/" : "",
                 t->box);
    else
        snprintf(anchor, sizeof anchor, "/%s", t->id);
    snprintf(title, sizeof title, "%s",
             json_text_or(p, q->lang == LANG_ZH ? "name_zh" : "name_en", ""));
    reply_json(r, 200, resolve_linkset(w->o->base_url, anchor, t, title));
    r->type = "application/linkset+json";
    json_decref(lot);
}

static void send_epcis(struct web *w, const struct request *q, const struct target *t,
                       struct reply *r)
{
    char key[112];
    struct err e = {0};
    struct db *db;
    int64_t head;
    json_t *lot = NULL, *doc = NULL;
    struct mono now = mono_now();
    snprintf(key, sizeof key, "epcis %s %s", t->id, t->gtin);
    int code = record_head(w->record, now, &head, &e);
    const struct cached *c = code ? NULL : cache_get(w->cache, key, head, now);
    if (c) {
        send_cached(q, r, c);
        return;
    }
    if (code == 0)
        code = read_lot(w, t, &lot, &e);
    if (code == 0 && (code = record_begin(w->record, &db, &e)) == 0) {
        code = export_epcis(db, strchr(t->id, '/') + 1, w->o->base_url, &doc, &e);
        record_end(w->record);
    }
    char *text = doc ? json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (code)
        reply_error(r, &e);
    else
        send_kept(w, q, r, key, head, "application/ld+json", text, text ? strlen(text) : 0);
    json_decref(doc);
    json_decref(lot);
}

/* ---- routes ---- */

void public_lot(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    static const char *const offered[] = {"text/html", "application/linkset+json",
                                          "application/ld+json", "application/json", NULL};
    struct target t;
    char type[64] = "";
    (void)args;
    if (target_of(w, q, q->n_segments, &t, r))
        return;
    int code = request_query(q, "linkType", type, sizeof type);
    enum link link = code == ERR_NOT_FOUND ? LINK_PAGE : code ? LINK_UNKNOWN : resolve_link(type);
    const char *best = accept_best(request_header(q, "Accept"), offered);
    if (link == LINK_PAGE && !*type && best != offered[0])
        link = best == offered[2] ? LINK_EPCIS : LINK_SET;
    switch (link) {
    case LINK_PAGE: send_page(w, q, &t, r); break;
    case LINK_SET: send_linkset(w, q, &t, r); break;
    case LINK_EPCIS: send_epcis(w, q, &t, r); break;
    case LINK_UNKNOWN:
        reply_problem(r, 404, "no such link", "linkType is not one of this resolver's");
        break;
    }
}

void public_product(struct web *w, const struct request *q, const char *const *args,
                    struct reply *r)
{
    char gtin[15];
    if (ident_gtin(args[0], gtin, NULL))
        say_wrong(w, q, r, N_("product number (GTIN)"), args[0]);
    else
        say_unknown(w, q, r, "");
}

void public_epcis(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    struct target t;
    (void)args;
    if (target_of(w, q, q->n_segments - 1, &t, r) == 0) {
        send_epcis(w, q, &t, r);
        reply_header(r, "Content-Disposition", "attachment; filename=\"%s.epcis.jsonld\"",
                     strchr(t.id, '/') + 1);
    }
}

void public_proof(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    struct target t;
    struct err e = {0};
    json_t *lot = NULL;
    (void)args;
    if (target_of(w, q, q->n_segments - 1, &t, r))
        return;
    if (read_lot(w, &t, &lot, &e)) {
        say_error(w, q, r, &e, strchr(t.id, '/') + 1);
        return;
    }
    char *text = proof_file(json_object_get(lot, "log"));
    json_decref(lot);
    reply_take(r, 200, "text/plain; charset=utf-8", text, text ? strlen(text) : 0);
    reply_header(r, "Content-Disposition", "attachment; filename=\"%s.tlog-proof\"",
                 strchr(t.id, '/') + 1);
    reply_header(r, "Cache-Control", "no-cache");
}

struct bytes {
    char *text;
    size_t n;
};

static int keep_public(void *ctx, const struct event *ev)
{
    struct bytes *b = ctx;
    if (!event_kind_public(ev->kind))
        return ERR_DENIED;
    b->text = malloc(ev->n + 1);
    if (!b->text)
        return ERR_NOMEM;
    memcpy(b->text, ev->bytes, ev->n);
    b->text[ev->n] = '\0';
    b->n = ev->n;
    return 0;
}

/* The bytes whose hash is the leaf, exactly as stored. */
void public_event(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    struct target t;
    struct err e = {0};
    struct db *db;
    struct bytes b = {0};
    json_t *lot = NULL;
    (void)args;
    if (target_of(w, q, q->n_segments - 1, &t, r))
        return;
    int code = read_lot(w, &t, &lot, &e);
    int64_t seq = json_int_or(json_object_get(lot, "log"), "event_seq", 0);
    if (code == 0 && (code = record_begin(w->record, &db, &e)) == 0) {
        code = event_read(db, seq, keep_public, &b, &e);
        record_end(w->record);
    }
    json_decref(lot);
    if (code == 0)
        reply_take(r, 200, "application/json", b.text, b.n);
    else
        reply_problem(r, reply_status_of(code), "no public event", err_text(code));
    reply_header(r, "Cache-Control", "no-cache");
}

void public_find(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    char asked[40] = "", number[40];
    struct target t;
    const char *part, *text;
    size_t n = 0;
    (void)args;
    request_query(q, "q", asked, sizeof asked);
    for (const char *p = asked; *p; p++)
        if (*p != ' ' && *p != '\t')
            number[n++] = *p;
    number[n] = '\0';
    const char *kind = strlen(number) == IDENT_BOX_SIZE - 1 && !strchr(number, '-') ? "B" : "10";
    const char *const segments[] = {kind, number};
    if (resolve(segments, 2, &t, &part, &text)) {
        say_wrong(w, q, r, part, number);
        return;
    }
    reply_copy(r, 303, NULL, "", 0);
    reply_header(r, "Location", "/%s?lang=%s", t.id, q->lang == LANG_ZH ? "zh" : "en");
}

void public_resolver(struct web *w, const struct request *q, const char *const *args,
                     struct reply *r)
{
    (void)q;
    (void)args;
    reply_json(r, 200, resolve_description(w->o->base_url, "lotline", ""));
}

void public_home(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    json_t *view = find_view(q, text_in(q->lang, N_("Where does it come from?")), "");
    (void)args;
    json_object_set_new(view, "heading",
                        json_string(text_in(q->lang, N_("Where does it come from?"))));
    json_object_set_new(
        view, "lines",
        json_pack(
            "[s]",
            text_in(q->lang, N_("Scan the code on the label, or type the number beneath it."))));
    web_page(w, q, r, 200, "notice.html", view);
}
