/* What only the whole configuration shows: who shares a bus, and whether each line can decide in
 * time beside the others on its bus. Pure; main thread, at start, and `lotline config check`.
 *
 * A dead unit costs the line one unanswered request a decision, not several: the line's requests go
 * before all others (bus.h), so another unit gets the bus only between two headers, and the header
 * that became due meanwhile is the next request. The breaker makes such a request rare, not
 * shorter: it is counted in full. */
#include "controller/config.h"
#include "controller/byteport.h"
#include "controller/geometry.h"
#include "plc-maps/lines.h"
#include <stdio.h>
#include <string.h>

enum {
    BREAKER_FAILS = 3,
    BREAKER_FIRST_MS = 500,
    BREAKER_MAX_MS = 30000,
    STABLE_LEAST_MS = 200,   /* what moves in between is seen by the station */
    ADDRESSES = 26,          /* of a scale that talks in lines: A to Z */
    QUARANTINE_TIMEOUTS = 2, /* silence after a timeout on RTU, in longest answer times */
};

struct unit {
    const char *what, *name;
    int64_t id;
    const struct config_endpoint *at;
    const struct map *map;
    int line; /* in the file */
};

/* The i-th of all lines, scales and drives; false: there are no more. */
static bool unit_at(const struct config *c, size_t i, struct unit *ret)
{
    if (i < c->n_lines) {
        const struct config_line *l = &c->lines[i];
        *ret = (struct unit){"line", l->name, l->unit, &l->at, l->map, l->line};
        return true;
    }
    i -= c->n_lines;
    if (i < c->n_scales) {
        const struct config_scale *s = &c->scales[i];
        *ret = (struct unit){"scale", s->name, s->unit, &s->at, s->map, s->line};
        return true;
    }
    i -= c->n_scales;
    if (i < c->n_drives) {
        const struct config_drive *d = &c->drives[i];
        *ret = (struct unit){"drive", d->name, d->unit, &d->at, d->map, d->line};
        return true;
    }
    return false;
}

bool config_same_bus(const struct config_endpoint *a, const struct config_endpoint *b)
{
    return strcmp(a->host, b->host) == 0 && strcmp(a->serial, b->serial) == 0 &&
           (a->serial[0] || a->port == b->port);
}

struct link_options config_link(const struct config *c, const struct config_endpoint *at)
{
    struct unit u;
    struct link_options o = {.port = (uint16_t)at->port,
                             .baud = (uint32_t)at->baud,
                             .parity = "NEO"[at->parity],
                             .stop_bits = (uint8_t)at->stop_bits};
    snprintf(o.host, sizeof(o.host), "%s", at->host);
    snprintf(o.serial, sizeof(o.serial), "%s", at->serial);
    for (size_t i = 0; unit_at(c, i, &u); i++)
        if (config_same_bus(u.at, at) && o.connect_pause_ms < map_link(u.map)->connect_pause_ms)
            o.connect_pause_ms = map_link(u.map)->connect_pause_ms;
    return o;
}

struct bus_options config_bus(const struct config *c, const struct config_endpoint *at)
{
    struct bus_options o = {.serial = at->serial[0] != 0,
                            .breaker_fails = BREAKER_FAILS,
                            .breaker_first_ms = BREAKER_FIRST_MS,
                            .breaker_max_ms = BREAKER_MAX_MS};
    struct unit u;
    for (size_t i = 0; unit_at(c, i, &u); i++) {
        const struct map_link *k = map_link(u.map);
        if (!config_same_bus(u.at, at))
            continue;
        if (o.guard_us < k->guard_us)
            o.guard_us = k->guard_us;
        if (o.quarantine_ms < QUARANTINE_TIMEOUTS * k->timeout_ms)
            o.quarantine_ms = QUARANTINE_TIMEOUTS * k->timeout_ms;
    }
    return o;
}

const char *config_place(const struct config_endpoint *at, char *buf, size_t size)
{
    if (at->serial[0])
        snprintf(buf, size, "%s", at->serial);
    else
        snprintf(buf, size, "%s:%lld", at->host, (long long)at->port);
    return buf;
}

/* Lines of characters and Modbus exclude each other; scales that talk by themselves have a port
 * each, those that are asked by address may share one. */
static int check_lines_pair(const struct config *c, const struct unit *a, const struct unit *b,
                            struct err *e)
{
    bool a_lines = map_kind(a->map) == MAP_LINES, b_lines = map_kind(b->map) == MAP_LINES;
    if (!a_lines && !b_lines)
        return 0;
    if (a_lines && b_lines && lines_asks(a->map) && lines_asks(b->map) &&
        lines_say_address(a->map) && lines_say_address(b->map))
        return a->id != b->id
                   ? 0
                   : err_at(e, ERR_EXISTS, c->file, a->line,
                            "scale %s: %s (line %d) has the same \"unit\" at the same port",
                            a->name, b->name, b->line);
    return err_at(e, ERR_RANGE, c->file, a->line,
                  "%s %s: %s %s (line %d) is at the same port, which only scales that are asked by "
                  "address can share",
                  a->what, a->name, b->what, b->name, b->line);
}

