/* The polled image of a register device: identity before anything counts, answers that could be
 * another request's, records that are read in parts. The device is a table of registers. */
#include "controller/image.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEAD                                                                                       \
    "map: s\nversion: 1.0.0\nkind: registers\ntitle: t\nsource: s\nconfidence: A\n"                \
    "link: {fc: [3], timeout_ms: 100, turnaround_ms: 10, "
#define DRIVE "  - {name: v, origin: constructed, frames: [], expect: {"
/* Two single registers: nothing tells their answers apart. */
static const char twins[] = HEAD "max_read: 1}\nrecords:\n"
                                 "  - {name: a, addr: 0, words: 1, source: s, confidence: A,\n"
                                 "     fields: [{role: drive.fault, at: 0, type: u16}]}\n"
                                 "  - {name: b, addr: 5, words: 1, source: s, confidence: A,\n"
                                 "     fields: [{role: drive.current, at: 0, type: u16}]}\n"
                                 "vectors:\n" DRIVE "drive.fault: 0, drive.current: 0}}\n";
/* A counter of 32 bits that is read word by word. */
static const char torn[] =
    HEAD "max_read: 1}\nrecords:\n"
         "  - {name: a, addr: 0, words: 2, torn: reread, source: s, confidence: A,\n"
         "     fields: [{role: drive.fault, at: 0, type: u32}]}\n"
         "vectors:\n" DRIVE "drive.fault: 0}}\n";
static const char known[] =
    HEAD "max_read: 10, min_interval_ms: 50}\n"
         "identity:\n  - {addr: 8, words: [0x3032, 0x4632]}\n"
         "settings:\n  - {en: \"local keys off\", zh: \"x\"}\n"
         "  - {en: \"order 1234\", zh: \"x\", addr: 30, words: [0]}\n"
         "records:\n"
         "  - {name: a, addr: 0, words: 3, source: s, confidence: A,\n"
         "     fields: [{role: drive.fault, at: 0, type: u16}]}\n"
         "vectors:\n" DRIVE "drive.fault: 0}}\n"
         "  - {name: w, origin: constructed, frames: [{addr: 8, words: [0x3032, 0x4632]},\n"
         "     {addr: 30, words: [0]}]}\n";
/* The identity stands inside the frame. */
static const char marked[] =
    HEAD "max_read: 10}\nidentity:\n  - {addr: 2, words: [0xBEEF]}\nrecords:\n"
         "  - {name: a, addr: 0, words: 3, source: s, confidence: A,\n"
         "     fields: [{role: drive.fault, at: 0, type: u16}]}\n"
         "vectors:\n  - {name: v, origin: constructed, frames: [{addr: 2, words: [0xBEEF]}],\n"
         "     expect: {drive.fault: 0}}\n";

struct rig {
    struct map *map;
    struct image m;
    struct mono now;
    uint16_t regs[64];
    unsigned asked;
};

static struct rig *rig_of(const char *text)
{
    struct rig *r = calloc(1, sizeof *r);
    struct err e = {0};
    assert_non_null(r);
    if (map_parse("s.yaml", text, strlen(text), &r->map, &e) < 0)
        fail_msg("%d: %s", e.line, e.text);
    image_init(&r->m, r->map, 1, 100);
    r->now = (struct mono){1000000000};
    return r;
}

static void done(struct rig *r)
{
    map_free(r->map);
    free(r);
}

/* The next request, at its time. */
static struct want next(struct rig *r)
{
    struct want w = {0};
    struct mono wake;
    while (!image_want(&r->m, r->now, &w, &wake))
        r->now = wake;
    r->asked++;
    return w;
}

/* Answers it with these words; NULL: by rc. */
static bool answer(struct rig *r, const struct want *w, const uint16_t *words, int rc,
                   uint8_t exception, struct reading *ret)
{
    struct reply a = {.rc = rc, .exception = exception, .sent = r->now};
    if (words) {
        a.n = w->n;
        memcpy(a.words, words, w->n * sizeof *words);
    }
    r->now = mono_add_ms(r->now, 2);
    a.got = r->now;
    return image_reply(&r->m, w, &a, r->now, ret);
}

/* One request, answered by the table. true: a round is complete. */
static bool step(struct rig *r, struct reading *ret)
{
    struct want w = next(r);
    return answer(r, &w, r->regs + w.addr, 0, 0, ret);
}

static bool fail_with(struct rig *r, int rc, uint8_t exception)
{
    struct reading x;
    struct want w = next(r);
    return answer(r, &w, NULL, rc, exception, &x);
}

