/* The interlock: every state by a table, and that a placement is accepted once, as shown, whatever
 * a hand on a touch screen does. */
#include "controller/station.h"
#include "base/test_tmp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { KG = 1000000 };

struct shed {
    struct station *s;
    struct scale_view v;
    struct station_facts f;
    struct mono now;
};

static struct shed shed_new(void)
{
    struct station_options o = {.name = "a",
                                .min_mg = 100000,
                                .max_mg = 60 * KG,
                                .e_mg = 20000,
                                .zero_band_mg = 5000,
                                .stable_ms = 300};
    struct shed d = {.s = station_new(&o), .f = {true, true}, .now = {5000000000}};
    d.v = (struct scale_view){.link_up = true, .good = true, .stable = true};
    assert_non_null(d.s);
    return d;
}

/* The scale shows this for so long, 10 readings a second. */
static void show(struct shed *d, int64_t gross_mg, bool stable, int64_t ms)
{
    d->v.gross_mg = gross_mg;
    d->v.net_mg = gross_mg - d->v.tare_mg;
    d->v.stable = stable;
    for (int64_t t = 0; t < ms; t += 100) {
        d->now = mono_add_ms(d->now, 100);
        d->v.at = d->now;
        station_feed(d->s, &d->v, d->now);
    }
}

static struct station_view look(const struct shed *d)
{
    struct station_view v;
    station_get(d->s, &d->f, d->now, &v);
    return v;
}

static int accept(struct shed *d, uint32_t placement, int64_t shown_mg)
{
    struct scale_view got;
    struct err e = {0};
    int rc = station_accept(d->s, &d->f, placement, shown_mg, d->now, &got, &e);
    assert_true(rc == 0 || e.text[0]);
    assert_true(rc != 0 || (got.net_mg == shown_mg && got.at.ns == d->v.at.ns));
    return rc;
}

static void test_one_weighing(void **state)
{
    (void)state;
    struct shed d = shed_new();
    assert_int_equal(look(&d).state, STATION_OFFLINE);
    show(&d, 0, true, 500);
    assert_int_equal(look(&d).state, STATION_EMPTY);
    assert_int_equal(look(&d).placement, 0);
    show(&d, 12 * KG, false, 300);
    assert_int_equal(look(&d).state, STATION_MOVING);
    show(&d, 25 * KG, true, 200);
    assert_int_equal(look(&d).state, STATION_MOVING); /* not yet steady for long enough */
    show(&d, 25 * KG, true, 300);
    struct station_view v = look(&d);
    assert_int_equal(v.state, STATION_READY);
    assert_int_equal(v.placement, 1);
    assert_int_equal(v.net_mg, 25 * KG);
    assert_int_equal(accept(&d, 1, 25 * KG), 0);
    assert_int_equal(look(&d).state, STATION_ACCEPTED);
    assert_true(look(&d).accepted);
    show(&d, 30 * KG, true, 1000); /* another load without the scale having been empty */
    assert_int_equal(look(&d).state, STATION_ACCEPTED);
    show(&d, 0, true, 300);
    show(&d, 30 * KG, true, 600);
    assert_int_equal(look(&d).placement, 2);
    assert_int_equal(accept(&d, 2, 30 * KG), 0);
    station_free(d.s);
}

/* A hundred taps, one weighing. */
static void test_double_tap(void **state)
{
    (void)state;
    struct shed d = shed_new();
    int accepted = 0;
    for (int load = 1; load <= 10; load++) {
        show(&d, 0, true, 300);
        show(&d, load * KG, true, 600);
        for (int tap = 0; tap < 100; tap++) {
            int rc = accept(&d, (uint32_t)load, load * KG);
            accepted += rc == 0;
            assert_true(rc == 0 || rc == ERR_EXISTS);
            show(&d, load * KG, tap % 3 != 0, 100);
        }
    }
    assert_int_equal(accepted, 10);
    station_free(d.s);
}

