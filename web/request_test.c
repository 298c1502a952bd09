/* Reading what a browser sends: strictly, and never past its end. */
#include "web/request.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void a_path_is_split_and_decoded(void **state)
{
    (void)state;
    struct request q = {0};
    assert_int_equal(request_parse("/01/06901234567892//10/G%32/?s=AB+C&x", &q), 0);
    assert_int_equal(q.n_segments, 4);
    assert_string_equal(q.segment[0], "01");
    assert_string_equal(q.segment[3], "G2");
    char s[16];
    assert_int_equal(request_query(&q, "s", s, sizeof s), 0);
    assert_string_equal(s, "AB C");
    assert_int_equal(request_query(&q, "x", s, sizeof s), 0);
    assert_string_equal(s, "");
    assert_int_equal(request_query(&q, "t", s, sizeof s), ERR_NOT_FOUND);
    assert_int_equal(request_parse("/", &q), 0);
    assert_int_equal(q.n_segments, 0);
    assert_string_equal(q.query, "");
}

static void an_escaped_slash_stays_within_its_segment(void **state)
{
    (void)state;
    struct request q = {0};
    assert_int_equal(request_parse("/B/a%2Fb", &q), 0);
    assert_int_equal(q.n_segments, 2);
    assert_string_equal(q.segment[1], "a/b");
}

static void what_is_not_an_address_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        int code;
    } bad[] = {{"", ERR_PARSE},
               {"B", ERR_PARSE},
               {"http://x/B", ERR_PARSE},
               {"/%", ERR_PARSE},
               {"/%4", ERR_PARSE},
               {"/%zz", ERR_PARSE},
               {"/%00", ERR_PARSE},
               {"/a%0ab", ERR_PARSE},
               {"/%7f", ERR_PARSE},
               {"/a\x01", ERR_PARSE},
               {"/1/2/3/4/5/6/7/8/9", ERR_NOT_FOUND}};
    struct request q = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(request_parse(bad[i].uri, &q), bad[i].code);
    char *longest = malloc(HTTP_URL_MAX + 2);
    assert_non_null(longest);
    memset(longest, 'a', HTTP_URL_MAX + 1);
    longest[0] = '/';
    longest[HTTP_URL_MAX + 1] = '\0';
    assert_int_equal(request_parse(longest, &q), ERR_TOOBIG);
    longest[HTTP_URL_MAX] = '\0';
    assert_int_equal(request_parse(longest, &q), 0);
    assert_int_equal(strlen(q.segment[0]), HTTP_URL_MAX - 1);
    free(longest);
}

static void a_form_field_is_whole_or_refused(void **state)
{
    (void)state;
    char text[8];
    const char *form = "text=%E7%83%82%E4%BA%86&long=12345678&bad=%2&lines=a%0D%0Ab&textual=no";
    assert_int_equal(form_get(form, "text", text, sizeof text), 0);
    assert_string_equal(text, "烂了");
    assert_int_equal(form_get(form, "long", text, sizeof text), ERR_TOOBIG);
    assert_int_equal(form_get(form, "bad", text, sizeof text), ERR_PARSE);
    assert_int_equal(form_get(form, "lines", text, sizeof text), 0);
    assert_string_equal(text, "a\r\nb");
    assert_int_equal(form_get("", "text", text, sizeof text), ERR_NOT_FOUND);
    assert_int_equal(form_get("&&=&", "text", text, sizeof text), ERR_NOT_FOUND);
}

static void the_language_asked_for_wins_over_the_preferred_one(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *header;
        enum lang lang;
    } cases[] = {{"/", NULL, LANG_ZH},
                 {"/", "en-GB,en;q=0.9", LANG_EN},
                 {"/?lang=en", NULL, LANG_EN},
                 {"/?lang=zh", "en", LANG_ZH},
                 {"/?lang=fr", "en", LANG_ZH},
                 {"/?lang=%00", "en", LANG_EN},
                 {"/", "zh-CN,zh;q=0.9", LANG_ZH}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request q = {0};
        assert_int_equal(request_parse(cases[i].uri, &q) && cases[i].header == NULL, 0);
        request_language(&q, cases[i].header);
        assert_int_equal(q.lang, cases[i].lang);
    }
}

static void accept_takes_the_weightiest(void **state)
{
    (void)state;
    static const char *const offered[] = {"text/html", "application/linkset+json",
                                          "application/ld+json", NULL};
    static const struct {
        const char *header;
        int best;
    } cases[] = {
        {NULL, 0},
        {"*/*", 0},
        {"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", 0},
        {"application/linkset+json", 1},
        {"application/ld+json;q=0.9, text/html;q=0.5", 2},
        {"application/*", 1},
        {"text/html;q=0, application/ld+json;q=0.001", 2},
        {"image/png", 0},
        {"application/ld+json ; charset=utf-8 ; q=1.000 , text/html;q=0.999", 2},
        {";;;,,,q=,text", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(accept_best(cases[i].header, offered), offered[cases[i].best]);
    assert_true(accept_gzip("gzip, deflate, br"));
    assert_true(accept_gzip("br;q=1.0, *;q=0.1"));
    assert_false(accept_gzip("gzip;q=0, identity"));
    assert_false(accept_gzip("identity"));
    assert_false(accept_gzip(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_split_and_decoded),
        cmocka_unit_test(an_escaped_slash_stays_within_its_segment),
        cmocka_unit_test(what_is_not_an_address_is_refused),
        cmocka_unit_test(a_form_field_is_whole_or_refused),
        cmocka_unit_test(the_language_asked_for_wins_over_the_preferred_one),
        cmocka_unit_test(accept_takes_the_weightiest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
