/* lotlined: reads scales and sorting conveyors, decides, records. Starts, loops, stops. */
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "controller/control.h"
#include "controller/daemon.h"
#include "controller/status.h"
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define TICK_US 50000

static int on_news(sd_event_source *s, int fd, uint32_t events, void *data)
{
    uint64_t n;
    (void)s;
    (void)events;
    (void)data;
    if (read(fd, &n, sizeof(n)) < 0)
        log_debug("woken for nothing");
    return 0; /* the turn that follows drains the rings */
}

/* After every pass of the loop: one turn for all that came. */
static int on_pass(sd_event_source *s, void *data)
{
    (void)s;
    turn_run(data, mono_now());
    return 0;
}

static int on_tick(sd_event_source *s, uint64_t usec, void *data)
{
    static unsigned ticks;
    struct daemon *d = data;
    struct mono now = mono_now();
    daemon_feed_stations(d, now);
    if (++ticks % 2 == 0 && control_watched(d->control)) {
        json_t *doc = status_document(d);
        control_publish(d->control, doc);
        json_decref(doc);
    }
    if (ticks % 20 == 0)
        daemon_watch_devices(d, now);
    if (ticks % 20 == 0 && daemon_alive(d, now))
        sd_notify(0, "WATCHDOG=1");
    sd_event_source_set_time(s, usec + TICK_US);
    sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
    return 0;
}

static int loop_sources(sd_event *loop, struct daemon *d)
{
    uint64_t now;
    if (sd_event_now(loop, CLOCK_MONOTONIC, &now) < 0 ||
        sd_event_add_io(loop, NULL, d->news_fd, EPOLLIN, on_news, d) < 0 ||
        sd_event_add_time(loop, NULL, CLOCK_MONOTONIC, now + TICK_US, 1000, on_tick, d) < 0 ||
        sd_event_add_post(loop, NULL, on_pass, d) < 0 ||
        sd_event_add_signal(loop, NULL, SIGTERM, NULL, NULL) < 0 ||
        sd_event_add_signal(loop, NULL, SIGINT, NULL, NULL) < 0)
        return ERR_NOMEM;
    return 0;
}

static int run(struct config *c, struct err *e)
{
    struct daemon *d = calloc(1, sizeof(*d));
    sd_event *loop = NULL;
    int rc = d ? 0 : ERR_NOMEM;
    if (rc == 0 && (rc = daemon_setup(d, c, e)) == 0 && sd_event_new(&loop) < 0)
        rc = err_set(e, ERR_NOMEM, "no event loop");
    if (rc == 0 && (rc = control_new(loop, d, c->socket, &d->control, e)) == 0 &&
        (rc = daemon_start(d, e)) == 0 && (rc = loop_sources(loop, d)) == 0) {
        log_info("ready: %zu lines, %zu scales, %zu stations, record at event %lld", c->n_lines,
                 c->n_scales, c->n_stations, (long long)d->head);
        sd_notify(0, "READY=1");
        int ended = sd_event_loop(loop);
        sd_notify(0, "STOPPING=1");
        if (ended < 0)
            rc = err_set(e, ERR_IO, "the event loop ended: %s", strerror(-ended));
    }
    if (d && d->c)
        daemon_stop(d);
    if (d)
        control_free(d->control);
    sd_event_unref(loop);
    free(d);
    return rc;
}

static void usage(void)
{
    fputs("usage: lotlined --config FILE [--check] [--verbose]\n", stderr);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, 'k'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *path = NULL;
    bool check = false, verbose = false;
    int o;
    while ((o = getopt_long(argc, argv, "c:kvh", options, NULL)) != -1)
        switch (o) {
        case 'c': path = optarg; break;
        case 'k': check = true; break;
        case 'v': verbose = true; break;
        default: usage(); return o == 'h' ? 0 : 2;
        }
    if (!path || optind != argc) {
        usage();
        return 2;
    }
    /* Reading large files once must not teach the allocator to keep what it could give back. */
    mallopt(M_MMAP_THRESHOLD, 64 << 10);
    json_use_malloc(NULL);
    log_setup("lotlined", verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
              getenv("JOURNAL_STREAM") != NULL);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is an error like any other */
    struct err e = {0};
    struct config *c = NULL;
    char line[512];
    int rc = crypto_setup();
    if (rc == 0)
        rc = config_load(path, &c, &e);
    if (rc == 0 && !check)
        rc = run(c, &e);
    if (rc < 0)
        log_error("%s", err_line(&e, line, sizeof(line)));
    config_free(c);
    return err_exit(rc);
}
