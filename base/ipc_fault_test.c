/* The control socket while calls of the system fail: each failure has its code and words, an
 * interrupted call is made again, and what listens or is connected is whole. */
#include "base/ipc.h"
#include "base/test_calls.h"
#include "base/test_tmp.h"
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <cmocka.h>

CALL(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
CALL(int, bind, (int fd, __CONST_SOCKADDR_ARG a, socklen_t n), (fd, a, n))
CALL(int, listen, (int fd, int n), (fd, n))
CALL(int, connect, (int fd, __CONST_SOCKADDR_ARG a, socklen_t n), (fd, a, n))
CALL(int, accept4, (int fd, __SOCKADDR_ARG a, socklen_t *restrict n, int flags), (fd, a, n, flags))
CALL(int, chmod, (const char *path, mode_t mode), (path, mode))
CALL(int, unlink, (const char *path), (path))
CALL(int, getsockopt, (int fd, int level, int name, void *restrict p, socklen_t *restrict n),
     (fd, level, name, p, n))
CALL(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
CALL(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
CALL(int, poll, (struct pollfd * p, nfds_t n, int ms), (p, n, ms))

struct row {
    const char *name;
    int why, code;
};

static int start(void **state)
{
    struct tmp *t = calloc(1, sizeof *t);
    tmp_make(t);
    tmp_path(t, "s");
    *state = t;
    return 0;
}

static int stop(void **state)
{
    tmp_remove(*state);
    free(*state);
    return 0;
}

static void is_told(const struct row *r, int rc, const struct err *e)
{
    if (!call_failed())
        fail_msg("%s was not called", r->name);
    if (rc != r->code || e->code != rc || !e->text[0])
        fail_msg("%s: %s gives %s and says \"%s\"", r->name, strerror(r->why), err_name(rc),
                 e->text);
}

static void a_socket_that_cannot_be_listened_on_says_why(void **state)
{
    struct tmp *t = *state;
    static const struct row rows[] = {
        {"socket", EMFILE, ERR_IO}, {"bind", EACCES, ERR_DENIED}, {"bind", ENOSPC, ERR_IO},
        {"chmod", EPERM, ERR_IO},   {"listen", ENOMEM, ERR_IO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};
        int fd = -1;
        call_fails(rows[i].name, rows[i].why, 0);
        is_told(&rows[i], ipc_listen(t->path, &fd, &e), &e);
        assert_int_equal(fd, -1);
        assert_int_equal(ipc_listen(t->path, &fd, &e), 0); /* what it left is no hindrance */
        close(fd);
        remove(t->path);
    }
}

static void a_socket_file_of_which_nothing_is_known_is_left_alone(void **state)
{
    struct tmp *t = *state;
    static const struct row rows[] = {
        {"connect", EACCES, ERR_DENIED},
        {"connect", EAGAIN, ERR_BUSY},
        {"connect", EIO, ERR_IO},
        {"unlink", EPERM, ERR_IO},
    };
    int old = -1;
    assert_int_equal(ipc_listen(t->path, &old, NULL), 0);
    close(old); /* the file stays */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};
        struct stat st;
        int fd = -1;
        call_fails(rows[i].name, rows[i].why, 0);
        is_told(&rows[i], ipc_listen(t->path, &fd, &e), &e);
        assert_int_equal(fd, -1);
        assert_int_equal(lstat(t->path, &st), 0);
    }
    call_fails("socket", EMFILE, 1); /* the one that looks whether anybody listens */
    struct err e = {0};
    assert_int_equal(ipc_listen(t->path, &old, &e), ERR_IO);
    assert_true(call_failed());
    call_fails("unlink", ENOENT, 0); /* gone meanwhile: as good as removed, but it is there */
    assert_int_equal(ipc_listen(t->path, &old, &e), ERR_IO);
    assert_true(call_failed());
}

static void a_path_of_no_length_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    int fd = -1;
    assert_int_equal(ipc_listen("", &fd, &e), ERR_TOOBIG);
    assert_int_equal(ipc_connect("", 10, &fd, NULL, &e), ERR_TOOBIG);
}

static void a_daemon_that_cannot_be_reached_is_told_apart_from_one_that_refuses(void **state)
{
    struct tmp *t = *state;
    static const struct row rows[] = {
        {"socket", EMFILE, ERR_IO},
        {"connect", EACCES, ERR_DENIED},
        {"connect", EPERM, ERR_DENIED},
        {"connect", EAGAIN, ERR_TIMEOUT},
        {"connect", ECONNREFUSED, ERR_UNREACHABLE},
    };
    int server = -1;
    assert_int_equal(ipc_listen(t->path, &server, NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};
        int fd = -1;
        call_fails(rows[i].name, rows[i].why, 0);
        is_told(&rows[i], ipc_connect(t->path, 0, &fd, NULL, &e), &e);
        assert_int_equal(fd, -1);
    }
    close(server);
}

