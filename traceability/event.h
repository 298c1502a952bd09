/* Events: the append-only truth beside items and outcomes. A kind is a row of events.def: name,
 * EPCIS type, bizStep, disposition, public or not, apply. event_apply alone writes projections,
 * from the stored bytes, live and in rebuild alike: no clock, no randomness, no configuration. */
#pragma once
#include "base/clock.h"
#include "base/db.h"
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define EVENT_MAX_BYTES 60000

struct event;
typedef int event_apply_fn(struct db *db, const struct event *ev);

enum event_kind {
#define EVENT(id, name, epcis, bizstep, disposition, is_public, apply) EVENT_##id,
#include "traceability/events.def"
#undef EVENT
    EVENT_KIND_COUNT
};
/* Every apply function of the table is declared here; it stands in the file of its subject. */
#define EVENT(id, name, epcis, bizstep, disposition, is_public, apply) event_apply_fn apply;
#include "traceability/events.def"
#undef EVENT
struct event {
    int64_t seq;
    enum event_kind kind;
    struct wall at;
    const json_t *body; /* parsed from `bytes` */
    const char *bytes;  /* as stored: canonical JSON */
    size_t n;
};
const char *event_kind_name(enum event_kind k); /* "lot.received" */
int event_kind_from(const char *name, enum event_kind *ret);
bool event_kind_public(enum event_kind k); /* goes to buyers' streams; holds no stable pseudonym */
const char *event_kind_epcis(enum event_kind k); /* "ObjectEvent", "" for none */
const char *event_kind_bizstep(enum event_kind k);
const char *event_kind_disposition(enum event_kind k);

struct store;
/* Appends inside the open transaction: adds v, kind, seq, at_ms, mono_ns, boot, clock and actor to
 * `body` (borrowed, not changed), stores canonical bytes, leaf, Merkle nodes, applies, assigns
 * public events to every buyer's stream. ERR_TOOBIG over EVENT_MAX_BYTES; nothing is appended on
 * error. A public event gets no actor (command_log keeps it). ERR_KEY: a key of the body is one of
 * those added. ERR_DENIED: a key that would hold a person's data ("name", "phone", "id_no",
 * "initials", at any depth), or a person's pid in a public event. */
int event_append(struct store *s, enum event_kind kind, const json_t *body, const char *actor,
                 int64_t *ret_seq, struct err *e);
/* The same of a body that was just made, which is taken over; NULL: there was no memory for it. */
int event_append_new(struct store *s, enum event_kind kind, json_t *body, const char *actor,
                     int64_t *ret_seq, struct err *e);
int event_apply(struct db *db, const struct event *ev);

/* Reading. The event's strings live until the callback returns, which gives 0 to go on, 1 to stop,
 * or an error that ends the reading; it may use the same handle. */
typedef int event_visit_fn(void *ctx, const struct event *ev);
int event_read(struct db *db, int64_t seq, event_visit_fn *visit, void *ctx, struct err *e);
int event_scan(struct db *db, int64_t after, int64_t limit, event_visit_fn *visit, void *ctx,
               struct err *e);
