/* YAML read as one tree with marks, so that every later error can name file and line.
 * Aliases, tags, several documents, duplicate keys and depth over 32 are refused. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ynode_kind { YNODE_SCALAR, YNODE_MAP, YNODE_LIST };

/* A plain value tree owned by its document; keys and texts are NUL-terminated UTF-8. For a map the
 * children carry `key`; for a list `key` is NULL. */
struct ynode {
    enum ynode_kind kind;
    int line; /* from 1 */
    const char *key;
    const char *text; /* scalars; "" for an empty one */
    bool quoted;
    size_t n;
    struct ynode **child;
};
struct ydoc; /* owns the tree and the file's name */

int ydoc_load(const char *path, struct ydoc **ret, struct err *e);
int ydoc_parse(const char *name, const char *text, size_t n, struct ydoc **ret, struct err *e);
void ydoc_free(struct ydoc *d);
const struct ynode *ydoc_root(const struct ydoc *d); /* NULL for an empty document */
const char *ydoc_name(const struct ydoc *d);

const struct ynode *ynode_get(const struct ynode *map, const char *key); /* NULL when absent */
