/* lotlined's configuration. Read once at start, on the main thread; also by `lotline config check`.
 *
 * 1. Nothing starts before the whole file has been read and checked.
 * 2. One row table per part drives parsing, defaults, bounds and the reference page.
 * 3. Relative paths are taken from the folder of the file itself. */
#include "controller/config.h"
#include "base/clock.h"
#include "base/conf.h"
#include "plc-maps/lines.h"
#include <arpa/inet.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(type, field) CONF_AT(type, field)

struct top {
    const struct ynode *lines, *scales, *stations, *drives, *roles, *buyers;
    struct config c;
};
#define TOP(field) offsetof(struct top, c.field), sizeof(((struct top *)0)->c.field)
static const struct conf_row top_rows[] = {
    {"site", CONF_TEXT, TOP(site), 1, 16, NULL, NULL, "",
     "Short name of the shed, a-z 0-9 -; part of topics and of the log's origin."},
    {"station", CONF_TEXT, TOP(station), 1, 1, "A", NULL, "",
     "Letter A-Z that stands in lot numbers; different for every machine of a cooperative."},
    {"store", CONF_TEXT, TOP(store), 1, 0, NULL, NULL, "",
     "Folder of the record (store.db, people.db)."},
    {"socket", CONF_TEXT, TOP(socket), 1, 0, "/run/lotline/lotlined.sock", NULL, "",
     "Path of the control socket."},
    {"key", CONF_TEXT, TOP(key), 1, 0, NULL, NULL, "",
     "File of the site's signing key, made with a new store."},
    {"maps", CONF_TEXT, TOP(maps), 1, 0, "/usr/share/lotline/plc-maps", NULL, "",
     "Folder of device maps."},
    {"crops", CONF_TEXT, TOP(crops), 1, 0, "/usr/share/lotline/crops", NULL, "",
     "Folder of crops."},
    {"text_dir", CONF_TEXT, TOP(text_dir), 0, 0, "/usr/share/lotline/mo", NULL, "",
     "Folder of translations."},
    {"utc_offset_min", CONF_INT, TOP(utc_offset_min), -720, 840, "480", NULL, "min",
     "Offset of the printed dates, minutes east of UTC."},
    {"lines", CONF_NODE, AT(top, lines), 0, 0, "", NULL, "", "Sorting lines."},
    {"scales", CONF_NODE, AT(top, scales), 0, 0, "", NULL, "", "Scales."},
    {"stations", CONF_NODE, AT(top, stations), 0, 0, "", NULL, "", "Weighing stations."},
    {"drives", CONF_NODE, AT(top, drives), 0, 0, "", NULL, "", "Drives, read only."},
    {"roles", CONF_NODE, AT(top, roles), 0, 0, "", NULL, "",
     "Which user of this machine may do what."},
    {"buyers", CONF_NODE, AT(top, buyers), 0, 0, "", NULL, "",
     "Market buyers that get a stream each."},
};

/* clang-format off: a row is a row */
#define ENDPOINT_ROWS(type)                                                                        \
    {"host", CONF_TEXT, AT(type, at.host), 0, 0, "", NULL, "", "Numeric IPv4 address."},           \
        {"port", CONF_INT, AT(type, at.port), 1, 65535, "502", NULL, "", "TCP port."},             \
        {"serial", CONF_TEXT, AT(type, at.serial),                                                 \
         0,        0,         "",                                                                  \
         NULL,     "",        "Serial port instead of host, by /dev/serial/by-id."},               \
        {"baud", CONF_INT, AT(type, at.baud),          1200, 921600, "9600",                       \
         NULL,   "Bd",     "Speed of the serial port."},                                           \
        {"parity",        CONF_ENUM, AT(type, at.parity),         0, 0, "none",                    \
         "none|even|odd", "",        "Parity of the serial port."},                                \
    {                                                                                              \
        "stop_bits", CONF_INT, AT(type, at.stop_bits), 1, 2, "1", NULL, "",                        \
            "Stop bits of the serial port."                                                        \
    }
/* clang-format on */

