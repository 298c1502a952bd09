/* QR codes of short texts, drawn for a terminal, a page or a bitmap. Pure; any thread.
 * Every drawing carries the quiet zone of 4 modules that ISO/IEC 18004 asks for. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

enum qr_level {
    QR_MEDIUM,
    QR_QUARTILE
}; /* 15 % and 25 % recovery: labels; sacks, dust, wet paper */
#define QR_QUIET 4

struct qr;
/* The smallest symbol that holds the text; upper case, digits and "$%*+-./: " take the least room.
 * ERR_TOOBIG beyond version 40. */
int qr_make(const char *text, enum qr_level level, struct qr **ret, struct err *e);
void qr_free(struct qr *q);                     /* NULL allowed */
int qr_side(const struct qr *q);                /* modules, without the quiet zone */
bool qr_dark(const struct qr *q, int x, int y); /* false outside: the quiet zone is light */

/* All malloc'd and the caller's; NULL: no memory. */
char *qr_terminal(const struct qr *q, bool colour); /* UTF-8 half blocks, one line per two rows */
char *qr_path(const struct qr *q); /* SVG path data, one unit a module, quiet zone included */
char *qr_pbm(const struct qr *q, int dots, size_t *ret_n); /* binary PBM, `dots` per module */
