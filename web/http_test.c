/* The listener over real sockets: its limits, waiting replies, feeds. */
#include "web/http.h"
#include "web/gzip.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX (256 * 1024)

static struct http *http;
static struct exchange *_Atomic waiting;
static atomic_int feeds_open;
static atomic_int feed_news;
static char big[40000];

/* ---- handlers of this test ---- */

static void woken(void *ctx, const struct request *q, void *state, struct reply *r)
{
    (void)ctx;
    (void)q;
    reply_copy(r, 200, "text/plain", state, strlen(state));
}

static ssize_t read_news(void *self, char *buf, size_t max)
{
    int *sent = self;
    if (*sent >= atomic_load(&feed_news))
        return 0;
    return snprintf(buf, max, "news %d\n", ++*sent);
}

static void close_news(void *self)
{
    free(self);
    atomic_fetch_sub(&feeds_open, 1);
}

static void handle(void *ctx, const struct request *q, struct reply *r)
{
    (void)ctx;
    const char *what = q->n_segments ? q->segment[0] : "";
    if (strcmp(what, "wait") == 0) {
        r->then = woken;
        static char word[] = "woken";
        r->state = word;
        atomic_store(&waiting, q->exchange);
    } else if (strcmp(what, "feed") == 0) {
        r->status = 200;
        r->type = "text/event-stream";
        r->feed = (struct feed){read_news, close_news, calloc(1, sizeof(int))};
        atomic_fetch_add(&feeds_open, 1);
    } else if (strcmp(what, "packed") == 0) {
        reply_copy(r, 200, "text/plain", "", 0);
        free(r->body);
        assert_int_equal(gzip_pack(big, sizeof big, &r->body, &r->n), 0);
        r->gzip = true;
    } else {
        char text[200];
        snprintf(text, sizeof text, "%d %s %zu %s", (int)q->method, what, q->n_body, q->ip);
        reply_copy(r, 200, "text/plain", text, strlen(text));
    }
}

static int start(void **state)
{
    (void)state;
    struct err e = {0};
    struct http_options o = {.host = "127.0.0.1",
                             .connections = 64,
                             .per_ip = 16,
                             .idle_s = 5,
                             .csp = "default-src 'none'",
                             .handler = handle};
    memset(big, 'x', sizeof big);
    return http_new(&o, &http, &e) || http_start(http, &e);
}

static int stop(void **state)
{
    (void)state;
    http_stop(http);
    assert_int_equal(atomic_load(&feeds_open), 0);
    return 0;
}

/* ---- a client ---- */

static int dial(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(http_port(http)),
                            .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval limit = {3, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static void say(int fd, const char *text, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        text += sent;
        n -= (size_t)sent;
    }
}

/* Everything until the other side closes, or until `until` has come. */
static const char *hear(int fd, const char *until)
{
    static char text[ANSWER_MAX];
    size_t n = 0;
    text[0] = '\0';
    while (n + 1 < sizeof text && !(until && strstr(text, until))) {
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        text[n] = '\0';
    }
    return text;
}

static const char *ask(const char *text)
{
    int fd = dial();
    say(fd, text, strlen(text));
    const char *answer = hear(fd, NULL);
    close(fd);
    return answer;
}

static void answers(const char *request, const char *with)
{
    const char *answer = ask(request);
    if (!strstr(answer, with))
        fail_msg("\"%.40s\" got \"%.200s\" without \"%s\"", request, answer, with);
}

#define END "Host: x\r\nConnection: close\r\n\r\n"

static void a_request_is_answered_with_the_headers_of_all(void **state)
{
    (void)state;
    answers("GET /B/x HTTP/1.1\r\n" END, "\r\n\r\n0 B 0 127.0.0.1");
    answers("GET /B HTTP/1.1\r\n" END, "Content-Security-Policy: default-src 'none'");
    answers("GET /B HTTP/1.1\r\n" END, "X-Content-Type-Options: nosniff");
    answers("HEAD /B HTTP/1.1\r\n" END, "Content-Length: ");
    assert_null(strstr(ask("HEAD /B HTTP/1.1\r\n" END), "127.0.0.1"));
}

static void limits_hold(void **state)
{
    (void)state;
    char text[HTTP_URL_MAX + 200];
    size_t n = (size_t)snprintf(text, sizeof text, "GET /");
    memset(text + n, 'a', HTTP_URL_MAX);
    strcpy(text + n + HTTP_URL_MAX, " HTTP/1.1\r\n" END);
    answers(text, "HTTP/1.1 414");
    char *headers = calloc(1, HTTP_HEADER_MAX + 300);
    assert_non_null(headers);
    n = (size_t)sprintf(headers, "GET / HTTP/1.1\r\nX-A: ");
    memset(headers + n, 'a', HTTP_HEADER_MAX);
    strcpy(headers + n + HTTP_HEADER_MAX, "\r\n" END);
    answers(headers, "HTTP/1.1 431");
    free(headers);
    answers("POST / HTTP/1.1\r\nContent-Length: 65537\r\n" END, "HTTP/1.1 413");
    answers("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n" END, "HTTP/1.1 4");
    answers("GET /%zz HTTP/1.1\r\n" END, "HTTP/1.1 400");
}

static void a_body_comes_whole_up_to_its_limit(void **state)
{
    (void)state;
    int fd = dial();
    const char *head = "POST /up HTTP/1.1\r\nContent-Length: 65536\r\n" END;
    char *body = malloc(HTTP_BODY_MAX);
    assert_non_null(body);
    memset(body, 'b', HTTP_BODY_MAX);
    say(fd, head, strlen(head));
    say(fd, body, HTTP_BODY_MAX);
    assert_non_null(strstr(hear(fd, NULL), "2 up 65536 "));
    close(fd);
    fd = dial(); /* chunked: the length is not known before */
    head = "POST /up HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" END;
    say(fd, head, strlen(head));
    for (int i = 0; i < 2; i++) {
        say(fd, "10000\r\n", 7);
        say(fd, body, HTTP_BODY_MAX);
        say(fd, "\r\n", 2);
    }
    say(fd, "0\r\n\r\n", 5);
    assert_non_null(strstr(hear(fd, NULL), "HTTP/1.1 413"));
    close(fd);
    free(body);
}

static void a_packed_reply_is_expanded_for_who_cannot_read_it(void **state)
{
    (void)state;
    answers("GET /packed HTTP/1.1\r\nAccept-Encoding: gzip\r\n" END, "Content-Encoding: gzip");
    const char *plain = ask("GET /packed HTTP/1.1\r\n" END);
    assert_null(strstr(plain, "Content-Encoding"));
    assert_non_null(strstr(plain, "Content-Length: 40000"));
    assert_non_null(strstr(plain, "xxxxxxxx"));
}

static void *wake_later(void *arg)
{
    (void)arg;
    struct exchange *x;
    while (!(x = atomic_exchange(&waiting, NULL)))
        usleep(100);
    usleep((useconds_t)(rand() % 3) * 500); /* sometimes before it sleeps, sometimes after */
    http_wake(x);
    return NULL;
}

static void a_waiting_reply_comes_when_it_is_woken(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, wake_later, NULL), 0);
        int fd = dial();
        say(fd, "GET /wait HTTP/1.1\r\n" END, strlen("GET /wait HTTP/1.1\r\n" END));
        assert_non_null(strstr(hear(fd, NULL), "\r\n\r\nwoken"));
        close(fd);
        pthread_join(t, NULL);
    }
}

