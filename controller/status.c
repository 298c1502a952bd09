/* The status document. Main thread; reads snapshots that bus threads write under sequence locks.
 * Shape: {"v":1,"at_ms","boot","site","store_id","head","record":{…},"lines":[…],"station":[…],
 * "scales":[…],"drives":[…],"alarms":[…],"sinks":[…]}. Ages are in ms as of at_ms; −1: never. */
#include "controller/status.h"
#include "base/ipc.h"
#include "base/json.h"
#include "controller/daemon.h"
#include "plc-maps/mailbox_layout.h"
#include <stdio.h>

#ifndef LOTLINE_VERSION
#define LOTLINE_VERSION "0.1"
#endif

json_t *status_hello(struct daemon *d)
{
    return json_pack("{s:i,s:s,s:s,s:s,s:s}", "lotline", IPC_PROTOCOL, "version", LOTLINE_VERSION,
                     "site", d->c->site, "store_id", store_id(d->store), "boot", clock_boot_id());
}

static json_int_t age_ms(int64_t at_ns, struct mono now)
{
    return at_ns == 0 ? -1 : (json_int_t)((now.ns - at_ns) / 1000000);
}

/* PackML words for what the PLC says; "unknown" as soon as its header is stale. */
static const char *line_word(const struct line_status *s)
{
    if (!s->link_up || s->stale || s->last_header_ns == 0)
        return "unknown";
    if (s->plc_state & MB_ESTOP)
        return "aborted";
    if (s->plc_state & MB_FAULT)
        return "held";
    if (s->plc_state & (MB_FEED_STOPPED | MB_INFEED_INHIBITED))
        return "suspended";
    return s->plc_state & MB_RUNNING ? "execute" : "stopped";
}

static json_t *counts(const uint64_t *v, size_t n)
{
    json_t *a = json_array();
    while (n > 1 && v[n - 1] == 0)
        n--;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(a, json_integer((json_int_t)v[i]));
    return a;
}

static json_t *fills(const struct line_status *s, const struct daemon_line *l)
{
    json_t *a = json_array();
    for (int k = 1; k <= OUTLETS_MAX && k <= s->n_outlets; k++)
        json_array_append_new(a, json_pack("{s:i,s:I,s:I,s:I,s:b}", "outlet", k, "items",
                                           (json_int_t)s->outlet_items[k], "fill_mg",
                                           (json_int_t)s->outlet_fill_mg[k], "capacity_mg",
                                           (json_int_t)l->plan->capacity_mg[k], "blocked",
                                           (s->outlet_blocked >> (k - 1)) & 1));
    return a;
}

/* Which grade goes to which outlets in the open run, in overflow order; empty without one. */
static json_t *routes(const struct plan *p)
{
    json_t *a = json_array(), *all = planner_routes(p), *r;
    size_t i;
    json_array_foreach(all, i, r) {
        uint16_t g = (uint16_t)json_int_or(r, "grade", 0);
        json_array_append_new(a, json_pack("{s:s,s:s,s:s,s:O}", "code",
                                           ruleset_grade_code(p->rules, g), "zh",
                                           ruleset_grade_name(p->rules, g, "zh"), "en",
                                           ruleset_grade_name(p->rules, g, "en"), "outlets",
                                           json_object_get(r, "outlets")));
    }
    json_decref(all);
    return a;
}

static json_t *line_json(const struct daemon_line *l, struct mono now)
{
    struct line_status s;
    line_status_get(l->line, &s);
    json_t *o = json_pack(
        "{s:s,s:i,s:s,s:b,s:b,s:b,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:i,s:i}", "line", l->cfg->name, "no",
        (int)l->no, "state", line_word(&s), "link_up", s.link_up, "stale", s.stale, "quarantined",
        s.quarantined || l->broken, "table_mode", s.table_mode, "foreign_host", s.foreign_host,
        "age_ms", age_ms(s.last_header_ns, now), "epoch", (json_int_t)s.epoch, "head_seq",
        (json_int_t)s.head_seq, "oldest_seq", (json_int_t)s.oldest_seq, "out_head",
        (json_int_t)s.out_head, "plc_state", (int)s.plc_state, "fault", (int)s.fault);
    json_t *more =
        json_pack("{s:I,s:I,s:s,s:b,s:b,s:i,s:i,s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o}",
                  "run", (json_int_t)s.run, "rule", (json_int_t)s.rule, "crop",
                  crop_id(l->cfg->crop), "feed_stop_wanted", s.feed_stop_wanted, "feed_stopped",
                  (s.plc_state & MB_FEED_STOPPED) != 0, "late_plc", (int)s.late_count, "lost_plc",
                  (int)s.lost_count, "default_outlet", (int)s.default_outlet, "late_host",
                  (json_int_t)s.late_at_host, "items", (json_int_t)s.decided, "adopted",
                  (json_int_t)s.adopted, "unreadable", (json_int_t)s.unreadable, "net_mg",
                  (json_int_t)l->net_mg, "slot_p50_us", (json_int_t)s.slot_p50_us, "slot_p99_us",
                  (json_int_t)s.slot_p99_us, "grades", counts(s.grade_items, CROP_GRADES_MAX + 1),
                  "outlets", fills(&s, l), "routes", routes(l->plan));
    json_object_update_new(o, more);
    uint64_t seq = atomic_load(&l->ack.seq), out = atomic_load(&l->ack.out);
    json_object_set_new(o, "ack_epoch", json_integer((json_int_t)(seq >> 32)));
    json_object_set_new(o, "ack_seq", json_integer((json_int_t)(seq & UINT32_MAX)));
    json_object_set_new(o, "ack_out", json_integer((json_int_t)(out & UINT32_MAX)));
    json_object_set_new(o, "plan_run", json_integer((json_int_t)l->run));
    return o;
}

