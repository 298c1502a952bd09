/* The control socket's transport, both ends (contract: ipc.h).
 * Thread: any; one descriptor belongs to one thread. Owns nothing beyond a call.
 *
 * Invariants
 *  1. A packet is a document: SOCK_SEQPACKET keeps the boundary, so there is no partial state. A
 * packet that was cut by the buffer is refused, never parsed.
 *  2. Every descriptor handed out is non-blocking and close-on-exec; waiting is done here, against
 * a monotonic deadline, or in the caller's event loop.
 *  3. After a timeout in ipc_call the connection is shut down: a late answer would otherwise be
 * taken for the answer to the next request. */
#include "base/ipc.h"
#include "base/clock.h"
#include "base/json.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 32, SOCKET_BUFFER = 128 * 1024 };

static int fill_address(const char *path, struct sockaddr_un *ret, struct err *e)
{
    size_t n = strlen(path);
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (n == 0 || n >= sizeof ret->sun_path)
        return err_set(e, ERR_TOOBIG, "%s: a socket's path has 1 to %zu bytes", path,
                       sizeof ret->sun_path - 1);
    memcpy(ret->sun_path, path, n);
    return 0;
}

static int new_socket(int extra, struct err *e)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | extra, 0);
    if (fd < 0)
        return err_set(e, ERR_IO, "socket: %s", strerror(errno));
    return fd;
}

/* A whole packet must fit, with the kernel's own overhead. */
static void widen(int fd)
{
    int bytes = SOCKET_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

/* ---- server ---- */

/* Removes a socket file that nobody listens on; anything else is left alone. */
static int clear_stale(const struct sockaddr_un *a, struct err *e)
{
    struct stat st;
    if (lstat(a->sun_path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return err_set(e, ERR_EXISTS, "%s exists and is no socket", a->sun_path);
    int fd = new_socket(SOCK_NONBLOCK, e);
    if (fd < 0)
        return fd;
    int why = connect(fd, (const struct sockaddr *)a, sizeof *a) ? errno : 0;
    close(fd);
    if (why == 0 || why == EAGAIN)
        return err_set(e, ERR_BUSY, "%s: another process listens there", a->sun_path);
    if (why != ECONNREFUSED && why != ENOENT)
        return err_set(e, why == EACCES ? ERR_DENIED : ERR_IO, "%s: %s", a->sun_path,
                       strerror(why));
    if (unlink(a->sun_path) && errno != ENOENT)
        return err_set(e, ERR_IO, "%s: %s", a->sun_path, strerror(errno));
    return 0;
}

int ipc_listen(const char *path, int *ret_fd, struct err *e)
{
    struct sockaddr_un a;
    int code = fill_address(path, &a, e);
    int fd = code ? code : new_socket(SOCK_NONBLOCK, e);
    if (fd < 0)
        return fd;
    fchmod(fd, 0660); /* the file is born with this less the umask, so it is never open wider */
    int why = bind(fd, (const struct sockaddr *)&a, sizeof a) ? errno : 0;
    if (why == EADDRINUSE) {
        code = clear_stale(&a, e);
        if (code)
            goto fail;
        why = bind(fd, (const struct sockaddr *)&a, sizeof a) ? errno : 0;
    }
    if (!why && (chmod(path, 0660) || listen(fd, BACKLOG)))
        why = errno;
    if (why) {
        code = err_set(e, why == EACCES ? ERR_DENIED : ERR_IO, "%s: %s", path, strerror(why));
        goto fail;
    }
    *ret_fd = fd;
    return 0;
fail:
    close(fd);
    return code;
}

int ipc_accept(int listen_fd, int *ret_fd, uid_t *ret_uid, pid_t *ret_pid)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? ERR_AGAIN : ERR_IO;
    struct ucred peer;
    socklen_t n = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n)) {
        close(fd);
        return ERR_IO;
    }
    widen(fd);
    *ret_fd = fd;
    if (ret_uid)
        *ret_uid = peer.uid;
    if (ret_pid)
        *ret_pid = peer.pid;
    return 0;
}

/* ---- packets ---- */

static int code_of(int why)
{
    switch (why) {
    case EAGAIN:
    case ENOBUFS: return ERR_AGAIN;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN: return ERR_UNREACHABLE;
    case EMSGSIZE: return ERR_TOOBIG;
    default: return ERR_IO;
    }
}

