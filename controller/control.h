/* The control socket of lotlined: clients, their requests, watchers. Main thread, on its sd-event
 * loop; requests wait in a bounded queue for the next turn, which answers them after its commit. */
#pragma once
#include "base/err.h"
#include "traceability/command.h"
#include <jansson.h>

typedef struct sd_event sd_event;
struct daemon;
struct control;
struct client;

struct request {
    struct client *client; /* NULL when it has gone: the request still runs */
    json_t *doc;           /* the packet */
    const char *verb, *request_id;
    const json_t *args;
    char who[24];       /* the client's id, which outlives it */
    struct actor actor; /* its id is `who` once control_next has given the request */
    bool keep; /* its answer stands although the commit failed: it asked nothing of the record */
    json_t *result; /* set by the turn, sent after the commit */
    struct err error;
};

int control_new(sd_event *loop, struct daemon *d, const char *path, struct control **ret,
                struct err *e);
void control_free(struct control *k); /* closes clients, removes the socket file */
struct request *
control_next(struct control *k); /* the oldest request that has not run; NULL: none */
bool control_waiting(const struct control *c);
/* Answers everything that ran since the last call; `failed` (NULL: committed) replaces every answer
 * to a request that changed something. */
void control_answer(struct control *k, const struct err *failed);
/* Sends to every watcher: the head after a commit, or a status document. A slow watcher misses
 * some. */
void control_publish(struct control *k, const json_t *doc);
bool control_watched(const struct control *c);
void control_watch(struct request *r); /* the request's client wants the stream */
