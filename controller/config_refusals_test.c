/* What no configuration may say: each is refused at its line with the words that lead out. */
#include "base/test_tmp.h"
#include "controller/config.h"
#include "base/test_fault.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define AT      "host: 127.0.0.1, port: 1, "
#define RULES   "map: mailbox-v1-weight, crop: codonopsis, bad_outlet: 5, default_outlet: 5"
#define OUTLETS "outlets: {\"1\": [1], \"2\": [2], \"3\": [3], reject: [4]}"
#define LINE    "lines: [{name: a, " AT RULES ", " OUTLETS
#define SCALE   "scales: [{map: hbm-wtx110, e_mg: 1000, d_mg: 1000, max_g: 9000, "
#define SCALE_A SCALE "name: w1, min_g: 20, " AT
#define TTY     "serial: /dev/ttyUSB0"
#define DRIVE   "drives: [{map: invt-gd20, "
#define LINES   "e_mg: 1000, d_mg: 1000, max_g: 9000, min_g: 20, "
#define ONE     "scales: [{name: w1, map: yaohua-xk3190-continuous, weight_unit: kg, " LINES
#define ASKED   "map: yaohua-xk3190-command, weight_unit: kg, " LINES

/* clang-format off */
static const struct {
    const char *parts; /* what stands behind the head of the file, on line 7 */
    int code;
    const char *words;
} rows[] = {
    {"lines: {a: b}",                                                 ERR_RANGE,     "lines: must be a list of at most 32"},
    {"buyers: [" "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a]", ERR_RANGE, "buyers: must be a list of at most 32"},
    {"buyers: [[a]]",                                                 ERR_RANGE,     "a buyer is a name of 1 to 24"},
    {"buyers: [Market]",                                              ERR_RANGE,     "a buyer is a name of 1 to 24"},
    {"buyers: [\"\"]",                                                ERR_RANGE,     "a buyer is a name of 1 to 24"},
    {"buyers: [a-name-of-more-than-24-letters]",                      ERR_RANGE,     "a buyer is a name of 1 to 24"},
    {"roles: [{uid: 7, role: king}]",                                 ERR_RANGE,     "role"},
    {"roles: [{uid: seven, role: worker}]",                           ERR_PARSE,     "uid"},
    {"lines: [{name: A, " AT RULES ", " OUTLETS "}]",                 ERR_RANGE,     "name \"A\""},
    {"lines: [{name: \"\", " AT RULES ", " OUTLETS "}]",              ERR_RANGE,     "name"},
    {"lines: [{name: a, " RULES ", " OUTLETS "}]",                    ERR_KEY,       "give either host or serial"},
    {LINE ", serial: /dev/ttyUSB0}]",                                 ERR_KEY,       "give either host or serial"},
    {"lines: [{name: a, host: plc.shed, " RULES ", " OUTLETS "}]",    ERR_RANGE,     "\"plc.shed\" is no numeric IPv4 address"},
    {LINE ", belt: 3}]",                                              ERR_KEY,       "belt"},
    {"lines: [{name: a, " AT RULES ", map: nowhere, " OUTLETS "}]",   ERR_KEY,       "map"},
    {"lines: [{name: a, " AT "map: nowhere, crop: codonopsis, bad_outlet: 5, default_outlet: 5, " OUTLETS "}]", ERR_NOT_FOUND, "map \"nowhere\": no readable file"},
    {"lines: [{name: a, " AT "map: mailbox-v1, crop: nowhere, bad_outlet: 5, default_outlet: 5, " OUTLETS "}]", ERR_NOT_FOUND, "crop \"nowhere\": no readable file"},
    {"lines: [{name: a, " AT "map: invt-gd20, crop: codonopsis, bad_outlet: 5, default_outlet: 5, " OUTLETS "}]", ERR_RANGE, "not for this kind of device"},
    {"lines: [{name: a, " AT RULES ", outlets: [1]}]",                ERR_RANGE,     "needs 1 to"},
    {"lines: [{name: a, " AT RULES ", outlets: {}}]",                 ERR_RANGE,     "needs 1 to"},
    {"lines: [{name: a, " AT RULES ", outlets: {a: [1], b: [1], c: [1], d: [1], e: [1], f: [1], g: [1], h: [1], i: [1], j: [1], k: [1], l: [1], m: [1], n: [1], o: [1], p: [1], q: [1]}}]", ERR_RANGE, "needs 1 to"},
    {"lines: [{name: a, " AT RULES ", outlets: {a-grade-of-sixteen: [1]}}]", ERR_TOOBIG, "grade \"a-grade-of-sixteen\" is too long"},
    {"lines: [{name: a, " AT RULES ", outlets: {\"1\": 1}}]",         ERR_RANGE,     "grade \"1\" needs 1 to 4 outlets"},
    {"lines: [{name: a, " AT RULES ", outlets: {\"1\": []}}]",        ERR_RANGE,     "grade \"1\" needs 1 to 4 outlets"},
    {"lines: [{name: a, " AT RULES ", outlets: {\"1\": [1, 2, 3, 4, 6]}}]", ERR_RANGE, "grade \"1\" needs 1 to 4 outlets"},
    {"lines: [{name: a, " AT RULES ", outlets: {\"1\": [17]}}]",      ERR_RANGE,     "17"},
    {"lines: [{name: a, " AT RULES ", outlets: {\"1\": [5]}}]",       ERR_RANGE,     "outlet 5 is the default outlet"},
    {"lines: [{name: a, " AT RULES ", outlets: {\"1\": [1], \"2\": [2]}}]", ERR_KEY, "has grade \"3\", but outlets: has no such grade"},
    {LINE ", capacity_g: 5}]",                                        ERR_PARSE,     "needs outlet: grams"},
    {LINE ", capacity_g: {one: 5}}]",                                 ERR_PARSE,     "one"},
    {LINE ", capacity_g: {\"17\": 5}}]",                              ERR_RANGE,     "17"},
    {LINE ", capacity_g: {\"1\": 0}}]",                               ERR_RANGE,     "0"},
    {SCALE "name: W, min_g: 20, " AT "}]",                            ERR_RANGE,     "name \"W\""},
    {SCALE "name: w1, min_g: 20}]",                                   ERR_KEY,       "give either host or serial"},
    {SCALE "name: w1, min_g: 9000, " AT "}]",                         ERR_RANGE,     "min_g must be below max_g"},
    {SCALE_A "weight: 3}]",                                           ERR_KEY,       "weight"},
    {SCALE_A "valid_until: 2027-02-30}]",                             ERR_PARSE,     "\"2027-02-30\" is no date"},
    {"scales: [{map: nowhere, e_mg: 1000, d_mg: 1000, max_g: 9000, name: w1, min_g: 20, " AT "}]", ERR_NOT_FOUND, "map \"nowhere\""},
    {"scales: [{map: invt-gd20, trade: static, e_mg: 1000, d_mg: 1000, max_g: 9000, name: w1, min_g: 20, " AT "}]", ERR_RANGE, "invt-gd20 is not"},
    {LINE "}, {name: b, host: 127.0.0.1, port: 1, " RULES ", " OUTLETS "}]", ERR_EXISTS, "line b: a has the same PLC"},
    {LINE "}, {name: a, host: 127.0.0.1, port: 2, " RULES ", " OUTLETS "}]", ERR_EXISTS, "line a stands already in line 7"},
    {"drives: [{map: invt-gd20, name: d1, " TTY "}, {map: invt-gd20, name: d2, unit: 2, " TTY ", baud: 19200}]",    ERR_RANGE, "uses the same serial port with another baud"},
    {"drives: [{map: invt-gd20, name: d1, " TTY "}, {map: invt-gd20, name: d2, unit: 2, " TTY ", parity: even}]",   ERR_RANGE, "uses the same serial port with another baud"},
    {"drives: [{map: invt-gd20, name: d1, " TTY "}, {map: invt-gd20, name: d2, unit: 2, " TTY ", stop_bits: 2}]",   ERR_RANGE, "uses the same serial port with another baud"},
    {"scales: [{name: w1, map: yaohua-xk3190-continuous, " LINES AT "}]", ERR_KEY, "the frames of map yaohua-xk3190-continuous carry no unit: \"weight_unit\" must say it"},
    {"scales: [{name: w1, map: yaohua-a12, weight_unit: kg, " LINES AT "}]", ERR_KEY, "map yaohua-a12 says the unit itself: no \"weight_unit\" here"},
    {SCALE_A "weight_unit: kg}]",                                     ERR_KEY,       "map hbm-wtx110 says the unit itself"},
    {"scales: [{name: w1, map: yaohua-xk3190-continuous, weight_unit: lb, " LINES AT "}]", ERR_RANGE, "\"weight_unit\" must be none, mg, g, kg or t, not \"lb\""},
    {SCALE_A "stable_frames: 5}]",                                    ERR_KEY,       "\"stable_frames\" and \"stable_over_ms\" belong to a map of lines, which hbm-wtx110 is not"},
    {SCALE_A "stable_over_ms: 500}]",                                 ERR_KEY,       "belong to a map of lines"},
    {ONE AT "stable_frames: 1}]",                                     ERR_RANGE,     "\"stable_frames\" is 0 or at least 2"},
    {ONE AT "stable_over_ms: 199}]",                                  ERR_RANGE,     "\"stable_over_ms\" 0 or at least 200"},
    {"scales: [{name: w1, unit: 27, " ASKED AT "}]",                  ERR_RANGE,     "\"unit\" 27 is no address of map yaohua-xk3190-command: 1 to 26 for A to Z"},
    {"scales: [{name: w1, unit: 0, " ASKED AT "}]",                   ERR_RANGE,     "\"unit\" 0 is no address"},
    {"scales: [{name: w1, map: yaohua-a12e, trade: static, " LINES AT "}]", ERR_RANGE, "needs a map that is declared fit for it, and yaohua-a12e is not"},
    {"scales: [{name: w1, map: mailbox-v1, " LINES AT "}]",           ERR_RANGE,     "not for this kind of device"},
    {"drives: [{map: yaohua-a12, name: d1, " AT "}]",                 ERR_RANGE,     "not for this kind of device"},
    {ONE TTY "}, {name: w2, unit: 2, map: yaohua-xk3190-continuous, weight_unit: kg, " LINES TTY "}]", ERR_RANGE, "at the same port, which only scales that are asked by address can share"},
    {ONE TTY "}, {name: w2, unit: 2, map: hbm-wtx110, " LINES TTY "}]", ERR_RANGE, "scale w2: scale w1 (line 7) is at the same port"},
    {ONE TTY ", baud: 9601}]",                                        ERR_RANGE,     "scale w1: 9601 baud is no speed of a serial port"},
    {"scales: [{name: w1, " ASKED TTY "}, {name: w2, " ASKED TTY "}]", ERR_EXISTS,   "has the same \"unit\" at the same port"},
    {"stations: [{name: s1}]",                                        ERR_KEY,       "scale"},
    {"stations: [{name: S, scale: w1}]",                              ERR_RANGE,     "name \"S\""},
    {"stations: [{name: s1, scale: w9}]",                             ERR_NOT_FOUND, "no scale \"w9\" under scales:"},
    {DRIVE "name: d1}]",                                              ERR_KEY,       "give either host or serial"},
    {DRIVE "name: D, " AT "}]",                                       ERR_RANGE,     "name \"D\""},
    {DRIVE "name: d1, speed: 3, " AT "}]",                            ERR_KEY,       "speed"},
    {"drives: [{map: mailbox-v1, name: d1, " AT "}]",                 ERR_RANGE,     "not for this kind of device"},
};
/* clang-format on */

