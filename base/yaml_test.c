/* The tree with marks, and what it refuses. */
#include "base/yaml.h"
#include "base/test_tmp.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static struct ydoc *parsed(const char *text)
{
    struct ydoc *d = NULL;
    struct err e = {0};
    int code = ydoc_parse("t.yaml", text, strlen(text), &d, &e);
    if (code)
        fail_msg("%s:%d: %s", e.file, e.line, e.text);
    return d;
}

static void assert_refused(const char *text, int code, int line, const char *why)
{
    struct ydoc *d = NULL;
    struct err e = {0};
    assert_int_equal(ydoc_parse("t.yaml", text, strlen(text), &d, &e), code);
    assert_null(d);
    assert_string_equal(e.file, "t.yaml");
    assert_int_equal(e.line, line);
    if (!strstr(e.text, why))
        fail_msg("\"%s\" does not say \"%s\"", e.text, why);
}

static void a_tree_carries_keys_texts_and_lines(void **state)
{
    (void)state;
    struct ydoc *d = parsed(
        "# crop\nname: 党参\nrules:\n  - grade: A\n    dia_um: 12000\n  - [x, 'y']\nend: \"\"\n");
    const struct ynode *root = ydoc_root(d), *rules = ynode_get(root, "rules");
    assert_string_equal(ydoc_name(d), "t.yaml");
    assert_int_equal(root->kind, YNODE_MAP);
    assert_int_equal(root->n, 3);
    assert_string_equal(ynode_get(root, "name")->text, "党参");
    assert_int_equal(ynode_get(root, "name")->line, 2);
    assert_int_equal(rules->kind, YNODE_LIST);
    assert_int_equal(rules->line, 3);
    assert_int_equal(rules->n, 2);
    assert_null(rules->child[0]->key);
    assert_int_equal(ynode_get(rules->child[0], "dia_um")->line, 5);
    assert_string_equal(rules->child[1]->child[1]->text, "y");
    assert_true(rules->child[1]->child[1]->quoted);
    assert_false(rules->child[1]->child[0]->quoted);
    assert_true(ynode_get(root, "end")->quoted);
    ydoc_free(d);
}

static void an_absent_key_is_null_and_no_map_has_none(void **state)
{
    (void)state;
    struct ydoc *d = parsed("a: 1\n");
    assert_null(ynode_get(ydoc_root(d), "b"));
    assert_null(ynode_get(ynode_get(ydoc_root(d), "a"), "a"));
    assert_null(ynode_get(NULL, "a"));
    ydoc_free(d);
    ydoc_free(NULL);
}

static void an_empty_value_is_an_empty_text(void **state)
{
    (void)state;
    struct ydoc *d = parsed("a:\nb: \n");
    assert_string_equal(ynode_get(ydoc_root(d), "a")->text, "");
    assert_false(ynode_get(ydoc_root(d), "a")->quoted);
    ydoc_free(d);
}

static void an_empty_document_has_no_root(void **state)
{
    (void)state;
    static const char *const empty[] = {"", "\n\n", "# only words\n", "---\n", "---\n...\n"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        struct ydoc *d = parsed(empty[i]);
        assert_null(ydoc_root(d));
        ydoc_free(d);
    }
}

static void aliases_anchors_and_tags_are_refused(void **state)
{
    (void)state;
    assert_refused("a: &x 1\nb: *x\n", ERR_PARSE, 1, "anchors");
    assert_refused("a: 1\nb: *x\n", ERR_PARSE, 2, "alias");
    assert_refused("a: 1\nb:\n  &y [1]\n", ERR_PARSE, 3, "anchors");
    assert_refused("a: !!int 1\n", ERR_PARSE, 1, "tags");
    assert_refused("a: !x\n  b: 1\n", ERR_PARSE, 1, "tags");
    assert_refused("&k a: 1\n", ERR_PARSE, 1, "anchors");
}

static void a_key_that_stands_twice_names_both_lines(void **state)
{
    (void)state;
    assert_refused("host: a\nport: 1\nhost: b\n", ERR_KEY, 3,
                   "\"host\" stands here twice, first in line 1");
    assert_refused("x:\n  a: 1\n  \"a\": 2\n", ERR_KEY, 3, "twice");
}

static void a_second_document_is_refused(void **state)
{
    (void)state;
    assert_refused("a: 1\n---\nb: 2\n", ERR_PARSE, 2, "second document");
}

