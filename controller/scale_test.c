/* A scale and a drive behind their shipped maps: what a reading becomes, and what trouble makes of
 * it. */
#include "controller/scale.h"
#include "controller/drive.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum {
    HEAVY = 0x0008,
    MOVING = 0x0010,
    SEAL = 0x0020,
    NET_MODE = 0x0080,
    ERR_BIT = 1,
    KG3 = 0x0030
};

struct rig {
    struct map *map;
    struct scale *s;
    struct drive *v;
    struct device d;
    struct mono now;
    uint16_t words[64];
};

static void setup(struct rig *r, const char *path)
{
    struct err e = {0};
    memset(r, 0, sizeof(*r));
    r->now = (struct mono){1000000000};
    assert_int_equal(map_load(path, &r->map, &e), 0);
}

static void scale_rig(struct rig *r)
{
    struct err e = {0};
    setup(r, "plc-maps/hbm-wtx110.yaml");
    struct scale_options o = {.name = "shed", .unit = 1, .period_ms = 100, .map = r->map};
    assert_int_equal(scale_new(&o, &r->s, &e), 0);
    r->d = scale_device(r->s);
}

static void put32(uint16_t *w, int32_t v)
{
    w[0] = (uint16_t)((uint32_t)v >> 16);
    w[1] = (uint16_t)v;
}

/* One round: every request of the plan answered from words. */
static void poll_once(struct rig *r, int rc)
{
    struct want w = {0};
    struct mono wake;
    while (!r->d.want(r->d.self, r->now, &w, &wake))
        r->now = wake;
    do {
        struct reply a = {.rc = rc, .n = w.n, .sent = r->now};
        assert_true(w.fc == 3 || w.fc == 4); /* read only */
        for (uint16_t i = 0; i < w.n; i++)
            a.words[i] = r->words[(w.addr + i) % 64];
        r->now = mono_add_ms(r->now, 2);
        a.got = r->now;
        r->d.reply(r->d.self, &w, &a, r->now);
    } while (r->d.want(r->d.self, r->now, &w, &wake));
}

static struct scale_view weigh(struct rig *r, int32_t net_g, int32_t gross_g, uint16_t status)
{
    struct scale_view v;
    put32(r->words, net_g);
    put32(r->words + 2, gross_g);
    r->words[4] = status;
    r->words[5] = KG3;
    poll_once(r, 0);
    scale_get(r->s, &v);
    return v;
}

static void test_reading(void **state)
{
    (void)state;
    struct rig r;
    scale_rig(&r);
    struct scale_view v = weigh(&r, 12500, 13000, NET_MODE);
    assert_true(v.link_up && v.good && v.stable && v.net_mode);
    assert_false(v.over || v.under || v.error || v.frozen || v.seal_open);
    assert_int_equal(v.net_mg, 12500000);
    assert_int_equal(v.gross_mg, 13000000);
    assert_int_equal(v.tare_mg, 500000);
    assert_int_equal(v.reads, 1);
    assert_int_equal(v.raw[1], 12500); /* the frame as read */
    assert_true(v.raw_n >= 6 && v.wall.ms > 0);
    assert_true(weigh(&r, 12500, 13000, MOVING).stable == false);
    assert_true(weigh(&r, 12500, 13000, SEAL).seal_open);
    v = weigh(&r, 90000, 90000, HEAVY);
    assert_true(v.over && !v.good);
    v = weigh(&r, 1, 1, ERR_BIT);
    assert_true(v.error && !v.good);
    scale_free(r.s);
    map_free(r.map);
}

/* An error shows at once, and never a weight as fresh: time stays that of the last reading. */
static void test_trouble(void **state)
{
    (void)state;
    struct rig r;
    scale_rig(&r);
    struct scale_view good = weigh(&r, 12500, 13000, 0), v;
    poll_once(&r, ERR_TIMEOUT);
    scale_get(r.s, &v);
    assert_false(v.link_up);
    assert_int_equal(v.at.ns, good.at.ns);
    poll_once(&r, ERR_EXCEPTION);
    scale_get(r.s, &v);
    assert_true(v.link_up);
    assert_int_equal(v.at.ns, good.at.ns);
    assert_true(weigh(&r, 12500, 13000, 0).at.ns > good.at.ns);
    scale_free(r.s);
    map_free(r.map);
}

