/* The HTTP listener (contract: http.h; the only file that knows libmicrohttpd).
 * Threads: one internal thread of MHD runs every callback here; http_wake… come from the main
 * thread. Owns: the listener and one `struct exchange` per request, from the URI callback to the
 * completion callback. MHD's own decoding and its POST processor are not used: request.c reads what
 * came.
 *
 * Invariants
 *  1. `asleep`, `ready` and the list of feeds change under `lock` only. Whoever produces something
 *     stores it first and wakes then; whoever waits looks first and sleeps under the same lock. So
 * no wake-up is lost and a connection that does not sleep is never resumed.
 *  2. A suspended connection cannot complete: an exchange outlives what it waits for.
 *  3. After `stopping` no feed falls asleep any more (MHD forbids stopping with sleepers). Whoever
 *     exchanges wait for must have answered them all before http_stop (ask_stop). */
#include "web/http.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "web/gzip.h"
#include "web/listen.h"
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define POOL_BYTES  (24 * 1024) /* request line and headers of one connection */
#define FEED_BLOCK  (16UL * 1024)
#define SWALLOW_MAX (1 << 20) /* of a body that is too large, before the line is cut */
#define EXPAND_MAX  (4u << 20)

enum stage { STAGE_NEW, STAGE_BODY, STAGE_WAITING, STAGE_SENT };
struct exchange {
    struct http *http;
    struct MHD_Connection *c;
    enum stage stage;
    unsigned refused; /* status that was found before the handler could run; 0: none */
    bool asleep, ready;
    char *body;
    size_t n_body, swallowed;
    struct reply reply;
    struct feed feed;
    struct exchange *next, **prev; /* list of feeds */
    struct request request;
};
struct http {
    struct http_options o;
    struct MHD_Daemon *mhd;
    int fd; /* bound, until MHD has it */
    uint16_t port;
    pthread_mutex_t lock;
    bool stopping;
    struct exchange *feeds;
    atomic_int_fast64_t busy_since;
};

/* ---- waking and sleeping (invariant 1) ---- */

static void wake_locked(struct exchange *x)
{
    x->ready = true;
    if (x->asleep) {
        x->asleep = false;
        MHD_resume_connection(x->c);
    }
}

void http_wake(struct exchange *x)
{
    struct http *h = x->http;
    pthread_mutex_lock(&h->lock);
    wake_locked(x);
    pthread_mutex_unlock(&h->lock);
}

void http_wake_feeds(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    for (struct exchange *x = h->feeds; x; x = x->next)
        wake_locked(x);
    pthread_mutex_unlock(&h->lock);
}

static void sleep_locked(struct exchange *x)
{
    if (x->http->stopping)
        return;
    x->asleep = true;
    MHD_suspend_connection(x->c);
}

/* True when what was waited for has come; otherwise the connection sleeps. */
static bool ready_or_sleep(struct exchange *x)
{
    pthread_mutex_lock(&x->http->lock);
    bool ready = x->ready;
    if (!ready)
        sleep_locked(x);
    pthread_mutex_unlock(&x->http->lock);
    return ready;
}

