/* Where a sink stands in its stream, durable in STATE/NAME.db: (epoch, n) and the leaf hash of that
 * event. Written at most once per 100 ms or 100 acknowledgements, never one write per PUBACK. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct cursor;
struct cursor_position {
    int64_t epoch, n; /* 0, 0: at the beginning */
    uint8_t leaf[32];
};
int cursor_open(const char *dir, const char *sink, const char *stream, struct cursor **ret,
                struct cursor_position *ret_position, struct err *e);
int cursor_write(struct cursor *c, const struct cursor_position *p, struct err *e); /* 0: durable */
void cursor_close(struct cursor *c);
