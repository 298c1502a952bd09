/* Values of a stored row and its leaf: canonical text, then RFC 6962 (contract: item_row.h). Shared
 * by the writer of rows and blocks and by verify, so that a difference can only come
 * from the rows. */
#include "traceability/item_row.h"
#include "base/num.h"
#include <string.h>

void item_row_of(const struct item *it, int64_t id, struct item_row *ret)
{
    const int64_t v[ITEM_VALUES] = {
        id,          it->net_mg,  it->dia_um,     it->mid_um, it->len_um,
        it->bow_ppm, it->defects, it->flags,      it->lane,   it->grade,
        it->outlet,  it->why,     it->outlet_why, it->rule,   it->recovered,
        it->at.ms};
    *ret = (struct item_row){.tag = 'i', .n = ITEM_VALUES};
    memcpy(ret->v, v, sizeof v);
    ret->null = it->net_mg == ITEM_NO_MG ? 1u << 1 : 0;
    for (int i = 2; i <= 5; i++) /* dia_um … bow_ppm */
        ret->null |= v[i] == ITEM_NO_VALUE ? 1u << i : 0;
}

void outcome_row_of(const struct outcome *o, int64_t id, struct item_row *ret)
{
    *ret = (struct item_row){
        .tag = 'o', .n = OUTCOME_VALUES, .v = {id, o->seq, o->outlet, o->reason, o->at.ms}};
}

void item_row_bind(const struct item_row *r, struct stmt *q)
{
    for (int i = 0; i < r->n; i++)
        if (r->null >> i & 1)
            q_null(q, i + 1);
        else
            q_int(q, i + 1, r->v[i]);
}

void item_row_leaf(const struct item_row *r, struct merkle_hash *ret)
{
    char text[2 + ITEM_VALUES * (1 + NUM_TEXT)] = {r->tag, '0' + ROW_FMT};
    size_t n = 2;
    for (int i = 0; i < r->n; i++) {
        text[n++] = ' ';
        if (r->null >> i & 1)
            text[n++] = '-';
        else
            n += num_text(r->v[i], text + n);
    }
    merkle_leaf(text, n, ret);
}

static int read_leaf(struct stmt *q, char tag, int n, struct merkle_hash *ret, int64_t *ret_id)
{
    struct item_row r = {.tag = tag, .n = n};
    *ret_id = q_col(q, 1);
    if (q_col(q, 0) != ROW_FMT)
        return ERR_VERSION;
    for (int i = 0; i < n; i++) {
        r.v[i] = q_col(q, i + 1);
        r.null |= q_is_null(q, i + 1) ? 1u << i : 0;
    }
    item_row_leaf(&r, ret);
    return 0;
}

int item_read_leaf(struct stmt *q, struct merkle_hash *ret, int64_t *ret_id)
{
    return read_leaf(q, 'i', ITEM_VALUES, ret, ret_id);
}

int outcome_read_leaf(struct stmt *q, struct merkle_hash *ret, int64_t *ret_id)
{
    return read_leaf(q, 'o', OUTCOME_VALUES, ret, ret_id);
}
