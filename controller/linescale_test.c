/* A scale that talks in lines, fed with streams as they come from a wire: good ones and what
 * happens to them. Frames are written here from the manuals' tables. */
#include "controller/linescale.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { KG = 3 };

struct desk {
    struct map *map;
    struct linescale *s;
    struct scale_view v;
    int64_t now_ms, wake_ms;
};
static struct desk d;

static void open_desk(const char *path, struct linescale_options o)
{
    struct err e = {0};
    memset(&d, 0, sizeof(d));
    if (map_load(path, &d.map, &e) < 0)
        fail_msg("%s:%d: %s", e.file, e.line, e.text);
    o.name = "floor";
    o.map = d.map;
    assert_int_equal(linescale_new(&o, &d.s, &e), 0);
    d.now_ms = 10000;
}

static int close_desk(void **state)
{
    (void)state;
    linescale_free(d.s);
    map_free(d.map);
    memset(&d, 0, sizeof(d));
    return 0;
}

static void continuous(void)
{
    open_desk("plc-maps/yaohua-xk3190-continuous.yaml",
              (struct linescale_options){.as = {.unit = KG, .d_mg = 10000}});
}

static void a12(void)
{
    open_desk("plc-maps/yaohua-a12.yaml", (struct linescale_options){.as = {.d_mg = 1000}});
}

static void asked(void)
{
    open_desk("plc-maps/yaohua-xk3190-command.yaml",
              (struct linescale_options){.as = {.address = 1, .unit = KG, .d_mg = 10000},
                                         .period_ms = 100});
}

static struct mono at(int64_t ms)
{
    return (struct mono){ms * 1000000};
}

static void tick(bool port_up)
{
    struct mono wake;
    linescale_tick(d.s, port_up, at(d.now_ms), &wake);
    d.wake_ms = wake.ns == MONO_NEVER.ns ? INT64_MAX : wake.ns / 1000000;
    linescale_get(d.s, &d.v);
}

static void feed(const char *bytes, size_t n)
{
    linescale_take(d.s, (const uint8_t *)bytes, n, at(d.now_ms),
                   (struct wall){1800000000000 + d.now_ms});
    tick(true);
}

static void later(int64_t ms)
{
    d.now_ms += ms;
    tick(true);
}

/* ---- frames ---- */

static size_t closed(char *s, size_t from, size_t n)
{
    unsigned x = 0;
    for (size_t i = from; i < n; i++)
        x ^= (uint8_t)s[i];
    return n + (size_t)sprintf(s + n, "%02X", x);
}

/* Hundredths of a kilogram. `head`: nothing, or address and command. */
static size_t display(char *s, const char *head, int value, int decimals)
{
    size_t n =
        (size_t)sprintf(s, "\002%s%c%06d%d", head, value < 0 ? '-' : '+', abs(value), decimals);
    n = closed(s, 1, n);
    s[n] = 3;
    return n + 1;
}

static void show(int value)
{
    char s[32];
    feed(s, display(s, "", value, 2));
}

/* One value again and again, a frame every `every` ms, for so long. */
static void hold(int value, int64_t ms, int64_t every)
{
    for (int64_t t = 0; t < ms; t += every) {
        d.now_ms += every;
        show(value);
    }
}

static void words(const char *text)
{
    char s[32];
    size_t n = closed(s, 0, (size_t)sprintf(s, "%s", text));
    n += (size_t)sprintf(s + n, "\r\n");
    feed(s, n);
}

static struct linescale_counts counts(void)
{
    struct linescale_counts c;
    linescale_counts(d.s, &c);
    return c;
}

/* ---- good streams ---- */

