/* lotline-mqtt: one sink, one broker. Waits for lotlined's head, PUBACKs and time; publishes. */
#include "base/crypto.h"
#include "base/ipc.h"
#include "base/log.h"
#include "mqtt/publisher.h"
#include "mqtt/sink.h"
#include "mqtt/telemetry.h"
#include "mqtt/watcher.h"
#include "traceability/store.h"
#include "traceability/stream.h"
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

struct program {
    struct sink sink;
    struct db *store;
    struct publisher *publisher;
    struct telemetry *telemetry;
    struct watcher *watcher;
    int signals;
};

static int start(struct program *p, const char *path, struct err *e)
{
    struct store_facts f;
    int rc = sink_load(path, &p->sink, e);
    if (rc == 0)
        rc = store_open_reader(p->sink.store, &p->store, e);
    if (rc == 0)
        rc = store_facts(p->store, &f, e);
    if (rc == 0 && p->sink.stream[0])
        rc = publisher_new(&p->sink, p->store, f.site, f.store_id, &p->publisher, e);
    if (rc == 0 && p->sink.status)
        rc = telemetry_new(&p->sink, f.site, "0.1", &p->telemetry, e);
    if (rc == 0)
        rc = watcher_new(p->sink.socket, &p->watcher, e);
    return rc;
}

static void stop(struct program *p)
{
    telemetry_free(p->telemetry);
    publisher_free(p->publisher);
    watcher_free(p->watcher);
    db_close(p->store);
    if (p->signals > 0)
        close(p->signals);
}

static int wait_ms(const struct program *p, struct mono now)
{
    struct mono due = watcher_due(p->watcher);
    if (p->publisher)
        due = mono_min(due, publisher_due(p->publisher));
    if (p->telemetry)
        due = mono_min(due, telemetry_due(p->telemetry));
    int64_t ms = (due.ns - now.ns + 999999) / 1000000;
    return ms < 0 ? 0 : ms > 1000 ? 1000 : (int)ms;
}

/* Without memory the MQTT library may be past use; only a new process has a whole one. */
static void end_if_broken(const struct program *p, struct mono now)
{
    const char *why = p->publisher ? publisher_broken(p->publisher, now) : NULL;
    if (!why && p->telemetry)
        why = telemetry_broken(p->telemetry, now);
    if (!why)
        return;
    log_error("the MQTT library %s: ending, to be started again", why);
    _exit(EXIT_FAILURE); /* its threads may never be joined; the cursor is safe */
}

/* One pass: wait for anything, then let every machine do what it can. 1: go on, 0: asked to stop;
 * an error ends the program, to be started again. */
static int pass(struct program *p, struct err *e)
{
    struct pollfd f[4] = {{.fd = p->signals, .events = POLLIN},
                          {.fd = watcher_fd(p->watcher), .events = POLLIN},
                          {.fd = p->publisher ? publisher_fd(p->publisher) : -1, .events = POLLIN},
                          {.fd = p->telemetry ? telemetry_fd(p->telemetry) : -1, .events = POLLIN}};
    poll(f, 4, wait_ms(p, mono_now()));
    if (f[0].revents)
        return 0;
    if (store_readable(p->store, e) == ERR_VERSION)
        return ERR_VERSION;
    struct mono now = mono_now();
    const json_t *status;
    enum watcher_news news = watcher_wake(p->watcher, now, &status);
    if (p->telemetry && (news & (WATCHER_STATUS | WATCHER_GONE)))
        telemetry_status(p->telemetry, news & WATCHER_STATUS ? status : NULL, now);
    if (p->publisher) {
        publisher_wake(p->publisher, now);
        watcher_report(p->watcher, publisher_report, p->publisher, now);
    }
    if (p->telemetry)
        telemetry_wake(p->telemetry, now);
    end_if_broken(p, now);
    return 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, 'k'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *path = NULL;
    bool check = false;
    int o;
    while ((o = getopt_long(argc, argv, "c:kh", options, NULL)) != -1)
        switch (o) {
        case 'c': path = optarg; break;
        case 'k': check = true; break;
        default:
            path = NULL;
            optind = argc + 1;
            break;
        }
    if (!path || optind != argc) {
        fputs("usage: lotline-mqtt --config FILE [--check]\n", stderr);
        return 2;
    }
    log_setup("lotline-mqtt", LOG_LEVEL_INFO, getenv("JOURNAL_STREAM") != NULL);
    struct program p = {0};
    struct err e = {0};
    char line[512];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int rc = crypto_setup();
    if (rc == 0 && check)
        rc = sink_load(path, &p.sink, &e);
    else if (rc == 0)
        rc = start(&p, path, &e);
    if (rc == 0 && !check) {
        p.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        sd_notify(0, "READY=1");
        while ((rc = pass(&p, &e)) > 0)
            sd_notify(0, "WATCHDOG=1");
        sd_notify(0, "STOPPING=1");
    }
    if (rc < 0)
        log_error("%s", err_line(&e, line, sizeof(line)));
    stop(&p);
    return err_exit(rc);
}
