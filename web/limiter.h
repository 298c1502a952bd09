/* So many per address and so many in all within a window. HTTP thread only. */
#pragma once
#include "base/clock.h"
#include <stdbool.h>

struct limiter;
struct limiter *limiter_new(unsigned per_address, unsigned in_all, int64_t window_ms);
void limiter_free(struct limiter *l);
bool limiter_take(struct limiter *l, const char *address,
                  struct mono now); /* false: come back later */
