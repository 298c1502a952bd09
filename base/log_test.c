/* Log lines. Standard error is a datagram socket here, so that one datagram is one write(2). */
#include "base/log.h"
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static int saved_stderr, reader;

static int catch_stderr(void **state)
{
    (void)state;
    int pair[2], wide = 1 << 20;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
        return -1;
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &wide, sizeof wide);
    saved_stderr = dup(STDERR_FILENO);
    dup2(pair[1], STDERR_FILENO);
    close(pair[1]);
    reader = pair[0];
    return 0;
}

static int let_stderr_go(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(reader);
    return 0;
}

/* The next line that was written, "" when there is none. */
static const char *next_line(void)
{
    static char line[4096];
    ssize_t n = recv(reader, line, sizeof line - 1, MSG_DONTWAIT);
    line[n > 0 ? n : 0] = '\0';
    return line;
}

static void a_line_carries_the_level_for_the_journal(void **state)
{
    (void)state;
    log_setup("lotlined", LOG_LEVEL_INFO, true);
    log_error("bus %d is gone", 3);
    assert_string_equal(next_line(), "<3>lotlined: bus 3 is gone\n");
    log_warn("w");
    assert_string_equal(next_line(), "<4>lotlined: w\n");
    log_setup("lotline", LOG_LEVEL_INFO, false);
    log_info("i");
    assert_string_equal(next_line(), "lotline: i\n");
}

static void levels_above_the_maximum_are_silent(void **state)
{
    (void)state;
    log_setup("x", LOG_LEVEL_WARN, true);
    log_info("no");
    log_debug("no");
    assert_string_equal(next_line(), "");
    log_setup("x", LOG_LEVEL_DEBUG, true);
    log_debug("yes");
    assert_string_equal(next_line(), "<7>x: yes\n");
}

static void a_text_cannot_forge_a_line(void **state)
{
    (void)state;
    log_setup("x", LOG_LEVEL_INFO, true);
    log_info("lot %s", "A\n<3>x: all is lost\r\x1b[2J党参");
    assert_string_equal(next_line(), "<6>x: lot A <3>x: all is lost  [2J党参\n");
    assert_string_equal(next_line(), "");
}

static void a_long_line_is_cut_and_still_one_write(void **state)
{
    (void)state;
    char flood[5000];
    memset(flood, 'a', sizeof flood - 1);
    flood[sizeof flood - 1] = '\0';
    log_setup("x", LOG_LEVEL_INFO, true);
    log_info("%s", flood);
    const char *line = next_line();
    size_t n = strlen(line);
    assert_true(n > 900 && n <= 1024);
    assert_int_equal(line[n - 1], '\n');
    assert_string_equal(next_line(), "");
}

static void errno_is_left_as_it_was(void **state)
{
    (void)state;
    log_setup("x", LOG_LEVEL_INFO, true);
    errno = ENOSPC;
    log_error("disk full");
    assert_int_equal(errno, ENOSPC);
    assert_string_equal(next_line(), "<3>x: disk full\n");
}

static void a_lasting_trouble_is_said_once_then_at_growing_intervals(void **state)
{
    (void)state;
    struct complaint c = {0};
    log_setup("x", LOG_LEVEL_INFO, true);
    for (int i = 0; i < 1000; i++)
        log_complain(&c, "no answer from unit %d", 7);
    assert_string_equal(next_line(), "<4>x: no answer from unit 7\n");
    assert_string_equal(next_line(), "");
    long long minute = c.step_ns, last = minute;
    assert_true(minute == 60000000000LL);
    for (int i = 0; i < 12; i++) {
        c.next_ns = 0; /* as if the interval had passed */
        log_complain(&c, "no answer");
        assert_non_null(strstr(next_line(), "times so far"));
        assert_true(c.step_ns >= last && c.step_ns <= 60 * minute);
        last = c.step_ns;
    }
    assert_true(last == 60 * minute);
}

static void its_end_is_said_once(void **state)
{
    (void)state;
    struct complaint c = {0};
    log_setup("x", LOG_LEVEL_INFO, true);
    log_release(&c, "never was");
    assert_string_equal(next_line(), "");
    log_complain(&c, "gone");
    log_complain(&c, "gone");
    next_line();
    log_release(&c, "unit %d answers", 7);
    assert_string_equal(next_line(), "<6>x: unit 7 answers (after 2 times)\n");
    log_release(&c, "again");
    assert_string_equal(next_line(), "");
    log_complain(&c, "gone again");
    assert_string_equal(next_line(), "<4>x: gone again\n");
}

enum { LINES = 50 };

static void *shout(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_info("%s", (const char *)arg);
    return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
    (void)state;
    static char text[4][400];
    pthread_t thread[4];
    log_setup("x", LOG_LEVEL_INFO, true);
    for (size_t i = 0; i < 4; i++) {
        memset(text[i], "abcd"[i], sizeof text[i] - 1);
        assert_int_equal(pthread_create(&thread[i], NULL, shout, text[i]), 0);
    }
    int seen = 0;
    for (; seen < 4 * LINES; seen++) {
        char line[2048];
        ssize_t n = recv(reader, line, sizeof line, 0);
        assert_int_equal(n, 399 + 7);
        for (ssize_t i = 7; i < n - 1; i++)
            assert_int_equal(line[i], line[6]);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CAUGHT(t) cmocka_unit_test_setup_teardown(t, catch_stderr, let_stderr_go)
        CAUGHT(a_line_carries_the_level_for_the_journal),
        CAUGHT(levels_above_the_maximum_are_silent),
        CAUGHT(a_text_cannot_forge_a_line),
        CAUGHT(a_long_line_is_cut_and_still_one_write),
        CAUGHT(errno_is_left_as_it_was),
        CAUGHT(a_lasting_trouble_is_said_once_then_at_growing_intervals),
        CAUGHT(its_end_is_said_once),
        CAUGHT(threads_do_not_mix_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
