/* The leaf of a stored row: canonical text, then RFC 6962 (contract: item.h). Shared by the
 * writer of blocks and by verify, so that a difference can only come from the rows. */
#include "traceability/item_row.h"
#include <inttypes.h>
#include <stdio.h>

enum { ITEM_VALUES = 16, OUTCOME_VALUES = 5, TEXT_MAX = 512 };

static int row_leaf(struct stmt *q, char tag, int values, struct merkle_hash *ret, int64_t *ret_id)
{
    char text[TEXT_MAX];
    int64_t fmt = q_col(q, 0);
    *ret_id = q_col(q, 1);
    if (fmt != 1)
        return ERR_VERSION;
    int n = snprintf(text, sizeof text, "%c%d", tag, (int)fmt);
    for (int i = 1; i <= values; i++) /* at most 21 characters a value: it always fits */
        n += q_is_null(q, i)
                 ? snprintf(text + n, sizeof text - (size_t)n, " -")
                 : snprintf(text + n, sizeof text - (size_t)n, " %" PRId64, q_col(q, i));
    merkle_leaf(text, (size_t)n, ret);
    return 0;
}

int item_row_leaf(struct stmt *q, struct merkle_hash *ret, int64_t *ret_id)
{
    return row_leaf(q, 'i', ITEM_VALUES, ret, ret_id);
}

int outcome_row_leaf(struct stmt *q, struct merkle_hash *ret, int64_t *ret_id)
{
    return row_leaf(q, 'o', OUTCOME_VALUES, ret, ret_id);
}