/* clang-format off */
static void spoil_offline(struct shed *d) { d->v.link_up = false; }
static void spoil_error(struct shed *d) { d->v.error = true; }
static void spoil_bad(struct shed *d) { d->v.good = false; }
static void spoil_bad_over(struct shed *d) { d->v.good = false, d->v.over = true; }
static void spoil_frozen(struct shed *d) { d->v.frozen = true; }
static void spoil_over(struct shed *d) { d->v.over = true; }
static void spoil_max(struct shed *d) { d->v.gross_mg = d->v.net_mg = 60 * KG + 1; }
static void spoil_under(struct shed *d) { d->v.under = true; }
static void spoil_negative(struct shed *d) { d->v.gross_mg = d->v.net_mg = -6000; }
static void spoil_trade(struct shed *d) { d->f.trade_static = false; }
static void spoil_seal(struct shed *d) { d->v.seal_open = true; }
static void spoil_check(struct shed *d) { d->f.checked = false; }
static void spoil_zero(struct shed *d) { d->v.zero_required = true; }
static void spoil_motion(struct shed *d) { d->v.stable = false; }
static void spoil_light(struct shed *d) { d->v.gross_mg = d->v.net_mg = 99999; }
static void spoil_age(struct shed *d) { d->now = mono_add_ms(d->now, 500); }
/* clang-format on */

/* From "ready" on, one thing is wrong: the state says which, and nothing is accepted. */
static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(struct shed *);
        enum station_state want;
    } cases[] = {
        {spoil_offline, STATION_OFFLINE}, {spoil_error, STATION_ERROR},
        {spoil_bad, STATION_ERROR},       {spoil_bad_over, STATION_OVER},
        {spoil_frozen, STATION_FROZEN},   {spoil_over, STATION_OVER},
        {spoil_max, STATION_OVER},        {spoil_under, STATION_UNDER},
        {spoil_negative, STATION_UNDER},  {spoil_trade, STATION_NOT_TRADE},
        {spoil_seal, STATION_NOT_TRADE},  {spoil_check, STATION_UNCHECKED},
        {spoil_zero, STATION_NOT_ZERO},   {spoil_motion, STATION_MOVING},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shed d = shed_new();
        show(&d, 0, true, 300);
        show(&d, 25 * KG, true, 600);
        assert_int_equal(look(&d).state, STATION_READY);
        cases[i].spoil(&d);
        d.now = mono_add_ms(d.now, 50);
        d.v.at = d.now;
        station_feed(d.s, &d.v, d.now);
        if (look(&d).state != cases[i].want)
            fail_msg("case %zu: %s, not %s", i, station_state_word(look(&d).state),
                     station_state_word(cases[i].want));
        assert_int_equal(accept(&d, 1, d.v.net_mg), ERR_STATE);
        station_free(d.s);
    }
}

static void test_age_and_light(void **state)
{
    (void)state;
    struct shed d = shed_new();
    show(&d, 0, true, 300);
    show(&d, 25 * KG, true, 600);
    spoil_age(&d);
    assert_int_equal(look(&d).state, STATION_STALE);
    assert_int_equal(look(&d).age_ms, 500);
    assert_int_equal(accept(&d, 1, 25 * KG), ERR_STATE);
    spoil_light(&d);
    show(&d, 99999, true, 600);
    assert_int_equal(look(&d).state, STATION_TOO_LIGHT);
    show(&d, 100000, true, 600);
    assert_int_equal(look(&d).state, STATION_READY);
    station_free(d.s);
}

/* What was shown must be what the scale shows, and the placement the one that is on. */
static void test_only_as_shown(void **state)
{
    (void)state;
    struct shed d = shed_new();
    show(&d, 0, true, 300);
    show(&d, 25 * KG, true, 600);
    assert_int_equal(accept(&d, 1, 25 * KG + 20000), ERR_CHECK);
    assert_int_equal(accept(&d, 2, 25 * KG), ERR_CHECK);
    assert_int_equal(accept(&d, 0, 25 * KG), ERR_CHECK);
    show(&d, 0, true, 300); /* the next load is on when the tap for the last one arrives */
    show(&d, 25 * KG, true, 600);
    assert_int_equal(accept(&d, 1, 25 * KG), ERR_CHECK);
    assert_int_equal(accept(&d, 2, 25 * KG), 0);
    assert_int_equal(accept(&d, 1, 25 * KG), ERR_EXISTS);
    station_free(d.s);
}

