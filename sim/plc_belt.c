/* The belt: infeed → measuring point → decision point → outlet.
 * Thread: the PLC's. Owns: thing[], pos, the feed.
 * Invariants:
 *  1 first ≤ decide_next ≤ measure_next ≤ end; things pass in order and never overtake.
 *  2 The first slot whose check holds counts, once, for a thing upstream of its decision point.
 *  3 Every thing leaves by exactly one outlet; a gate fires only with a sure position (rule 7). */
#include "sim/plc_state.h"
#include <string.h>

enum { LINGER_MS = 3000 }; /* how long a late slot is still noticed after the decision point */

static int64_t pulses(const struct plc *p, uint32_t ms)
{
    return (int64_t)ms * p->cfg.speed / 1000;
}

static bool current(const struct plc *p, const struct plc_thing *t)
{
    return t->seq && t->life == p->life;
}

void plc_belt_untrack(struct plc *p)
{
    for (uint32_t i = p->decide_next; i != p->measure_next; i++)
        plc_thing_at(p, i)->untracked = true;
}

/* ---- measuring ---- */

static void pass_unnumbered(struct plc *p)
{
    if (p->k.lost < UINT16_MAX)
        p->k.lost++;
}

static void number(struct plc *p, struct plc_thing *t, struct mono now)
{
    t->epoch = p->k.epoch;
    t->seq = p->k.head + p->k.posts + 1;
    t->life = p->life;
    uint16_t flags = t->item.flags;
    flags |= p->manual ? MB_ITEM_MANUAL : 0;
    flags |= p->cfg.simulated ? MB_SIMULATED : 0;
    struct plc_post post = {
        .item = t->item,
        .bad_record = p->spoil[PLC_SPOIL_RECORD] > 0,
        .bad_unit = p->spoil[PLC_SPOIL_UNIT] > 0,
        .words = {.seq = t->seq,
                  .enc = (uint32_t)(t->at - p->enc_zero),
                  .t_ms = plc_uptime_ms(p, now),
                  .weight = t->item.weight,
                  .flags = flags,
                  .lane = 1,
                  .length = (uint16_t)(t->item.len_mm * p->cfg.pulses_per_m / 1000),
                  .aux1 = t->item.aux1,
                  .aux2 = t->item.aux2,
                  .decimals = t->item.decimals,
                  .unit = t->item.unit},
    };
    p->spoil[PLC_SPOIL_RECORD] -= post.bad_record;
    p->spoil[PLC_SPOIL_UNIT] -= post.bad_unit;
    plc_ring_post(p, &post, now);
}

static void measure(struct plc *p, struct plc_thing *t, struct mono now)
{
    const struct plc_keep *k = &p->k;
    bool full = plc_held(p) + k->posts >= p->cfg.ring_n;
    t->measured = true;
    if (k->epoch == 0 || (full && !p->cfg.overwrite) || k->head + k->posts + 1 >= p->cfg.wrap_at)
        pass_unnumbered(p);
    else
        number(p, t, now);
}

/* ---- slots ---- */

static void take_slot(struct plc *p, struct plc_thing *t)
{
    uint32_t index = t->seq & (p->cfg.slot_m - 1u);
    const uint16_t *w = plc_slot_image(p, index);
    uint16_t outlet;
    if (t->slotted || !current(p, t) || (int32_t)(t->seq - p->k.head) > 0 ||
        !mb_slot_valid(w, p->k.epoch, t->seq, &outlet))
        return;
    t->slotted = true;
    t->outlet = outlet;
    p->k.taken[index].seq = t->seq;
    p->k.taken[index].outlet = outlet;
    plc_say(p, (struct plc_event){.kind = PLC_SLOT,
                                  .seq = t->seq,
                                  .outlet = outlet,
                                  .late = t->decided,
                                  .at = p->k.slot_rx[index]});
}

/* ---- deciding ---- */

static bool barred(const struct plc *p, uint16_t mask, uint16_t outlet)
{
    return outlet == 0 || outlet > p->cfg.n_outlets || (mask >> (outlet - 1) & 1);
}

static uint16_t instead(const struct plc *p)
{
    uint16_t mask = p->blocked | p->lane_full, o = p->cfg.overflow;
    return barred(p, mask, o) ? p->cfg.default_outlet : o;
}

/* The machine's own table: equal steps of weight (rule 11). */
static uint16_t table_outlet(const struct plc *p, const struct farm_item *i)
{
    int64_t step = i->net_mg * p->cfg.n_outlets / farm_max_mg(p->cfg.crop);
    return (uint16_t)(step >= p->cfg.n_outlets ? p->cfg.n_outlets : step + 1);
}

