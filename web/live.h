/* The daemon's status stream, relayed to browsers as server-sent events: one watching connection
 * per process, fanned out to at most 32 feeds. Every document is whole, so a slow browser gets the
 * newest and misses the ones between. Events: "status" (the document), "head" (a commit), "away"
 * (lotlined does not answer), "resync" (events were missed since Last-Event-ID: fetch
 * lists again). */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include "web/http.h"
#include <jansson.h>
#include <stdbool.h>

#define LIVE_FEEDS_MAX 32

struct live;
int live_new(const char *socket, struct live **ret, struct err *e);
void live_free(struct live *l); /* after http_stop */

/* Main thread. */
int live_fd(const struct live *l); /* to poll for input; −1: not connected */
void live_turn(struct live *l, struct http *h, struct mono now); /* connect, receive, heartbeat */
/* What a packet of the daemon becomes; apart from live_turn so that it can be tested. */
void live_take(struct live *l, const json_t *doc);

/* HTTP thread: fills the reply with a feed; 503 when there are too many. last_event_id
 * may be NULL. */
void live_open(struct live *l, const char *last_event_id, struct reply *r);
unsigned live_feeds(struct live *l);
