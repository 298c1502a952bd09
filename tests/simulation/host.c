/* lotlined under virtual time: its parts from daemon_setup, its turn, and in place of threads,
 * socket and libmodbus the few functions below, which the program takes instead of those in the
 * archives.
 *
 * Invariants
 *  1. A dead process does nothing: from the disk's death on no answer leaves and no word reaches a
 * PLC.
 *  2. What was acknowledged or answered is in the record after any crash (judged at each start). */
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "controller/control.h"
#include "controller/daemon.h"
#include "controller/link.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/judge.h"
#include "tests/simulation/world.h"
#include "traceability/rebuild.h"
#include "traceability/store.h"
#include "traceability/verify.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 100, FIRST_PORT = 1 };

static struct config *configs[SHED_CONFIGS], *config;
static struct daemon *d;
#define NEVER                                                                                      \
    {                                                                                              \
        INT64_MAX                                                                                  \
    }
static struct mono turn_due, tick_due, start_due = NEVER, ill_until = NEVER, restart_due = NEVER,
                                       step_due = NEVER;
static bool cut_next, slow;
static uint32_t lives; /* starts of lotlined */

/* ---- the socket ---- */

struct control {
    struct request r;
    char verb[32], id[32];
    json_t *args;
    bool waits, ran;
};
static struct control socket_end;

struct request *control_next(struct control *c)
{
    if (!c->waits || c->ran)
        return NULL;
    c->ran = true;
    return &c->r;
}

bool control_waiting(const struct control *c)
{
    return c->waits;
}

void control_answer(struct control *c, const struct err *failed)
{
    if (!c->ran)
        return;
    struct request r = c->r;
    char id[sizeof c->id];
    json_t *args = c->args;
    memcpy(id, c->id, sizeof id);
    *c = (struct control){0};
    if (failed && !r.error.code && !r.keep)
        r.error = *failed;
    trace("answer", r.error.code, 0, 0);
    if (!disk_dead()) /* invariant 1 */
        hands_answer(id, r.error.code, r.error.text, r.error.code ? NULL : r.result);
    json_decref(args);
    json_decref(r.result);
}

void control_publish(struct control *c, const json_t *doc)
{
    (void)c;
    if (!disk_dead() && json_object_get(doc, "head"))
        buyer_head();
}

bool control_watched(const struct control *c)
{
    (void)c;
    return false;
}

void control_watch(struct request *r)
{
    (void)r;
}

bool shed_ask(const char *verb, const char *request_id, void *args)
{
    struct control *c = &socket_end;
    if (!d || c->waits) {
        json_decref(args);
        return false;
    }
    snprintf(c->verb, sizeof c->verb, "%s", verb);
    snprintf(c->id, sizeof c->id, "%s", request_id);
    c->r = (struct request){.verb = c->verb,
                            .request_id = c->id,
                            .args = args,
                            .actor = {.role = ROLE_MANAGER, .id = "uid:1000"}};
    c->args = args;
    c->waits = true;
    bool person = strcmp(verb, "farmer.add") == 0; /* two files commit */
    if (!w.calm && (person || strcmp(verb, "station.accept") == 0) && chance(person ? 300 : 100)) {
        cut_next = chance(600);
        disk_die_at(1 + dice_below(&w.dice, 25));
    }
    turn_due = mono_min(turn_due, in_ms(0, 3));
    return true;
}

/* ---- the wires ---- */

struct link {
    int wire;
};

int link_new(const struct link_options *o, struct link **ret, struct err *e)
{
    struct link *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(e, ERR_NOMEM, "no memory");
    l->wire = o->serial[0] ? 0 : o->port - FIRST_PORT;
    *ret = l;
    return 0;
}

void link_free(struct link *l)
{
    free(l);
}

bool link_up(const struct link *l)
{
    return plant_wire_up(l->wire);
}

uint32_t link_dead_ms(const struct link_options *o, uint32_t timeout_ms, uint32_t words,
                      uint32_t alone_ms)
{
    (void)o;
    (void)words;
    (void)alone_ms;
    return timeout_ms;
}

