/* Hostile names in the record: commands with any texts, then every document that shows them. Lines:
 * one command each, "COMMAND KEY=VALUE …", all undone again; the documents must stay well formed.
 */
#include "tests/fuzz/farm.h"

void fuzz_setup(void)
{
    farm_setup(true);
    atexit(farm_remove);
}

/* Every document of the store can be written and read again. */
static void document(json_t *doc)
{
    char *text = json_canonical(doc, NULL);
    json_t *again = NULL;
    assert(text && json_parse(text, strlen(text), &again, NULL) == 0);
    json_decref(again);
    free(text);
    json_decref(doc);
}

static void documents(struct db *db)
{
    const char *const lots[] = {farm.demo.run.grade[1], farm.open};
    struct err e = {0};
    json_t *doc;
    char id[32];
    for (size_t i = 0; i < 2; i++) {
        if (export_epcis(db, lots[i], "https://lotline.example", &doc, &e) == 0)
            document(doc);
        if (lot_show(db, lots[i], &doc, &e) == 0)
            document(doc);
        if (lot_recall(db, lots[i], &doc, &e) == 0)
            document(doc);
    }
    snprintf(id, sizeof id, "B/%s", farm.demo.box);
    assert(lot_public(db, id, &doc, &e) == 0);
    document(doc);
    snprintf(id, sizeof id, "10/%s", farm.open);
    if (lot_public(db, id, &doc, &e) == 0)
        document(doc);
}

static void command(struct store *s, char *line, unsigned no)
{
    const struct actor a = {ROLE_DAEMON, "daemon"};
    char id[16], *blank = strchr(line, ' ');
    struct err e = {0};
    json_t *ret = NULL;
    snprintf(id, sizeof id, "f%u", no);
    if (blank)
        *blank = 0;
    json_t *args = farm_args(blank ? blank + 1 : line + strlen(line));
    int rc = command_run(s, &a, id, line, args, &ret, NULL, &e);
    assert(rc <= 0 && (rc == 0) == (ret != NULL));
    assert(rc == 0 || (e.code == rc && e.text[0]));
    json_decref(args);
    json_decref(ret);
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    struct store *s = farm.m->f.s;
    struct err e = {0};
    fuzz_dice = 1;
    assert(store_begin(s, &e) == 0);
    for (unsigned i = 0; f.n && i < 8; i++) {
        char *line = farm_expand(take_line(&f, '\n'));
        command(s, line, i);
        free(line);
    }
    documents(store_db(s));
    store_rollback(s);
}