static void a_weight_is_shown_as_it_was_sent(void **state)
{
    (void)state;
    continuous();
    tick(true);
    assert_false(d.v.link_up);
    later(100);
    show(1250);
    assert_true(d.v.link_up && d.v.good);
    assert_false(d.v.stable || d.v.over || d.v.under || d.v.error || d.v.net_mode);
    assert_int_equal(d.v.net_mg, 12500000);
    assert_int_equal(d.v.gross_mg, 12500000);
    assert_int_equal(d.v.tare_mg, 0);
    assert_true(d.v.tare_unknown); /* the frame does not say what it is */
    assert_int_equal(d.v.at.ns, at(d.now_ms).ns);
    assert_int_equal(d.v.wall.ms, 1800000000000 + d.now_ms);
    assert_int_equal(d.v.alibi, 0);
    assert_int_equal(d.v.raw_n, 6);
    assert_int_equal(d.v.raw_cut, 0);
    assert_int_equal(d.v.raw[0], 0x022B);
    assert_int_equal(d.v.raw[5] & 0xFF, 0x03);
    show(-315);
    assert_int_equal(d.v.net_mg, -3150000);
    assert_true(d.v.good);
}

static void steady_is_judged_by_frames_and_by_time(void **state)
{
    (void)state;
    continuous(); /* 5 frames over 500 ms */
    hold(1250, 480, 40);
    assert_false(d.v.stable); /* frames enough, time too short */
    hold(1250, 80, 40);
    assert_true(d.v.stable && d.v.stable_by_host);
    hold(1251, 40, 40);
    assert_false(d.v.stable || d.v.stable_by_host);
    close_desk(state);
    continuous();
    hold(1250, 1200, 300);
    assert_false(d.v.stable); /* time enough, frames too few */
    hold(1250, 300, 300);
    assert_true(d.v.stable);
}

static void the_configuration_may_ask_for_more(void **state)
{
    (void)state;
    open_desk(
        "plc-maps/yaohua-xk3190-continuous.yaml",
        (struct linescale_options){.as = {.unit = KG}, .stable_frames = 20, .stable_ms = 1000});
    hold(1250, 950, 50);
    assert_false(d.v.stable);
    hold(1250, 100, 50);
    assert_true(d.v.stable);
}

static void a_jump_inside_the_window_starts_it_anew(void **state)
{
    (void)state;
    continuous();
    hold(1250, 700, 100);
    assert_true(d.v.stable);
    hold(1251, 100, 100);
    assert_false(d.v.stable);
    hold(1250, 500, 100);
    assert_false(d.v.stable);
    hold(1250, 100, 100);
    assert_true(d.v.stable);
}

static void frames_that_come_in_one_heap_are_no_time(void **state)
{
    (void)state;
    continuous();
    d.now_ms += 100;
    for (int i = 0; i < 50; i++)
        show(1250);
    assert_false(d.v.stable);
}

static void gross_has_no_tare_off_and_of_net_it_is_not_known(void **state)
{
    (void)state;
    a12();
    words("WG004.139kg");
    assert_true(d.v.good && !d.v.net_mode && !d.v.tare_unknown);
    assert_int_equal(d.v.net_mg, 4139000);
    assert_int_equal(d.v.gross_mg, 4139000);
    assert_int_equal(d.v.raw_n, 8);
    assert_int_equal(d.v.raw_cut, 1); /* 15 bytes */
    assert_int_equal(d.v.raw[7], 0x0A00);
    words("WN-03.175kg");
    assert_true(d.v.good && d.v.net_mode && d.v.tare_unknown);
    assert_int_equal(d.v.net_mg, -3175000);
    assert_int_equal(d.v.tare_mg, 0);
}

/* ---- what happens on a wire ---- */

static void a_wrong_check_is_counted_and_shows_nothing(void **state)
{
    (void)state;
    continuous();
    char s[32];
    hold(1250, 100, 100);
    size_t n = display(s, "", 9999, 2);
    s[n - 2] ^= 1;
    uint64_t reads = d.v.reads;
    d.now_ms += 100;
    feed(s, n);
    assert_int_equal(d.v.net_mg, 12500000);
    assert_int_equal(d.v.reads, reads);
    assert_int_equal(counts().lines.wrong_checks, 1);
    assert_int_equal(d.v.thrown, 12);
    hold(1250, 100, 100);
    assert_int_equal(d.v.reads, reads + 1);
}

