/* Monotonic and wall time (contract: clock.h).
 * Thread: any. Owns the cached boot id, written once. Dates are our own civil arithmetic: localtime
 * would read TZ and a zone file that a gateway may lack, and is not reentrant.
 * Invariant: every text that wall_utc writes, wall_parse reads back to the same value; times
 * outside the years 0000 to 9999 are shown as the nearest end. */
#include "base/clock.h"
#include "base/err.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <fcntl.h>
#include <unistd.h>

#define DAY_MS     86400000
#define WALL_FIRST (-62167219200000) /* 0000-01-01T00:00:00.000Z */

struct civil {
    int year, month, day, hour, minute, second, ms;
};

struct mono mono_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (struct mono){(int64_t)t.tv_sec * 1000000000 + t.tv_nsec};
}

struct wall wall_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (struct wall){(int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000};
}

static char boot_id[33];

static void read_boot_id(void)
{
    char raw[64] = "";
    size_t n = 0;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, raw, sizeof raw - 1);
    if (fd >= 0)
        close(fd);
    for (ssize_t i = 0; i < got && n < 32; i++)
        if (strchr("0123456789abcdef", raw[i]) && raw[i])
            boot_id[n++] = raw[i];
    if (n != 32) /* no /proc: all zeros says "not known" and keeps the column's shape */
        memset(boot_id, '0', 32);
}

const char *clock_boot_id(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_boot_id);
    return boot_id;
}

const char *clock_state(void)
{
    struct timex t = {.modes = 0};
    int state = adjtimex(&t);
    if (state < 0)
        return "unknown"; /* a sandbox that does not let us ask */
    return state == TIME_ERROR || (t.status & STA_UNSYNC) ? "unsynced" : "synced";
}

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar, and back. Source: H. Hinnant,
 * "chrono-compatible low-level date algorithms": years begin in March, eras have 146097 days. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_from_days(int64_t days, struct civil *c)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    c->day = (int)(doy - (153 * mp + 2) / 5 + 1);
    c->month = (int)(mp < 10 ? mp + 3 : mp - 9);
    c->year = (int)(yoe + era * 400 + (c->month <= 2));
}

static struct civil civil_of(struct wall t, int offset_min)
{
    int64_t ms = t.ms < WALL_FIRST ? WALL_FIRST : t.ms > WALL_LAST_MS ? WALL_LAST_MS : t.ms;
    ms += (int64_t)offset_min * 60000;
    ms = ms < WALL_FIRST ? WALL_FIRST : ms > WALL_LAST_MS ? WALL_LAST_MS : ms;
    int64_t days = ms / DAY_MS, rest = ms % DAY_MS;
    if (rest < 0) {
        rest += DAY_MS;
        days--;
    }
    struct civil c = {.hour = (int)(rest / 3600000),
                      .minute = (int)(rest / 60000 % 60),
                      .second = (int)(rest / 1000 % 60),
                      .ms = (int)(rest % 1000)};
    civil_from_days(days, &c);
    return c;
}

const char *wall_utc(struct wall t, char *buf, size_t size)
{
    struct civil c = civil_of(t, 0);
    snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour,
             c.minute, c.second, c.ms);
    return buf;
}

const char *wall_local(struct wall t, int offset_min, char *buf, size_t size)
{
    struct civil c = civil_of(t, offset_min);
    snprintf(buf, size, "%04d-%02d-%02d %02d:%02d", c.year, c.month, c.day, c.hour, c.minute);
    return buf;
}

const char *wall_yymmdd(struct wall t, int offset_min, char *buf, size_t size)
{
    struct civil c = civil_of(t, offset_min);
    snprintf(buf, size, "%02d%02d%02d", c.year % 100, c.month, c.day);
    return buf;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads `text` by a pattern in which a digit names the field that takes the text's digit and every
 * other character stands for itself; returns what follows, NULL when it does not fit. */
static const char *read_fields(const char *text, const char *pattern, int *field)
{
    for (; *pattern; pattern++, text++) {
        if (!is_digit(*pattern)) {
            if (*text != *pattern)
                return NULL;
        } else {
            if (!is_digit(*text))
                return NULL;
            int *f = &field[*pattern - '0'];
            *f = *f * 10 + (*text - '0');
        }
    }
    return text;
}

int wall_parse(const char *text, struct wall *ret)
{
    int f[7] = {0};
    const char *rest = text ? read_fields(text, "0000-11-22T33:44:55", f) : NULL;
    if (rest && *rest == '.')
        rest = read_fields(rest, ".666", f);
    if (!rest || strcmp(rest, "Z") != 0)
        return ERR_PARSE;
    if (f[1] < 1 || f[1] > 12 || f[2] < 1 || f[3] > 23 || f[4] > 59 || f[5] > 59)
        return ERR_PARSE;
    int64_t days = days_from_civil(f[0], f[1], f[2]);
    struct civil back;
    civil_from_days(days, &back); /* 31 April comes back as 1 May */
    if (back.month != f[1] || back.day != f[2])
        return ERR_PARSE;
    ret->ms = days * DAY_MS + (int64_t)f[3] * 3600000 + (int64_t)f[4] * 60000 +
              (int64_t)f[5] * 1000 + f[6];
    return 0;
}