static void test_nothing_counts_before_the_identity_holds(void **state)
{
    (void)state;
    struct rig *r = rig_of(known);
    struct reading x;
    struct mono from = r->now;
    assert_int_equal(next(r).addr, 8);
    assert_false(step(r, &x)); /* zeros: another device */
    assert_ptr_equal(r->m.refused, &r->m.probes[0]);
    assert_int_equal(next(r).addr, 8);
    assert_in_range(mono_since_ms(r->now, from), 1000, 1010);
    r->regs[8] = 0x3032;
    r->regs[9] = 0x4632;
    r->regs[30] = 3;
    assert_false(step(r, &x));
    assert_int_equal(next(r).addr, 30); /* what no register shows is passed over */
    assert_false(step(r, &x));
    assert_string_equal(r->m.refused->en, "order 1234");
    r->regs[30] = 0;
    r->regs[0] = 7;
    assert_false(step(r, &x));
    assert_false(step(r, &x));
    assert_true(step(r, &x));
    assert_null(r->m.refused);
    assert_int_equal(x.value[ROLE_DRIVE_FAULT], 7);
    assert_true(step(r, &x)); /* and from now on only the record */
    done(r);
}

/* Whoever answers after a failure may be another device. */
static void test_identity_is_asked_again_after_a_failure(void **state)
{
    (void)state;
    struct rig *r = rig_of(known);
    struct reading x;
    r->regs[8] = 0x3032;
    r->regs[9] = 0x4632;
    for (int i = 0; i < 3; i++)
        step(r, &x);
    assert_false(fail_with(r, ERR_TIMEOUT, 0));
    assert_int_equal(next(r).addr, 8);
    step(r, &x);
    step(r, &x);
    assert_true(step(r, &x));
    assert_false(fail_with(r, ERR_EXCEPTION, 6)); /* the device itself: busy */
    assert_int_equal(next(r).addr, 0);
    assert_false(fail_with(r, ERR_EXCEPTION, 0x0B)); /* its gateway: nobody there */
    assert_int_equal(next(r).addr, 8);
    assert_false(fail_with(r, ERR_EXCEPTION, 0x0B));
    assert_null(r->m.refused);
    assert_false(fail_with(r, ERR_EXCEPTION, 2)); /* no such register: not this device */
    assert_ptr_equal(r->m.refused, &r->m.probes[0]);
    done(r);
}

static void test_least_interval(void **state)
{
    (void)state;
    struct rig *r = rig_of(known);
    struct reading x;
    struct mono before = {0}, now;
    for (int i = 0; i < 6; i++) {
        next(r);
        now = r->now;
        assert_true(before.ns == 0 || mono_since_ms(now, before) >= 50);
        before = now;
        step(r, &x);
        r->regs[8] = 0x3032;
        r->regs[9] = 0x4632;
    }
    done(r);
}

static void test_every_answer_shows_whose_it_is(void **state)
{
    (void)state;
    struct rig *r = rig_of(marked);
    struct reading x;
    r->regs[2] = 0xBEEF;
    assert_false(step(r, &x));
    assert_true(step(r, &x));
    r->regs[2] = 0xBEEE;
    assert_false(step(r, &x));
    assert_non_null(r->m.refused);
    r->regs[2] = 0xBEEF;
    assert_false(step(r, &x)); /* the identity anew */
    assert_true(step(r, &x));
    done(r);
}

/* While nothing failed one reading is enough; after a failure two equal ones, with silence. */
static void test_two_agreeing_answers_after_a_failure(void **state)
{
    (void)state;
    struct rig *r = rig_of(twins);
    struct reading x;
    r->regs[0] = 1;
    r->regs[5] = 500;
    assert_false(step(r, &x));
    assert_true(step(r, &x));
    assert_false(fail_with(r, ERR_TIMEOUT, 0));
    struct want w = next(r);
    const uint16_t late = 500; /* the answer to another request */
    assert_int_equal(w.addr, 0);
    assert_false(answer(r, &w, &late, 0, 0, &x));
    struct mono then = r->now;
    assert_int_equal(next(r).addr, 0); /* the same again */
    assert_true(mono_since_ms(r->now, then) >= 100);
    assert_false(step(r, &x)); /* 1, after 500 */
    assert_false(step(r, &x)); /* 1, after 1 */
    assert_int_equal(next(r).addr, 5);
    assert_false(step(r, &x));
    assert_true(step(r, &x));
    assert_int_equal(x.value[ROLE_DRIVE_FAULT], 1);
    assert_int_equal(x.value[ROLE_DRIVE_CURRENT], 500);
    assert_false(step(r, &x));
    assert_true(step(r, &x)); /* the doubt is over */
    done(r);
}

static void test_an_exception_raises_no_doubt(void **state)
{
    (void)state;
    struct rig *r = rig_of(twins);
    struct reading x;
    assert_false(fail_with(r, ERR_EXCEPTION, 6));
    assert_false(step(r, &x));
    assert_true(step(r, &x));
    image_doubt(&r->m); /* another device's request to this unit */
    for (int i = 0; i < 3; i++)
        assert_false(step(r, &x));
    assert_true(step(r, &x));
    done(r);
}

/* A value that never holds still gives no reading, and no storm of requests either. */
static void test_tries_are_bounded(void **state)
{
    (void)state;
    struct rig *r = rig_of(twins);
    struct reading x;
    struct mono from = r->now;
    fail_with(r, ERR_TIMEOUT, 0);
    r->asked = 0;
    while (mono_since_ms(r->now, from) < 10000) {
        r->regs[0]++;
        assert_false(step(r, &x));
    }
    assert_in_range(r->asked, 20, 110);
    done(r);
}

