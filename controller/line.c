/* A sorting line: the mailbox machine asks, decide answers, the news ring carries away. Bus
 * thread, except line_new, line_free (main, while no bus runs) and line_status_get (any thread).
 * Owns: the machine, the decided items that wait to be handed over, the running counters.
 *
 * 1. Nothing here blocks: without room in the news ring items wait (at most RING_N), and the
 *    machine reads no outcomes.
 * 2. `now` counts every decided item, `handed` those handed over; when a batch is thrown away the
 *    first starts again from the second.
 * 3. Main is woken only when no record or slot is waited for: its wake-up must not cost a
 *    deadline.
 * 4. Fewer than RING_N seqs wait at once. items begins again with each that finds none waiting, so
 *    that only its first pages are ever touched.
 * way: 7/12 line to ring */
#include "controller/line.h"
#include "controller/decide.h"
#include "controller/histogram.h"
#include "controller/mailbox.h"
#include "controller/snapshot.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATUS_MS = 20, ORDER_ROOM = 8 };

struct line {
    struct line_options o;
    struct mailbox *box;
    const struct plan *plan;
    struct decide_state now, handed; /* invariant 2 */
    struct item *items;              /* decided and not handed over yet; MAILBOX_RING_MAX */
    uint32_t first, waiting;         /* invariant 4 */
    bool stop_wanted, notify;
    struct histogram slot_us;
    struct mono status_due;
    struct line_status status; /* counters run on in it */
    struct snapshot *snapshot;
};

static struct item *row_of(struct line *l, uint32_t seq)
{
    return &l->items[(seq - l->first) % MAILBOX_RING_MAX];
}

static size_t room(void *self)
{
    const struct line *l = self;
    return ring_room(l->o.news);
}

static void push(struct line *l, struct news *n)
{
    n->line = l->o.no;
    if (ring_push(l->o.news, n)) /* the machine keeps room (invariant 1) */
        l->notify = true;
}

/* ---- deciding ---- */

static int32_t value_of(const struct measures *m, enum measure_id id)
{
    int64_t v = m->value[id];
    return m->quality[id] == QUALITY_GOOD && v > INT32_MIN && v <= INT32_MAX ? (int32_t)v
                                                                             : ITEM_NO_VALUE;
}

static void fill_row(struct line *l, const struct mailbox_item *it, const struct measures *m)
{
    *row_of(l, it->seq) = (struct item){.line = l->o.no,
                                        .epoch = it->epoch,
                                        .seq = it->seq,
                                        .run = l->plan->run,
                                        .rule = l->plan->rule,
                                        .net_mg = m->quality[MEASURE_WEIGHT] == QUALITY_GOOD
                                                      ? m->value[MEASURE_WEIGHT]
                                                      : ITEM_NO_MG,
                                        .dia_um = value_of(m, MEASURE_HEAD_DIAMETER),
                                        .mid_um = value_of(m, MEASURE_MID_DIAMETER),
                                        .len_um = value_of(m, MEASURE_LENGTH),
                                        .bow_ppm = value_of(m, MEASURE_BOW),
                                        .defects = m->defects,
                                        .flags = it->record.flags,
                                        .lane = it->record.lane,
                                        .recovered = it->adopted,
                                        .at = wall_now()};
    memcpy(row_of(l, it->seq)->words, it->words, sizeof(uint16_t) * ITEM_WORDS);
}

/* Where an item goes that has no usable record: the PLC's own default outlet. */
static uint16_t default_outlet(const struct line *l, const struct mb_header *h)
{
    return h->default_outlet >= 1 && h->default_outlet <= h->n_outlets ? h->default_outlet
                                                                       : l->plan->outlet_none;
}

static void choose(struct line *l, const struct mailbox_item *it, const struct measures *m,
                   struct decision *ret)
{
    const struct mb_header *h = it->header;
    uint16_t why = it->quality == MAILBOX_UNREADABLE ? WHY_UNREADABLE : WHY_BAD_UNIT;
    if (it->quality == MAILBOX_GOOD)
        decide_item(l->plan, &l->now, m, h->outlet_blocked, h->n_outlets, ret);
    else
        *ret = (struct decision){GRADE_NONE, why, default_outlet(l, h), why};
    if (it->table_mode) {
        *ret = (struct decision){GRADE_NONE, WHY_TABLE_MODE, 0, WHY_TABLE_MODE};
    } else if (it->adopted) {
        ret->outlet = it->outlet;
        ret->outlet_why = WHY_RECOVERED;
    }
}

static void count_row(struct decide_state *s, const struct item *row)
{
    struct measures m = {.defects = row->defects};
    m.value[MEASURE_WEIGHT] = row->net_mg;
    m.quality[MEASURE_WEIGHT] = row->net_mg == ITEM_NO_MG ? QUALITY_BAD : QUALITY_GOOD;
    decide_count(s, &(struct decision){row->grade, row->why, row->outlet, row->outlet_why}, &m);
}