/* One transaction at a time: asked, done at the device, answered. */
struct busthread {
    struct bus *bus;
    int wire;
    enum { IDLE, ON_THE_WAY, ON_THE_WAY_BACK } at;
    struct want want;
    struct reply reply;
    struct mono due;
};
static struct busthread *threads[4];
static size_t n_threads;

static bool is_read(const struct want *q)
{
    return q->fc == 3 || q->fc == 4;
}

/* On an ill wire: some bits flipped, or what an earlier request of the same length had brought. */
static void garble(struct busthread *t)
{
    static uint16_t earlier[128][125];
    static bool came_late;
    struct reply *r = &t->reply;
    uint16_t now[125];
    if (!plant_garble(t->wire) || !is_read(&t->want) || r->n == 0)
        return;
    memcpy(now, r->words, r->n * sizeof now[0]);
    bool late = !came_late && plant_options()->rtu && chance(plant_garble(t->wire));
    if (late)
        memcpy(r->words, earlier[r->n], r->n * sizeof now[0]);
    else if (chance(plant_garble(t->wire)))
        for (uint32_t i = 1 + dice_below(&w.dice, 3); i; i--)
            r->words[dice_below(&w.dice, r->n)] ^= (uint16_t)(1u << dice_below(&w.dice, 16));
    came_late = late;
    memcpy(earlier[r->n], now, r->n * sizeof now[0]);
}

static void at_the_device(struct busthread *t)
{
    struct want *q = &t->want;
    struct reply *r = &t->reply;
    uint16_t addr = q->addr, n = q->n;
    if (!bus_may_write(t->bus, q->unit, addr, n) && !is_read(q))
        wrong("a write of %u words at %u outside the window", n, addr);
    if (t->wire == 0 && is_read(q))
        watch_read(addr, n);
    else if (t->wire == 0)
        watch_write(addr, n, q->words, shed_quarantined());
    int code =
        plant_transact(t->wire, is_read(q), q->unit, addr, n, is_read(q) ? r->words : q->words);
    trace(is_read(q) ? "read" : "write", addr, n, code);
    r->n = is_read(q) ? n : 0;
    if (code) {
        r->rc = ERR_EXCEPTION;
        r->exception = (uint8_t)code;
    }
    garble(t);
}

/* 115200 baud, 11 bits a byte. */
static int64_t on_the_line_ns(const struct busthread *t)
{
    uint32_t bytes = 13 + 2u * t->want.n;
    return t->wire == 0 && plant_options()->rtu ? (int64_t)bytes * 11 * 1000000000 / 115200 : 0;
}

static void send(struct busthread *t)
{
    struct want *q = &t->want;
    bool lost = chance(plant_loss(t->wire)), slow_wire = plant_loss(t->wire) && chance(100);
    struct mono deadline = mono_add_ms(w.now, q->timeout_ms);
    t->reply = (struct reply){.sent = w.now};
    t->at = ON_THE_WAY_BACK;
    if (q->fc != 3 && q->fc != 4 && q->fc != 16)
        wrong("function %u is not in the map", q->fc);
    if (!plant_wire_up(t->wire)) {
        t->reply.rc = chance(500) ? ERR_LINK : ERR_TIMEOUT;
        t->due = t->reply.rc == ERR_LINK ? mono_add_ns(w.now, 50000) : deadline;
    } else if (!plant_answers(t->wire) || (lost && chance(500))) {
        t->reply.rc = ERR_TIMEOUT;
        t->due = deadline;
    } else if (plant_loss(t->wire) && chance(20)) {
        t->reply.rc = ERR_EXCEPTION;
        t->reply.exception = 6;
        t->due = in_ms(1, 3);
    } else {
        t->at = ON_THE_WAY;
        t->due = mono_add_ns(
            w.now, on_the_line_ns(t) +
                       (int64_t)(200000 + dice_below(&w.dice, slow_wire ? 30000000 : 1500000)));
        if (lost) /* what comes back is lost */
            t->reply.rc = ERR_TIMEOUT;
    }
}

static void come_back(struct busthread *t)
{
    t->at = IDLE;
    t->reply.got = w.now;
    bus_done(t->bus, &t->reply, w.now);
    t->due = w.now;
}

