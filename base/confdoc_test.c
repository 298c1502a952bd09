/* A document read with all its errors: each is told, none hides another, and the first is kept. */
#include "base/confdoc.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct bed {
    int64_t rows;
    bool dry;
    char name[9];
    int kind;
};

static const struct conf_row rows[] = {
    {"rows", CONF_INT, CONF_AT(bed, rows), .min = 1, .max = 40, .def = "4", .help = "rows"},
    {"dry", CONF_BOOL, CONF_AT(bed, dry), .def = "no", .help = "dry"},
    {"name", CONF_TEXT, CONF_AT(bed, name), .min = 2, .max = 6, .help = "name"},
    {"kind", CONF_ENUM, CONF_AT(bed, kind), .def = "flat", .words = "flat|raised", .help = "kind"},
};
enum { ROWS = sizeof rows / sizeof *rows };

struct said {
    char text[1000];
};

static void hear(void *ctx, const struct err *e)
{
    struct said *s = ctx;
    char line[400];
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%s\n", err_line(e, line, sizeof line));
}

static void reads(const char *yaml, const char *says, unsigned errors)
{
    struct said s = {""};
    struct ydoc *doc = NULL;
    struct bed b;
    assert_int_equal(ydoc_parse("bed.yaml", yaml, strlen(yaml), &doc, NULL), 0);
    struct confdoc d = {.doc = doc, .error = hear, .ctx = &s};
    assert_int_equal(confdoc_read(&d, rows, ROWS, ydoc_root(doc), &b), errors == 0);
    assert_string_equal(s.text, says);
    assert_int_equal(d.errors, errors);
    if (errors) { /* the first is kept, also without anybody who hears */
        char line[400];
        struct confdoc quiet = {.doc = doc};
        err_line(&d.first, line, sizeof line);
        assert_int_equal(strncmp(line, says, strlen(line)), 0);
        assert_false(confdoc_read(&quiet, rows, ROWS, ydoc_root(doc), &b));
        assert_int_equal(quiet.errors, errors);
    }
    ydoc_free(doc);
}

static void every_error_of_a_document_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *says;
        unsigned errors;
    } docs[] = {
        {"name: east", "", 0},
        {"name: east\ndry: true\nkind: raised\nrows: 40", "", 0},
        {"name: east\ndry: false", "", 0},
        {"", "bed.yaml: missing key \"name\"\n", 1},
        {"- 1", "bed.yaml:1: a map of keys is expected\n", 1},
        {"rows: 41\nname: e\ndry: maybe",
         "bed.yaml:1: \"rows\" must be 1 to 40, not 41\n"
         "bed.yaml:3: \"dry\" must be yes or no, not \"maybe\"\n"
         "bed.yaml:2: \"name\" has 1 bytes, at least 2 are needed\n",
         3},
        {"name: eastern\nkind: raisd\nrow: 3",
         "bed.yaml:3: unknown key \"row\", did you mean \"rows\"?\n"
         "bed.yaml:1: \"name\" has 7 bytes, at most 6 are allowed\n"
         "bed.yaml:2: \"kind\" must be flat or raised, not \"raisd\", did you mean \"raised\"?\n",
         3},
        {"name:\nrows: [1]\ndry: {a: 1}",
         "bed.yaml:2: \"rows\" must be a single value, not a list\n"
         "bed.yaml:3: \"dry\" must be a single value, not a map\n"
         "bed.yaml:1: \"name\" has no value\n",
         3},
        {"name: ''", "bed.yaml:1: \"name\" has 0 bytes, at least 2 are needed\n", 1},
    };
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++)
        reads(docs[i].yaml, docs[i].says, docs[i].errors);
}

static void ints(const char *yaml, const char *says, size_t n)
{
    struct said s = {""};
    struct ydoc *doc = NULL;
    int64_t out[3] = {0};
    size_t got = 9;
    assert_int_equal(ydoc_parse("bed.yaml", yaml, strlen(yaml), &doc, NULL), 0);
    struct confdoc d = {.doc = doc, .error = hear, .ctx = &s};
    bool ok = confdoc_ints(&d, ynode_get(ydoc_root(doc), "at"), 1, 9, 3, out, &got);
    assert_string_equal(s.text, says);
    assert_int_equal(ok, !*says);
    assert_int_equal(got, n);
    ydoc_free(doc);
}

static void a_list_of_numbers_has_its_bounds(void **state)
{
    (void)state;
    ints("at: [1, 9]", "", 2);
    ints("at: []", "", 0);
    ints("b: 1", "", 0); /* a missing one is empty */
    ints("at: 5", "bed.yaml:1: \"at\" must be a list\n", 0);
    ints("at: [1, 2, 3, 4]", "bed.yaml:1: \"at\" has 4 entries, at most 3 are allowed\n", 0);
    ints("at: [0, x]",
         "bed.yaml:1: \"at\" must be 1 to 9, not 0\n"
         "bed.yaml:1: \"at\" must be a whole number, not \"x\"\n",
         2);
}

static void a_stem_is_the_name_without_folder_and_ending(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"crops/codonopsis.yaml", "codonopsis"},
                                           {"yam.yaml", "yam"},
                                           {"/etc/x.yml", "x.yml"},
                                           {"a/.yaml", ".yaml"},
                                           {"plain", "plain"}};
    char buf[32];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(confdoc_stem(names[i][0], buf, sizeof buf), names[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_of_a_document_is_told),
        cmocka_unit_test(a_list_of_numbers_has_its_bounds),
        cmocka_unit_test(a_stem_is_the_name_without_folder_and_ending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
