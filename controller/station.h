/* The weighing station's interlock: a pure machine. A placement is one load from "empty and stable
 * at zero" to the next; it is accepted once, and only as shown. Main thread. */
#pragma once
#include "controller/scale.h"

enum station_state {
#define STATION(id, word, text) STATION_##id,
#include "controller/station.def"
#undef STATION
    STATION_STATE_COUNT
};
const char *station_state_word(enum station_state s); /* "ready" … for status and pages */
const char *station_state_text(enum station_state s); /* English msgid for people */

struct station;
struct station_options {
    const char *name;
    int64_t min_mg, max_mg, e_mg; /* the scale's Min, Max, e */
    int64_t zero_band_mg;         /* default e / 4, at least one d */
    uint32_t stable_ms;           /* stable for so long before it may be accepted, default 300 */
};
/* What only the record knows; refreshed by the caller. */
struct station_facts {
    bool trade_static; /* role static, certificate valid now */
    bool checked;      /* today's check-weights passed */
};
struct station *station_new(const struct station_options *o);
void station_free(struct station *s);
void station_feed(struct station *s, const struct scale_view *v,
                  struct mono now); /* every new reading */
/* State as of now; placement number (0: none), shown net. A link that is down, a reading older than
 * 500 ms, motion, over, under, not returned to zero, expired certificate, missing check: each is
 * its own state. */
struct station_view {
    enum station_state state;
    uint32_t placement;
    bool accepted;     /* this placement was accepted already */
    bool tare_unknown; /* one weight is shown: as net_mg, and as gross_mg for want of another */
    int64_t net_mg, gross_mg, tare_mg;
    int64_t age_ms;
};
void station_get(const struct station *s, const struct station_facts *f, struct mono now,
                 struct station_view *ret);
/* 0: accepted, *ret holds the reading to be recorded. Refusals: ERR_STATE with the state's text;
 * ERR_EXISTS placement accepted already; ERR_CHECK shown_mg is not what the scale shows now.
 * The caller commits, then calls station_committed; on failure station_undo. */
int station_accept(struct station *s, const struct station_facts *f, uint32_t placement,
                   int64_t shown_mg, struct mono now, struct scale_view *ret, struct err *e);
void station_undo(struct station *s, uint32_t placement);
uint32_t station_first_placement(struct station *s,
                                 uint32_t after); /* numbering goes on after a restart */