struct line_part {
    struct config_line l;
    const struct ynode *outlets, *capacity_g;
};
#define LINE(field) offsetof(struct line_part, l.field), sizeof(((struct line_part *)0)->l.field)
static const struct conf_row line_rows[] = {
    {"name", CONF_TEXT, LINE(name), 1, 0, NULL, NULL, "", "Name of the line, a-z 0-9 -."},
    {"host", CONF_TEXT, LINE(at.host), 0, 0, "", NULL, "", "Numeric IPv4 address of the PLC."},
    {"port", CONF_INT, LINE(at.port), 1, 65535, "502", NULL, "", "TCP port."},
    {"serial", CONF_TEXT, LINE(at.serial), 0, 0, "", NULL, "", "Serial port instead of host."},
    {"baud", CONF_INT, LINE(at.baud), 1200, 921600, "115200", NULL, "Bd",
     "Speed of the serial port."},
    {"parity", CONF_ENUM, LINE(at.parity), 0, 0, "none", "none|even|odd", "",
     "Parity of the serial port."},
    {"stop_bits", CONF_INT, LINE(at.stop_bits), 1, 2, "1", NULL, "",
     "Stop bits of the serial port."},
    {"unit", CONF_INT, LINE(unit), 0, 255, "1", NULL, "", "Modbus unit id of the PLC."},
    {"base_b", CONF_INT, LINE(base_b), 0, 65535, "0", NULL, "",
     "First register B of the block that the PLC writes, zero-based."},
    {"base_h", CONF_INT, LINE(base_h), 0, 65535, "0", NULL, "",
     "First register H of the host's block; 0: B + 32 + 24 x RING_N."},
    {"map", CONF_TEXT, LINE(map_name), 1, 0, "mailbox-v1", NULL, "", "Device map of the PLC."},
    {"crop", CONF_TEXT, LINE(crop_name), 1, 0, NULL, NULL, "", "Crop file."},
    {"poll_ms", CONF_INT, LINE(poll_ms), 1, 1000, "5", NULL, "ms", "Period of the header."},
    {"bad_outlet", CONF_INT, LINE(bad_outlet), 1, OUTLETS_MAX, NULL, NULL, "",
     "Outlet of items without a usable measurement."},
    {"default_outlet", CONF_INT, LINE(default_outlet), 1, OUTLETS_MAX, NULL, NULL, "",
     "The PLC's default outlet."},
    {"outlets", CONF_NODE, offsetof(struct line_part, outlets), sizeof(void *), 0, 0, NULL, NULL,
     "", "Grade: [outlets in overflow order]."},
    {"capacity_g", CONF_NODE, offsetof(struct line_part, capacity_g), sizeof(void *), 0, 0, "",
     NULL, "g", "Outlet: grams that its box holds."},
    {"belt_um_per_s", CONF_INT, LINE(belt_um_per_s), 0, 10000000, "0", NULL, "um/s",
     "Speed of the belt; 0: the deadline is not checked."},
    {"distance_um", CONF_INT, LINE(distance_um), 0, 100000000, "0", NULL, "um",
     "From the measuring point to the first gate."},
    {"lead_ms", CONF_INT, LINE(lead_ms), 0, 5000, "30", NULL, "ms", "Lead of the gate's actuator."},
};
static const struct conf_row scale_rows[] = {
    {"name", CONF_TEXT, AT(config_scale, name), 1, 0, NULL, NULL, "",
     "Name of the scale, a-z 0-9 -."},
    ENDPOINT_ROWS(config_scale),
    {"unit", CONF_INT, AT(config_scale, unit), 0, 255, "1", NULL, "",
     "Modbus unit id; of a map of lines the address, 1 to 26 for A to Z."},
    {"poll_ms", CONF_INT, AT(config_scale, poll_ms), 20, 5000, "100", NULL, "ms",
     "Period of the reading."},
    {"map", CONF_TEXT, AT(config_scale, map_name), 1, 0, NULL, NULL, "",
     "Device map of the indicator."},
    {"channel", CONF_INT, AT(config_scale, channel), 0, 15, "0", NULL, "",
     "Which of the indicator's scales, from 0."},
    {"weight_unit", CONF_ENUM, AT(config_scale, weight_unit), 0, 0, "none", LINES_UNITS, "",
     "Unit of its certificate, when the frames of a map of lines do not say it."},
    {"stable_frames", CONF_INT, AT(config_scale, stable_frames), 0, 50, "0", NULL, "frames",
     "Map of lines: so many equal readings are stable; 0: as the map says."},
    {"stable_over_ms", CONF_INT, AT(config_scale, stable_over_ms), 0, 10000, "0", NULL, "ms",
     "And over so long; 0: as the map says."},
    {"trade", CONF_ENUM, AT(config_scale, role), 0, 0, "none", "none|static|automatic", "",
     "Which of its weights count in trade."},
    {"class", CONF_TEXT, AT(config_scale, accuracy_class), 0, 0, "", NULL, "",
     "Accuracy class of the certificate."},
    {"max_g", CONF_INT, AT(config_scale, max_g), 1, 100000000, NULL, NULL, "g", "Max."},
    {"min_g", CONF_INT, AT(config_scale, min_g), 0, 100000000, NULL, NULL, "g", "Min."},
    {"e_mg", CONF_INT, AT(config_scale, e_mg), 1, 1000000000, NULL, NULL, "mg",
     "Verification interval e."},
    {"d_mg", CONF_INT, AT(config_scale, d_mg), 1, 1000000000, NULL, NULL, "mg",
     "Displayed interval d."},
    {"serial_no", CONF_TEXT, AT(config_scale, serial_no), 0, 0, "", NULL, "",
     "Serial number of the scale."},
    {"certificate", CONF_TEXT, AT(config_scale, certificate), 0, 0, "", NULL, "",
     "Number of the verification certificate; missing: no trade."},
    {"valid_until", CONF_TEXT, AT(config_scale, valid_until), 0, 0, "", NULL, "",
     "Last day of the certificate, YYYY-MM-DD; missing: no trade."},
};
static const struct conf_row station_rows[] = {
    {"name", CONF_TEXT, AT(config_station, name), 1, 0, NULL, NULL, "",
     "Name of the station, a-z 0-9 -."},
    {"scale", CONF_TEXT, AT(config_station, scale), 1, 0, NULL, NULL, "", "Its scale."},
    {"stable_ms", CONF_INT, AT(config_station, stable_ms), 100, 10000, "300", NULL, "ms",
     "Steady for so long before a weight may be accepted."},
};
static const struct conf_row drive_rows[] = {
    {"name", CONF_TEXT, AT(config_drive, name), 1, 0, NULL, NULL, "",
     "Name of the drive, a-z 0-9 -."},
    ENDPOINT_ROWS(config_drive),
    {"unit", CONF_INT, AT(config_drive, unit), 0, 255, "1", NULL, "", "Modbus unit id."},
    {"poll_ms", CONF_INT, AT(config_drive, poll_ms), 100, 60000, "1000", NULL, "ms",
     "Period of the reading."},
    {"map", CONF_TEXT, AT(config_drive, map_name), 1, 0, NULL, NULL, "",
     "Device map of the drive."},
};
static const struct conf_row role_rows[] = {
    {"uid", CONF_INT, AT(config_role, uid), 0, UINT32_MAX, NULL, NULL, "",
     "User id of the process that asks."},
    {"role", CONF_ENUM, AT(config_role, role), 0, 0, NULL, "nobody|worker|operator|manager", "",
     "What it may do."},
};
#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *title;
    const struct conf_row *rows;
    size_t n;
} parts[] = {
    {"lotlined.yaml", top_rows, N(top_rows)}, {"lines:", line_rows, N(line_rows)},
    {"scales:", scale_rows, N(scale_rows)},   {"stations:", station_rows, N(station_rows)},
    {"drives:", drive_rows, N(drive_rows)},   {"roles:", role_rows, N(role_rows)},
};

