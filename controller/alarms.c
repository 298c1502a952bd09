/* Alarms: what lasts and asks a person to do something; each is logged when it begins and when it
 * ends. Main thread. */
#include "base/log.h"
#include "controller/daemon.h"
#include <stdio.h>
#include <string.h>

#define SILENT_MS 2000

static struct daemon_alarm *alarm_slot(struct daemon *d, const char *code, const char *line)
{
    struct daemon_alarm *spare = NULL;
    for (size_t i = 0; i < DAEMON_ALARMS; i++) {
        struct daemon_alarm *a = &d->alarms[i];
        if (a->count && strcmp(a->code, code) == 0 && strcmp(a->line, line) == 0)
            return a;
        if (!spare && (a->count == 0 || !a->active))
            spare = a;
    }
    if (spare)
        *spare = (struct daemon_alarm){0};
    return spare;
}

void daemon_alarm(struct daemon *d, const char *code, const char *line, const char *text,
                  bool active)
{
    struct daemon_alarm *a = alarm_slot(d, code, line);
    if (!a) {
        log_warn("more than %d alarms at once: %s not listed", DAEMON_ALARMS, code);
        return;
    }
    if (active && !a->active)
        log_warn("alarm %s%s%s: %s", code, *line ? " " : "", line, text);
    else if (!active && a->active)
        log_info("alarm %s%s%s is over", code, *line ? " " : "", line);
    snprintf(a->code, sizeof(a->code), "%s", code);
    snprintf(a->line, sizeof(a->line), "%s", line);
    if (active && !a->active)
        a->since_ms = wall_now().ms;
    if (active) {
        snprintf(a->text, sizeof(a->text), "%s", text);
        a->count++;
        a->last_ms = wall_now().ms;
    }
    a->active = active;
}

/* "127.0.0.1:502 unit 1" or "/dev/ttyUSB0 unit 1". */
static const char *place(const struct config_endpoint *at, int64_t unit, char *buf, size_t size)
{
    char where[104];
    snprintf(buf, size, "%s unit %lld", config_place(at, where, sizeof(where)), (long long)unit);
    return buf;
}

static void silent(struct daemon *d, const char *code, const char *name,
                   const struct config_endpoint *at, int64_t unit, const char *what, bool on)
{
    char text[256], where[128];
    snprintf(text, sizeof(text),
             "%s at %s does not answer as its map says: check power, cable, address, unit and map",
             what, place(at, unit, where, sizeof(where)));
    daemon_alarm(d, code, name, text, on);
}

/* It answers, but it is not what its map is for; the reason names the setting, if it is one. */
static void refused(struct daemon *d, const char *code, const char *name,
                    const struct config_endpoint *at, int64_t unit, const char *what,
                    const struct map_probe *why)
{
    char text[320], where[128];
    snprintf(text, sizeof(text), "%s at %s: %s", what, place(at, unit, where, sizeof(where)),
             why ? why->en : "");
    daemon_alarm(d, code, name, text, why != NULL);
}

static void watch_line(struct daemon *d, const struct daemon_line *l)
{
    struct line_status s;
    line_status_get(l->line, &s);
    silent(d, "plc-silent", l->cfg->name, &l->cfg->at, l->cfg->unit, "the PLC",
           s.last_header_ns == 0 || s.stale || !s.link_up);
}

static bool old(struct mono at, struct mono now)
{
    return at.ns == 0 || mono_since_ms(now, at) > SILENT_MS;
}

void daemon_watch_devices(struct daemon *d, struct mono now)
{
    if (d->started.ns == 0)
        d->started = now;
    if (mono_since_ms(now, d->started) < SILENT_MS)
        return;
    for (size_t i = 0; i < d->c->n_lines; i++)
        watch_line(d, &d->lines[i]);
    for (size_t i = 0; i < d->c->n_scales; i++) {
        struct scale_view v;
        daemon_scale_get(&d->scales[i], &v);
        silent(d, "scale-silent", d->scales[i].cfg->name, &d->scales[i].cfg->at,
               d->scales[i].cfg->unit, "the scale", !v.refused && old(v.at, now));
        refused(d, "scale-refused", d->scales[i].cfg->name, &d->scales[i].cfg->at,
                d->scales[i].cfg->unit, "the scale", v.refused);
    }
    for (size_t i = 0; i < d->c->n_drives; i++) {
        struct drive_view v;
        drive_get(d->drives[i].drive, &v);
        silent(d, "drive-silent", d->drives[i].cfg->name, &d->drives[i].cfg->at,
               d->drives[i].cfg->unit, "the drive", !v.refused && old(v.at, now));
        refused(d, "drive-refused", d->drives[i].cfg->name, &d->drives[i].cfg->at,
                d->drives[i].cfg->unit, "the drive", v.refused);
    }
}
