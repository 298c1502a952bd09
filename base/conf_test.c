/* Key tables: reading, defaults, bounds, error texts, reference page. */
#include "base/conf.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct link_conf {
    char before[4];
    char host[12];
    int64_t port, poll_ms;
    bool enabled;
    int trade;
    char note[8];
    const struct ynode *slots;
    char after[4];
};

static const struct conf_row rows[] = {
    {"host", CONF_TEXT, CONF_AT(link_conf, host), 1, 10, NULL, NULL, NULL,
     "Name or address of the device."},
    {"port", CONF_INT, CONF_AT(link_conf, port), 1, 65535, "502", NULL, NULL, "TCP port."},
    {"poll_ms", CONF_INT, CONF_AT(link_conf, poll_ms), 10, 5000, "100", NULL, "ms", "Poll period."},
    {"enabled", CONF_BOOL, CONF_AT(link_conf, enabled), 0, 0, "yes", NULL, NULL,
     "Whether it is used."},
    {"trade", CONF_ENUM, CONF_AT(link_conf, trade), 0, 0, "none", "static|automatic|none", NULL,
     "Role."},
    {"note", CONF_TEXT, CONF_AT(link_conf, note), 0, 0, "", NULL, NULL, "Free text."},
    {"slots", CONF_NODE, CONF_AT(link_conf, slots), 0, 0, "", NULL, NULL, "Slots."},
};
enum { ROWS = sizeof rows / sizeof *rows };

static struct ydoc *doc_of(const char *text)
{
    struct ydoc *d = NULL;
    struct err e = {0};
    if (ydoc_parse("lotlined.yaml", text, strlen(text), &d, &e))
        fail_msg("%s:%d: %s", e.file, e.line, e.text);
    return d;
}

static void assert_error(const char *text, int code, const char *line)
{
    struct ydoc *d = doc_of(text);
    struct link_conf c = {0};
    struct err e = {0};
    char buf[400];
    assert_int_equal(conf_read(rows, ROWS, d, ydoc_root(d), &c, &e), code);
    assert_string_equal(err_line(&e, buf, sizeof buf), line);
    ydoc_free(d);
}

static void every_type_is_read_into_its_field(void **state)
{
    (void)state;
    struct ydoc *d =
        doc_of("trade: static\nhost: plc-1\nport: 0x1f6\nenabled: no\nnote: 党参\nslots: [1, 2]\n");
    struct link_conf c;
    memset(&c, 0x5a, sizeof c);
    assert_int_equal(conf_read(rows, ROWS, d, ydoc_root(d), &c, NULL), 0);
    assert_string_equal(c.host, "plc-1");
    assert_int_equal(c.port, 502);
    assert_int_equal(c.poll_ms, 100);
    assert_false(c.enabled);
    assert_int_equal(c.trade, 0);
    assert_string_equal(c.note, "党参");
    assert_int_equal(c.slots->n, 2);
    assert_memory_equal(c.before, "ZZZZ", 4); /* nothing outside the table's fields is touched */
    assert_memory_equal(c.after, "ZZZZ", 4);
    ydoc_free(d);
}

static void what_is_absent_gets_its_default(void **state)
{
    (void)state;
    struct ydoc *d = doc_of("host: a\n");
    struct link_conf c;
    memset(&c, 0x5a, sizeof c);
    assert_int_equal(conf_read(rows, ROWS, d, ydoc_root(d), &c, NULL), 0);
    assert_int_equal(c.port, 502);
    assert_true(c.enabled);
    assert_int_equal(c.trade, 2);
    assert_string_equal(c.note, "");
    assert_null(c.slots);
    ydoc_free(d);
}

static void an_empty_document_is_all_defaults(void **state)
{
    (void)state;
    struct ydoc *d = doc_of("");
    struct link_conf c = {0};
    struct err e = {0};
    assert_int_equal(conf_read(rows + 1, ROWS - 1, d, ydoc_root(d), &c, &e), 0);
    assert_int_equal(c.port, 502);
    assert_int_equal(conf_read(rows, ROWS, d, ydoc_root(d), &c, &e), ERR_KEY);
    assert_string_equal(e.text, "missing key \"host\"");
    ydoc_free(d);
}

static void an_unknown_key_names_the_nearest(void **state)
{
    (void)state;
    assert_error("host: a\nhots: b\n", ERR_KEY,
                 "lotlined.yaml:2: unknown key \"hots\", did you mean \"host\"?");
    assert_error("# words\n\nHost: a\n", ERR_KEY,
                 "lotlined.yaml:3: unknown key \"Host\", did you mean \"host\"?");
    assert_error("temperature: a\n", ERR_KEY, "lotlined.yaml:1: unknown key \"temperature\"");
}

static void a_missing_key_is_named_at_its_map(void **state)
{
    (void)state;
    assert_error("\nport: 1\n", ERR_KEY, "lotlined.yaml:2: missing key \"host\"");
}

static void a_number_out_of_bounds_shows_bounds_unit_and_value(void **state)
{
    (void)state;
    assert_error("host: a\nport: 70000\n", ERR_RANGE,
                 "lotlined.yaml:2: \"port\" must be 1 to 65535, not 70000");
    assert_error("host: a\npoll_ms: 7\n", ERR_RANGE,
                 "lotlined.yaml:2: \"poll_ms\" must be 10 to 5000 ms, not 7");
    assert_error("host: a\nport: 5o2\n", ERR_PARSE,
                 "lotlined.yaml:2: \"port\" must be a whole number, not \"5o2\"");
    assert_error("host: a\nport:\n", ERR_PARSE,
                 "lotlined.yaml:2: \"port\" must be a whole number, not \"\"");
}