static ssize_t read_feed(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct exchange *x = cls;
    (void)pos;
    pthread_mutex_lock(&x->http->lock);
    ssize_t n = x->http->stopping ? -1 : x->feed.read(x->feed.self, buf, max);
    if (n == 0)
        sleep_locked(x);
    pthread_mutex_unlock(&x->http->lock);
    return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

static void link_feed(struct exchange *x)
{
    struct http *h = x->http;
    pthread_mutex_lock(&h->lock);
    x->next = h->feeds;
    x->prev = &h->feeds;
    if (h->feeds)
        h->feeds->prev = &x->next;
    h->feeds = x;
    pthread_mutex_unlock(&h->lock);
}

static void unlink_feed(struct exchange *x)
{
    pthread_mutex_lock(&x->http->lock);
    *x->prev = x->next;
    if (x->next)
        x->next->prev = x->prev;
    pthread_mutex_unlock(&x->http->lock);
    x->feed.close(x->feed.self);
}

/* ---- answering ---- */

const char *request_header(const struct request *q, const char *name)
{
    return q->exchange ? MHD_lookup_connection_value(q->exchange->c, MHD_HEADER_KIND, name) : NULL;
}

static void add_headers(const struct exchange *x, struct MHD_Response *m)
{
    const struct reply *r = &x->reply;
    const char *name, *value;
    for (size_t i = 0; (name = reply_common(i, &value)); i++)
        MHD_add_response_header(m, name, value);
    if (x->http->o.csp)
        MHD_add_response_header(m, "Content-Security-Policy", x->http->o.csp);
    if (r->type)
        MHD_add_response_header(m, "Content-Type", r->type);
    for (size_t i = 0; i < r->n_headers; i++)
        MHD_add_response_header(m, r->header[i].name, r->header[i].value);
}

/* Expands a packed body for a client that cannot read it. */
static void fit_encoding(struct exchange *x)
{
    struct reply *r = &x->reply;
    if (!r->gzip)
        return;
    reply_header(r, "Vary", "Accept-Encoding");
    if (accept_gzip(request_header(&x->request, "Accept-Encoding"))) {
        reply_header(r, "Content-Encoding", "gzip");
        return;
    }
    char *plain = NULL;
    size_t n = 0;
    unsigned status = gzip_unpack(r->body, r->n, EXPAND_MAX, &plain, &n) ? 500 : r->status;
    reply_take(r, status, r->type, plain, n);
}

static struct MHD_Response *build(struct exchange *x)
{
    struct reply *r = &x->reply;
    if (r->feed.read) {
        x->feed = r->feed;
        link_feed(x);
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, FEED_BLOCK, read_feed, x, NULL);
    }
    fit_encoding(x);
    struct MHD_Response *m = MHD_create_response_from_buffer(r->n, r->body, MHD_RESPMEM_MUST_FREE);
    if (m)
        r->body = NULL;
    return m;
}

static enum MHD_Result send_reply(struct exchange *x)
{
    struct MHD_Response *m = build(x);
    enum MHD_Result ok = MHD_NO;
    x->stage = STAGE_SENT;
    if (m) {
        add_headers(x, m);
        ok = MHD_queue_response(x->c, x->reply.status ? x->reply.status : 500, m);
        MHD_destroy_response(m);
    }
    reply_free(&x->reply);
    return ok;
}

static enum MHD_Result refuse(struct exchange *x, unsigned status, const char *why)
{
    reply_problem(&x->reply, status, why, "");
    return send_reply(x);
}

/* ---- one request ---- */

static enum MHD_Result add_length(void *cls, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    size_t *sum = cls;
    (void)kind;
    *sum += strlen(key) + (value ? strlen(value) : 0) + 4;
    return MHD_YES;
}

static void note_address(struct exchange *x)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(x->c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!i || getnameinfo(i->client_addr,
                          i->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                                : sizeof(struct sockaddr_in),
                          x->request.ip, sizeof x->request.ip, NULL, 0, NI_NUMERICHOST))
        x->request.ip[0] = '\0';
}

/* What the client says it will send; 0 when it does not say. */
static int64_t length_of(struct MHD_Connection *c)
{
    const char *text = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
    int64_t n = 0;
    if (text && num_i64(text, 0, INT64_MAX, &n))
        return INT64_MAX;
    return n;
}

/* Headers have come, the body has not. */
static enum MHD_Result begin(struct exchange *x, struct MHD_Connection *c, const char *method)
{
    size_t headers = 0;
    x->c = c;
    x->stage = STAGE_BODY;
    if (x->refused)
        return refuse(x, x->refused,
                      x->refused == 414 ? "address too long" : "address not understood");
    MHD_get_connection_values(c, MHD_HEADER_KIND, add_length, &headers);
    if (headers > HTTP_HEADER_MAX)
        return refuse(x, 431, "headers too large");
    if (length_of(c) > HTTP_BODY_MAX)
        return refuse(x, 413, "body too large");
    x->request.method = method_from(method);
    note_address(x);
    request_language(&x->request, request_header(&x->request, "Accept-Language"));
    return MHD_YES;
}

static enum MHD_Result take_body(struct exchange *x, const char *data, size_t *n)
{
    if (x->n_body + *n > HTTP_BODY_MAX) {
        x->swallowed += *n;
        *n = 0;
        return x->swallowed > SWALLOW_MAX ? MHD_NO : MHD_YES;
    }
    if (!x->body && !(x->body = malloc(HTTP_BODY_MAX + 1)))
        return MHD_NO;
    memcpy(x->body + x->n_body, data, *n);
    x->n_body += *n;
    *n = 0;
    return MHD_YES;
}

