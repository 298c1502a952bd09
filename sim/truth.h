/* The truth log: what really happened, one JSON object a line, flushed per line. One thread. */
#pragma once
#include "base/err.h"
#include "sim/plc.h"
#include <jansson.h>

struct truth;
int truth_open(const char *path, struct truth **ret, struct err *e); /* truncates */
void truth_close(struct truth *t);                                   /* NULL allowed */
/* A sorter's event under its line's name. */
void truth_plc(struct truth *t, const char *line, const struct plc_event *ev);
/* Any other: `line` is taken over (and freed). */
void truth_line(struct truth *t, json_t *line);
