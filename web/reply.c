/* Filling replies (contract: reply.h). HTTP thread. */
#include "web/reply.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void reply_free(struct reply *r)
{
    for (size_t i = 0; i < r->n_headers; i++)
        free(r->header[i].value);
    free(r->body);
    r->body = NULL;
    r->n_headers = r->n = 0;
}

void reply_take(struct reply *r, unsigned status, const char *type, char *body, size_t n)
{
    free(r->body);
    r->status = body ? status : 500;
    r->type = type;
    r->body = body;
    r->n = body ? n : 0;
    r->gzip = false;
}

void reply_copy(struct reply *r, unsigned status, const char *type, const char *body, size_t n)
{
    char *copy = malloc(n + 1);
    if (copy) {
        memcpy(copy, body, n);
        copy[n] = '\0';
    }
    reply_take(r, status, type, copy, n);
}

static void take_json(struct reply *r, unsigned status, const char *type, json_t *doc)
{
    char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
    json_decref(doc);
    reply_take(r, status, type, text, text ? strlen(text) : 0);
}

void reply_json(struct reply *r, unsigned status, json_t *doc)
{
    take_json(r, status, "application/json", doc);
}

void reply_problem(struct reply *r, unsigned status, const char *title, const char *detail)
{
    json_t *doc =
        json_pack("{s:s,s:i,s:s}", "title", title, "status", (int)status, "detail", detail);
    take_json(r, status, "application/problem+json", doc);
}

void reply_header(struct reply *r, const char *name, const char *fmt, ...)
{
    char *value = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&value, fmt, args);
    va_end(args);
    assert(r->n_headers < REPLY_HEADERS);
    if (n < 0)
        return;
    r->header[r->n_headers].name = name;
    r->header[r->n_headers++].value = value;
}

const char *reply_common(size_t i, const char **ret_value)
{
    static const char *const common[][2] = {
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "same-origin"}, /* an address holds the seal of a label */
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Permissions-Policy", "camera=(), microphone=(), geolocation=()"},
    };
    if (i >= sizeof common / sizeof *common)
        return NULL;
    *ret_value = common[i][1];
    return common[i][0];
}

unsigned reply_status_of(int code)
{
    switch (code) {
    case 0: return 200;
    case ERR_NOT_FOUND: return 404;
    case ERR_DENIED: return 403;
    case ERR_EXISTS:
    case ERR_STATE:
    case ERR_CHECK: return 409;
    case ERR_USAGE:
    case ERR_PARSE:
    case ERR_KEY:
    case ERR_RANGE: return 400;
    case ERR_TOOBIG: return 413;
    case ERR_UNREACHABLE:
    case ERR_BUSY:
    case ERR_AGAIN: return 503;
    case ERR_TIMEOUT: return 504;
    default: return 500;
    }
}

void reply_error(struct reply *r, const struct err *e)
{
    unsigned status = reply_status_of(e->code);
    json_t *doc = json_pack("{s:s,s:i,s:s}", "title", err_text(e->code), "status", (int)status,
                            "code", err_name(e->code));
    json_t *detail =
        e->text[0] ? json_string(e->text) : NULL; /* NULL, too, when it was cut mid-letter */
    if (doc && detail)
        json_object_set(doc, "detail", detail);
    json_decref(detail);
    take_json(r, status, "application/problem+json", doc);
}