static void thread_run(struct busthread *t)
{
    struct mono wake = MONO_NEVER;
    switch (t->at) {
    case IDLE:
        if (bus_next(t->bus, w.now, &t->want, &wake))
            send(t);
        else
            t->due = mono_min(wake, mono_add_ms(w.now, 500));
        break;
    case ON_THE_WAY:
        t->at = ON_THE_WAY_BACK;
        if (!plant_answers(t->wire)) {
            t->reply.rc = ERR_TIMEOUT;
        } else {
            int lost = t->reply.rc;
            at_the_device(t);
            if (lost) {
                t->reply.rc = lost;
                t->reply.n = 0;
            }
        }
        t->due = t->reply.rc == ERR_TIMEOUT
                     ? mono_add_ms(t->reply.sent, t->want.timeout_ms)
                     : mono_add_ns(w.now, (int64_t)dice_below(&w.dice, 1000000));
        break;
    case ON_THE_WAY_BACK: come_back(t); break;
    }
}

int busthread_start(struct bus *b, struct link *l, const char *name, struct busthread **ret,
                    struct err *e)
{
    (void)name;
    struct busthread *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(e, ERR_NOMEM, "no memory");
    t->bus = b;
    t->wire = l->wire;
    t->due = w.now;
    threads[n_threads++] = t;
    *ret = t;
    return 0;
}

void busthread_wake(struct busthread *t)
{
    if (t->at == IDLE)
        t->due = w.now;
}

/* A kill leaves what is on the way to arrive or not; a clean stop says goodbye first. */
void busthread_stop(struct busthread *t)
{
    if (!t)
        return;
    if (t->at == ON_THE_WAY && plant_answers(t->wire) && chance(500))
        at_the_device(t);
    for (size_t i = 0; i < n_threads; i++)
        if (threads[i] == t)
            threads[i] = threads[--n_threads];
    free(t);
}

int64_t busthread_progress_ns(const struct busthread *t)
{
    (void)t;
    return w.now.ns;
}

bool busthread_link_up(const struct busthread *t)
{
    return plant_wire_up(t->wire);
}

/* ---- life ---- */

void shed_config(size_t i, const char *yaml)
{
    struct err e = {0};
    char text[512];
    if (config_load(yaml, &configs[i], &e) < 0) {
        fprintf(stderr, "%s\n", err_line(&e, text, sizeof text));
        exit(2);
    }
}

void shed_begin(size_t i)
{
    config = configs[i];
    snprintf(config->store, sizeof config->store, "%s/store", w.dir);
    snprintf(config->key, sizeof config->key, "%s/key", w.dir);
    shed_up();
}

bool shed_running(void)
{
    return d != NULL;
}

static void bury(void)
{
    hands_lost();
    if (socket_end.waits) {
        json_decref(socket_end.args);
        json_decref(socket_end.r.result);
    }
    socket_end = (struct control){0};
    d->control = NULL;
    d->failed = true; /* no last turn, no last block */
    daemon_stop(d);
    free(d);
    d = NULL;
    turn_due = tick_due = MONO_NEVER;
}

void shed_up(void)
{
    struct err e = {0};
    start_due = MONO_NEVER;
    d = calloc(1, sizeof *d);
    if (!d)
        wrong("no memory");
    int rc = daemon_setup(d, config, &e);
    trace("start", rc, d->head, 0);
    if (rc < 0 && w.log)
        fprintf(w.log, "lotlined: %s: %s\n", err_name(rc), e.text);
    if (rc == 0) {
        d->control = &socket_end;
        rc = daemon_start(d, &e);
    }
    if (rc == 0 && !disk_dead()) {
        turn_due = tick_due = w.now;
        lives++;
        watch_start();
        shed_judge(false);
        return;
    }
    if (!disk_dead() && ill_until.ns == INT64_MAX)
        wrong("lotlined does not start: %s: %s", err_name(rc), e.text);
    if (disk_dead()) { /* it died while it started */
        shed_kill(cut_next);
    } else {
        bury();
        start_due = in_ms(500, 1000); /* systemd tries again */
    }
}

