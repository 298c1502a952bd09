/* The weighing station's page, its lists, and its buttons (contract: station.h, routes.def).
 * Thread: HTTP. Names of people come from lotlined for this screen only and are kept nowhere.
 *
 *  1. A button's request carries a request_id made in the browser; it goes on unchanged, so that
 * what was tapped twice is done once.
 *  2. Lists are asked one after another on behalf of one browser request; the first
 * error ends it. */
#include "web/station.h"
#include "base/json.h"
#include "web/buyer.h"
#include "web/msgid.h"
#include "web/web.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECENT 8

static const char *const verbs[] = {"station.accept", "lot.open", "lot.close", "hand.close",
                                    "weighing.void",  "box.open", "feed.stop", "feed.release"};

bool station_verb_ok(const char *verb)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i], verb) == 0)
            return true;
    return false;
}

/* ---- the page ---- */

static void send_screen(struct web *w, const struct request *q, struct reply *r, const char *page,
                        const char *path, const char *title, const char *station)
{
    char query[80] = "";
    json_t *view = json_pack("{s:s}", "station", station);
    if (*station)
        snprintf(query, sizeof query, "station=%s", station);
    buyer_frame(view, q->lang, text_in(q->lang, title), path, query);
    web_page(w, q, r, 200, page, view);
}

/* A station's name stands in links: only what a configuration may hold. */
static bool is_name(const char *text)
{
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text);
}

/* Without a name: the first station that lotlined knows. */
static void named_by_status(void *ctx, const struct request *q, void *state, struct reply *r)
{
    struct job *j = state;
    struct web *w = ctx;
    const json_t *first = json_array_get(json_object_get(j->result, "station"), 0);
    const char *name = json_text_or(first, "name", "");
    if (j->code)
        web_notice(w, q, r, 503, NULL, N_("The computer of the shed does not answer"),
                   N_("Please try again in a minute."));
    else if (!is_name(name))
        web_notice(w, q, r, 404, NULL, N_("No station"), N_("No weighing station is configured."));
    else
        send_screen(w, q, r, "station.html", "/station", N_("Weighing station"), name);
    job_free(j);
}

void station_page(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    char name[24] = "";
    (void)args;
    if (request_query(q, "station", name, sizeof name) == 0 && is_name(name)) {
        send_screen(w, q, r, "station.html", "/station", N_("Weighing station"), name);
        return;
    }
    r->state = ask_post(w->ask, q, "status", NULL, NULL);
    if (r->state)
        r->then = named_by_status;
    else
        web_notice(w, q, r, 503, NULL, N_("The computer of the shed does not answer"),
                   N_("Please try again in a minute."));
}

void line_page(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    (void)args;
    send_screen(w, q, r, "line.html", "/line", N_("Sorting line"), "");
}

void shed_home(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    (void)w;
    (void)args;
    reply_copy(r, 303, NULL, "", 0);
    reply_header(r, "Location", "/station?lang=%s", q->lang == LANG_ZH ? "zh" : "en");
}

/* ---- lists ---- */

static const struct list {
    const char *verb, *key, *value; /* argument; NULL: none */
    const char *from, *to;          /* field of the answer, field of ours */
} lists[] = {
    {"party.list", "kind", "farmer", "parties", "farmers"},
    {"party.list", "kind", "worker", "parties", "workers"},
    {"product.list", NULL, NULL, "products", "products"},
    {"lot.list", "state", "open", "lots", "lots"},
    {"lot.list", "state", "closed", "lots", "lots"},
    {"task.list", "state", "open", "tasks", "tasks"},
};
#define N_LISTS (sizeof lists / sizeof *lists)

struct gather {
    size_t i;
    struct job *job;
    json_t *all;
};

static void gather_free(struct gather *g)
{
    job_free(g->job);
    json_decref(g->all);
    free(g);
}

static void add_rows(json_t *all, const char *key, json_t *rows)
{
    json_t *have = json_object_get(all, key);
    if (have)
        json_array_extend(have, rows);
    else if (rows)
        json_object_set(all, key, rows);
}

/* What the record itself tells: weighings of this station, newest first, and boxes
 * under outlets. */
