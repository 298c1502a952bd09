/* Crops that are wrong in a way that a second key, grade or rule set shows; with file and line.
 * What is refused for want of memory is refused whole. */
#include "base/test_fault.h"
#include "crops/testcrop.h"
#include <jansson.h>

#define N(a)      (sizeof(a) / sizeof((a)[0]))
#define DOMAIN    "{head_diameter: [0 mm, 100 mm]}"
#define LAST      "        where: {head_diameter: [0 mm, 4 mm]}\n"
#define BY_WEIGHT "basis: weight\n    proxy: yes\n    calibration: {of: head_diameter, pieces: 9}"

/* clang-format off */
static void each_wrong_part_is_refused_at_its_line(void **state)
{
    static const struct wrong rows[] = {
        {"{mould: out}", "{quite_another: out}",      "c.yaml:11: unknown defect \"quite_another\""},
        {"{mould: out}", "{mould: \"\"}",             "c.yaml:11: \"mould\" must name a grade"},
        {"{mould: out}", "{mould: a-grade-of-more-than-sixteen-bytes}", "c.yaml:11: \"mould\" must name a grade"},
        {"{mould: out}", "all",                       "c.yaml:11: \"exclude\" must be a map"},
        {"{black: 0 %}", "{quite_another: 0 %}",      "c.yaml:16: unknown defect \"quite_another\""},
        {"{black: 0 %}", "{black: [0 %]}",            "c.yaml:16: \"black\" must be a share"},
        {"{black: 0 %}", "{black: some %}",           "c.yaml:16: \"black\" must be a share"},
        {"{black: 0 %}", "{black: 0 g}",              "c.yaml:16: \"black\" must be a share"},
        {"{black: 0 %}", "none",                      "c.yaml:16: \"tolerate\" must be a map"},
        {"{black: 0 %}", "{black: 0 %, double: 0 %}", "c.yaml:5: double items are never graded"},
        {DOMAIN, "{head_diameter: [0 mm]}",           "c.yaml:10: \"head_diameter\" must be [minimum, maximum]"},
        {DOMAIN, "{head_diameter: [[0 mm], 100 mm]}", "c.yaml:10: \"head_diameter\" needs numbers with units (um, mm, cm), not \"\""},
        {DOMAIN, "{weight: [0 mm, 5 g]}",             "c.yaml:10: \"weight\" needs numbers with units (mg, g, kg), not \"0 mm\""},
        {DOMAIN, "{bow: [0 mm, 5 g]}",                "c.yaml:10: \"bow\" needs numbers with units (ppm, mm/100mm), not \"0 mm\""},
        {DOMAIN, "{quite_another: [0 mm, 5 mm]}",     "c.yaml:10: unknown measure \"quite_another\""},
        {DOMAIN, "{head_diameter: [1 mm, 100 mm]}",   "c.yaml:21: grade \"out\": head_diameter reaches beyond \"domain\""},
        {"basis: diameter", "basis: length",          "c.yaml:5: rule set \"r\": basis length, but \"domain\" has no such input"},
        {"basis: diameter", "basis: weight\n    proxy: yes", "c.yaml:5: rule set \"r\": basis weight, but \"domain\" has no such input"},
        {"basis: diameter", "basis: diameter\n    calibration: {of: girth, pieces: 9}", "c.yaml:8: \"of\" must be"},
        {"basis: diameter", BY_WEIGHT,                "c.yaml:5: rule set \"r\": basis weight, but"},
        {LAST, LAST "        else: yes\n",            "c.yaml:21: grade \"out\" needs either \"where\" or \"else\""},
        {"name: {zh: 根, en: Root}\n", "",            "c.yaml:1: missing key \"name\""},
        {"code: out", "colour: out",                  "c.yaml:21: unknown key \"colour\""},
        {"    grades:\n", "    grades: 3\n    old:\n", "c.yaml:13: unknown key \"old\""},
        {LAST, LAST "  - id: r\n    name: {zh: 乙, en: Second way}\n    basis: manual\n    source: s\n    confidence: B\n    grades: [{code: a, name: {zh: 甲, en: A}}]\n", "c.yaml:24: two rule sets have the id \"r\", the first in line 5"},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++)
        expect_error(root, &rows[i]);
}

#define HEAD "crop: c\nversion: 1\nname: {zh: 根, en: Root}\n"
#define BY_HAND HEAD "rulesets:\n  - id: h\n    name: {zh: 手, en: By hand}\n    basis: manual\n    source: s\n" \
                     "    confidence: B\n    grades:\n      - {code: a, name: {zh: 甲, en: A}}\n" \
                     "      - {code: b, name: {zh: 乙, en: B}}\n"
#define PROXY HEAD "rulesets:\n  - id: w\n    name: {zh: 重, en: By weight}\n    basis: weight\n    proxy: yes\n" \
                   "    calibration: {of: head_diameter, pieces: 9}\n    source: s\n    confidence: C\n" \
                   "    domain: {weight: [0 g, 500 g]}\n    grades:\n" \
                   "      - {code: a, name: {zh: 甲, en: A}, where: {weight: [8 g, 500 g]}}\n" \
                   "      - {code: b, name: {zh: 乙, en: B}, else: yes}\n"

