/* Facts that several steps ask for before they let somebody or something in. */
#pragma once
#include "base/db.h"
#include "base/err.h"

int intake_farmer(struct db *db, const char *pid, struct err *e); /* registered as a farmer */
int intake_worker(struct db *db, const char *pid, struct err *e); /* registered as a worker */
int intake_product(struct db *db, const char *product, struct err *e);
