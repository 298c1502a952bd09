/* Leaves of a line's newest rows, kept from their append to their block, so that a block need not
 * read its rows back. A cache without duties: what is not here is read from the tables (after a
 * start, a rollback, a gap, or when more rows than LEAVES_MAX wait). Private to the core. */
#pragma once
#include "traceability/merkle.h"

#define LEAVES_MAX 512

struct leaves {
    int64_t first; /* id of leaf[0]; the others follow without holes */
    size_t n;
    struct merkle_hash leaf[LEAVES_MAX];
};
static inline void leaves_add(struct leaves *l, int64_t id, const struct merkle_hash *leaf)
{
    if (l->n == LEAVES_MAX || id != l->first + (int64_t)l->n)
        l->n = 0;
    if (l->n == 0)
        l->first = id;
    l->leaf[l->n++] = *leaf;
}
/* The `count` leaves of the rows first … last, or NULL when they are not all here. */
static inline const struct merkle_hash *leaves_find(const struct leaves *l, int64_t first,
                                                    int64_t last, int64_t count)
{
    bool all = count == last - first + 1 && first >= l->first && last < l->first + (int64_t)l->n;
    return all ? l->leaf + (first - l->first) : NULL;
}
/* Those up to `last` stand in a block. */
void leaves_drop(struct leaves *l, int64_t last);
