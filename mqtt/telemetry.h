/* What operators see over MQTT: retained edge state with will, retained line status with boot id, 1
 * Hz rollup, alarms. QoS 0 may be dropped when the broker is slow; it never shares the window of
 * events. Fed with lotlined's status documents; says "unknown" when they stop. */
#pragma once
#include "base/clock.h"
#include "mqtt/sink.h"
#include <jansson.h>

struct telemetry;
int telemetry_new(const struct sink *s, const char *site, const char *version,
                  struct telemetry **ret, struct err *e);
void telemetry_free(struct telemetry *t); /* says offline first */
/* NULL, or in what way the MQTT library is past use (client_broken). */
const char *telemetry_broken(const struct telemetry *t, struct mono now);
int telemetry_fd(const struct telemetry *t);
/* NULL: lotlined is gone */
void telemetry_status(struct telemetry *t, const json_t *status, struct mono now);
void telemetry_wake(struct telemetry *t, struct mono now);
struct mono telemetry_due(const struct telemetry *t);
