/* Rows of the record as hashes (contract: rows.h). */
#include "tests/simulation/rows.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct table {
    const char *sql, *columns; /* i: an integer, b: bytes */
};

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t k = 0; k < n; k++)
        h = (h ^ b[k]) * 1099511628211u;
    return (h ^ n) * 1099511628211u;
}

static uint64_t hash_column(struct stmt *q, char type, int i, uint64_t h)
{
    size_t n = 0;
    if (q_is_null(q, i))
        return mix(h, "\xff", 1);
    if (type == 'i')
        return (h ^ (uint64_t)q_col(q, i)) * 0x9e3779b97f4a7c15u;
    const void *p = q_bytes(q, i, &n);
    return mix(h, p, n);
}

static void add(struct rows *r, struct row row)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 256;
        r->row = realloc(r->row, r->cap * sizeof *r->row);
        assert(r->row);
    }
    r->row[r->n++] = row;
}

static int read_table(struct db *db, const struct table *t, struct rows *ret)
{
    const uint64_t start = mix(14695981039346656037u, t->sql, strlen(t->sql));
    struct stmt *q = db_q(db, t->sql);
    int rc;
    while ((rc = q_step(q)) == 1) {
        struct row row = {.key = hash_column(q, t->columns[0], 0, start)};
        row.all = row.key;
        for (int i = 1; t->columns[i]; i++)
            row.all = hash_column(q, t->columns[i], i, row.all ^ row.all >> 29);
        add(ret, row);
    }
    return rc;
}

static int by_key(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

static int read_all(struct db *db, const struct table *t, size_t n, struct rows *ret)
{
    int rc = 0;
    ret->n = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = read_table(db, &t[i], ret);
    if (ret->n)
        qsort(ret->row, ret->n, sizeof *ret->row, by_key);
    return rc;
}

static const struct table kept[] = {{"SELECT * FROM event", "iibibb"},
                                    {"SELECT * FROM item", "iiiiiiiiiiiiiiiii"},
                                    {"SELECT * FROM outcome", "iiiiii"},
                                    {"SELECT * FROM command_log", "bbbbbii"}};

int rows_of_truth(struct db *store, struct rows *ret)
{
    return read_all(store, kept, 3, ret);
}

int rows_of_store(struct db *store, struct rows *ret)
{
    return read_all(store, kept, 4, ret);
}

int rows_of_people(struct db *people, struct rows *ret)
{
    static const struct table tables[] = {{"SELECT * FROM person", "bbbbbbbii"},
                                          {"SELECT * FROM problem", "ibbi"}};
    return read_all(people, tables, sizeof tables / sizeof *tables, ret);
}

bool rows_equal(const struct rows *a, const struct rows *b)
{
    return a->n == b->n && (a->n == 0 || !memcmp(a->row, b->row, a->n * sizeof *a->row));
}

struct difference rows_compare(const struct rows *want, const struct rows *have)
{
    struct difference d = {0};
    size_t i = 0, k = 0;
    while (i < want->n || k < have->n) {
        if (k == have->n || (i < want->n && want->row[i].key < have->row[k].key)) {
            d.lost++;
            i++;
        } else if (i == want->n || have->row[k].key < want->row[i].key) {
            d.added++;
            k++;
        } else {
            d.altered += want->row[i++].all != have->row[k++].all;
        }
    }
    return d;
}

void rows_copy(struct rows *to, const struct rows *from)
{
    to->n = 0;
    for (size_t i = 0; i < from->n; i++)
        add(to, from->row[i]);
}
