/* Canonical bytes, strict parsing, fields of a request. */
#include "base/json.h"
#include "base/test_tmp.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static json_t *parsed(const char *text)
{
    json_t *j = NULL;
    assert_int_equal(json_parse(text, strlen(text), &j, NULL), 0);
    return j;
}

static void assert_canonical(const char *text, const char *want)
{
    json_t *j = parsed(text);
    size_t n = 0;
    char *got = json_canonical(j, &n);
    assert_non_null(got);
    assert_string_equal(got, want);
    assert_int_equal(n, strlen(want));
    free(got);
    json_decref(j);
}

static void keys_are_sorted_by_bytes_and_blanks_go(void **state)
{
    (void)state;
    assert_canonical(" { \"b\" : 1 , \"a\" : [ 1 , true , null ] , \"B\" : { } } ",
                     "{\"B\":{},\"a\":[1,true,null],\"b\":1}");
    assert_canonical("{\"é\":1,\"z\":2,\"aa\":3,\"a\":4}", "{\"a\":4,\"aa\":3,\"z\":2,\"é\":1}");
}

static void text_stays_utf8_and_control_characters_are_escaped(void **state)
{
    (void)state;
    assert_canonical("{\"t\":\"党\\u53c2 \\/ \\\" \\\\ \\n\\t\\u0001\\u007f\"}",
                     "{\"t\":\"党参 / \\\" \\\\ \\n\\t\\u0001\x7f\"}");
}

static void integers_keep_all_64_bits(void **state)
{
    (void)state;
    assert_canonical("[9223372036854775807,-9223372036854775808,-0]",
                     "[9223372036854775807,-9223372036854775808,0]");
}

static void reals_have_no_canonical_form_at_any_depth(void **state)
{
    (void)state;
    static const char *const bad[] = {"[1.0]", "{\"a\":[{\"b\":1e3}]}", "[[[[0.5]]]]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *j = parsed(bad[i]);
        size_t n = 7;
        assert_null(json_canonical(j, &n));
        assert_int_equal(n, 7);
        json_decref(j);
    }
    assert_null(json_canonical(NULL, NULL));
}

/* A value in any order of keys: the same bytes. */
static void order_of_making_does_not_show(void **state)
{
    (void)state;
    uint64_t seed = seed_print(__func__);
    for (int turn = 0; turn < 200; turn++) {
        json_t *a = json_object(), *b = json_object();
        char key[16];
        int first = (int)(seed_next(&seed) % 40);
        for (int i = 0; i < 40; i++) {
            snprintf(key, sizeof key, "k%d", i);
            json_object_set_new(a, key, json_integer(i));
            snprintf(key, sizeof key, "k%d", (i + first) % 40);
            json_object_set_new(b, key, json_integer((i + first) % 40));
        }
        char *x = json_canonical(a, NULL), *y = json_canonical(b, NULL);
        assert_string_equal(x, y);
        free(x);
        free(y);
        json_decref(a);
        json_decref(b);
    }
}

static void duplicates_and_rubbish_are_refused_with_the_place(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"a\":1,\"a\":2}", "{",    "",    "[1,]",   "{\"a\":1} x", "[\"\xff\"]",
        "[\"\\u0000\"]",     "[01]", "nul", "{'a':1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *j = NULL;
        struct err e = {0};
        assert_int_equal(json_parse(bad[i], strlen(bad[i]), &j, &e), ERR_PARSE);
        assert_null(j);
        assert_non_null(strstr(e.text, "line 1 column"));
    }
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[1000];
    for (int depth = 60; depth < 200; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        json_t *j = NULL;
        int code = json_parse(text, (size_t)depth * 2, &j, NULL);
        assert_int_equal(code, depth <= 64 ? 0 : ERR_PARSE);
        json_decref(j);
    }
}

static void an_integer_field_is_checked_and_named(void **state)
{
    (void)state;
    json_t *o = parsed("{\"net_mg\":5000,\"t\":\"x\",\"r\":1.0}");
    int64_t v = 7;
    struct err e = {0};
    assert_int_equal(json_get_int(o, "net_mg", 0, 5000, &v, &e), 0);
    assert_true(v == 5000);
    assert_int_equal(json_get_int(o, "net_mg", 0, 4999, &v, &e), ERR_RANGE);
    assert_string_equal(e.text, "\"net_mg\" must be 0 to 4999, not 5000");
    assert_int_equal(json_get_int(o, "gross_mg", 0, 1, &v, &e), ERR_KEY);
    assert_string_equal(e.text, "\"gross_mg\" is missing");
    assert_int_equal(json_get_int(o, "t", 0, 1, &v, &e), ERR_KEY);
    assert_int_equal(json_get_int(o, "r", 0, 1, &v, &e), ERR_KEY);
    assert_int_equal(json_get_int(NULL, "t", 0, 1, &v, &e), ERR_KEY);
    assert_true(v == 5000);
    json_decref(o);
}

static void a_text_field_is_bounded_in_bytes(void **state)
{
    (void)state;
    json_t *o = parsed("{\"farm\":\"党参\",\"n\":3}");
    const char *t = NULL;
    struct err e = {0};
    assert_int_equal(json_get_text(o, "farm", 6, &t, &e), 0);
    assert_string_equal(t, "党参");
    t = NULL;
    assert_int_equal(json_get_text(o, "farm", 5, &t, &e), ERR_RANGE);
    assert_int_equal(json_get_text(o, "n", 5, &t, &e), ERR_KEY);
    assert_int_equal(json_get_text(o, "x", 5, &t, &e), ERR_KEY);
    assert_null(t);
    json_decref(o);
}

static void defaults_stand_in_for_what_is_missing_or_of_another_kind(void **state)
{
    (void)state;
    json_t *o = parsed("{\"a\":1,\"b\":\"x\"}");
    assert_int_equal(json_int_or(o, "a", 9), 1);
    assert_int_equal(json_int_or(o, "b", 9), 9);
    assert_int_equal(json_int_or(NULL, "b", 9), 9);
    assert_string_equal(json_text_or(o, "b", "d"), "x");
    assert_string_equal(json_text_or(o, "a", "d"), "d");
    json_decref(o);
}

static void unknown_keys_are_refused_with_the_nearest_one(void **state)
{
    (void)state;
    json_t *o = parsed("{\"net_mg\":1,\"placment\":2}");
    struct err e = {0};
    assert_int_equal(json_only(o, "net_mg|placement", &e), ERR_KEY);
    assert_string_equal(e.text, "unknown key \"placment\", did you mean \"placement\"?");
    assert_int_equal(json_only(o, "net_mg|placment", &e), 0);
    assert_int_equal(json_only(o, "net|placement", &e), ERR_KEY); /* no prefix counts */
    assert_int_equal(json_only(NULL, "a", &e), 0);
    json_t *list = json_array();
    assert_int_equal(json_only(list, "a", &e), ERR_KEY);
    json_decref(list);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_sorted_by_bytes_and_blanks_go),
        cmocka_unit_test(text_stays_utf8_and_control_characters_are_escaped),
        cmocka_unit_test(integers_keep_all_64_bits),
        cmocka_unit_test(reals_have_no_canonical_form_at_any_depth),
        cmocka_unit_test(order_of_making_does_not_show),
        cmocka_unit_test(duplicates_and_rubbish_are_refused_with_the_place),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(an_integer_field_is_checked_and_named),
        cmocka_unit_test(a_text_field_is_bounded_in_bytes),
        cmocka_unit_test(defaults_stand_in_for_what_is_missing_or_of_another_kind),
        cmocka_unit_test(unknown_keys_are_refused_with_the_nearest_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
