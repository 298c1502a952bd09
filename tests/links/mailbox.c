/* The mailbox machine over the link against a sorter's PLC (sim/plc), where even bits of the data
 * are flipped: what TCP's own checks would see the mailbox's must. Its record is compared with the
 * PLC's own news at once. Threads: the lane's drives, the slave's runs the PLC; `lock` is between.
 */
#include "controller/link.h"
#include "controller/mailbox.h"
#include "sim/plc.h"
#include "tests/links/links.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRUTH = 1 << 14, EPOCH = 41, NEWS_MAX = 1024, RATE_MILLI = 30000, SETTLE_MS = 4000 };

struct truth {
    struct mb_item item;  /* what was posted */
    struct plc_event out; /* by index of outcome: where it went */
};
struct mailbox_lane {
    pthread_mutex_t lock;
    struct plc *plc;
    struct truth truth[TRUTH];
    uint32_t posted, outs; /* newest */
    struct lane *l;
    struct link *link;
    struct mailbox *m;
    struct {
        uint16_t words[MB_ITEM_WORDS], outlet;
        bool good;
    } decided[TRUTH];
    struct news queue[NEWS_MAX];
    size_t queued;
    uint32_t seq, out; /* committed */
    struct mailbox_sum sum;
};

static void wrong(struct mailbox_lane *b, const char *what, uint32_t seq)
{
    if (b->sum.wrong++ < 20)
        fprintf(stderr, "mailbox lane %d: %s, %u\n", b->l->no, what, seq);
}

/* ---- the PLC's side ---- */

static void plc_news(void *ctx, const struct plc_event *ev)
{
    struct mailbox_lane *b = ctx;
    if (ev->kind == PLC_ITEM && ev->seq < TRUTH) {
        const struct farm_item *f = ev->item;
        b->truth[ev->seq].item = (struct mb_item){.seq = ev->seq,
                                                  .weight = f->weight,
                                                  .decimals = f->decimals,
                                                  .unit = f->unit,
                                                  .flags = ev->item_flags,
                                                  .length = (uint16_t)ev->item_len_pulses,
                                                  .t_ms = ev->item_t_ms,
                                                  .aux1 = f->aux1,
                                                  .aux2 = f->aux2};
        b->posted = ev->seq;
    }
    if (ev->kind == PLC_OUTCOME && ev->out < TRUTH) {
        b->truth[ev->out].out = *ev;
        b->outs = ev->out;
    }
}

int mailbox_words(struct lane *l, const struct want *w, uint16_t *ret, struct mono now)
{
    struct mailbox_lane *b = l->mailbox;
    int code = w->fc == 4 ? 1 : 0;
    pthread_mutex_lock(&b->lock);
    if (!code && w->wn)
        code = plc_write(b->plc, w->waddr, w->words, w->wn, now);
    if (!code && w->fc != 16)
        code = plc_read(b->plc, w->addr, w->n, false, ret, now);
    pthread_mutex_unlock(&b->lock);
    return code;
}

void mailbox_scan(struct lane *l, struct mono now)
{
    pthread_mutex_lock(&l->mailbox->lock);
    plc_scan(l->mailbox->plc, now);
    pthread_mutex_unlock(&l->mailbox->lock);
}

bool mailbox_checked(const struct lane *l, uint32_t addr)
{
    uint32_t h = plc_host_base(l->mailbox->plc);
    if (addr >= h + MB_HOST_WORDS)
        return true;
    addr -= h;
    return (addr >= 2 && addr <= 11) || addr == 13 || addr == 14;
}

/* ---- the host's side ---- */

static size_t room(void *self)
{
    const struct mailbox_lane *b = self;
    return NEWS_MAX - b->queued;
}

static uint16_t outlet_of(uint32_t seq)
{
    return (uint16_t)(1 + mix(seq) % 4);
}

