/* Words of a frame → one value. Pure. */
#pragma once
#include "plc-maps/map_parts.h"

/* How many words a value of this type takes (1 or 2). */
size_t codec_words(int type);
uint32_t codec_slice(const struct map_slice *s, const uint16_t *words);
bool codec_flag(const struct map_value *v, const uint16_t *words);
/* The number before scaling, sign applied (`sign` may be NULL). false: a sentinel. */
bool codec_number(const struct map_value *v, const struct map_slice *sign, const uint16_t *words,
                  int64_t *ret);
/* n × mul / div within min … max. `exact`: a remainder is refused, else rounded half
 * away from 0. */
bool codec_scale(const struct map_value *v, int64_t n, int64_t mul, int64_t div, bool exact,
                 int64_t *ret);
