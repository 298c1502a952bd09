/* Loading crops: the shipped ones, and every way in which a crop can be wrong, with
 * file and line. */
#include "base/crypto.h"
#include "crops/crop_check.h"
#include "crops/testcrop.h"

static struct crop *parsed(const char *text)
{
    struct crop *c = NULL;
    struct err e = {0};
    char line[400];
    if (crop_parse("c.yaml", text, strlen(text), &c, &e) < 0)
        fail_msg("%s", err_line(&e, line, sizeof line));
    return c;
}

static void test_errors(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        {"basis:", "basiss:", "c.yaml:7: unknown key \"basiss\", did you mean \"basis\"?"},
        {"    source: a table\n", "", "c.yaml:5: missing key \"source\""},
        {"basis: diameter", "basis: girth",
         "c.yaml:7: \"basis\" must be diameter, length, weight or manual"},
        {"version: 3", "version: 0", "c.yaml:2: \"version\" must be 1 to 2147483647, not 0"},
        {", en: Root", "", "c.yaml:3: missing key \"en\""},
        {"zh: 一等, ", "", "c.yaml:14: missing key \"zh\""},
        {"crop: c", "crop: C", "c.yaml:1: \"crop\" must be of a-z, 0-9 and -"},
        {"id: r", "id: R", "c.yaml:5: \"id\" must be of a-z, 0-9 and -"},
        {"domain: {head_diameter", "domain: {head_diamter",
         "c.yaml:10: unknown measure \"head_diamter\", did you mean \"head_diameter\"?"},
        {"[0 mm, 100 mm]", "[0 mm, 100]",
         "c.yaml:10: \"head_diameter\" needs numbers with units (um, mm, cm), not \"100\""},
        {"[0 mm, 100 mm]", "[0 mm, 100 g]",
         "c.yaml:10: \"head_diameter\" needs numbers with units"},
        {"[0 mm, 100 mm]", "[0 mm, 1.0005 mm]",
         "c.yaml:10: \"head_diameter\" needs numbers with units"},
        {"[0 mm, 100 mm]", "[100 mm, 100 mm]",
         "c.yaml:10: \"head_diameter\": the minimum must be below"},
        {"[0 mm, 100 mm]", "100 mm", "c.yaml:10: \"head_diameter\" must be [minimum, maximum]"},
        {"{head_diameter: [0 mm, 100 mm]}", "all", "c.yaml:10: \"domain\" must be a map"},
        {"{black: 0 %}", "{balck: 0 %}",
         "c.yaml:16: unknown defect \"balck\", did you mean \"black\"?"},
        {"{black: 0 %}", "{black: 0}", "c.yaml:16: \"black\" must be a share from 0 % to 100 %"},
        {"{black: 0 %}", "{black: 101 %}",
         "c.yaml:16: \"black\" must be a share from 0 % to 100 %"},
        {"mould: out", "mold: out", "c.yaml:11: unknown defect \"mold\", did you mean \"mould\"?"},
        {"mould: out", "mould: [out]", "c.yaml:11: \"mould\" must name a grade"},
        {"mould: out", "mould: none",
         "c.yaml:11: \"exclude\" sends mould to \"none\", which is no grade"},
        {"mould: out", "black: out", "c.yaml:11: black is excluded and tolerated at once"},
        {"mould: out", "double: out", "c.yaml:5: double items are never graded"},
        {"code: \"2\"", "code: \"1\"",
         "c.yaml:17: two grades have the code \"1\", the first in line 13"},
        {"code: \"2\"", "code: \"2 b\"", "c.yaml:17: \"code\" must be of letters, digits and -"},
        {"code: \"2\"", "code: \"-\"", "c.yaml:17: \"code\" must be of letters"},
        {"basis: diameter", "basis: weight",
         "c.yaml:5: rule set \"r\": basis weight, but \"domain\" has no"},
        {"basis: diameter", "basis: manual",
         "c.yaml:5: rule set \"r\": graded by hand, so no \"domain\""},
        {"basis: diameter", "basis: diameter\n    proxy: yes",
         "c.yaml:5: rule set \"r\": a proxy grades by weight"},
        {"basis: diameter", "basis: diameter\n    calibration: {of: length, pieces: 9}",
         "c.yaml:5: rule set \"r\": \"calibration\" is for a proxy"},
        {"    grades:\n", "    calibration: {of: length, pieces: 0}\n    grades:\n",
         "c.yaml:12: \"pieces\" must be 1 to 100000 pieces, not 0"},
        {"where: {head_diameter: [10 mm, 100 mm]}", "where: {length: [10 mm, 100 mm]}",
         "c.yaml:13: grade \"1\": length is not in \"domain\""},
        {"[10 mm, 100 mm]", "[10 mm, 101 mm]",
         "c.yaml:13: grade \"1\": head_diameter reaches beyond \"domain\""},
        {"where: {head_diameter: [10 mm, 100 mm]}", "else: yes",
         "c.yaml:13: grade \"1\": only the last grade may be \"else\""},
        {"        where: {head_diameter: [10 mm, 100 mm]}\n", "",
         "c.yaml:13: grade \"1\" needs either \"where\" or \"else\""},
        {"        tolerate: {black: 0 %}\n", "",
         "c.yaml:13: grade \"1\" does not say how much black it tolerates"},
        {"[0 mm, 4 mm]}\n", "[0 mm, 4 mm]}\n        tolerate: {black: 0 %}\n",
         "c.yaml:21: grade \"out\" is the last: it takes what is left"},
        {"[4 mm, 10 mm]", "[5 mm, 10 mm]",
         "c.yaml:5: rule set \"r\": no grade takes head_diameter 4 mm to 5 mm"},
        {"[4 mm, 10 mm]", "[3.999 mm, 10 mm]",
         "c.yaml:21: grade \"out\" overlaps grade \"2\" of line 17 at head_diameter 3.999 mm to 4 "
         "mm"},
        {"rulesets:\n", "rulesets: []\nmore:\n", "c.yaml:5: unknown key \"more\""},
        {"    grades:\n", "    grades: []\n    graeds:\n",
         "c.yaml:13: unknown key \"graeds\", did you mean \"grades\"?"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_error(root, &rows[i]);
}

static void hear(void *ctx, const struct err *e)
{
    char *all = ctx;
    size_t at = strlen(all);
    snprintf(all + at, 2000 - at, "%d: %s\n", e->line, e->text);
}

static void test_all_errors(void **state)
{
    (void)state;
    char path[] = "/tmp/crop_test.XXXXXX", all[2000] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    char *one = changed(root, "basis: diameter", "basis: girth");
    char *two = changed(one, "version: 3", "version: x");
    char *three = changed(two, "zh: 根, ", "");
    fputs(three, f);
    fclose(f);
    struct crop_report r = {.error = hear, .ctx = all};
    struct err e = {0};
    assert_int_equal(crop_check_file(path, &r, &e), ERR_PARSE);
    assert_int_equal(e.line, 2);
    assert_int_equal(r.errors, 3);
    assert_non_null(strstr(all, "2: \"version\" must be a whole number"));
    assert_non_null(strstr(all, "3: missing key \"zh\""));
    assert_non_null(strstr(all, "7: \"basis\" must be"));
    assert_int_equal(crop_check_file("/nowhere/c.yaml", &r, NULL), ERR_NOT_FOUND);
    assert_int_equal(r.errors, 1);
    remove(path);
    free(one);
    free(two);
    free(three);
}

static void test_answers(void **state)
{
    (void)state;
    struct crop *c = parsed(root);
    const struct ruleset *r = crop_ruleset(c, "r");
    enum measure_id of;
    uint32_t pieces;
    assert_non_null(r);
    assert_null(crop_ruleset(c, "x"));
    assert_null(crop_ruleset_at(c, 1));
    assert_string_equal(crop_id(c), "c");
    assert_string_equal(crop_name(c, "zh"), "根");
    assert_string_equal(crop_name(c, "zh-CN"), "根");
    assert_string_equal(crop_name(c, "en"), "Root");
    assert_string_equal(ruleset_name(r, "en"), "First way");
    assert_int_equal(ruleset_version(r), 3);
    assert_int_equal(ruleset_basis(r), BASIS_DIAMETER);
    assert_int_equal(ruleset_grades(r), 3);
    assert_string_equal(ruleset_grade_code(r, 0), "-");
    assert_string_equal(ruleset_grade_code(r, 3), "out");
    assert_string_equal(ruleset_grade_code(r, 4), "-");
    assert_string_equal(ruleset_grade_name(r, 1, "zh"), "一等");
    assert_string_equal(ruleset_grade_name(r, 0, "en"), "Not graded");
    assert_int_equal(ruleset_grade_from_code(r, "out"), 3);
    assert_int_equal(ruleset_grade_from_code(r, "-"), 0);
    assert_int_equal(ruleset_needs(r), 1u << MEASURE_WEIGHT | 1u << MEASURE_HEAD_DIAMETER);
    assert_false(ruleset_proxy(r, &of, &pieces));
    assert_string_equal(grade_basis_word(BASIS_LENGTH), "length");
    assert_string_equal(grade_why_text(WHY_SHARE_FULL),
                        "moved down: the lot's tolerance share is used up");
    assert_string_equal(grade_why_text(999), "unknown reason");
    crop_free(c);
    crop_free(NULL);
}

/* The hash covers what decides, and nothing else. */
static void test_hash(void **state)
{
    (void)state;
    static const struct {
        const char *find, *put;
        bool same;
    } rows[] = {
        {"zh: 一等", "zh: 甲等", true},
        {"source: a table", "source: another", true},
        {"crop: c\n", "# note\ncrop: c\n", true},
        {"10 mm, 100 mm", "1 cm, 10 cm", true},
        {"version: 3", "version: 4", false},
        {"black: 10 %", "black: 11 %", false},
        {"mould: out", "mould: \"2\"", false},
        {"mould: out", "worm: out", false},
        {"code: out", "code: off", false},
        {"crop: c\n", "crop: d\n", false},
        {"id: r", "id: s", false},
    };
    struct crop *c = parsed(root);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = changed(root, rows[i].find, rows[i].put);
        if (strstr(rows[i].put, "off")) { /* the exclusion follows the code */
            char *both = changed(text, "mould: out", "mould: off");
            free(text);
            text = both;
        }
        struct crop *other = parsed(text);
        bool same = !strcmp(ruleset_sha256(crop_ruleset_at(c, 0)),
                            ruleset_sha256(crop_ruleset_at(other, 0)));
        if (same != rows[i].same)
            fail_msg("%s -> %s: the hash is %s", rows[i].find, rows[i].put,
                     same ? "the same" : "another");
        crop_free(other);
        free(text);
    }
    crop_free(c);
}

