/* Reading with all errors (contract: cropdoc.h). conf_read stops at the first; here every key is
 * given to it alone, in a map of one child. Pure but for the caller's callback. */
#include "crops/cropdoc.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool report(struct cropdoc *d, const struct err *e)
{
    if (d->errors++ == 0)
        d->first = *e;
    if (d->error)
        d->error(d->ctx, e);
    return false;
}

bool cropdoc_error(struct cropdoc *d, int code, int line, const char *fmt, ...)
{
    struct err e = {0};
    char text[sizeof e.text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_at(&e, code, ydoc_name(d->doc), line, "%s", text);
    return report(d, &e);
}

static bool known(const struct conf_row *rows, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(rows[i].key, key))
            return true;
    return false;
}

/* One key alone: `child` NULL when the key is absent. */
static bool read_alone(struct cropdoc *d, const struct conf_row *rows, size_t n,
                       const struct ynode *map, struct ynode *child, void *out)
{
    struct ynode *one[1] = {child};
    struct ynode alone = {
        .kind = YNODE_MAP, .line = map->line, .key = map->key, .n = child ? 1 : 0, .child = one};
    struct err e = {0};
    return conf_read(rows, n, d->doc, &alone, out, &e) == 0 || report(d, &e);
}

bool cropdoc_read(struct cropdoc *d, const struct conf_row *rows, size_t n, const struct ynode *map,
                  void *out)
{
    static const struct ynode empty = {.kind = YNODE_MAP};
    struct err e = {0};
    bool ok = true;
    if (!map)
        map = &empty;
    if (map->kind != YNODE_MAP)
        return conf_read(rows, n, d->doc, map, out, &e) == 0 || report(d, &e);
    for (size_t i = 0; i < map->n; i++)
        if (!known(rows, n, map->child[i]->key))
            ok = read_alone(d, rows, n, map, map->child[i], out) && ok;
    for (size_t i = 0; i < n; i++) {
        struct ynode *child = NULL;
        for (size_t k = 0; k < map->n; k++)
            if (!strcmp(map->child[k]->key, rows[i].key))
                child = map->child[k];
        ok = read_alone(d, &rows[i], 1, map, child, out) && ok;
    }
    return ok;
}

bool cropdoc_list(struct cropdoc *d, const struct ynode *list, size_t max)
{
    if (!list)
        return true;
    const char *name = list->key ? list->key : "entry";
    if (list->kind != YNODE_LIST)
        return cropdoc_error(d, ERR_PARSE, list->line, "\"%s\" must be a list", name);
    if (list->n > max)
        return cropdoc_error(d, ERR_TOOBIG, list->line,
                             "\"%s\" has %zu entries, at most %zu are allowed", name, list->n, max);
    return true;
}
