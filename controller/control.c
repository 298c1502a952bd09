/* The control socket. Main thread.
 * Owns: the listening socket, its clients, the queue of requests.
 * 1. A request is answered after the commit of the turn that ran it, never before.
 * 2. Everything is bounded: 32 clients, 64 waiting requests; a client over its bounds is closed.
 * 3. Who asks is what the kernel says (SO_PEERCRED), mapped to a role by the configuration. */
#include "controller/control.h"
#include "base/ipc.h"
#include "base/json.h"
#include "base/log.h"
#include "controller/daemon.h"
#include "controller/status.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define CLIENTS_MAX  32
#define REQUESTS_MAX 64

struct client {
    struct control *control;
    int fd;
    sd_event_source *source;
    bool watching;
    enum role role;
    char id[24];
};
struct control {
    struct daemon *daemon;
    sd_event *loop;
    int fd;
    char path[108];
    sd_event_source *source;
    struct client *clients[CLIENTS_MAX];
    struct request queue[REQUESTS_MAX]; /* [0, ran) wait for their answer, [ran, n) wait to run */
    size_t ran, n;
};

static void client_close(struct client *c)
{
    struct control *k = c->control;
    for (size_t i = 0; i < k->n; i++)
        if (k->queue[i].client == c)
            k->queue[i].client = NULL;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (k->clients[i] == c)
            k->clients[i] = NULL;
    sd_event_source_disable_unref(c->source);
    close(c->fd);
    free(c);
}

static void client_send(struct client *c, const json_t *doc)
{
    int rc = ipc_send(c->fd, doc);
    if (rc == ERR_AGAIN && c->watching)
        return; /* a slow watcher misses a document, not the daemon's time */
    if (rc == ERR_TOOBIG) {
        json_t *e =
            json_pack("{s:b,s:{s:s,s:s}}", "ok", 0, "error", "code", err_name(rc), "text",
                      "the answer is too large: ask for less, or read the store with --store");
        ipc_send(c->fd, e);
        json_decref(e);
    } else if (rc < 0) {
        client_close(c);
    }
}

static void answer(struct request *r)
{
    json_t *doc;
    if (!r->client)
        return;
    if (r->error.code)
        doc = json_pack("{s:b,s:{s:s,s:s}}", "ok", 0, "error", "code", err_name(r->error.code),
                        "text", r->error.text[0] ? r->error.text : err_text(r->error.code));
    else
        doc = json_pack("{s:b,s:O?}", "ok", 1, "result", r->result);
    client_send(r->client, doc);
    json_decref(doc);
}

static void refuse(struct client *c, int code, const char *text)
{
    struct request r = {.client = c, .error = {.code = code}};
    snprintf(r.error.text, sizeof(r.error.text), "%s", text);
    answer(&r);
}

static void request_done(struct request *r)
{
    json_decref(r->doc);
    json_decref(r->result);
}

/* Puts a packet into the queue; the turn that follows this pass of the loop runs it. */
static void enqueue(struct client *c, json_t *doc)
{
    struct control *k = c->control;
    const char *verb = json_string_value(json_object_get(doc, "command"));
    if (!verb) {
        refuse(c, ERR_KEY, "a request needs \"command\"");
        json_decref(doc);
        return;
    }
    if (k->n == REQUESTS_MAX) {
        refuse(c, ERR_BUSY, "too many requests wait: try again");
        json_decref(doc);
        return;
    }
    struct request *r = &k->queue[k->n++];
    *r = (struct request){
        .client = c,
        .doc = doc,
        .verb = verb,
        .request_id = json_string_value(json_object_get(doc, "request_id")),
        .args = json_object_get(doc, "args"),
        .actor = {.role = c->role},
    };
    memcpy(r->who, c->id, sizeof(r->who));
}