static void test_shipped(void **state)
{
    (void)state;
    static const struct {
        const char *path, *ruleset, *codes;
        uint32_t needs;
        enum grade_basis basis;
    } rows[] = {
        {"crops/codonopsis.yaml", "lu", "1 2 3 reject ", 0x3, BASIS_DIAMETER},
        {"crops/codonopsis.yaml", "tiao", "1 2 3 reject ", 0x3, BASIS_DIAMETER},
        {"crops/codonopsis.yaml", "lu-weight", "1 2 3 reject ", 0x1, BASIS_WEIGHT},
        {"crops/zucchini.yaml", "default", "I II out ", 0x19, BASIS_LENGTH},
        {"crops/zucchini.yaml", "sized", "I-S I-M I-L II out ", 0x19, BASIS_LENGTH},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct crop *c = NULL;
        struct err e = {0};
        char codes[80] = "", line[400];
        if (crop_load(rows[i].path, &c, &e) < 0)
            fail_msg("%s", err_line(&e, line, sizeof line));
        const struct ruleset *r = crop_ruleset(c, rows[i].ruleset);
        enum measure_id of = MEASURE_COUNT;
        uint32_t pieces = 0;
        assert_non_null(r);
        for (uint16_t g = 1; g <= ruleset_grades(r); g++) {
            strcat(codes, ruleset_grade_code(r, g));
            strcat(codes, " ");
            assert_true(ruleset_grade_name(r, g, "zh")[0] & 0x80);
        }
        assert_string_equal(codes, rows[i].codes);
        assert_int_equal(ruleset_needs(r), rows[i].needs);
        assert_int_equal(ruleset_basis(r), rows[i].basis);
        assert_int_equal(ruleset_proxy(r, &of, &pieces), rows[i].basis == BASIS_WEIGHT);
        if (rows[i].basis == BASIS_WEIGHT) {
            assert_int_equal(of, MEASURE_HEAD_DIAMETER);
            assert_int_equal(pieces, 50);
        }
        crop_free(c);
    }
}

