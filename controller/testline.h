/* For unit tests only: a line between a PLC (testplc.h) and its rings. Map and crop are shipped
 * ones. */
#pragma once
#include "controller/line.h"
#include "base/crc.h"
#include "controller/testplc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct map *map;
static struct crop *crop;

static inline int load(void **state)
{
    struct err e = {0};
    (void)state;
    int rc = map_load("plc-maps/mailbox-v1-weight.yaml", &map, &e);
    return rc ? rc : crop_load("crops/codonopsis.yaml", &crop, &e);
}

static inline int unload(void **state)
{
    (void)state;
    map_free(map);
    crop_free(crop);
    return 0;
}

struct rig {
    struct tp plc;
    struct line *l;
    struct device d;
    struct ring *news, *orders;
    struct line_ack ack;
    struct plan plan[2];
    struct mono now, scan;
    uint32_t epoch;
    int news_fd;
    struct news last[NEWS_HELD_GONE + 1];
    unsigned count[NEWS_HELD_GONE + 1];
    struct item items[64];
};

static inline struct plan a_plan(uint32_t run)
{
    struct plan p = {.run = run, .rule = run ? 3 : 0, .outlet_bad = 4, .outlet_none = 5};
    p.rules = run ? crop_ruleset(crop, "lu-weight") : NULL;
    for (int g = 1; g <= CROP_GRADES_MAX; g++)
        p.choices[g][0] = (uint8_t)(g < 4 ? g : 4);
    return p;
}

static inline void rig_line(struct rig *r, uint16_t host)
{
    struct err e = {0};
    struct line_options o = {.no = 7,
                             .name = "north",
                             .unit = 1,
                             .base = TP_B,
                             .host = host,
                             .map = map,
                             .news = r->news,
                             .orders = r->orders,
                             .news_fd = r->news_fd,
                             .ack = &r->ack,
                             .plan = &r->plan[0],
                             .session = 99};
    assert_int_equal(line_new(&o, &r->l, &e), 0);
    r->d = line_device(r->l);
}

static inline struct rig *rig_at(uint16_t host, uint32_t run, size_t news)
{
    struct rig *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    tp_init(&r->plc, 16, true);
    r->news = ring_new(sizeof(struct news), news);
    r->orders = ring_new(sizeof(struct order), 64);
    r->news_fd = -1;
    r->plan[0] = a_plan(run);
    r->now = r->scan = (struct mono){1000000000};
    rig_line(r, host);
    return r;
}

static inline struct rig *rig_new(uint32_t run, size_t news)
{
    return rig_at(0, run, news);
}

static inline void rig_free(struct rig *r)
{
    line_free(r->l);
    ring_free(r->news);
    ring_free(r->orders);
    tp_free(&r->plc);
    free(r);
}

static inline void step(struct rig *r)
{
    struct want w = {0};
    struct reply a;
    struct mono wake;
    if (r->d.want(r->d.self, r->now, &w, &wake)) {
        a = (struct reply){.sent = r->now};
        tp_do(&r->plc, &w, &a);
        r->now = mono_add_ns(r->now, 200000);
        a.got = r->now;
        r->d.reply(r->d.self, &w, &a, r->now);
    } else {
        r->now = mono_min(wake, r->scan);
    }
    while (mono_reached(r->now, r->scan)) {
        tp_scan(&r->plc);
        r->scan = mono_add_ms(r->scan, 10);
    }
}

/* As the main thread: takes news, orders epochs, acknowledges. */
static inline void take(struct rig *r)
{
    struct news n;
    while (ring_pop(r->news, &n)) {
        assert_int_equal(n.line, 7);
        r->last[n.kind] = n;
        r->count[n.kind]++;
        if (n.kind == NEWS_EPOCH_WANTED)
            ring_push(r->orders, &(struct order){.kind = ORDER_EPOCH,
                                                 .epoch = ++r->epoch,
                                                 .nonce = n.u.epoch.nonce});
        if (n.kind != NEWS_ITEM)
            continue;
        r->items[n.u.item.seq % 64] = n.u.item;
        r->plc.committed_epoch = r->epoch;
        r->plc.committed = n.u.item.seq;
        atomic_store(&r->ack.seq, (uint64_t)n.u.item.epoch << 32 | n.u.item.seq);
    }
}

static inline void run_ms(struct rig *r, int64_t ms)
{
    struct mono end = mono_add_ms(r->now, ms);
    while (!mono_reached(r->now, end)) {
        step(r);
        take(r);
    }
}

/* One item of so many grams. */
static inline void post(struct rig *r, int32_t g)
{
    r->plc.serial = (uint32_t)g - 1;
    assert_true(tp_post(&r->plc, MB_UNIT_G));
}

static inline struct line_status status(struct rig *r)
{
    struct line_status s;
    line_status_get(r->l, &s);
    return s;
}
