/* The parts of lotlined and their order of birth and death. Main thread.
 * Owns: the record, buses with their devices, stations. Buses are made per endpoint: devices with
 * the same address or serial port share one.
 *
 * 1. Nothing talks to a device before the record is open and its state has been read.
 * 2. Threads stop before anything that they use is freed. */
#include "controller/daemon.h"
#include "base/crypto.h"
#include "base/log.h"
#include "traceability/command.h"
#include "traceability/feed.h"
#include "traceability/line.h"
#include "traceability/scale.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NEWS_RING  256 /* without room items wait at the mailbox, none is lost */
#define ORDER_RING 64
#define HELD_MAX   1024

struct daemon_line *daemon_line_no(struct daemon *d, uint32_t no)
{
    for (size_t i = 0; i < d->c->n_lines; i++)
        if (d->lines[i].no == no)
            return &d->lines[i];
    assert(!"a line that is configured");
    return NULL;
}

struct daemon_line *daemon_line_named(struct daemon *d, const char *name)
{
    for (size_t i = 0; i < d->c->n_lines; i++)
        if (strcmp(d->lines[i].cfg->name, name) == 0)
            return &d->lines[i];
    return NULL;
}

struct daemon_station *daemon_station_named(struct daemon *d, const char *name)
{
    for (size_t i = 0; i < d->c->n_stations; i++)
        if (strcmp(d->stations[i].cfg->name, name) == 0)
            return &d->stations[i];
    return NULL;
}

void daemon_order(struct daemon *d, struct daemon_line *l, const struct order *o)
{
    (void)d;
    if (!ring_push(l->orders, o))
        log_error("line %s takes no orders: its thread does not answer", l->cfg->name);
    else if (l->thread)
        busthread_wake(l->thread);
}

/* The bus of an endpoint: found or made. Returns its index or an error. */
static int bus_of(struct daemon *d, const struct config_endpoint *at, struct err *e)
{
    for (size_t i = 0; i < d->n_threads; i++)
        if (config_same_bus(&d->endpoints[i], at))
            return (int)i;
    size_t i = d->n_threads;
    struct link_options lo = config_link(d->c, at);
    struct bus_options bo = config_bus(d->c, at);
    int rc = link_new(&lo, &d->links[i], e);
    if (rc < 0)
        return rc;
    if (!(d->buses[i] = bus_new(&bo))) {
        link_free(d->links[i]);
        return err_set(e, ERR_NOMEM, "no memory for a bus");
    }
    d->endpoints[i] = *at;
    d->n_threads++;
    return (int)i;
}

static int add_device(struct daemon *d, const struct config_endpoint *at, struct device dev,
                      struct err *e)
{
    int i = bus_of(d, at, e);
    if (i < 0)
        return i;
    int rc = bus_add(d->buses[i], &dev);
    return rc < 0 ? err_at(e, rc, d->c->file, at->line,
                           "too many devices at one endpoint (at most %d)", BUS_DEVICES_MAX)
                  : i;
}

struct held_list {
    struct line_held *held;
    size_t n;
};

static void hold_words(void *ctx, uint32_t seq, const uint16_t words[ITEM_WORDS])
{
    struct held_list *h = ctx;
    if (h->n == HELD_MAX)
        return;
    h->held[h->n].seq = seq;
    memcpy(h->held[h->n].words, words, sizeof(h->held[h->n].words));
    h->n++;
}

