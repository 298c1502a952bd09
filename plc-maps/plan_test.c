/* The read plan: what is joined, what is not, and distinct quantities. */
#include "plc-maps/plan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Each record has one u16 in its first word; the vector is the plan itself, so only the list of
 * records, the limits and the expected requests vary. */
struct rec {
    int area, addr, words, period_ms;
};

static void record(char *buf, size_t size, size_t i, const struct rec *r)
{
    static const char *const roles[] = {"drive.fault", "drive.speed", "drive.current",
                                        "scale.alibi"};
    size_t at = strlen(buf);
    snprintf(
        buf + at, size - at,
        "  - {name: r%zu, area: %s, addr: %d, words: %d, period_ms: %d, source: s, confidence: B, "
        "fields: [{role: %s, at: 0, type: u16}]}\n",
        i, r->area ? "input" : "holding", r->addr, r->words, r->period_ms, roles[i]);
}

static int load(const char *limits, const char *readable, const struct rec *recs, size_t n,
                struct map **ret, struct err *e)
{
    char text[2000];
    snprintf(text, sizeof text,
             "map: p\nversion: 1.0.0\nkind: registers\ntitle: t\nsource: s\nconfidence: B\n"
             "link: {fc: [3, 4], timeout_ms: 100, turnaround_ms: 10, %s}\n%srecords:\n",
             limits, readable);
    for (size_t i = 0; i < n; i++)
        record(text, sizeof text, i, &recs[i]);
    size_t at = strlen(text);
    snprintf(
        text + at, sizeof text - at,
        "vectors:\n  - name: v\n    origin: constructed\n    frames: []\n    expect: {%s%s%s%s}\n",
        n > 0 ? "drive.fault: 0" : "", n > 1 ? ", drive.speed: 0" : "",
        n > 2 ? ", drive.current: 0" : "", n > 3 ? ", scale.alibi: 0" : "");
    return map_parse("p.yaml", text, strlen(text), ret, e);
}

#define Q(f, address, words, in_image, ms)                                                         \
    {                                                                                              \
        .fc = f, .addr = address, .n = words, .at = in_image, .period_ms = ms, .agree = 1          \
    }

struct plan_row {
    const char *name, *limits, *readable;
    struct rec recs[4];
    size_t n;
    struct map_request want[4];
    size_t n_want;
};

static const struct plan_row plans[] = {
    {"neighbours join",
     "max_read: 20",
     "",
     {{0, 10, 2, 100}, {0, 12, 3, 100}},
     2,
     {Q(3, 10, 5, 0, 100)},
     1},
    {"order in the file does not matter",
     "max_read: 20",
     "",
     {{0, 12, 3, 100}, {0, 10, 2, 100}},
     2,
     {Q(3, 10, 5, 0, 100)},
     1},
    {"a gap that may not be read stays",
     "max_read: 20, max_gap: 5",
     "",
     {{0, 10, 2, 100}, {0, 14, 3, 100}},
     2,
     {Q(3, 10, 2, 0, 100), Q(3, 14, 3, 2, 100)},
     2},
    {"a readable gap is bridged",
     "max_read: 20, max_gap: 2",
     "readable: [{addr: 12, words: 2, source: s}]\n",
     {{0, 10, 2, 100}, {0, 14, 3, 100}},
     2,
     {Q(3, 10, 7, 0, 100)},
     1},
    {"a longer gap is not",
     "max_read: 20, max_gap: 1",
     "readable: [{addr: 12, words: 2, source: s}]\n",
     {{0, 10, 2, 100}, {0, 14, 3, 100}},
     2,
     {Q(3, 10, 2, 0, 100), Q(3, 14, 3, 2, 100)},
     2},
    {"not beyond max_read",
     "max_read: 4",
     "",
     {{0, 10, 2, 100}, {0, 12, 3, 100}},
     2,
     {Q(3, 10, 2, 0, 100), Q(3, 12, 3, 2, 100)},
     2},
    {"areas stay apart, and may have equal quantities",
     "max_read: 20",
     "",
     {{0, 10, 2, 100}, {1, 12, 2, 100}},
     2,
     {Q(3, 10, 2, 0, 100), Q(4, 12, 2, 2, 100)},
     2},
    {"periods stay apart",
     "max_read: 20",
     "",
     {{0, 10, 2, 100}, {0, 12, 3, 500}},
     2,
     {Q(3, 10, 2, 0, 100), Q(3, 12, 3, 2, 500)},
     2},
    {"equal quantities grow at the end",
     "max_read: 20",
     "readable: [{addr: 100, words: 8, source: s}]\n",
     {{0, 10, 2, 100}, {0, 100, 2, 100}},
     2,
     {Q(3, 10, 2, 0, 100), Q(3, 100, 3, 2, 100)},
     2},
    {"or at the beginning",
     "max_read: 20",
     "readable: [{addr: 98, words: 2, source: s}]\n",
     {{0, 10, 2, 100}, {0, 100, 2, 100}},
     2,
     {Q(3, 10, 2, 0, 100), Q(3, 99, 3, 2, 100)},
     2},
    {"or the earlier one",
     "max_read: 20",
     "readable: [{addr: 12, words: 2, source: s}]\n",
     {{0, 10, 2, 100}, {0, 100, 2, 100}},
     2,
     {Q(3, 10, 3, 0, 100), Q(3, 100, 2, 3, 100)},
     2},
    {"three of the same",
     "max_read: 20",
     "readable: [{addr: 100, words: 8, source: s}, {addr: 200, words: 8, source: s}]\n",
     {{0, 10, 2, 100}, {0, 100, 2, 100}, {0, 200, 2, 100}},
     3,
     {Q(3, 10, 2, 0, 100), Q(3, 100, 3, 2, 100), Q(3, 200, 4, 5, 100)},
     3},
};