struct fix {
    struct tmp tmp;
    char file[128], folder[512];
};

static int start(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    tmp_make(&f->tmp);
    strcpy(f->file, tmp_path(&f->tmp, "lotlined.yaml"));
    assert_non_null(getcwd(f->folder, sizeof(f->folder)));
    *state = f;
    return 0;
}

static int stop(void **state)
{
    struct fix *f = *state;
    tmp_remove(&f->tmp);
    free(f);
    return 0;
}

/* Six lines, then `parts`. */
static void put(struct fix *f, const char *site, const char *station, const char *parts)
{
    char text[4096];
    int n = snprintf(
        text, sizeof(text),
        "site: %s\nstation: %s\nstore: store\nkey: key\nmaps: %s/plc-maps\ncrops: %s/crops\n"
        "%s\n",
        site, station, f->folder, f->folder, parts);
    tmp_write(f->file, text, (size_t)n);
}

static void refused(struct fix *f, int code, int line, const char *words)
{
    struct config *c = NULL;
    struct err e = {0};
    int rc = config_load(f->file, &c, &e);
    if (rc != code || !strstr(e.text, words))
        fail_msg("%s \"%s\", expected %s \"%s\"", err_name(rc), e.text, err_name(code), words);
    if (line >= 0 && (e.line != line || !strstr(e.file, "lotlined.yaml")))
        fail_msg("%s:%d, expected line %d: %s", e.file, e.line, line, e.text);
    assert_null(c);
}