/* The line, going on where the record stands. `held`: room for the words of its last items. */
static int make_line(struct daemon *d, struct daemon_line *l, struct line_options *o,
                     struct held_list *held, struct err *e)
{
    int rc;
    if ((rc = feed_stop_wanted(store_db(d->store), l->no, &l->feed_stop, e)) < 0)
        return rc;
    l->feed_changed = l->feed_stop; /* told with the first turn */
    if ((rc = item_line_state(d->store, l->no, &o->state, e)) < 0)
        return rc;
    uint32_t from = o->state.seq > HELD_MAX ? o->state.seq - HELD_MAX : 0;
    if (o->state.epoch && (rc = item_held_words(d->store, l->no, o->state.epoch, from, o->state.seq,
                                                hold_words, held)) < 0)
        return err_set(e, rc, "line %s: the words of its last items cannot be read", o->name);
    if ((rc = planner_build(d, l, &l->plan, e)) < 0)
        return rc;
    l->run = l->plan->run;
    atomic_store(&l->ack.seq, (uint64_t)o->state.epoch << 32 | o->state.seq);
    atomic_store(&l->ack.out, (uint64_t)o->state.epoch << 32 | o->state.out);
    o->plan = l->plan;
    o->held = held->held;
    o->held_n = held->n;
    o->session = (uint16_t)(crypto_random_u32() % 0xFFFF + 1);
    return line_new(o, &l->line, e);
}

static int setup_line(struct daemon *d, struct daemon_line *l, const struct config_line *cfg,
                      struct err *e)
{
    struct line_options o = {.name = cfg->name,
                             .unit = (uint8_t)cfg->unit,
                             .base = (uint16_t)cfg->base_b,
                             .host = (uint16_t)cfg->base_h,
                             .poll_ms = (uint32_t)cfg->poll_ms,
                             .map = cfg->map,
                             .news_fd = d->news_fd,
                             .serial = cfg->at.serial[0] != 0,
                             .ack = &l->ack};
    l->cfg = cfg;
    json_t *facts = json_pack("{s:s,s:s,s:s,s:s,s:i}", "map", map_id(cfg->map), "map_version",
                              map_version(cfg->map), "map_sha256", map_sha256(cfg->map), "crop",
                              crop_id(cfg->crop), "default_outlet", (int)cfg->default_outlet);
    int rc = line_configure(d->store, cfg->name, facts, &l->no, e);
    json_decref(facts);
    if (rc < 0)
        return rc;
    o.no = l->no;
    o.news = l->news = ring_new(sizeof(struct news), NEWS_RING);
    o.orders = l->orders = ring_new(sizeof(struct order), ORDER_RING);
    struct held_list held = {.held = calloc(HELD_MAX, sizeof(*held.held))};
    if (!l->news || !l->orders || !held.held)
        rc = err_set(e, ERR_NOMEM, "no memory for line %s", cfg->name);
    else
        rc = make_line(d, l, &o, &held, e);
    free(held.held);
    if (rc == 0)
        rc = add_device(d, &cfg->at, line_device(l->line), e);
    return rc < 0 ? rc : 0;
}

static int setup_modbus_scale(struct daemon *d, struct daemon_scale *s,
                              const struct config_scale *cfg, struct err *e)
{
    struct scale_options o = {.name = cfg->name,
                              .unit = (uint8_t)cfg->unit,
                              .period_ms = (uint32_t)cfg->poll_ms,
                              .map = cfg->map};
    int rc = scale_new(&o, &s->scale, e);
    return rc < 0 ? rc : add_device(d, &cfg->at, scale_device(s->scale), e);
}

static int setup_scale(struct daemon *d, struct daemon_scale *s, const struct config_scale *cfg,
                       struct err *e)
{
    s->cfg = cfg;
    int rc = map_kind(cfg->map) == MAP_LINES ? daemon_lines_scale(d, s, cfg, e)
                                             : setup_modbus_scale(d, s, cfg, e);
    if (rc < 0)
        return rc;
    static const char *const roles[] = {"none", "static", "automatic"};
    json_t *facts = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "scale", cfg->name, "role", roles[cfg->role],
        "class", cfg->accuracy_class, "serial", cfg->serial_no, "certificate", cfg->certificate,
        "valid_until_ms", (json_int_t)cfg->valid_until_ms, "max_mg", (json_int_t)cfg->max_g * 1000,
        "min_mg", (json_int_t)cfg->min_g * 1000, "e_mg", (json_int_t)cfg->e_mg, "d_mg",
        (json_int_t)cfg->d_mg);
    const struct actor daemon = {.role = ROLE_DAEMON, .id = "daemon"};
    json_t *ret = NULL;
    rc = command_run(d->store, &daemon, NULL, "scale.configure", facts, &ret, NULL, e);
    json_decref(facts);
    json_decref(ret);
    return rc;
}

