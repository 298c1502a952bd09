/* What a script or the control channel may do to a device: one row per verb. One thread. */
#pragma once
#include "sim/device.h"

/* Carries out {"dev":…,"do":…,…} and returns the answer, a new reference: {"ok":true,…} or
 * {"ok":false,"error":"…"}. */
void verb_help(void (*line)(const char *text)); /* the verbs, one a line */
json_t *verb_do(struct device *devs, size_t n, const json_t *request, struct mono now);
