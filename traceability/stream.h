/* Buyers' streams: dense sequence n from 1 in an epoch, assigned in the event's own transaction.
 * A restored store (new store_id) starts a new epoch whose first event names the previous epoch's
 * last sequence and hash. Readers: the publisher, the replay API. */
#pragma once
#include "base/db.h"
#include "base/err.h"
#include "traceability/event.h"

struct stream_event {
    const char *stream; /* buyer's id, [a-z0-9-]{1,24} */
    int64_t epoch, n;   /* dense from 1 */
    struct event ev;
    uint8_t leaf[32];
};
typedef int stream_visit_fn(void *ctx, const struct stream_event *se);

/* Events of `stream` after (epoch, n), oldest first, at most limit. after = (0, 0): from the
 * beginning. The callback returns 0 to go on, 1 to stop. ERR_NOT_FOUND: no such stream. */
int stream_read(struct db *db, const char *stream, int64_t epoch, int64_t n, int64_t limit,
                stream_visit_fn *visit, void *ctx, struct err *e);
int stream_head(struct db *db, const char *stream, int64_t *ret_epoch, int64_t *ret_n,
                int64_t *ret_at_ms, struct err *e);
/* Names of all streams, ascending; cb per name. */
int stream_list(struct db *db, void (*cb)(void *ctx, const char *stream), void *ctx, struct err *e);

/* Writing, for the core alone: the entries of a public event (called by event_apply), and a new
 * epoch for every stream after a restore, begun by its own stream.restarted event. */
struct store;
int stream_assign(struct db *db, const struct event *ev);
int stream_restart(struct store *s, const char *actor, struct err *e);

/* One CloudEvents 1.0 structured JSON document whose "data" is the stored bytes, spliced verbatim.
 * malloc'd, NUL-terminated. `site` and store_id make the source URI. */
char *export_cloudevent(const struct stream_event *se, const char *site, const char *store_id,
                        size_t *ret_n);
