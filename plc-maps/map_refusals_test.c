/* Maps that are wrong in a way that only a second key, record or vector shows; with file and line.
 */
#include "base/test_fault.h"
#include "plc-maps/testmap.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void all_wrong(const char *text, const struct wrong *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect_error(text, &rows[i]);
}

/* clang-format off */
static void a_value_takes_only_the_keys_of_its_type(void **state)
{
    static const struct wrong rows[] = {
        {"type: s32", "type: s32, equals: [1]",                "t.yaml:17: type s32 has no equals and invert"},
        {"type: s32", "type: s32, invert: yes",                "t.yaml:17: type s32 has no equals and invert"},
        {"type: s32", "type: s32, shift: 1",                   "t.yaml:17: type s32 has no shift and width"},
        {"type: s32", "type: s16, order: DCBA",                "t.yaml:17: type s16 has no word order"},
        {"type: s32", "type: s32, div: 10",                    "t.yaml:17: a weight is scaled by its record's"},
        {"type: s32", "type: s32, sign: {at: 6}",              "t.yaml:17: the slice of \"sign\" is not within"},
        {"type: s32", "type: s32, sign: {at: x}",              "t.yaml:17: \"at\" must be a whole number"},
        {"type: s32", "type: s32, sentinels: 5",               "t.yaml:17: \"sentinels\" must be a list"},
        {"type: s32", "type: s32, equals: 5",                  "t.yaml:17: \"equals\" must be a list"},
        {"type: s32", "type: s16, sentinels: [-40000]",        "t.yaml:17: \"sentinels\" -40000 does not fit"},
        {"type: s32", "type: bits",                            "t.yaml:17: a slice of 0 bits from bit 0"},
        {"type: s32", "type: bits, shift: 10, width: 8",       "t.yaml:17: a slice of 8 bits from bit 10"},
        {"flag, mask: 1", "flag, mask: 1, sentinels: [1]",     "t.yaml:18: type flag has no sentinels, mul"},
        {"flag, mask: 1", "flag, mask: 1, div: 2",             "t.yaml:18: type flag has no sentinels, mul"},
        {"flag, mask: 1", "flag, mask: 1, min: 0",             "t.yaml:18: type flag has no sentinels, mul"},
        {"flag, mask: 1", "flag, mask: 1, max: 1",             "t.yaml:18: type flag has no sentinels, mul"},
        {"{at: 4, shift: 0, width: 3}", "{at: 4, shift: 15, width: 3}", "t.yaml:15: the slice of \"decimals\" is not within"},
        {"{at: 4, shift: 0, width: 3}", "several",             "t.yaml:15: \"decimals\" must be a whole number"},
        {"units: [kg]", "unit: {at: 4, width: 1}, units: []",  "t.yaml:15: \"units\" must have 1 to 2"},
        {"units: [kg]", "unit: {at: x, width: 1}, units: [kg]", "t.yaml:15: \"at\" must be a whole number"},
        {"units: [kg]", "units: kg",                           "t.yaml:15: \"units\" must be a list"},
        {"units: [kg]", "units: []",                           "t.yaml:15: \"units\" without \"unit\""},
        {"bad_when: [scale.over]", "bad_when: [scale.net]",    "t.yaml:15: \"bad_when\" names scale.net, which is no flag"},
        {"bad_when: [scale.over]", "bad_when: [[]]",           "t.yaml:15: \"bad_when\" must be"},
        {", bad_when: [scale.over]", ", bad_wehn: []",         "t.yaml:15: unknown key \"bad_wehn\""},
    };
    (void)state;
    all_wrong(scale, rows, N(rows));
}

#define SECOND(name, addr, area, role)                                                              \
    "  - {name: " name ", addr: " addr ", area: " area ", words: 2, source: p, confidence: A,\n"    \
    "     fields: [{role: " role ", at: 0, type: u16}]}\nwrite:\n"

