/* lotlined's configuration: one YAML file, read whole and checked whole before anything starts.
 * Every error names file, line, key and the nearest valid key. Plain values; borrowed by all,
 * changed by nobody after loading. */
#pragma once
#include "base/err.h"
#include "controller/bus.h"
#include "controller/link.h"
#include "controller/plan.h"
#include "plc-maps/map.h"
#include <stdint.h>

#define CONFIG_LINES_MAX    32
#define CONFIG_SCALES_MAX   16
#define CONFIG_STATIONS_MAX 16
#define CONFIG_DRIVES_MAX   16
#define CONFIG_ROLES_MAX    16
#define CONFIG_BUYERS_MAX   32
#define CONFIG_UNITS_MAX    (CONFIG_LINES_MAX + CONFIG_SCALES_MAX + CONFIG_DRIVES_MAX)

/* Where a device is: TCP (host, port) or a serial port. Devices with equal endpoints
 * share a bus. */
struct config_endpoint {
    char host[64]; /* numeric IPv4; "" when serial */
    int64_t port;
    char serial[96]; /* device path; "" when TCP */
    int64_t baud;
    int parity; /* index into "none|even|odd" */
    int64_t stop_bits;
    int line; /* in the file, for later errors */
};
struct config_line {
    char name[24];
    struct config_endpoint at;
    int64_t unit, base_b, base_h, poll_ms;
    char map_name[96], crop_name[96];
    struct map *map;
    struct crop *crop;
    int64_t bad_outlet, default_outlet; /* what the PLC's default must be; 0: whatever it says */
    /* grade codes → outlets; resolved against a rule set when a run starts */
    size_t n_routes;
    struct config_route {
        char grade[16];
        uint8_t outlets[PLAN_CHOICES];
        int line;
    } routes[CROP_GRADES_MAX];
    int64_t capacity_mg[OUTLETS_MAX + 1];
    int64_t belt_um_per_s, distance_um, lead_ms; /* 0: unknown, the deadline is not checked */
    int line;
};
struct config_scale {
    char name[24];
    struct config_endpoint at;
    int64_t unit, poll_ms;
    char map_name[96];
    int64_t channel;     /* of an indicator with several scales */
    struct map *map;     /* of this channel */
    struct map *own_map; /* the same when it is not the file's; NULL */
    int role;            /* index into "none|static|automatic" */
    char accuracy_class[8], serial_no[40], certificate[40];
    int weight_unit;                       /* map kind lines: index into LINES_UNITS */
    int64_t stable_frames, stable_over_ms; /* the same: 0: the map's */
    char valid_until[16];                  /* "2027-05-01", last day */
    int64_t valid_until_ms;
    int64_t max_g, min_g, e_mg, d_mg;
    int line;
};
struct config_station {
    char name[24], scale[24];
    int64_t stable_ms;
    int scale_index, line;
};
struct config_drive {
    char name[24];
    struct config_endpoint at;
    int64_t unit, poll_ms;
    char map_name[96];
    struct map *map;
    int line;
};
struct config_role {
    int64_t uid;
    int role; /* index into "nobody|worker|operator|manager" */
};
struct config {
    char file[256];
    char site[17], station[2];
    char store[256], socket[104], key[256], maps[256], crops[256], text_dir[256];
    int64_t utc_offset_min;
    size_t n_lines, n_scales, n_stations, n_drives, n_roles, n_buyers;
    struct config_line lines[CONFIG_LINES_MAX];
    struct config_scale scales[CONFIG_SCALES_MAX];
    struct config_station stations[CONFIG_STATIONS_MAX];
    struct config_drive drives[CONFIG_DRIVES_MAX];
    struct config_role roles[CONFIG_ROLES_MAX];
    char buyers[CONFIG_BUYERS_MAX][25];
    /* Each file once, however many lines and devices name it; theirs are borrowed from here. */
    size_t n_map_files, n_crop_files;
    struct config_map_file {
        char name[96];
        struct map *map;
    } map_files[CONFIG_UNITS_MAX];
    struct config_crop_file {
        char name[96];
        struct crop *crop;
    } crop_files[CONFIG_LINES_MAX];
};
/* Loads, checks, loads maps and crops. *ret is malloc'd. */
int config_load(const char *path, struct config **ret, struct err *e);
void config_free(struct config *c);
/* config_check.c: what only the whole file shows: lines that exclude each other, units that cannot
 * share a port, and a line that may decide too late. Done by config_load. */
int config_check(const struct config *c, struct err *e);
/* Two endpoints are one bus: the same address and TCP port, or the same serial port. */
bool config_same_bus(const struct config_endpoint *a, const struct config_endpoint *b);
/* The link and the bus of an endpoint; the bus as the slowest of all units there needs it. */
struct link_options config_link(const struct config *c, const struct config_endpoint *at);
struct bus_options config_bus(const struct config *c, const struct config_endpoint *at);
/* "127.0.0.1:502" or "/dev/ttyUSB0", for logs. Returns buf. */
const char *config_place(const struct config_endpoint *at, char *buf, size_t size);
/* The reference page, one line per call. */
void config_print(void (*line)(void *, const char *), void *ctx);
/* Builds choices and capacities of a plan for a rule set: every grade of the rule set needs a route
 * (or the bad outlet takes "reject"); error names the line in the file. */
int config_plan(const struct config *c, const struct config_line *l, const struct ruleset *r,
                struct plan *ret, struct err *e);
