/* Problems that buyers reported: command problem.report, and the list for the shed's own screens.
 * The words stand in people.db. Main thread of lotlined. */
#pragma once
#include "traceability/store.h"

/* [{n, id, text, at_ms}…], newest first. */
int problem_list(struct store *s, int64_t limit, json_t **ret, struct err *e);
