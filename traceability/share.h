/* Largest-remainder splitting, so that parts always add up to the whole. Pure, integers only. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SHARE_WHOLE 1000000 /* parts per million of a lot */

/* ret[i] ≈ total × weight[i] / Σ weight; Σ ret = total exactly. total and weights ≥ 0. Remainders
 * go to the largest fractions, the earlier of equals. All weights 0: the first takes all. ERR_RANGE
 * for a negative input or n = 0, ERR_OVERFLOW when the weights' sum does not fit. */
int share_split(int64_t total, const int64_t *weight, size_t n, int64_t *ret);
