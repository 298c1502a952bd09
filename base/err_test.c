/* The error table and the caller's slot. */
#include "base/err.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void every_code_has_its_own_name_and_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < (int)ERR_COUNT; i++) {
        int code = -(i + 1);
        assert_int_equal(err_from_name(err_name(code)), code);
        assert_true(strlen(err_text(code)) > 0);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(err_name(code), err_name(-(k + 1)));
    }
}

static void exit_codes_follow_the_design(void **state)
{
    (void)state;
    assert_int_equal(err_exit(0), 0);
    assert_int_equal(err_exit(ERR_USAGE), 2);
    assert_int_equal(err_exit(ERR_UNREACHABLE), 3);
    assert_int_equal(err_exit(ERR_CHECK), 4);
    for (int i = 0; i < (int)ERR_COUNT; i++)
        assert_in_range(err_exit(-(i + 1)), 1, 4);
}

static void codes_outside_the_table_are_named_so(void **state)
{
    (void)state;
    assert_string_equal(err_name(0), "OK");
    assert_string_equal(err_name(-(int)ERR_COUNT - 1), "ERR_?");
    assert_string_equal(err_name(7), "ERR_?");
    assert_int_equal(err_exit(-9999), 1);
    assert_int_equal(err_from_name("ERR_NONSENSE"), 0);
    assert_int_equal(err_from_name(NULL), 0);
}

static void a_slot_that_is_null_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_RANGE, "%d", 1), ERR_RANGE);
    assert_int_equal(err_at(NULL, ERR_PARSE, "f", 3, "x"), ERR_PARSE);
    assert_int_equal(err_prefix(NULL, "x"), 0);
}

static void a_line_names_file_and_line_when_there_are_any(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[400];
    assert_int_equal(err_at(&e, ERR_KEY, "lotlined.yaml", 12, "unknown key \"%s\"", "hots"),
                     ERR_KEY);
    assert_string_equal(err_line(&e, buf, sizeof buf), "lotlined.yaml:12: unknown key \"hots\"");
    err_at(&e, ERR_IO, "a.yaml", 0, "gone");
    assert_string_equal(err_line(&e, buf, sizeof buf), "a.yaml: gone");
    err_set(&e, ERR_TIMEOUT, "%s", "");
    assert_string_equal(err_line(&e, buf, sizeof buf), "no answer in time");
}

static void a_long_text_is_cut_at_a_whole_character(void **state)
{
    (void)state;
    for (size_t lead = 0; lead < 3; lead++) {
        struct err e = {0};
        char text[400] = "";
        for (size_t i = 0; i < lead; i++)
            strcat(text, "x");
        while (strlen(text) < 390)
            strcat(text, "党");
        err_set(&e, ERR_IO, "%s", text);
        size_t n = strlen(e.text);
        assert_true(n >= sizeof e.text - 3 && n < sizeof e.text);
        assert_int_equal((n - lead) % 3, 0);
        assert_memory_equal(e.text, text, n);
    }
}

static void of_a_long_file_name_the_end_is_kept(void **state)
{
    (void)state;
    struct err e = {0};
    char name[300];
    memset(name, 'd', sizeof name);
    strcpy(name + 250, "/plc-maps/scale.yaml");
    err_at(&e, ERR_PARSE, name, 4, "x");
    assert_true(strlen(e.file) < sizeof e.file);
    assert_memory_equal(e.file, "...d", 4);
    assert_string_equal(e.file + strlen(e.file) - 20, "/plc-maps/scale.yaml");
}

static void a_prefix_goes_before_the_text_and_keeps_the_place(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[400];
    err_at(&e, ERR_RANGE, "m.yaml", 7, "too heavy");
    assert_int_equal(err_prefix(&e, "scale %d", 2), ERR_RANGE);
    assert_string_equal(err_line(&e, buf, sizeof buf), "m.yaml:7: scale 2: too heavy");
    char flood[300];
    memset(flood, 'p', sizeof flood - 1);
    flood[sizeof flood - 1] = '\0';
    err_prefix(&e, "%s", flood);
    assert_true(strlen(e.text) < sizeof e.text);
}

static void an_argument_may_point_into_the_slot(void **state)
{
    (void)state;
    struct err e = {0};
    err_at(&e, ERR_IO, "f", 1, "inner");
    err_at(&e, ERR_DB, e.file, 2, "outer: %s", e.text);
    assert_string_equal(e.text, "outer: inner");
    assert_string_equal(e.file, "f");
}

/* Messages of libraries quote what they found: a damaged file, somebody's bytes. */
static void a_text_is_one_line_of_utf8_whatever_it_quotes(void **state)
{
    (void)state;
    static const char *const quoted[][2] = {
        {"UNI\xd6UE", "UNI?UE"},
        {"a\nb\x1b[2J\x7f", "a?b?[2J?"},
        {"\xc0\xaf \xe0\x80\xaf", "?? ???"}, /* overlong */
        {"\xed\xa0\x80", "???"},             /* half of a pair */
        {"\xf4\x90\x80\x80", "????"},        /* beyond the last character */
        {"\xe5\x85\x9a \xf0\x9f\x8c\xb1\xe5\x85", "\xe5\x85\x9a \xf0\x9f\x8c\xb1??"},
    };
    for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++) {
        struct err e = {0};
        char want[64];
        err_set(&e, ERR_DB, "%s.", quoted[i][0]);
        snprintf(want, sizeof want, "%s.", quoted[i][1]);
        assert_string_equal(e.text, want);
        err_at(&e, ERR_PARSE, quoted[i][0], 1, "x");
        assert_string_equal(e.file, quoted[i][1]);
        err_prefix(&e, "%s", quoted[i][0]);
        snprintf(want, sizeof want, "%s: x", quoted[i][1]);
        assert_string_equal(e.text, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_own_name_and_a_text),
        cmocka_unit_test(exit_codes_follow_the_design),
        cmocka_unit_test(codes_outside_the_table_are_named_so),
        cmocka_unit_test(a_slot_that_is_null_is_left_alone),
        cmocka_unit_test(a_line_names_file_and_line_when_there_are_any),
        cmocka_unit_test(a_long_text_is_cut_at_a_whole_character),
        cmocka_unit_test(of_a_long_file_name_the_end_is_kept),
        cmocka_unit_test(a_prefix_goes_before_the_text_and_keeps_the_place),
        cmocka_unit_test(an_argument_may_point_into_the_slot),
        cmocka_unit_test(a_text_is_one_line_of_utf8_whatever_it_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
