/* The values of a stored item or outcome and their leaf, as item.h defines it: one order for what
 * is bound, what is read back and what is hashed. Private to the core. */
#pragma once
#include "base/db.h"
#include "traceability/item.h"
#include "traceability/merkle.h"

#define ITEM_COLUMNS                                                                               \
    "id,net_mg,dia_um,mid_um,len_um,bow_ppm,defects,flags,lane,grade,outlet,why,outlet_why,rule,"  \
    "recovered,at_ms"
#define OUTCOME_COLUMNS "id,seq,outlet,reason,at_ms"
enum { ITEM_VALUES = 16, OUTCOME_VALUES = 5, ROW_FMT = 1 };

struct item_row {
    char tag; /* 'i' or 'o' */
    int n;    /* ITEM_VALUES or OUTCOME_VALUES */
    int64_t v[ITEM_VALUES];
    uint32_t null; /* bit i: v[i] is NULL */
};
void item_row_of(const struct item *it, int64_t id, struct item_row *ret);
void outcome_row_of(const struct outcome *o, int64_t id, struct item_row *ret);
void item_row_bind(const struct item_row *r, struct stmt *q); /* to parameters 1 … n */
void item_row_leaf(const struct item_row *r, struct merkle_hash *ret);

/* Selects fmt, then the values; parameters: first and last id. */
#define ITEM_ROWS "SELECT fmt," ITEM_COLUMNS " FROM item WHERE id BETWEEN ? AND ? ORDER BY id"
#define OUTCOME_ROWS                                                                               \
    "SELECT fmt," OUTCOME_COLUMNS " FROM outcome WHERE id BETWEEN ? AND ? ORDER BY id"
/* Leaf and id of the row that `q` stands on. ERR_VERSION: unknown fmt. */
int item_read_leaf(struct stmt *q, struct merkle_hash *ret, int64_t *ret_id);
int outcome_read_leaf(struct stmt *q, struct merkle_hash *ret, int64_t *ret_id);