static int setup_station(struct daemon *d, struct daemon_station *s,
                         const struct config_station *cfg, struct err *e)
{
    s->cfg = cfg;
    s->scale = &d->scales[cfg->scale_index];
    const struct config_scale *sc = s->scale->cfg;
    struct station_options o = {.name = cfg->name,
                                .min_mg = sc->min_g * 1000,
                                .max_mg = sc->max_g * 1000,
                                .e_mg = sc->e_mg,
                                .zero_band_mg = sc->e_mg / 4 > sc->d_mg ? sc->e_mg / 4 : sc->d_mg,
                                .stable_ms = (uint32_t)cfg->stable_ms};
    if (!(s->station = station_new(&o)))
        return err_set(e, ERR_NOMEM, "no memory for station %s", cfg->name);
    uint32_t last = 0;
    int rc = station_last_placement(store_db(d->store), cfg->name, &last, e);
    if (rc == 0)
        station_first_placement(s->station, last);
    return rc;
}

static int setup_drive(struct daemon *d, struct daemon_drive *v, const struct config_drive *cfg,
                       struct err *e)
{
    struct drive_options o = {.name = cfg->name,
                              .unit = (uint8_t)cfg->unit,
                              .period_ms = (uint32_t)cfg->poll_ms,
                              .map = cfg->map};
    v->cfg = cfg;
    int rc = drive_new(&o, &v->drive, e);
    if (rc == 0)
        rc = add_device(d, &cfg->at, drive_device(v->drive), e);
    return rc < 0 ? rc : 0;
}

static int setup_parts(struct daemon *d, struct err *e)
{
    const struct config *c = d->c;
    const struct actor daemon = {.role = ROLE_DAEMON, .id = "daemon"};
    int rc = store_begin(d->store, e);
    for (size_t i = 0; rc == 0 && i < c->n_scales; i++)
        rc = setup_scale(d, &d->scales[i], &c->scales[i], e);
    for (size_t i = 0; rc == 0 && i < c->n_stations; i++)
        rc = setup_station(d, &d->stations[i], &c->stations[i], e);
    for (size_t i = 0; rc == 0 && i < c->n_drives; i++)
        rc = setup_drive(d, &d->drives[i], &c->drives[i], e);
    for (size_t i = 0; rc == 0 && i < c->n_lines; i++)
        rc = setup_line(d, &d->lines[i], &c->lines[i], e);
    for (size_t i = 0; rc == 0 && i < c->n_buyers; i++) {
        json_t *args = json_pack("{s:s}", "buyer", c->buyers[i]), *ret = NULL;
        rc = command_run(d->store, &daemon, NULL, "buyer.register", args, &ret, NULL, e);
        json_decref(args);
        json_decref(ret);
        if (rc == ERR_EXISTS)
            rc = 0;
    }
    return rc == 0 ? store_commit(d->store, e) : rc;
}

int daemon_setup(struct daemon *d, struct config *c, struct err *e)
{
    *d = (struct daemon){.c = c, .news_fd = -1};
    struct store_options o = {
        .dir = c->store, .key_path = c->key, .site = c->site, .station = c->station[0]};
    int rc = store_open(&o, &d->store, e);
    if (rc < 0)
        return rc;
    d->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    d->news = calloc(DAEMON_NEWS, sizeof(*d->news));
    if (d->news_fd < 0 || !d->news)
        return err_set(e, ERR_NOMEM, "no memory or descriptors to start");
    d->head = store_head(d->store);
    rc = setup_parts(d, e);
    if (rc == 0)
        return 0;
    store_rollback(d->store); /* who refuses to start writes nothing */
    d->failed = true;
    if (rc == ERR_DB || rc == ERR_IO || rc == ERR_DISK_FULL)
        err_prefix(e, "%s", c->store);
    return rc;
}