static void test_period(void **state)
{
    (void)state;
    struct rig r;
    scale_rig(&r);
    struct mono from = r.now;
    for (int i = 0; i < 50; i++)
        weigh(&r, i, i, 0);
    assert_in_range(mono_since_ms(r.now, from), 4890, 4930);
    scale_free(r.s);
    map_free(r.map);
}

/* Words that never change while the indicator says that it moves: its display is frozen. */
static void test_frozen(void **state)
{
    (void)state;
    struct rig r;
    scale_rig(&r);
    struct scale_view v = {0};
    for (int i = 0; i < 100; i++)
        v = weigh(&r, 12500, 12500, 0); /* steady for ten seconds is no trouble */
    assert_false(v.frozen);
    for (int i = 0; i < 40; i++)
        v = weigh(&r, 12500, 12500, MOVING);
    assert_false(v.frozen);
    for (int i = 0; i < 20; i++)
        v = weigh(&r, 12500, 12500, MOVING);
    assert_true(v.frozen);
    assert_false(weigh(&r, 12501, 12501, MOVING).frozen);
    scale_free(r.s);
    map_free(r.map);
}

/* An indicator of another maker: one record, its weights as s32 in grams at words 0, 2, 4, flags in
 * word 6. */
#define HEAD                                                                                       \
    "map: x\nversion: 1.0.0\nkind: registers\ntitle: t\nsource: s\nconfidence: A\n"                \
    "link: {fc: [3], max_read: 125, timeout_ms: 100, turnaround_ms: 10}\nrecords:\n"
#define RECORD(fields)                                                                             \
    " - {name: r, addr: 0, words: 7, source: p, confidence: A,\n"                                  \
    "    weight: {decimals: 0, units: [g]}, fields: [" fields "]}\n"
#define FIELD(role, at)  "{role: scale." role ", at: " at ", type: s32}, "
#define FLAG(role, mask) "{role: scale." role ", at: 6, type: flag, mask: " mask "}, "
#define VECTOR(expect)                                                                             \
    "vectors: [{name: v, origin: constructed, frames: [{addr: 0, words: [0]}], expect: {" expect   \
    "}}]\n"

static void parsed_rig(struct rig *r, const char *text)
{
    struct err e = {0};
    memset(r, 0, sizeof(*r));
    r->now = (struct mono){1000000000};
    if (map_parse("x.yaml", text, strlen(text), &r->map, &e) < 0)
        fail_msg("%d: %s", e.line, e.text);
    struct scale_options o = {.name = "shed", .unit = 1, .map = r->map};
    assert_int_equal(scale_new(&o, &r->s, &e), 0);
    r->d = scale_device(r->s);
}