static void half_a_frame_is_never_finished_by_another(void **state)
{
    (void)state;
    continuous();
    char a[32], b[32];
    size_t n = display(a, "", 1250, 2);
    display(b, "", 7777, 2);
    for (size_t cut = 5; cut < n - 1; cut++) { /* up to there, and after that, both are alike */
        feed(a, cut);
        feed(b + cut, n - cut); /* the rest of another frame */
        assert_int_equal(counts().readings, 0);
        later(300);
    }
    feed(a, 5);
    feed(b, n);
    assert_int_equal(counts().readings, 1);
    assert_int_equal(d.v.net_mg, 77770000);
}

/* Every bit pattern of a speed that drifts: bits of the frame shifted, then rubbish. */
static void a_speed_that_drifts_gives_nothing_and_heals(void **state)
{
    (void)state;
    continuous();
    char s[32], bad[32];
    size_t n = display(s, "", 1250, 2);
    for (int shift = 1; shift < 8; shift++) {
        for (size_t i = 0; i < n; i++)
            bad[i] = (char)((uint8_t)s[i] << shift | (uint8_t)s[i ? i - 1 : n - 1] >> (8 - shift));
        d.now_ms += 100;
        feed(bad, n);
        for (size_t i = 0; i < n; i++)
            bad[i] = (char)((uint8_t)s[i] | 0x80);
        feed(bad, n);
    }
    assert_int_equal(counts().readings, 0);
    assert_false(d.v.link_up);
    hold(1250, 100, 100);
    assert_int_equal(counts().readings, 1);
    assert_int_equal(d.v.thrown, 14 * n);
}

static void overload_and_underload_are_no_weights(void **state)
{
    (void)state;
    a12();
    for (int i = 0; i < 8; i++, d.now_ms += 100)
        words("WG012.500kg");
    assert_true(d.v.stable);
    words("         OL");
    assert_true(d.v.over && !d.v.good && !d.v.under && !d.v.stable && d.v.link_up);
    words("         LO");
    assert_true(d.v.under && !d.v.good && !d.v.over);
    words("WG012.500kg");
    assert_true(d.v.good && !d.v.stable && !d.v.under); /* the row begins anew */
}

static void a_decimal_point_that_moves_is_an_error_and_no_weight(void **state)
{
    (void)state;
    continuous(); /* d 10 g: two decimals */
    char s[32];
    hold(1250, 700, 100);
    d.now_ms += 100;
    feed(s, display(s, "", 1250, 3));
    assert_true(!d.v.good && !d.v.stable);
    d.now_ms += 100;
    feed(s, display(s, "", 125, 1));
    assert_false(d.v.good);
    hold(1250, 100, 100);
    assert_true(d.v.good && !d.v.stable);
}

static void a_scale_that_falls_silent_is_down_and_not_steady(void **state)
{
    (void)state;
    continuous();
    hold(1250, 700, 100);
    assert_true(d.v.link_up && d.v.stable);
    int64_t last = d.v.at.ns;
    later(999);
    assert_true(d.v.link_up);
    later(1);
    assert_false(d.v.link_up || d.v.stable || d.v.stable_by_host);
    assert_int_equal(d.v.at.ns, last); /* its age is that of the last frame */
    show(1250);
    assert_true(d.v.link_up && !d.v.stable);
    for (int i = 0; i < 20; i++) { /* too far apart to be a row */
        d.now_ms += 501;
        show(1250);
    }
    assert_false(d.v.stable);
}

static void a_scale_that_is_to_be_missed_is_waited_for(void **state)
{
    (void)state;
    continuous();
    tick(true);
    assert_true(d.wake_ms == INT64_MAX);
    show(1250);
    assert_int_equal(d.wake_ms, d.now_ms + 1000);
}

static void a_lost_port_is_down_at_once_and_steady_starts_anew(void **state)
{
    (void)state;
    continuous();
    char s[32];
    hold(1250, 700, 100);
    feed(s, display(s, "", 1250, 2) / 2);
    linescale_lost(d.s, at(d.now_ms));
    tick(false);
    assert_false(d.v.link_up || d.v.stable);
    d.now_ms += 50;
    feed(s + 6, 6); /* what was begun before is gone */
    assert_int_equal(counts().readings, 7);
    hold(1250, 500, 100);
    assert_true(d.v.link_up && !d.v.stable);
    hold(1250, 100, 100);
    assert_true(d.v.stable);
}

