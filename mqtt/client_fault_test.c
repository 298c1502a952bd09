/* Paho past use. Without memory at the wrong place it takes no packet any more, whatever the broker
 * sends, in no connection of the process; or it loses a connect. A broker, or a proxy before one,
 * that closes without a word is no such case. */
#include "mqtt/client.h"
#include <dlfcn.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define ATTEMPTS  4
#define PATIENCE  31000
#define PEERS_MAX 64

/* ---- memory: paho's next realloc, that of the buffer for what comes, may get none ---- */

static atomic_bool dry;
static atomic_uint failed;

#ifdef __SANITIZE_ADDRESS__
#define REAL_REALLOC __interceptor_realloc
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libpaho"; /* it forgets the buffer that it could not enlarge */
}
#else
#define REAL_REALLOC __libc_realloc
#endif
void *REAL_REALLOC(void *p, size_t n);

void *realloc(void *p, size_t n)
{
    Dl_info at;
    if (atomic_load(&dry) && dladdr(__builtin_return_address(0), &at) && at.dli_fname &&
        strstr(at.dli_fname, "libpaho")) {
        atomic_store(&dry, false);
        atomic_fetch_add(&failed, 1);
        return NULL;
    }
    return REAL_REALLOC(p, n);
}

/* ---- a broker of few words ---- */

enum manner { ANSWERS, MUTE, CLOSES, HANGS_UP };
struct broker {
    enum manner manner;
    int listener, port;
    pthread_t thread;
    atomic_bool stop;
};

/* False: it hangs up. */
static bool hear(const struct broker *b, int fd)
{
    static const unsigned char connack[] = {0x20, 3, 0, 0, 0};
    unsigned char packet[512];
    if (recv(fd, packet, sizeof(packet), MSG_DONTWAIT) > 0 && packet[0] == 0x10 &&
        b->manner == ANSWERS)
        assert_int_equal(send(fd, connack, sizeof(connack), MSG_NOSIGNAL), sizeof(connack));
    return b->manner != HANGS_UP;
}

static void *stand(void *arg)
{
    struct broker *b = arg;
    struct pollfd f[PEERS_MAX] = {{.fd = b->listener, .events = POLLIN}};
    nfds_t n = 1;
    while (!atomic_load(&b->stop)) {
        poll(f, n, 10);
        for (nfds_t i = 1; i < n; i++)
            if (f[i].revents && !hear(b, f[i].fd)) {
                close(f[i].fd);
                f[i].fd = -1;
            }
        if (!f[0].revents)
            continue;
        int fd = accept(b->listener, NULL, NULL);
        if (fd >= 0 && b->manner != CLOSES && n < PEERS_MAX)
            f[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
        else if (fd >= 0)
            close(fd);
    }
    while (--n > 0)
        if (f[n].fd >= 0)
            close(f[n].fd);
    return NULL;
}

static void broker_start(struct broker *b, enum manner manner)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    *b = (struct broker){.manner = manner, .listener = socket(AF_INET, SOCK_STREAM, 0)};
    assert_true(b->listener >= 0);
    assert_int_equal(bind(b->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(b->listener, 16), 0);
    assert_int_equal(getsockname(b->listener, (struct sockaddr *)&a, &size), 0);
    b->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&b->thread, NULL, stand, b), 0);
}

static void broker_stop(struct broker *b)
{
    atomic_store(&b->stop, true);
    pthread_join(b->thread, NULL);
    close(b->listener);
}

/* ---- the client before it ---- */

static struct client *client_of(const struct broker *b)
{
    struct client_options o = {
        .host = "127.0.0.1", .port = b->port, .v5 = true, .id = "test", .keepalive_s = 15};
    struct client *c = NULL;
    struct err e = {0};
    assert_int_equal(client_new(&o, &c, &e), 0);
    return c;
}

/* The first event of one attempt. */
static enum client_event_kind attempt(struct client *c)
{
    struct client_event ev = {0};
    struct err e = {0};
    assert_int_equal(client_connect(c, NULL, NULL, &e), 0);
    while (!client_next(c, &ev)) {
        struct pollfd f = {.fd = client_fd(c), .events = POLLIN};
        assert_int_equal(poll(&f, 1, PATIENCE), 1);
    }
    return ev.kind;
}

static void breaks_nothing(enum manner manner)
{
    struct broker b;
    broker_start(&b, manner);
    struct client *c = client_of(&b);
    for (int i = 0; i < 2 * ATTEMPTS + 1; i++) { /* two trials */
        assert_int_equal(attempt(c), CLIENT_REFUSED);
        assert_null(client_broken(c, mono_now()));
    }
    client_free(c);
    broker_stop(&b);
}

static void a_broker_that_closes_without_a_word_breaks_nothing(void **state)
{
    (void)state;
    breaks_nothing(CLOSES);
}

/* As one does that speaks only TLS, or only MQTT 3.1.1, or does not want this client. */
static void a_broker_that_closes_on_a_connect_breaks_nothing(void **state)
{
    (void)state;
    breaks_nothing(HANGS_UP);
}

static void a_connect_that_is_never_answered_is_lost(void **state)
{
    struct broker b;
    struct err e = {0};
    (void)state;
    broker_start(&b, MUTE);
    struct client *c = client_of(&b);
    assert_null(client_broken(c, mono_add_ms(mono_now(), PATIENCE))); /* none was asked for */
    assert_int_equal(client_connect(c, NULL, NULL, &e), 0);
    assert_null(client_broken(c, mono_now()));
    assert_non_null(client_broken(c, mono_add_ms(mono_now(), PATIENCE)));
    client_free(c);
    broker_stop(&b);
}

static void a_library_that_takes_no_packet_any_more_is_broken(void **state)
{
    struct broker b;
    (void)state;
    broker_start(&b, ANSWERS);
    struct client *c = client_of(&b);
    atomic_store(&dry, true);
    for (int i = 0; i < ATTEMPTS; i++) {
        assert_null(client_broken(c, mono_now()));
        assert_int_equal(attempt(c), CLIENT_REFUSED);
    }
    assert_int_equal(atomic_load(&failed), 1); /* memory is there again, and yet */
    assert_non_null(client_broken(c, mono_now()));
    client_free(c);
    broker_stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broker_that_closes_without_a_word_breaks_nothing),
        cmocka_unit_test(a_broker_that_closes_on_a_connect_breaks_nothing),
        cmocka_unit_test(a_connect_that_is_never_answered_is_lost),
        cmocka_unit_test(a_library_that_takes_no_packet_any_more_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
