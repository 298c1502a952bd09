/* Log lines for the journal: "<level>program: text" on standard error (systemd reads the level).
 * No names of persons, no telephone numbers, ever. Any thread. */
#pragma once
#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* once, before threads */
void log_setup(const char *program, enum log_level max, bool with_prefix);
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Say a lasting trouble once, then at growing intervals (1 min … 1 h), and once when it is over.
 * One struct per trouble, zeroed by its owner; not shared between threads. */
struct complaint {
    bool active;
    unsigned long count;
    long long next_ns, step_ns;
};
void log_complain(struct complaint *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_release(struct complaint *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
