/* Shared parts of the subcommands. */
#include "cli/cli.h"
#include "base/crypto.h"
#include "base/ipc.h"
#include "base/json.h"
#include "base/num.h"
#include "traceability/store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_fail(const struct cli *c, const struct err *e)
{
    char line[512];
    err_line(e, line, sizeof(line));
    json_t *doc =
        !c->json ? NULL
                 : json_pack("{s:{s:s,s:s}}", "error", "code", err_name(e->code), "text", line);
    char *text = doc ? json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (text)
        fprintf(stderr, "%s\n", text);
    else /* for a person, or without memory */
        fprintf(stderr, "lotline: %s\n", line);
    free(text);
    json_decref(doc);
    return err_exit(e->code);
}

int cli_usage(const char *line)
{
    fprintf(stderr, "usage: lotline %s\n", line);
    return 2;
}

int cli_print(const struct cli *c, json_t *doc, void (*human)(const json_t *))
{
    int rc = 0;
    if (c->json || !human) {
        rc = json_dumpf(doc, stdout,
                        c->json ? JSON_COMPACT | JSON_SORT_KEYS : JSON_INDENT(2) | JSON_SORT_KEYS);
        putchar('\n');
    } else {
        human(doc);
    }
    json_decref(doc);
    if (fflush(stdout))
        rc = -1;
    if (rc)
        fputs("lotline: the answer could not be written whole\n", stderr);
    return rc ? 1 : 0;
}

int cli_reader(const struct cli *c, struct db **ret, struct err *e)
{
    return store_open_reader(c->store, ret, e);
}

int cli_call(const struct cli *c, const char *verb, const json_t *args, json_t **ret, struct err *e)
{
    int fd;
    uint8_t random[16];
    char id[33];
    json_t *hello = NULL;
    int rc = ipc_connect(c->socket, 2000, &fd, &hello, e);
    if (rc < 0)
        return rc;
    json_decref(hello);
    crypto_random(random, sizeof(random));
    hex_text(random, sizeof(random), id, sizeof(id));
    rc = ipc_call(fd, verb, args, id, 10000, ret, e);
    close(fd);
    return rc;
}

static void take_out(int *argc, char **argv, int at, int n)
{
    for (int i = at; i + n <= *argc; i++)
        argv[i] = argv[i + n];
    *argc -= n;
}

const char *cli_option(int *argc, char **argv, const char *name)
{
    for (int i = 0; i + 1 < *argc; i++)
        if (strcmp(argv[i], name) == 0) {
            const char *v = argv[i + 1];
            take_out(argc, argv, i, 2);
            return v;
        }
    return NULL;
}

void cli_kg(json_int_t mg)
{
    char buf[32];
    printf("%s kg", num_kg(mg, buf, sizeof(buf)));
}
