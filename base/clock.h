/* Two times that never mix: monotonic to wait and to order, wall to show to people. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mono {
    int64_t ns;
};
struct wall {
    int64_t ms;
};

#define MONO_NEVER   ((struct mono){INT64_MAX})
#define WALL_LAST_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z, the last that prints */

struct mono mono_now(void);
struct wall wall_now(void);

static inline struct mono mono_add_ns(struct mono t, int64_t ns)
{
    return (struct mono){t.ns == INT64_MAX ? INT64_MAX : t.ns + ns};
}
static inline struct mono mono_add_ms(struct mono t, int64_t ms)
{
    return mono_add_ns(t, ms * 1000000);
}
static inline int64_t mono_since_ns(struct mono later, struct mono earlier)
{
    return later.ns - earlier.ns;
}
static inline int64_t mono_since_ms(struct mono later, struct mono earlier)
{
    return (later.ns - earlier.ns) / 1000000;
}
static inline bool mono_reached(struct mono now, struct mono due)
{
    return now.ns >= due.ns;
}
static inline struct mono mono_min(struct mono a, struct mono b)
{
    return a.ns < b.ns ? a : b;
}

/* The kernel's boot id, 32 hex digits without dashes; constant for the life of the process. */
const char *clock_boot_id(void);
/* "synced", "unsynced", or "unknown" where a sandbox forbids asking (adjtimex). Cheap enough for
 * once a second. */
const char *clock_state(void);

/* ISO 8601: UTC with milliseconds and Z ("2026-11-24T06:12:01.250Z"); buf of ≥ 25 bytes. */
const char *wall_utc(struct wall t, char *buf, size_t size);
/* Date "2026-11-24" and time "14:12" at a fixed offset (minutes east, 480 for China). */
/* "2026-11-24 14:12" */
const char *wall_local(struct wall t, int offset_min, char *buf, size_t size);
/* yymmdd at that offset, as printed in lot numbers; buf of ≥ 7 bytes. */
const char *wall_yymmdd(struct wall t, int offset_min, char *buf, size_t size);
/* Parses what wall_utc writes (milliseconds optional). 0 or ERR_PARSE. */
int wall_parse(const char *text, struct wall *ret);
