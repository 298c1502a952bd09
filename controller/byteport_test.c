/* The byte stream to a scale: a pseudo terminal and a socket, lost and found again. */
#include "controller/byteport.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

struct ends {
    int device, listener; /* the scale's side; −1 */
    struct link_options o;
    struct byteport *p;
};

static int open_ends(struct ends *n)
{
    struct err e = {0};
    struct mono due;
    assert_int_equal(byteport_new(&n->o, &n->p, &e), 0);
    assert_int_equal(byteport_fd(n->p), -1);
    return byteport_open(n->p, mono_now(), &due) ? 0 : -1;
}

static int start_tty(void **state)
{
    struct ends *n = calloc(1, sizeof(*n));
    assert_non_null(n);
    *n = (struct ends){.listener = -1, .o = {.baud = 9600, .parity = 'N', .stop_bits = 1}};
    n->device = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_true(n->device >= 0 && grantpt(n->device) == 0 && unlockpt(n->device) == 0);
    strcpy(n->o.serial, ptsname(n->device));
    *state = n;
    return open_ends(n);
}

static int start_tcp(void **state)
{
    struct ends *n = calloc(1, sizeof(*n));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(a);
    assert_non_null(n);
    *n = (struct ends){.listener = socket(AF_INET, SOCK_STREAM, 0), .o = {.host = "127.0.0.1"}};
    assert_int_equal(bind(n->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(n->listener, 2), 0);
    assert_int_equal(getsockname(n->listener, (struct sockaddr *)&a, &size), 0);
    n->o.port = ntohs(a.sin_port);
    *state = n;
    if (open_ends(n) < 0)
        return -1;
    n->device = accept(n->listener, NULL, NULL);
    return n->device >= 0 ? 0 : -1;
}

static int stop(void **state)
{
    struct ends *n = *state;
    byteport_free(n->p);
    if (n->device >= 0)
        close(n->device);
    if (n->listener >= 0)
        close(n->listener);
    free(n);
    return 0;
}

/* Up to a second. */
static int read_soon(struct ends *n, uint8_t *buf, size_t size)
{
    int got = 0;
    for (int i = 0; i < 1000 && got == 0; i++) {
        got = byteport_read(n->p, buf, size, mono_now());
        if (got == 0)
            usleep(1000);
    }
    return got;
}

static void bytes_go_both_ways_as_they_are(void **state)
{
    struct ends *n = *state;
    static const uint8_t all[] = {0x02, 0x11, 0x13, 0x0D, 0x0A, 0x03, 0x00, 0x7F, 0xFF, 0x04, 0x1A};
    uint8_t buf[64];
    assert_int_equal(byteport_read(n->p, buf, sizeof(buf), mono_now()), 0);
    assert_int_equal(write(n->device, all, sizeof(all)), sizeof(all));
    assert_int_equal(read_soon(n, buf, sizeof(buf)), sizeof(all));
    assert_memory_equal(buf, all, sizeof(all));
    assert_int_equal(byteport_write(n->p, all, sizeof(all), mono_now()), 0);
    usleep(20000);
    assert_int_equal(read(n->device, buf, sizeof(buf)), sizeof(all));
    assert_memory_equal(buf, all, sizeof(all));
}

static void what_was_not_read_can_be_thrown_away(void **state)
{
    struct ends *n = *state;
    uint8_t buf[8];
    assert_int_equal(write(n->device, "old", 3), 3);
    usleep(20000);
    byteport_flush(n->p);
    assert_int_equal(byteport_read(n->p, buf, sizeof(buf), mono_now()), 0);
    assert_int_equal(write(n->device, "new", 3), 3);
    assert_int_equal(read_soon(n, buf, sizeof(buf)), 3);
    assert_memory_equal(buf, "new", 3);
}

static void a_lost_end_is_an_error_and_closes(void **state)
{
    struct ends *n = *state;
    uint8_t buf[8];
    struct mono due, now;
    assert_int_equal(write(n->device, "x", 1), 1);
    assert_int_equal(read_soon(n, buf, sizeof(buf)), 1);
    close(n->device);
    n->device = -1;
    assert_int_equal(read_soon(n, buf, sizeof(buf)), ERR_LINK);
    assert_int_equal(byteport_fd(n->p), -1);
    now = mono_now();
    assert_int_equal(byteport_read(n->p, buf, sizeof(buf), now), ERR_LINK);
    assert_int_equal(byteport_write(n->p, buf, 1, now), ERR_LINK);
    byteport_flush(n->p);
    if (n->listener >= 0) { /* it had carried something: at once */
        assert_true(byteport_open(n->p, now, &due));
    } else { /* the terminal is gone: with backoff */
        assert_false(byteport_open(n->p, now, &due));
        assert_in_range(due.ns - now.ns, 75000000, 126000000);
        assert_false(byteport_open(n->p, now, &due));
    }
}

static void one_that_never_carried_anything_waits_longer_each_time(void **state)
{
    struct ends *n = *state;
    struct mono due, now = mono_now();
    int64_t waits[6];
    close(n->device);
    n->device = -1;
    close(n->listener);
    n->listener = -1;
    uint8_t buf[8];
    assert_int_equal(read_soon(n, buf, sizeof(buf)), ERR_LINK);
    for (size_t i = 0; i < 6; i++) {
        byteport_open(n->p, now, &due);
        waits[i] = due.ns - now.ns;
        now = due;
    }
    assert_true(waits[4] > 2 * 100000000 && waits[5] <= 710000000);
    for (size_t i = 0; i < 6; i++)
        assert_true(waits[i] >= 0 && waits[i] <= 710000000);
}

static void a_port_in_use_is_not_touched(void **state)
{
    struct ends *n = *state;
    struct byteport *second = NULL;
    struct termios before, after;
    struct mono due;
    struct link_options o = n->o;
    o.baud = 1200;
    assert_int_equal(tcgetattr(byteport_fd(n->p), &before), 0);
    assert_int_equal(byteport_new(&o, &second, NULL), 0);
    assert_false(byteport_open(second, mono_now(), &due));
    assert_int_equal(byteport_fd(second), -1);
    assert_int_equal(tcgetattr(byteport_fd(n->p), &after), 0);
    assert_int_equal(cfgetospeed(&before), B9600);
    assert_int_equal(cfgetospeed(&after), B9600);
    byteport_free(second);
}

static void the_port_is_set_as_the_configuration_says(void **state)
{
    struct ends *n = *state;
    struct termios t;
    struct mono due;
    byteport_free(n->p);
    n->o.baud = 1200;
    n->o.parity = 'E';
    n->o.stop_bits = 2;
    assert_int_equal(byteport_new(&n->o, &n->p, NULL), 0);
    assert_true(byteport_open(n->p, mono_now(), &due));
    assert_int_equal(tcgetattr(byteport_fd(n->p), &t), 0);
    assert_int_equal(cfgetispeed(&t), B1200);
    assert_true(t.c_cflag & CSTOPB);
    assert_false(t.c_cflag & (PARODD | CRTSCTS));
    assert_false(t.c_lflag & (ICANON | ECHO | ISIG));
    assert_false(t.c_iflag & (IXON | IXOFF | ICRNL | ISTRIP | IGNPAR | PARMRK));
    assert_false(t.c_oflag & OPOST);
}

static void options_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct byteport *p = NULL;
    struct err e = {0};
    struct link_options o = {.host = "scale.shed", .port = 1};
    assert_int_equal(byteport_new(&o, &p, &e), ERR_RANGE);
    assert_string_equal(e.text, "\"scale.shed\" is no numeric IPv4 address");
    o = (struct link_options){.serial = "/dev/ttyUSB0", .baud = 9601};
    assert_int_equal(byteport_new(&o, &p, &e), ERR_RANGE);
    assert_string_equal(e.text, "9601 baud is no speed of a serial port");
    byteport_free(NULL);
}

#define TTY_TEST(f)                                                                                \
    {                                                                                              \
#f " (serial)", f, start_tty, stop, NULL                                                   \
    }
#define TCP_TEST(f)                                                                                \
    {                                                                                              \
#f " (TCP)", f, start_tcp, stop, NULL                                                      \
    }
int main(void)
{
    const struct CMUnitTest tests[] = {
        TTY_TEST(bytes_go_both_ways_as_they_are),
        TCP_TEST(bytes_go_both_ways_as_they_are),
        TTY_TEST(what_was_not_read_can_be_thrown_away),
        TCP_TEST(what_was_not_read_can_be_thrown_away),
        TTY_TEST(a_lost_end_is_an_error_and_closes),
        TCP_TEST(a_lost_end_is_an_error_and_closes),
        TCP_TEST(one_that_never_carried_anything_waits_longer_each_time),
        TTY_TEST(a_port_in_use_is_not_touched),
        TTY_TEST(the_port_is_set_as_the_configuration_says),
        cmocka_unit_test(options_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
