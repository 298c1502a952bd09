/* The control socket, both ends in one process: a thread plays the daemon. */
#include "base/ipc.h"
#include "base/test_tmp.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <cmocka.h>

struct daemon {
    struct tmp tmp;
    const char *path;
    int listen_fd, fd;
    pthread_t thread;
    const char *hello;  /* NULL: stays silent */
    const char *answer; /* to the first request; NULL: no answer */
    json_t *request;    /* as it came */
};

static int start(void **state)
{
    struct daemon *d = calloc(1, sizeof *d);
    tmp_make(&d->tmp);
    d->path = tmp_path(&d->tmp, "s");
    d->fd = -1;
    *state = d;
    return ipc_listen(d->path, &d->listen_fd, NULL);
}

static int stop(void **state)
{
    struct daemon *d = *state;
    close(d->listen_fd);
    if (d->fd >= 0)
        close(d->fd);
    json_decref(d->request);
    tmp_remove(&d->tmp);
    free(d);
    return 0;
}

static void wait_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 5000) != 1)
        abort();
}

static void send_text(int fd, const char *text)
{
    json_t *j = json_loads(text, 0, NULL);
    if (!j || ipc_send(fd, j))
        abort();
    json_decref(j);
}

static void *serve(void *arg)
{
    struct daemon *d = arg;
    wait_readable(d->listen_fd);
    if (ipc_accept(d->listen_fd, &d->fd, NULL, NULL))
        abort();
    if (d->hello)
        send_text(d->fd, d->hello);
    if (!d->answer)
        return NULL;
    wait_readable(d->fd);
    if (ipc_recv(d->fd, &d->request, NULL))
        abort();
    send_text(d->fd, d->answer);
    return NULL;
}

static void serve_with(struct daemon *d, const char *hello, const char *answer)
{
    d->hello = hello;
    d->answer = answer;
    assert_int_equal(pthread_create(&d->thread, NULL, serve, d), 0);
}

static void the_hello_is_read_and_handed_over(void **state)
{
    struct daemon *d = *state;
    json_t *hello = NULL;
    struct err e = {0};
    int fd = -1;
    serve_with(d, "{\"lotline\":1,\"version\":\"0.1\"}", NULL);
    assert_int_equal(ipc_connect(d->path, 5000, &fd, &hello, &e), 0);
    assert_string_equal(json_string_value(json_object_get(hello, "version")), "0.1");
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    pthread_join(d->thread, NULL);
    json_decref(hello);
    close(fd);
}

static void a_request_gets_its_answer(void **state)
{
    struct daemon *d = *state;
    json_t *args = json_pack("{s:i}", "net_mg", 5), *result = NULL;
    struct err e = {0};
    int fd = -1;
    serve_with(d, "{\"lotline\":1}", "{\"ok\":true,\"result\":{\"n\":7}}");
    assert_int_equal(ipc_connect(d->path, 5000, &fd, NULL, &e), 0);
    assert_int_equal(ipc_call(fd, "weigh", args, "r-1", 5000, &result, &e), 0);
    pthread_join(d->thread, NULL);
    assert_int_equal(json_integer_value(json_object_get(result, "n")), 7);
    assert_string_equal(json_string_value(json_object_get(d->request, "command")), "weigh");
    assert_string_equal(json_string_value(json_object_get(d->request, "request_id")), "r-1");
    assert_true(json_equal(json_object_get(d->request, "args"), args));
    json_decref(args);
    json_decref(result);
    close(fd);
}

static void what_is_null_is_left_out_of_a_request(void **state)
{
    struct daemon *d = *state;
    json_t *result = NULL;
    int fd = -1;
    serve_with(d, "{\"lotline\":1}", "{\"ok\":true}");
    assert_int_equal(ipc_connect(d->path, 5000, &fd, NULL, NULL), 0);
    assert_int_equal(ipc_call(fd, "status", NULL, NULL, 5000, &result, NULL), 0);
    pthread_join(d->thread, NULL);
    assert_int_equal(json_object_size(d->request), 1);
    assert_true(json_is_null(result));
    close(fd);
}

static void an_error_of_the_daemon_becomes_the_callers(void **state)
{
    struct daemon *d = *state;
    struct err e = {0};
    int fd = -1;
    serve_with(d, "{\"lotline\":1}",
               "{\"ok\":false,\"error\":{\"code\":\"ERR_STATE\",\"text\":\"lot is closed\"}}");
    assert_int_equal(ipc_connect(d->path, 5000, &fd, NULL, &e), 0);
    assert_int_equal(ipc_call(fd, "weigh", NULL, NULL, 5000, NULL, &e), ERR_STATE);
    assert_string_equal(e.text, "lot is closed");
    pthread_join(d->thread, NULL);
    close(fd);
}