/* ---- asked ---- */

static const char *ask(void)
{
    static char text[LINES_FRAME_MAX + 1];
    struct mono wake;
    size_t n = linescale_want(d.s, at(d.now_ms), (uint8_t *)text, &wake);
    d.wake_ms = wake.ns == MONO_NEVER.ns ? INT64_MAX : wake.ns / 1000000;
    if (n == 0)
        return NULL;
    text[n] = 0;
    linescale_asked(d.s, true, at(d.now_ms));
    return text;
}

static void answer(const char *head, int value)
{
    char s[32];
    feed(s, display(s, head, value, 2));
}

/* A whole round that begins now. */
static void round_of(int net, int gross)
{
    assert_string_equal(ask(), "\002AD05\003");
    d.now_ms += 20;
    answer("AD", net);
    assert_string_equal(ask(), "\002AB03\003");
    d.now_ms += 20;
    answer("AB", gross);
    assert_null(ask());
}

static void a_round_asks_for_net_and_gross_and_knows_the_tare(void **state)
{
    (void)state;
    asked();
    int64_t began = d.now_ms;
    round_of(1250, 1500);
    assert_true(d.v.good && d.v.link_up && d.v.net_mode && !d.v.tare_unknown);
    assert_int_equal(d.v.net_mg, 12500000);
    assert_int_equal(d.v.gross_mg, 15000000);
    assert_int_equal(d.v.tare_mg, 2500000);
    assert_int_equal(d.v.at.ns, at(began + 20).ns); /* as old as its oldest frame */
    assert_int_equal(d.v.raw_n, 14);                /* both frames */
    assert_int_equal(d.wake_ms, began + 100);       /* the next round */
    d.now_ms = began + 100;
    round_of(1500, 1500);
    assert_true(!d.v.net_mode && d.v.tare_mg == 0 && d.v.reads == 2);
}

static void nothing_is_shown_before_a_round_is_whole(void **state)
{
    (void)state;
    asked();
    assert_non_null(ask());
    answer("AD", 1250);
    assert_int_equal(d.v.reads, 0);
    assert_non_null(ask());
    assert_null(ask()); /* it waits */
    answer("AD", 1250); /* not what was asked */
    answer("BB", 1500); /* not ours */
    assert_int_equal(d.v.reads, 0);
    answer("AB", 1500);
    assert_int_equal(d.v.reads, 1);
    answer("AB", 1600); /* not asked for */
    assert_int_equal(d.v.reads, 1);
    assert_int_equal(counts().unasked, 2);
    assert_int_equal(counts().lines.others, 1);
    assert_int_equal(d.v.thrown, 0);
}

static void a_late_answer_is_not_that_to_the_next_request(void **state)
{
    (void)state;
    asked();
    struct mono until;
    assert_non_null(ask());
    assert_true(linescale_waits(d.s, &until));
    assert_int_equal(until.ns, at(d.now_ms + 240).ns);
    later(240);
    assert_false(linescale_waits(d.s, &until));
    assert_int_equal(counts().timeouts, 1);
    assert_null(ask()); /* as long again */
    assert_int_equal(d.wake_ms, d.now_ms + 240);
    later(200);
    answer("AD", 1250); /* late */
    assert_int_equal(counts().unasked, 1);
    later(40);
    round_of(1300, 1300);
    assert_int_equal(d.v.net_mg, 13000000);
}

static void a_round_that_breaks_begins_again(void **state)
{
    (void)state;
    asked();
    assert_non_null(ask());
    answer("AD", 1250);
    assert_non_null(ask());
    later(240); /* no gross */
    later(240);
    round_of(1300, 1500); /* the net of the broken round stands beside no new gross */
    assert_int_equal(d.v.net_mg, 13000000);
}

static void a_request_that_could_not_be_sent_is_tried_with_the_next_round(void **state)
{
    (void)state;
    asked();
    uint8_t out[LINES_FRAME_MAX];
    struct mono wake;
    assert_true(linescale_want(d.s, at(d.now_ms), out, &wake) > 0);
    linescale_asked(d.s, false, at(d.now_ms));
    assert_int_equal(linescale_want(d.s, at(d.now_ms), out, &wake), 0);
    assert_int_equal(wake.ns, at(d.now_ms + 100).ns);
    d.now_ms += 100;
    round_of(1250, 1250);
}