void shed_kill(bool cut)
{
    trace("kill", cut, d->head, 0);
    disk_die();
    bury();
    buyer_stop();
    disk_restart(cut);
    cut_next = false;
    w.kills += !cut;
    w.cuts += cut;
    start_due = chance(100) ? in_ms(3000, 40000) : in_ms(10, 2000);
    buyer_start();
}

static void say_goodbye(struct busthread *t)
{
    struct mono wake;
    bus_goodbye(t->bus);
    for (int i = 0; i < 20 && bus_next(t->bus, w.now, &t->want, &wake); i++) {
        t->reply = (struct reply){.sent = w.now};
        if (!plant_wire_up(t->wire))
            t->reply.rc = ERR_LINK;
        else if (!plant_answers(t->wire))
            t->reply.rc = ERR_TIMEOUT;
        else
            at_the_device(t);
        come_back(t);
    }
}

void shed_stop(void)
{
    trace("stop", d->head, 0, 0);
    for (size_t i = 0; i < n_threads; i++)
        say_goodbye(threads[i]);
    daemon_stop(d);
    socket_end = (struct control){0};
    hands_lost();
    free(d);
    d = NULL;
    turn_due = tick_due = MONO_NEVER;
    start_due = in_ms(100, 1500);
    if (!disk_dead())
        return;
    buyer_stop();
    disk_restart(cut_next);
    cut_next = false;
    buyer_start();
}

/* ---- time ---- */

struct mono shed_due(void)
{
    struct mono due = mono_min(mono_min(turn_due, tick_due), mono_min(start_due, ill_until));
    due = mono_min(due, step_due);
    for (size_t i = 0; i < n_threads; i++)
        due = mono_min(due, threads[i]->due);
    return due;
}

static void turn(void)
{
    turn_due = MONO_NEVER;
    turn_run(d, w.now);
    if (disk_dead())
        shed_kill(cut_next);
    else if (control_waiting(&socket_end))
        turn_due = in_ms(1, 20);
}

/* An epoch that lotlined saw end: up to what it had seen there, all is recorded or a gap, once it
 * has had the time to commit that. */
static void follow_epoch(const struct line_status *st)
{
    static uint32_t life, epoch, head, left, left_head;
    static struct mono since;
    if (life != lives || d->failed || st->quarantined) { /* there its numbers may be others' */
        life = lives;
        epoch = left = 0;
        return;
    }
    if (epoch && st->epoch != epoch) {
        left = epoch;
        left_head = head;
        since = w.now;
    }
    epoch = st->epoch;
    head = st->head_seq;
    if (!left || mono_since_ms(w.now, since) < 2000)
        return;
    judge_left(store_db(d->store), left, left_head);
    left = 0;
}

static void tick(void)
{
    struct line_status st;
    tick_due = mono_add_ms(w.now, TICK_MS);
    daemon_feed_stations(d, w.now);
    line_status_get(d->lines[0].line, &st);
    plant_quarantined(st.quarantined || d->lines[0].broken);
    if ((st.quarantined || d->lines[0].broken) && !plant_was_restored())
        wrong("the line is in quarantine, and the PLC's memory was never put back");
    if (st.foreign_host && !plant_was_intruded())
        wrong("another host was seen, and there was none");
    if (!st.foreign_host)
        watch_tick(d->failed);
    follow_epoch(&st);
    bool person = st.foreign_host || d->lines[0].broken; /* as the alarm says: restart lotlined */
    if (!person)
        restart_due = MONO_NEVER;
    else if (restart_due.ns == INT64_MAX)
        restart_due = in_ms(4000, 12000);
    turn();
    if (d && mono_reached(w.now, restart_due)) {
        restart_due = MONO_NEVER;
        shed_stop();
    }
}

void shed_run(void)
{
    if (mono_reached(w.now, step_due)) {
        step_due = MONO_NEVER;
        w.wall_ms += (int64_t)dice_between(&w.dice, -86400, 86400) * 1000;
        w.clock_stepped = true;
    }
    if (mono_reached(w.now, ill_until)) {
        ill_until = MONO_NEVER;
        disk_ill(DISK_WELL);
    }
    if (mono_reached(w.now, start_due))
        shed_up();
    for (size_t i = 0; i < n_threads; i++)
        if (mono_reached(w.now, threads[i]->due))
            thread_run(threads[i]);
    if (!d)
        return;
    if (ring_used(d->lines[0].news) && turn_due.ns == INT64_MAX)
        turn_due = slow ? in_ms(0, 150) : in_ms(0, 4);
    if (mono_reached(w.now, tick_due))
        tick();
    else if (mono_reached(w.now, turn_due))
        turn();
}

