/* Feed-stop of a line as the record has it: wanted by a person, kept over a restart.
 * Main thread. */
#pragma once
#include "base/db.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct store;
/* Appends line.feed-stop unless it stands so already. Inside the open transaction. */
int feed_stop(struct store *s, uint32_t line, bool on, const char *actor, struct err *e);
/* false: never asked for */
int feed_stop_wanted(struct db *db, uint32_t line, bool *ret, struct err *e);
