/* What lotlined's main thread owns. Only the files of the main thread include this: daemon.c (parts
 * and their start), turn.c (drain, commit, answer), control.c (socket), verbs.c, status.c,
 * planner.c. */
#pragma once
#include "base/ring.h"
#include "controller/busthread.h"
#include "controller/config.h"
#include "controller/drive.h"
#include "controller/line.h"
#include "controller/linethread.h"
#include "controller/station.h"
#include "traceability/store.h"
#include <jansson.h>

#define DAEMON_NEWS   2048 /* records drained into one turn */
#define DAEMON_ALARMS 64
#define DAEMON_SINKS  16

struct daemon_line {
    const struct config_line *cfg;
    uint32_t no;
    struct line *line;
    struct ring *news, *orders;
    struct line_ack ack;
    struct plan *plan;    /* the newest handed to the line */
    struct plan *used[8]; /* handed over earlier, not yet given back */
    uint32_t run;         /* run of `plan` */
    bool plan_late;       /* the record asks for another plan, which could not be made yet */
    struct busthread *thread;
    bool feed_stop, feed_changed; /* wanted by a person; to be told after the commit */
    uint32_t box_changed; /* bit k: an empty box stands under outlet k; told after the commit */
    bool broken; /* its news cannot be stored (ERR_EPOCH): no acknowledgement until a person acts */
    uint64_t net_mg; /* items stored since start, for the rollup */
};
struct daemon_scale {
    const struct config_scale *cfg;
    struct scale *scale;     /* NULL: it talks in lines */
    struct linescale *lines; /* else NULL */
};
struct daemon_station {
    const struct config_station *cfg;
    struct station *station;
    struct daemon_scale *scale;
    struct station_facts facts;
    int64_t fed_ns;    /* the reading that was fed last */
    uint32_t in_doubt; /* placement accepted in the open transaction; 0: none */
};
struct daemon_drive {
    const struct config_drive *cfg;
    struct drive *drive;
};
struct daemon_alarm {
    char code[32], line[24];
    char text[200];
    int64_t since_ms, last_ms;
    uint64_t count;
    bool active;
};
struct daemon_sink {
    char name[25];
    json_t *report;
    int64_t at_ms;
};
struct control;

struct daemon {
    struct config *c;
    struct store *store;
    int news_fd;
    size_t n_threads;
    struct busthread *threads[CONFIG_LINES_MAX + CONFIG_SCALES_MAX + CONFIG_DRIVES_MAX];
    struct bus *buses[CONFIG_LINES_MAX + CONFIG_SCALES_MAX + CONFIG_DRIVES_MAX];
    struct link *links[CONFIG_LINES_MAX + CONFIG_SCALES_MAX + CONFIG_DRIVES_MAX];
    struct config_endpoint endpoints[CONFIG_LINES_MAX + CONFIG_SCALES_MAX + CONFIG_DRIVES_MAX];
    size_t n_ports; /* of scales that talk in lines */
    struct linethread *ports[CONFIG_SCALES_MAX];
    struct config_endpoint port_at[CONFIG_SCALES_MAX];
    struct daemon_line lines[CONFIG_LINES_MAX];
    struct daemon_scale scales[CONFIG_SCALES_MAX];
    struct daemon_station stations[CONFIG_STATIONS_MAX];
    struct daemon_drive drives[CONFIG_DRIVES_MAX];
    struct daemon_alarm alarms[DAEMON_ALARMS];
    struct daemon_sink sinks[DAEMON_SINKS];
    struct control *control;
    /* the turn */
    bool plans_stale;  /* a command of this turn may have changed what governs a line */
    struct news *news; /* DAEMON_NEWS; kept over a failed commit */
    size_t n_news;
    bool failed;       /* the last commit failed: no acknowledgement before a reopen succeeds */
    struct mono retry; /* when to try again */
    struct mono blocks_due, started;
    int64_t head, commits, commit_max_us, last_commit_ms;
    struct clock_pair {
        struct wall wall;
        struct mono mono;
    } clock_seen, clock_next; /* of the last commit, of this turn */
    int64_t stepped_ms;       /* between them */
};

/* Opens the record, builds lines, scales, stations and their buses; starts nothing. */
int daemon_setup(struct daemon *d, struct config *c, struct err *e);
int daemon_start(struct daemon *d, struct err *e); /* bus threads run from here on */
void daemon_stop(struct daemon *d);                /* goodbyes, joins, last turn, closes */
/* daemon_scales.c. A scale that talks in lines, at its port; *s gets it. */
int daemon_lines_scale(struct daemon *d, struct daemon_scale *s, const struct config_scale *cfg,
                       struct err *e);
/* The newest reading, of whatever kind of scale. */
void daemon_scale_get(const struct daemon_scale *s, struct scale_view *ret);
void daemon_order(struct daemon *d, struct daemon_line *l, const struct order *o);
void daemon_alarm(struct daemon *d, const char *code, const char *line, const char *text,
                  bool active);
/* Once a second: what does not answer is an alarm that names where. */
void daemon_watch_devices(struct daemon *d, struct mono now);
struct daemon_line *daemon_line_no(struct daemon *d, uint32_t no); /* asserts that it exists */
struct daemon_line *daemon_line_named(struct daemon *d, const char *name);
struct daemon_station *daemon_station_named(struct daemon *d, const char *name);
bool daemon_alive(const struct daemon *d, struct mono now); /* every bus thread made progress */

/* turn.c: drain rings and requests, commit once, only then acknowledge, order, answer. */
void turn_run(struct daemon *d, struct mono now);

/* planner.c. ERR_STATE with the way out: the line's map does not give all measures that the rules
 * need. */
int planner_fits(const struct config_line *l, const struct ruleset *rules, struct err *e);
/* The plan of a line's open run as the record has it (run 0 when none). malloc'd. */
int planner_build(struct daemon *d, struct daemon_line *l, struct plan **ret, struct err *e);
/* The record changed what governs the line: build and hand over. */
int planner_renew(struct daemon *d, struct daemon_line *l, struct err *e);
/* After a commit that may have changed runs or holds: renews the plans that differ from the record.
 * One that cannot be renewed is an alarm and leaves d->plans_stale set. */
void planner_refresh(struct daemon *d);
/* The line no longer uses this plan. */
void planner_retire(struct daemon_line *l, const struct plan *former);
/* A new number's facts for the record: rule set text, hash, grades. Caller owns. */
json_t *planner_rule_facts(const struct crop *c, const struct ruleset *r);
/* [{grade, outlets:[outlet…]}…] of a plan: for the record and for the status. Caller owns. */
json_t *planner_routes(const struct plan *p);

/* Feeds new readings to the stations' interlocks. */
void daemon_feed_stations(struct daemon *d, struct mono now);
