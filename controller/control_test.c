/* The control socket: what is no request, what is too much, who watches, who hangs up. */
#include "controller/testdaemon.h"

enum { CLIENTS = 32, REQUESTS = 64 };

static void send_bytes(int fd, const char *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void refused(struct shed *s, int code, const char *words)
{
    struct err e;
    shed_pass(s);
    assert_int_equal(shed_answer(s->fd, NULL, &e), code);
    if (!strstr(e.text, words))
        fail_msg("\"%s\" is not in: %s", words, e.text);
}

/* The daemon has closed its end. */
static bool hung_up(int fd)
{
    json_t *doc = NULL;
    struct err e;
    int rc;
    while ((rc = ipc_recv(fd, &doc, &e)) == 0)
        json_decref(doc);
    return rc == ERR_UNREACHABLE;
}

static void what_is_no_request_is_refused_and_the_connection_goes_on(void **state)
{
    static char large[IPC_MAX_BYTES + 1];
    struct shed *s = *state;
    send_bytes(s->fd, "{\"command\":", 11);
    refused(s, ERR_PARSE, "");
    send_bytes(s->fd, "{\"verb\":\"ping\"}", 15);
    refused(s, ERR_KEY, "needs \"command\"");
    send_bytes(s->fd, "{\"command\":7}", 13);
    refused(s, ERR_KEY, "needs \"command\"");
    send_bytes(s->fd, "[1]", 3);
    refused(s, ERR_KEY, "needs \"command\"");
    memset(large, ' ', sizeof(large));
    send_bytes(s->fd, large, sizeof(large));
    refused(s, ERR_TOOBIG, "");
    shed_do(s, "ping", NULL, NULL, NULL);
}

static void more_requests_than_wait_are_told_to_come_again(void **state)
{
    struct shed *s = *state;
    struct err e;
    for (int i = 0; i <= REQUESTS; i++) {
        shed_send(s->fd, "ping", NULL, NULL);
        shed_pass(s);
    }
    assert_int_equal(shed_answer(s->fd, NULL, &e), ERR_BUSY);
    assert_non_null(strstr(e.text, "try again"));
    assert_null(shed_packet(s->fd)); /* none is answered before its turn */
    shed_turn(s);
    for (int i = 0; i < REQUESTS; i++)
        assert_int_equal(shed_answer(s->fd, NULL, &e), 0);
    shed_do(s, "ping", NULL, NULL, NULL);
}

static void one_client_too_many_is_hung_up_and_may_come_when_another_has_gone(void **state)
{
    struct shed *s = *state;
    int fds[CLIENTS];
    for (int i = 1; i < CLIENTS; i++)
        fds[i] = shed_client(s);
    int more = shed_connect(s);
    assert_true(hung_up(more));
    close(more);
    close(fds[1]);
    shed_pass(s);
    fds[1] = shed_client(s);
    for (int i = 1; i < CLIENTS; i++)
        close(fds[i]);
}

static void what_a_client_asked_before_it_hung_up_is_done(void **state)
{
    struct shed *s = *state;
    int other = shed_client(s);
    shed_send(other, "product.add", "p1",
              json_pack("{s:s,s:s,s:s,s:s}", "product", "lu", "crop", "codonopsis", "name_zh",
                        "党参", "name_en", "Codonopsis"));
    shed_send(other, "watch", NULL, NULL);
    shed_pass(s);
    close(other);
    shed_pass(s);
    shed_turn(s);
    assert_int_equal(shed_number(s, "SELECT count(*) FROM product"), 1);
    assert_int_equal(shed_number(s, "SELECT json_extract(body,'$.actor') LIKE 'uid:%' FROM event "
                                    "ORDER BY seq DESC LIMIT 1"),
                     1);                          /* who asked, although nobody is there any more */
    assert_false(control_watched(s->d->control)); /* nobody is left to be told */
}

/* Requests wait as well for a socket that closes: the daemon stops with them. */
static void a_stop_with_requests_waiting_leaves_nothing_behind(void **state)
{
    struct shed *s = *state;
    shed_send(s->fd, "ping", NULL, NULL);
    shed_pass(s);
    control_free(s->d->control); /* ASan says what is left */
    s->d->control = NULL;
    assert_int_not_equal(access(s->socket, F_OK), 0);
    assert_true(hung_up(s->fd));
}

static void a_watcher_is_told_of_each_commit(void **state)
{
    struct shed *s = *state;
    int watcher = shed_client(s);
    assert_false(control_watched(s->d->control));
    shed_send(watcher, "watch", NULL, NULL);
    shed_pass(s);
    shed_turn(s);
    assert_true(control_watched(s->d->control));
    json_t *doc = shed_packet(watcher); /* the answer */
    assert_true(json_is_true(json_object_get(doc, "ok")));
    do /* and what its own turn committed */
        json_decref(doc);
    while ((doc = shed_packet(watcher)));
    shed_do(s, "feed.stop", NULL, json_pack("{s:s}", "line", "s1"), NULL);
    doc = shed_packet(watcher);
    assert_int_equal(json_integer_value(json_object_get(doc, "head")), s->d->head);
    json_decref(doc);
    assert_null(shed_packet(s->fd)); /* who does not watch is told nothing */
    close(watcher);
}

static void a_slow_watcher_misses_documents_and_keeps_its_connection(void **state)
{
    struct shed *s = *state;
    shed_do(s, "watch", NULL, NULL, NULL);
    json_t *doc = json_pack("{s:i}", "head", 1);
    size_t sent = 20000, got = 0;
    for (size_t i = 0; i < sent; i++)
        control_publish(s->d->control, doc);
    json_decref(doc);
    while ((doc = shed_packet(s->fd))) {
        got++;
        json_decref(doc);
    }
    assert_in_range(got, 1, sent - 1);
    shed_do(s, "ping", NULL, NULL, NULL);
}

static void a_client_that_never_reads_its_answers_is_hung_up(void **state)
{
    struct shed *s = *state;
    for (int i = 0; i < 400 && control_waiting(s->d->control) == false; i++) {
        json_t *doc = json_pack("{s:s}", "command", "ping");
        bool gone = ipc_send(s->fd, doc) != 0;
        json_decref(doc);
        if (gone)
            break;
        shed_pass(s);
        shed_turn(s);
    }
    assert_true(hung_up(s->fd));
}

static void an_answer_that_fits_no_packet_says_so(void **state)
{
    struct shed *s = *state;
    struct err e;
    char *text = calloc(1, 40001);
    memset(text, 'x', 40000);
    for (int i = 0; i < 2; i++)
        shed_do(s, "sink.report", NULL,
                json_pack("{s:s,s:s}", "sink", i ? "one" : "two", "text", text), NULL);
    free(text);
    assert_int_equal(shed_ask(s, "status", NULL, NULL, NULL, &e), ERR_TOOBIG);
    assert_non_null(strstr(e.text, "ask for less"));
    shed_do(s, "ping", NULL, NULL, NULL);
}

static void a_socket_that_another_daemon_listens_on_is_left_to_it(void **state)
{
    struct shed *s = *state;
    struct control *k = NULL;
    struct err e = {0};
    assert_int_equal(control_new(s->loop, s->d, s->socket, &k, &e), ERR_BUSY);
    assert_non_null(strstr(e.text, s->socket));
    assert_int_equal(control_new(s->loop, s->d, "/nowhere/at/all", &k, &e), ERR_IO);
    assert_non_null(strstr(e.text, "/nowhere/at/all"));
    assert_null(k);
    shed_do(s, "ping", NULL, NULL, NULL); /* ours is still there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHED_TEST(what_is_no_request_is_refused_and_the_connection_goes_on),
        SHED_TEST(more_requests_than_wait_are_told_to_come_again),
        SHED_TEST(one_client_too_many_is_hung_up_and_may_come_when_another_has_gone),
        SHED_TEST(what_a_client_asked_before_it_hung_up_is_done),
        SHED_TEST(a_stop_with_requests_waiting_leaves_nothing_behind),
        SHED_TEST(a_watcher_is_told_of_each_commit),
        SHED_TEST(a_slow_watcher_misses_documents_and_keeps_its_connection),
        SHED_TEST(a_client_that_never_reads_its_answers_is_hung_up),
        SHED_TEST(an_answer_that_fits_no_packet_says_so),
        SHED_TEST(a_socket_that_another_daemon_listens_on_is_left_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