int ipc_send(int fd, const json_t *doc)
{
    char *text = json_dumps(doc, JSON_COMPACT);
    if (!text)
        return ERR_PARSE;
    size_t n = strlen(text);
    ssize_t sent = -1;
    int why = EMSGSIZE;
    if (n <= IPC_MAX_BYTES)
        do {
            sent = send(fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
            why = errno;
        } while (sent < 0 && why == EINTR);
    free(text);
    return sent < 0 ? code_of(why) : 0;
}

int ipc_recv(int fd, json_t **ret, struct err *e)
{
    char *buf = malloc(IPC_MAX_BYTES);
    if (!buf)
        return err_set(e, ERR_NOMEM, "out of memory");
    struct iovec part = {buf, IPC_MAX_BYTES};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;
    do
        n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    int why = errno, code;
    if (n < 0)
        code = err_set(e, code_of(why), "control socket: %s", strerror(why));
    else if (n == 0)
        code = err_set(e, ERR_UNREACHABLE, "the other side has closed the connection");
    else if (msg.msg_flags & MSG_TRUNC)
        code = err_set(e, ERR_TOOBIG, "a packet larger than %d bytes", IPC_MAX_BYTES);
    else
        code = json_parse(buf, (size_t)n, ret, e);
    free(buf);
    return code;
}

/* ---- client ---- */

static int wait_for(int fd, short what, struct mono due)
{
    for (;;) {
        int64_t left_ms = (mono_since_ns(due, mono_now()) + 999999) / 1000000;
        struct pollfd p = {.fd = fd, .events = what};
        int n = poll(&p, 1, left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
        if (n > 0)
            return 0; /* also on hang-up: the next call on the descriptor says so */
        if (n == 0)
            return ERR_TIMEOUT;
        if (errno != EINTR)
            return ERR_IO;
    }
}

static int recv_until(int fd, struct mono due, json_t **ret, struct err *e)
{
    for (;;) {
        int code = ipc_recv(fd, ret, e);
        if (code != ERR_AGAIN)
            return code;
        code = wait_for(fd, POLLIN, due);
        if (code)
            return err_set(e, code, "no answer from the daemon in time");
    }
}

static int send_until(int fd, struct mono due, const json_t *doc, struct err *e)
{
    for (;;) {
        int code = ipc_send(fd, doc);
        if (code != ERR_AGAIN)
            return code ? err_set(e, code, "request: %s", err_text(code)) : 0;
        code = wait_for(fd, POLLOUT, due);
        if (code)
            return err_set(e, code, "the daemon takes no request");
    }
}

/* {"ok":false,"error":{"code":…,"text":…}} as an error. A code that only a newer daemon knows still
 * fails, with its own words. */
static int error_of(const json_t *answer, struct err *e)
{
    const json_t *error = json_object_get(answer, "error");
    const char *name = json_text_or(error, "code", "");
    int code = err_from_name(name);
    if (!code)
        return err_set(e, ERR_PROTOCOL, "%.40s: %s", name, json_text_or(error, "text", "no text"));
    return err_set(e, code, "%s", json_text_or(error, "text", err_text(code)));
}

static int check_hello(const json_t *hello, const char *path, struct err *e)
{
    if (json_is_false(json_object_get(hello, "ok")))
        return error_of(hello, e);
    int64_t protocol = json_int_or(hello, "lotline", 0);
    if (protocol == IPC_PROTOCOL)
        return 0;
    return err_set(e, ERR_PROTOCOL, "%s speaks protocol %lld, this program %d", path,
                   (long long)protocol, IPC_PROTOCOL);
}

/* AF_UNIX connects at once or waits for a place in the backlog, for which SO_SNDTIMEO
 * is the limit. */
static int connect_within(const char *path, int timeout_ms, int *ret_fd, struct err *e)
{
    struct sockaddr_un a;
    int code = fill_address(path, &a, e);
    int fd = code ? code : new_socket(0, e);
    if (fd < 0)
        return fd;
    int ms = timeout_ms > 0 ? timeout_ms : 1; /* 0 would mean no limit */
    struct timeval limit = {ms / 1000, ms % 1000 * 1000L};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    widen(fd);
    int why = connect(fd, (const struct sockaddr *)&a, sizeof a) ? errno : 0;
    if (!why && fcntl(fd, F_SETFL, O_NONBLOCK))
        why = errno;
    if (!why) {
        *ret_fd = fd;
        return 0;
    }
    close(fd);
    code = why == EACCES || why == EPERM ? ERR_DENIED
           : why == EAGAIN               ? ERR_TIMEOUT
                                         : ERR_UNREACHABLE;
    return err_set(e, code, "%s: %s", path,
                   why == ECONNREFUSED ? "nobody listens there" : strerror(why));
}

int ipc_connect(const char *path, int timeout_ms, int *ret_fd, json_t **ret_hello, struct err *e)
{
    struct mono due = mono_add_ms(mono_now(), timeout_ms);
    int fd = -1;
    json_t *hello = NULL;
    int code = connect_within(path, timeout_ms, &fd, e);
    if (code)
        return code;
    code = recv_until(fd, due, &hello, e);
    if (code)
        err_prefix(e, "%s", path);
    else
        code = check_hello(hello, path, e);
    if (code) {
        json_decref(hello);
        close(fd);
        return code;
    }
    *ret_fd = fd;
    if (ret_hello)
        *ret_hello = hello;
    else
        json_decref(hello);
    return 0;
}

static json_t *build_request(const char *command, const json_t *args, const char *request_id)
{
    json_t *args_copy = args ? json_deep_copy(args) : NULL;
    return json_pack("{s:s, s:o*, s:s*}", "command", command, "args", args_copy, "request_id",
                     request_id);
}

static int take_answer(const json_t *answer, json_t **ret_result, struct err *e)
{
    const json_t *ok = json_object_get(answer, "ok");
    if (json_is_false(ok))
        return error_of(answer, e);
    if (!json_is_true(ok))
        return err_set(e, ERR_PROTOCOL, "an answer without \"ok\"");
    if (ret_result) {
        json_t *result = json_object_get(answer, "result");
        *ret_result = result ? json_incref(result) : json_null();
    }
    return 0;
}

int ipc_call(int fd, const char *command, const json_t *args, const char *request_id,
             int timeout_ms, json_t **ret_result, struct err *e)
{
    struct mono due = mono_add_ms(mono_now(), timeout_ms);
    json_t *request = build_request(command, args, request_id), *answer = NULL;
    if (!request)
        return err_set(e, ERR_PARSE, "a request that is no JSON");
    int code = send_until(fd, due, request, e);
    json_decref(request);
    if (!code)
        code = recv_until(fd, due, &answer, e);
    if (code == ERR_TIMEOUT)
        shutdown(fd, SHUT_RDWR); /* invariant 3 */
    if (code)
        return code;
    code = take_answer(answer, ret_result, e);
    json_decref(answer);
    return code;
}