static void each_part_that_is_wrong_is_refused_at_its_line(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put(*state, "test", "A", rows[i].parts);
        refused(*state, rows[i].code, 7, rows[i].words);
    }
}

static void a_site_and_a_station_are_plain_names(void **state)
{
    static const struct {
        const char *site, *station, *words;
    } names[] = {{"Shed", "A", "site \"Shed\" may hold a-z, 0-9 and - only"},
                 {"\"\"", "A", "site"},
                 {"shed", "a", "station must be one letter A-Z"},
                 {"shed", "\"[\"", "station must be one letter A-Z"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        put(*state, names[i].site, names[i].station, "");
        refused(*state, ERR_RANGE, -1, names[i].words);
    }
}

/* Relative paths are joined to the folder of the file: each must fit. */
static void a_path_that_gets_too_long_is_refused(void **state)
{
    struct fix *f = *state;
    static const struct {
        const char *key;
        int length;
    } paths[] = {{"store", 240}, {"socket", 100}, {"key", 240},
                 {"maps", 240},  {"crops", 240},  {"text_dir", 240}};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char text[1024], value[256];
        int n = 0;
        memset(value, 'x', sizeof(value));
        value[paths[i].length] = 0;
        for (size_t k = 0; k < 4; k++) {
            static const char *const needed[] = {"site", "store", "key", "socket"};
            if (strcmp(needed[k], paths[i].key) != 0)
                n += snprintf(text + n, sizeof(text) - (size_t)n, "%s: x\n", needed[k]);
        }
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%s: %s\n", paths[i].key, value);
        tmp_write(f->file, text, (size_t)n);
        refused(f, ERR_TOOBIG, -1, "path too long");
    }
}

