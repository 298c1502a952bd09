/* Log lines for the journal (contract: log.h).
 * Thread: any; log_setup before the first thread. Owns the three settings below.
 * Invariants: 1. one line is one write(2), so lines of threads and processes never mix.
 * 2. a text cannot forge a line: control characters become blanks. 3. errno is left as it was. */
#include "base/log.h"
#include "base/clock.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };
#define STEP_FIRST_NS 60000000000LL
#define STEP_LAST_NS  3600000000000LL

static struct {
    char program[32];
    enum log_level max;
    bool with_prefix;
} setup = {"lotline", LOG_LEVEL_INFO, false};

void log_setup(const char *program, enum log_level max, bool with_prefix)
{
    snprintf(setup.program, sizeof setup.program, "%s", program);
    setup.max = max;
    setup.with_prefix = with_prefix;
}

static void put_line(char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' '; /* invariant 2 */
    line[n++] = '\n';
    while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
        ;
}

static void say(enum log_level level, const char *fmt, va_list ap)
{
    if (level > setup.max)
        return;
    int saved = errno;
    char line[LINE_MAX_BYTES];
    int head = setup.with_prefix
                   ? snprintf(line, sizeof line, "<%d>%s: ", (int)level, setup.program)
                   : snprintf(line, sizeof line, "%s: ", setup.program);
    size_t room = sizeof line - 1 - (size_t)head; /* one byte stays for the newline */
    int n = vsnprintf(line + head, room, fmt, ap);
    size_t len = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
    put_line(line, (size_t)head + len);
    errno = saved;
}

#define LOG_AT(level)                                                                              \
    do {                                                                                           \
        va_list ap;                                                                                \
        va_start(ap, fmt);                                                                         \
        say(level, fmt, ap);                                                                       \
        va_end(ap);                                                                                \
    } while (0)

void log_error(const char *fmt, ...)
{
    LOG_AT(LOG_LEVEL_ERROR);
}

void log_warn(const char *fmt, ...)
{
    LOG_AT(LOG_LEVEL_WARN);
}

void log_info(const char *fmt, ...)
{
    LOG_AT(LOG_LEVEL_INFO);
}

void log_debug(const char *fmt, ...)
{
    LOG_AT(LOG_LEVEL_DEBUG);
}

void log_complain(struct complaint *c, const char *fmt, ...)
{
    int saved = errno;
    long long now = mono_now().ns;
    c->count++;
    if (c->active && now < c->next_ns)
        return;
    char text[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!c->active)
        log_warn("%s", text);
    else
        log_warn("%s (%lu times so far)", text, c->count);
    c->step_ns = !c->active                      ? STEP_FIRST_NS
                 : c->step_ns < STEP_LAST_NS / 2 ? c->step_ns * 2
                                                 : STEP_LAST_NS;
    c->next_ns = now + c->step_ns;
    c->active = true;
    errno = saved;
}

void log_release(struct complaint *c, const char *fmt, ...)
{
    if (!c->active)
        return;
    unsigned long count = c->count;
    *c = (struct complaint){0};
    char text[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log_info("%s (after %lu times)", text, count);
}
