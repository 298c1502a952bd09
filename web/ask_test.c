/* Asking a daemon of this test: answers reach the browser that asked, a daemon that goes away is
 * noticed, a request is repeated only where that is safe. */
#include "web/ask.h"
#include "base/ipc.h"
#include "base/json.h"
#include "base/test_tmp.h"
#include "web/http.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <sys/socket.h>

static struct tmp tmp;
static struct ask *ask;
static struct http *http;
static pthread_t main_thread, daemon_thread;
static atomic_bool end_main, end_daemon, mute;
static atomic_int served, connections;
static int listening = -1;

/* ---- a daemon that answers with what was asked ---- */

static void serve_one(int fd)
{
    json_t *doc = NULL, *answer;
    if (ipc_recv(fd, &doc, NULL) || atomic_load(&mute)) {
        json_decref(doc);
        return;
    }
    const char *verb = json_text_or(doc, "command", "");
    atomic_fetch_add(&served, strcmp(verb, "ping") != 0);
    if (strcmp(verb, "refuse") == 0)
        answer = json_pack("{s:b,s:{s:s,s:s}}", "ok", 0, "error", "code", "ERR_STATE", "text",
                           "Wait: not steady");
    else
        answer = json_pack("{s:b,s:{s:s,s:s}}", "ok", 1, "result", "verb", verb, "id",
                           json_text_or(doc, "request_id", ""));
    ipc_send(fd, answer);
    json_decref(answer);
    json_decref(doc);
}

static void *run_daemon(void *arg)
{
    int client = -1;
    (void)arg;
    while (!atomic_load(&end_daemon)) {
        struct pollfd p[] = {{.fd = listening, .events = POLLIN}, {.fd = client, .events = POLLIN}};
        poll(p, 2, 20);
        if (p[0].revents & POLLIN) {
            if (client >= 0)
                close(client);
            if (ipc_accept(listening, &client, NULL, NULL))
                client = -1;
            json_t *hello = json_pack("{s:i,s:s}", "lotline", IPC_PROTOCOL, "version", "test");
            atomic_fetch_add(&connections, client >= 0 && ipc_send(client, hello) == 0);
            json_decref(hello);
        } else if (p[1].revents) {
            serve_one(client);
            if (p[1].revents & POLLHUP) {
                close(client);
                client = -1;
            }
        }
    }
    if (client >= 0)
        close(client);
    return NULL;
}

static void daemon_up(void)
{
    assert_int_equal(ipc_listen(tmp_path(&tmp, "sock"), &listening, NULL), 0);
    atomic_store(&end_daemon, false);
    assert_int_equal(pthread_create(&daemon_thread, NULL, run_daemon, NULL), 0);
}

static void daemon_down(void)
{
    atomic_store(&end_daemon, true);
    pthread_join(daemon_thread, NULL);
    close(listening);
}

/* ---- the web's two threads ---- */

static void *run_main(void *arg)
{
    (void)arg;
    while (!atomic_load(&end_main)) {
        struct pollfd p = {.fd = ask_fd(ask), .events = POLLIN};
        poll(&p, 1, 20);
        ask_turn(ask, mono_now());
    }
    return NULL;
}

static void came(void *ctx, const struct request *q, void *state, struct reply *r)
{
    struct job *j = state;
    (void)ctx;
    (void)q;
    if (j->code)
        reply_error(r, &j->e);
    else
        reply_json(r, 200, json_incref(j->result));
    job_free(j);
}

static void handle(void *ctx, const struct request *q, struct reply *r)
{
    (void)ctx;
    r->state =
        ask_post(ask, q, q->segment[0], json_object(), q->n_segments > 1 ? q->segment[1] : NULL);
    if (r->state)
        r->then = came;
    else
        reply_problem(r, 503, "full", "");
}

static int start(void **state)
{
    (void)state;
    struct err e = {0};
    struct http_options o = {
        .host = "127.0.0.1", .connections = 64, .per_ip = 64, .idle_s = 10, .handler = handle};
    tmp_make(&tmp);
    daemon_up();
    atomic_store(&end_main, false);
    atomic_store(&mute, false);
    atomic_store(&served, 0);
    atomic_store(&connections, 0);
    return ask_new(tmp_path(&tmp, "sock"), &ask, &e) || http_new(&o, &http, &e) ||
           http_start(http, &e) || pthread_create(&main_thread, NULL, run_main, NULL);
}

static int stop(void **state)
{
    (void)state;
    atomic_store(&end_main, true);
    pthread_join(main_thread, NULL);
    ask_stop(ask);
    http_stop(http);
    ask_free(ask);
    daemon_down();
    tmp_remove(&tmp);
    return 0;
}

/* ---- a browser ---- */

static int send_get(const char *path)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(http_port(http)),
                            .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char text[200];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                     path);
    assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
    return fd;
}

static const char *hear(int fd)
{
    static char text[4096];
    size_t n = 0;
    ssize_t got;
    while (n + 1 < sizeof text && (got = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    close(fd);
    return text;
}

static void answers(const char *path, const char *with)
{
    const char *text = hear(send_get(path));
    if (!strstr(text, with))
        fail_msg("%s got \"%s\" without \"%s\"", path, text, with);
}

static void an_answer_reaches_who_asked(void **state)
{
    (void)state;
    int fd[20];
    char path[40], id[40];
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "/do/%d", i);
        fd[i] = send_get(path);
    }
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "\"id\":\"%d\"", i);
        assert_non_null(strstr(hear(fd[i]), id));
    }
    assert_int_equal(atomic_load(&connections), 1);
    assert_true(ask_up(ask));
}

static void a_refusal_keeps_its_code_and_words(void **state)
{
    (void)state;
    answers("/refuse/1", "HTTP/1.1 409");
    answers("/refuse/2", "\"code\":\"ERR_STATE\",\"detail\":\"Wait: not steady\"");
}

static void a_daemon_that_comes_again_is_asked_again(void **state)
{
    (void)state;
    answers("/do/1", "\"id\":\"1\"");
    daemon_down();
    daemon_up();
    answers("/do/2", "\"id\":\"2\""); /* the old connection is dead: once more on a new one */
    assert_int_equal(atomic_load(&served), 2);
}

static void without_a_daemon_the_answer_is_quick(void **state)
{
    (void)state;
    daemon_down();
    struct mono before = mono_now();
    for (int i = 0; i < 5; i++)
        answers("/do/1", "HTTP/1.1 503");
    assert_true(mono_since_ms(mono_now(), before) < 2000);
    assert_false(ask_up(ask));
    daemon_up();
    usleep(1200 * 1000);
    answers("/do/3", "\"id\":\"3\"");
    assert_true(ask_up(ask));
}

static void a_daemon_that_hangs_is_not_asked_twice(void **state)
{
    (void)state;
    answers("/do/1", "\"id\":\"1\"");
    atomic_store(&mute, true);
    answers("/do/2", "HTTP/1.1 504");
    atomic_store(&mute, false);
    assert_int_equal(atomic_load(&served), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_reaches_who_asked, start, stop),
        cmocka_unit_test_setup_teardown(a_refusal_keeps_its_code_and_words, start, stop),
        cmocka_unit_test_setup_teardown(a_daemon_that_comes_again_is_asked_again, start, stop),
        cmocka_unit_test_setup_teardown(without_a_daemon_the_answer_is_quick, start, stop),
        cmocka_unit_test_setup_teardown(a_daemon_that_hangs_is_not_asked_twice, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