static void an_unknown_error_code_still_fails(void **state)
{
    struct daemon *d = *state;
    struct err e = {0};
    int fd = -1;
    serve_with(d, "{\"lotline\":1}",
               "{\"ok\":false,\"error\":{\"code\":\"ERR_NEWER\",\"text\":\"t\"}}");
    assert_int_equal(ipc_connect(d->path, 5000, &fd, NULL, &e), 0);
    assert_int_equal(ipc_call(fd, "x", NULL, NULL, 5000, NULL, &e), ERR_PROTOCOL);
    assert_string_equal(e.text, "ERR_NEWER: t");
    pthread_join(d->thread, NULL);
    close(fd);
}

static void another_protocol_is_refused(void **state)
{
    struct daemon *d = *state;
    struct err e = {0};
    int fd = -1;
    serve_with(d, "{\"lotline\":2}", NULL);
    assert_int_equal(ipc_connect(d->path, 5000, &fd, NULL, &e), ERR_PROTOCOL);
    assert_non_null(strstr(e.text, "speaks protocol 2, this program 1"));
    assert_int_equal(fd, -1);
    pthread_join(d->thread, NULL);
}

static void a_silent_daemon_times_out_and_the_connection_ends(void **state)
{
    struct daemon *d = *state;
    struct err e = {0};
    int fd = -1;
    assert_int_equal(ipc_connect(d->path, 30, &fd, NULL, &e),
                     ERR_TIMEOUT); /* sits in the backlog */
    int gone = -1;
    assert_int_equal(ipc_accept(d->listen_fd, &gone, NULL, NULL), 0);
    close(gone);
    serve_with(d, "{\"lotline\":1}", NULL);
    assert_int_equal(ipc_connect(d->path, 5000, &fd, NULL, &e), 0);
    pthread_join(d->thread, NULL);
    assert_int_equal(ipc_call(fd, "x", NULL, NULL, 30, NULL, &e), ERR_TIMEOUT);
    assert_int_equal(ipc_call(fd, "x", NULL, NULL, 30, NULL, &e), ERR_UNREACHABLE);
    close(fd);
}

static void nobody_there_is_unreachable_and_names_the_path(void **state)
{
    struct daemon *d = *state;
    struct err e = {0};
    int fd = -1;
    assert_int_equal(ipc_connect("/nonexistent/s", 100, &fd, NULL, &e), ERR_UNREACHABLE);
    assert_non_null(strstr(e.text, "/nonexistent/s"));
    close(d->listen_fd);
    assert_int_equal(ipc_connect(d->path, 100, &fd, NULL, &e), ERR_UNREACHABLE);
    assert_non_null(strstr(e.text, d->path));
    assert_int_equal(ipc_listen(d->path, &d->listen_fd, &e), 0); /* the stale file is replaced */
}

static void a_live_socket_is_not_taken_over(void **state)
{
    struct daemon *d = *state;
    struct err e = {0};
    int fd = -1;
    assert_int_equal(ipc_listen(d->path, &fd, &e), ERR_BUSY);
    assert_int_equal(fd, -1);
    assert_non_null(strstr(e.text, d->path));
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    struct daemon *d = *state;
    struct err e = {0};
    struct stat st;
    int fd = -1;
    char path[128];
    snprintf(path, sizeof path, "%s.txt", d->path);
    tmp_write(path, "x", 1);
    assert_int_equal(ipc_listen(path, &fd, &e), ERR_EXISTS);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void the_socket_is_for_owner_and_group_whatever_the_umask(void **state)
{
    struct daemon *d = *state;
    struct stat st;
    int fd = -1;
    char path[128];
    snprintf(path, sizeof path, "%s2", d->path);
    mode_t old = umask(0077);
    assert_int_equal(ipc_listen(path, &fd, NULL), 0);
    umask(old);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    close(fd);
}

static void a_long_path_is_refused(void **state)
{
    (void)state;
    char path[200];
    struct err e = {0};
    int fd = -1;
    memset(path, 'p', sizeof path);
    path[108] = '\0';
    assert_int_equal(ipc_listen(path, &fd, &e), ERR_TOOBIG);
    assert_int_equal(ipc_connect(path, 10, &fd, NULL, &e), ERR_TOOBIG);
}

/* Both ends of a connection, without a thread. */
static void connect_pair(struct daemon *d, int *ret_client, uid_t *ret_uid, pid_t *ret_pid)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, d->path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0), big = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(ipc_accept(d->listen_fd, &d->fd, ret_uid, ret_pid), 0);
    *ret_client = fd;
}

static void the_peer_is_named_by_the_kernel(void **state)
{
    struct daemon *d = *state;
    uid_t uid = 12345;
    pid_t pid = 0;
    int client = -1, none = -1;
    connect_pair(d, &client, &uid, &pid);
    assert_int_equal(uid, getuid());
    assert_int_equal(pid, getpid());
    assert_int_equal(ipc_accept(d->listen_fd, &none, &uid, &pid), ERR_AGAIN);
    close(client);
}