static void count_line(void *ctx, const char *text)
{
    unsigned *n = ctx;
    *n += strstr(text, "black up to 10 % of its weight") != NULL;
}

static void test_describe(void **state)
{
    (void)state;
    struct crop *c = parsed(root);
    unsigned n = 0;
    crop_describe(c, "zh", count_line, &n);
    assert_int_equal(n, 1);
    crop_free(c);
}

static void test_file_name(void **state)
{
    (void)state;
    char dir[] = "/tmp/crop_test.XXXXXX", path[64];
    struct crop *c = NULL;
    struct err e = {0};
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/d.yaml", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(root, f);
    fclose(f);
    assert_int_equal(crop_load(path, &c, &e), ERR_CHECK);
    assert_non_null(strstr(e.text, "but the file is called \"d.yaml\""));
    remove(path);
    remove(dir);
}

static void the_canonical_text_is_what_the_hash_is_of(void **state)
{
    struct crop *c = NULL;
    uint8_t hash[SHA256_LEN];
    char hex[65];
    (void)state;
    assert_int_equal(crop_load("crops/codonopsis.yaml", &c, NULL), 0);
    for (size_t i = 0; i < crop_rulesets(c); i++) {
        const struct ruleset *r = crop_ruleset_at(c, i);
        char *text = crop_ruleset_text(c, r);
        sha256_of(text, strlen(text), hash);
        assert_string_equal(hex_text(hash, sizeof(hash), hex, sizeof(hex)), ruleset_sha256(r));
        free(text);
    }
    crop_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_canonical_text_is_what_the_hash_is_of),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_all_errors),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_file_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
