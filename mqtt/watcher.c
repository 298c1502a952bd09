/* The watch stream of lotlined. Publisher thread; owns one connection to the control socket. */
#include "mqtt/watcher.h"
#include "base/ipc.h"
#include "base/json.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RETRY_MS  1000
#define REPORT_MS 1000

struct watcher {
    char path[108];
    int fd;
    json_t *status;
    struct mono retry, report;
    struct complaint gone;
};

int watcher_new(const char *socket, struct watcher **ret, struct err *e)
{
    struct watcher *w = calloc(1, sizeof(*w));
    if (!w)
        return err_set(e, ERR_NOMEM, "no memory to watch lotlined");
    snprintf(w->path, sizeof(w->path), "%s", socket);
    w->fd = -1;
    *ret = w;
    return 0;
}

void watcher_free(struct watcher *w)
{
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    json_decref(w->status);
    free(w);
}

int watcher_fd(const struct watcher *w)
{
    return w->fd;
}

static int send_request(struct watcher *w, const char *verb, json_t *args)
{
    json_t *doc = json_pack("{s:s,s:o}", "command", verb, "args", args);
    int rc = ipc_send(w->fd, doc);
    json_decref(doc);
    return rc == ERR_AGAIN ? 0 : rc;
}

static enum watcher_news gone(struct watcher *w, struct mono now)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    w->retry = mono_add_ms(now, RETRY_MS);
    json_decref(w->status);
    w->status = NULL;
    return WATCHER_GONE;
}

static enum watcher_news reconnect(struct watcher *w, struct mono now)
{
    json_t *hello = NULL;
    struct err e = {0};
    if (!mono_reached(now, w->retry))
        return WATCHER_NOTHING;
    w->retry = mono_add_ms(now, RETRY_MS);
    if (ipc_connect(w->path, 500, &w->fd, &hello, &e) < 0) {
        w->fd = -1;
        log_complain(&w->gone, "lotlined does not answer at %s", w->path);
        return WATCHER_GONE;
    }
    json_decref(hello);
    log_release(&w->gone, "lotlined answers again");
    return send_request(w, "watch", json_object()) < 0 ? gone(w, now) : WATCHER_NOTHING;
}

enum watcher_news watcher_wake(struct watcher *w, struct mono now, const json_t **ret_status)
{
    enum watcher_news news = WATCHER_NOTHING;
    struct err e = {0};
    if (w->fd < 0)
        news = reconnect(w, now);
    while (w->fd >= 0) {
        json_t *doc = NULL;
        int rc = ipc_recv(w->fd, &doc, &e);
        if (rc == ERR_AGAIN)
            break;
        if (rc < 0)
            return gone(w, now);
        if (json_object_get(doc, "v")) {
            json_decref(w->status);
            w->status = json_incref(doc);
            news = (enum watcher_news)(news | WATCHER_STATUS);
        } else if (json_object_get(doc, "head")) {
            news = (enum watcher_news)(news | WATCHER_HEAD);
        }
        json_decref(doc);
    }
    *ret_status = w->status;
    return news;
}

void watcher_report(struct watcher *w, json_t *(*report)(const struct publisher *),
                    const struct publisher *p, struct mono now)
{
    if (w->fd < 0 || !mono_reached(now, w->report))
        return;
    w->report = mono_add_ms(now, REPORT_MS);
    if (send_request(w, "sink.report", report(p)) < 0)
        gone(w, now);
}

struct mono watcher_due(const struct watcher *w)
{
    return w->fd < 0 ? w->retry : mono_add_ms(mono_now(), REPORT_MS);
}