static void a_feed_goes_on_and_others_are_answered_meanwhile(void **state)
{
    (void)state;
    int fd[8];
    for (int i = 0; i < 8; i++) {
        fd[i] = dial();
        say(fd[i], "GET /feed HTTP/1.1\r\nHost: x\r\n\r\n",
            strlen("GET /feed HTTP/1.1\r\nHost: x\r\n\r\n"));
        hear(fd[i], "\r\n\r\n");
    }
    for (int n = 1; n <= 50; n++) {
        char news[24];
        snprintf(news, sizeof news, "news %d\n", n);
        atomic_store(&feed_news, n);
        http_wake_feeds(http);
        for (int i = 0; i < 8; i++)
            assert_non_null(strstr(hear(fd[i], news), news));
    }
    answers("GET /B HTTP/1.1\r\n" END, "HTTP/1.1 200");
    for (int i = 0; i < 4; i++)
        close(fd[i]); /* the others are still open when the listener stops */
    for (int i = 0; i < 200 && atomic_load(&feeds_open) > 4; i++) {
        http_wake_feeds(
            http); /* a feed notices that its browser has gone when it has something to say */
        atomic_fetch_add(&feed_news, 1);
        usleep(5000);
    }
    assert_int_equal(atomic_load(&feeds_open), 4);
    for (int i = 4; i < 8; i++)
        close(fd[i]);
}

static void one_address_gets_so_many_connections(void **state)
{
    (void)state;
    int fd[20], refused = 0;
    for (int i = 0; i < 20; i++) /* all at once: none may end before the last has come */
        fd[i] = dial();
    for (int i = 0; i < 20; i++)
        say(fd[i], "GET /B HTTP/1.1\r\nHost: x\r\n\r\n",
            strlen("GET /B HTTP/1.1\r\nHost: x\r\n\r\n"));
    for (int i = 0; i < 20; i++) {
        refused += strstr(hear(fd[i], "127.0.0.1"), "200 OK") == NULL;
        close(fd[i]);
    }
    assert_true(refused >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_is_answered_with_the_headers_of_all, start, stop),
        cmocka_unit_test_setup_teardown(limits_hold, start, stop),
        cmocka_unit_test_setup_teardown(a_body_comes_whole_up_to_its_limit, start, stop),
        cmocka_unit_test_setup_teardown(a_packed_reply_is_expanded_for_who_cannot_read_it, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_waiting_reply_comes_when_it_is_woken, start, stop),
        cmocka_unit_test_setup_teardown(a_feed_goes_on_and_others_are_answered_meanwhile, start,
                                        stop),
        cmocka_unit_test_setup_teardown(one_address_gets_so_many_connections, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
