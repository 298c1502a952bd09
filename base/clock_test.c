/* Two times, and dates without libc's zones. */
#include "base/clock.h"
#include "base/err.h"
#include "base/test_tmp.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static void utc_is_written_with_milliseconds_and_z(void **state)
{
    (void)state;
    char buf[32];
    assert_string_equal(wall_utc((struct wall){0}, buf, sizeof buf), "1970-01-01T00:00:00.000Z");
    assert_string_equal(wall_utc((struct wall){1795500721250}, buf, sizeof buf),
                        "2026-11-24T06:12:01.250Z");
    assert_string_equal(wall_utc((struct wall){951782400000}, buf, 25), "2000-02-29T00:00:00.000Z");
    assert_string_equal(wall_utc((struct wall){-1}, buf, sizeof buf), "1969-12-31T23:59:59.999Z");
}

static void local_time_crosses_midnight_by_the_offset(void **state)
{
    (void)state;
    char buf[32];
    struct wall t = {1795546800000}; /* 2026-11-24T19:00:00Z */
    assert_string_equal(wall_local(t, 480, buf, sizeof buf), "2026-11-25 03:00");
    assert_string_equal(wall_local(t, 0, buf, sizeof buf), "2026-11-24 19:00");
    assert_string_equal(wall_local(t, -1170, buf, sizeof buf), "2026-11-23 23:30");
    assert_string_equal(wall_yymmdd(t, 480, buf, 7), "261125");
}

static void the_environment_does_not_move_a_date(void **state)
{
    (void)state;
    char buf[32];
    setenv("TZ", "America/New_York", 1);
    tzset();
    assert_string_equal(wall_local((struct wall){0}, 480, buf, sizeof buf), "1970-01-01 08:00");
    unsetenv("TZ");
}

static void times_out_of_range_show_the_nearest_end(void **state)
{
    (void)state;
    char buf[32];
    assert_string_equal(wall_utc((struct wall){INT64_MAX}, buf, sizeof buf),
                        "9999-12-31T23:59:59.999Z");
    assert_string_equal(wall_utc((struct wall){INT64_MIN}, buf, sizeof buf),
                        "0000-01-01T00:00:00.000Z");
    assert_string_equal(wall_local((struct wall){INT64_MAX}, 480, buf, sizeof buf),
                        "9999-12-31 23:59");
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    uint64_t seed = seed_print(__func__);
    for (int i = 0; i < 20000; i++) {
        struct wall t = {(int64_t)(seed_next(&seed) % 315569519999999u) - 62167219200000},
                    back = {0};
        char buf[32];
        wall_utc(t, buf, sizeof buf);
        assert_int_equal(wall_parse(buf, &back), 0);
        assert_true(back.ms == t.ms);
    }
}

static void dates_agree_with_libc(void **state)
{
    (void)state;
    uint64_t seed = seed_print(__func__);
    for (int i = 0; i < 20000; i++) {
        time_t s = (time_t)(seed_next(&seed) % 8589934592u) - 2147483648;
        char ours[32], theirs[64];
        struct tm tm;
        gmtime_r(&s, &tm);
        strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        assert_string_equal(wall_utc((struct wall){(int64_t)s * 1000}, ours, sizeof ours), theirs);
    }
}

static void milliseconds_may_be_left_out(void **state)
{
    (void)state;
    struct wall t = {7};
    assert_int_equal(wall_parse("2026-11-24T06:12:01Z", &t), 0);
    assert_true(t.ms == 1795500721000);
}

static void other_texts_are_refused_and_nothing_is_written(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "2026-11-24",
                                      "2026-11-24T06:12:01",
                                      "2026-11-24T06:12:01.25Z",
                                      "2026-11-24T06:12:01.2500Z",
                                      "2026-11-24 06:12:01Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-04-31T00:00:00Z",
                                      "2026-04-00T00:00:00Z",
                                      "2026-04-32T00:00:00Z",
                                      "2026-02-29T00:00:00Z",
                                      "1900-02-29T00:00:00Z",
                                      "2026-11-24T24:00:00Z",
                                      "2026-11-24T06:60:00Z",
                                      "2026-11-24T06:12:60Z",
                                      "2026-11-24T06:12:01Zz",
                                      "+026-11-24T06:12:01Z",
                                      " 2026-11-24T06:12:01Z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wall t = {7};
        assert_int_equal(wall_parse(bad[i], &t), ERR_PARSE);
        assert_true(t.ms == 7);
    }
    assert_int_equal(wall_parse(NULL, &(struct wall){0}), ERR_PARSE);
}

static void monotonic_time_never_goes_back(void **state)
{
    (void)state;
    struct mono last = mono_now();
    for (int i = 0; i < 10000; i++) {
        struct mono now = mono_now();
        assert_true(mono_since_ns(now, last) >= 0);
        last = now;
    }
}

static void never_stays_never(void **state)
{
    (void)state;
    assert_true(mono_add_ms(MONO_NEVER, 1000).ns == INT64_MAX);
    assert_false(mono_reached(mono_now(), MONO_NEVER));
    assert_true(mono_min(mono_now(), MONO_NEVER).ns < INT64_MAX);
}

static void the_boot_id_is_32_hex_digits_and_stays(void **state)
{
    (void)state;
    const char *id = clock_boot_id();
    assert_int_equal(strlen(id), 32);
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
    assert_ptr_equal(clock_boot_id(), id);
}

static void the_clock_is_synced_or_not(void **state)
{
    (void)state;
    const char *s = clock_state();
    assert_true(!strcmp(s, "synced") || !strcmp(s, "unsynced"));
    assert_true(wall_now().ms > 1600000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utc_is_written_with_milliseconds_and_z),
        cmocka_unit_test(local_time_crosses_midnight_by_the_offset),
        cmocka_unit_test(the_environment_does_not_move_a_date),
        cmocka_unit_test(times_out_of_range_show_the_nearest_end),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(dates_agree_with_libc),
        cmocka_unit_test(milliseconds_may_be_left_out),
        cmocka_unit_test(other_texts_are_refused_and_nothing_is_written),
        cmocka_unit_test(monotonic_time_never_goes_back),
        cmocka_unit_test(never_stays_never),
        cmocka_unit_test(the_boot_id_is_32_hex_digits_and_stays),
        cmocka_unit_test(the_clock_is_synced_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