static void test_plans(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        const struct plan_row *p = &plans[i];
        struct map *m = NULL;
        struct err e = {0};
        const struct map_request *q = NULL;
        size_t words = 0;
        if (load(p->limits, p->readable, p->recs, p->n, &m, &e) < 0)
            fail_msg("%s: line %d: %s", p->name, e.line, e.text);
        size_t n = map_plan(m, &q);
        if (n != p->n_want)
            fail_msg("%s: %zu requests", p->name, n);
        for (size_t k = 0; k < n; k++) {
            const struct map_request *w = &p->want[k];
            if (q[k].fc != w->fc || q[k].addr != w->addr || q[k].n != w->n || q[k].at != w->at ||
                q[k].period_ms != w->period_ms)
                fail_msg("%s: request %zu is fc %d, %d words from %d at %d every %d", p->name, k,
                         q[k].fc, q[k].n, q[k].addr, q[k].at, (int)q[k].period_ms);
            words += q[k].n;
        }
        assert_int_equal(map_image_words(m), words);
        map_free(m);
    }
}

static void test_no_room_to_differ(void **state)
{
    (void)state;
    const struct rec recs[] = {{0, 10, 2, 100}, {0, 100, 2, 100}};
    struct map *m = NULL;
    struct err e = {0};
    assert_int_equal(load("max_read: 20", "", recs, 2, &m, &e), ERR_CHECK);
    assert_int_equal(e.line, 10); /* the record that would have to grow */
    assert_non_null(strstr(e.text, "name more words in \"readable\""));
    assert_null(m);
}

/* Where no request can be another length, both are marked, and the map is accepted. */
static void test_doubtful_where_nothing_else_helps(void **state)
{
    (void)state;
    const struct rec recs[] = {{0, 10, 2, 100}, {0, 100, 2, 100}, {1, 7, 2, 100}};
    struct map *m = NULL;
    struct err e = {0};
    const struct map_request *q;
    assert_int_equal(
        load("max_read: 2", "readable: [{addr: 100, words: 8, source: s}]\n", recs, 3, &m, &e), 0);
    assert_int_equal(map_plan(m, &q), 3);
    assert_int_equal(q[0].agree, 2);
    assert_int_equal(q[1].agree, 2);
    assert_int_equal(q[2].agree, 1); /* another function */
    map_free(m);
}

/* Where a field stands in the image follows from the plan, not from the file's order. */
static void test_image(void **state)
{
    (void)state;
    const struct rec recs[] = {{0, 100, 2, 100}, {0, 10, 3, 100}, {1, 7, 1, 100}};
    struct map *m = NULL;
    struct err e = {0};
    struct reading r;
    assert_int_equal(load("max_read: 20", "", recs, 3, &m, &e), 0);
    const uint16_t image[] = {11, 0, 0, 22, 0, 33};
    assert_int_equal(map_image_words(m), 6);
    map_decode(m, image, &r);
    assert_int_equal(r.value[ROLE_DRIVE_SPEED], 11);
    assert_int_equal(r.value[ROLE_DRIVE_FAULT], 22);
    assert_int_equal(r.value[ROLE_DRIVE_CURRENT], 33);
    map_free(m);
}

/* Figures of facts: reading 2 registers at 9600 baud takes 27.5 ms on the wire, 10 take 45.8. */
static void test_cost(void **state)
{
    (void)state;
    static const struct {
        int words;
        uint32_t baud;
        int64_t wire_us;
    } rows[] = {{2, 9600, 27500}, {10, 9600, 45834}, {10, 19200, 22917}, {16, 115200, 7797}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rec rec = {0, 10, rows[i].words, 100};
        struct map *m = NULL;
        struct err e = {0};
        assert_int_equal(load("max_read: 20", "", &rec, 1, &m, &e), 0);
        assert_int_equal(map_cost(m, rows[i].baud).poll_us, rows[i].wire_us + 10000);
        assert_int_equal(map_cost(m, 0).poll_us, 10000);
        assert_int_equal(map_cost(m, 0).dead_us, 100000);
        assert_true(map_cost(m, 9600).longest_us > map_cost(m, 9600).poll_us);
        map_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_no_room_to_differ),
        cmocka_unit_test(test_doubtful_where_nothing_else_helps),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
