/* What the subcommands of `lotline` share: options, output, ways to ask. Data goes to standard
 * output, messages to standard error; exit 0 ok, 1 failed, 2 usage, 3 unreachable, 4 a check did
 * not hold. */
#pragma once
#include "base/db.h"
#include "base/err.h"
#include "base/text.h"
#include <jansson.h>
#include <stdbool.h>

struct cli {
    bool json;
    const char *store, *socket;
    enum lang lang;
};
/* Ends a subcommand that failed: one line (or one JSON object) on standard error, the exit code
 * back. */
int cli_fail(const struct cli *c, const struct err *e);
int cli_usage(const char *line); /* prints the line, returns 2 */
/* Prints a document: canonical JSON with --json, else through `human`. Takes the reference. */
int cli_print(const struct cli *c, json_t *doc, void (*human)(const json_t *));
int cli_reader(const struct cli *c, struct db **ret, struct err *e);
/* One call over the control socket with a fresh request id. */
int cli_call(const struct cli *c, const char *verb, const json_t *args, json_t **ret,
             struct err *e);
/* takes "--name VALUE" out; NULL */
const char *cli_option(int *argc, char **argv, const char *name);
void cli_kg(json_int_t mg); /* prints "25.004 kg" */
