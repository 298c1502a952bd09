/* A sorting line: the mailbox machine, decide, and the rings to main. Bus thread, but for
 * line_status_get.  way: 7/12 decided item to the ring
 * Owns: the mailbox, the decided items that wait to be handed over, the counters.
 *
 * 1. Nothing here waits for main: without room in the ring the mailbox hands nothing over.
 * 2. `decided` counts what was decided, `handed` what was handed over; when an epoch is gone and decided
 *    items are thrown away, the counters go back to what the record will hold.
 * 3. A plan governs from the next item that is decided; its predecessor is given back in the news. */
#include "controller/line.h"
#include "controller/decide.h"
#include "controller/latency.h"
#include "controller/mailbox.h"
#include "controller/snapshot.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PENDING   MAILBOX_RING_MAX
#define STATUS_MS 10

struct pending {
    struct item item;
    struct decision decision;
    struct measures measures;
};
struct line {
    struct line_options o;
    struct mailbox *mailbox;
    const struct plan *plan;
    struct decide_state decided, handed; /* invariant 2 */
    struct pending *pending;             /* by seq modulo PENDING */
    bool feed_stop;
    struct latency latency;
    uint64_t items, grades[CROP_GRADES_MAX + 1], outlets[OUTLETS_MAX + 1];
    struct mono published;
    struct line_status shared;
    struct snapshot_lock lock;
};

static void wake_main(struct line *l)
{
    uint64_t one = 1;
    ssize_t n = l->o.news_fd < 0 ? 0 : write(l->o.news_fd, &one, sizeof(one));
    (void)n; /* full means that main is awake already */
}

static size_t room(void *self)
{
    struct line *l = self;
    return ring_room(l->o.news);
}

static void push(struct line *l, struct news *n)
{
    n->line = l->o.no;
    bool ok = ring_push(l->o.news, n);
    assert(ok && "the mailbox asked for room"); /* invariant 1 */
    (void)ok;
    wake_main(l);
}

static void take_news(void *self, const struct news *n)
{
    struct line *l = self;
    struct news out = *n;
    switch (n->kind) {
    case NEWS_OUTCOME:
        out.u.outcome.line = l->o.no;
        out.u.outcome.at = wall_now();
        if (n->u.outcome.outlet <= OUTLETS_MAX)
            l->outlets[n->u.outcome.outlet]++;
        break;
    case NEWS_GAP: out.u.gap.line = l->o.no; break;
    case NEWS_ITEM:
    case NEWS_EPOCH_WANTED:
    case NEWS_EPOCH_SHOWN:
    case NEWS_EPOCH_UNKNOWN:
    case NEWS_PLAN_EFFECTIVE:
    case NEWS_QUARANTINE:
    case NEWS_QUARANTINE_OVER:
    case NEWS_ALARM:
    case NEWS_HELD_GONE: break;
    }
    push(l, &out);
}

/* ---- deciding ---- */

static int32_t value(const struct measures *m, enum measure_id id)
{
    bool fits = m->quality[id] == QUALITY_GOOD && m->value[id] > INT32_MIN && m->value[id] <= INT32_MAX;
    return fits ? (int32_t)m->value[id] : ITEM_NO_VALUE;
}

static void measure(const struct line *l, const struct mailbox_item *it, struct measures *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (it->quality != MAILBOX_UNREADABLE)
        map_item_measures(l->o.map, &it->record, it->header->pulses_per_m, ret);
    if (it->quality == MAILBOX_BAD_UNIT)
        ret->quality[MEASURE_WEIGHT] = QUALITY_BAD;
}

/* What the quality says beyond the grade's own reason. */
static void explain(const struct mailbox_item *it, struct decision *d)
{
    if (it->quality == MAILBOX_UNREADABLE)
        d->why = WHY_UNREADABLE;
    else if (it->quality == MAILBOX_BAD_UNIT)
        d->why = WHY_BAD_UNIT;
    if (it->adopted) {
        d->outlet = it->outlet;
        d->outlet_why = WHY_RECOVERED;
    }
    if (it->table_mode) {
        d->outlet = 0;
        d->outlet_why = WHY_TABLE_MODE;
    } else if (it->quality != MAILBOX_GOOD && !it->adopted) {
        d->outlet = it->header->default_outlet; /* the contract: the default outlet */
    }
}