static void two_of_a_thing_do_not_meet(void **state)
{
    static const struct wrong rows[] = {
        {"write:\n", SECOND("two", "14", "holding", "scale.alibi"), "t.yaml:20: record \"two\" overlaps \"frame\" of line 10"},
        {"write:\n", SECOND("two", "9", "holding", "scale.alibi"),  "t.yaml:20: record \"two\" overlaps \"frame\" of line 10"},
        {"write:\n", SECOND("frame", "40", "holding", "scale.alibi"), "t.yaml:20: two records are called \"frame\""},
        {"write:\n", SECOND("two", "10", "input", "scale.alibi"),   "t.yaml:20: record \"two\" needs fc 4"},
        {"vectors:\n", "  - {purpose: scale.tare, addr: 29, words: 2, source: p, confidence: A}\nvectors:\n", "t.yaml:22: the window overlaps that of line 21"},
        {"addr: 30, words: 1", "addr: 65535, words: 2",             "t.yaml:21: the window ends beyond word 65535"},
    };
    (void)state;
    all_wrong(scale, rows, N(rows));
    expect_good(scale, "vectors:\n", "  - {purpose: scale.tare, addr: 31, words: 1, source: p, confidence: A}\nvectors:\n");
    expect_good(scale, "write:\n", "readable: [{addr: 65535, words: 1, source: p}]\nwrite:\n");
}

static void a_part_of_another_shape_is_refused(void **state)
{
    static const struct wrong rows[] = {
        {"1.0.0", "1..00",                                "t.yaml:1: \"version\" must be like 1.0.0"},
        {"1.0.0", ".1.00",                                "t.yaml:1: \"version\" must be like 1.0.0"},
        {"1.0.0", "1.000",                                 "t.yaml:1: \"version\" must be like 1.0.0"},
        {"1.0.0", "1.0.0.0",                              "t.yaml:1: \"version\" must be like 1.0.0"},
        {"1.0.0", "1.0.x",                                "t.yaml:1: \"version\" must be like 1.0.0"},
        {"link: {", "link: {speed: 9, ",                  "t.yaml:8: unknown key \"speed\""},
        {"link: {", "#",                                  "t.yaml:1: missing key \"link\""},
        {"fc: [3, 16]", "fc: [3, 16, 23, 4, 3]",          "t.yaml:8: \"fc\" names 3 twice"},
        {"fc: [3, 16], max_read: 20, max_write: 2", "fc: [3, 16], max_read: 20", "t.yaml:8: \"max_write\" and fc 16 go together"},
        {"write:\n", "item: [{defect: black, from: aux2, type: flag, mask: 1}]\nwrite:\n", "t.yaml:1: kind registers has no \"mailbox\" and no \"item\""},
        {"write:\n", "readable: [{addr: 3}]\nwrite:\n",   "t.yaml:20: missing key"},
        {"write:\n", "readable: 3\nwrite:\n",             "t.yaml:20: \"readable\" must be a list"},
        {"source: page 9, ", "",                               "t.yaml:21: missing key \"source\""},
        {"records:\n", "records: []\nold:\n",             "t.yaml:10: unknown key \"old\""},
        {"    fields:\n", "    fields: 3\n    fiedls:\n", "t.yaml:17: unknown key \"fiedls\""},
    };
    (void)state;
    all_wrong(scale, rows, N(rows));
}

static void registers_without_records_are_no_map(void **state)
{
    static const char text[] = "map: s\nversion: 1.0.0\nkind: registers\ntitle: t\nsource: s\nconfidence: A\n"
                               "link: {fc: [3], max_read: 20, timeout_ms: 100, turnaround_ms: 10}\n"
                               "records: []\nvectors: []\n";
    static const struct wrong row = {"map: s", "map: s", "t.yaml:1: kind registers needs \"records\""};
    (void)state;
    expect_error(text, &row);
    static const struct wrong empty = {"a", "", "t.yaml: missing key"};
    expect_error("a", &empty);
}

