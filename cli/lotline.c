/* lotline: asks and tells. One row per subcommand; each stands in a file of its own. */
#include "base/crypto.h"
#include "base/json.h"
#include "cli/commands.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(struct cli *, int, char **);
    const char *args, *help;
} commands[] = {
    {"status", cli_status, "", "how lines, scales, stations and the record are"},
    {"watch", cli_watch, "[--seconds N]", "the same, live"},
    {"weigh", cli_weigh, "--station NAME PURPOSE KEY=VALUE...", "accept what a station shows now"},
    {"do", cli_do, "COMMAND [KEY=VALUE...]", "run a command of the record (help: lotline do)"},
    {"lot", cli_lot, "list | show ID", "lots and boxes"},
    {"trace", cli_trace, "ID", "where it came from and where it went"},
    {"recall", cli_recall, "ID", "everything that would have to come back"},
    {"balance", cli_balance, "RUN", "mass balance of a sort run"},
    {"export", cli_export, "epcis [--lot ID] [--base-url URL]", "EPCIS 2.0 document"},
    {"log", cli_log, "verify [--against CHECKPOINT]", "check every byte of the record"},
    {"store", cli_store, "rebuild --check", "build the projections anew and compare"},
    {"map", cli_map, "check FILE... | list [DIR] | show FILE | explain [KEY]", "device maps"},
    {"crop", cli_crop, "check FILE...", "crops and grade rules"},
    {"config", cli_config, "check FILE | help", "lotlined's configuration"},
    {"qr", cli_qr, "TEXT", "a QR code in the terminal"},
    {"sim", cli_sim, "...", "run the simulator (lotline-sim)"},
};
#define N (sizeof(commands) / sizeof(commands[0]))

static int help(FILE *to)
{
    fputs("usage: lotline [--json] [--store DIR] [--socket PATH] [--lang zh|en] COMMAND\n", to);
    for (size_t i = 0; i < N; i++)
        fprintf(to, "  %-8s %-40s %s\n", commands[i].name, commands[i].args, commands[i].help);
    return to == stdout ? 0 : 2;
}

static const char *env_or(const char *name, const char *def)
{
    const char *v = getenv(name);
    return v && *v ? v : def;
}

/* Options before the subcommand. Returns how many arguments they took, or −1. */
static int global_options(struct cli *c, int argc, char **argv)
{
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--json") == 0)
            c->json = true;
        else if (strcmp(argv[i], "--store") == 0 && i + 1 < argc)
            c->store = argv[++i];
        else if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc)
            c->socket = argv[++i];
        else if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc)
            c->lang = strcmp(argv[++i], "zh") == 0 ? LANG_ZH : LANG_EN;
        else
            return strcmp(argv[i], "--help") == 0 ? i : -1;
    }
    return i;
}

int main(int argc, char **argv)
{
    struct cli c = {.store = env_or("LOTLINE_STORE", "/var/lib/lotline"),
                    .socket = env_or("LOTLINE_SOCKET", "/run/lotline/lotlined.sock"),
                    .lang = LANG_EN};
    json_use_malloc(NULL);
    int i = global_options(&c, argc, argv);
    if (i > 0 && i < argc && (strcmp(argv[i], "help") == 0 || strcmp(argv[i], "--help") == 0))
        return help(stdout);
    if (i < 0 || i >= argc || crypto_setup() < 0)
        return help(stderr);
    for (size_t k = 0; k < N; k++)
        if (strcmp(argv[i], commands[k].name) == 0)
            return commands[k].run(&c, argc - i - 1, argv + i + 1);
    fprintf(stderr, "lotline: no command \"%s\"\n", argv[i]);
    return help(stderr);
}
