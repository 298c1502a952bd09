/* Largest-remainder splitting (contract: share.h). Pure.
 * Source: Hamilton's method. Quotients are exact over a 128-bit intermediate. */
#include "traceability/share.h"
#include "base/err.h"
#include "base/num.h"
#include <stdlib.h>

__extension__ typedef __int128 wide;

struct fraction {
    int64_t rest;
    size_t i;
};

static int by_rest(const void *a, const void *b)
{
    const struct fraction *x = a, *y = b;
    if (x->rest != y->rest)
        return x->rest < y->rest ? 1 : -1;
    return x->i < y->i ? -1 : x->i > y->i;
}

static int sum_of(const int64_t *weight, size_t n, int64_t *ret)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (weight[i] < 0)
            return ERR_RANGE;
        if (num_add(sum, weight[i], &sum) < 0)
            return ERR_OVERFLOW;
    }
    *ret = sum;
    return 0;
}

int share_split(int64_t total, const int64_t *weight, size_t n, int64_t *ret)
{
    int64_t sum = 0, given = 0;
    if (n == 0 || total < 0)
        return ERR_RANGE;
    int rc = sum_of(weight, n, &sum);
    if (rc < 0)
        return rc;
    if (sum == 0) {
        for (size_t i = 0; i < n; i++)
            ret[i] = i == 0 ? total : 0;
        return 0;
    }
    struct fraction *f = calloc(n, sizeof *f);
    if (!f)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        wide p = (wide)total * weight[i];
        ret[i] = (int64_t)(p / sum);
        f[i] = (struct fraction){(int64_t)(p % sum), i};
        given += ret[i];
    }
    qsort(f, n, sizeof *f, by_rest);
    for (size_t i = 0; given < total; i++, given++)
        ret[f[i].i]++;
    free(f);
    return 0;
}
