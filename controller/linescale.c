/* A scale that talks in lines (contract: linescale.h). The indicator is the trade reading; its
 * frames are passed on as they came.
 *
 * 1. A reading is made of whole frames of one round only; a frame that was not asked for, or comes
 *    after its time, is none. Its age is that of its oldest frame.
 * 2. After an answer that did not come, nothing is asked for as long again, so that a late answer
 *    is not taken for that to the next request.
 * 3. What is not good is shown as not good, and breaks the row of equal readings. */
#include "controller/linescale.h"
#include "controller/snapshot.h"
#include <stdlib.h>
#include <string.h>

enum {
    APART_MS = 500,   /* readings of one row of equal ones */
    SILENT_MS = 1000, /* then nobody is there */
    ROUND_MAX = 4,
};

struct linescale {
    const char *name;
    const struct map *map;
    uint32_t period_ms;
    struct lines_times times;
    struct lines_scan scan;
    struct scale_view own;
    struct snapshot *shown;
    struct linescale_counts counts;
    /* the round */
    size_t n_asks, next, answer; /* answer: the form awaited */
    bool waiting;
    struct mono due, until;
    struct lines_frame got[ROUND_MAX];
    /* the row of equal readings */
    uint32_t equal;
    struct mono since;
};

int linescale_new(const struct linescale_options *o, struct linescale **ret, struct err *e)
{
    struct linescale *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for scale %s", o->name);
    s->name = o->name;
    s->map = o->map;
    s->period_ms = o->period_ms ? o->period_ms : 100;
    s->times = lines_times(o->map);
    if (o->stable_frames)
        s->times.stable_frames = o->stable_frames;
    if (o->stable_ms)
        s->times.stable_ms = o->stable_ms;
    s->n_asks = lines_asks(o->map);
    lines_scan_init(&s->scan, o->map, &o->as);
    if (!(s->shown = snapshot_new(sizeof(s->own)))) {
        free(s);
        return err_set(e, ERR_NOMEM, "no memory for scale %s", o->name);
    }
    *ret = s;
    return 0;
}

void linescale_free(struct linescale *s)
{
    if (s)
        snapshot_free(s->shown);
    free(s);
}

const char *linescale_name(const struct linescale *s)
{
    return s->name;
}

/* ---- asking ---- */

size_t linescale_want(struct linescale *s, struct mono now, uint8_t *out, struct mono *ret_wake)
{
    *ret_wake = MONO_NEVER;
    if (s->n_asks == 0)
        return 0;
    if (s->waiting || (s->next == 0 && !mono_reached(now, s->due))) {
        *ret_wake = s->waiting ? s->until : s->due;
        return 0;
    }
    return lines_ask(s->map, s->next, s->scan.as.address, out, &s->answer);
}

static void end_round(struct linescale *s, struct mono due)
{
    s->waiting = false;
    s->next = 0;
    s->due = due;
}

void linescale_asked(struct linescale *s, bool ok, struct mono now)
{
    lines_scan_break(&s->scan); /* what came before it is no answer to it */
    s->waiting = ok;
    s->until = mono_add_ms(now, s->times.timeout_ms);
    if (!ok)
        end_round(s, mono_add_ms(now, s->period_ms));
    else if (s->next == 0)
        s->due = mono_add_ms(now, s->period_ms);
}

bool linescale_waits(const struct linescale *s, struct mono *ret_until)
{
    *ret_until = s->until;
    return s->waiting;
}

/* ---- readings ---- */

static bool has(const struct reading *r, enum map_role id)
{
    return r->quality[id] == QUALITY_GOOD;
}

static bool flag(const struct reading *r, enum map_role id)
{
    return has(r, id) && r->value[id] != 0;
}

/* One reading out of the frames of a round: each weight from the frame that has it. */
static struct reading join(const struct lines_frame *f, size_t n)
{
    struct reading r = f[0].r;
    for (size_t i = 1; i < n; i++)
        for (int role = 0; role < ROLE_COUNT; role++)
            if (f[i].r.quality[role] == QUALITY_BAD || r.quality[role] == QUALITY_ABSENT) {
                r.quality[role] = f[i].r.quality[role];
                r.value[role] = f[i].r.value[role];
            }
    return r;
}

/* Gross, tare and net: two give the third. A gross that is displayed alone has no tare off; of a
 * net, or a weight that may be either, the tare is not known. */
static void put_weights(struct scale_view *v, const struct reading *r)
{
    bool net = has(r, ROLE_SCALE_NET), gross = has(r, ROLE_SCALE_GROSS);
    v->net_mg = r->value[net ? ROLE_SCALE_NET : ROLE_SCALE_GROSS];
    v->gross_mg = r->value[gross ? ROLE_SCALE_GROSS : ROLE_SCALE_NET];
    v->tare_mg = v->gross_mg - v->net_mg;
    v->net_mode = flag(r, ROLE_SCALE_NET_MODE) || v->tare_mg != 0;
    v->tare_unknown = net && !gross;
}