static uint16_t choose(const struct plc *p, const struct plc_thing *t, uint16_t *ret_reason)
{
    uint16_t wanted = p->table ? table_outlet(p, &t->item) : t->outlet;
    const struct {
        bool applies;
        uint16_t outlet, reason;
    } rows[] = {
        {p->manual, p->cfg.default_outlet, MB_BY_HAND},
        {t->untracked, p->cfg.default_outlet, MB_UNTRACKED},
        {t->close, p->cfg.default_outlet, MB_SPACING},
        {!p->table && !t->slotted, p->cfg.default_outlet, p->host.ok ? MB_LATE : MB_NO_HOST},
        {barred(p, p->blocked, wanted), instead(p), MB_BLOCKED},
        {barred(p, p->lane_full, wanted), instead(p), MB_LANE_FULL},
        {true, wanted, MB_DECIDED},
    };
    size_t i = 0;
    while (!rows[i].applies)
        i++;
    *ret_reason = rows[i].reason;
    return rows[i].outlet;
}

static void count(struct plc *p, uint16_t outlet, uint16_t reason)
{
    p->stat.outlet[outlet]++;
    p->stat.decided += reason == MB_DECIDED;
    p->stat.no_host += reason == MB_NO_HOST;
    p->stat.late += reason == MB_LATE;
    if (reason == MB_LATE && p->k.late < UINT16_MAX)
        p->k.late++;
}

static void decide(struct plc *p, struct plc_thing *t, struct mono now)
{
    uint16_t reason = 0, outlet = p->cfg.default_outlet;
    t->decided = true;
    if (current(p, t))
        outlet = choose(p, t, &reason);
    count(p, outlet, reason);
    if (!current(p, t)) {
        enum plc_event_kind kind = t->seq ? PLC_UNREPORTED : PLC_UNNUMBERED;
        plc_say(p, (struct plc_event){
                       .kind = kind, .epoch = t->epoch, .seq = t->seq, .outlet = outlet});
        return;
    }
    struct plc_fired fired = {.seq = t->seq,
                              .outlet = outlet,
                              .reason = reason,
                              .enc_lo = (uint16_t)plc_enc(p),
                              .bad = p->spoil[PLC_SPOIL_OUTCOME] > 0};
    p->spoil[PLC_SPOIL_OUTCOME] -= fired.bad;
    plc_ring_fire(p, &fired, now);
}

/* ---- feeding ---- */

static void put_on(struct plc *p, int64_t at, bool close)
{
    struct plc_thing *t = plc_thing_at(p, p->end++);
    *t = (struct plc_thing){.at = at, .close = close};
    farm_item(&p->grow, p->cfg.crop, &t->item);
    p->stat.fed++;
}

static bool room(const struct plc *p)
{
    return p->end - p->first < PLC_BELT_MAX;
}

static int64_t last_at(struct plc *p)
{
    return p->end == p->first ? INT64_MIN / 2 : plc_thing_at(p, p->end - 1)->at;
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
    return plc_runs(p) && !p->held_infeed && !p->k.feed_stopped && p->feed_left && p->rate_milli &&
           !plc_inhibited(p) && room(p);
}

static void infeed(struct plc *p, struct mono now)
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

static void move(struct plc *p, int64_t elapsed_ns)
{
    if (!plc_runs(p))
        return;
    p->pos_frac += elapsed_ns * p->cfg.speed;
    p->pos += p->pos_frac / 1000000000;
    p->pos_frac %= 1000000000;
}

void plc_belt_scan(struct plc *p, struct mono now, int64_t elapsed_ns)
{
    int64_t decision = pulses(p, p->cfg.decision_ms), linger = pulses(p, LINGER_MS);
    move(p, elapsed_ns);
    for (; p->measure_next != p->end && plc_thing_at(p, p->measure_next)->at <= p->pos;
         p->measure_next++)
        measure(p, plc_thing_at(p, p->measure_next), now);
    for (uint32_t i = p->first; !p->table && i != p->measure_next; i++)
        take_slot(p, plc_thing_at(p, i));
    for (; p->decide_next != p->measure_next &&
           plc_thing_at(p, p->decide_next)->at + decision <= p->pos;
         p->decide_next++)
        decide(p, plc_thing_at(p, p->decide_next), now);
    while (p->first != p->decide_next &&
           plc_thing_at(p, p->first)->at + decision + linger <= p->pos)
        p->first++;
    infeed(p, now);
}
