/* The leaf of a stored item or outcome, as item.h defines it. */
#pragma once
#include "base/db.h"
#include "traceability/merkle.h"

/* Selects fmt, then the values of the leaf in their order; parameters: first and last id. */
#define ITEM_ROWS                                                                                  \
    "SELECT "                                                                                      \
    "fmt,id,net_mg,dia_um,mid_um,len_um,bow_ppm,defects,flags,lane,grade,outlet,why,outlet_why,"   \
    "rule,"                                                                                        \
    "recovered,at_ms FROM item WHERE id BETWEEN ? AND ? ORDER BY id"
#define OUTCOME_ROWS                                                                               \
    "SELECT fmt,id,seq,outlet,reason,at_ms FROM outcome WHERE id BETWEEN ? AND ? ORDER BY id"

/* The text of the row that `q` stands on, its leaf, and the id. ERR_VERSION: unknown fmt. */
int item_row_leaf(struct stmt *q, struct merkle_hash *ret, int64_t *ret_id);
int outcome_row_leaf(struct stmt *q, struct merkle_hash *ret, int64_t *ret_id);