static uint16_t decide(void *self, const struct mailbox_item *it)
{
    struct mailbox_lane *b = self;
    uint32_t at = it->seq % TRUTH;
    memcpy(b->decided[at].words, it->words, sizeof(b->decided[at].words));
    b->decided[at].good = it->quality == MAILBOX_GOOD;
    b->decided[at].outlet = outlet_of(it->seq);
    if (it->adopted && it->outlet != outlet_of(it->seq))
        wrong(b, "adopted another outlet", it->seq);
    return outlet_of(it->seq);
}

static void push(void *self, const struct news *n)
{
    struct mailbox_lane *b = self;
    if (b->queued < NEWS_MAX)
        b->queue[b->queued++] = *n;
    else
        wrong(b, "handed over without room", 0);
}

static void item(void *self, uint32_t seq)
{
    struct news n = {.kind = NEWS_ITEM};
    n.u.item.seq = seq;
    push(self, &n);
}

static void thrown(void *self)
{
    wrong(self, "threw a batch away", 0);
}

static void slotted(void *self, uint32_t seq, int64_t ns)
{
    (void)self;
    (void)seq;
    (void)ns;
}

static bool same_item(const struct mb_item *a, const struct mb_item *b)
{
    return a->seq == b->seq && a->weight == b->weight && a->decimals == b->decimals &&
           a->unit == b->unit && a->flags == b->flags && a->length == b->length &&
           a->t_ms == b->t_ms && a->aux1 == b->aux1 && a->aux2 == b->aux2;
}

static void store_item(struct mailbox_lane *b, uint32_t seq)
{
    struct mb_item it;
    uint32_t at = seq % TRUTH;
    if (seq != b->seq + 1 || seq > b->posted)
        wrong(b, "not the next item", seq);
    else if (!b->decided[at].good)
        wrong(b, "an item unreadable or of no unit", seq);
    else if (!mb_item_decode(b->decided[at].words, EPOCH, seq, true, &it) ||
             !same_item(&it, &b->truth[at].item))
        wrong(b, "another item than the PLC's", seq);
    b->seq = seq;
    b->sum.items++;
}

static void store_outcome(struct mailbox_lane *b, const struct outcome *o)
{
    const struct plc_event *ev = &b->truth[o->out % TRUTH].out;
    if (o->out != b->out + 1 || o->out > b->outs)
        wrong(b, "not the next outcome", o->out);
    else if (ev->seq != o->seq || ev->outlet != o->outlet || ev->reason != o->reason)
        wrong(b, "another outcome than the PLC's", o->out);
    else if (o->reason == MB_DECIDED && o->outlet != b->decided[o->seq % TRUTH].outlet)
        wrong(b, "another outlet than decided", o->seq);
    b->out = o->out;
    b->sum.outcomes++;
}

static void store(struct mailbox_lane *b, const struct news *n)
{
    switch (n->kind) {
    case NEWS_ITEM: store_item(b, n->u.item.seq); break;
    case NEWS_OUTCOME: store_outcome(b, &n->u.outcome); break;
    case NEWS_GAP:
        if (n->u.gap.kind != GAP_OUTCOMES)
            wrong(b, "a gap of items", n->u.gap.from);
        b->sum.gaps++;
        b->out = n->u.gap.to;
        break;
    case NEWS_EPOCH_WANTED: mailbox_order_epoch(b->m, EPOCH, n->u.epoch.nonce); break;
    case NEWS_EPOCH_SHOWN: break;
    case NEWS_EPOCH_UNKNOWN:
    case NEWS_QUARANTINE: wrong(b, "an epoch that is not", n->u.epoch.epoch); break;
    case NEWS_ALARM:
        if (b->sum.alarms++ < 5)
            fprintf(stderr, "mailbox lane %d: alarm %s\n", b->l->no, n->u.alarm.code);
        break;
    case NEWS_PLAN_EFFECTIVE:
    case NEWS_QUARANTINE_OVER:
    case NEWS_HELD_GONE: break;
    }
}

static void commit(struct mailbox_lane *b)
{
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->queued; i++)
        store(b, &b->queue[i]);
    b->queued = 0;
    pthread_mutex_unlock(&b->lock);
    mailbox_committed(b->m, EPOCH, b->seq);
    mailbox_committed_out(b->m, EPOCH, b->out);
}