static void a_wrong_word_shows_the_words(void **state)
{
    (void)state;
    assert_error("host: a\ntrade: statik\n", ERR_RANGE,
                 "lotlined.yaml:2: \"trade\" must be static, automatic or none, not \"statik\", "
                 "did you mean "
                 "\"static\"?");
    assert_error("host: a\ntrade: maybe\n", ERR_RANGE,
                 "lotlined.yaml:2: \"trade\" must be static, automatic or none, not \"maybe\"");
    assert_error(
        "host: a\ntrade: stat\n", ERR_RANGE,
        "lotlined.yaml:2: \"trade\" must be static, automatic or none, not \"stat\", did you mean "
        "\"static\"?");
    assert_error("host: a\nenabled: on\n", ERR_PARSE,
                 "lotlined.yaml:2: \"enabled\" must be yes or no, not \"on\"");
}

static void a_text_is_bounded_and_never_forgotten(void **state)
{
    (void)state;
    assert_error("host: 01234567890\n", ERR_RANGE,
                 "lotlined.yaml:1: \"host\" has 11 bytes, at most 10 are allowed");
    assert_error("host: a\nnote: 12345678\n", ERR_RANGE,
                 "lotlined.yaml:2: \"note\" has 8 bytes, at most 7 are allowed");
    assert_error("host:\n", ERR_PARSE, "lotlined.yaml:1: \"host\" has no value");
    assert_error("host: \"\"\n", ERR_RANGE,
                 "lotlined.yaml:1: \"host\" has 0 bytes, at least 1 are needed");
}

static void a_map_where_a_value_belongs_is_refused(void **state)
{
    (void)state;
    assert_error("host:\n  a: 1\n", ERR_PARSE,
                 "lotlined.yaml:1: \"host\" must be a single value, not a map");
    assert_error("host: a\nport: [1]\n", ERR_PARSE,
                 "lotlined.yaml:2: \"port\" must be a single value, not a list");
    assert_error("- a\n", ERR_PARSE, "lotlined.yaml:1: a map of keys is expected");
}

static void single_values_are_read_with_the_same_errors(void **state)
{
    (void)state;
    struct ydoc *d = doc_of("n: 12\nlist: [5, six]\n");
    const struct ynode *list = ynode_get(ydoc_root(d), "list");
    int64_t v = 7;
    int w = 9;
    struct err e = {0};
    assert_int_equal(conf_int(d, ynode_get(ydoc_root(d), "n"), 0, 20, &v, &e), 0);
    assert_int_equal(v, 12);
    assert_int_equal(conf_int(d, list->child[1], 0, 20, &v, &e), ERR_PARSE);
    assert_string_equal(e.text, "\"entry\" must be a whole number, not \"six\"");
    assert_int_equal(e.line, 2);
    assert_int_equal(v, 12);
    assert_int_equal(conf_word(d, list->child[1], "five|six", &w, &e), 0);
    assert_int_equal(w, 1);
    assert_int_equal(conf_word(d, list, "five|six", &w, &e), ERR_PARSE);
    assert_int_equal(conf_error(&e, ERR_CHECK, d, list, "gap of %d", 3), ERR_CHECK);
    assert_string_equal(e.text, "gap of 3");
    assert_int_equal(e.line, 2);
    ydoc_free(d);
}

static void only_what_is_near_is_suggested(void **state)
{
    (void)state;
    char buf[16];
    assert_string_equal(conf_nearest("hots", "port|host", buf, sizeof buf), "host");
    assert_string_equal(conf_nearest("baudrate", "baud_rate|parity", buf, sizeof buf), "baud_rate");
    assert_string_equal(conf_nearest("hostt", "host", buf, sizeof buf), "host");
    assert_null(conf_nearest("x", "y", buf, sizeof buf));
    assert_null(conf_nearest("weight", "port|host", buf, sizeof buf));
    assert_null(conf_nearest("anything", "", buf, sizeof buf));
    assert_null(conf_nearest("hots", "host", buf, 4)); /* no room: no guess */
    char flood[500];
    memset(flood, 'a', sizeof flood - 1);
    flood[sizeof flood - 1] = '\0';
    assert_null(conf_nearest(flood, "host", buf, sizeof buf));
}

static void collect(void *ctx, const char *line)
{
    strcat(ctx, line);
    strcat(ctx, "\n");
}

static void the_reference_page_comes_from_the_table(void **state)
{
    (void)state;
    char page[2000] = "";
    conf_print(rows, ROWS, collect, page);
    assert_non_null(strstr(
        page, "host: text of at most 10 bytes; required\n    Name or address of the device.\n"));
    assert_non_null(strstr(page, "poll_ms: 10 to 5000 ms; default 100\n"));
    assert_non_null(strstr(page, "trade: static, automatic or none; default none\n"));
    assert_non_null(strstr(page, "note: text of at most 7 bytes; optional\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read_into_its_field),
        cmocka_unit_test(what_is_absent_gets_its_default),
        cmocka_unit_test(an_empty_document_is_all_defaults),
        cmocka_unit_test(an_unknown_key_names_the_nearest),
        cmocka_unit_test(a_missing_key_is_named_at_its_map),
        cmocka_unit_test(a_number_out_of_bounds_shows_bounds_unit_and_value),
        cmocka_unit_test(a_wrong_word_shows_the_words),
        cmocka_unit_test(a_text_is_bounded_and_never_forgotten),
        cmocka_unit_test(a_map_where_a_value_belongs_is_refused),
        cmocka_unit_test(single_values_are_read_with_the_same_errors),
        cmocka_unit_test(only_what_is_near_is_suggested),
        cmocka_unit_test(the_reference_page_comes_from_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