static void add_record(struct web *w, const char *station, json_t *all)
{
    struct db *db;
    struct err e = {0};
    json_t *list = json_array(), *boxes = json_array();
    if (record_begin(w->record, &db, &e) == 0) {
        struct stmt *s = db_q(
            db, "SELECT weighing, purpose, coalesce(lot, ''), coalesce(box, ''), coalesce(grade, "
                "''), net_mg,"
                " voided_seq FROM weighing WHERE station = ?1 ORDER BY event_seq DESC LIMIT ?2");
        q_int(q_text(s, 1, station), 2, RECENT);
        while (q_step(s) == 1)
            json_array_append_new(list,
                                  json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:b}", "weighing",
                                            q_str(s, 0), "purpose", q_str(s, 1), "lot", q_str(s, 2),
                                            "box", q_str(s, 3), "grade", q_str(s, 4), "net_mg",
                                            (json_int_t)q_col(s, 5), "voided", !q_is_null(s, 6)));
        q_done(s);
        s = db_q(db, "SELECT line, outlet, box FROM box_open ORDER BY line, outlet");
        while (q_step(s) == 1)
            json_array_append_new(boxes, json_pack("{s:s,s:I,s:s}", "line", q_str(s, 0), "outlet",
                                                   (json_int_t)q_col(s, 1), "box", q_str(s, 2)));
        q_done(s);
        record_end(w->record);
    }
    json_object_set_new(all, "weighings", list);
    json_object_set_new(all, "boxes", boxes);
}

static void ask_next(struct web *w, const struct request *q, struct gather *g, struct reply *r);

static void list_came(void *ctx, const struct request *q, void *state, struct reply *r)
{
    struct gather *g = state;
    struct job *j = g->job;
    g->job = NULL;
    if (j->code) {
        reply_error(r, &j->e);
        gather_free(g);
    } else {
        add_rows(g->all, lists[g->i].to, json_object_get(j->result, lists[g->i].from));
        g->i++;
        ask_next(ctx, q, g, r);
    }
    job_free(j);
}

static void ask_next(struct web *w, const struct request *q, struct gather *g, struct reply *r)
{
    char station[24] = "";
    if (g->i < N_LISTS) {
        const struct list *l = &lists[g->i];
        g->job = ask_post(w->ask, q, l->verb, l->key ? json_pack("{s:s}", l->key, l->value) : NULL,
                          NULL);
        if (!g->job) {
            struct err e = {.code = ERR_BUSY};
            reply_error(r, &e);
            gather_free(g);
            return;
        }
        r->then = list_came;
        r->state = g;
        return;
    }
    request_query(q, "station", station, sizeof station);
    add_record(w, station, g->all);
    reply_json(r, 200, json_incref(g->all));
    reply_header(r, "Cache-Control", "no-store");
    web_pack(r);
    gather_free(g);
}

void station_data(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    struct gather *g = calloc(1, sizeof *g);
    (void)args;
    if (g)
        g->all = json_object();
    if (g && g->all) {
        ask_next(w, q, g, r);
        return;
    }
    free(g);
    reply_problem(r, 500, "out of memory", "");
}

/* ---- buttons ---- */

static void done(void *ctx, const struct request *q, void *state, struct reply *r)
{
    struct job *j = state;
    (void)ctx;
    if (j->code == 0) {
        reply_json(
            r, 200,
            json_pack("{s:b,s:O?}", "ok", 1, "result", json_is_null(j->result) ? NULL : j->result));
    } else {
        struct err e = j->e;
        snprintf(e.text, sizeof e.text, "%s",
                 text_in(q->lang, j->e.text)); /* a msgid, or English as it is */
        reply_error(r, &e);
    }
    reply_header(r, "Cache-Control", "no-store");
    job_free(j);
}

void shed_do(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    struct err e = {0};
    json_t *doc = NULL;
    const char *id = NULL, *type = request_header(q, "Content-Type");
    if (!station_verb_ok(args[0])) {
        reply_problem(r, 404, "not found", "no such button");
        return;
    }
    /* A form of another site cannot send this type without asking first. */
    if (!type || strncmp(type, "application/json", 16)) {
        reply_problem(r, 415, "unsupported type", "application/json is needed");
        return;
    }
    int code = json_parse(q->body, q->n_body, &doc, &e);
    if (code == 0)
        code = json_get_text(doc, "request_id", 64, &id, &e);
    if (code == 0 && (!*id || !json_is_object(json_object_get(doc, "args"))))
        code = err_set(&e, ERR_KEY, "request_id and args are needed");
    if (code) {
        reply_error(r, &e);
    } else if (!(r->state =
                     ask_post(w->ask, q, args[0], json_incref(json_object_get(doc, "args")), id))) {
        reply_problem(r, 503, "busy", "too many requests wait");
    } else {
        r->then = done;
    }
    json_decref(doc);
}

void live_get(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    (void)args;
    live_open(w->live, request_header(q, "Last-Event-ID"), r);
}