static bool may_write(void *ctx, uint8_t unit, uint16_t addr, uint16_t n)
{
    struct mailbox_lane *b = ctx;
    return unit == 1 && mailbox_may_write(b->m, addr, n);
}

static void turn(struct mailbox_lane *b)
{
    struct want w;
    struct reply r;
    struct mono now = mono_now(), wake = MONO_NEVER;
    if (mailbox_want(b->m, now, &w, &wake)) {
        link_do(b->link, &w, &r);
        mailbox_reply(b->m, &w, &r, mono_now());
        commit(b);
        if (r.rc == ERR_LINK)
            poll(NULL, 0, 10);
        return;
    }
    int64_t ns = mono_since_ns(wake, now);
    poll(NULL, 0, ns > 5000000 ? 5 : ns > 1000000 ? (int)(ns / 1000000) : 1);
}

static bool all_in(struct mailbox_lane *b)
{
    struct plc_stat s;
    pthread_mutex_lock(&b->lock);
    plc_stat(b->plc, &s);
    bool in = s.on_belt == 0 && b->seq == b->posted && b->out == b->outs && s.held == 0;
    pthread_mutex_unlock(&b->lock);
    return in;
}

void *mailbox_drive(void *lane)
{
    struct lane *l = lane;
    struct mailbox_lane *b = l->mailbox;
    b->link = drive_link(l);
    link_guard(b->link, may_write, b);
    while (!stopping)
        turn(b);
    l->per_mille = 0;
    pthread_mutex_lock(&b->lock);
    plc_hold_infeed(b->plc, true);
    pthread_mutex_unlock(&b->lock);
    struct mono end = mono_add_ms(mono_now(), SETTLE_MS);
    while (!all_in(b) && !mono_reached(mono_now(), end))
        turn(b);
    link_free(b->link);
    return NULL;
}

void mailbox_lane_new(struct lane *l)
{
    struct mailbox_lane *b = calloc(1, sizeof(*b));
    struct plc_cfg c = plc_cfg_default();
    struct err e = {0};
    if (!b)
        give_up("no memory");
    pthread_mutex_init(&b->lock, NULL);
    b->l = l;
    c.seed = seed + (uint64_t)l->no;
    c.rate_milli = RATE_MILLI;
    c.items = TRUTH - 2;
    c.torn = 50;
    c.step_words = 4;
    if (plc_new(&c, (struct plc_sink){plc_news, b}, mono_now(), &b->plc, &e) != 0)
        give_up(e.text);
    struct mailbox_options o = {
        .unit = 1,
        .base = (uint16_t)c.base,
        .poll_ms = 5,
        .session = (uint16_t)(1 + (seed + (uint64_t)l->no) % 60000),
        .link = {.max_read = 112, .max_write = 120, .timeout_ms = l->timeout_ms},
        .map = {.checks = true, .min_ring = 16},
        .owner = {room, decide, item, thrown, slotted, push, b},
    };
    b->m = mailbox_new(&o);
    if (!b->m)
        give_up("no memory");
    l->mailbox = b;
}

void mailbox_judge(struct lane *l, struct mailbox_sum *add)
{
    struct mailbox_lane *b = l->mailbox;
    struct plc_stat s;
    plc_stat(b->plc, &s);
    b->sum.violations = l->deep ? 0 : s.violations; /* a spoiled request is none of the host's */
    b->sum.missing = b->posted - b->seq;
    add->items += b->sum.items;
    add->outcomes += b->sum.outcomes;
    add->gaps += b->sum.gaps;
    add->wrong += b->sum.wrong;
    add->alarms += b->sum.alarms;
    add->violations += b->sum.violations;
    add->missing += b->sum.missing;
}

void mailbox_lane_free(struct lane *l)
{
    if (!l->mailbox)
        return;
    mailbox_free(l->mailbox->m);
    plc_free(l->mailbox->plc);
    free(l->mailbox);
    l->mailbox = NULL;
}
