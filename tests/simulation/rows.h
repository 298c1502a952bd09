/* What the record holds for good, as hashes of its rows: to say whether two states are equal and,
 * if not, what was lost, altered or added. */
#pragma once
#include "base/db.h"

struct row {
    uint64_t key, all; /* hashes of its first column, and of all */
};
struct rows {
    struct row *row; /* in order of the key's hash */
    size_t n, cap;
};
struct difference {
    int64_t lost, altered,
        added; /* rows of the first that are not, or otherwise, in the second … */
};

int rows_of_store(struct db *store, struct rows *ret); /* events, items, outcomes, answers */
int rows_of_truth(struct db *store, struct rows *ret); /* events, items, outcomes */
int rows_of_people(struct db *people, struct rows *ret);
bool rows_equal(const struct rows *a, const struct rows *b);
struct difference rows_compare(const struct rows *want, const struct rows *have);
void rows_copy(struct rows *to, const struct rows *from);
