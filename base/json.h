/* Small helpers over jansson's json_t, which is common ground. Integers and strings only. */
#pragma once
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on values take their memory from `get` (NULL: malloc; free gives it back), and what they
 * do not get is counted: a key or a row that found no room is missing without a word. Process-wide,
 * before threads. */
void json_use_malloc(void *(*get)(size_t n));
uint64_t json_failures(void);

/* Canonical bytes: keys sorted, no blanks, UTF-8 as it is, integers and strings (null, true, false,
 * objects, arrays allowed; reals refused with NULL). malloc'd, NUL-terminated;
 * *ret_n without it. */
char *json_canonical(const json_t *j, size_t *ret_n);
/* duplicates refused, depth ≤ 64 */
int json_parse(const char *text, size_t n, json_t **ret, struct err *e);
/* Fields of a request: 0 or ERR_KEY/ERR_RANGE with the field's name in *e. */
int json_get_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *ret,
                 struct err *e);
int json_get_text(const json_t *o, const char *key, size_t max_bytes, const char **ret,
                  struct err *e);
int64_t json_int_or(const json_t *o, const char *key, int64_t def);
const char *json_text_or(const json_t *o, const char *key, const char *def);
/* Refuses keys of `o` that are not in "a|b|c": ERR_KEY naming the key and the nearest one. */
int json_only(const json_t *o, const char *keys, struct err *e);