static void a_guest_that_went_away_is_no_trouble_but_a_full_table_is(void **state)
{
    struct tmp *t = *state;
    static const struct row rows[] = {
        {"accept4", EINTR, ERR_AGAIN},
        {"accept4", ECONNABORTED, ERR_AGAIN},
        {"accept4", EMFILE, ERR_IO},
        {"getsockopt", ENOBUFS, ERR_IO}, /* whoever the kernel does not name is not let in */
    };
    int server = -1;
    assert_int_equal(ipc_listen(t->path, &server, NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int client = -1, fd = -1;
        json_t *hello = NULL;
        assert_int_equal(ipc_connect(t->path, 1, &client, &hello, NULL), ERR_TIMEOUT); /* a guest */
        call_fails(rows[i].name, rows[i].why, 0);
        assert_int_equal(ipc_accept(server, &fd, NULL, NULL), rows[i].code);
        assert_true(call_failed());
        assert_int_equal(fd, -1);
        while (ipc_accept(server, &fd, NULL, NULL) == 0)
            close(fd);
    }
    close(server);
}

/* Two ends. */
static void pair(int ret[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ret), 0);
}

static void a_failed_packet_says_whether_another_try_may_help(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"send", ENOBUFS, ERR_AGAIN},
        {"send", ENOTCONN, ERR_UNREACHABLE},
        {"send", EIO, ERR_IO},
        {"recvmsg", EIO, ERR_IO},
        {"recvmsg", ECONNRESET, ERR_UNREACHABLE},
        {"send", EINTR, 0},
        {"recvmsg", EINTR, 0},
    };
    json_t *doc = json_pack("{s:i}", "n", 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int end[2];
        json_t *got = NULL;
        struct err e = {0};
        pair(end);
        call_fails(rows[i].name, rows[i].why, 0);
        int rc = ipc_send(end[0], doc);
        if (rc == 0)
            rc = ipc_recv(end[1], &got, &e);
        assert_true(call_failed());
        assert_int_equal(rc, rows[i].code);
        assert_int_equal(json_equal(got, doc), rc == 0);
        json_decref(got);
        close(end[0]);
        close(end[1]);
    }
    json_decref(doc);
}

static void an_interrupted_wait_goes_on_and_a_broken_one_ends(void **state)
{
    (void)state;
    int end[2];
    struct err e = {0};
    pair(end);
    call_fails("poll", EINTR, 0);
    assert_int_equal(ipc_call(end[0], "x", NULL, NULL, 20, NULL, &e), ERR_TIMEOUT);
    assert_true(call_failed());
    close(end[0]);
    close(end[1]);
    pair(end);
    call_fails("poll", ENOMEM, 0);
    assert_int_equal(ipc_call(end[0], "x", NULL, NULL, 5000, NULL, &e), ERR_IO);
    assert_true(call_failed());
    assert_string_equal(e.text, "no answer from the daemon in time");
    close(end[0]);
    close(end[1]);
}

static void a_daemon_that_takes_nothing_ends_the_call_in_time(void **state)
{
    (void)state;
    int end[2];
    struct err e = {0};
    json_t *doc = json_pack("{s:i}", "n", 1);
    pair(end);
    while (ipc_send(end[0], doc) == 0)
        ;
    assert_int_equal(ipc_call(end[0], "x", doc, NULL, 20, NULL, &e), ERR_TIMEOUT);
    assert_string_equal(e.text, "the daemon takes no request");
    json_decref(doc);
    close(end[0]);
    close(end[1]);
}

/* What the daemon sent before it was asked is its answer. */
static void an_answer_that_is_none_is_an_error_of_the_protocol(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *says;
        int code;
    } rows[] = {
        {"{}", "an answer without \"ok\"", ERR_PROTOCOL},
        {"{\"ok\":1}", "an answer without \"ok\"", ERR_PROTOCOL},
        {"[]", "an answer without \"ok\"", ERR_PROTOCOL},
        {"{\"ok\":false}", ": no text", ERR_PROTOCOL},
        {"{\"ok\":false,\"error\":{\"code\":\"ERR_STATE\"}}", NULL, ERR_STATE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int end[2];
        struct err e = {0};
        json_t *result = NULL;
        pair(end);
        size_t n = strlen(rows[i].answer);
        assert_int_equal(send(end[1], rows[i].answer, n, 0), n);
        assert_int_equal(ipc_call(end[0], "x", NULL, NULL, 1000, &result, &e), rows[i].code);
        assert_string_equal(e.text, rows[i].says ? rows[i].says : err_text(rows[i].code));
        assert_null(result);
        close(end[0]);
        close(end[1]);
    }
}

int main(void)
{
#define IN_DIR(t) cmocka_unit_test_setup_teardown(t, start, stop)
    const struct CMUnitTest tests[] = {
        IN_DIR(a_socket_that_cannot_be_listened_on_says_why),
        IN_DIR(a_socket_file_of_which_nothing_is_known_is_left_alone),
        cmocka_unit_test(a_path_of_no_length_is_refused),
        IN_DIR(a_daemon_that_cannot_be_reached_is_told_apart_from_one_that_refuses),
        IN_DIR(a_guest_that_went_away_is_no_trouble_but_a_full_table_is),
        cmocka_unit_test(a_failed_packet_says_whether_another_try_may_help),
        cmocka_unit_test(an_interrupted_wait_goes_on_and_a_broken_one_ends),
        cmocka_unit_test(a_daemon_that_takes_nothing_ends_the_call_in_time),
        cmocka_unit_test(an_answer_that_is_none_is_an_error_of_the_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
