/* Loading maps: the shipped ones, and every way in which a map can be wrong, with file and line. */
#include "plc-maps/testmap.h"

static void test_templates_are_right(void **state)
{
    (void)state;
    expect_good(scale, "map: s", "map: s");
    expect_good(mailbox, "map: m", "map: m");
    expect_good(mailbox, "vectors:",
                "settings: [{en: HR_Start_Offset is 0, zh: HR_Start_Offset 为 0}]\nvectors:");
}

static void test_single_values(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        {"title:", "titel:", "t.yaml:4: unknown key \"titel\", did you mean \"title\"?"},
        {"title: A scale\n", "", "t.yaml:1: missing key \"title\""},
        {"kind: registers", "kind: register",
         "t.yaml:3: \"kind\" must be mailbox, registers or lines, not \"register\", did you mean "
         "\"registers\"?"},
        {"role: scale.net", "role: scale.nett", "t.yaml:17: \"role\" must be scale.net, "},
        {"type: s32", "type: s23",
         "t.yaml:17: \"type\" must be u16, s16, u24, s24, u32, s32, u64, s64, "},
        {"max_read: 20", "max_read: 126", "t.yaml:8: \"max_read\" must be 1 to 125 words, not 126"},
        {"max_read: 20", "max_read: many",
         "t.yaml:8: \"max_read\" must be a whole number, not \"many\""},
        {"addr: 10\n", "addr: 65536\n", "t.yaml:11: \"addr\" must be 0 to 65535, not 65536"},
        {"fc: [3, 16]", "fc: 3", "t.yaml:8: \"fc\" must be a list"},
        {"fc: [3, 16]", "fc: [3, x]", "t.yaml:8: \"fc\" must be a whole number, not \"x\""},
        {"confidence: B", "confidence: D",
         "t.yaml:14: \"confidence\" must be A, B or C, not \"D\""},
        {"    source: page 7\n", "", "t.yaml:10: missing key \"source\""},
        {"    confidence: B\n", "", "t.yaml:10: missing key \"confidence\""},
        {"units: [kg]", "units: [lb]",
         "t.yaml:15: \"units\" must be refused, mg, g, kg or t, not \"lb\""},
        {"width: 3", "width: 17", "t.yaml:15: \"width\" must be 1 to 16 bits, not 17"},
        {"decimals: {at: 4, shift: 0, width: 3}", "decimals: 7",
         "t.yaml:15: \"decimals\" must be 0 to 6, not 7"},
        {"vectors:\n", "vectors: none\nold:\n", "t.yaml:23: unknown key \"old\""},
        {"map: s", "\tmap: s", "t.yaml:1: "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_error(scale, &rows[i]);
}

static void test_meaning_of_registers(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        {"1.0.0", "1.0.0.", "t.yaml:1: \"version\" must be like 1.0.0"},
        {"map: s", "map: S", "t.yaml:1: \"map\" must be of a-z, 0-9 and -"},
        {"fc: [3, 16]", "fc: [3, 7]", "t.yaml:8: \"fc\" may name 1, 2, 3, 4, 5, 6, 16"},
        {"fc: [3, 16]", "fc: [3, 3]", "t.yaml:8: \"fc\" names 3 twice"},
        {"fc: [3, 16]", "fc: [16]", "t.yaml:8: \"fc\" names no function that reads"},
        {"fc: [3, 16]", "fc: [3]", "t.yaml:8: \"max_write\" and fc 16 go together"},
        {"turnaround_ms: 10", "turnaround_ms: 100",
         "t.yaml:8: \"timeout_ms\" (100) must be longer"},
        {"    addr: 10\n", "    addr: 65531\n",
         "t.yaml:10: record \"frame\" ends beyond word 65535"},
        {"words: 6", "words: 21",
         "t.yaml:10: record \"frame\" has 21 words, more than one request"},
        {"    addr: 10\n", "    addr: 10\n    area: input\n",
         "t.yaml:10: record \"frame\" needs fc 4"},
        {"at: 0, type: s32", "at: 5, type: s32",
         "t.yaml:17: word 6 is outside the record's 6 words"},
        {"at: 0, type: s32", "at: 4, type: s32",
         "t.yaml:18: scale.stable overlaps scale.net of line 17"},
        {"role: scale.over", "role: scale.stable",
         "t.yaml:19: role scale.stable stands here twice"},
        {"role: scale.net, at: 0, type: s32", "role: scale.net, at: 0, type: flag, mask: 1",
         "t.yaml:17: role scale.net and type flag go together"},
        {"type: s32", "type: s32, mask: 1", "t.yaml:17: type s32 has no mask"},
        {"type: s32", "type: s32, width: 1", "t.yaml:17: type s32 has no shift and width"},
        {"type: s32", "type: s16, order: CDAB", "t.yaml:17: type s16 has no word order"},
        {"type: s32", "type: s32, mul: 10", "t.yaml:17: a weight is scaled by its record's"},
        {"type: s32", "type: s32, sign: {at: 5}", "t.yaml:17: \"sign\" belongs to an unsigned"},
        {"type: s32", "type: s32, min: 2, max: 1", "t.yaml:17: \"min\" is above \"max\""},
        {"type: s32", "type: s16, sentinels: [65536]",
         "t.yaml:17: \"sentinels\" 65536 does not fit"},
        {"flag, mask: 1", "flag", "t.yaml:18: type flag needs a \"mask\""},
        {"flag, mask: 1", "flag, mask: 1, equals: [2]", "t.yaml:18: \"equals\" 2 has bits outside"},
        {"flag, mask: 1", "flag, mask: 1, mul: 2", "t.yaml:18: type flag has no sentinels, mul"},
        {"    weight:", "    #weight:", "t.yaml:17: role scale.net needs \"weight\" in its record"},
        {"at: 4, shift: 0", "at: 6, shift: 0",
         "t.yaml:15: the slice of \"decimals\" is not within"},
        {"units: [kg]", "units: [kg, g]",
         "t.yaml:15: \"units\" without \"unit\" is one of mg, g, kg and t"},
        {"units: [kg]", "units: [refused]", "t.yaml:15: \"units\" without \"unit\""},
        {"units: [kg]", "unit: {at: 4, width: 1}, units: [kg, g, t]",
         "t.yaml:15: \"units\" must have 1 to 2"},
        {"bad_when: [scale.over]", "bad_when: [scale.error]",
         "t.yaml:15: \"bad_when\" names scale.error"},
        {"confidence: B", "confidence: C",
         "t.yaml:10: trade use needs confidence A or B of record"},
        {"confidence: A\ntrade", "confidence: C\ntrade",
         "t.yaml:1: trade use needs confidence A or B"},
        {"role: scale.over", "role: scale.under", "t.yaml:15: \"bad_when\" names scale.over"},
        {"purpose: scale.zero", "purpose: drive.run",
         "t.yaml:21: drive.run is never written: it starts"},
        {"purpose: scale.zero", "purpose: drive.reset", "t.yaml:21: drive.reset is never written"},
        {"purpose: scale.zero", "purpose: gate.fire",
         "t.yaml:21: gate.fire is never written: only the PLC"},
        {"words: 1, source", "words: 3, source",
         "t.yaml:21: the window is longer than max_write (2)"},
        {"addr: 30", "addr: 65535, #", "t.yaml:"},
        {"page 9, confidence: A", "page 9, confidence: C",
         "t.yaml:21: what is written needs confidence"},
        {"vectors:\n",
         "  - {purpose: scale.tare, addr: 30, words: 2, source: p, confidence: A}\nvectors:\n",
         "t.yaml:22: the window overlaps that of line 21"},
        {"role: scale.net, at: 0, type: s32", "role: drive.speed, at: 0, type: u16",
         "t.yaml:21: a drive is read only"},
        {"write:\n", "mailbox: {checks: no, base: 0, min_ring: 16}\nwrite:\n",
         "t.yaml:1: kind registers has no \"mailbox\""},
        {"write:\n", "readable: [{addr: 65535, words: 2, source: p}]\nwrite:\n",
         "t.yaml:20: the range ends beyond word 65535"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_error(scale, &rows[i]);
}

static void test_meaning_of_a_mailbox(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        {"mailbox: {", "#", "t.yaml:1: kind mailbox needs the key \"mailbox\""},
        {"min_ring: 16", "min_ring: 24", "t.yaml:8: \"min_ring\" must be a power of two, not 24"},
        {"base: 100", "base: 65100", "t.yaml:8: the mailbox would end at word"},
        {"fc: [3, 16], max_read: 112, max_write: 120", "fc: [3], max_read: 112",
         "t.yaml:7: a mailbox needs fc 3 and 16"},
        {"fc: [3, 16]", "fc: [3, 4, 16]", "t.yaml:7: fc 4 and \"max_gap\" mean nothing"},
        {"max_read: 112", "max_read: 113", "t.yaml:7: \"max_read\" of a mailbox is whole records"},
        {"max_read: 112", "max_read: 32", "t.yaml:7: \"max_read\" of a mailbox is whole records"},
        {"max_write: 120", "max_write: 18", "t.yaml:7: \"max_write\" of a mailbox is whole slots"},
        {"measure: length", "measure: weight",
         "t.yaml:10: weight and double are the contract's own"},
        {"measure: length", "measure: bow", "t.yaml:10: \"pulses\" makes a length"},
        {"measure: length, ", "",
         "t.yaml:10: an entry of \"item\" is either a measure or a defect"},
        {"measure: length,", "measure: length, defect: worm,",
         "t.yaml:10: an entry of \"item\" is either"},
        {"defect: black, from: aux2, type: flag, mask: 1", "defect: black, from: aux2, type: u16",
         "t.yaml:11: type flag is for defects"},
        {"defect: black", "defect: double", "t.yaml:11: weight and double are the contract's own"},
        {"vectors:", "  - {measure: length, from: aux1, type: u16}\nvectors:",
         "t.yaml:12: this stands here twice, first in line 10"},
        {"vectors:", "trade: static\nvectors:", "t.yaml:1: a sorter's mailbox is no trade scale"},
        {"vectors:", "identity: [{addr: 0, words: [0x4D42]}]\nvectors:",
         "t.yaml:12: a mailbox identifies itself"},
        {"measure: length, from: length, type: u16", "measure: length, from: length, type: f32",
         "t.yaml:10: a word of the item is never type f32"},
        {"turnaround_ms: 10", "turnaround_ms: 10, min_interval_ms: 5",
         "t.yaml:7: \"min_interval_ms\", \"heartbeat_ms\" and \"align\" mean nothing"},
        {"vectors:", "readable: [{addr: 0, words: 1, source: p}]\nvectors:",
         "t.yaml:1: kind mailbox has no \"records\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_error(mailbox, &rows[i]);
}

static void test_vectors(void **state)
{
    (void)state;
    static const struct wrong of_scale[] = {
        {"1234000", "1234001", "t.yaml:23: vector \"one\": scale.net reads 1234000, not 1234001"},
        {", scale.stable: 1", "", "t.yaml:23: vector \"one\": scale.stable reads 1, not 0"},
        {"scale.net: 1234000, ", "", "t.yaml:23: vector \"one\" does not say what scale.net is"},
        {"1234000, scale.stable: 1}", "1, scale.gros: 1}",
         "t.yaml:26: unknown name \"scale.gros\", did you mean \"scale.gross\"?"},
        {"1234000, scale.stable: 1}", "1234000, scale.stable: 1, scale.gross: 1}",
         "t.yaml:23: vector \"one\" names scale.gross, which the map has not"},
        {"scale.stable: 1}\n", "scale.stable: 1}\n    bad: [scale.net]\n",
         "t.yaml:23: vector \"one\": scale.net is good, not bad"},
        {"3, 1]}]", "3, 3]}]", "t.yaml:23: vector \"one\": scale.net is bad, not good"},
        {"addr: 10, words: [0", "addr: 9, words: [0", "t.yaml:25: word 9 stands in no record"},
        {"[0, 1234,", LONG_LIST "1234,", "t.yaml:25: \"words\" has more than 125 words"},
        {"[0, 1234,", "[0, 65536,", "t.yaml:25: \"words\" must be 0 to 65535, not 65536"},
        {"manual page 8", "a manual", "t.yaml:23: \"origin\" must be \"manual page"},
        {"manual page 8", "capture ", "t.yaml:23: \"origin\" must be"},
        {"    frames: [{addr: 10, words: [0, 1234, 0, 0, 3, 1]}]\n", "",
         "t.yaml:23: a vector has one of frames and plan"},
        {"    frames:", "    item: {}\n    frames:",
         "t.yaml:23: a vector has one of frames and plan"},
        {"    frames: [{addr: 10, words: [0, 1234, 0, 0, 3, 1]}]\n    expect: {scale.net: 1234000, "
         "scale.stable: 1}",
         "    plan: {poll_us: 1, longest_us: 10000, dead_us: 100000, requests: [[3, 10, 6, 100]]}",
         "t.yaml:23: vector \"one\": poll_us is 10000, not 1"},
        {"    frames: [{addr: 10, words: [0, 1234, 0, 0, 3, 1]}]\n    expect: {scale.net: 1234000, "
         "scale.stable: 1}",
         "    plan: {poll_us: 10000, longest_us: 10000, dead_us: 100000, requests: [[3, 10, 7, "
         "100]]}",
         "t.yaml:25: vector \"one\": request 1 is [3, 10, 6, 100]"},
        {"  - name: one\n    origin: manual page 8\n    frames: [{addr: 10, words: [0, 1234, 0, 0, "
         "3, 1]}]\n"
         "    expect: {scale.net: 1234000, scale.stable: 1}\n",
         "  []\n", "t.yaml:22: a map needs at least one vector"},
    };
    static const struct wrong of_mailbox[] = {
        {"weight: 21000", "weight: 21001",
         "t.yaml:13: vector \"one\": weight reads 21000, not 21001"},
        {"weight: 21000, ", "", "t.yaml:13: vector \"one\": weight is good, not absent"},
        {"length: 100000", "bow: 100000", "t.yaml:13: vector \"one\": length is good, not absent"},
        {"[black]", "[]", "t.yaml:13: vector \"one\": defect black is found"},
        {"[black]", "[black, worm]", "t.yaml:13: vector \"one\": defect worm is not found"},
        {"[black]", "[blakc]", "t.yaml:18: unknown name \"blakc\", did you mean \"black\"?"},
        {"seq: 5", "seq: 6", "t.yaml:13: vector \"one\": the words are refused"},
        {"checks: no", "checks: yes", "t.yaml:13: vector \"one\": the words are refused"},
        {"0, 0, 5, 0]", "0, 0, 5, 9]", "t.yaml:13: vector \"one\": the check is not 0"},
        {", 5, 0]", ", 5]", "t.yaml:16: 16 words are needed, not 15"},
        {"    item: {", "    plan: {poll_us: 0, longest_us: 0, dead_us: 0}\n    item: {",
         "t.yaml:13: a vector has one of item, header and plan"},
    };
    for (size_t i = 0; i < sizeof of_scale / sizeof of_scale[0]; i++)
        expect_error(scale, &of_scale[i]);
    for (size_t i = 0; i < sizeof of_mailbox / sizeof of_mailbox[0]; i++)
        expect_error(mailbox, &of_mailbox[i]);
}

/* What a map of an unverified source may still be: read, but not for trade. */
static void test_confidence_c_without_trade(void **state)
{
    (void)state;
    char *read_only = changed(scale, "trade: static\n", "");
    expect_good(read_only, "confidence: B", "confidence: C");
    free(read_only);
}

static void test_shipped(void **state)
{
    (void)state;
    static const struct {
        const char *path, *id;
        enum map_kind kind;
        bool trade;
        size_t vectors;
    } rows[] = {
        {"plc-maps/mailbox-v1.yaml", "mailbox-v1", MAP_MAILBOX, false, 20},
        {"plc-maps/mailbox-v1-zucchini.yaml", "mailbox-v1-zucchini", MAP_MAILBOX, false, 20},
        {"plc-maps/mailbox-v1-weight.yaml", "mailbox-v1-weight", MAP_MAILBOX, false, 20},
        {"plc-maps/hbm-wtx110.yaml", "hbm-wtx110", MAP_REGISTERS, true, 15},
        {"plc-maps/invt-gd20.yaml", "invt-gd20", MAP_REGISTERS, false, 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct map *m = NULL;
        struct err e = {0};
        if (map_load(rows[i].path, &m, &e) < 0)
            fail_msg("%s:%d: %s", e.file, e.line, e.text);
        assert_string_equal(map_id(m), rows[i].id);
        assert_string_equal(map_version(m), "1.0.0");
        assert_int_equal(map_kind(m), rows[i].kind);
        assert_int_equal(map_trade_static(m), rows[i].trade);
        assert_true(map_vectors(m) >= rows[i].vectors);
        assert_int_equal(strlen(map_sha256(m)), 64);
        assert_true(map_title(m)[0] != '\0');
        assert_int_equal(map_mailbox(m) != NULL, rows[i].kind == MAP_MAILBOX);
        map_free(m);
    }
}

static void test_file_errors(void **state)
{
    (void)state;
    struct map *m = NULL;
    struct err e = {0};
    char line[400];
    assert_int_equal(map_load("plc-maps/no-such.yaml", &m, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(err_line(&e, line, sizeof line), "plc-maps/no-such.yaml: "));
    char dir[] = "/tmp/map_test.XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/other.yaml", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(scale, f);
    fclose(f);
    assert_int_equal(map_load(path, &m, &e), ERR_CHECK);
    assert_non_null(strstr(e.text, "but the file is called \"other.yaml\""));
    assert_null(m);
    remove(path);
    remove(dir);
    map_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_templates_are_right),
        cmocka_unit_test(test_single_values),
        cmocka_unit_test(test_meaning_of_registers),
        cmocka_unit_test(test_meaning_of_a_mailbox),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_confidence_c_without_trade),
        cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_file_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