static uint16_t on_decide(void *self, const struct mailbox_item *it)
{
    struct line *l = self;
    struct measures m = {0};
    struct decision d;
    if (l->waiting++ == 0) /* invariant 4 */
        l->first = it->seq;
    if (it->quality != MAILBOX_UNREADABLE)
        map_item_measures(l->o.map, &it->record, it->header->pulses_per_m, &m);
    fill_row(l, it, &m);
    choose(l, it, &m, &d);
    struct item *row = row_of(l, it->seq);
    row->grade = d.grade;
    row->why = d.why;
    row->outlet = d.outlet;
    row->outlet_why = d.outlet_why;
    if (!it->table_mode)
        count_row(&l->now, row);
    l->status.decided++;
    l->status.grade_items[d.grade <= CROP_GRADES_MAX ? d.grade : 0]++;
    l->status.outlet_items[d.outlet <= OUTLETS_MAX ? d.outlet : 0]++;
    return d.outlet;
}

/* ---- what the machine brings ---- */

static void on_item(void *self, uint32_t seq)
{
    struct line *l = self;
    struct news n = {.kind = NEWS_ITEM, .u.item = *row_of(l, seq)};
    assert(n.u.item.seq == seq && l->waiting > 0);
    l->waiting--;
    if (n.u.item.outlet)
        count_row(&l->handed, &n.u.item);
    push(l, &n);
}

static void on_thrown(void *self)
{
    struct line *l = self;
    l->now = l->handed; /* invariant 2 */
    l->waiting = 0;
}

static void on_slotted(void *self, uint32_t seq, int64_t ns)
{
    struct line *l = self;
    (void)seq;
    histogram_add(&l->slot_us, ns / 1000);
}

static void on_news(void *self, const struct news *n)
{
    struct line *l = self;
    struct news own = *n;
    if (own.kind == NEWS_OUTCOME) {
        own.u.outcome.line = l->o.no;
        own.u.outcome.at = wall_now();
    } else if (own.kind == NEWS_GAP) {
        own.u.gap.line = l->o.no;
    }
    push(l, &own);
}

/* ---- orders ---- */

/* The fill of a box is a fact of the floor, not of a plan: it runs on; so does the tally of a run
 * whose plan is only renewed. */
static void take_plan(struct line *l, const struct plan *p)
{
    struct mailbox_view v;
    mailbox_view(l->box, mono_now(), &v);
    struct news n = {
        .kind = NEWS_PLAN_EFFECTIVE,
        .u.plan = {.plan = p, .former = l->plan, .epoch = v.epoch, .seq = v.decided + 1}};
    if (p->run != l->plan->run || p->rule != l->plan->rule)
        l->now.tally = l->handed.tally = p->tally;
    l->plan = p;
    push(l, &n);
}

static void obey(struct line *l, const struct order *o)
{
    switch (o->kind) {
    case ORDER_EPOCH: mailbox_order_epoch(l->box, o->epoch, o->nonce); break;
    case ORDER_EPOCH_OPEN: mailbox_order_open(l->box, o->epoch, o->seq, o->out); break;
    case ORDER_PLAN: take_plan(l, o->plan); break;
    case ORDER_FEED_STOP: l->stop_wanted = o->on; break;
    case ORDER_BOX:
        if (o->outlet <= OUTLETS_MAX)
            l->now.fill_mg[o->outlet] = l->handed.fill_mg[o->outlet] = 0;
        break;
    }
}

static void take_orders(struct line *l)
{
    struct order o;
    while (ring_room(l->o.news) >= ORDER_ROOM && ring_pop(l->o.orders, &o))
        obey(l, &o);
    uint64_t seq = atomic_load_explicit(&l->o.ack->seq, memory_order_acquire);
    uint64_t out = atomic_load_explicit(&l->o.ack->out, memory_order_acquire);
    mailbox_committed(l->box, (uint32_t)(seq >> 32), (uint32_t)seq);
    mailbox_committed_out(l->box, (uint32_t)(out >> 32), (uint32_t)out);
    bool held = l->plan->held && (l->status.plc_state & MB_TABLE_MODE); /* rule 11 */
    mailbox_feed_stop(l->box, l->stop_wanted || held);
}

/* ---- status ---- */