static enum MHD_Result proceed(struct exchange *x)
{
    if (!x->reply.then)
        return send_reply(x);
    x->stage = STAGE_WAITING;
    while (x->reply.then) {
        if (!ready_or_sleep(x))
            return MHD_YES;
        struct reply waited = x->reply;
        x->reply = (struct reply){0};
        x->ready = false;
        waited.then(x->http->o.ctx, &x->request, waited.state, &x->reply);
        reply_free(&waited);
    }
    return send_reply(x);
}

static enum MHD_Result run(struct exchange *x)
{
    struct http *h = x->http;
    if (x->swallowed)
        return refuse(x, 413, "body too large");
    if (x->body)
        x->body[x->n_body] = '\0';
    x->request.body = x->body ? x->body : "";
    x->request.n_body = x->n_body;
    atomic_store(&h->busy_since, mono_now().ns);
    h->o.handler(h->o.ctx, &x->request, &x->reply);
    enum MHD_Result ok = proceed(x);
    atomic_store(&h->busy_since, 0);
    return ok;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *c, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *n, void **context)
{
    struct exchange *x = *context;
    (void)cls;
    (void)url;
    (void)version;
    if (!x)
        return MHD_NO;
    if (x->stage == STAGE_NEW)
        return begin(x, c, method);
    if (x->stage == STAGE_WAITING)
        return proceed(x);
    if (x->stage == STAGE_SENT)
        return MHD_YES;
    return *n ? take_body(x, data, n) : run(x);
}

/* The first callback of a request; its return value becomes the context of the others. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *c)
{
    struct exchange *x = calloc(1, sizeof *x);
    (void)c;
    if (!x)
        return NULL;
    x->http = cls;
    x->request.exchange = x;
    int code = request_parse(uri, &x->request);
    x->refused = code == 0 ? 0 : code == ERR_TOOBIG ? 414 : code == ERR_NOT_FOUND ? 404 : 400;
    return x;
}

static void on_completed(void *cls, struct MHD_Connection *c, void **context,
                         enum MHD_RequestTerminationCode why)
{
    struct exchange *x = *context;
    (void)cls;
    (void)c;
    (void)why;
    if (!x)
        return;
    if (x->feed.read)
        unlink_feed(x);
    reply_free(&x->reply);
    free(x->body);
    free(x);
    *context = NULL;
}

static size_t keep_encoded(void *cls, struct MHD_Connection *c, char *s)
{
    (void)cls;
    (void)c;
    return strlen(s);
}

/* ---- the listener ---- */

int http_new(const struct http_options *o, struct http **ret, struct err *e)
{
    struct http *h = calloc(1, sizeof *h);
    if (!h)
        return err_set(e, ERR_NOMEM, "no memory for the listener");
    h->o = *o;
    h->fd = -1;
    pthread_mutex_init(&h->lock, NULL);
    int code = listen_on(o->host, o->port, &h->fd, &h->port, e);
    if (code) {
        http_stop(h);
        return code;
    }
    *ret = h;
    return 0;
}

int http_start(struct http *h, struct err *e)
{
    h->mhd = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access, h,
        MHD_OPTION_LISTEN_SOCKET, h->fd, MHD_OPTION_URI_LOG_CALLBACK, on_uri, h,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, h,
        MHD_OPTION_CONNECTION_LIMIT, h->o.connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        h->o.per_ip, MHD_OPTION_CONNECTION_TIMEOUT, h->o.idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)POOL_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!h->mhd)
        return err_set(e, ERR_IO, "the HTTP library does not start");
    h->fd = -1; /* MHD's now */
    return 0;
}

void http_stop(struct http *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_mutex_unlock(&h->lock);
    http_wake_feeds(h);
    if (h->mhd)
        MHD_stop_daemon(h->mhd);
    if (h->fd >= 0)
        close(h->fd);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

uint16_t http_port(const struct http *h)
{
    return h->port;
}

int64_t http_busy_ms(const struct http *h)
{
    int64_t since = atomic_load(&h->busy_since);
    return since ? (mono_now().ns - since) / 1000000 : 0;
}
