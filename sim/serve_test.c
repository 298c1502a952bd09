/* Tests over real sockets and ptys: framing, refusals, rule 14, faults. A turn of the loop is made
 * by hand, so that nothing here waits longer than it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/crc.h"
#include "sim/serve.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static struct device dev[4];
static size_t devs;
static struct serve *serve;
static struct truth *truth;
static char dir[64];

static int begin(void **state)
{
    (void)state;
    char path[96];
    struct err e = {0};
    signal(SIGPIPE, SIG_IGN);
    strcpy(dir, "/tmp/lotline-serve-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/truth.jsonl", dir);
    assert_int_equal(truth_open(path, &truth, &e), 0);
    assert_int_equal(serve_new(&serve), 0);
    devs = 0;
    return 0;
}

static int finish(void **state)
{
    (void)state;
    char path[96];
    serve_free(serve);
    for (size_t i = 0; i < devs; i++)
        device_close(&dev[i]);
    truth_close(truth);
    snprintf(path, sizeof path, "%s/truth.jsonl", dir);
    unlink(path);
    return rmdir(dir); /* fails when a pty's link is left behind */
}

static struct device *add(const char *spec)
{
    struct device_cfg cfg;
    struct err e = {0};
    assert_int_equal(device_parse(spec, 1, &cfg, &e), 0);
    assert_int_equal(device_open(&dev[devs], &cfg, truth, 1, mono_now(), &e), 0);
    assert_int_equal(serve_add(serve, &dev[devs], &e), 0);
    return &dev[devs++];
}

/* The loop of shed.c for ms milliseconds. */
static void turn(int64_t ms)
{
    struct mono end = mono_add_ms(mono_now(), ms);
    while (!mono_reached(mono_now(), end)) {
        struct pollfd fds[SERVE_FDS_MAX];
        for (size_t i = 0; i < devs; i++)
            device_tick(&dev[i], mono_now());
        serve_run(serve, mono_now());
        size_t n = serve_fds(serve, fds, SERVE_FDS_MAX);
        assert_true(poll(fds, n, 1) >= 0);
        serve_ready(serve, fds, n);
    }
}

static int dial(const struct device *d)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(d->cfg.port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    turn(5);
    return fd;
}

/* What came back within ms: a length, 0 for silence, −1 for a connection that ended. */
static ssize_t ask(int fd, const uint8_t *req, size_t n, int64_t ms, uint8_t *ret, size_t cap)
{
    if (write(fd, req, n) != (ssize_t)n)
        return -1;
    turn(ms);
    ssize_t got = read(fd, ret, cap);
    if (got < 0)
        return errno == EAGAIN ? 0 : -1;
    return got == 0 ? -1 : got;
}

static const uint8_t read_magic[] = {0x12, 0x34, 0, 0, 0, 6, 1, 3, 0, 0, 0, 2};

static void a_tcp_request_is_answered(void **state)
{
    (void)state;
    struct device *d = add("sorter:name=s1");
    int fd = dial(d);
    uint8_t r[300];
    const uint8_t want[] = {0x12, 0x34, 0, 0, 0, 7, 1, 3, 4, 0x4D, 0x42, 1, 0};
    assert_int_equal(ask(fd, read_magic, sizeof read_magic, 5, r, sizeof r), sizeof want);
    assert_memory_equal(r, want, sizeof want);
    for (size_t i = 0; i < sizeof read_magic; i++) { /* byte by byte */
        assert_int_equal(write(fd, read_magic + i, 1), 1);
        turn(2);
    }
    assert_int_equal(read(fd, r, sizeof r), sizeof want);
    close(fd);
}

