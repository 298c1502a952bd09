/* The page engine: what a view holds is always escaped; what a page gets wrong is found when it is
 * parsed. */
#include "web/page.h"
#include "base/crypto.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void renders(const char *page, const char *view, const char *html)
{
    struct page *p = NULL;
    struct err e = {0};
    size_t n = 0;
    json_t *v = json_loads(view, 0, NULL);
    assert_non_null(v);
    assert_int_equal(page_parse("test", page, NULL, &p, &e), 0);
    char *text = page_render(p, v, LANG_EN, &n);
    assert_string_equal(text, html);
    assert_int_equal(n, strlen(html));
    free(text);
    page_free(p);
    json_decref(v);
}

static void whatever_comes_from_a_view_is_escaped(void **state)
{
    (void)state;
    const char *hostile =
        "{\"x\":\"<script>alert('1')</script>&\\\"\",\"a\":{\"b\":\"</title>\"},\"l\":[\"<i>\"]}";
    renders("{{x}}", hostile, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;");
    renders(
        "<p title=\"{{x}}\">{{a.b}}", hostile,
        "<p title=\"&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;\">&lt;/title&gt;");
    renders("{{#l}}{{.}}{{/l}}", hostile, "&lt;i&gt;");
    renders("{{t:Say $x}}", hostile,
            "Say &lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;");
    renders("{{&x}}{{{x}}", hostile, ""); /* no way around it: these are names of nothing */
}

static void sections_follow_what_is_there(void **state)
{
    (void)state;
    const char *v =
        "{\"yes\":true,\"no\":false,\"nil\":null,\"empty\":\"\",\"none\":[],\"zero\":0,\"s\":\"t\","
        "\"o\":{\"k\":\"v\"},\"l\":[{\"k\":1},{\"k\":2}],\"k\":\"outer\"}";
    renders("{{#yes}}y{{/yes}}{{#no}}n{{/no}}{{#nil}}n{{/nil}}{{#empty}}n{{/empty}}{{#none}}n{{/"
            "none}}{{#gone}}n{{/gone}}",
            v, "y");
    renders("{{^yes}}n{{/yes}}{{^no}}a{{/no}}{{^nil}}b{{/nil}}{{^empty}}c{{/empty}}{{^none}}d{{/"
            "none}}{{^gone}}e{{/gone}}",
            v, "abcde");
    renders("{{#zero}}{{zero}}{{/zero}}{{#s}}{{s}}{{/s}}", v, "0t");
    renders("{{#o}}{{k}}{{/o}}{{k}}{{#l}}{{k}}{{#o}}{{k}}{{/o}}{{/l}}", v, "vouter1v2v");
    renders("{{#l}}{{s}}{{/l}}{{o.k}}{{o.k.deeper}}{{o.x}}", v, "ttv");
}

static void messages_fill_their_holes_and_indents_go(void **state)
{
    (void)state;
    renders("{{t:Entry $n of $m costs 5 $$}}", "{\"n\":3,\"m\":\"<4>\"}",
            "Entry 3 of &lt;4&gt; costs 5 $");
    renders("<a>\n    <b>\n\n  {{x}}\n  </b>", "{\"x\":\" y\"}", "<a>\n<b>\n y\n</b>");
}

static void a_wrong_page_names_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *page;
        int line;
    } bad[] = {{"a\n{{#x}}\nb", 2},
               {"a\n\n{{/x}}", 3},
               {"{{#x}}\n{{/y}}", 2},
               {"\n{{x", 2},
               {"{{}}", 1},
               {"{{>no.html}}", 1},
               {"{{a:no.js}}", 1},
               {"{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}\n{{#a}}", 2}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct page *p = NULL;
        struct err e = {0};
        assert_int_equal(page_parse("bad.html", bad[i].page, NULL, &p, &e), ERR_PARSE);
        assert_string_equal(e.file, "bad.html");
        assert_int_equal(e.line, bad[i].line);
        assert_null(p);
    }
}

/* The content security policy forbids them all, so a page that used one would silently not work. */
static void no_page_has_inline_scripts_styles_or_foreign_hosts(void **state)
{
    (void)state;
    struct assets *a = NULL;
    struct pages *p = NULL;
    struct err e = {0};
    static const char *const never[] = {" style=",    " onclick=",   " onload=", "javascript:",
                                        "src=\"http", "href=\"http", "@import",  "url(http"};
    assert_int_equal(assets_load(&a, &e), 0);
    assert_int_equal(pages_load(a, &p, &e), 0);
    const struct asset *f;
    for (size_t i = 0; (f = assets_at(a, i)); i++) {
        for (size_t k = 0; k < sizeof never / sizeof *never; k++)
            if (strstr(f->text, never[k]))
                fail_msg("%s has %s", f->name, never[k]);
        for (const char *s = f->text; (s = strstr(s, "<script")); s++)
            assert_non_null(strstr(s, "src=\""));
    }
    assert_non_null(pages_get(p, "buyer.html"));
    pages_free(p);
    assets_free(a);
}

static void an_address_of_a_file_changes_with_its_text(void **state)
{
    (void)state;
    struct assets *a = NULL;
    uint8_t hash[SHA256_LEN];
    char hex[9];
    assert_int_equal(assets_load(&a, NULL), 0);
    const struct asset *f = assets_get(a, "verify.js");
    sha256_of(f->text, f->n, hash);
    assert_string_equal(f->tag, hex_text(hash, 4, hex, sizeof hex));
    assert_string_equal(asset_type(f->name), "text/javascript; charset=utf-8");
    assert_null(assets_get(a, "no.js"));
    assets_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_comes_from_a_view_is_escaped),
        cmocka_unit_test(sections_follow_what_is_there),
        cmocka_unit_test(messages_fill_their_holes_and_indents_go),
        cmocka_unit_test(a_wrong_page_names_its_line),
        cmocka_unit_test(no_page_has_inline_scripts_styles_or_foreign_hosts),
        cmocka_unit_test(an_address_of_a_file_changes_with_its_text),
    };
    return crypto_setup() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
