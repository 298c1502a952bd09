/* The main thread (contract: loop.h).
 * Invariant: the watchdog is fed only while the HTTP thread makes progress: a handler that runs for
 * longer than STUCK_MS stops it, and systemd starts the program anew. */
#include "web/loop.h"
#include "base/log.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define TURN_MS  1000
#define STUCK_MS 10000

static int open_signals(struct err *e)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? err_set(e, ERR_IO, "signalfd: %s", strerror(errno)) : fd;
}

static bool signalled(int fd)
{
    struct signalfd_siginfo s;
    return read(fd, &s, sizeof s) == (ssize_t)sizeof s;
}

static void feed_watchdog(const struct web *w, struct complaint *stuck)
{
    if (http_busy_ms(w->http) > STUCK_MS) {
        log_complain(stuck, "a request has been running for more than %d s", STUCK_MS / 1000);
        return;
    }
    log_release(stuck, "requests run again");
    sd_notify(0, "WATCHDOG=1");
}

int loop_run(struct web *w, struct err *e)
{
    int signals = open_signals(e);
    struct complaint stuck = {0};
    if (signals < 0)
        return signals;
    sd_notifyf(0, "READY=1\nSTATUS=%s on port %u", w->role == WEB_SHED ? "shed" : "public",
               (unsigned)http_port(w->http));
    while (!signalled(signals)) {
        struct pollfd p[] = {
            {.fd = signals, .events = POLLIN},
            {.fd = ask_fd(w->ask), .events = POLLIN},
            {.fd = w->live ? live_fd(w->live) : -1, .events = POLLIN},
        };
        poll(p, sizeof p / sizeof *p, TURN_MS);
        ask_turn(w->ask, mono_now());
        if (w->live)
            live_turn(w->live, w->http, mono_now());
        feed_watchdog(w, &stuck);
    }
    sd_notify(0, "STOPPING=1");
    close(signals);
    return 0;
}
