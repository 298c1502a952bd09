/* A request as handlers see it, and strict readers of what a browser sends: percent encoding,
 * forms, Accept. Everything is bounded by HTTP_…_MAX; nothing is trusted. Pure; any thread. */
#pragma once
#include "base/err.h"
#include "base/text.h"
#include <stdbool.h>
#include <stddef.h>

#define HTTP_URL_MAX     1024
#define HTTP_HEADER_MAX  8192
#define HTTP_BODY_MAX    65536
#define REQUEST_SEGMENTS 8

enum method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_OPTIONS, METHOD_OTHER };

struct exchange; /* http.c's side of it */
struct request {
    enum method method;
    size_t n_segments;
    const char *segment[REQUEST_SEGMENTS]; /* decoded path, no empty ones; point into `text` */
    const char *query;                     /* as sent, "" when there is none; into `raw` */
    const char *body;                      /* NUL-terminated; "" when there is none */
    size_t n_body;
    char ip[48];
    enum lang lang;
    struct exchange *exchange; /* NULL in tests: no headers */
    char raw[HTTP_URL_MAX + 1], text[HTTP_URL_MAX + 1];
};

enum method method_from(const char *word);
/* Splits "/B/7K2M?s=…" into decoded segments and the query. A trailing slash is tolerated.
 * ERR_TOOBIG (414), ERR_PARSE (400: bad encoding, control characters, no leading slash). */
int request_parse(const char *uri, struct request *ret);

/* One field of a query or a form body, decoded. 0, ERR_NOT_FOUND, ERR_PARSE,
 * ERR_TOOBIG (≥ size). */
int form_get(const char *form, const char *name, char *ret, size_t size);
int request_query(const struct request *q, const char *name, char *ret, size_t size);

/* q->lang: what ?lang= asks for, else what the browser prefers (NULL: Chinese). */
void request_language(struct request *q, const char *accept_language);

/* The offered type that an Accept header likes best, the first of equals; NULL header or nothing
 * that fits: the first. `offered` ends with NULL. */
const char *accept_best(const char *header, const char *const *offered);
bool accept_gzip(const char *accept_encoding);
