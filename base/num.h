/* Strict numbers. atoi, strtol and sscanf are banned elsewhere: these refuse blanks, signs that do
 * not belong, trailing characters and everything out of bounds. Integers only. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal, optional leading '-'; "0x…" hexadecimal. 0, ERR_PARSE or ERR_RANGE. */
int num_i64(const char *text, int64_t min, int64_t max, int64_t *ret);
int num_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret);

/* Checked arithmetic: 0 or ERR_OVERFLOW. */
int num_add(int64_t a, int64_t b, int64_t *ret);
int num_sub(int64_t a, int64_t b, int64_t *ret);
int num_mul(int64_t a, int64_t b, int64_t *ret);
/* a × num / den, rounded half away from zero, over a 128-bit intermediate; den > 0. */
int num_ratio(int64_t a, int64_t num, int64_t den, int64_t *ret);
/* Decimal text "12.345" with at most `decimals` places → 12345 at 3 places. 0, ERR_PARSE,
 * ERR_RANGE. */
int num_decimal(const char *text, unsigned decimals, int64_t *ret);

/* Milligrams as kilograms for people: "25.004" (3 places from 1 g up; 6 places when the value is
 * not a whole gram). Returns buf; 24 bytes suffice. */
const char *num_kg(int64_t mg, char *buf, size_t size);
/* Any scaled integer as a decimal: (12345, 3) → "12.345". */
const char *num_fixed(int64_t value, unsigned decimals, char *buf, size_t size);

/* Plain decimal, '-' when negative, no zero byte after it. Returns its length, at most NUM_TEXT.
 * For texts of many numbers that are hashed; elsewhere snprintf reads better. */
#define NUM_TEXT 20
size_t num_text(int64_t v, char ret[NUM_TEXT]);

uint64_t num_isqrt(uint64_t v);
