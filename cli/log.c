/* lotline log verify [--against CHECKPOINT]; lotline store rebuild --check */
#include "cli/commands.h"
#include "traceability/rebuild.h"
#include "traceability/verify.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_MAX_BYTES 4096

static void print_verified(const json_t *o)
{
    printf("%lld events, %lld items, %lld outcomes, %lld blocks, %lld checkpoints: all hold\n",
           json_integer_value(json_object_get(o, "events")),
           json_integer_value(json_object_get(o, "items")),
           json_integer_value(json_object_get(o, "outcomes")),
           json_integer_value(json_object_get(o, "blocks")),
           json_integer_value(json_object_get(o, "checkpoints")));
}

static int read_note(const char *path, char *buf, size_t size, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(e, ERR_NOT_FOUND, "%s cannot be read", path);
    size_t n = fread(buf, 1, size - 1, f);
    fclose(f);
    buf[n] = 0;
    return n == size - 1 ? err_set(e, ERR_TOOBIG, "%s is no checkpoint: too long", path) : 0;
}

int cli_log(struct cli *c, int argc, char **argv)
{
    const char *against = cli_option(&argc, argv, "--against");
    char note[NOTE_MAX_BYTES];
    struct err e = {0};
    struct db *db = NULL;
    json_t *doc = NULL;
    if (argc != 1 || strcmp(argv[0], "verify") != 0)
        return cli_usage("log verify [--against CHECKPOINT]");
    int rc = against ? read_note(against, note, sizeof(note), &e) : 0;
    if (rc == 0)
        rc = cli_reader(c, &db, &e);
    if (rc == 0)
        rc = verify_store(db, against ? note : NULL, &doc, &e);
    db_close(db);
    return rc < 0 ? cli_fail(c, &e) : cli_print(c, doc, print_verified);
}

static void print_rebuilt(const json_t *o)
{
    printf("%lld events applied anew: every projection is the same\n",
           json_integer_value(json_object_get(o, "events")));
}

int cli_store(struct cli *c, int argc, char **argv)
{
    struct err e = {0};
    struct db *db = NULL;
    int64_t events = 0;
    const char *tmp = getenv("TMPDIR");
    if (argc != 2 || strcmp(argv[0], "rebuild") != 0 || strcmp(argv[1], "--check") != 0)
        return cli_usage("store rebuild --check");
    int rc = cli_reader(c, &db, &e);
    if (rc == 0)
        rc = rebuild_check(db, tmp ? tmp : "/tmp", &events, &e);
    db_close(db);
    return rc < 0 ? cli_fail(c, &e)
                  : cli_print(c, json_pack("{s:I}", "events", (json_int_t)events), print_rebuilt);
}