static void test_parts_count_when_read_twice_alike(void **state)
{
    (void)state;
    struct rig *r = rig_of(torn);
    struct reading x;
    r->regs[0] = 1;
    r->regs[1] = 0xFFFF;
    assert_false(step(r, &x));
    r->regs[0] = 2; /* between the two: 0x1FFFF becomes 0x20000 */
    r->regs[1] = 0;
    assert_false(step(r, &x)); /* 0x10000 was never there */
    assert_false(step(r, &x));
    assert_false(step(r, &x));
    assert_false(step(r, &x));
    assert_true(step(r, &x));
    assert_int_equal(x.value[ROLE_DRIVE_FAULT], 0x20000);
    for (int i = 0; i < 3; i++)
        assert_false(step(r, &x)); /* each round anew */
    assert_true(step(r, &x));
    done(r);
}

/* ---- a slow device on a real line ---- */

struct slow {
    struct rig *r;
    uint64_t seed;
    struct {
        struct mono at;
        uint16_t addr, word;
    } under_way[32]; /* answers, in order of time */
    size_t n;
    struct mono free; /* the device works one request after the other */
    unsigned foreign; /* answers taken for another request */
};

static uint32_t chance(struct slow *s, uint32_t of)
{
    s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(s->seed >> 33) % of;
}

/* The device takes its time, now and then more than the deadline. */
static void send(struct slow *s, const struct want *w)
{
    uint32_t ms = chance(s, 8) == 0 ? 80 + chance(s, 500) : 1 + chance(s, 20);
    s->free = mono_add_ms(s->free.ns > s->r->now.ns ? s->free : s->r->now, ms);
    assert_true(s->n < 32);
    s->under_way[s->n].at = s->free;
    s->under_way[s->n].addr = w->addr;
    s->under_way[s->n++].word = s->r->regs[w->addr];
}

static void drop_first(struct slow *s)
{
    memmove(&s->under_way[0], &s->under_way[1], --s->n * sizeof s->under_way[0]);
}

/* What the link does: throws away what has come, sends, takes the first answer of the right form.
 */
static bool transact(struct slow *s, struct reading *ret)
{
    struct want w = next(s->r);
    while (s->n > 0 && s->under_way[0].at.ns <= s->r->now.ns)
        drop_first(s);
    send(s, &w);
    struct mono until = mono_add_ms(s->r->now, 100);
    if (s->under_way[0].at.ns > until.ns) {
        s->r->now = until;
        bool got = answer(s->r, &w, NULL, ERR_TIMEOUT, 0, ret);
        s->r->now = mono_add_ms(s->r->now, 200); /* the bus' quarantine */
        return got;
    }
    uint16_t word = s->under_way[0].word;
    s->foreign += s->under_way[0].addr != w.addr;
    s->r->now = s->under_way[0].at;
    drop_first(s);
    return answer(s->r, &w, &word, 0, 0, ret);
}

/* Values say which register they are of: the highest bit is register 5. */
static void test_no_late_answer_is_taken_for_another_register(void **state)
{
    (void)state;
    unsigned readings = 0, foreign = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct slow s = {.r = rig_of(twins), .seed = seed};
        struct reading x;
        for (int i = 0; i < 3000; i++) {
            if (chance(&s, 50) == 0) {
                s.r->regs[0] = (uint16_t)chance(&s, 0x8000);
                s.r->regs[5] = (uint16_t)(0x8000 | chance(&s, 0x8000));
            }
            if (!transact(&s, &x))
                continue;
            readings++;
            if (x.value[ROLE_DRIVE_FAULT] >= 0x8000 ||
                (x.value[ROLE_DRIVE_CURRENT] && x.value[ROLE_DRIVE_CURRENT] < 0x8000))
                fail_msg("seed %d, step %d: registers %llx and %llx", (int)seed, i,
                         (unsigned long long)x.value[ROLE_DRIVE_FAULT],
                         (unsigned long long)x.value[ROLE_DRIVE_CURRENT]);
        }
        foreign += s.foreign;
        done(s.r);
    }
    printf("%u readings, %u answers of another request refused\n", readings, foreign);
    assert_true(readings > 5000);
    assert_true(foreign > 100); /* the trouble was there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_counts_before_the_identity_holds),
        cmocka_unit_test(test_identity_is_asked_again_after_a_failure),
        cmocka_unit_test(test_least_interval),
        cmocka_unit_test(test_every_answer_shows_whose_it_is),
        cmocka_unit_test(test_two_agreeing_answers_after_a_failure),
        cmocka_unit_test(test_an_exception_raises_no_doubt),
        cmocka_unit_test(test_tries_are_bounded),
        cmocka_unit_test(test_parts_count_when_read_twice_alike),
        cmocka_unit_test(test_no_late_answer_is_taken_for_another_register),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
