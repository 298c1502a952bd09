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
#include "tests/simulation/world.h"
#include "traceability/rebuild.h"
#include "traceability/store.h"
#include "traceability/verify.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 100, FIRST_PORT = 1 };

static struct config *config;
static struct daemon *d;
#define NEVER                                                                                      \
    {                                                                                              \
        INT64_MAX                                                                                  \
    }
static struct mono turn_due, tick_due, start_due = NEVER, ill_until = NEVER, restart_due = NEVER;
static bool cut_next, slow;

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
    l->wire = o->port - FIRST_PORT;
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

static void at_the_device(struct busthread *t)
{
    struct want *q = &t->want;
    struct reply *r = &t->reply;
    uint16_t addr = q->addr, n = q->n;
    if (!bus_may_write(t->bus, q->unit, addr, n) && !is_read(q))
        wrong("a write of %u words at %u outside the window", n, addr);
    int code =
        plant_transact(t->wire, is_read(q), q->unit, addr, n, is_read(q) ? r->words : q->words);
    trace(is_read(q) ? "read" : "write", addr, n, code);
    r->n = is_read(q) ? n : 0;
    if (code) {
        r->rc = ERR_EXCEPTION;
        r->exception = (uint8_t)code;
    }
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
            w.now, (int64_t)(200000 + dice_below(&w.dice, slow_wire ? 30000000 : 1500000)));
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

void shed_config(const char *yaml)
{
    struct err e = {0};
    char text[512];
    if (config_load(yaml, &config, &e) < 0) {
        fprintf(stderr, "%s\n", err_line(&e, text, sizeof text));
        exit(2);
    }
}