static void refusals_have_their_codes(void **state)
{
    (void)state;
    struct device *d = add("sorter:name=s1");
    int fd = dial(d);
    static const struct {
        uint8_t pdu[12], n, code;
    } rows[] = {
        {{4, 0, 0, 0, 1}, 5, 1},                         /* FC4 */
        {{6, 6, 32, 0, 1}, 5, 1},                        /* FC6 */
        {{23, 0, 0, 0, 1, 6, 32, 0, 1, 2, 0, 0}, 12, 1}, /* FC23 is not listed */
        {{3, 0, 0, 0, 0}, 5, 3},
        {{3, 0, 0, 0, 126}, 5, 3},
        {{3, 0xF0, 0, 0, 1}, 5, 2},
        {{3, 0xFF, 0xFF, 0, 2}, 5, 2},
        {{16, 6, 32, 0, 1, 4, 0, 0}, 8, 3}, /* byte count */
        {{16, 0, 8, 0, 1, 2, 0, 0}, 8, 2},  /* the PLC's own block */
        {{16, 6, 32, 0, 1, 2, 0, 0}, 8, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t req[7 + 12] = {0, 1, 0, 0, 0, (uint8_t)(rows[i].n + 1), 1}, r[300];
        memcpy(req + 7, rows[i].pdu, rows[i].n);
        assert_true(ask(fd, req, 7u + rows[i].n, 5, r, sizeof r) >= 9);
        assert_int_equal(r[7], rows[i].pdu[0] | (rows[i].code ? 0x80 : 0));
        if (rows[i].code)
            assert_int_equal(r[8], rows[i].code);
    }
    uint8_t other[sizeof read_magic], r[300];
    memcpy(other, read_magic, sizeof other);
    other[6] = 2; /* another unit: silence */
    assert_int_equal(ask(fd, other, sizeof other, 20, r, sizeof r), 0);
    close(fd);
}

static void fc23_writes_then_reads_where_it_is_listed(void **state)
{
    (void)state;
    struct device *d = add("sorter:name=s1,fc23=1");
    int fd = dial(d);
    uint8_t r[300];
    const uint8_t req[] = {0, 1, 0, 0, 0, 13, 1, 23, 6, 32, 0, 1, 6, 32, 0, 1, 2, 0x5E, 0x55};
    assert_int_equal(ask(fd, req, sizeof req, 5, r, sizeof r), 11);
    assert_int_equal(r[9] << 8 | r[10], 0x5E55);
    close(fd);
}

static void rule_14_one_connection_and_who_replaces_whom(void **state)
{
    (void)state;
    struct device *d = add("sorter:name=s1");
    int first = dial(d), second = dial(d);
    uint8_t r[300];
    assert_int_equal(ask(second, read_magic, sizeof read_magic, 5, r, sizeof r), -1); /* refused */
    assert_true(ask(first, read_magic, sizeof read_magic, 5, r, sizeof r) > 0);
    turn(1050); /* the first one is silent */
    int third = dial(d);
    assert_true(ask(third, read_magic, sizeof read_magic, 5, r, sizeof r) > 0);
    assert_int_equal(ask(first, read_magic, sizeof read_magic, 5, r, sizeof r), -1);
    close(first);
    close(second);
    close(third);
}

static void a_scale_takes_several_connections(void **state)
{
    (void)state;
    struct device *d = add("scale:name=w1");
    int a = dial(d), b = dial(d);
    uint8_t r[300];
    assert_int_equal(ask(a, read_magic, sizeof read_magic, 5, r, sizeof r), 13);
    assert_int_equal(ask(b, read_magic, sizeof read_magic, 5, r, sizeof r), 13);
    close(a);
    close(b);
}

static ssize_t with_fault(struct device *d, int fd, enum fault_kind kind, int ms, uint8_t *r)
{
    struct fault f = {.kind = kind, .times = 1, .ms = 60, .code = 6};
    assert_int_equal(fault_arm(&d->faults, f), 0);
    return ask(fd, read_magic, sizeof read_magic, ms, r, 300);
}

static void faults_do_what_they_say(void **state)
{
    (void)state;
    struct device *d = add("sorter:name=s1");
    int fd = dial(d);
    uint8_t r[300];
    assert_int_equal(with_fault(d, fd, FAULT_LATE, 30, r), 0);
    turn(50);
    assert_int_equal(read(fd, r, sizeof r), 13); /* late, and whole */
    assert_int_equal(with_fault(d, fd, FAULT_UNIT, 5, r), 13);
    assert_true(r[6] != 1);
    assert_int_equal(with_fault(d, fd, FAULT_TID, 5, r), 13);
    assert_true(r[1] != 0x34);
    assert_int_equal(with_fault(d, fd, FAULT_TRUNCATE, 5, r), 7);
    assert_int_equal(with_fault(d, fd, FAULT_DUPLICATE, 5, r), 26);
    assert_int_equal(with_fault(d, fd, FAULT_EXCEPTION, 5, r), 9);
    assert_int_equal(r[8], 6);
    assert_int_equal(with_fault(d, fd, FAULT_SILENCE, 20, r), 0);
    assert_int_equal(with_fault(d, fd, FAULT_DEAF, 20, r), 0);
    assert_int_equal(with_fault(d, fd, FAULT_HALF_OPEN, 20, r), 0);
    assert_int_equal(ask(fd, read_magic, sizeof read_magic, 20, r, sizeof r), 0); /* and stays so */
    turn(1050);
    int next = dial(d);
    assert_int_equal(with_fault(d, next, FAULT_RESET, 5, r), -1);
    close(fd);
    close(next);
}

static void a_booting_plc_answers_nothing(void **state)
{
    (void)state;
    struct device *d = add("sorter:name=s1,boot-ms=50");
    int fd = dial(d);
    uint8_t r[300];
    plc_reboot(d->plc, true, mono_now());
    assert_int_equal(ask(fd, read_magic, sizeof read_magic, 5, r, sizeof r), -1);
    close(fd);
    turn(60);
    fd = dial(d);
    assert_int_equal(ask(fd, read_magic, sizeof read_magic, 5, r, sizeof r), 13);
    close(fd);
}

/* ---- RTU ---- */

static int open_line(const char *path)
{
    struct termios t;
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(tcgetattr(fd, &t), 0);
    cfmakeraw(&t);
    assert_int_equal(tcsetattr(fd, TCSANOW, &t), 0);
    return fd;
}

static ssize_t ask_rtu(int fd, uint8_t unit, uint16_t addr, uint8_t *r)
{
    uint8_t q[8] = {unit, 3, (uint8_t)(addr >> 8), (uint8_t)addr, 0, 2};
    uint16_t c = crc16_bytes(0xFFFF, q, 6);
    q[6] = (uint8_t)c;
    q[7] = (uint8_t)(c >> 8);
    return ask(fd, q, 8, 20, r, 300);
}

static void several_units_share_a_line(void **state)
{
    (void)state;
    char spec[160], path[96];
    snprintf(path, sizeof path, "%s/tty", dir);
    snprintf(spec, sizeof spec, "scale:name=w1,unit=5,pty=%s", path);
    add(spec);
    snprintf(spec, sizeof spec, "drive:name=d1,unit=6,pty=%s", path);
    struct device *drive = add(spec);
    int fd = open_line(path);
    uint8_t r[300];
    assert_int_equal(ask_rtu(fd, 5, 4, r), 9);
    assert_int_equal(r[0], 5);
    assert_int_equal(crc16_bytes(0xFFFF, r, 7), r[7] | r[8] << 8);
    assert_int_equal(ask_rtu(fd, 6, 0x2100, r), 9);
    assert_int_equal(r[4], 1);                 /* running forward */
    assert_int_equal(ask_rtu(fd, 7, 4, r), 0); /* nobody */
    assert_int_equal(write(fd, "\x06\x03\x21", 3),
                     3); /* half a frame is forgotten in the silence */
    turn(20);
    assert_int_equal(ask_rtu(fd, 6, 0x2100, r), 9);
    fault_arm(&drive->faults, (struct fault){.kind = FAULT_FLIP, .times = 1});
    assert_int_equal(ask_rtu(fd, 6, 0x2100, r), 9);
    assert_int_not_equal(crc16_bytes(0xFFFF, r, 7), r[7] | r[8] << 8);
    drive->off_until = MONO_NEVER;
    assert_int_equal(ask_rtu(fd, 6, 0x2100, r), 0);
    close(fd);
}

/* Rule 12 over a real line, and a reboot that is silence there. */
static void a_sorter_on_a_line(void **state)
{
    (void)state;
    char spec[160], path[96];
    snprintf(path, sizeof path, "%s/tty", dir);
    snprintf(spec, sizeof spec, "sorter:name=s1,unit=9,boot-ms=40,baud=115200,wire=1,pty=%s", path);
    struct device *d = add(spec);
    int fd = open_line(path);
    uint8_t r[300];
    struct plc_stat s;
    assert_int_equal(ask_rtu(fd, 9, 0, r), 9);
    assert_int_equal(r[3] << 8 | r[4], 0x4D42);
    uint8_t q[8] = {9, 3, 0, 0, 0, 32};
    uint16_t c = crc16_bytes(0xFFFF, q, 6);
    q[6] = (uint8_t)c;
    q[7] = (uint8_t)(c >> 8);
    assert_int_equal(ask(fd, q, 8, 30, r, sizeof r), 69);
    plc_stat(d->plc, &s);
    assert_int_equal(s.violations, 1); /* the whole header, but not with 33 words */
    plc_reboot(d->plc, true, mono_now());
    assert_int_equal(ask_rtu(fd, 9, 0, r), 0);
    turn(60);
    assert_int_equal(ask_rtu(fd, 9, 0, r), 9);
    close(fd);
}

/* Whatever comes in, a good request afterwards is answered. */
static void noise_breaks_nothing(void **state)
{
    (void)state;
    char spec[160], path[96];
    snprintf(path, sizeof path, "%s/tty", dir);
    snprintf(spec, sizeof spec, "scale:name=w1,unit=5,pty=%s", path);
    add(spec);
    struct device *d = add("sorter:name=s1,fc23=1");
    int line = open_line(path), fd = dial(d);
    struct dice dice = {11};
    uint8_t bytes[600], r[300];
    for (int i = 0; i < 400; i++) {
        size_t n = 1 + dice_below(&dice, i % 2 ? 40 : sizeof bytes);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)dice_next(&dice);
        if (i % 2 && n > 12) { /* a header that fits, so that the noise reaches the functions */
            const uint8_t head[] = {0, 1,
                                    0, 0,
                                    0, (uint8_t)(n - 6),
                                    1, (const uint8_t[]){3, 16, 23, 4}[dice_below(&dice, 4)]};
            memcpy(bytes, head, sizeof head);
        }
        assert_true(write(line, bytes, n) > 0);
        if (write(fd, bytes, n) < 0 || (turn(1), recv(fd, r, sizeof r, 0)) == 0) {
            close(fd);
            turn(2);
            fd = dial(d);
        }
    }
    close(fd);
    turn(20);
    fd = dial(d);
    tcflush(line, TCIFLUSH);
    assert_int_equal(ask(fd, read_magic, sizeof read_magic, 5, r, sizeof r), 13);
    assert_int_equal(ask_rtu(line, 5, 4, r), 9);
    close(fd);
    close(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tcp_request_is_answered, begin, finish),
        cmocka_unit_test_setup_teardown(refusals_have_their_codes, begin, finish),
        cmocka_unit_test_setup_teardown(fc23_writes_then_reads_where_it_is_listed, begin, finish),
        cmocka_unit_test_setup_teardown(rule_14_one_connection_and_who_replaces_whom, begin,
                                        finish),
        cmocka_unit_test_setup_teardown(a_scale_takes_several_connections, begin, finish),
        cmocka_unit_test_setup_teardown(faults_do_what_they_say, begin, finish),
        cmocka_unit_test_setup_teardown(a_booting_plc_answers_nothing, begin, finish),
        cmocka_unit_test_setup_teardown(several_units_share_a_line, begin, finish),
        cmocka_unit_test_setup_teardown(a_sorter_on_a_line, begin, finish),
        cmocka_unit_test_setup_teardown(noise_breaks_nothing, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
