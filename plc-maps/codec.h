/* Words of a frame → one value. Pure. */
#pragma once
#include "plc-maps/map_parts.h"

/* How many words a value of this type takes; 0: its parts say. */
size_t codec_words(int type);
/* First and last word that the value looks at. */
int64_t codec_first(const struct map_value *v);
int64_t codec_last(const struct map_value *v);
bool codec_uses(const struct map_value *v, int64_t at);
/* How many bits its raw number has, before the sign. */
int64_t codec_bits(const struct map_value *v);
uint32_t codec_slice(const struct map_slice *s, const uint16_t *words);
/* The place of the only bit that is set; false: none is, or several are. */
bool codec_one_hot(uint64_t bits, int64_t *ret);
bool codec_flag(const struct map_value *v, const uint16_t *words);
/* The number before scaling, sign applied (`sign` may be NULL); not for f32. false: a sentinel, no
 * decimal digits, not one bit of many, a code without a value, or beyond int64_t. */
bool codec_number(const struct map_value *v, const struct map_slice *sign, const uint16_t *words,
                  int64_t *ret);
/* n × mul / div within min … max. `exact`: a remainder is refused, else rounded half
 * away from 0. */
bool codec_scale(const struct map_value *v, int64_t n, int64_t mul, int64_t div, bool exact,
                 int64_t *ret);
/* IEEE 754 single × mul / div, rounded half away from zero, by integers alone; mul and div at most
 * 10^11. −0 is 0. false: NaN, infinity, 2^88 and more, beyond int64_t, or denormal: no device
 * measures 10^−38, but an integer that is read as a float, or one in another word order, looks so.
 */
bool codec_float(uint32_t bits, int64_t mul, int64_t div, int64_t *ret);
/* A value of any number type: codec_number and codec_scale, or codec_float. A float that is a
 * weight
 * (`exact`) counts whole displayed steps of 1/div, at most 2^24 of them: beyond, a single does not
 * tell neighbours apart. */
bool codec_value(const struct map_value *v, const struct map_slice *sign, const uint16_t *words,
                 int64_t mul, int64_t div, bool exact, int64_t *ret);