static json_t *station_json(const struct daemon_station *s, struct mono now)
{
    struct station_view v;
    static const char *const trade[] = {"none", "static", "automatic"};
    station_get(s->station, &s->facts, now, &v);
    return json_pack(
        "{s:s,s:s,s:s,s:s,s:I,s:b,s:b,s:I,s:I,s:I,s:I,s:s,s:b,s:I}", "name", s->cfg->name, "scale",
        s->scale->cfg->name, "state", station_state_word(v.state), "text",
        station_state_text(v.state), "placement", (json_int_t)v.placement, "accepted", v.accepted,
        "tare_unknown", v.tare_unknown, "net_mg", (json_int_t)v.net_mg, "gross_mg",
        (json_int_t)v.gross_mg, "tare_mg", (json_int_t)v.tare_mg, "age_ms", (json_int_t)v.age_ms,
        "trade", s->facts.trade_static ? trade[s->scale->cfg->role] : "none", "checked",
        s->facts.checked, "e_mg", (json_int_t)s->scale->cfg->e_mg);
}

/* What the device does not show of its identity or settings; null: nothing. */
static json_t *refusal(const struct map_probe *p)
{
    return p ? json_pack("{s:s,s:s}", "en", p->en, "zh", p->zh) : json_null();
}

static json_t *scale_json(const struct daemon_scale *s, struct mono now)
{
    struct scale_view v;
    daemon_scale_get(s, &v);
    return json_pack("{s:s,s:o,s:b,s:b,s:b,s:b,s:I,s:I,s:I,s:I,s:s}", "scale", s->cfg->name,
                     "refused", refusal(v.refused), "link_up", v.link_up, "good", v.good, "stable",
                     v.stable, "stable_by_host", v.stable_by_host, "thrown", (json_int_t)v.thrown,
                     "net_mg", (json_int_t)v.net_mg, "age_ms", age_ms(v.at.ns, now), "reads",
                     (json_int_t)v.reads, "valid_until", s->cfg->valid_until);
}

static json_t *drive_json(const struct daemon_drive *v, struct mono now)
{
    struct drive_view s;
    drive_get(v->drive, &s);
    return json_pack("{s:s,s:o,s:b,s:b,s:I,s:I,s:I,s:I}", "drive", v->cfg->name, "refused",
                     refusal(s.refused), "link_up", s.link_up, "running", s.running, "fault",
                     (json_int_t)s.fault, "speed_mhz", (json_int_t)s.speed_mhz, "current_ma",
                     (json_int_t)s.current_ma, "age_ms", age_ms(s.at.ns, now));
}

static json_t *alarms_json(const struct daemon *d)
{
    json_t *a = json_array();
    for (size_t i = 0; i < DAEMON_ALARMS; i++) {
        const struct daemon_alarm *m = &d->alarms[i];
        if (m->count && m->active)
            json_array_append_new(
                a, json_pack("{s:s,s:s,s:s,s:I,s:I,s:I}", "code", m->code, "line", m->line, "text",
                             m->text, "since_ms", (json_int_t)m->since_ms, "last_ms",
                             (json_int_t)m->last_ms, "count", (json_int_t)m->count));
    }
    return a;
}

static json_t *sinks_json(const struct daemon *d)
{
    json_t *a = json_array();
    for (size_t i = 0; i < DAEMON_SINKS; i++)
        if (d->sinks[i].report) {
            json_t *o = json_deep_copy(d->sinks[i].report);
            json_object_set_new(o, "at_ms", json_integer((json_int_t)d->sinks[i].at_ms));
            json_array_append_new(a, o);
        }
    return a;
}

json_t *status_document(struct daemon *d)
{
    struct mono now = mono_now();
    json_t *lines = json_array(), *stations = json_array(), *scales = json_array(),
           *drives = json_array();
    for (size_t i = 0; i < d->c->n_lines; i++)
        json_array_append_new(lines, line_json(&d->lines[i], now));
    for (size_t i = 0; i < d->c->n_stations; i++)
        json_array_append_new(stations, station_json(&d->stations[i], now));
    for (size_t i = 0; i < d->c->n_scales; i++)
        json_array_append_new(scales, scale_json(&d->scales[i], now));
    for (size_t i = 0; i < d->c->n_drives; i++)
        json_array_append_new(drives, drive_json(&d->drives[i], now));
    return json_pack("{s:i,s:I,s:s,s:s,s:s,s:I,s:{s:b,s:I,s:I,s:I},s:o,s:o,s:o,s:o,s:o,s:o}", "v",
                     1, "at_ms", (json_int_t)wall_now().ms, "boot", clock_boot_id(), "site",
                     d->c->site, "store_id", store_id(d->store), "head", (json_int_t)d->head,
                     "record", "failed", d->failed, "commits", (json_int_t)d->commits,
                     "commit_max_us", (json_int_t)d->commit_max_us, "last_commit_ms",
                     (json_int_t)d->last_commit_ms, "lines", lines, "station", stations, "scales",
                     scales, "drives", drives, "alarms", alarms_json(d), "sinks", sinks_json(d));
}
