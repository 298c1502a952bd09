/* A document being read by row tables, key by key, so that one pass shows all its errors and not
 * only the first. Every error goes to `error` (may be NULL); the first one is kept. */
#pragma once
#include "base/conf.h"
#include <stdbool.h>

struct cropdoc {
    const struct ydoc *doc;
    void (*error)(void *ctx, const struct err *e);
    void *ctx;
    unsigned errors;
    struct err first; /* valid when errors > 0 */
};

/* Reads `map` into *out by the table, as conf_read does, but goes on after an error. true: no error
 * in it. `map` NULL reads an empty map. */
bool cropdoc_read(struct cropdoc *d, const struct conf_row *rows, size_t n, const struct ynode *map,
                  void *out);
/* An error at a line of the document; counts, keeps, reports. Returns false, for `return`. */
bool cropdoc_error(struct cropdoc *d, int code, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* A node that must be a list (NULL is empty) of at most `max` entries; false: it is not. */
bool cropdoc_list(struct cropdoc *d, const struct ynode *list, size_t max);