static void nothing_blocks_and_an_end_is_seen(void **state)
{
    struct daemon *d = *state;
    int client = -1;
    json_t *j = NULL;
    connect_pair(d, &client, NULL, NULL);
    assert_int_equal(ipc_recv(d->fd, &j, NULL), ERR_AGAIN);
    close(client);
    assert_int_equal(ipc_recv(d->fd, &j, NULL), ERR_UNREACHABLE);
    assert_null(j);
    j = json_object();
    assert_int_equal(ipc_send(d->fd, j), ERR_UNREACHABLE); /* and no SIGPIPE */
    json_decref(j);
}

static void a_full_socket_says_again_and_keeps_packets_whole(void **state)
{
    struct daemon *d = *state;
    int client = -1, sent = 0;
    char text[30001];
    connect_pair(d, &client, NULL, NULL);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    json_t *j = json_pack("{s:s}", "t", text), *got = NULL;
    while (sent < 1000 && ipc_send(d->fd, j) == 0)
        sent++;
    assert_in_range(sent, 2, 999);
    assert_int_equal(ipc_send(d->fd, j), ERR_AGAIN);
    for (int i = 0; i < sent; i++) {
        assert_int_equal(ipc_recv(client, &got, NULL), 0);
        assert_true(json_equal(got, j));
        json_decref(got);
    }
    assert_int_equal(ipc_recv(client, &got, NULL), ERR_AGAIN);
    json_decref(j);
    close(client);
}

/* {"t":"xxx"} of n bytes */
static json_t *doc_of_size(size_t n)
{
    char *text = malloc(n - 7);
    memset(text, 'x', n - 8);
    text[n - 8] = '\0';
    json_t *j = json_pack("{s:s}", "t", text);
    free(text);
    return j;
}

static void the_largest_packet_passes_and_one_byte_more_does_not(void **state)
{
    struct daemon *d = *state;
    int client = -1;
    connect_pair(d, &client, NULL, NULL);
    json_t *j = doc_of_size(IPC_MAX_BYTES), *got = NULL;
    assert_int_equal(ipc_send(d->fd, j), 0);
    assert_int_equal(ipc_recv(client, &got, NULL), 0);
    assert_true(json_equal(got, j));
    json_decref(j);
    json_decref(got);
    j = doc_of_size(IPC_MAX_BYTES + 1);
    assert_int_equal(ipc_send(d->fd, j), ERR_TOOBIG);
    json_decref(j);
    close(client);
}

static void a_packet_that_was_cut_is_refused_and_the_next_one_read(void **state)
{
    struct daemon *d = *state;
    struct err e = {0};
    int client = -1;
    json_t *got = NULL;
    char *big = malloc(IPC_MAX_BYTES + 10);
    connect_pair(d, &client, NULL, NULL);
    memset(big, ' ', IPC_MAX_BYTES + 10);
    memcpy(big, "{\"a\":1}", 7); /* what would be left of it is good JSON */
    assert_int_equal(send(client, big, IPC_MAX_BYTES + 10, 0), IPC_MAX_BYTES + 10);
    assert_int_equal(send(client, "{\"a\":2}", 7, 0), 7);
    assert_int_equal(send(client, "{\"a\":", 5, 0), 5);
    assert_int_equal(ipc_recv(d->fd, &got, &e), ERR_TOOBIG);
    assert_null(got);
    assert_int_equal(ipc_recv(d->fd, &got, &e), 0);
    json_decref(got);
    assert_int_equal(ipc_recv(d->fd, &got, &e), ERR_PARSE);
    free(big);
    close(client);
}

int main(void)
{
#define SERVED(t) cmocka_unit_test_setup_teardown(t, start, stop)
    const struct CMUnitTest tests[] = {
        SERVED(the_hello_is_read_and_handed_over),
        SERVED(a_request_gets_its_answer),
        SERVED(what_is_null_is_left_out_of_a_request),
        SERVED(an_error_of_the_daemon_becomes_the_callers),
        SERVED(an_unknown_error_code_still_fails),
        SERVED(another_protocol_is_refused),
        SERVED(a_silent_daemon_times_out_and_the_connection_ends),
        SERVED(nobody_there_is_unreachable_and_names_the_path),
        SERVED(a_live_socket_is_not_taken_over),
        SERVED(a_file_that_is_no_socket_is_left_alone),
        SERVED(the_socket_is_for_owner_and_group_whatever_the_umask),
        cmocka_unit_test(a_long_path_is_refused),
        SERVED(the_peer_is_named_by_the_kernel),
        SERVED(nothing_blocks_and_an_end_is_seen),
        SERVED(a_full_socket_says_again_and_keeps_packets_whole),
        SERVED(the_largest_packet_passes_and_one_byte_more_does_not),
        SERVED(a_packet_that_was_cut_is_refused_and_the_next_one_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
