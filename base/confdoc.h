/* A document being read by row tables, key by key, so that one pass shows all its errors and not
 * only the first. Every error goes to `error` (may be NULL); the first one is kept. */
#pragma once
#include "base/conf.h"
#include <stdbool.h>

struct confdoc {
    const struct ydoc *doc;
    void (*error)(void *ctx, const struct err *e);
    void *ctx;
    unsigned errors;
    struct err first; /* valid when errors > 0 */
};

/* Reads `map` into *out by the table, as conf_read does, but goes on after an error. true: no error
 * in it. `map` NULL reads an empty map. */
bool confdoc_read(struct confdoc *d, const struct conf_row *rows, size_t n, const struct ynode *map,
                  void *out);
/* An error at a line of the document; counts, keeps, reports. Returns false, for `return`. */
bool confdoc_error(struct confdoc *d, int code, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* A list of at most `max` whole numbers. A missing one (NULL) is empty. */
bool confdoc_ints(struct confdoc *d, const struct ynode *list, int64_t min, int64_t max_value,
                  size_t max, int64_t *out, size_t *ret_n);
/* A node that must be a list (NULL is empty) of at most `max` entries; false: it is not. */
bool confdoc_list(struct confdoc *d, const struct ynode *list, size_t max);

/* The bytes of a map or crop file of at most 256 KiB, so that they can be hashed as they stand;
 * malloc'd, the caller's. ERR_NOT_FOUND, ERR_IO, ERR_TOOBIG, ERR_NOMEM name the path. */
int confdoc_slurp(const char *path, char **ret, size_t *ret_n, struct err *e);
/* The file's name without folder and ".yaml". Returns buf. */
const char *confdoc_stem(const char *path, char *buf, size_t size);
