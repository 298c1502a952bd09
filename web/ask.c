/* Asking lotlined (contract: ask.h).
 * Threads: HTTP queues, main calls. Owns the queue, one control connection, an eventfd.
 *
 *  1. `lock` guards queue, count and `stopped`; a job belongs to the queue until it is taken, to
 * the main thread until its exchange is woken, then to the handler. http_wake is called without the
 * lock.
 *  2. One call at a time: refusals of the daemon may overtake answers, so answers could not be told
 * apart.
 *  3. A request is repeated only on a new connection after the old one turned out to be dead, and
 * the daemon answers a repeated request_id with its first answer. After a timeout nothing is
 * repeated. */
#include "web/ask.h"
#include "base/ipc.h"
#include "base/log.h"
#include "web/http.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define QUEUE_MAX  32
#define CALL_MS    3000
#define CONNECT_MS 1000
#define PROBE_MS   5000
#define AWAY_MS    1000 /* after a failed call: fail at once for so long */

struct ask {
    char socket[108];
    int fd, event;
    pthread_mutex_t lock;
    struct job *first, **last;
    unsigned n;
    bool stopped;
    atomic_bool up;
    struct mono probed, away_until;
    struct complaint away;
};

int ask_new(const char *socket, struct ask **ret, struct err *e)
{
    struct ask *a = calloc(1, sizeof *a);
    if (!a)
        return err_set(e, ERR_NOMEM, "no memory");
    snprintf(a->socket, sizeof a->socket, "%s", socket);
    a->fd = -1;
    a->last = &a->first;
    pthread_mutex_init(&a->lock, NULL);
    a->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (a->event < 0) {
        ask_free(a);
        return err_set(e, ERR_IO, "eventfd fails");
    }
    *ret = a;
    return 0;
}

void ask_free(struct ask *a)
{
    if (!a)
        return;
    if (a->fd >= 0)
        close(a->fd);
    if (a->event >= 0)
        close(a->event);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

void job_free(struct job *j)
{
    if (!j)
        return;
    json_decref(j->args);
    json_decref(j->result);
    free(j);
}

bool ask_up(const struct ask *a)
{
    return atomic_load(&a->up);
}

int ask_fd(const struct ask *a)
{
    return a->event;
}

struct job *ask_post(struct ask *a, const struct request *q, const char *verb, json_t *args,
                     const char *request_id)
{
    struct job *j = calloc(1, sizeof *j);
    if (j) {
        snprintf(j->verb, sizeof j->verb, "%s", verb);
        snprintf(j->request_id, sizeof j->request_id, "%s", request_id ? request_id : "");
        j->exchange = q->exchange;
        pthread_mutex_lock(&a->lock);
        bool room = a->n < QUEUE_MAX && !a->stopped;
        if (room) {
            j->args = args;
            *a->last = j;
            a->last = &j->next;
            a->n++;
        }
        pthread_mutex_unlock(&a->lock);
        if (room) {
            eventfd_write(a->event, 1);
            return j;
        }
        free(j);
    }
    json_decref(args);
    return NULL;
}

static struct job *take(struct ask *a)
{
    pthread_mutex_lock(&a->lock);
    struct job *j = a->first;
    if (j) {
        a->first = j->next;
        if (!a->first)
            a->last = &a->first;
        a->n--;
        j->next = NULL;
    }
    pthread_mutex_unlock(&a->lock);
    return j;
}

static void hang_up(struct ask *a)
{
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
}

static bool is_dead(int code)
{
    return code == ERR_UNREACHABLE || code == ERR_TIMEOUT || code == ERR_IO || code == ERR_PROTOCOL;
}

static int call_once(struct ask *a, const char *verb, const json_t *args, const char *id,
                     json_t **ret, struct err *e)
{
    int code = a->fd >= 0 ? 0 : ipc_connect(a->socket, CONNECT_MS, &a->fd, NULL, e);
    if (code) {
        a->fd = -1;
        return code;
    }
    code = ipc_call(a->fd, verb, args, *id ? id : NULL, CALL_MS, ret, e);
    if (is_dead(code))
        hang_up(a);
    return code;
}

static int call(struct ask *a, const char *verb, const json_t *args, const char *id, json_t **ret,
                struct err *e)
{
    bool old = a->fd >= 0;
    int code = call_once(a, verb, args, id, ret, e);
    if (code == ERR_UNREACHABLE && old) /* invariant 3 */
        code = call_once(a, verb, args, id, ret, e);
    struct mono now = mono_now();
    bool up = !is_dead(code);
    a->probed = now;
    if (up) {
        log_release(&a->away, "lotlined answers again");
    } else {
        a->away_until = mono_add_ms(now, AWAY_MS);
        log_complain(&a->away, "lotlined does not answer: %s", e->text);
    }
    atomic_store(&a->up, up);
    return code;
}

static void answer(struct ask *a, struct job *j, struct mono now)
{
    if (!mono_reached(now, a->away_until))
        j->code = err_set(&j->e, ERR_UNREACHABLE, "lotlined does not answer");
    else
        j->code = call(a, j->verb, j->args, j->request_id, &j->result, &j->e);
    http_wake(j->exchange); /* from here on the job is the handler's */
}

void ask_turn(struct ask *a, struct mono now)
{
    eventfd_t count;
    struct job *j;
    eventfd_read(a->event, &count);
    while ((j = take(a)))
        answer(a, j, mono_now());
    if (a->probed.ns && mono_since_ms(now, a->probed) < PROBE_MS)
        return;
    struct err e = {0};
    json_t *result = NULL;
    if (call(a, "ping", NULL, "", &result, &e) == 0)
        json_decref(result);
}

void ask_stop(struct ask *a)
{
    struct job *j;
    pthread_mutex_lock(&a->lock);
    a->stopped = true;
    pthread_mutex_unlock(&a->lock);
    while ((j = take(a))) {
        j->code = err_set(&j->e, ERR_UNREACHABLE, "the server is going down");
        http_wake(j->exchange);
    }
}