static void show(struct line *l, struct mono now)
{
    struct mailbox_view v;
    struct line_status *s = &l->status;
    mailbox_view(l->box, now, &v);
    const struct mb_header *h = v.header;
    s->link_up = v.link_up;
    s->stale = v.stale;
    s->quarantined = v.quarantined;
    s->foreign_host = v.foreign_host;
    s->table_mode = (h->state & MB_TABLE_MODE) != 0;
    s->feed_stop_wanted = l->stop_wanted || (l->plan->held && s->table_mode);
    s->epoch = h->epoch;
    s->boot_nonce = h->boot_nonce;
    s->head_seq = h->head_seq;
    s->oldest_seq = h->oldest_seq;
    s->out_head = h->out_head;
    s->run = l->plan->run;
    s->rule = l->plan->rule;
    s->plc_state = h->state;
    s->fault = h->fault;
    s->late_count = h->late_count;
    s->lost_count = h->lost_count;
    s->default_outlet = h->default_outlet;
    s->n_outlets = h->n_outlets;
    s->outlet_blocked = h->outlet_blocked;
    s->enc_speed = h->enc_speed;
    s->pulses_per_m = h->pulses_per_m;
    s->adopted = v.adopted;
    s->unreadable = v.unreadable;
    s->late_at_host = v.late_at_host;
    s->last_header_ns = v.last_header.ns;
    s->slot_p50_us = histogram_us(&l->slot_us, 500);
    s->slot_p99_us = histogram_us(&l->slot_us, 990);
    memcpy(s->outlet_fill_mg, l->now.fill_mg, sizeof(s->outlet_fill_mg));
    snapshot_put(l->snapshot, s);
}

void line_status_get(const struct line *l, struct line_status *ret)
{
    snapshot_get(l->snapshot, ret);
}

/* ---- the device ---- */

static void wake_main(struct line *l)
{
    uint64_t one = 1;
    if (!l->notify)
        return;
    l->notify = l->o.news_fd >= 0 && write(l->o.news_fd, &one, sizeof(one)) < 0 && errno == EINTR;
}

static bool line_want(void *self, struct mono now, struct want *ret, struct mono *ret_wake)
{
    struct line *l = self;
    take_orders(l);
    bool got = mailbox_want(l->box, now, ret, ret_wake);
    if (got && ret->prio == PRIO_DIVERT &&
        !mono_reached(now, mono_add_ms(l->status_due, STATUS_MS)))
        return true;
    wake_main(l); /* invariant 3 */
    if (mono_reached(now, l->status_due)) {
        show(l, now);
        l->status_due = mono_add_ms(now, STATUS_MS);
    }
    return got;
}

static void line_reply(void *self, const struct want *w, const struct reply *r, struct mono now)
{
    struct line *l = self;
    mailbox_reply(l->box, w, r, now);
    struct mailbox_view v;
    mailbox_view(l->box, now, &v);
    l->status.plc_state = v.header->state;
}

static bool line_may_write(void *self, uint16_t addr, uint16_t n)
{
    const struct line *l = self;
    return mailbox_may_write(l->box, addr, n);
}

static void say_goodbye(void *self)
{
    line_goodbye(self);
}

struct device line_device(struct line *l)
{
    return (struct device){.name = l->o.name,
                           .unit = l->o.unit,
                           .want = line_want,
                           .reply = line_reply,
                           .may_write = line_may_write,
                           .goodbye = say_goodbye,
                           .self = l};
}

void line_goodbye(struct line *l)
{
    mailbox_goodbye(l->box);
}

int line_new(const struct line_options *o, struct line **ret, struct err *e)
{
    if (!map_mailbox(o->map)) /* one that is says itself that its requests hold header and host */
        return err_set(e, ERR_RANGE, "line %s: map %s is no mailbox", o->name, map_id(o->map));
    struct line *l = calloc(1, sizeof(*l));
    if (!l)
        return err_set(e, ERR_NOMEM, "no memory for line %s", o->name);
    l->o = *o;
    l->plan = o->plan;
    decide_start(&l->now, o->plan);
    l->handed = l->now;
    struct mailbox_options mo = {
        .unit = o->unit,
        .base = o->base,
        .host = o->host,
        .poll_ms = o->poll_ms ? o->poll_ms : 5,
        .serial = o->serial,
        .link = *map_link(o->map),
        .map = *map_mailbox(o->map),
        .session = o->session,
        .state = o->state,
        .owner = {room, on_decide, on_item, on_thrown, on_slotted, on_news, l},
    };
    l->items = calloc(MAILBOX_RING_MAX, sizeof(*l->items));
    l->snapshot = snapshot_new(sizeof(l->status));
    l->box = mailbox_new(&mo);
    if (!l->items || !l->snapshot || !l->box) {
        line_free(l);
        return err_set(e, ERR_NOMEM, "no memory for line %s", o->name);
    }
    for (size_t i = 0; i < o->held_n; i++)
        mailbox_held(l->box, o->held[i].seq, o->held[i].words);
    l->o.held = NULL; /* the caller's */
    l->o.held_n = 0;
    *ret = l;
    return 0;
}

void line_free(struct line *l)
{
    if (!l)
        return;
    mailbox_free(l->box);
    snapshot_free(l->snapshot);
    free(l->items);
    free(l);
}
