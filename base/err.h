/* Errors: one table (errors.def) gives the codes, their texts and their exit codes.
 * Functions return 0 or a negative code; what a person will read goes into the caller's slot. */
#pragma once
#include <stddef.h>

enum err_index {
#define E(name, exit, text) name##_INDEX,
#include "base/errors.def"
#undef E
    ERR_COUNT
};
enum {
#define E(name, exit, text) name = -(int)(name##_INDEX + 1),
#include "base/errors.def"
#undef E
};

/* The caller's slot: where (file and line, empty and 0 when there is none) and what.
 * Plain value. */
struct err {
    int code, line;
    char file[96];
    char text[200];
};

/* Fill the slot (NULL is allowed: nothing is written) and return code. Texts are cut, never
 * overrun; what is no UTF-8 or would move a cursor becomes "?". */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_at(struct err *e, int code, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* An analyser, which sees one file at a time, is told so: the code comes back. */
#ifdef LINT
#define err_set(e, code, ...)            (err_set(e, code, __VA_ARGS__), (code))
#define err_at(e, code, file, line, ...) (err_at(e, code, file, line, __VA_ARGS__), (code))
#endif
/* Put "prefix: " before the text that stands in the slot; returns e->code. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *err_name(int code); /* "ERR_RANGE"; "OK" for 0; "ERR_?" for what is not in the table */
const char *err_text(int code); /* the table's text */
int err_exit(int code);         /* 0 for 0, else the table's exit code */
int err_from_name(const char *name); /* 0 when unknown */

/* "file:line: text" or "text" into buf; the code's text when the slot's text is empty.
 * Returns buf. */
const char *err_line(const struct err *e, char *buf, size_t size);