static void a_file_that_is_no_map_of_keys_is_refused(void **state)
{
    struct fix *f = *state;
    tmp_write(f->file, "", 0);
    refused(f, ERR_PARSE, -1, "");
    tmp_write(f->file, "- a\n", 4);
    refused(f, ERR_PARSE, 1, "no map of keys");
    assert_int_equal(unlink(f->file), 0);
    refused(f, ERR_NOT_FOUND, -1, "");
}

/* A map or crop that is found but broken is refused at its own line. */
static void a_broken_map_or_crop_is_refused_where_it_is_broken(void **state)
{
    struct fix *f = *state;
    static const char *const names[] = {"broken-map", "broken-crop"};
    for (int i = 0; i < 2; i++) {
        char text[2048], name[32];
        struct config *c = NULL;
        struct err e = {0};
        int n = snprintf(
            text, sizeof(text),
            "site: x\nstore: x\nkey: x\nmaps: %s%s\ncrops: .\nlines: [{name: a, host: 127.0.0.1, "
            "map: %s, crop: broken-crop, bad_outlet: 5, default_outlet: 5, " OUTLETS "}]\n",
            i ? f->folder : ".", i ? "/plc-maps" : "", i ? "mailbox-v1" : "broken-map");
        tmp_write(f->file, text, (size_t)n);
        snprintf(name, sizeof(name), "%s.yaml", names[i]);
        tmp_write(tmp_path(&f->tmp, name), "a: 1\n", 5);
        assert_true(config_load(f->file, &c, &e) < 0);
        assert_non_null(strstr(e.file, names[i]));
        assert_true(e.line > 0 && e.text[0]);
    }
}

static void hear(void *ctx, const char *text)
{
    char *all = ctx;
    strncat(all, text, 30000 - strlen(all) - 1);
    strcat(all, "\n");
}

static void the_reference_page_names_every_part_and_key(void **state)
{
    static const char *const words[] = {"utc_offset_min", "bad_outlet", "capacity_g", "valid_until",
                                        "stable_ms",      "stop_bits",  "buyers",     "uid"};
    char *all = calloc(1, 32000);
    (void)state;
    assert_non_null(all);
    config_print(hear, all);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strstr(all, words[i]))
            fail_msg("\"%s\" is not in the reference page", words[i]);
    free(all);
}

static void a_configuration_without_memory_is_refused_with_its_reason(void **state)
{
#if FAULT_MEMORY
    int refusals = 0;
    put(*state, "test", "A", LINE "}]\n" SCALE_A "}]\n" DRIVE "name: d1, host: 127.0.0.2}]");
    fault_memory.fired = true;
    for (int n = 0; fault_memory.fired; n += n < 40 ? 1 : n / 8) { /* nearly 2000 in all */
        struct config *c = NULL;
        struct err e = {0};
        fault_at(&fault_memory, n);
        int rc = config_load(((struct fix *)*state)->file, &c, &e);
        fault_memory.after = -1;
        refusals += rc < 0;
        assert_true(rc == 0 ? c != NULL : c == NULL && e.text[0]);
        config_free(c);
    }
    assert_true(refusals > 40);
#else
    (void)state;
    skip(); /* a sanitizer has a calloc of its own (base/test_fault.h) */
#endif
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(each_part_that_is_wrong_is_refused_at_its_line),
        TEST(a_site_and_a_station_are_plain_names),
        TEST(a_path_that_gets_too_long_is_refused),
        TEST(a_file_that_is_no_map_of_keys_is_refused),
        TEST(a_broken_map_or_crop_is_refused_where_it_is_broken),
        TEST(the_reference_page_names_every_part_and_key),
        TEST(a_configuration_without_memory_is_refused_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
