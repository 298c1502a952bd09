/* The weighing station's interlock. Pure; main thread.
 *
 * 1. A placement begins when something is put on a scale that had returned to zero, and ends when
 * the scale is back there. It is accepted once.
 * 2. What is accepted is what was shown: net and placement number must be those of this moment.
 * 3. A reading older than 500 ms, or of a link that is down, can never be accepted. */
#include "controller/station.h"
#include <assert.h>
#include <stdlib.h>

#define FRESH_MS 500

static const struct {
    const char *word, *text;
} states[] = {
#define STATION(id, word, text) [STATION_##id] = {word, text},
#include "controller/station.def"
#undef STATION
};

struct station {
    struct station_options o;
    struct scale_view v;
    bool seen;
    bool empty;    /* at zero now */
    bool was_zero; /* returned to zero since the last placement began */
    bool loaded;   /* a placement is on */
    uint32_t placement, accepted;
    struct mono stable_since;
    int64_t stable_mg;
};

const char *station_state_word(enum station_state s)
{
    return states[s].word;
}

const char *station_state_text(enum station_state s)
{
    return states[s].text;
}

struct station *station_new(const struct station_options *o)
{
    struct station *s = calloc(1, sizeof(*s));
    if (s)
        s->o = *o;
    return s;
}

void station_free(struct station *s)
{
    free(s);
}

uint32_t station_first_placement(struct station *s, uint32_t after)
{
    if (s->placement < after)
        s->placement = s->accepted = after;
    return s->placement + 1;
}

static bool usable(const struct scale_view *v)
{
    return v->link_up && v->good && !v->error;
}

/* By the gross weight: with a tare the net of an empty scale is below zero. */
static bool at_zero(const struct station *s, const struct scale_view *v)
{
    return v->gross_mg <= s->o.zero_band_mg && v->gross_mg >= -s->o.zero_band_mg;
}

/* Steady for stable_ms: the indicator's flag all that time, and no other weight in between. */
static void follow_motion(struct station *s, const struct scale_view *v)
{
    if (!v->stable || v->net_mg != s->stable_mg || s->stable_since.ns == 0)
        s->stable_since = v->at;
    s->stable_mg = v->net_mg;
    if (!v->stable)
        s->stable_since.ns = 0;
}

/* Invariant 1. */
static void follow_placement(struct station *s, const struct scale_view *v)
{
    s->empty = at_zero(s, v) && v->stable;
    if (s->empty) {
        s->was_zero = true;
        s->loaded = false;
    } else if (!s->loaded && s->was_zero && !at_zero(s, v)) {
        s->loaded = true;
        s->was_zero = false;
        s->placement++;
    }
}

void station_feed(struct station *s, const struct scale_view *v, struct mono now)
{
    (void)now;
    s->v = *v;
    s->seen = s->seen || v->at.ns != 0;
    if (!usable(v)) {
        s->stable_since.ns = 0;
        return;
    }
    follow_motion(s, v);
    follow_placement(s, v);
}

static enum station_state state_of(const struct station *s, const struct station_facts *f,
                                   struct mono now)
{
    const struct scale_view *v = &s->v;
    if (!s->seen || !v->link_up)
        return STATION_OFFLINE;
    if (mono_since_ms(now, v->at) >= FRESH_MS) /* invariant 3 */
        return STATION_STALE;
    if (!v->good || v->error)
        return v->over ? STATION_OVER : v->under ? STATION_UNDER : STATION_ERROR;
    if (v->frozen)
        return STATION_FROZEN;
    if (v->over || v->gross_mg > s->o.max_mg)
        return STATION_OVER;
    if (v->under || v->gross_mg < -s->o.zero_band_mg)
        return STATION_UNDER;
    if (!f->trade_static || v->seal_open)
        return STATION_NOT_TRADE;
    if (!f->checked)
        return STATION_UNCHECKED;
    if (s->empty)
        return STATION_EMPTY;
    if (s->loaded && s->placement == s->accepted)
        return STATION_ACCEPTED;
    if (!s->loaded || v->zero_required)
        return STATION_NOT_ZERO;
    if (s->stable_since.ns == 0 || mono_since_ms(v->at, s->stable_since) < s->o.stable_ms)
        return STATION_MOVING;
    if (v->net_mg < s->o.min_mg)
        return STATION_TOO_LIGHT;
    return STATION_READY;
}

void station_get(const struct station *s, const struct station_facts *f, struct mono now,
                 struct station_view *ret)
{
    *ret = (struct station_view){
        .state = state_of(s, f, now),
        .placement = s->loaded ? s->placement : 0,
        .accepted = s->loaded && s->placement == s->accepted,
        .tare_unknown = s->v.tare_unknown,
        .net_mg = s->v.net_mg,
        .gross_mg = s->v.gross_mg,
        .tare_mg = s->v.tare_mg,
        .age_ms = s->seen ? mono_since_ms(now, s->v.at) : -1,
    };
}

int station_accept(struct station *s, const struct station_facts *f, uint32_t placement,
                   int64_t shown_mg, struct mono now, struct scale_view *ret, struct err *e)
{
    enum station_state st = state_of(s, f, now);
    if (placement != 0 && placement <= s->accepted)
        return err_set(e, ERR_EXISTS, "placement %u was accepted already: take the load off first",
                       placement);
    if (st != STATION_READY)
        return err_set(e, ERR_STATE, "%s", station_state_text(st));
    if (placement != s->placement)
        return err_set(e, ERR_CHECK, "placement %u is not on the scale any more: look again",
                       placement);
    if (shown_mg != s->v.net_mg) /* invariant 2 */
        return err_set(e, ERR_CHECK, "the weight has changed since it was shown: look again");
    s->accepted = placement;
    *ret = s->v;
    return 0;
}

void station_undo(struct station *s, uint32_t placement)
{
    if (s->accepted == placement)
        s->accepted = placement - 1;
}
