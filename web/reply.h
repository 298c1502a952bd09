/* What a handler answers. A reply is filled once: a body, or a feed (SSE), or `wait`. */
#pragma once
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define REPLY_HEADERS 10

struct request;
/* A reply without end. read: HTTP thread; copies up to max bytes; 0: nothing now, −1: the end. */
struct feed {
    ssize_t (*read)(void *self, char *buf, size_t max);
    void (*close)(void *self); /* the last call */
    void *self;
};
struct reply {
    unsigned status;
    const char *type; /* static text */
    char *body;       /* malloc'd, owned */
    size_t n;
    bool gzip; /* body is gzip; the listener expands it for clients that cannot read that */
    size_t n_headers;
    struct {
        const char *name; /* static text */
        char *value;
    } header[REPLY_HEADERS];
    struct feed feed; /* when feed.read is set */
    /* Set by a handler that has asked something: it is called when http_wake has come. `state` is
     * the handler's; `then` frees it. */
    void (*then)(void *ctx, const struct request *q, void *state, struct reply *r);
    void *state;
};

void reply_free(struct reply *r); /* what it owns, except state and feed */
void reply_take(struct reply *r, unsigned status, const char *type, char *body,
                size_t n); /* NULL: 500 */
void reply_copy(struct reply *r, unsigned status, const char *type, const char *body, size_t n);
void reply_json(struct reply *r, unsigned status, json_t *doc); /* takes the reference */
/* RFC 9457, for programs. */
void reply_problem(struct reply *r, unsigned status, const char *title, const char *detail);
void reply_header(struct reply *r, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Header i that every reply carries; NULL past the end. */
const char *reply_common(size_t i, const char **ret_value);
/* An error of the daemon or the record as a problem document with the status that fits it. */
void reply_error(struct reply *r, const struct err *e);
unsigned reply_status_of(int code);
