/* lotline export epcis [--lot ID] [--base-url URL] */
#include "cli/commands.h"
#include "traceability/lot.h"
#include <string.h>

int cli_export(struct cli *c, int argc, char **argv)
{
    const char *lot = cli_option(&argc, argv, "--lot");
    const char *base = cli_option(&argc, argv, "--base-url");
    struct err e = {0};
    struct db *db = NULL;
    json_t *doc = NULL;
    if (argc != 1 || strcmp(argv[0], "epcis") != 0)
        return cli_usage("export epcis [--lot ID] [--base-url URL]");
    int rc = cli_reader(c, &db, &e);
    if (rc == 0)
        rc = export_epcis(db, lot, base ? base : "https://lotline.example", &doc, &e);
    db_close(db);
    return rc < 0 ? cli_fail(c, &e) : cli_print(c, doc, NULL);
}