/* What a scale's frames leave to the configuration, and only that. */
static int check_lines_scale(const struct config *c, const struct config_scale *s, struct err *e)
{
    bool lines = map_kind(s->map) == MAP_LINES, own = lines && !lines_say_unit(s->map);
    if (own != (s->weight_unit > 0))
        return err_at(
            e, ERR_KEY, c->file, s->line,
            own ? "scale %s: the frames of map %s carry no unit: \"weight_unit\" must say "
                  "it, from the certificate"
                : "scale %s: map %s says the unit itself: no \"weight_unit\" here",
            s->name, s->map_name);
    if (!lines && (s->stable_frames || s->stable_over_ms))
        return err_at(
            e, ERR_KEY, c->file, s->line,
            "scale %s: \"stable_frames\" and \"stable_over_ms\" belong to a map of lines, "
            "which %s is not",
            s->name, s->map_name);
    if (s->stable_frames == 1 || (s->stable_over_ms && s->stable_over_ms < STABLE_LEAST_MS))
        return err_at(
            e, ERR_RANGE, c->file, s->line,
            "scale %s: \"stable_frames\" is 0 or at least 2, \"stable_over_ms\" 0 or at least %d",
            s->name, STABLE_LEAST_MS);
    if (lines && s->at.serial[0] && !byteport_speed_ok((uint32_t)s->at.baud))
        return err_at(e, ERR_RANGE, c->file, s->line,
                      "scale %s: %lld baud is no speed of a serial port", s->name,
                      (long long)s->at.baud);
    if (lines && lines_say_address(s->map) && (s->unit < 1 || s->unit > ADDRESSES))
        return err_at(e, ERR_RANGE, c->file, s->line,
                      "scale %s: \"unit\" %lld is no address of map %s: 1 to %d for A to Z",
                      s->name, (long long)s->unit, s->map_name, ADDRESSES);
    return 0;
}

static int check_pair(const struct config *c, const struct unit *a, const struct unit *b,
                      bool are_lines, struct err *e)
{
    if (are_lines && strcmp(a->name, b->name) == 0)
        return err_at(e, ERR_EXISTS, c->file, a->line, "line %s stands already in line %d", a->name,
                      b->line);
    if (!config_same_bus(a->at, b->at))
        return 0;
    if (are_lines)
        return err_at(e, ERR_EXISTS, c->file, a->line,
                      "line %s: %s has the same PLC (one mailbox, one line)", a->name, b->name);
    if (a->at->serial[0] && (a->at->baud != b->at->baud || a->at->parity != b->at->parity ||
                             a->at->stop_bits != b->at->stop_bits))
        return err_at(e, ERR_RANGE, c->file, a->line,
                      "%s %s: %s %s (line %d) uses the same serial port with another baud, parity "
                      "or stop_bits",
                      a->what, a->name, b->what, b->name, b->line);
    return check_lines_pair(c, a, b, e);
}

static int check_unit(const struct config *c, const struct unit *u, struct err *e)
{
    if (map_unit_allowed(u->map, (uint8_t)u->id))
        return 0;
    return err_at(e, ERR_RANGE, c->file, u->line, "%s %s: a device of map %s has no unit id %d",
                  u->what, u->name, map_id(u->map), (int)u->id);
}

static uint32_t longest_read(const struct map *m)
{
    const struct map_request *r;
    size_t n = map_plan(m, &r);
    uint32_t words = 1;
    for (size_t i = 0; i < n; i++)
        if (words < r[i].n)
            words = r[i].n;
    return words;
}

/* The other unit of the line's bus that holds it longest when it is dead. */
static void find_neighbour(const struct config *c, const struct config_line *l,
                           const struct bus_options *bus, struct geometry *g)
{
    struct link_options link = config_link(c, &l->at);
    struct unit u;
    for (size_t i = 0; unit_at(c, i, &u); i++) {
        if (u.at == &l->at || !config_same_bus(u.at, &l->at))
            continue;
        uint32_t alone_ms = (uint32_t)l->poll_ms; /* the line itself is silent for so long */
        uint32_t ms = bus_dead_ms(
            bus, link_dead_ms(&link, map_link(u.map)->timeout_ms, longest_read(u.map), alone_ms));
        if (ms <= g->neighbour_ms)
            continue;
        g->neighbour_ms = ms;
        g->neighbour = u.name;
    }
}

/* Can the line decide before the item is at the gate? */
static int check_deadline(const struct config *c, const struct config_line *l, struct err *e)
{
    if (l->belt_um_per_s == 0 || l->distance_um == 0)
        return 0;
    struct bus_options bus = config_bus(c, &l->at);
    struct map_link link = *map_link(l->map);
    link.guard_us = bus.guard_us; /* the silence that the bus keeps, whoever needs it */
    struct geometry g = {
        .link = &link,
        .serial_baud = l->at.serial[0] ? (uint32_t)l->at.baud : 0,
        .poll_ms = (uint32_t)l->poll_ms,
        .belt_um_per_s = l->belt_um_per_s,
        .distance_um = l->distance_um,
        .lead_ms = (uint32_t)l->lead_ms,
    };
    struct err why = {0};
    find_neighbour(c, l, &bus, &g);
    int rc = geometry_check(&g, &why);
    return rc == 0 ? 0 : err_at(e, rc, c->file, l->line, "line %s: %s", l->name, why.text);
}

int config_check(const struct config *c, struct err *e)
{
    struct unit a, b;
    int rc = 0;
    for (size_t i = 0; rc == 0 && unit_at(c, i, &a); i++)
        rc = check_unit(c, &a, e);
    for (size_t i = 0; rc == 0 && unit_at(c, i, &a); i++)
        for (size_t k = 0; rc == 0 && k < i && unit_at(c, k, &b); k++)
            rc = check_pair(c, &a, &b, i < c->n_lines, e);
    for (size_t i = 0; rc == 0 && i < c->n_scales; i++)
        rc = check_lines_scale(c, &c->scales[i], e);
    for (size_t i = 0; rc == 0 && i < c->n_lines; i++)
        rc = check_deadline(c, &c->lines[i], e);
    return rc;
}
