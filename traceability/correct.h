/* Corrections: nothing is deleted; a weighing is voided, both stay visible. */
#pragma once
#include "base/err.h"
#include "traceability/command.h"
#include <stdbool.h>
#include <stdint.h>

#define CORRECT_WORKER_MS (5L * 60 * 1000)

/* Who may void after so long? Pure: 0, or ERR_DENIED with the way out. */
int correct_may(enum role role, int64_t age_ms, struct err *e);
