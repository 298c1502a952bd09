/* A scale that talks in lines of characters (map kind `lines`): it talks by itself or answers when
 * it is asked, one reading a frame or a round of frames. Pure apart from its snapshot: bytes, now
 * and wall go in. Port thread, except linescale_get (any thread).
 *
 * Where the frame has no flag, stable is judged here: so many equal readings over so long, none of
 * them more than 500 ms after the one before. The scale's view is scale.h's, so that nobody behind
 * it needs to know the difference. */
#pragma once
#include "controller/scale.h"
#include "plc-maps/lines.h"

struct linescale;
struct linescale_options {
    const char *name;
    const struct map *map;
    struct lines_as as;
    uint32_t period_ms;                /* mode asked: a round so often, default 100 */
    uint32_t stable_frames, stable_ms; /* 0: the map's */
};
int linescale_new(const struct linescale_options *o, struct linescale **ret, struct err *e);
void linescale_free(struct linescale *s);
const char *linescale_name(const struct linescale *s);
/* A request into out (at most LINES_FRAME_MAX bytes) that is to be sent now; 0: none before
 * *ret_wake. Asking again for the same request is allowed only after linescale_asked. */
size_t linescale_want(struct linescale *s, struct mono now, uint8_t *out, struct mono *ret_wake);
/* That request was sent (ok) or could not be. */
void linescale_asked(struct linescale *s, bool ok, struct mono now);
/* It waits for an answer, so nobody else is asked on this port before *ret_until. */
bool linescale_waits(const struct linescale *s, struct mono *ret_until);
/* What came from the port, in order. */
void linescale_take(struct linescale *s, const uint8_t *bytes, size_t n, struct mono now,
                    struct wall wall);
/* Bytes were lost, or the port was closed: what was begun is thrown away, steady starts anew. */
void linescale_lost(struct linescale *s, struct mono now);
/* Time has passed: answers that are overdue, a scale that is silent. Then the snapshot is renewed.
 * Call after every take, lost and wake. *ret_wake: when the next change by time alone is due. */
void linescale_tick(struct linescale *s, bool port_up, struct mono now, struct mono *ret_wake);
void linescale_get(const struct linescale *s, struct scale_view *ret);

struct linescale_counts {
    struct lines_counts lines;
    uint64_t readings, timeouts, unasked; /* frames that answer nothing */
};
void linescale_counts(const struct linescale *s, struct linescale_counts *ret);