static void of_net_gross_and_tare_two_give_the_third(void **state)
{
    static const struct {
        const char *text;
        int64_t net_mg, gross_mg, tare_mg;
    } rows[] = {
        {HEAD RECORD(FIELD("net", "0") FIELD("gross", "2") FLAG("stable", "1"))
             VECTOR("scale.net: 0, scale.gross: 0"),
         10000, 12000, 2000},
        {HEAD RECORD(FIELD("net", "0") FIELD("tare", "4") FLAG("stable", "1"))
             VECTOR("scale.net: 0, scale.tare: 0"),
         10000, 12000, 2000},
        {HEAD RECORD(FIELD("net", "0") FLAG("stable", "1")) VECTOR("scale.net: 0"), 10000, 10000,
         0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig r;
        struct scale_view v;
        parsed_rig(&r, rows[i].text);
        put32(r.words, 10);
        put32(r.words + 2, 12);
        put32(r.words + 4, 2);
        r.words[6] = 1;
        poll_once(&r, 0);
        scale_get(r.s, &v);
        assert_true(v.good && v.stable);
        assert_int_equal(v.net_mg, rows[i].net_mg);
        assert_int_equal(v.gross_mg, rows[i].gross_mg);
        assert_int_equal(v.tare_mg, rows[i].tare_mg);
        scale_free(r.s);
        map_free(r.map);
    }
}

static void a_weight_that_nobody_calls_steady_is_not_good(void **state)
{
    struct rig r;
    struct scale_view v;
    (void)state;
    parsed_rig(&r, HEAD RECORD(FIELD("net", "0") FLAG("alarm", "2")) VECTOR("scale.net: 0"));
    put32(r.words, 10);
    poll_once(&r, 0);
    scale_get(r.s, &v);
    assert_false(v.good || v.stable || v.error);
    r.words[6] = 2; /* an alarm is an error, whatever the indicator calls it */
    poll_once(&r, 0);
    scale_get(r.s, &v);
    assert_true(v.error);
    scale_free(r.s);
    map_free(r.map);
}

/* A scale with a heartbeat; and one that may stand still as long as it likes. */
static const char beating[] =
    "map: s\nversion: 1.0.0\nkind: registers\ntitle: t\nsource: s\nconfidence: A\n"
    "link: {fc: [3], max_read: 10, timeout_ms: 100, turnaround_ms: 10, heartbeat_ms: 300,\n"
    "       frozen_ms: 0}\n"
    "records:\n  - {name: a, addr: 0, words: 4, source: s, confidence: A,\n"
    "     weight: {decimals: 0, units: [g]}, fields: [\n"
    "       {role: scale.net, at: 0, type: s16}, {role: scale.heartbeat, at: 1, type: u16},\n"
    "       {role: scale.stable, at: 2, type: flag, mask: 1}]}\n"
    "vectors:\n  - {name: v, origin: constructed, frames: [],\n"
    "     expect: {scale.net: 0, scale.heartbeat: 0}}\n";

static void test_heartbeat(void **state)
{
    (void)state;
    struct rig r = {.now = {1000000000}};
    struct err e = {0};
    struct scale_view v;
    assert_int_equal(map_parse("s.yaml", beating, strlen(beating), &r.map, &e), 0);
    struct scale_options o = {.name = "shed", .unit = 1, .period_ms = 100, .map = r.map};
    assert_int_equal(scale_new(&o, &r.s, &e), 0);
    r.d = scale_device(r.s);
    for (int i = 0; i < 100; i++) {         /* ten seconds in motion without a change: not frozen */
        r.words[1] = (uint16_t)(65530 + i); /* beats over its end */
        poll_once(&r, 0);
        scale_get(r.s, &v);
        assert_true(v.good && !v.frozen);
    }
    for (int i = 0; i < 3; i++)
        poll_once(&r, 0);
    scale_get(r.s, &v);
    assert_true(v.good && !v.frozen);
    poll_once(&r, 0);
    scale_get(r.s, &v);
    assert_true(v.frozen && !v.good);
    r.words[1]++;
    poll_once(&r, 0);
    scale_get(r.s, &v);
    assert_true(v.good && !v.frozen);
    scale_free(r.s);
    map_free(r.map);
}

static void test_drive(void **state)
{
    (void)state;
    struct rig r;
    struct err e = {0};
    struct drive_view v;
    setup(&r, "plc-maps/invt-gd20.yaml");
    r.words[0x2103 % 64] = 0x0107; /* what a Goodrive says that it is */
    struct drive_options o = {.name = "belt", .unit = 1, .period_ms = 1000, .map = r.map};
    assert_int_equal(drive_new(&o, &r.v, &e), 0);
    r.d = drive_device(r.v);
    assert_null(r.d.may_write);
    drive_get(r.v, &v);
    assert_false(v.link_up);
    assert_int_equal(v.at.ns, 0);
    poll_once(&r, 0);
    drive_get(r.v, &v);
    assert_true(v.link_up);
    assert_true(v.at.ns > 0);
    poll_once(&r, ERR_TIMEOUT);
    drive_get(r.v, &v);
    assert_false(v.link_up);
    drive_free(r.v);
    drive_free(NULL);
    scale_free(NULL);
    map_free(r.map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_trouble),
        cmocka_unit_test(test_period),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_drive),
        cmocka_unit_test(test_heartbeat),
        cmocka_unit_test(of_net_gross_and_tare_two_give_the_third),
        cmocka_unit_test(a_weight_that_nobody_calls_steady_is_not_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