static void put_raw(struct scale_view *v, const struct lines_frame *f, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < f[i].n && at < 2 * sizeof(v->raw) / sizeof(v->raw[0]); k++, at++)
            v->raw[at / 2] =
                (uint16_t)(at % 2 ? v->raw[at / 2] | f[i].bytes[k] : (unsigned)f[i].bytes[k] << 8);
    v->raw_n = (uint16_t)((at + 1) / 2);
    v->raw_cut = (uint16_t)(at % 2);
}

static bool is_bad(const struct reading *r)
{
    return r->quality[ROLE_SCALE_NET] == QUALITY_BAD || r->quality[ROLE_SCALE_GROSS] == QUALITY_BAD;
}

/* The row of equal readings, up to v. Invariant 3. */
static bool is_steady(struct linescale *s, const struct scale_view *v)
{
    const struct scale_view *o = &s->own;
    bool same = s->equal && o->good && v->net_mg == o->net_mg && v->gross_mg == o->gross_mg &&
                v->net_mode == o->net_mode && mono_since_ms(v->at, o->at) <= APART_MS;
    if (!v->good) {
        s->equal = 0;
        return false;
    }
    if (!same) {
        s->equal = 0;
        s->since = v->at;
    }
    if (s->equal < UINT32_MAX)
        s->equal++;
    return s->equal >= s->times.stable_frames &&
           mono_since_ms(v->at, s->since) >= s->times.stable_ms;
}

static void take_round(struct linescale *s, const struct lines_frame *f, size_t n, struct wall wall)
{
    struct reading r = join(f, n);
    struct scale_view v = {
        .link_up = true,
        .good = !is_bad(&r) && (has(&r, ROLE_SCALE_NET) || has(&r, ROLE_SCALE_GROSS)),
        .over = flag(&r, ROLE_SCALE_OVER),
        .under = flag(&r, ROLE_SCALE_UNDER),
        .error = flag(&r, ROLE_SCALE_ERROR),
        .at = f[0].at,
        .wall = wall,
        .reads = s->own.reads + 1,
    };
    if (v.good)
        put_weights(&v, &r);
    put_raw(&v, f, n);
    bool steady = is_steady(s, &v);
    v.stable = s->times.judged ? v.good && flag(&r, ROLE_SCALE_STABLE) : steady;
    v.stable_by_host = v.stable && !s->times.judged;
    s->counts.readings++;
    s->own = v;
}

/* A frame in mode asked: the next of the round, or none of it. */
static void take_answer(struct linescale *s, const struct lines_frame *f, struct mono now,
                        struct wall wall)
{
    bool refusal = f->r.quality[ROLE_SCALE_NET] == QUALITY_BAD; /* overload answers any question */
    if (!s->waiting || (f->form != s->answer && !refusal)) {
        s->counts.unasked++;
        return;
    }
    s->waiting = false;
    s->got[s->next++] = *f;
    if (s->next < s->n_asks && !refusal)
        return;
    take_round(s, s->got, s->next, wall);
    end_round(s, mono_reached(now, s->due) ? now : s->due);
}

void linescale_take(struct linescale *s, const uint8_t *bytes, size_t n, struct mono now,
                    struct wall wall)
{
    struct lines_frame f;
    for (size_t i = 0; i < n; i++) {
        lines_scan_put(&s->scan, bytes[i], now);
        while (lines_scan_next(&s->scan, &f)) {
            if (s->n_asks)
                take_answer(s, &f, now, wall);
            else
                take_round(s, &f, 1, wall);
        }
    }
}

void linescale_lost(struct linescale *s, struct mono now)
{
    lines_scan_break(&s->scan);
    s->equal = 0;
    s->own.stable = s->own.stable_by_host = false;
    if (s->n_asks)
        end_round(s, mono_add_ms(now, s->period_ms));
}

void linescale_tick(struct linescale *s, bool port_up, struct mono now, struct mono *ret_wake)
{
    if (s->waiting && mono_reached(now, s->until)) { /* invariant 2 */
        s->counts.timeouts++;
        end_round(s, mono_add_ms(now, s->times.timeout_ms));
    }
    bool heard = s->own.reads && mono_since_ms(now, s->own.at) < SILENT_MS;
    s->own.link_up = port_up && heard;
    if (!s->own.link_up)
        s->own.stable = s->own.stable_by_host = false;
    s->own.thrown = s->scan.counts.thrown;
    *ret_wake = s->own.link_up ? mono_add_ms(s->own.at, SILENT_MS) : MONO_NEVER;
    if (s->waiting)
        *ret_wake = mono_min(*ret_wake, s->until);
    snapshot_put(s->shown, &s->own);
}

void linescale_get(const struct linescale *s, struct scale_view *ret)
{
    snapshot_get(s->shown, ret);
}

void linescale_counts(const struct linescale *s, struct linescale_counts *ret)
{
    *ret = s->counts;
    ret->lines = s->scan.counts;
}
