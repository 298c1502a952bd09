/* Genealogy: from an id that a person typed or scanned to lots, and from lots to everything that
 * they came from or went into. Any database handle; recursive queries over edge, both
 * ways indexed. */
#pragma once
#include "base/db.h"
#include "base/err.h"
#include <jansson.h>

enum trace_kind { TRACE_LOT, TRACE_BOX, TRACE_RUN };
struct trace_start {
    enum trace_kind kind;
    char id[21];  /* canonical: lot, box or run id */
    json_t *lots; /* lot ids to start from: the lot, the box's lot, the run's outputs; caller's */
};
/* A lot number, a box id, a printed seal or a run id, in capitals or not. ERR_NOT_FOUND. */
int trace_find(struct db *db, const char *text, struct trace_start *ret, struct err *e);
/* All lots that the given ones came from, or went into, themselves included; ordered. */
int trace_back(struct db *db, const json_t *lots, json_t **ret, struct err *e);
int trace_forward(struct db *db, const json_t *lots, json_t **ret, struct err *e);
