/* The loop. Thread: the program's only one. Owns: everything below.
 * Invariants: 1 a turn is devices → script → servers → poll, and poll never outlasts the next scan;
 * 2 sim.json appears whole (rename) and after everything listens. */
#include "sim/shed.h"
#include "base/crypto.h"
#include "sim/control.h"
#include "sim/serve.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { DEVICES_MAX = 16, PATH_BYTES = 512 };

struct shed {
    struct device dev[DEVICES_MAX];
    size_t n;
    struct truth *truth;
    struct serve *serve;
    struct control *control;
    struct script *script;
    struct mono start;
    int signal_fd;
};

static const char *in_dir(const struct shed_cfg *c, const char *name, char *buf)
{
    snprintf(buf, PATH_BYTES, "%s/%s", c->dir, name);
    return buf;
}

/* ---- sim.json ---- */

static json_t *describe(const struct device *d)
{
    json_t *o = json_pack("{ssss}", "name", d->cfg.name, "kind", device_kind_words[d->cfg.kind]);
    json_object_set_new(o, "unit", json_integer(d->cfg.unit));
    if (d->cfg.pty[0])
        json_object_set_new(o, "pty", json_string(d->cfg.pty));
    else
        json_object_set_new(o, "port", json_integer(d->cfg.port));
    if (d->plc) {
        json_object_set_new(o, "base_b", json_integer(d->cfg.plc.base));
        json_object_set_new(o, "base_h", json_integer(plc_host_base(d->plc)));
        json_object_set_new(o, "ring", json_integer(d->cfg.plc.ring_n));
        json_object_set_new(o, "seed", json_integer((json_int_t)d->cfg.plc.seed));
    }
    return o;
}

static int write_json(const struct shed *s, const struct shed_cfg *c, struct err *e)
{
    char path[PATH_BYTES], temp[PATH_BYTES];
    json_t *list = json_array();
    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(list, describe(&s->dev[i]));
    json_t *doc =
        json_pack("{sossss}", "devices", list, "truth", "truth.jsonl", "control", "sim.sock");
    json_object_set_new(doc, "pid", json_integer(getpid()));
    int bad = json_dump_file(doc, in_dir(c, "sim.json.new", temp), JSON_INDENT(1));
    json_decref(doc);
    if (bad || rename(temp, in_dir(c, "sim.json", path)) < 0)
        return err_set(e, ERR_IO, "%s: cannot be written", path);
    return 0;
}

/* ---- start and end ---- */

static int catch_signals(struct err *e)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return err_set(e, ERR_IO, "signals");
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? err_set(e, ERR_IO, "signals") : fd;
}

static int name_is_new(const struct shed *s, const char *name, struct err *e)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->dev[i].cfg.name, name) == 0)
            return err_set(e, ERR_EXISTS, "%s: two devices of this name", name);
    return 0;
}

static int add_device(struct shed *s, const char *spec, uint64_t seed, uint64_t salt, struct err *e)
{
    struct device_cfg cfg;
    int rc = device_parse(spec, seed, &cfg, e);
    rc = rc ? rc : name_is_new(s, cfg.name, e);
    if (rc == 0 && s->n == DEVICES_MAX)
        rc = err_set(e, ERR_TOOBIG, "more than %d devices", DEVICES_MAX);
    if (rc == 0) {
        struct device *d = &s->dev[s->n];
        rc = device_open(d, &cfg, s->truth, salt, s->start, e);
        s->n += rc == 0;
        rc = rc ? rc : serve_add(s->serve, d, e);
    }
    return rc;
}

static int open_all(struct shed *s, const struct shed_cfg *c, struct err *e)
{
    char path[PATH_BYTES];
    uint64_t salt;
    int rc = crypto_setup();
    if (rc)
        return err_set(e, rc, "no random numbers");
    crypto_random(&salt, sizeof salt);
    unlink(in_dir(c, "sim.json", path));
    rc = s->signal_fd = catch_signals(e);
    rc = rc < 0 ? rc : truth_open(in_dir(c, "truth.jsonl", path), &s->truth, e);
    rc = rc ? rc : serve_new(&s->serve);
    for (size_t i = 0; rc == 0 && i < c->n; i++)
        rc = add_device(s, c->spec[i], c->seed, salt, e);
    if (rc == 0 && c->script)
        rc = script_load(c->script, &s->script, e);
    rc = rc ? rc : control_open(in_dir(c, "sim.sock", path), s->dev, s->n, &s->control, e);
    return rc ? rc : write_json(s, c, e);
}

int shed_new(const struct shed_cfg *cfg, struct shed **ret, struct err *e)
{
    struct shed *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_NOMEM, "no memory");
    s->start = mono_now();
    s->signal_fd = -1;
    prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL); /* scans are a few milliseconds apart */
    int rc = open_all(s, cfg, e);
    if (rc) {
        shed_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void shed_free(struct shed *s)
{
    if (!s)
        return;
    control_close(s->control);
    serve_free(s->serve);
    script_free(s->script);
    for (size_t i = 0; i < s->n; i++)
        device_close(&s->dev[i]);
    truth_close(s->truth);
    if (s->signal_fd >= 0)
        close(s->signal_fd);
    free(s);
}

/* ---- the loop ---- */

static struct mono run_due(struct shed *s, struct mono now)
{
    struct mono due = MONO_NEVER;
    for (size_t i = 0; i < s->n; i++)
        due = mono_min(due, device_tick(&s->dev[i], now));
    if (s->script)
        due = mono_min(due, script_run(s->script, s->dev, s->n, s->start, now));
    return mono_min(due, serve_run(s->serve, now));
}

static int wait_for(struct pollfd *fds, size_t n, struct mono due)
{
    int64_t ns = due.ns == INT64_MAX ? 1000000000 : mono_since_ns(due, mono_now());
    ns = ns < 0 ? 0 : ns;
    struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    int got = ppoll(fds, n, &ts, NULL);
    return got < 0 && errno != EINTR ? ERR_IO : 0;
}

int shed_run(struct shed *s)
{
    struct pollfd fds[1 + SERVE_FDS_MAX + CONTROL_FDS_MAX];
    for (;;) {
        struct mono due = run_due(s, mono_now());
        fds[0] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
        size_t served = serve_fds(s->serve, fds + 1, SERVE_FDS_MAX);
        struct pollfd *hands = fds + 1 + served;
        size_t n = control_fds(s->control, hands, CONTROL_FDS_MAX);
        int rc = wait_for(fds, 1 + served + n, due);
        if (rc || fds[0].revents)
            return rc;
        serve_ready(s->serve, fds + 1, served);
        control_ready(s->control, hands, n);
    }
}
