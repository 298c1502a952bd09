/* Commands: the only way that people and programs change the state. A row of commands.def gives
 * name, role, whether only the daemon itself may run it, handler and help. A handler checks
 * everything first, then appends events; a refusal undoes itself alone (SAVEPOINT). */
#pragma once
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct store;
enum role { ROLE_NOBODY, ROLE_WORKER, ROLE_OPERATOR, ROLE_MANAGER, ROLE_DAEMON };

struct actor {
    enum role role;
    const char *id; /* "uid:1000", "pid:W7K2…", "daemon": a pseudonym, never a name */
};
/* How much had failed when it began: see step_sound. */
struct step_watch {
    uint64_t statements, values;
};
struct command_context {
    struct store *store;
    const struct actor *actor;
    const char *request_id;
    struct step_watch watch;
};
typedef int command_fn(struct command_context *c, const json_t *args, json_t **ret, struct err *e);
/* Every handler of the table is declared here; it stands in the file of its subject. */
#define COMMAND(name, role, daemon_only, handler, args, help) command_fn handler;
#include "traceability/commands.def"
#undef COMMAND

/* Inside the open transaction. A request_id seen before (any time) gets the first answer again,
 * including a refusal's; NULL request_id only for ROLE_DAEMON. *ret_repeat (NULL allowed) says so.
 * ERR_NOT_FOUND names the nearest command; ERR_DENIED the role that is needed; ERR_EXISTS: the
 * request_id belongs to another command. `args` is an object (NULL: none); *ret an object, never
 * NULL on success. Answers are stored: a handler gives no names of persons back. Trouble with
 * memory or disk is no refusal and is not stored; the caller rolls the transaction back. */
int command_run(struct store *s, const struct actor *a, const char *request_id, const char *name,
                const json_t *args, json_t **ret, bool *ret_repeat, struct err *e);
/* Was this request answered before? *ret_known; then *ret and the return value are
 * that answer's. */
int command_answered(struct store *s, const char *request_id, const char *name, bool *ret_known,
                     json_t **ret, struct err *e);
/* For help: row i: name, arguments, help; NULL past the end. */
const char *command_help(size_t i, const char **ret_args, const char **ret_help,
                         enum role *ret_role);
