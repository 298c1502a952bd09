/* Reading with all errors (contract: confdoc.h). conf_read stops at the first; here every key is
 * given to it alone, in a map of one child. Pure but for the caller's callback and
 * confdoc_slurp. */
#include "base/confdoc.h"
#include <errno.h>
#include <stdlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 256 << 10 };

static bool report(struct confdoc *d, const struct err *e)
{
    if (d->errors++ == 0)
        d->first = *e;
    if (d->error)
        d->error(d->ctx, e);
    return false;
}

bool confdoc_error(struct confdoc *d, int code, int line, const char *fmt, ...)
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
static bool read_alone(struct confdoc *d, const struct conf_row *rows, size_t n,
                       const struct ynode *map, struct ynode *child, void *out)
{
    struct ynode *one[1] = {child};
    struct ynode alone = {
        .kind = YNODE_MAP, .line = map->line, .key = map->key, .n = child ? 1 : 0, .child = one};
    struct err e = {0};
    return conf_read(rows, n, d->doc, &alone, out, &e) == 0 || report(d, &e);
}

bool confdoc_read(struct confdoc *d, const struct conf_row *rows, size_t n, const struct ynode *map,
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

bool confdoc_list(struct confdoc *d, const struct ynode *list, size_t max)
{
    if (!list)
        return true;
    const char *name = list->key ? list->key : "entry";
    if (list->kind != YNODE_LIST)
        return confdoc_error(d, ERR_PARSE, list->line, "\"%s\" must be a list", name);
    if (list->n > max)
        return confdoc_error(d, ERR_TOOBIG, list->line,
                             "\"%s\" has %zu entries, at most %zu are allowed", name, list->n, max);
    return true;
}

bool confdoc_ints(struct confdoc *d, const struct ynode *list, int64_t min, int64_t max_value,
                  size_t max, int64_t *out, size_t *ret_n)
{
    *ret_n = 0;
    if (!confdoc_list(d, list, max))
        return false;
    bool ok = true;
    for (size_t i = 0; list && i < list->n; i++) {
        struct ynode named = *list->child[i]; /* an entry's error names its list */
        struct err e = {0};
        named.key = list->key;
        if (conf_int(d->doc, &named, min, max_value, &out[i], &e) < 0)
            ok = report(d, &e);
    }
    *ret_n = list ? list->n : 0;
    return ok;
}

/* ---- files ---- */

int confdoc_slurp(const char *path, char **ret, size_t *ret_n, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        int saved = errno;
        return err_at(e, saved == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, 0, "%s", strerror(saved));
    }
    int rc = 0;
    char *text = malloc(FILE_MAX + 1);
    size_t n = text ? fread(text, 1, FILE_MAX + 1, f) : 0;
    if (!text)
        rc = err_at(e, ERR_NOMEM, path, 0, "out of memory");
    else if (ferror(f))
        rc = err_at(e, ERR_IO, path, 0, "cannot be read");
    else if (n > FILE_MAX)
        rc = err_at(e, ERR_TOOBIG, path, 0, "longer than %d bytes", FILE_MAX);
    fclose(f);
    if (rc < 0) {
        free(text);
        return rc;
    }
    *ret = text;
    *ret_n = n;
    return 0;
}

const char *confdoc_stem(const char *path, char *buf, size_t size)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t n = strlen(base), tail = strlen(".yaml");
    if (n > tail && !strcmp(base + n - tail, ".yaml"))
        n -= tail;
    snprintf(buf, size, "%.*s", (int)n, base);
    return buf;
}
