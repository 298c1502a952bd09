/* lotline config check FILE | help */
#include "cli/commands.h"
#include "controller/config.h"
#include <stdio.h>
#include <string.h>

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    puts(line);
}

int cli_config(struct cli *c, int argc, char **argv)
{
    if (argc == 1 && strcmp(argv[0], "help") == 0) {
        config_print(print_line, NULL);
        return 0;
    }
    if (argc != 2 || strcmp(argv[0], "check") != 0)
        return cli_usage("config check FILE | help");
    struct err e = {0};
    struct config *k = NULL;
    if (config_load(argv[1], &k, &e) < 0)
        return cli_fail(c, &e);
    json_t *doc = json_pack("{s:b,s:i,s:i,s:i}", "ok", 1, "lines", (int)k->n_lines, "scales",
                            (int)k->n_scales, "stations", (int)k->n_stations);
    config_free(k);
    return cli_print(c, doc, NULL);
}
