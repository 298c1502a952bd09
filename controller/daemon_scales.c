/* Scales of either kind, and the ports of those that talk in lines. Main thread. Ports are made per
 * endpoint, as buses are (daemon.c); their threads run between daemon_start and daemon_stop. */
#include "controller/daemon.h"

_Static_assert(LINETHREAD_SCALES >= CONFIG_SCALES_MAX, "all scales may stand at one port");

/* The port of an endpoint with scales that talk in lines: found or made. */
static int port_of(struct daemon *d, const struct config_endpoint *at, struct linethread **ret,
                   struct err *e)
{
    for (size_t i = 0; i < d->n_ports; i++)
        if (config_same_bus(&d->port_at[i], at)) {
            *ret = d->ports[i];
            return 0;
        }
    struct link_options o = config_link(d->c, at);
    struct byteport *p = NULL;
    char name[104];
    int rc = byteport_new(&o, &p, e);
    if (rc == 0)
        rc = linethread_new(p, config_place(at, name, sizeof(name)), &d->ports[d->n_ports], e);
    if (rc < 0) {
        byteport_free(p);
        return rc;
    }
    d->port_at[d->n_ports] = *at;
    *ret = d->ports[d->n_ports++];
    return 0;
}

int daemon_lines_scale(struct daemon *d, struct daemon_scale *s, const struct config_scale *cfg,
                       struct err *e)
{
    struct linescale_options o = {
        .name = cfg->name,
        .map = cfg->map,
        .as = {.address = (uint8_t)cfg->unit, .unit = cfg->weight_unit, .d_mg = cfg->d_mg},
        .period_ms = (uint32_t)cfg->poll_ms,
        .stable_frames = (uint32_t)cfg->stable_frames,
        .stable_ms = (uint32_t)cfg->stable_over_ms};
    struct linethread *t = NULL;
    int rc = linescale_new(&o, &s->lines, e);
    if (rc == 0)
        rc = port_of(d, &cfg->at, &t, e);
    if (rc == 0)
        linethread_add(t, s->lines);
    return rc;
}

void daemon_scale_get(const struct daemon_scale *s, struct scale_view *ret)
{
    if (s->lines)
        linescale_get(s->lines, ret);
    else
        scale_get(s->scale, ret);
}