static int on_client(sd_event_source *s, int fd, uint32_t events, void *data)
{
    struct client *c = data;
    (void)s;
    for (int i = 0; i < 8; i++) {
        json_t *doc = NULL;
        struct err e = {0};
        int rc = ipc_recv(fd, &doc, &e);
        if (rc == 0) {
            enqueue(c, doc);
        } else if (rc == ERR_PARSE || rc == ERR_TOOBIG) {
            refuse(c, rc, e.text);
        } else if (rc == ERR_AGAIN) {
            break;
        } else {
            client_close(c);
            return 0;
        }
    }
    if (events & (EPOLLHUP | EPOLLERR))
        client_close(c);
    return 0;
}

static enum role role_of(const struct daemon *d, uid_t uid)
{
    for (size_t i = 0; i < d->c->n_roles; i++)
        if ((uid_t)d->c->roles[i].uid == uid)
            return (enum role)d->c->roles[i].role;
    return uid == 0 || uid == geteuid() ? ROLE_MANAGER : ROLE_NOBODY;
}

static int on_listen(sd_event_source *s, int fd, uint32_t events, void *data)
{
    struct control *k = data;
    int peer;
    uid_t uid;
    pid_t pid;
    (void)s;
    (void)events;
    if (ipc_accept(fd, &peer, &uid, &pid) < 0)
        return 0;
    size_t i = 0;
    while (i < CLIENTS_MAX && k->clients[i])
        i++;
    struct client *c = i < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
    if (!c || sd_event_add_io(k->loop, &c->source, peer, EPOLLIN, on_client, c) < 0) {
        free(c);
        close(peer);
        return 0;
    }
    c->control = k;
    c->fd = peer;
    c->role = role_of(k->daemon, uid);
    snprintf(c->id, sizeof(c->id), "uid:%u", (unsigned)uid);
    k->clients[i] = c;
    json_t *hello = status_hello(k->daemon);
    client_send(c, hello);
    json_decref(hello);
    return 0;
}

int control_new(sd_event *loop, struct daemon *d, const char *path, struct control **ret,
                struct err *e)
{
    struct control *k = calloc(1, sizeof(*k));
    if (!k)
        return err_set(e, ERR_NOMEM, "no memory for the control socket");
    k->daemon = d;
    k->loop = loop;
    k->fd = -1;
    int rc = ipc_listen(path, &k->fd, e);
    if (rc == 0) {
        snprintf(k->path, sizeof(k->path), "%s", path);
        if (sd_event_add_io(loop, &k->source, k->fd, EPOLLIN, on_listen, k) < 0)
            rc = err_set(e, ERR_NOMEM, "no event source for the control socket");
    }
    if (rc < 0) {
        control_free(k);
        return rc;
    }
    *ret = k;
    return 0;
}

void control_free(struct control *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (k->clients[i])
            client_close(k->clients[i]);
    for (size_t i = 0; i < k->n; i++)
        request_done(&k->queue[i]);
    sd_event_source_disable_unref(k->source);
    if (k->fd >= 0)
        close(k->fd);
    if (k->path[0])
        unlink(k->path);
    free(k);
}

struct request *control_next(struct control *k)
{
    if (k->ran == k->n)
        return NULL;
    struct request *r = &k->queue[k->ran++];
    r->actor.id = r->who; /* where it stands now: requests that wait move up */
    return r;
}

bool control_waiting(const struct control *k)
{
    return k->ran < k->n;
}

void control_answer(struct control *k, const struct err *failed)
{
    for (size_t i = 0; i < k->ran; i++) {
        if (failed && !k->queue[i].error.code && !k->queue[i].keep)
            k->queue[i].error = *failed;
        answer(&k->queue[i]);
        request_done(&k->queue[i]);
    }
    memmove(k->queue, k->queue + k->ran, (k->n - k->ran) * sizeof(k->queue[0]));
    k->n -= k->ran;
    k->ran = 0;
}

void control_publish(struct control *k, const json_t *doc)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (k->clients[i] && k->clients[i]->watching)
            client_send(k->clients[i], doc);
}

bool control_watched(const struct control *k)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (k->clients[i] && k->clients[i]->watching)
            return true;
    return false;
}

void control_watch(struct request *r)
{
    if (r->client)
        r->client->watching = true;
}