/* A load that was on before we looked, and one that never let the scale come to rest at zero. */
static void test_must_return_to_zero(void **state)
{
    (void)state;
    struct shed d = shed_new();
    show(&d, 25 * KG, true, 1000);
    assert_int_equal(look(&d).state, STATION_NOT_ZERO);
    show(&d, 0, false, 200); /* passes through zero in motion */
    show(&d, 26 * KG, true, 1000);
    assert_int_equal(look(&d).state, STATION_NOT_ZERO);
    show(&d, 4000, true, 200); /* within the band */
    show(&d, 26 * KG, true, 1000);
    assert_int_equal(look(&d).state, STATION_READY);
    station_free(d.s);
}

/* With a tare an empty scale shows a net below zero: it is empty all the same. */
static void test_tare(void **state)
{
    (void)state;
    struct shed d = shed_new();
    show(&d, 0, true, 300);
    show(&d, 2 * KG, true, 600); /* the basket, tared on the indicator */
    d.v.tare_mg = 2 * KG;
    show(&d, 2 * KG, true, 600);
    assert_int_equal(look(&d).state, STATION_TOO_LIGHT);
    show(&d, 27 * KG, true, 600);
    assert_int_equal(look(&d).state, STATION_READY);
    assert_int_equal(look(&d).net_mg, 25 * KG);
    assert_int_equal(look(&d).tare_mg, 2 * KG);
    assert_int_equal(accept(&d, look(&d).placement, 25 * KG), 0);
    show(&d, 0, true, 300);
    assert_int_equal(look(&d).state, STATION_EMPTY);
    show(&d, 22 * KG, true, 600);
    assert_int_equal(look(&d).net_mg, 20 * KG);
    assert_int_equal(accept(&d, look(&d).placement, 20 * KG), 0);
    station_free(d.s);
}

/* A commit that failed gives the placement back; numbering goes on after a restart. */
static void test_undo_and_numbering(void **state)
{
    (void)state;
    struct shed d = shed_new();
    assert_int_equal(station_first_placement(d.s, 41), 42);
    show(&d, 0, true, 300);
    show(&d, 25 * KG, true, 600);
    assert_int_equal(look(&d).placement, 42);
    assert_int_equal(accept(&d, 42, 25 * KG), 0);
    station_undo(d.s, 42);
    assert_int_equal(look(&d).state, STATION_READY);
    assert_int_equal(accept(&d, 42, 25 * KG), 0);
    assert_int_equal(accept(&d, 41, 25 * KG), ERR_EXISTS);
    station_free(d.s);
}

/* Whatever the scale does: per placement at most one acceptance, and between two of them a steady
 * zero. */
static void test_random_hands(void **state)
{
    (void)state;
    uint64_t dice = seed_print("station_test");
    struct shed d = shed_new();
    bool zero_since = false;
    uint32_t last = 0;
    for (int i = 0; i < 20000; i++) {
        bool zero = seed_next(&dice) % 3 == 0, stable = seed_next(&dice) % 4 != 0;
        d.v.link_up = seed_next(&dice) % 20 != 0;
        show(&d, zero ? 0 : (int64_t)(1 + seed_next(&dice) % 3) * KG, stable,
             100 * (int64_t)(1 + seed_next(&dice) % 5));
        zero_since |= zero && stable && d.v.link_up;
        struct station_view v = look(&d);
        if (seed_next(&dice) % 2 || accept(&d, v.placement, v.net_mg) != 0)
            continue;
        assert_true(zero_since && v.placement > last);
        last = v.placement;
        zero_since = false;
    }
    assert_true(last > 100);
    station_free(d.s);
}

static void test_words(void **state)
{
    (void)state;
    for (int i = 0; i < STATION_STATE_COUNT; i++)
        assert_true(station_state_word((enum station_state)i)[0] &&
                    station_state_text((enum station_state)i)[0]);
    station_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_weighing),  cmocka_unit_test(test_double_tap),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_age_and_light),
        cmocka_unit_test(test_only_as_shown), cmocka_unit_test(test_must_return_to_zero),
        cmocka_unit_test(test_tare),          cmocka_unit_test(test_undo_and_numbering),
        cmocka_unit_test(test_random_hands),  cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
