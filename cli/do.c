/* lotline do COMMAND KEY=VALUE…; lotline weigh: commands of the record over the control socket.
 * A value of digits is an integer, one that begins with [ or { is JSON, anything else is text. */
#include "base/json.h"
#include "base/num.h"
#include "cli/commands.h"
#include "traceability/command.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_argument(json_t *args, const char *pair, struct err *e)
{
    const char *eq = strchr(pair, '=');
    int64_t v;
    json_t *value = NULL;
    if (!eq || eq == pair)
        return err_set(e, ERR_USAGE, "\"%s\" is not KEY=VALUE", pair);
    char *key = strndup(pair, (size_t)(eq - pair));
    if (!key)
        return err_set(e, ERR_NOMEM, "no memory");
    int rc = 0;
    if (eq[1] == '[' || eq[1] == '{')
        rc = json_parse(eq + 1, strlen(eq + 1), &value, e);
    else if (num_i64(eq + 1, INT64_MIN, INT64_MAX, &v) == 0)
        value = json_integer(v);
    else
        value = json_string(eq + 1);
    if (rc == 0 && json_object_set_new(args, key, value) < 0)
        rc = err_set(e, ERR_PARSE, "\"%s\" is no UTF-8 text", pair);
    free(key);
    return rc;
}

static int arguments(int argc, char **argv, json_t **ret, struct err *e)
{
    json_t *args = json_object();
    for (int i = 0; i < argc; i++) {
        int rc = add_argument(args, argv[i], e);
        if (rc < 0) {
            json_decref(args);
            return rc;
        }
    }
    *ret = args;
    return 0;
}

static int list_commands(void)
{
    const char *args, *help, *name;
    enum role role;
    for (size_t i = 0; (name = command_help(i, &args, &help, &role)); i++)
        printf("  %-18s %-50s %s\n", name, args, help);
    return 0;
}

int cli_do(struct cli *c, int argc, char **argv)
{
    struct err e = {0};
    json_t *args = NULL, *ret = NULL;
    if (argc == 0)
        return list_commands();
    int rc = arguments(argc - 1, argv + 1, &args, &e);
    if (rc == 0)
        rc = cli_call(c, argv[0], args, &ret, &e);
    json_decref(args);
    return rc < 0 ? cli_fail(c, &e) : cli_print(c, ret, NULL);
}

/* What the station shows now, as it will be accepted. */
static int shown_now(struct cli *c, const char *station, json_t *args, struct err *e)
{
    json_t *status = NULL, *s;
    size_t i;
    int rc = cli_call(c, "status", NULL, &status, e);
    if (rc < 0)
        return rc;
    rc = err_set(e, ERR_NOT_FOUND, "no station \"%s\"", station);
    json_array_foreach(json_object_get(status, "station"), i, s)
        if (strcmp(json_text_or(s, "name", ""), station) == 0) {
            json_object_set(args, "placement", json_object_get(s, "placement"));
            json_object_set(args, "shown_mg", json_object_get(s, "net_mg"));
            rc = 0;
        }
    json_decref(status);
    return rc;
}

static void print_weighing(const json_t *o)
{
    cli_kg(json_int_or(o, "net_mg", 0));
    printf("  %s\n", json_text_or(o, "weighing", ""));
}

int cli_weigh(struct cli *c, int argc, char **argv)
{
    struct err e = {0};
    const char *station = cli_option(&argc, argv, "--station");
    json_t *args = NULL, *ret = NULL;
    if (!station || argc < 1)
        return cli_usage("weigh --station NAME intake lot=ID | hand.out lot=ID worker=PID | "
                         "hand.back task=ID grade=G | run.waste run=ID grade=trimmings|soil | "
                         "run.back run=ID lot=ID | box line=NAME outlet=N | box lot=ID");
    int rc = arguments(argc - 1, argv + 1, &args, &e);
    if (rc == 0)
        rc = shown_now(c, station, args, &e);
    if (rc == 0) {
        json_object_set_new(args, "station", json_string(station));
        json_object_set_new(args, "purpose", json_string(argv[0]));
        rc = cli_call(c, "station.accept", args, &ret, &e);
    }
    json_decref(args);
    return rc < 0 ? cli_fail(c, &e) : cli_print(c, ret, print_weighing);
}