static void fill_item(const struct line *l, const struct mailbox_item *it, struct pending *p)
{
    const struct measures *m = &p->measures;
    p->item = (struct item){
        .line = l->o.no,
        .epoch = it->epoch,
        .seq = it->seq,
        .run = l->plan->run,
        .rule = l->plan->rule,
        .net_mg = m->quality[MEASURE_WEIGHT] == QUALITY_GOOD ? m->value[MEASURE_WEIGHT] : ITEM_NO_MG,
        .dia_um = value(m, MEASURE_HEAD_DIAMETER),
        .mid_um = value(m, MEASURE_MID_DIAMETER),
        .len_um = value(m, MEASURE_LENGTH),
        .bow_ppm = value(m, MEASURE_BOW),
        .defects = m->defects,
        .flags = it->quality == MAILBOX_UNREADABLE ? 0 : it->record.flags,
        .lane = it->quality == MAILBOX_UNREADABLE ? 0 : it->record.lane,
        .grade = p->decision.grade,
        .outlet = p->decision.outlet,
        .why = p->decision.why,
        .outlet_why = p->decision.outlet_why,
        .recovered = it->adopted,
        .at = wall_now(),
    };
    memcpy(p->item.words, it->words, sizeof(p->item.words));
}

static uint16_t decide(void *self, const struct mailbox_item *it)
{
    struct line *l = self;
    struct pending *p = &l->pending[it->seq % PENDING];
    measure(l, it, &p->measures);
    decide_item(l->plan, &l->decided, &p->measures, it->header->outlet_blocked, it->header->n_outlets, &p->decision);
    explain(it, &p->decision);
    decide_count(&l->decided, &p->decision, &p->measures);
    fill_item(l, it, p);
    l->items++;
    l->grades[p->decision.grade <= CROP_GRADES_MAX ? p->decision.grade : 0]++;
    return p->decision.outlet;
}

static void hand_over(void *self, uint32_t seq)
{
    struct line *l = self;
    const struct pending *p = &l->pending[seq % PENDING];
    struct news n = {.kind = NEWS_ITEM, .u.item = p->item};
    assert(p->item.seq == seq);
    decide_count(&l->handed, &p->decision, &p->measures);
    push(l, &n);
}

static void thrown(void *self)
{
    struct line *l = self;
    l->decided = l->handed; /* invariant 2 */
}

static void slotted(void *self, uint32_t seq, int64_t ns)
{
    struct line *l = self;
    (void)seq;
    latency_add(&l->latency, ns / 1000);
}

/* ---- orders ---- */

static void take_plan(struct line *l, const struct plan *plan)
{
    struct mailbox_view v;
    mailbox_view(l->mailbox, mono_now(), &v);
    struct news n = {.kind = NEWS_PLAN_EFFECTIVE,
                     .u.plan = {.plan = plan, .former = l->plan, .epoch = v.epoch, .seq = v.decided + 1}};
    l->plan = plan;
    decide_start(&l->decided, plan); /* invariant 3 */
    l->handed = l->decided;
    push(l, &n);
}

static void take_order(struct line *l, const struct order *o)
{
    switch (o->kind) {
    case ORDER_EPOCH: mailbox_order_epoch(l->mailbox, o->epoch, o->nonce); break;
    case ORDER_EPOCH_OPEN: mailbox_order_open(l->mailbox, o->epoch); break;
    case ORDER_PLAN: take_plan(l, o->plan); break;
    case ORDER_FEED_STOP:
        l->feed_stop = o->on;
        mailbox_feed_stop(l->mailbox, o->on);
        break;
    case ORDER_BOX:
        if (o->outlet <= OUTLETS_MAX)
            l->decided.fill_mg[o->outlet] = l->handed.fill_mg[o->outlet] = 0;
        break;
    }
}

static void take_orders(struct line *l)
{
    struct order o;
    while (ring_room(l->o.news) > 1 && ring_pop(l->o.orders, &o))
        take_order(l, &o);
    uint64_t seq = atomic_load(&l->o.ack->seq), out = atomic_load(&l->o.ack->out);
    mailbox_committed(l->mailbox, (uint32_t)(seq >> 32), (uint32_t)seq);
    mailbox_committed_out(l->mailbox, (uint32_t)(out >> 32), (uint32_t)out);
}

/* ---- the device ---- */

