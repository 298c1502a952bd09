/* A fixed window with a bounded table of addresses (contract: limiter.h). When the table is full,
 * new addresses share one counter: a flood from many addresses slows itself, not those already
 * there. */
#include "web/limiter.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES 256

struct limiter {
    unsigned per_address, in_all, total;
    int64_t window_ms;
    struct mono begun;
    size_t n;
    struct {
        char address[48];
        unsigned count;
    } seen[ADDRESSES];
};

struct limiter *limiter_new(unsigned per_address, unsigned in_all, int64_t window_ms)
{
    struct limiter *l = calloc(1, sizeof *l);
    if (l) {
        l->per_address = per_address;
        l->in_all = in_all;
        l->window_ms = window_ms;
    }
    return l;
}

void limiter_free(struct limiter *l)
{
    free(l);
}

static unsigned *counter_of(struct limiter *l, const char *address)
{
    size_t i = 0;
    while (i < l->n && strcmp(l->seen[i].address, address))
        i++;
    if (i == ADDRESSES)
        i = ADDRESSES - 1; /* the shared one */
    else if (i == l->n)
        snprintf(l->seen[l->n++].address, sizeof l->seen[0].address, "%s", address);
    return &l->seen[i].count;
}

bool limiter_take(struct limiter *l, const char *address, struct mono now)
{
    if (mono_since_ms(now, l->begun) >= l->window_ms || l->begun.ns == 0) {
        l->begun = now;
        l->total = 0;
        l->n = 0;
        memset(l->seen, 0, sizeof l->seen);
    }
    unsigned *count = counter_of(l, address);
    if (*count >= l->per_address || l->total >= l->in_all)
        return false;
    ++*count;
    l->total++;
    return true;
}