void shed_fault(void)
{
    uint32_t what = dice_below(&w.dice, 12);
    if (!d)
        return;
    trace("host-fault", what, 0, 0);
    switch (what) {
    case 0:
    case 1: shed_kill(false); break;
    case 2:
    case 3: shed_kill(true); break;
    case 4:
    case 5:
    case 6:
        cut_next = chance(600);
        disk_die_at(1 + dice_below(&w.dice, 30));
        break;
    case 7: shed_stop(); break;
    case 8:
        disk_ill((enum disk_ill)(1 + dice_below(&w.dice, 3)));
        ill_until = in_ms(100, 4000);
        if (chance(300))
            plant_dip();
        break;
    case 9:
        step_due = in_ms(1, 10000);
        if (chance(600))
            buyer_dip(); /* events of both times wait */
        break;
    default: slow = chance(500); break;
    }
}

void shed_heal(void)
{
    slow = false;
    disk_die_at(0);
    ill_until = MONO_NEVER;
    disk_ill(DISK_WELL);
}

bool shed_quarantined(void)
{
    struct line_status st = {0};
    if (d)
        line_status_get(d->lines[0].line, &st);
    return st.quarantined || (d && d->lines[0].broken);
}

bool shed_station(struct shed_station *ret)
{
    struct station_view v;
    if (!d)
        return false;
    station_get(d->stations[0].station, &d->stations[0].facts, w.now, &v);
    *ret = (struct shed_station){station_state_word(v.state), v.placement, v.net_mg};
    return true;
}

/* ---- judging ---- */

bool shed_acknowledged(uint32_t epoch, uint32_t seq, uint32_t out)
{
    struct db *db = d && !d->failed && !disk_dead() ? store_db(d->store) : NULL;
    if (db && !db_in_tx(db))
        judge_acked(db, epoch, seq, out);
    return db != NULL;
}

void shed_adopted(uint32_t epoch)
{
    struct db *db;
    struct err e = {0};
    if (disk_dead() || store_open_reader(config->store, &db, &e) < 0)
        return;
    struct stmt *q = db_q(db, "SELECT count(*) FROM line_epoch WHERE epoch=? AND own");
    if (q_step(q_int(q, 1, epoch)) == 1 && q_col(q, 0) == 0)
        wrong("the PLC adopted epoch %u, which is not committed", epoch);
    q_done(q);
    db_close(db);
}

bool shed_differs(uint32_t epoch, uint32_t seq, int64_t net_mg, int32_t dia_um)
{
    struct db *db = d && !d->failed && !disk_dead() ? store_db(d->store) : NULL;
    return db && !db_in_tx(db) && judge_differs(db, epoch, seq, net_mg, dia_um);
}

void shed_judge(bool all)
{
    judge_record(store_db(d->store), store_people(d->store), all);
}

void shed_finish(void)
{
    struct db *db;
    struct err e = {0};
    json_t *report;
    int64_t applied;
    if (store_open_reader(config->store, &db, &e) < 0)
        wrong("the record cannot be opened: %s", e.text);
    judge_rows(db);
    if (verify_store(db, NULL, &report, &e) < 0)
        wrong("the record does not hold: %s", e.text);
    if (json_integer_value(json_object_get(report, "unblocked")))
        wrong("rows stand in no block after a clean stop");
    json_decref(report);
    if (rebuild_check(db, config->store, &applied, &e) < 0)
        wrong("the projections differ when made anew: %s", e.text);
    struct stmt *q = db_q(db, "PRAGMA integrity_check");
    if (q_step(q) != 1 || strcmp(q_str(q, 0), "ok") != 0)
        wrong("the database is damaged: %s", q_str(q, 0));
    q_done(q);
    trace("end", applied, w.items, 0);
    w.events = (uint32_t)applied;
    db_close(db);
}