static void publish(struct line *l, struct mono now)
{
    struct mailbox_view v;
    struct line_status s = {0};
    if (l->published.ns && mono_since_ms(now, l->published) < STATUS_MS)
        return;
    l->published = now;
    mailbox_view(l->mailbox, now, &v);
    s.link_up = v.link_up;
    s.stale = v.stale;
    s.quarantined = v.quarantined;
    s.foreign_host = v.foreign_host;
    s.feed_stop_wanted = l->feed_stop;
    s.epoch = v.epoch;
    s.run = l->plan->run;
    s.rule = l->plan->rule;
    s.decided = l->items;
    s.adopted = v.adopted;
    s.unreadable = v.unreadable;
    s.late_at_host = v.late_at_host;
    s.last_header_ns = v.last_header.ns;
    if (v.seen) {
        const struct mb_header *h = v.header;
        s.table_mode = (h->state & MB_TABLE_MODE) != 0;
        s.boot_nonce = h->boot_nonce;
        s.head_seq = h->head_seq;
        s.oldest_seq = h->oldest_seq;
        s.out_head = h->out_head;
        s.plc_state = h->state;
        s.fault = h->fault;
        s.late_count = h->late_count;
        s.lost_count = h->lost_count;
        s.default_outlet = h->default_outlet;
        s.n_outlets = h->n_outlets;
        s.outlet_blocked = h->outlet_blocked;
        s.enc_speed = h->enc_speed;
        s.pulses_per_m = h->pulses_per_m;
    }
    s.slot_p50_us = latency_quantile(&l->latency, 500);
    s.slot_p99_us = latency_quantile(&l->latency, 990);
    memcpy(s.outlet_items, l->outlets, sizeof(s.outlet_items));
    memcpy(s.grade_items, l->grades, sizeof(s.grade_items));
    memcpy(s.outlet_fill_mg, l->decided.fill_mg, sizeof(s.outlet_fill_mg));
    snapshot_write(&l->lock, &l->shared, &s, sizeof(s));
}

static bool want(void *self, struct mono now, struct want *ret, struct mono *ret_wake)
{
    struct line *l = self;
    take_orders(l);
    return mailbox_want(l->mailbox, now, ret, ret_wake);
}

static void reply(void *self, const struct want *w, const struct reply *r, struct mono now)
{
    struct line *l = self;
    mailbox_reply(l->mailbox, w, r, now);
    publish(l, now);
}

static bool may_write(void *self, uint16_t addr, uint16_t n)
{
    const struct line *l = self;
    return mailbox_may_write(l->mailbox, addr, n);
}

static void goodbye(void *self)
{
    line_goodbye(self);
}

void line_goodbye(struct line *l)
{
    mailbox_goodbye(l->mailbox);
}

struct device line_device(struct line *l)
{
    return (struct device){.name = l->o.name,
                           .unit = l->o.unit,
                           .want = want,
                           .reply = reply,
                           .may_write = may_write,
                           .goodbye = goodbye,
                           .self = l};
}

void line_status_get(const struct line *l, struct line_status *ret)
{
    snapshot_read(&l->lock, &l->shared, ret, sizeof(*ret));
}

static struct mailbox *new_mailbox(struct line *l)
{
    struct mailbox_options o = {.unit = l->o.unit,
                                .base = l->o.base,
                                .host = l->o.host,
                                .poll_ms = l->o.poll_ms,
                                .serial = l->o.serial,
                                .link = *map_link(l->o.map),
                                .map = *map_mailbox(l->o.map),
                                .session = l->o.session,
                                .state = l->o.state,
                                .owner = {room, decide, hand_over, thrown, slotted, take_news, l}};
    return mailbox_new(&o);
}

int line_new(const struct line_options *o, struct line **ret, struct err *e)
{
    if (!map_mailbox(o->map))
        return err_set(e, ERR_RANGE, "line %s: map %s is no mailbox", o->name, map_id(o->map));
    struct line *l = calloc(1, sizeof(*l));
    if (!l)
        return err_set(e, ERR_NOMEM, "no memory for line %s", o->name);
    l->o = *o;
    l->plan = o->plan;
    decide_start(&l->decided, l->plan);
    l->handed = l->decided;
    l->pending = calloc(PENDING, sizeof(*l->pending));
    l->mailbox = l->pending ? new_mailbox(l) : NULL;
    if (!l->mailbox) {
        line_free(l);
        return err_set(e, ERR_NOMEM, "no memory for line %s", o->name);
    }
    for (size_t i = 0; i < o->held_n; i++)
        mailbox_held(l->mailbox, o->held[i].seq, o->held[i].words);
    *ret = l;
    return 0;
}

void line_free(struct line *l)
{
    if (!l)
        return;
    mailbox_free(l->mailbox);
    free(l->pending);
    free(l);
}
