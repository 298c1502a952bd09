/* For unit tests only: maps made up of pieces, and what must come of them. */
#pragma once
#include "plc-maps/map_parts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A map of the parts that a test cares about. Line 8 is `link`, line 9 begins `body`; the vectors
 * come last. */
struct piece {
    const char *link, *body, *vectors;
};

static char map_text[8000]; /* the last one, for what a failed test says */

static inline int parse(const struct piece *p, struct map **ret, struct err *e)
{
    int n =
        snprintf(map_text, sizeof map_text,
                 "map: s\nversion: 1.0.0\nkind: registers\ntitle: A scale\nsource: a manual\n"
                 "confidence: A\n#\nlink: {timeout_ms: 100, turnaround_ms: 10, %s}\n%svectors:\n%s",
                 p->link ? p->link : "fc: [3], max_read: 20", p->body,
                 p->vectors ? p->vectors
                            : "  - {name: v, origin: constructed, frames: [], expect: "
                              "{drive.fault: 0}}\n");
    assert_true(n > 0 && (size_t)n < sizeof map_text);
    return map_parse("t.yaml", map_text, (size_t)n, ret, e);
}

static inline struct map *good(const struct piece *p)
{
    struct map *m = NULL;
    struct err e = {0};
    if (parse(p, &m, &e) < 0)
        fail_msg("%d: %s\n%s", e.line, e.text, map_text);
    return m;
}

static inline void refused(const struct piece *p, const char *error)
{
    struct map *m = NULL;
    struct err e = {0};
    char line[400];
    if (parse(p, &m, &e) == 0)
        fail_msg("accepted, not %s:\n%s", error, map_text);
    if (strstr(err_line(&e, line, sizeof line), error) != line)
        fail_msg("got    %s\nwanted %s", line, error);
}

#define RECORD(keys, fields)                                                                       \
    "records:\n  - {name: r, source: s, confidence: A, " keys "\n     fields: [" fields "]}\n"
#define FAULT "{role: drive.fault, at: 0, type: u16}"
