/* The daemon's control socket: packets as any local program may send them, through ipc, the queue
 * and the verbs, on a record with lots, a run and a station that shows a weight; all undone again.
 * Lines:
 * one packet each; "COMMAND KEY=VALUE …" is written as its JSON, "=MG" puts another weight on the
 * scale, everything else goes out as it is. */
#include "tests/fuzz/farm.h"
#include "base/ipc.h"
#include "controller/control.h"
#include "controller/daemon.h"
#include "controller/verbs.h"
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

static struct daemon d;
static sd_event *loop;
static int fd;
static unsigned sent_n;

static const char text[] =
    "site: min-county\nstation: A\nstore: %s\nsocket: %s/sock\nkey: %s\nmaps: %s/plc-maps\n"
    "crops: %s/crops\nlines:\n  - {name: a, host: 127.0.0.1, port: 1, crop: codonopsis, "
    "bad_outlet: 4,\n"
    "     default_outlet: 5, outlets: {'1': [1], '2': [2], '3': [3], '4': [3], reject: [4]}}\n"
    "scales:\n  - {name: floor, host: 127.0.0.1, port: 2, map: hbm-wtx110, trade: static, class: "
    "III,\n"
    "     serial_no: S-1, certificate: C-1, valid_until: '2099-01-01', max_g: 60000, min_g: 40,\n"
    "     e_mg: 20000, d_mg: 2000}\nstations:\n  - {name: shed, scale: floor}\n";

static void end(void)
{
    close(fd);
    control_free(d.control);
    d.control = NULL;
    daemon_stop(&d);
    config_free(d.c);
    sd_event_unref(loop);
    farm_remove();
}

static void connect_to(const char path[96])
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%.95s", path);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
    assert(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
}

void fuzz_setup(void)
{
    char here[256], path[96], yaml[4096];
    struct config *c = NULL;
    farm_setup(true);
    farm_leave();
    assert(getcwd(here, sizeof here));
    snprintf(path, sizeof path, "%s/c.yaml", farm.m->f.tmp.dir);
    int n = snprintf(yaml, sizeof yaml, text, farm.m->f.dir, farm.m->f.tmp.dir, farm.m->f.key, here,
                     here);
    tmp_write(path, yaml, (size_t)n);
    OK(config_load(path, &c, e));
    OK(daemon_setup(&d, c, e));
    assert(sd_event_new(&loop) >= 0);
    snprintf(path, sizeof path, "%s/sock", farm.m->f.tmp.dir);
    OK(control_new(loop, &d, path, &d.control, e));
    connect_to(path);
    assert(sd_event_run(loop, 0) >= 0);
    atexit(end);
}

/* So much stands on the scale, steady. */
static void put_weight(int64_t mg)
{
    struct daemon_station *s = &d.stations[0];
    struct scale_view v = {.link_up = true, .good = true, .stable = true};
    v.at = mono_add_ms(mono_now(), -400);
    station_feed(s->station, &v, v.at);
    v.at = mono_add_ms(v.at, 50);
    v.net_mg = v.gross_mg = mg;
    station_feed(s->station, &v, v.at);
    v.at = mono_now();
    station_feed(s->station, &v, v.at);
    s->facts = (struct station_facts){true, true};
}

/* What was sent comes in and runs, inside the open transaction. */
static void run_sent(void)
{
    struct request *r;
    for (int i = 0; i < 2; i++)
        assert(sd_event_run(loop, 0) >= 0);
    while ((r = control_next(d.control))) {
        verb_run(&d, r);
        assert(r->error.code <= 0 && !(r->error.code && r->result));
    }
}

static void send_line(char *line)
{
    char *blank = strchr(line, ' ');
    int64_t mg;
    if (*line == '=') {
        run_sent();
        if (num_i64(line + 1, -1000000000, 1000000000, &mg) == 0)
            put_weight(mg);
        return;
    }
    if (*line == '{' || *line == '[' || !*line) {
        send(fd, line, strlen(line) + !*line, MSG_NOSIGNAL);
        return;
    }
    char id[16];
    snprintf(id, sizeof id, "q%u", sent_n++ % 6); /* some come again */
    if (blank)
        *blank = 0;
    struct station_view v;
    station_get(d.stations[0].station, &d.stations[0].facts, mono_now(), &v);
    json_t *args = farm_args(blank ? blank + 1 : line + strlen(line));
    if (strcmp(line, "station.accept") == 0 && !json_object_get(args, "placement")) {
        json_object_set_new(args, "placement", json_integer(v.placement));
        json_object_set_new(args, "shown_mg", json_integer(v.net_mg));
        json_object_set_new(args, "station", json_string("shed"));
    }
    json_t *doc = json_pack("{s:s,s:s,s:o}", "command", line, "request_id", id, "args", args);
    if (doc)
        ipc_send(fd, doc);
    json_decref(doc);
}

static void take_answers(void)
{
    json_t *doc = NULL;
    struct err e = {0};
    for (int rc; (rc = ipc_recv(fd, &doc, &e)) == 0; json_decref(doc)) {
        const json_t *ok = json_object_get(doc, "ok");
        const json_t *error = json_object_get(doc, "error");
        assert(!json_is_false(ok) || err_from_name(json_text_or(error, "code", "")) < 0);
    }
}

/* What verbs leave behind outside the record. */
static void forget(void)
{
    for (size_t i = 0; i < DAEMON_SINKS; i++) {
        json_decref(d.sinks[i].report);
        d.sinks[i] = (struct daemon_sink){0};
    }
    struct daemon_station *s = &d.stations[0];
    if (s->in_doubt)
        station_undo(s->station, s->in_doubt);
    s->in_doubt = 0;
    d.lines[0].feed_changed = d.lines[0].feed_stop = d.plans_stale = false;
    d.lines[0].box_changed = 0;
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    struct err e = {0};
    int64_t head = store_head(d.store);
    fuzz_dice = 1;
    sent_n = 0;
    put_weight(20000000);
    assert(store_begin(d.store, &e) == 0);
    for (int i = 0; f.n && i < 12; i++) {
        char *line = farm_expand(take_line(&f, '\n'));
        send_line(line);
        free(line);
    }
    run_sent();
    store_rollback(d.store);
    control_answer(d.control, NULL);
    take_answers();
    forget();
    assert(store_head(d.store) == head);
}