static void rounds_of_equal_weights_are_steady(void **state)
{
    (void)state;
    asked();
    for (int i = 0; i < 6; i++) {
        int64_t began = d.now_ms;
        assert_false(d.v.stable);
        round_of(1250, 1500);
        d.now_ms = began + 100;
    }
    assert_true(d.v.stable && d.v.stable_by_host);
    round_of(1250, 1501); /* the same net, another gross */
    assert_false(d.v.stable);
}

/* ---- a flag of the scale's own ---- */

static const char flagged[] =
    "map: t\nversion: 1.0.0\nkind: lines\ntitle: t\nsource: s\nconfidence: C\ntrade: none\n"
    "lines:\n  mode: continuous\n  forms:\n    - {name: w, length: 9, begin: [0x3D], end: [0x0A],\n"
    "       stable: {at: 1, words: {S: yes, M: no}}, digits: {at: 2, width: 6}, decimals: 2,\n"
    "       source: s, confidence: C}\n"
    "    - {name: e, says: error, length: 9, begin: [0x21], match: [{at: 1, text: \"ERR0001\"}],\n"
    "       end: [0x0A], source: s, confidence: C}\n"
    "vectors:\n  - {name: v, origin: constructed, unit: kg, text: \"=\", frames: 0}\n";

static void where_the_scale_says_it_the_host_does_not_judge(void **state)
{
    (void)state;
    struct err e = {0};
    memset(&d, 0, sizeof(d));
    assert_int_equal(map_parse("t", flagged, strlen(flagged), &d.map, &e), 0);
    struct linescale_options o = {.name = "floor", .map = d.map, .as = {.unit = KG}};
    assert_int_equal(linescale_new(&o, &d.s, &e), 0);
    feed("=S001250\n", 9);
    assert_true(d.v.good && d.v.stable && !d.v.stable_by_host);
    for (int i = 0; i < 20; i++, d.now_ms += 100)
        feed("=M001250\n", 9);
    assert_true(d.v.good && !d.v.stable);
    feed("!ERR0001\n", 9);
    assert_true(d.v.error && !d.v.good && !d.v.stable);
}

#define DESK_TEST(f) cmocka_unit_test_teardown(f, close_desk)
int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_weight_is_shown_as_it_was_sent),
        DESK_TEST(steady_is_judged_by_frames_and_by_time),
        DESK_TEST(the_configuration_may_ask_for_more),
        DESK_TEST(a_jump_inside_the_window_starts_it_anew),
        DESK_TEST(frames_that_come_in_one_heap_are_no_time),
        DESK_TEST(gross_has_no_tare_off_and_of_net_it_is_not_known),
        DESK_TEST(a_wrong_check_is_counted_and_shows_nothing),
        DESK_TEST(half_a_frame_is_never_finished_by_another),
        DESK_TEST(a_speed_that_drifts_gives_nothing_and_heals),
        DESK_TEST(overload_and_underload_are_no_weights),
        DESK_TEST(a_decimal_point_that_moves_is_an_error_and_no_weight),
        DESK_TEST(a_scale_that_falls_silent_is_down_and_not_steady),
        DESK_TEST(a_scale_that_is_to_be_missed_is_waited_for),
        DESK_TEST(a_lost_port_is_down_at_once_and_steady_starts_anew),
        DESK_TEST(a_round_asks_for_net_and_gross_and_knows_the_tare),
        DESK_TEST(nothing_is_shown_before_a_round_is_whole),
        DESK_TEST(a_late_answer_is_not_that_to_the_next_request),
        DESK_TEST(a_round_that_breaks_begins_again),
        DESK_TEST(a_request_that_could_not_be_sent_is_tried_with_the_next_round),
        DESK_TEST(rounds_of_equal_weights_are_steady),
        DESK_TEST(where_the_scale_says_it_the_host_does_not_judge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