int daemon_start(struct daemon *d, struct err *e)
{
    for (size_t i = 0; i < d->n_threads; i++) {
        char name[104];
        config_place(&d->endpoints[i], name, sizeof(name));
        int rc = busthread_start(d->buses[i], d->links[i], name, &d->threads[i], e);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < d->n_ports; i++) {
        int rc = linethread_start(d->ports[i], e);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < d->c->n_lines; i++) {
        const struct config_endpoint *at = &d->lines[i].cfg->at;
        int b = bus_of(d, at, e);
        d->lines[i].thread = d->threads[b];
    }
    return 0;
}

void daemon_stop(struct daemon *d)
{
    for (size_t i = 0; i < d->n_threads; i++) /* invariant 2 */
        busthread_stop(d->threads[i]);
    for (size_t i = 0; i < d->n_ports; i++)
        linethread_free(d->ports[i]);
    for (size_t i = 0; i < d->c->n_lines; i++)
        d->lines[i].thread = NULL; /* the last turn wakes nobody */
    if (d->control)
        turn_run(d, mono_now()); /* what the lines handed over last */
    struct err e = {0};
    if (d->store && !d->failed && store_begin(d->store, &e) == 0) {
        if (item_blocks(d->store, mono_now(), true, &e) < 0 || store_commit(d->store, &e) < 0)
            log_error("the last block of items was not closed: %s", e.text);
    }
    for (size_t i = 0; i < d->c->n_lines; i++) {
        struct daemon_line *l = &d->lines[i];
        line_free(l->line);
        ring_free(l->news);
        ring_free(l->orders);
        for (size_t k = 0; k < sizeof(l->used) / sizeof(l->used[0]); k++)
            free(l->used[k]);
        free(l->plan);
    }
    for (size_t i = 0; i < d->c->n_stations; i++)
        station_free(d->stations[i].station);
    for (size_t i = 0; i < d->c->n_scales; i++) {
        scale_free(d->scales[i].scale);
        linescale_free(d->scales[i].lines);
    }
    for (size_t i = 0; i < d->c->n_drives; i++)
        drive_free(d->drives[i].drive);
    for (size_t i = 0; i < d->n_threads; i++) {
        bus_free(d->buses[i]);
        link_free(d->links[i]);
    }
    for (size_t i = 0; i < DAEMON_SINKS; i++)
        json_decref(d->sinks[i].report);
    free(d->news);
    store_close(d->store);
    if (d->news_fd >= 0)
        close(d->news_fd);
}

bool daemon_alive(const struct daemon *d, struct mono now)
{
    for (size_t i = 0; i < d->n_threads; i++)
        if (now.ns - busthread_progress_ns(d->threads[i]) > 3000000000)
            return false;
    for (size_t i = 0; i < d->n_ports; i++)
        if (now.ns - linethread_progress_ns(d->ports[i]) > 3000000000)
            return false;
    return true;
}

void daemon_feed_stations(struct daemon *d, struct mono now)
{
    for (size_t i = 0; i < d->c->n_stations; i++) {
        struct daemon_station *s = &d->stations[i];
        struct scale_view v;
        struct scale_facts f;
        struct err e = {0};
        daemon_scale_get(s->scale, &v);
        if (v.at.ns == s->fed_ns && v.link_up)
            continue;
        s->fed_ns = v.at.ns;
        struct db *db = store_db(d->store); /* NULL while the record cannot be opened */
        if (db && scale_facts(db, s->scale->cfg->name, wall_now(), &f, &e) == 0)
            s->facts = (struct station_facts){.trade_static = f.trade_static, .checked = f.checked};
        station_feed(s->station, &v, now);
    }
}
