/* Maps for people: checking a file with all its errors, and describing a loaded one. */
#pragma once
#include "plc-maps/map.h"

struct map_report {
    void (*error)(void *ctx, const struct err *e); /* called for each; NULL allowed */
    void *ctx;
    unsigned errors, vectors; /* results; vectors of a map without errors, all of which held */
};
/* 0, or the first error's code with its text in *e (NULL allowed). `error` and `ctx` of *report are
 * the caller's and stay. */
int map_check_file(const char *path, struct map_report *report, struct err *e);

/* One line: id, version, kind, confidence, vectors, title. Returns buf. */
const char *map_summary(const struct map *m, char *buf, size_t size);
/* Everything a person may want to know before wiring it: provenance, link, requests and their cost,
 * each value with its place, what may be written. Line by line, without newline. */
void map_describe(const struct map *m, void (*line)(void *ctx, const char *text), void *ctx);
/* One key ("align", or "link.align") wherever a map may have it: bounds, default, meaning, example.
 * ERR_KEY names the nearest key. */
int map_explain(const char *key, void (*line)(void *ctx, const char *text), void *ctx,
                struct err *e);
/* Every key that a map file may have, from the tables that read it; the reference page. */
void map_reference(void (*line)(void *ctx, const char *text), void *ctx);
