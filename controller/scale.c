/* A scale behind a register map. The indicator is the trade reading: its values and its frame are
 * passed on as they came. Bus thread writes the snapshot, others read it.
 * 1. A reading whose status or weight is not good is shown as not good, never as the last good one.
 * 2. frozen: the same words for so long (the map's frozen_ms) while the indicator says that it
 *    moves, which none does; or a heartbeat that stands still.
 * 3. A device that is not the map's, or not set as the map needs it, is not good. */
#include "controller/scale.h"
#include "controller/image.h"
#include "controller/snapshot.h"
#include <stdlib.h>
#include <string.h>

struct scale {
    const char *name;
    struct image image;
    struct scale_view own;
    struct snapshot *shown;
    uint16_t before[IMAGE_WORDS];
    struct mono changed, beat_at;
    int64_t beat;
};

int scale_new(const struct scale_options *o, struct scale **ret, struct err *e)
{
    struct scale *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for scale %s", o->name);
    s->name = o->name;
    image_init(&s->image, o->map, o->unit, o->period_ms ? o->period_ms : 100);
    if (!(s->shown = snapshot_new(sizeof(s->own)))) {
        scale_free(s);
        return err_set(e, ERR_NOMEM, "no memory for scale %s", o->name);
    }
    *ret = s;
    return 0;
}

void scale_free(struct scale *s)
{
    if (s)
        snapshot_free(s->shown);
    free(s);
}

static bool want(void *self, struct mono now, struct want *ret, struct mono *ret_wake)
{
    struct scale *s = self;
    return image_want(&s->image, now, ret, ret_wake);
}

static bool has(const struct reading *r, enum map_role id)
{
    return r->quality[id] == QUALITY_GOOD;
}

static int64_t value(const struct reading *r, enum map_role id)
{
    return has(r, id) ? r->value[id] : 0;
}

static bool flag(const struct reading *r, enum map_role id)
{
    return value(r, id) != 0;
}

/* Invariant 2: the counter of the map's heartbeat_ms. */
static bool beats(struct scale *s, const struct reading *r, struct mono at)
{
    uint32_t within_ms = map_link(s->image.map)->heartbeat_ms;
    int64_t beat = value(r, ROLE_SCALE_HEARTBEAT);
    if (within_ms == 0)
        return true;
    if (s->beat_at.ns == 0 || beat != s->beat) {
        s->beat = beat;
        s->beat_at = at;
    }
    return has(r, ROLE_SCALE_HEARTBEAT) && mono_since_ms(at, s->beat_at) <= within_ms;
}

/* Invariant 2. */
static bool is_frozen(struct scale *s, bool stable, struct mono at)
{
    uint32_t after_ms = map_link(s->image.map)->frozen_ms;
    size_t n = map_image_words(s->image.map) * sizeof(uint16_t);
    if (s->changed.ns == 0 || stable || memcmp(s->before, s->image.words, n) != 0)
        s->changed = at;
    memcpy(s->before, s->image.words, n);
    return after_ms > 0 && mono_since_ms(at, s->changed) >= after_ms;
}

static void take(struct scale *s, const struct reading *r, const struct reply *a)
{
    struct scale_view v = {
        .good = has(r, ROLE_SCALE_NET) && has(r, ROLE_SCALE_STABLE),
        .stable = flag(r, ROLE_SCALE_STABLE),
        .over = flag(r, ROLE_SCALE_OVER),
        .under = flag(r, ROLE_SCALE_UNDER),
        .error = flag(r, ROLE_SCALE_ERROR) || flag(r, ROLE_SCALE_ALARM),
        .centre_zero = flag(r, ROLE_SCALE_CENTRE_ZERO),
        .zero_required = flag(r, ROLE_SCALE_ZERO_REQUIRED),
        .net_mode = flag(r, ROLE_SCALE_NET_MODE),
        .seal_open = flag(r, ROLE_SCALE_SEAL_OPEN),
        .net_mg = value(r, ROLE_SCALE_NET),
        .gross_mg = value(r, has(r, ROLE_SCALE_GROSS) ? ROLE_SCALE_GROSS : ROLE_SCALE_NET),
        .tare_mg = value(r, ROLE_SCALE_TARE),
        .alibi = value(r, ROLE_SCALE_ALIBI),
        .at = a->got,
        .wall = s->image.wall,
        .reads = s->own.reads + 1,
    };
    if (!has(r, ROLE_SCALE_TARE)) /* gross, tare and net: two of them give the third */
        v.tare_mg = v.gross_mg - v.net_mg;
    else if (!has(r, ROLE_SCALE_GROSS))
        v.gross_mg = v.net_mg + v.tare_mg;
    bool alive = beats(s, r, a->got);
    v.frozen = is_frozen(s, v.stable, a->got) || !alive;
    v.good = v.good && alive;
    size_t n = map_image_words(s->image.map);
    v.raw_n = (uint16_t)(n > 64 ? 64 : n);
    memcpy(v.raw, s->image.words, v.raw_n * sizeof(uint16_t));
    s->own = v;
}

static void reply(void *self, const struct want *w, const struct reply *r, struct mono now)
{
    struct scale *s = self;
    struct reading got;
    if (image_reply(&s->image, w, r, now, &got))
        take(s, &got, r);
    s->own.link_up = s->image.link_up;
    s->own.refused = s->image.refused;
    s->own.good = s->own.good && !s->own.refused; /* invariant 3 */
    snapshot_put(s->shown, &s->own);
}

static void doubt(void *self)
{
    struct scale *s = self;
    image_doubt(&s->image);
}

struct device scale_device(struct scale *s)
{
    const struct map_breaker *k = &map_link(s->image.map)->breaker;
    return (struct device){.name = s->name,
                           .unit = s->image.unit,
                           .want = want,
                           .reply = reply,
                           .doubt = doubt,
                           .self = s,
                           .breaker_fails = k->fail_after,
                           .breaker_first_ms = k->first_ms,
                           .breaker_max_ms = k->max_ms};
}

void scale_get(const struct scale *s, struct scale_view *ret)
{
    snapshot_get(s->shown, ret);
}