static void keys_must_be_texts(void **state)
{
    (void)state;
    assert_refused("? [a]\n: 1\n", ERR_PARSE, 1, "key must be a text");
    assert_refused("\"\": 1\n", ERR_PARSE, 1, "key must be a text");
    assert_refused("a: \"x\\0y\"\n", ERR_PARSE, 1, "NUL");
}

static void depth_is_bounded_and_32_is_allowed(void **state)
{
    (void)state;
    char text[200];
    for (size_t depth = 30; depth < 40; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        if (depth > 32)
            assert_refused(text, ERR_PARSE, 1, "deep");
        else
            ydoc_free(parsed(text));
    }
}

static void a_syntax_error_names_its_line(void **state)
{
    (void)state;
    assert_refused("a: 1\nb: [1, 2\nc: 3\n", ERR_PARSE, 3, "expected");
    assert_refused("a: 1\n b: 2\n", ERR_PARSE, 2, "not allowed");
    assert_refused("a: 1\n\tb: 2\n", ERR_PARSE, 2, "");
    assert_refused("a: \"x\n", ERR_PARSE, 2, "");
    assert_refused("a: \xff\xfe\n", ERR_PARSE, 0, "UTF-8");
}

static void a_file_is_read_and_its_absence_is_told(void **state)
{
    (void)state;
    struct tmp t;
    struct ydoc *d = NULL;
    struct err e = {0};
    tmp_make(&t);
    const char *path = tmp_path(&t, "a.yaml");
    assert_int_equal(ydoc_load(path, &d, &e), ERR_NOT_FOUND);
    assert_string_equal(e.file, path);
    assert_int_equal(ydoc_load(t.dir, &d, &e), ERR_IO);
    tmp_write(path, "a: 1\n", 5);
    assert_int_equal(ydoc_load(path, &d, &e), 0);
    assert_string_equal(ynode_get(ydoc_root(d), "a")->text, "1");
    ydoc_free(d);
    tmp_remove(&t);
}

static void size_and_number_of_entries_are_bounded(void **state)
{
    (void)state;
    size_t n = (4u << 20) + 10;
    char *text = malloc(n);
    memset(text, '#', n);
    struct ydoc *d = NULL;
    assert_int_equal(ydoc_parse("t", text, n, &d, NULL), ERR_TOOBIG);
    text[0] = '[';
    for (size_t i = 1; i < 200000; i++)
        text[i] = i % 2 ? '1' : ',';
    assert_int_equal(ydoc_parse("t", text, 200000, &d, NULL), ERR_PARSE);
    assert_null(d);
    free(text);
}

/* A document with bytes changed parses or is refused; it never crashes, leaks (asan) or hangs. */
static void damaged_documents_do_no_harm(void **state)
{
    (void)state;
    static const char good[] =
        "name: x\nlist:\n  - {a: 1, b: \"t\\u00e9xt\"}\n  - |\n    block\n# end\n";
    uint64_t seed = seed_print(__func__);
    int refused = 0;
    for (int turn = 0; turn < 5000; turn++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        for (uint64_t i = seed_next(&seed) % 4 + 1; i; i--)
            text[seed_next(&seed) % (sizeof good - 1)] =
                "&*!?[]{}:-\"'|>%@\n\t \0\x80#,a"[seed_next(&seed) % 24];
        struct ydoc *d = NULL;
        if (ydoc_parse("t", text, sizeof good - 1, &d, NULL))
            refused++;
        ydoc_free(d);
    }
    assert_true(refused > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_carries_keys_texts_and_lines),
        cmocka_unit_test(an_absent_key_is_null_and_no_map_has_none),
        cmocka_unit_test(an_empty_value_is_an_empty_text),
        cmocka_unit_test(an_empty_document_has_no_root),
        cmocka_unit_test(aliases_anchors_and_tags_are_refused),
        cmocka_unit_test(a_key_that_stands_twice_names_both_lines),
        cmocka_unit_test(a_second_document_is_refused),
        cmocka_unit_test(keys_must_be_texts),
        cmocka_unit_test(depth_is_bounded_and_32_is_allowed),
        cmocka_unit_test(a_syntax_error_names_its_line),
        cmocka_unit_test(a_file_is_read_and_its_absence_is_told),
        cmocka_unit_test(size_and_number_of_entries_are_bounded),
        cmocka_unit_test(damaged_documents_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
