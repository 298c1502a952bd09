/* The publisher's eyes on lotlined: the watch stream (status at ≤ 10 Hz and every committed head
 * wake it, so nobody polls) and the reports it sends back. Reconnects by itself.
 * Publisher thread. */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include <jansson.h>

struct watcher;
struct publisher;
enum watcher_news { WATCHER_NOTHING = 0, WATCHER_HEAD = 1, WATCHER_STATUS = 2, WATCHER_GONE = 4 };

int watcher_new(const char *socket, struct watcher **ret, struct err *e);
void watcher_free(struct watcher *w);
int watcher_fd(const struct watcher *w); /* −1 while lotlined does not answer */
/* *ret_status is the newest status document, the watcher's own, valid until the next call. */
enum watcher_news watcher_wake(struct watcher *w, struct mono now, const json_t **ret_status);
/* Sends a report once a second. */
void watcher_report(struct watcher *w, json_t *(*report)(const struct publisher *),
                    const struct publisher *p, struct mono now);
struct mono watcher_due(const struct watcher *w);