static void a_mailbox_is_described_by_the_contract(void **state)
{
    static const struct wrong rows[] = {
        {"vectors:", "write: [{purpose: scale.zero, addr: 1, words: 1, source: p, confidence: A}]\nvectors:", "t.yaml:1: kind mailbox has no \"records\""},
        {"vectors:", "records: [{name: r, addr: 1, words: 1, source: p, confidence: A, fields: []}]\nvectors:", "t.yaml:1: kind mailbox has no \"records\""},
        {"turnaround_ms: 10", "turnaround_ms: 10, max_gap: 2", "t.yaml:7: fc 4 and \"max_gap\" mean nothing"},
        {"fc: [3, 16]", "fc: [3, 16, 5]",                     "t.yaml:7: \"fc\" may name 3, 16 and 23, not 5"},
        {"fc: [3, 16]", "fc: [4, 16]",                        "t.yaml:7: a mailbox needs fc 3 and 16"},
        {"max_write: 120", "max_write: 12",                   "t.yaml:7: \"max_write\" of a mailbox is whole slots"},
        {"pulses: yes", "pulses: yes, mul: 2",                "t.yaml:10: \"pulses\" makes a length and takes no mul or div"},
        {"pulses: yes", "pulses: yes, div: 2",                "t.yaml:10: \"pulses\" makes a length and takes no mul or div"},
        {"flag, mask: 1", "flag, mask: 1, pulses: yes",       "t.yaml:11: \"pulses\" makes a length"},
        {"measure: length, from: length, type: u16", "measure: length, from: length, type: u16, equals: 3", "t.yaml:10: \"equals\" must be a list"},
        {"min_ring: 16", "min_ring: many",                    "t.yaml:8: \"min_ring\" must be a whole number"},
    };
    (void)state;
    all_wrong(mailbox, rows, N(rows));
    expect_good(mailbox, "vectors:", "  - {defect: worm, from: aux2, type: flag, mask: 2}\nvectors:");
}

#define FRAMES "    frames: [{addr: 10, words: [0, 1234, 0, 0, 3, 1]}]\n"
#define EXPECT "    expect: {scale.net: 1234000, scale.stable: 1}\n"
#define PLAN   "    plan: {poll_us: 10000, longest_us: 10000, dead_us: 100000, requests: "

