/* The belt as it is: infeed, measuring point, decision point, outlets. Nothing of it is the PLC's.
 * Things pass in order and leave by exactly one outlet; what the block does not know of leaves at
 * the end of the belt, which is the default outlet. */
#include "tests/st/sorter.h"

static int64_t pulses(const struct plc *p, uint32_t ms)
{
    return (int64_t)ms * p->cfg.speed / 1000;
}

void belt_move(struct plc *p, int64_t elapsed_ns)
{
    if (!runs(p))
        return;
    p->pos_frac += elapsed_ns * p->cfg.speed;
    p->pos += p->pos_frac / 1000000000;
    p->pos_frac %= 1000000000;
}

struct thing *belt_known(struct plc *p)
{
    for (uint32_t i = p->first; i != p->measure_next; i++)
        if (thing_at(p, i)->known && !thing_at(p, i)->decided)
            return thing_at(p, i);
    return NULL;
}

void belt_arrive(struct plc *p, struct thing *t, uint16_t outlet)
{
    if (t->decided || outlet == 0 || outlet > 16)
        st_fail("a thing that leaves twice or by no outlet", 0);
    t->decided = true;
    p->stat.outlet[outlet]++;
    while (p->first != p->measure_next && thing_at(p, p->first)->decided)
        p->first++;
}

void belt_unknown(struct plc *p)
{
    for (uint32_t i = p->first; i != p->measure_next; i++)
        thing_at(p, i)->known = false;
}

void belt_leave(struct plc *p)
{
    int64_t decision = pulses(p, p->cfg.decision_ms);
    for (uint32_t i = p->first; i != p->measure_next; i++) {
        struct thing *t = thing_at(p, i);
        if (t->known || t->decided || t->at + decision > p->pos)
            continue;
        say(p, (struct plc_event){.kind = t->seq ? PLC_UNREPORTED : PLC_UNNUMBERED,
                                  .epoch = t->epoch,
                                  .seq = t->seq,
                                  .outlet = p->cfg.default_outlet});
        belt_arrive(p, t, p->cfg.default_outlet);
    }
}

/* ---- feeding ---- */

static void put_on(struct plc *p, int64_t at, bool close)
{
    struct thing *t = thing_at(p, p->end++);
    *t = (struct thing){.at = at, .close = close};
    farm_item(&p->grow, p->cfg.crop, &t->item);
    p->stat.fed++;
}

static int64_t last_at(struct plc *p)
{
    return p->end == p->first ? INT64_MIN / 2 : thing_at(p, p->end - 1)->at;
}

static bool room(const struct plc *p)
{
    return p->end - p->first < THINGS;
}

void plc_place(struct plc *p, uint32_t items)
{
    for (uint32_t i = 0; i < items && room(p); i++) {
        int64_t at = p->pos + pulses(p, p->cfg.infeed_ms / 2), last = last_at(p);
        bool close = at < last + pulses(p, p->cfg.spacing_ms);
        put_on(p, at > last ? at : last + 1, close);
    }
}

static void release(struct plc *p)
{
    int64_t at = p->pos + pulses(p, p->cfg.infeed_ms);
    int64_t free_at = last_at(p) + pulses(p, p->cfg.spacing_ms);
    put_on(p, at > free_at ? at : free_at, false);
    p->feed_left--;
}

/* Half to one and a half of the mean interval, never under the spacing. */
static int64_t interval_ns(struct plc *p)
{
    int64_t mean = INT64_C(1000000000000) / p->rate_milli;
    int64_t least = (int64_t)p->cfg.spacing_ms * 1000000;
    int64_t ns = mean * dice_between(&p->grow, 500, 1500) / 1000;
    return ns < least ? least : ns;
}

static bool feeds(const struct plc *p)
{
    return runs(p) && !p->held_infeed && p->fb.out.xInfeed && p->feed_left && p->rate_milli &&
           room(p);
}

/* One in a scan: the block says again after each whether there is room for another. */
void belt_feed(struct plc *p, struct mono now)
{
    if (!feeds(p)) {
        p->feed_waits = true;
        return;
    }
    if (p->feed_waits)
        p->feed_due = now;
    p->feed_waits = false;
    while (feeds(p) && mono_reached(now, p->feed_due)) {
        release(p);
        p->feed_due = mono_add_ns(p->feed_due, interval_ns(p));
    }
}
