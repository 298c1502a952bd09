/* lotline lot list | show ID; trace ID; recall ID; balance RUN. Reads the store itself. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "traceability/lot.h"
#include <stdio.h>
#include <string.h>

static void print_text(const json_t *o, const char *key)
{
    printf("%s", json_text_or(o, key, "-"));
}

static void print_lots(const json_t *a)
{
    size_t i;
    const json_t *l;
    printf("%-18s %-8s %-9s %-14s %s\n", "lot", "kind", "state", "kg on hand", "product");
    json_array_foreach(a, i, l) {
        printf("%-18s %-8s %-9s ", json_text_or(l, "id", "-"), json_text_or(l, "kind", "-"),
               json_text_or(l, "state", "-"));
        cli_kg(json_int_or(l, "on_hand_mg", 0));
        printf("\t");
        print_text(l, "product");
        putchar('\n');
    }
}

/* Opens the store, asks, prints; `human` NULL prints indented JSON. */
static int ask(struct cli *c, int (*question)(struct db *, const char *, json_t **, struct err *),
               const char *id, void (*human)(const json_t *))
{
    struct err e = {0};
    struct db *db = NULL;
    json_t *doc = NULL;
    int rc = cli_reader(c, &db, &e);
    if (rc == 0)
        rc = question(db, id, &doc, &e);
    db_close(db);
    return rc < 0 ? cli_fail(c, &e) : cli_print(c, doc, human);
}

static int list(struct db *db, const char *id, json_t **ret, struct err *e)
{
    (void)id;
    return lot_list(db, 1000, ret, e);
}

int cli_lot(struct cli *c, int argc, char **argv)
{
    if (argc == 1 && strcmp(argv[0], "list") == 0)
        return ask(c, list, NULL, print_lots);
    if (argc == 2 && strcmp(argv[0], "show") == 0)
        return ask(c, lot_show, argv[1], NULL);
    return cli_usage("lot list | show ID");
}

int cli_trace(struct cli *c, int argc, char **argv)
{
    return argc == 1 ? ask(c, lot_trace, argv[0], NULL) : cli_usage("trace ID");
}

int cli_recall(struct cli *c, int argc, char **argv)
{
    return argc == 1 ? ask(c, lot_recall, argv[0], NULL) : cli_usage("recall ID");
}

int cli_balance(struct cli *c, int argc, char **argv)
{
    return argc == 1 ? ask(c, run_balance, argv[0], NULL) : cli_usage("balance RUN");
}
