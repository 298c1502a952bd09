/* "Report a problem" beneath a buyer's page: the one thing a stranger may send. Thread: HTTP.
 * Bounded in length and number; it is asked for only while lotlined answers, and kept by lotlined
 * alone. */
#include "base/json.h"
#include "web/buyer.h"
#include "web/msgid.h"
#include "web/resolve.h"
#include "web/web.h"
#include "base/crypto.h"
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 500

static void say(struct web *w, const struct request *q, struct reply *r, unsigned status,
                const char *heading, const char *line)
{
    char back[64] = "/";
    json_t *view = json_object();
    if (q->n_segments >= 2 && strlen(q->segment[1]) < 40)
        snprintf(back, sizeof back, "/%s/%s", q->segment[0], q->segment[1]);
    buyer_frame(view, q->lang, text_in(q->lang, heading), back, "");
    json_object_set_new(view, "heading", json_string(text_in(q->lang, heading)));
    json_object_set_new(view, "lines", json_pack("[s]", text_in(q->lang, line)));
    json_object_set_new(view, "back", json_string(back));
    web_page(w, q, r, status, "notice.html", view);
}

static void answered(void *ctx, const struct request *q, void *state, struct reply *r)
{
    struct job *j = state;
    struct web *w = ctx;
    if (j->code == 0)
        say(w, q, r, 200, N_("Thank you"),
            N_("The cooperative has your report and will look into this lot."));
    else
        say(w, q, r, reply_status_of(j->code), N_("Not taken"),
            N_("The report could not be kept. Please call the cooperative."));
    job_free(j);
}

/* The visitor's address: behind a proxy, what the proxy says. */
static const char *address_of(const struct web *w, const struct request *q)
{
    const char *list = w->o->behind_proxy ? request_header(q, "X-Forwarded-For") : NULL;
    const char *last = list ? strrchr(list, ',') : NULL;
    if (last)
        return last + 1 + strspn(last + 1, " ");
    return list ? list : q->ip;
}

static int only_blanks(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

void report_problem(struct web *w, const struct request *q, const char *const *args,
                    struct reply *r)
{
    char text[TEXT_MAX + 1], id[33];
    uint8_t random[16];
    struct target t;
    const char *part, *wrong;
    (void)args;
    if (resolve(q->segment, 2, &t, &part, &wrong)) {
        web_notice(w, q, r, 400, NULL, N_("Not a valid number"), NULL);
        return;
    }
    int code = form_get(q->body, "text", text, sizeof text);
    json_t *args_of =
        code ? NULL : json_pack("{s:s,s:s}", "id", strchr(t.id, '/') + 1, "text", text);
    if (!args_of || only_blanks(text)) {
        say(w, q, r, code == ERR_TOOBIG ? 413 : 400, N_("Not taken"),
            N_("Please write a few words, 160 at most."));
        json_decref(args_of);
        return;
    }
    if (!limiter_take(w->reports, address_of(w, q), mono_now())) {
        say(w, q, r, 429, N_("Not taken"),
            N_("Too many reports came at once. Please call the cooperative."));
        json_decref(args_of);
        return;
    }
    crypto_random(random, sizeof random);
    r->state = ask_post(w->ask, q, "problem.report", args_of,
                        hex_text(random, sizeof random, id, sizeof id));
    if (r->state)
        r->then = answered;
    else
        say(w, q, r, 503, N_("Not taken"),
            N_("The report could not be kept. Please call the cooperative."));
}
