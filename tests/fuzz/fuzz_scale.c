/* A weighing station: the scale behind its map, answered with any frames, errors and pauses, and
 * the interlock that accepts. Claims, against the history of what was fed: a weight is accepted
 * once, as shown, fresh, steady for the whole time, within Min and Max, and only after the scale
 * was back at zero. */
#include "controller/station.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>

enum {
    STABLE_MS = 300,
    ZERO_BAND = 5000,
    MIN_MG = 40000,
    MAX_MG = 30000000,
    PAST = 256,
    STEPS_MAX = 400,
};

static struct map *map;

static struct {
    struct scale *scale;
    struct station *station;
    struct device d;
    struct station_facts facts;
    struct mono now;
    struct scale_view past[PAST]; /* what the station was fed, the newest at n - 1 */
    size_t n;
    int64_t fed_ns;
    bool was_zero; /* since the last acceptance */
    uint32_t accepted;
    unsigned steps;
} w;

void fuzz_setup(void)
{
    struct err e = {0};
    assert(map_load("plc-maps/hbm-wtx110.yaml", &map, &e) == 0);
}

static bool at_zero(const struct scale_view *v)
{
    return v->stable && v->gross_mg <= ZERO_BAND && v->gross_mg >= -ZERO_BAND;
}

static bool usable(const struct scale_view *v)
{
    return v->link_up && v->good && !v->error;
}

/* As daemon_feed_stations does: every new reading, and every change of the link. */
static void feed(void)
{
    struct scale_view v;
    scale_get(w.scale, &v);
    if (w.n == PAST) {
        memmove(w.past, w.past + 1, sizeof w.past - sizeof *w.past);
        w.n--;
    }
    w.past[w.n++] = v;
    w.fed_ns = v.at.ns;
    w.was_zero |= usable(&v) && at_zero(&v);
    station_feed(w.station, &v, w.now);
}

static void answer(const struct reply *r)
{
    struct want q = {0};
    struct mono wake = {0};
    if (w.steps++ >= STEPS_MAX)
        return;
    if (!w.d.want(w.d.self, w.now, &q, &wake)) {
        assert(wake.ns > w.now.ns);
        w.now = wake;
        assert(w.d.want(w.d.self, w.now, &q, &wake));
    }
    assert(q.fc == 3 && q.addr == 0 && q.n == 38 && !w.d.may_write);
    struct reply own = *r;
    own.sent = w.now;
    w.now = mono_add_ms(w.now, 3);
    own.got = w.now;
    own.n = own.rc ? 0 : q.n;
    w.d.reply(w.d.self, &q, &own, w.now);
    feed();
}

static void frame(int32_t net, int32_t gross, uint16_t status, uint16_t form)
{
    struct reply r = {.rc = 0};
    r.words[0] = (uint16_t)((uint32_t)net >> 16);
    r.words[1] = (uint16_t)net;
    r.words[2] = (uint16_t)((uint32_t)gross >> 16);
    r.words[3] = (uint16_t)gross;
    r.words[4] = status;
    r.words[5] = form;
    answer(&r);
}

/* Since when the newest reading has stood still. */
static struct mono steady_since(void)
{
    size_t i = w.n - 1;
    while (i && usable(&w.past[i - 1]) && w.past[i - 1].stable &&
           w.past[i - 1].net_mg == w.past[i].net_mg)
        i--;
    return w.past[i].at;
}

static void check_accepted(uint32_t placement, int64_t shown, const struct scale_view *got)
{
    const struct scale_view *v = &w.past[w.n - 1];
    assert(memcmp(got, v, sizeof *v) == 0 && got->net_mg == shown);
    assert(usable(v) && v->stable && !v->over && !v->under && !v->frozen && !v->seal_open);
    assert(mono_since_ms(w.now, v->at) < 500);
    assert(v->net_mg >= MIN_MG && v->gross_mg <= MAX_MG && !at_zero(v));
    assert(w.facts.trade_static && w.facts.checked);
    assert(placement > w.accepted && w.was_zero);
    assert(w.n == PAST || mono_since_ms(v->at, steady_since()) >= STABLE_MS);
}

static void accept(uint8_t how)
{
    struct station_view v;
    struct scale_view got;
    struct err e = {0};
    station_get(w.station, &w.facts, w.now, &v);
    uint32_t placement = v.placement + (how & 1);
    int64_t shown = v.net_mg + (how & 2 ? 1 : 0);
    bool before = w.was_zero;
    int rc = station_accept(w.station, &w.facts, placement, shown, w.now, &got, &e);
    assert((rc == 0) == (v.state == STATION_READY && !(how & 3)) || rc < 0);
    if (rc)
        return;
    check_accepted(placement, shown, &got);
    if (how & 4) { /* the commit failed: the same may come again */
        station_undo(w.station, placement);
        w.was_zero = before;
        return;
    }
    w.accepted = placement;
    w.was_zero = false;
    assert(station_accept(w.station, &w.facts, placement, shown, w.now, &got, &e) == ERR_EXISTS);
}

static void act(struct feeder *f)
{
    static const int codes[] = {ERR_TIMEOUT, ERR_LINK, ERR_EXCEPTION, ERR_PROTOCOL};
    uint8_t op = take_u8(f), arg = op >> 4;
    int32_t net;
    switch (op & 7) {
    case 0: /* steady at a weight of 10 g steps */
        net = (int32_t)(take_u8(f) * 10);
        for (int i = 0; i <= arg; i++)
            frame(net, net, 0, 0x0030);
        break;
    case 1: frame(0, 0, 0, 0x0030); break;
    case 2: frame((int32_t)take_u32(f), (int32_t)take_u32(f), take_u16(f), take_u16(f)); break;
    case 3: /* moving */
        net = (int32_t)take_u16(f);
        frame(net, net, 0x0010, 0x0030);
        break;
    case 4: answer(&(struct reply){.rc = codes[arg % 4], .exception = 1}); break;
    case 5: w.now = mono_add_ms(w.now, (int64_t)arg * 60); break;
    case 6: accept(arg); break;
    case 7: w.facts = (struct station_facts){arg & 1, arg & 2}; break;
    }
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    struct err e = {0};
    struct scale_options so = {.name = "floor", .unit = 1, .period_ms = 100, .map = map};
    struct station_options o = {.name = "shed",
                                .min_mg = MIN_MG,
                                .max_mg = MAX_MG,
                                .e_mg = 20000,
                                .zero_band_mg = ZERO_BAND,
                                .stable_ms = STABLE_MS};
    memset(&w, 0, sizeof w);
    w.now = (struct mono){1000000000};
    w.facts = (struct station_facts){true, true};
    assert(scale_new(&so, &w.scale, &e) == 0 && (w.station = station_new(&o)));
    w.d = scale_device(w.scale);
    while (f.n && w.steps < STEPS_MAX)
        act(&f);
    station_free(w.station);
    scale_free(w.scale);
}
