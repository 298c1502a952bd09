/* A label's address, its numbers, hostile names. */
#include "labels/label.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const struct label plain = {.product = "潞党参",
                                   .grade = "一等",
                                   .net_kg = "25.004",
                                   .lot = "G261124-A012T",
                                   .box = "XMPNR79Y7X",
                                   .seal = "1P9ZAVD7KR09YPCP",
                                   .packed = "2026-11-24",
                                   .coop = "演示合作社",
                                   .word_net = "净重",
                                   .word_lot = "批次",
                                   .word_packed = "装箱",
                                   .url =
                                       "https://LOTLINE.EXAMPLE/B/XMPNR79Y7X?s=1P9ZAVD7KR09YPCP"};

static void the_host_is_in_capitals_and_the_scheme_is_not(void **state)
{
    (void)state;
    char url[LABEL_URL_MAX];
    assert_int_equal(
        label_url("https://lotline.example", "XMPNR79Y7X", "1P9ZAVD7KR09YPCP", url, sizeof url), 0);
    assert_string_equal(url, plain.url);
    assert_int_equal(
        label_url("http://127.0.0.1:8080/shed", "XMPNR79Y7X", "1P9ZAVD7KR09YPCP", url, sizeof url),
        0);
    assert_string_equal(url, "http://127.0.0.1:8080/shed/B/XMPNR79Y7X?s=1P9ZAVD7KR09YPCP");
    char small[20];
    assert_int_equal(
        label_url("https://lotline.example", "XMPNR79Y7X", "1P9ZAVD7KR09YPCP", small, sizeof small),
        ERR_TOOBIG);
}

static void an_address_is_refused_rather_than_cut(void **state)
{
    (void)state;
    char url[LABEL_URL_MAX], seal[64];
    memset(seal, 'A', sizeof seal);
    seal[47] = '\0'; /* "/B/", ten characters, "?s=", 47 more and the NUL are 64 */
    assert_int_equal(label_url("https://lotline.example", "XMPNR79Y7X", seal, url, sizeof url), 0);
    assert_string_equal(strstr(url, "?s=") + 3, seal);
    seal[47] = 'A';
    seal[48] = '\0';
    assert_int_equal(label_url("https://lotline.example", "XMPNR79Y7X", seal, url, sizeof url),
                     ERR_TOOBIG);
}

static void a_label_says_what_a_person_types_from_a_torn_one(void **state)
{
    (void)state;
    char *svg = NULL;
    assert_int_equal(label_svg(&plain, &svg, NULL), 0);
    const char *const there[] = {"潞党参 一等",   "净重 25.004 kg",
                                 "G261124-A012T", "XMPNR79Y7X 1P9Z AVD7 KR09 YPCP",
                                 "演示合作社",    "width=\"60mm\" height=\"40mm\""};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        assert_non_null(strstr(svg, there[i]));
    free(svg);
}

static void without_a_trade_weight_none_is_printed(void **state)
{
    (void)state;
    struct label l = plain;
    char *svg = NULL;
    l.net_kg = "";
    assert_int_equal(label_svg(&l, &svg, NULL), 0);
    assert_null(strstr(svg, "净重"));
    assert_null(strstr(svg, " kg<"));
    free(svg);
}

static void a_hostile_name_stays_a_name(void **state)
{
    (void)state;
    struct label l = plain;
    char *svg = NULL;
    l.coop = "</text><script>alert(1)</script>&\"";
    assert_int_equal(label_svg(&l, &svg, NULL), 0);
    assert_null(strstr(svg, "<script"));
    assert_non_null(strstr(svg, "&lt;/text&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;"));
    free(svg);
}

static void a_long_name_is_set_smaller_and_not_cut(void **state)
{
    (void)state;
    struct label l = plain;
    char *svg = NULL;
    l.coop = "某某市某某区某某街道某某中药材种植农民专业合作社联合社第一分社";
    assert_int_equal(label_svg(&l, &svg, NULL), 0);
    char *text = strstr(svg, l.coop);
    assert_non_null(text);
    *text = '\0';
    assert_null(strstr(strrchr(svg, '<'), "font-size=\"3400\""));
    free(svg);
}

static void an_address_that_needs_a_larger_code_is_refused(void **state)
{
    (void)state;
    struct label l = plain;
    struct err e = {0};
    char *svg = NULL;
    l.url = "https://"
            "a-very-long-name-of-a-host-that-nobody-should-have.some-county.some-province.example/"
            "and/a/path/as/well/B/XMPNR79Y7X?s=1P9ZAVD7KR09YPCP";
    assert_int_equal(label_svg(&l, &svg, &e), ERR_TOOBIG);
    assert_null(svg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_is_in_capitals_and_the_scheme_is_not),
        cmocka_unit_test(an_address_is_refused_rather_than_cut),
        cmocka_unit_test(a_label_says_what_a_person_types_from_a_torn_one),
        cmocka_unit_test(without_a_trade_weight_none_is_printed),
        cmocka_unit_test(a_hostile_name_stays_a_name),
        cmocka_unit_test(a_long_name_is_set_smaller_and_not_cut),
        cmocka_unit_test(an_address_that_needs_a_larger_code_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
