/* All errors of a file at once, and the texts for people. */
#include "plc-maps/map_parts.h"
#include "plc-maps/maplist.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct heard {
    char all[40000];
    unsigned n;
};

static void hear_error(void *ctx, const struct err *e)
{
    struct heard *h = ctx;
    size_t at = strlen(h->all);
    snprintf(h->all + at, sizeof h->all - at, "%d: %s\n", e->line, e->text);
    h->n++;
}

static void hear_line(void *ctx, const char *text)
{
    struct heard *h = ctx;
    size_t at = strlen(h->all);
    snprintf(h->all + at, sizeof h->all - at, "%s\n", text);
    h->n++;
}

static void has(const struct heard *h, const char *text)
{
    if (!strstr(h->all, text))
        fail_msg("no \"%s\" in:\n%s", text, h->all);
}

static void test_shipped_maps_are_right(void **state)
{
    (void)state;
    struct heard h = {0};
    struct map_report r = {.error = hear_error, .ctx = &h};
    struct err e = {0};
    assert_int_equal(map_check_file("plc-maps/hbm-wtx110.yaml", &r, &e), 0);
    assert_int_equal(r.errors, 0);
    assert_true(r.vectors > 10);
    assert_int_equal(h.n, 0);
}

static void test_all_errors(void **state)
{
    (void)state;
    char path[] = "/tmp/maplist_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fputs("map: x\nversion: 1.0.0\nkind: registers\ntitle: t\nsorce: s\nconfidence: E\n" /* 5, 6 */
          "link: {fc: [3], max_read: 500, timeout_ms: 100, turnaround_ms: 10}\n"         /* 7 */
          "records:\n"
          "  - {name: a, addr: 70000, words: 2, source: s, confidence: A, fields: []}\n" /* 9 */
          "  - {name: b, addr: 1, words: 2, source: s, fields: [{role: scale.nte, at: 0, typ: "
          "u16}]}\n"
          "vectors: []\n",
          f);
    fclose(f);
    struct heard h = {0};
    struct map_report r = {.error = hear_error, .ctx = &h};
    struct err e = {0};
    assert_int_equal(map_check_file(path, &r, &e), ERR_KEY);
    remove(path);
    assert_int_equal(r.errors, h.n);
    assert_int_equal(r.vectors, 0);
    has(&h, "5: unknown key \"sorce\", did you mean \"source\"?");
    has(&h, "1: missing key \"source\"");
    has(&h, "6: \"confidence\" must be A, B or C");
    has(&h, "7: \"max_read\" must be 1 to 125 words, not 500");
    has(&h, "9: \"addr\" must be 0 to 65535, not 70000");
    has(&h, "10: missing key \"confidence\"");
    assert_int_equal(strncmp(h.all, "5: ", 3), 0); /* the first is the one in *e */
    assert_int_equal(e.line, 5);
}

static void test_file_that_is_not_there(void **state)
{
    (void)state;
    struct heard h = {0};
    struct map_report r = {.error = hear_error, .ctx = &h};
    assert_int_equal(map_check_file("/nowhere/x.yaml", &r, NULL), ERR_NOT_FOUND);
    assert_int_equal(r.errors, 1);
    assert_int_equal(h.n, 1);
}

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const char *path, *texts[5];
    } rows[] = {
        {"plc-maps/mailbox-v1.yaml",
         {"kind mailbox, confidence A, trade use none", "length          LENGTH in pulses, um",
          "head_diameter   AUX1 x 10 / 1, um", "mould           AUX2, mask 0x0002",
          "at most 112 words read, 120 written"}},
        {"plc-maps/hbm-wtx110.yaml",
         {"trade use static", "request: fc 3, 38 words from 0x0000, every 100 ms",
          "scale.net            word 0, mg", "may write: nothing", "HBM WTX110/120"}},
        {"plc-maps/invt-gd20.yaml",
         {"request: fc 3, 3 words from 0x2100, every 200 ms", "drive.speed          word 0, mHz",
          "confidence A", "may write: nothing", "record \"state\": holding 0x2100, 3 words"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct map *m = NULL;
        struct err e = {0};
        struct heard h = {0};
        char line[200];
        assert_int_equal(map_load(rows[i].path, &m, &e), 0);
        map_describe(m, hear_line, &h);
        for (size_t k = 0; k < 5; k++)
            has(&h, rows[i].texts[k]);
        assert_non_null(strstr(map_summary(m, line, sizeof line), map_title(m)));
        map_free(m);
    }
}

/* Each key of the language once, from the tables that read it. */
static void test_reference(void **state)
{
    (void)state;
    struct heard *h = calloc(1, sizeof *h);
    assert_non_null(h);
    map_reference(hear_line, h);
    assert_true(h->n > 80);
    has(h, "A map:\nmap: text");
    free(h);
}

static const struct {
    const char *key, *text;
} examples[] = {
#define EXAMPLE(key, text) {key, text},
#include "plc-maps/examples.def"
#undef EXAMPLE
};

/* Every example is YAML with the key that it is for, and every key has one. */
static void test_examples(void **state)
{
    (void)state;
    struct heard *h = calloc(1, sizeof *h);
    assert_non_null(h);
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        struct ydoc *doc = NULL;
        struct err e = {0};
        const char *text = examples[i].text, *dot = strchr(examples[i].key, '.');
        if (ydoc_parse("e", text, strlen(text), &doc, &e) < 0)
            fail_msg("%s: %s", text, e.text);
        if (!ynode_get(ydoc_root(doc), dot ? dot + 1 : examples[i].key))
            fail_msg("%s has no key %s", text, examples[i].key);
        ydoc_free(doc);
        memset(h, 0, sizeof *h);
        if (map_explain(examples[i].key, hear_line, h, &e) < 0)
            fail_msg("no key of a map: %s", examples[i].key);
        has(h, text);
    }
    const struct map_keys *k;
    for (size_t i = 0; (k = map_keys(i)) != NULL; i++)
        for (size_t at = 0; at < k->n; at++) {
            char name[80];
            snprintf(name, sizeof name, "%s.%s", k->name, k->rows[at].key);
            memset(h, 0, sizeof *h);
            assert_int_equal(map_explain(name, hear_line, h, NULL), 0);
            if (strstr(h->all, "e.g. \n"))
                fail_msg("no example of %s", name);
        }
    free(h);
}

static void test_explain(void **state)
{
    (void)state;
    struct heard h = {0};
    struct err e = {0};
    assert_int_equal(map_explain("align", hear_line, &h, &e), 0);
    assert_string_equal(h.all, "link:\nalign: 1 to 4 words; default 1\n"
                               "    Requests for registers begin at a multiple of it and have such "
                               "a length.\n    e.g. align: 2\n");
    assert_int_equal(map_explain("link.algin", hear_line, &h, &e), ERR_KEY);
    assert_string_equal(e.text, "a map has no key \"link.algin\", did you mean \"align\"?");
    assert_int_equal(map_explain("zzzzzzzzzz", hear_line, &h, &e), ERR_KEY);
    assert_string_equal(e.text, "a map has no key \"zzzzzzzzzz\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shipped_maps_are_right),
        cmocka_unit_test(test_all_errors),
        cmocka_unit_test(test_file_that_is_not_there),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_explain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