void shed_begin(void)
{
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

static void tick(void)
{
    struct line_status st;
    tick_due = mono_add_ms(w.now, TICK_MS);
    daemon_feed_stations(d, w.now);
    line_status_get(d->lines[0].line, &st);
    plant_quarantined(st.quarantined || d->lines[0].broken);
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
        break;
    case 9: w.wall_ms += (int64_t)dice_between(&w.dice, -86400, 86400) * 1000; break;
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

static int64_t single(struct db *db, struct stmt *q)
{
    int rc = q_step(q);
    int64_t n = rc == 1 ? q_col(q, 0) : 0;
    q_done(q);
    if (rc < 0)
        wrong("the record cannot be read: %s", db_message(db));
    return n;
}

static int64_t number(struct db *db, const char *sql)
{
    return single(db, db_q(db, sql));
}

static int64_t number_of(struct db *db, const char *sql, uint32_t epoch, uint32_t to)
{
    return single(db, q_int(q_int(db_q(db, sql), 1, epoch), 2, to));
}

/* An item's row is what the PLC showed, and it was decided as it went. */
static void judge_item(struct stmt *q, uint32_t epoch)
{
    uint32_t seq = (uint32_t)q_col(q, 0);
    const struct truth_item *t = truth_item(epoch, seq);
    bool no_mg = q_is_null(q, 1), no_dia = q_is_null(q, 2);
    if (!t)
        wrong("item %u:%u is recorded, but the PLC never showed it", epoch, seq);
    if (t->twice)
        return; /* the PLC itself gave the number to two items */
    if (t->spoiled && no_mg)
        return;
    if (!no_mg && q_col(q, 1) != t->net_mg)
        wrong("item %u:%u weighs %lld mg in the record, %lld at the PLC", epoch, seq,
              (long long)q_col(q, 1), (long long)t->net_mg);
    if (!no_dia && q_col(q, 2) != t->dia_um)
        wrong("item %u:%u has another diameter in the record", epoch, seq);
    if (q_col(q, 3) != t->flags)
        wrong("item %u:%u has flags %lld in the record, %u at the PLC", epoch, seq,
              (long long)q_col(q, 3), t->flags);
    enum { VALID = 1, STABLE = 2, NO_WEIGHT = 16 };
    if (no_mg && (t->flags & (VALID | STABLE | NO_WEIGHT)) == (VALID | STABLE) &&
        !(t->flags & 0x6C))
        wrong("item %u:%u lost its weight", epoch, seq);
    if (t->outlet && q_col(q, 4) && q_col(q, 4) != t->outlet)
        wrong("item %u:%u was decided for outlet %lld, but the PLC took a slot for %u", epoch, seq,
              (long long)q_col(q, 4), t->outlet);
}

static void judge_items(struct db *db)
{
    struct stmt *q = db_q(
        db, "SELECT i.id&4294967295,i.net_mg,i.dia_um,i.flags,i.outlet,s.epoch FROM segment s"
            " JOIN item i ON i.id BETWEEN s.id<<32 AND s.id<<32|4294967295 ORDER BY s.epoch,i.id");
    uint32_t epoch = 0, last = 0;
    int rc;
    while ((rc = q_step(q)) == 1) {
        if ((uint32_t)q_col(q, 5) != epoch)
            last = 0;
        epoch = (uint32_t)q_col(q, 5);
        if ((uint32_t)q_col(q, 0) <= last)
            wrong("item %u:%lld stands after %u", epoch, (long long)q_col(q, 0), last);
        last = (uint32_t)q_col(q, 0);
        judge_item(q, epoch);
    }
    if (rc < 0)
        wrong("the items cannot be read: %s", db_message(db));
}

static void judge_outcomes(struct db *db)
{
    struct stmt *q =
        db_q(db, "SELECT o.id&4294967295,o.seq,o.outlet,o.reason,s.epoch FROM segment s"
                 " JOIN outcome o ON o.id BETWEEN s.id<<32 AND s.id<<32|4294967295");
    int rc;
    while ((rc = q_step(q)) == 1) {
        uint32_t epoch = (uint32_t)q_col(q, 4), out = (uint32_t)q_col(q, 0);
        const struct truth_outcome *t = truth_outcome(epoch, out);
        if (!t)
            wrong("outcome %u:%u is recorded, but the PLC never showed it", epoch, out);
        if (!t->twice &&
            (q_col(q, 1) != t->seq || q_col(q, 2) != t->outlet || q_col(q, 3) != t->reason))
            wrong("outcome %u:%u is recorded as item %lld to %lld, reason %lld; it was %u to %u, "
                  "reason %u",
                  epoch, out, (long long)q_col(q, 1), (long long)q_col(q, 2),
                  (long long)q_col(q, 3), t->seq, t->outlet, t->reason);
    }
    if (rc < 0)
        wrong("the outcomes cannot be read: %s", db_message(db));
}

/* Of an epoch everything up to `to` is a row or lies in a gap. */
static void judge_prefix(struct db *db, uint32_t epoch, uint32_t to, uint32_t out_to)
{
    int64_t rows =
        number_of(db,
                  "SELECT count(*) FROM segment s JOIN item i ON i.id BETWEEN s.id<<32 AND"
                  " s.id<<32|?2 WHERE s.epoch=?1",
                  epoch, to);
    int64_t gaps =
        number_of(db,
                  "SELECT coalesce(sum(min(last,?2)-first+1),0) FROM gap WHERE kind='items' AND"
                  " epoch=?1 AND last>0 AND first<=?2",
                  epoch, to);
    if (rows + gaps != to)
        wrong("epoch %u: of %u items %lld are recorded and %lld lie in gaps", epoch, to,
              (long long)rows, (long long)gaps);
    rows = number_of(db,
                     "SELECT count(*) FROM segment s JOIN outcome o ON o.id BETWEEN s.id<<32 AND"
                     " s.id<<32|?2 WHERE s.epoch=?1",
                     epoch, out_to);
    gaps =
        number_of(db,
                  "SELECT coalesce(sum(min(last,?2)-first+1),0) FROM gap WHERE kind='outcomes' AND"
                  " epoch=?1 AND last>0 AND first<=?2",
                  epoch, out_to);
    if (rows + gaps != out_to)
        wrong("epoch %u: of %u outcomes %lld are recorded and %lld lie in gaps", epoch, out_to,
              (long long)rows, (long long)gaps);
}

static void judge_weighings(struct db *db)
{
    for (size_t i = 0; i < hands_weighings(); i++) {
        int64_t mg;
        const char *id = hands_weighing(i, &mg);
        struct stmt *q = q_text(db_q(db, "SELECT net_mg FROM weighing WHERE weighing=?"), 1, id);
        if (q_step(q) != 1)
            wrong("weighing %s was confirmed and is not in the record", id);
        if (q_col(q, 0) != mg)
            wrong("weighing %s: %lld mg in the record, %lld were on the scale", id,
                  (long long)q_col(q, 0), (long long)mg);
        q_done(q);
    }
    int64_t n = number(db, "SELECT count(*) FROM weighing WHERE voided_seq IS NULL");
    if (n > (int64_t)hands_weighings() + 1) /* one may be recorded and not answered yet */
        wrong("%lld weighings in the record, %zu were made", (long long)n, hands_weighings());
}

void shed_judge(bool all)
{
    struct db *db = store_db(d->store);
    size_t n = truth_epochs();
    for (size_t i = all || n < 2 ? 0 : n - 2; i < n; i++) { /* a start judges the newest two */
        uint32_t epoch = truth_epoch(i);
        if (epoch)
            judge_prefix(db, epoch, truth_acked(epoch), truth_acked_out(epoch));
    }
    judge_weighings(db);
    if (!all)
        return;
    judge_items(db);
    judge_outcomes(db);
}

void shed_finish(void)
{
    struct db *db;
    struct err e = {0};
    json_t *report;
    int64_t applied;
    if (store_open_reader(config->store, &db, &e) < 0)
        wrong("the record cannot be opened: %s", e.text);
    judge_items(db);
    judge_outcomes(db);
    judge_weighings(db);
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
    trace("end", applied, number(db, "SELECT count(*) FROM item"), 0);
    w.events = (uint32_t)applied;
    db_close(db);
}
