/* The HTTP listener: limits, security headers, encodings, replies that wait and replies that never
 * end. One internal thread runs every handler; handlers must not block. http_wake… may be called
 * from any thread. */
#pragma once
#include "base/err.h"
#include "web/reply.h"
#include "web/request.h"
#include <stdint.h>

struct http;
typedef void http_handler(void *ctx, const struct request *q, struct reply *r);
struct http_options {
    const char *host; /* numeric address */
    uint16_t port;    /* 0: a free one */
    unsigned connections, per_ip;
    unsigned idle_s; /* a connection that does nothing for so long is closed */
    const char *csp; /* Content-Security-Policy of every reply; borrowed */
    http_handler *handler;
    void *ctx;
};
int http_new(const struct http_options *o, struct http **ret,
             struct err *e); /* bound: the port is known */
uint16_t http_port(const struct http *h);
int http_start(struct http *h, struct err *e); /* from here on handlers run */
/* Ends feeds, joins the thread. Whoever exchanges wait for must have answered them
 * all (ask_stop). */
void http_stop(struct http *h); /* NULL allowed */

/* The value of a request's header, NULL when absent. HTTP thread. */
const char *request_header(const struct request *q, const char *name);

void http_wake(struct exchange *x);   /* what this exchange waits for has come */
void http_wake_feeds(struct http *h); /* every feed may have something to read */
int64_t
http_busy_ms(const struct http *h); /* for how long a handler has been running; 0: none is */