static void a_vector_of_another_shape_is_refused(void **state)
{
    static const struct wrong rows[] = {
        {FRAMES, "    frames: 3\n",                                    "t.yaml:25: \"frames\" must be a list"},
        {FRAMES, "    frames: [{addr: 10}]\n",                         "t.yaml:25: missing key \"words\""},
        {FRAMES, "    frames: [{addr: 10, words: 7}]\n",               "t.yaml:"},
        {FRAMES, "    frames: [{addr: 15, words: [1, 1]}]\n",          "t.yaml:25: word 16 stands in no record"},
        {FRAMES, "    frames: [{addr: 10, area: input, words: [1]}]\n", "t.yaml:25: word 10 stands in no record"},
        {EXPECT, "    expect: 3\n",                                    "t.yaml:26: \"expect\" must be a map"},
        {EXPECT, "    expect: {scale.net: heavy}\n",                   "t.yaml:26: \"scale.net\" must be a whole number"},
        {EXPECT, "    expect: {quite_another: 1}\n",                   "t.yaml:26: unknown name \"quite_another\""},
        {EXPECT, EXPECT "    bad: 3\n",                                "t.yaml:27: \"bad\" must be a list"},
        {EXPECT, EXPECT "    bad: [[]]\n",                             "t.yaml:27: unknown name \"\""},
        {EXPECT, EXPECT "    bad: [scale.alibi]\n",                    "t.yaml:23: vector \"one\" names scale.alibi, which the map has not"},
        {EXPECT, EXPECT "    defects: [black]\n",                      "t.yaml:23: such a vector has no \"defects\""},
        {EXPECT, EXPECT "    extra: 1\n",                              "t.yaml:27: unknown key \"extra\""},
        {EXPECT, EXPECT PLAN "[]}\n",                                  "t.yaml:23: a vector has one of frames and plan"},
        {FRAMES, PLAN "[[3, 10, 6, 100]]}\n",                          "t.yaml:23: such a vector has no \"expect\", \"bad\" or \"defects\""},
        {FRAMES EXPECT, PLAN "[[3, 10, 6, 100]]}\n    bad: []\n",      "t.yaml:23: such a vector has no \"expect\", \"bad\" or \"defects\""},
        {FRAMES EXPECT, PLAN "[[3, 10, 6, 100]]}\n    defects: []\n",  "t.yaml:23: such a vector has no \"expect\", \"bad\" or \"defects\""},
        {FRAMES EXPECT, PLAN "3}\n",                                   "t.yaml:25: \"requests\" must be a list"},
        {FRAMES EXPECT, PLAN "[]}\n",                                  "t.yaml:23: vector \"one\""},
        {FRAMES EXPECT, PLAN "[[4, 10, 6, 100]]}\n",                   "t.yaml:25: vector \"one\": request 1 is [3, 10, 6, 100]"},
        {FRAMES EXPECT, PLAN "[[3, 11, 6, 100]]}\n",                   "t.yaml:25: vector \"one\": request 1 is [3, 10, 6, 100]"},
        {FRAMES EXPECT, PLAN "[[3, 10, 6, 101]]}\n",                   "t.yaml:25: vector \"one\": request 1 is [3, 10, 6, 100]"},
        {FRAMES EXPECT, PLAN "[[3, 10, 6]]}\n",                        "t.yaml:23: vector \"one\": the length of a request's entry is 3, not 4"},
        {"manual page 8", "capture",                                   "t.yaml:23: \"origin\" must be"},
        {"manual page 8", "manual page ",                              "t.yaml:23: \"origin\" must be"},
        {"manual page 8", "test ",                                     "t.yaml:23: \"origin\" must be"},
        {"manual page 8", "constructed by hand",                       "t.yaml:23: \"origin\" must be"},
        {"vectors:\n", "vectors: 3\nvecotrs:\n",                       "t.yaml:23: unknown key \"vecotrs\""},
    };
    static const struct wrong of_mailbox[] = {
        {"    defects: [black]\n", "    bad: [length]\n",              "t.yaml:13: vector \"one\": length is good, not bad"},
        {"    defects: [black]\n", "    defects: black\n",             "t.yaml:18: \"defects\" must be a list"},
        {"    expect: {weight: 21000, length: 100000}\n", "    expect: 3\n", "t.yaml:17: \"expect\" must be a map"},
        {"    expect: {weight: 21000, length: 100000}\n", "    expect: {}\n    bad: 3\n", "t.yaml:18: \"bad\" must be a list"},
        {"pulses_per_m: 1000", "pulses: 1000",                         "t.yaml:15: unknown key \"pulses\""},
        {"words: [0, 5,", "words: [x, 5,",                             "t.yaml:16: \"words\" must be a whole number"},
        {"    item: {epoch: 1, seq: 5, pulses_per_m: 1000,\n", "    frames: []\n    itme: {epoch: 1, seq: 5, pulses_per_m: 1000,\n", "t.yaml:16: unknown key \"itme\""},
    };
    (void)state;
    all_wrong(scale, rows, N(rows));
    all_wrong(mailbox, of_mailbox, N(of_mailbox));
    expect_good(scale, "manual page 8", "capture of 2026-11-24");
    expect_good(scale, "manual page 8", "test ReadTests of the maker's library");
    expect_good(scale, "manual page 8", "constructed");
    expect_good(scale, FRAMES EXPECT, PLAN "[[3, 10, 6, 100]]}\n");
}
/* clang-format on */

static void a_map_without_memory_is_refused_with_its_reason(void **state)
{
    (void)state;
#if FAULT_MEMORY
    int refusals = 0;
    fault_memory.fired = true;
    for (int n = 0; fault_memory.fired; n++) {
        struct map *m = NULL;
        struct err e = {0};
        fault_at(&fault_memory, n);
        int rc = map_parse("t.yaml", scale, strlen(scale), &m, &e);
        fault_memory.after = -1;
        assert_true(rc == 0 ? m != NULL : m == NULL && e.text[0]);
        refusals += rc < 0;
        map_free(m);
    }
    assert_true(refusals > 3);
#else
    skip(); /* a sanitizer has a calloc of its own (base/test_fault.h) */
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_takes_only_the_keys_of_its_type),
        cmocka_unit_test(two_of_a_thing_do_not_meet),
        cmocka_unit_test(a_part_of_another_shape_is_refused),
        cmocka_unit_test(registers_without_records_are_no_map),
        cmocka_unit_test(a_mailbox_is_described_by_the_contract),
        cmocka_unit_test(a_vector_of_another_shape_is_refused),
        cmocka_unit_test(a_map_without_memory_is_refused_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
