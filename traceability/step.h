/* What the files of the steps share: prototypes of all handlers and apply functions, and the few
 * moves that every handler makes: read arguments, append an event, bind its fields. */
#pragma once
#include "base/json.h"
#include "traceability/command.h"
#include "traceability/event.h"
#include "traceability/store.h"
#include <stdio.h>

#define EVENT(id, name, epcis, bizstep, disposition, is_public, apply) event_apply_fn apply;
#include "traceability/events.def"
#undef EVENT
#define COMMAND(name, role, daemon_only, handler, arguments, help) command_fn handler;
#include "traceability/commands.def"
#undef COMMAND

/* An argument that may be left out: NULL when it is absent, null or "". */
int step_optional(const json_t *args, const char *key, size_t max, const char **ret, struct err *e);
/* An argument that must be there and not empty. */
int step_required(const json_t *args, const char *key, size_t max, const char **ret, struct err *e);
/* A text that a person typed and that stays for ever, where buyers may read it: must be there, and
 * must not hold the name or telephone number of anybody in people.db. */
int step_reason(struct command_context *c, const json_t *args, const char *key, size_t max,
                const char **ret, struct err *e);
/* Appends and takes `body` over (NULL: no memory). ret_seq may be NULL. */
int step_append(struct command_context *c, enum event_kind kind, json_t *body, int64_t *ret_seq,
                struct err *e);
void step_set_text(json_t *body, const char *key,
                   const char *value); /* NULL: the key is left out */
void step_set_int(json_t *body, const char *key, int64_t value);
/* *ret = answer (taken over), 0; NULL: no memory. */
int step_answer(json_t **ret, json_t *answer, struct err *e);

/* Trouble with memory or disk: no refusal, and worth another try. */
bool step_trouble(int rc);
/* Around what makes an answer or an event: rc, unless since the watch began a statement failed, or
 * a JSON value got no memory, without anybody's notice: then rc is an error. The slot tells it. */
struct step_watch step_watch(const struct db *db);
int step_sound(struct db *db, struct step_watch since, int rc, struct err *e);

/* step_sound for an answer, which is taken over: into *ret, or away. */
int step_told(struct db *db, struct step_watch since, int rc, json_t *answer, json_t **ret,
              struct err *e);

/* For apply functions: fields of the stored body. */
const char *step_text(const struct event *ev, const char *key); /* NULL when absent */
int64_t step_int(const struct event *ev, const char *key);      /* 0 when absent */
/* Binds parameters 1, 2, … from the fields named in "a|b|c": text, integer, or NULL when absent. */
struct stmt *step_bind(struct stmt *s, const struct event *ev, const char *keys);
#define STEP_COPY(to, s, i)                                                                        \
    snprintf((to), sizeof(to), "%s", q_str((s), (i))) /* a column into an array */
/* Rows of one text column into an array; for lists that the loop's body must not keep open. */
int step_column(struct stmt *s, json_t **ret);