static void rules_of_another_kind_have_limits_of_their_own(void **state)
{
    static const struct wrong by_hand[] = {
        {"en: B}}", "en: B}, else: yes}",                       "c.yaml:12: grade \"b\" needs no \"where\" and no \"else\": graded by hand"},
        {"en: A}}", "en: A}, where: {weight: [1 g, 2 g]}}",     "c.yaml:11: grade \"a\": weight is not in \"domain\""},
        {"    source: s\n", "    source: s\n    domain: {weight: [1 g, 2 g]}\n", "c.yaml:5: rule set \"h\": graded by hand, so no \"domain\""},
    };
    static const struct wrong proxy[] = {
        {"    calibration: {of: head_diameter, pieces: 9}\n", "", "c.yaml:5: rule set \"w\": a proxy grades by weight and needs \"calibration\""},
        {"of: head_diameter", "of: weight",                     "c.yaml:5: rule set \"w\": what is measured needs no proxy"},
        {"    proxy: yes\n", "",                                "c.yaml:5: rule set \"w\": \"calibration\" is for a proxy"},
        {"en: A}, where: {weight: [8 g, 500 g]}", "en: A}, else: yes", "c.yaml:14: grade \"a\": only the last grade may be \"else\""},
    };
    static const struct wrong none = {"rulesets: []", "rulesets: []", "c.yaml:1: a crop needs at least one rule set"},
                              no_list = {"rulesets: []", "rulesets: 3", "c.yaml:4: \"rulesets\" must be a list"},
                              no_grades = {"    grades:\n      - {code: a, name: {zh: 甲, en: A}}\n      - {code: b, name: {zh: 乙, en: B}}\n", "    grades: []\n", "c.yaml:5: rule set \"h\" has no grades"},
                              empty = {"a", "", "c.yaml: missing key"};
    static const char *const good[] = {BY_HAND, PROXY};
    (void)state;
    for (size_t i = 0; i < N(good); i++) {
        struct crop *c = NULL;
        struct err e = {0};
        if (crop_parse("c.yaml", good[i], strlen(good[i]), &c, &e) < 0)
            fail_msg("%d: %s", e.line, e.text);
        crop_free(c);
    }
    for (size_t i = 0; i < N(by_hand); i++)
        expect_error(BY_HAND, &by_hand[i]);
    for (size_t i = 0; i < N(proxy); i++)
        expect_error(PROXY, &proxy[i]);
    expect_error(HEAD "rulesets: []\n", &none);
    expect_error(HEAD "rulesets: []\n", &no_list);
    expect_error(BY_HAND, &no_grades);
    expect_error("a", &empty);
}
/* clang-format on */

/* ---- memory ---- */

static struct fault json_fault = {-1, false};

static void *json_alloc(size_t n)
{
    return fault_fires(&json_fault) ? NULL : malloc(n);
}

/* The hash of a document that lacks a piece would be another rule set's. */
static void a_rule_set_has_its_own_hash_or_none_whatever_memory_is_missing(void **state)
{
    struct crop *c = NULL;
    char sha[65];
    int refusals = 0;
    (void)state;
    assert_int_equal(crop_parse("c.yaml", root, strlen(root), &c, NULL), 0);
    snprintf(sha, sizeof(sha), "%s", ruleset_sha256(crop_ruleset_at(c, 0)));
    crop_free(c);
    json_set_alloc_funcs(json_alloc, free);
    json_fault.fired = true;
    for (int n = 0; json_fault.fired; n++) {
        struct err e = {0};
        c = NULL;
        fault_at(&json_fault, n);
        int rc = crop_parse("c.yaml", root, strlen(root), &c, &e);
        json_fault.after = -1;
        if (rc < 0) {
            refusals++;
            assert_int_equal(rc, ERR_NOMEM);
            assert_null(c);
            assert_string_equal(e.text, "out of memory");
        } else if (strcmp(ruleset_sha256(crop_ruleset_at(c, 0)), sha) != 0) {
            fail_msg("without piece %d of memory the rules have another hash", n);
        }
        crop_free(c);
    }
    json_set_alloc_funcs(malloc, free);
    assert_true(refusals > 20);
}

static void a_crop_without_memory_is_refused_with_its_reason(void **state)
{
    (void)state;
#if FAULT_MEMORY
    int refusals = 0;
    fault_memory.fired = true;
    for (int n = 0; fault_memory.fired; n++) {
        struct crop *c = NULL;
        struct err e = {0};
        fault_at(&fault_memory, n);
        int rc = crop_parse("c.yaml", root, strlen(root), &c, &e);
        fault_memory.after = -1;
        assert_true(rc == 0 ? c != NULL : c == NULL && e.text[0]);
        refusals += rc < 0;
        crop_free(c);
    }
    assert_true(refusals > 3);
#else
    skip(); /* a sanitizer has a calloc of its own (base/test_fault.h) */
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wrong_part_is_refused_at_its_line),
        cmocka_unit_test(rules_of_another_kind_have_limits_of_their_own),
        cmocka_unit_test(a_rule_set_has_its_own_hash_or_none_whatever_memory_is_missing),
        cmocka_unit_test(a_crop_without_memory_is_refused_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
