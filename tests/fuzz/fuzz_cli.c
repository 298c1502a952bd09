/* Subcommands of lotline with any arguments, over a record; no daemon answers. First line: which
 * subcommand; the others are its arguments. What they print goes to /dev/null. */
#include "tests/fuzz/farm.h"
#include "cli/commands.h"
#include <stdio.h>

static const struct {
    const char *name;
    int (*run)(struct cli *, int, char **);
} commands[] = {
    {"lot", cli_lot},         {"trace", cli_trace},   {"recall", cli_recall},
    {"balance", cli_balance}, {"export", cli_export}, {"do", cli_do},
    {"weigh", cli_weigh},     {"qr", cli_qr},         {"status", cli_status},
};

static FILE *nowhere;

void fuzz_setup(void)
{
    farm_setup(false);
    farm_leave();
    nowhere = fopen("/dev/null", "we");
    assert(nowhere);
    atexit(farm_remove);
}

static void run(struct cli *c, const char *name, int argc, char **argv)
{
    FILE *out = stdout, *err = stderr;
    int rc = 0;
    stdout = stderr = nowhere;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            rc = commands[i].run(c, argc, argv);
    stdout = out;
    stderr = err;
    assert(rc >= 0 && rc <= 4);
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    char socket[128], *argv[8] = {0}, *kept[8], *name = take_line(&f, '\n');
    int argc = 0;
    snprintf(socket, sizeof socket, "%s/none", farm.m->f.dir);
    struct cli c = {.json = n % 2, .store = farm.m->f.dir, .socket = socket, .lang = LANG_ZH};
    while (f.n && argc < 7) {
        argv[argc] = kept[argc] = farm_expand(take_line(&f, '\n'));
        argc++;
    }
    run(&c, name, argc, argv);
    while (argc)
        free(kept[--argc]);
    free(name);
}
