/* A table of keys drives parsing, defaults, bounds, units and the reference page of a document.
 * One row per key of one map; nested maps and lists are read by their own tables. */
#pragma once
#include "base/err.h"
#include "base/yaml.h"

enum conf_type {
    CONF_INT,  /* int64_t, bounds min..max */
    CONF_BOOL, /* bool: true/false/yes/no */
    CONF_TEXT, /* char[size]; max = longest length in bytes (0: the size alone bounds it) */
    CONF_ENUM, /* int: index into `words` ("static|automatic|none") */
    CONF_NODE, /* const struct ynode *: a nested map or list, borrowed from the document */
};
struct conf_row {
    const char *key;
    enum conf_type type;
    size_t offset, size; /* offsetof and sizeof the field */
    int64_t min, max;
    const char *def;   /* default as it would be written; NULL: the key is required; "" allowed */
    const char *words; /* CONF_ENUM */
    const char *unit;  /* for the reference page */
    const char *help;  /* one English sentence */
};
#define CONF_AT(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)

/* Reads `map` into *out by the table (n rows). An unknown key names the nearest valid one; nothing
 * outside the table's fields is touched; on error *out is unspecified and must not be used. */
int conf_read(const struct conf_row *rows, size_t n, const struct ydoc *doc,
              const struct ynode *map, void *out, struct err *e);
/* An error at a node of the document. */
int conf_error(struct err *e, int code, const struct ydoc *doc, const struct ynode *at,
               const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Scalar helpers with the same error style. */
int conf_int(const struct ydoc *doc, const struct ynode *n, int64_t min, int64_t max, int64_t *ret,
             struct err *e);
int conf_word(const struct ydoc *doc, const struct ynode *n, const char *words, int *ret,
              struct err *e);
/* The candidate nearest to `word` by edit distance, NULL when none is near. words: "a|b|c". */
const char *conf_nearest(const char *word, const char *words, char *buf, size_t size);
/* The reference page of one table as a man-page list (mdoc-free, plain text). */
void conf_print(const struct conf_row *rows, size_t n, void (*line)(void *, const char *),
                void *ctx);
