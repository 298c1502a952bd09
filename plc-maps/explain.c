/* The reference of the map language (contract: maplist.h): every key from the tables that read it,
 * each with an example. Pure but for the callback. */
#include "plc-maps/map_parts.h"
#include "plc-maps/maplist.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *key, *text;
} examples[] = {
#define EXAMPLE(key, text) {key, text},
#include "plc-maps/examples.def"
#undef EXAMPLE
};

/* The example of "table.key", else that of the key alone; "" when there is none. */
static const char *example_of(const char *table, const char *key)
{
    char name[80];
    const char *found = "";
    snprintf(name, sizeof name, "%s.%s", table, key);
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        if (!strcmp(examples[i].key, name))
            return examples[i].text;
        if (!strcmp(examples[i].key, key))
            found = examples[i].text;
    }
    return found;
}

static void explain_row(const struct map_keys *k, const struct conf_row *row,
                        void (*line)(void *ctx, const char *text), void *ctx)
{
    char text[400];
    conf_print(row, 1, line, ctx);
    snprintf(text, sizeof text, "    e.g. %s", example_of(k->name, row->key));
    line(ctx, text);
}

void map_reference(void (*line)(void *ctx, const char *text), void *ctx)
{
    const struct map_keys *k;
    for (size_t i = 0; (k = map_keys(i)) != NULL; i++) {
        line(ctx, k->title);
        for (size_t at = 0; at < k->n; at++)
            explain_row(k, &k->rows[at], line, ctx);
    }
}

/* "align" or "link.align". */
static bool is_named(const struct map_keys *k, const struct conf_row *row, const char *key)
{
    char name[80];
    snprintf(name, sizeof name, "%s.%s", k->name, row->key);
    return !strcmp(row->key, key) || !strcmp(name, key);
}

static int unknown(const char *key, struct err *e)
{
    char all[4000], near[64];
    const struct map_keys *k;
    size_t n = 0;
    for (size_t i = 0; (k = map_keys(i)) != NULL; i++)
        for (size_t at = 0; at < k->n && n < sizeof all - 64; at++)
            n += (size_t)snprintf(all + n, sizeof all - n, "%s|", k->rows[at].key);
    const char *dot = strrchr(key, '.');
    if (conf_nearest(dot ? dot + 1 : key, all, near, sizeof near))
        return err_set(e, ERR_KEY, "a map has no key \"%.60s\", did you mean \"%s\"?", key, near);
    return err_set(e, ERR_KEY, "a map has no key \"%.60s\"", key);
}

int map_explain(const char *key, void (*line)(void *ctx, const char *text), void *ctx,
                struct err *e)
{
    const struct map_keys *k;
    bool found = false;
    for (size_t i = 0; (k = map_keys(i)) != NULL; i++)
        for (size_t at = 0; at < k->n; at++)
            if (is_named(k, &k->rows[at], key)) {
                line(ctx, k->title);
                explain_row(k, &k->rows[at], line, ctx);
                found = true;
            }
    return found ? 0 : unknown(key, e);
}
