/* The whole simulated shed: devices, servers, control channel, script, truth log. One thread. */
#pragma once
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

struct shed_cfg {
    const char *dir;    /* gets truth.jsonl, sim.json, sim.sock */
    const char *script; /* NULL: none */
    uint64_t seed;
    char *const *spec; /* n device specs */
    size_t n;
};
struct shed;
/* Everything listens and DIR/sim.json stands when it returns 0. */
int shed_new(const struct shed_cfg *cfg, struct shed **ret, struct err *e);
int shed_run(struct shed *s);   /* until SIGTERM or SIGINT */
void shed_free(struct shed *s); /* NULL allowed; writes the end lines */