struct reading_file {
    const struct ydoc *doc;
    struct config *c;
    char folder[256];
    struct err *e;
};

static bool plain_name(const char *s)
{
    return *s && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

static int check_name(struct reading_file *r, const struct ynode *at, const char *name)
{
    if (plain_name(name))
        return 0;
    return conf_error(r->e, ERR_RANGE, r->doc, at, "name \"%s\" may hold a-z, 0-9 and - only",
                      name);
}

static int check_endpoint(struct reading_file *r, const struct ynode *at, struct config_endpoint *p)
{
    struct in_addr a;
    p->line = at->line;
    if ((p->host[0] != 0) == (p->serial[0] != 0))
        return conf_error(r->e, ERR_KEY, r->doc, at, "give either host or serial");
    if (p->host[0] && inet_pton(AF_INET, p->host, &a) != 1)
        return conf_error(r->e, ERR_RANGE, r->doc, at,
                          "host \"%s\" is no numeric IPv4 address (names are not looked up)",
                          p->host);
    return 0;
}

/* Invariant 3. Relative to the file's folder. */
static int resolve(struct reading_file *r, char *path, size_t size)
{
    char joined[512];
    if (path[0] == '/' || path[0] == 0)
        return 0;
    int n = snprintf(joined, sizeof(joined), "%s/%s", r->folder, path);
    if (n < 0 || (size_t)n >= size)
        return err_set(r->e, ERR_TOOBIG, "path too long: %s/%s", r->folder, path);
    memcpy(path, joined, (size_t)n + 1);
    return 0;
}

/* A file that stands already is not read again: a crop takes 90 kB, and all lines may sort the
 * same. */
static int map_file(struct reading_file *r, const struct ynode *at, const char *name,
                    struct map **ret)
{
    struct config *c = r->c;
    char path[512];
    for (size_t i = 0; i < c->n_map_files; i++)
        if (strcmp(c->map_files[i].name, name) == 0) {
            *ret = c->map_files[i].map;
            return 0;
        }
    struct config_map_file *f = &c->map_files[c->n_map_files];
    snprintf(path, sizeof(path), "%s/%s.yaml", c->maps, name);
    int rc = map_load(path, &f->map, r->e);
    if (rc == ERR_NOT_FOUND || rc == ERR_IO)
        return conf_error(r->e, ERR_NOT_FOUND, r->doc, at, "map \"%s\": no readable file %s", name,
                          path);
    if (rc < 0)
        return rc;
    snprintf(f->name, sizeof(f->name), "%s", name);
    c->n_map_files++;
    *ret = f->map;
    return 0;
}

static int load_map(struct reading_file *r, const struct ynode *at, const char *name,
                    unsigned kinds, struct map **ret)
{
    int rc = map_file(r, at, name, ret);
    if (rc == 0 && !(kinds >> map_kind(*ret) & 1))
        rc = conf_error(r->e, ERR_RANGE, r->doc, at, "map \"%s\" is not for this kind of device",
                        name);
    return rc;
}

/* The map of one scale of an indicator that has several; freed with the configuration. */
static int load_channel(struct reading_file *r, const struct ynode *at, struct config_scale *s)
{
    struct err why = {0};
    if (s->channel == 0)
        return 0;
    if (map_channel(s->map, (unsigned)s->channel, &s->own_map, &why) < 0)
        return conf_error(r->e, why.code, r->doc, at, "scale %s: %s", s->name, why.text);
    s->map = s->own_map;
    return 0;
}

static int load_crop(struct reading_file *r, const struct ynode *at, const char *name,
                     struct crop **ret)
{
    struct config *c = r->c;
    char path[512];
    for (size_t i = 0; i < c->n_crop_files; i++)
        if (strcmp(c->crop_files[i].name, name) == 0) {
            *ret = c->crop_files[i].crop;
            return 0;
        }
    struct config_crop_file *f = &c->crop_files[c->n_crop_files];
    snprintf(path, sizeof(path), "%s/%s.yaml", c->crops, name);
    int rc = crop_load(path, &f->crop, r->e);
    if (rc == ERR_NOT_FOUND || rc == ERR_IO)
        return conf_error(r->e, ERR_NOT_FOUND, r->doc, at, "crop \"%s\": no readable file %s", name,
                          path);
    if (rc < 0)
        return rc;
    snprintf(f->name, sizeof(f->name), "%s", name);
    c->n_crop_files++;
    *ret = f->crop;
    return 0;
}

static int read_routes(struct reading_file *r, const struct ynode *map, struct config_line *l)
{
    if (map->kind != YNODE_MAP || map->n == 0 || map->n > CROP_GRADES_MAX)
        return conf_error(r->e, ERR_RANGE, r->doc, map,
                          "outlets: needs 1 to %d grades, each with its outlets", CROP_GRADES_MAX);
    for (size_t i = 0; i < map->n; i++) {
        const struct ynode *g = map->child[i];
        struct config_route *t = &l->routes[l->n_routes++];
        if (snprintf(t->grade, sizeof(t->grade), "%s", g->key) >= (int)sizeof(t->grade))
            return conf_error(r->e, ERR_TOOBIG, r->doc, g, "grade \"%s\" is too long", g->key);
        if (g->kind != YNODE_LIST || g->n == 0 || g->n > PLAN_CHOICES)
            return conf_error(r->e, ERR_RANGE, r->doc, g, "grade \"%s\" needs 1 to %d outlets",
                              g->key, PLAN_CHOICES);
        t->line = g->line;
        for (size_t k = 0; k < g->n; k++) {
            int64_t v;
            int rc = conf_int(r->doc, g->child[k], 1, OUTLETS_MAX, &v, r->e);
            if (rc < 0)
                return rc;
            if (v == l->default_outlet && strcmp(t->grade, "reject") != 0)
                return conf_error(
                    r->e, ERR_RANGE, r->doc, g->child[k],
                    "outlet %d is the default outlet: its lot is rework, no grade may go there",
                    (int)v);
            t->outlets[k] = (uint8_t)v;
        }
    }
    return 0;
}

static int read_capacity(struct reading_file *r, const struct ynode *map, struct config_line *l)
{
    if (!map)
        return 0;
    if (map->kind != YNODE_MAP)
        return conf_error(r->e, ERR_PARSE, r->doc, map, "capacity_g: needs outlet: grams");
    for (size_t i = 0; i < map->n; i++) {
        struct ynode key = *map->child[i];
        int64_t outlet, g;
        key.kind = YNODE_SCALAR;
        key.text = key.key;
        int rc = conf_int(r->doc, &key, 1, OUTLETS_MAX, &outlet, r->e);
        if (rc == 0)
            rc = conf_int(r->doc, map->child[i], 1, 10000000, &g, r->e);
        if (rc)
            return rc;
        l->capacity_mg[outlet] = g * 1000;
    }
    return 0;
}

static int read_line(struct reading_file *r, const struct ynode *at, size_t i)
{
    struct line_part p = {0};
    int rc = conf_read(line_rows, N(line_rows), r->doc, at, &p, r->e);
    if (rc < 0)
        return rc;
    struct config_line *l = &r->c->lines[i];
    *l = p.l;
    l->line = at->line;
    r->c->n_lines = i + 1;
    if ((rc = check_name(r, at, l->name)) < 0 || (rc = check_endpoint(r, at, &l->at)) < 0 ||
        (rc = load_map(r, at, l->map_name, 1U << MAP_MAILBOX, &l->map)) < 0 ||
        (rc = read_routes(r, p.outlets, l)) < 0 || (rc = read_capacity(r, p.capacity_g, l)) < 0 ||
        (rc = load_crop(r, at, l->crop_name, &l->crop)) < 0)
        return rc;
    /* Every rule set that this line may run must find an outlet for each of its grades. */
    for (size_t k = 0; k < crop_rulesets(l->crop); k++) {
        struct plan plan = {0};
        if ((rc = config_plan(r->c, l, crop_ruleset_at(l->crop, k), &plan, r->e)) < 0)
            return rc;
    }
    return 0;
}

enum { TRADE_IS_STATIC = 1 }; /* index into "none|static|automatic" */

static int read_scale(struct reading_file *r, const struct ynode *at, size_t i)
{
    struct config_scale *s = &r->c->scales[i];
    int rc = conf_read(scale_rows, N(scale_rows), r->doc, at, s, r->e);
    r->c->n_scales = i + 1;
    if (rc < 0 || (rc = check_name(r, at, s->name)) < 0 || (rc = check_endpoint(r, at, &s->at)) < 0)
        return rc;
    s->line = at->line;
    if (s->min_g >= s->max_g)
        return conf_error(r->e, ERR_RANGE, r->doc, at, "scale %s: min_g must be below max_g",
                          s->name);
    if (s->valid_until[0]) {
        char text[32];
        struct wall w;
        snprintf(text, sizeof(text), "%sT23:59:59Z", s->valid_until);
        if (wall_parse(text, &w) < 0)
            return conf_error(r->e, ERR_PARSE, r->doc, at,
                              "valid_until \"%s\" is no date YYYY-MM-DD", s->valid_until);
        s->valid_until_ms = w.ms - r->c->utc_offset_min * 60000;
    }
    if ((rc = load_map(r, at, s->map_name, 1U << MAP_REGISTERS | 1U << MAP_LINES, &s->map)) < 0 ||
        (rc = load_channel(r, at, s)) < 0)
        return rc;
    if (s->role == TRADE_IS_STATIC && !map_trade_static(s->map))
        return conf_error(
            r->e, ERR_RANGE, r->doc, ynode_get(at, "trade"),
            "scale %s: trade: static needs a map that is declared fit for it, and %s is not",
            s->name, s->map_name);
    return 0;
}

static int read_station(struct reading_file *r, const struct ynode *at, size_t i)
{
    struct config_station *s = &r->c->stations[i];
    int rc = conf_read(station_rows, N(station_rows), r->doc, at, s, r->e);
    r->c->n_stations = i + 1;
    if (rc < 0 || (rc = check_name(r, at, s->name)) < 0)
        return rc;
    s->line = at->line;
    for (size_t k = 0; k < r->c->n_scales; k++)
        if (strcmp(r->c->scales[k].name, s->scale) == 0) {
            s->scale_index = (int)k;
            return 0;
        }
    return conf_error(r->e, ERR_NOT_FOUND, r->doc, at,
                      "station %s: no scale \"%s\" under scales:", s->name, s->scale);
}

static int read_drive(struct reading_file *r, const struct ynode *at, size_t i)
{
    struct config_drive *d = &r->c->drives[i];
    int rc = conf_read(drive_rows, N(drive_rows), r->doc, at, d, r->e);
    r->c->n_drives = i + 1;
    if (rc < 0 || (rc = check_name(r, at, d->name)) < 0 || (rc = check_endpoint(r, at, &d->at)) < 0)
        return rc;
    d->line = at->line;
    return load_map(r, at, d->map_name, 1U << MAP_REGISTERS, &d->map);
}

static int read_role(struct reading_file *r, const struct ynode *at, size_t i)
{
    r->c->n_roles = i + 1;
    return conf_read(role_rows, N(role_rows), r->doc, at, &r->c->roles[i], r->e);
}

static int read_buyer(struct reading_file *r, const struct ynode *at, size_t i)
{
    if (at->kind != YNODE_SCALAR || strlen(at->text) > 24 || !plain_name(at->text))
        return conf_error(r->e, ERR_RANGE, r->doc, at,
                          "a buyer is a name of 1 to 24 of a-z, 0-9 and -");
    snprintf(r->c->buyers[i], sizeof(r->c->buyers[i]), "%s", at->text);
    r->c->n_buyers = i + 1;
    return 0;
}

static int each(struct reading_file *r, const struct ynode *list, const char *what, size_t max,
                int (*one)(struct reading_file *, const struct ynode *, size_t))
{
    if (!list)
        return 0;
    if (list->kind != YNODE_LIST || list->n > max)
        return conf_error(r->e, ERR_RANGE, r->doc, list, "%s: must be a list of at most %zu", what,
                          max);
    for (size_t i = 0; i < list->n; i++) {
        int rc = one(r, list->child[i], i);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_all(struct reading_file *r, const struct ynode *root)
{
    struct top *top = calloc(1, sizeof(*top));
    if (!top)
        return err_set(r->e, ERR_NOMEM, "no memory for the configuration");
    int rc = conf_read(top_rows, N(top_rows), r->doc, root, top, r->e);
    if (rc == 0) {
        char file[sizeof(r->c->file)];
        memcpy(file, r->c->file, sizeof(file));
        *r->c = top->c;
        memcpy(r->c->file, file, sizeof(file));
        struct config *c = r->c;
        if (!plain_name(c->site))
            rc = conf_error(r->e, ERR_RANGE, r->doc, root,
                            "site \"%s\" may hold a-z, 0-9 and - only", c->site);
        else if (c->station[0] < 'A' || c->station[0] > 'Z')
            rc = conf_error(r->e, ERR_RANGE, r->doc, root, "station must be one letter A-Z");
        if (rc < 0 || (rc = resolve(r, c->store, sizeof(c->store))) < 0 ||
            (rc = resolve(r, c->socket, sizeof(c->socket))) < 0 ||
            (rc = resolve(r, c->key, sizeof(c->key))) < 0 ||
            (rc = resolve(r, c->maps, sizeof(c->maps))) < 0 ||
            (rc = resolve(r, c->crops, sizeof(c->crops))) < 0 ||
            (rc = resolve(r, c->text_dir, sizeof(c->text_dir))) < 0 ||
            (rc = each(r, top->lines, "lines", CONFIG_LINES_MAX, read_line)) < 0 ||
            (rc = each(r, top->scales, "scales", CONFIG_SCALES_MAX, read_scale)) < 0 ||
            (rc = each(r, top->stations, "stations", CONFIG_STATIONS_MAX, read_station)) < 0 ||
            (rc = each(r, top->drives, "drives", CONFIG_DRIVES_MAX, read_drive)) < 0 ||
            (rc = each(r, top->roles, "roles", CONFIG_ROLES_MAX, read_role)) < 0 ||
            (rc = each(r, top->buyers, "buyers", CONFIG_BUYERS_MAX, read_buyer)) < 0)
            goto out;
        rc = config_check(c, r->e);
    }
out:
    free(top);
    return rc;
}

int config_load(const char *path, struct config **ret, struct err *e)
{
    struct ydoc *doc = NULL;
    struct config *c = NULL;
    int rc = ydoc_load(path, &doc, e);
    if (rc < 0)
        return rc;
    struct reading_file r = {.doc = doc, .e = e};
    const struct ynode *root = ydoc_root(doc);
    if (!(c = calloc(1, sizeof(*c)))) {
        rc = err_set(e, ERR_NOMEM, "no memory for the configuration");
        goto out;
    }
    r.c = c;
    snprintf(c->file, sizeof(c->file), "%s", path);
    char copy[256];
    snprintf(copy, sizeof(copy), "%s", path);
    snprintf(r.folder, sizeof(r.folder), "%s", dirname(copy));
    if (!root || root->kind != YNODE_MAP)
        rc = err_at(e, ERR_PARSE, path, 1, "the file is empty or no map of keys");
    else
        rc = read_all(&r, root);
out:
    ydoc_free(doc);
    if (rc < 0) {
        config_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_map_files; i++)
        map_free(c->map_files[i].map);
    for (size_t i = 0; i < c->n_scales; i++)
        map_free(c->scales[i].own_map);
    for (size_t i = 0; i < c->n_crop_files; i++)
        crop_free(c->crop_files[i].crop);
    free(c);
}

void config_print(void (*line)(void *, const char *), void *ctx)
{
    for (size_t i = 0; i < N(parts); i++) {
        line(ctx, parts[i].title);
        conf_print(parts[i].rows, parts[i].n, line, ctx);
    }
}

static const struct config_route *route_of(const struct config_line *l, const char *grade)
{
    for (size_t i = 0; i < l->n_routes; i++)
        if (strcmp(l->routes[i].grade, grade) == 0)
            return &l->routes[i];
    return NULL;
}

int config_plan(const struct config *c, const struct config_line *l, const struct ruleset *rules,
                struct plan *ret, struct err *e)
{
    struct plan p = {.rules = rules,
                     .outlet_bad = (uint8_t)l->bad_outlet,
                     .outlet_none = (uint8_t)l->default_outlet};
    memcpy(p.capacity_mg, l->capacity_mg, sizeof(p.capacity_mg));
    for (uint16_t g = 1; rules && g <= ruleset_grades(rules); g++) {
        const struct config_route *t = route_of(l, ruleset_grade_code(rules, g));
        if (!t)
            return err_at(e, ERR_KEY, c->file, l->line,
                          "line %s: rule set %s has grade \"%s\", but outlets: has no such grade",
                          l->name, ruleset_id(rules), ruleset_grade_code(rules, g));
        memcpy(p.choices[g], t->outlets, sizeof(p.choices[g]));
    }
    *ret = p;
    return 0;
}
