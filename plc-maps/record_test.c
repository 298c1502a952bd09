/* The map language, record by record: areas, whole and torn blocks, channels, selection, identity
 * and settings; what is accepted, what it then means, and each refusal with its line. */
#include "plc-maps/testpieces.h"

#define HEAD "records:\n  - {name: r, source: s, confidence: A, "

/* ---- coils and discrete inputs ---- */

/* The example of the GM8802F-2's manual: 01 01 01 2C 00 04 -> 01 01 01 01, coils 300 to 303 are 1,
 * 0, 0, 0: stable. And 20 inputs over two words of the image. */
static const char coils[] =
    HEAD "area: coil, addr: 300, bits: 6, manual: 00301, fields: [\n"
         "      {role: scale.stable, at: 0, type: flag, mask: 0x0001, manual: 00301},\n"
         "      {role: scale.over, at: 0, type: flag, mask: 0x0002, manual: 00302},\n"
         "      {role: scale.error, at: 0, type: flag, mask: 0x0010, manual: 00305}]}\n"
         "  - {name: i, source: s, confidence: A, area: discrete, addr: 0, bits: 20, fields: [\n"
         "      {role: io.inputs, type: parts, parts: [{at: 1, width: 4}, {at: 0}]}]}\n";

static void test_bits_are_packed_lowest_first(void **state)
{
    (void)state;
    struct map *m = good(&(struct piece){
        "fc: [1, 2], max_read: 20", coils,
        "  - {name: manual, origin: manual page 25, frames: [{area: coil, addr: 300, words: "
        "[0x0001]}],\n"
        "     expect: {scale.stable: 1, io.inputs: 0}}\n"
        "  - {name: bits, origin: constructed, frames: [{area: coil, addr: 301, words: [0x0009]},\n"
        "     {area: discrete, addr: 0, words: [0x8001, 0x0008]}],\n"
        "     expect: {scale.over: 1, scale.error: 1, io.inputs: 0x88001}}\n"});
    const struct map_request *q;
    assert_int_equal(map_plan(m, &q), 2);
    assert_int_equal(q[0].fc, 1);
    assert_int_equal(q[0].addr, 300);
    assert_int_equal(q[0].n, 6);
    assert_int_equal(q[1].fc, 2);
    assert_int_equal(q[1].n, 20);
    assert_int_equal(q[1].at, 1);
    assert_int_equal(map_image_words(m), 3);
    const uint16_t image[] = {0x0003, 0x0001, 0xFFF0};
    struct reading r;
    map_decode(m, image, &r);
    assert_int_equal(r.value[ROLE_SCALE_STABLE], 1);
    assert_int_equal(r.value[ROLE_SCALE_OVER], 1);
    assert_int_equal(r.value[ROLE_SCALE_ERROR], 0);
    assert_int_equal(r.value[ROLE_IO_INPUTS], 1);
    map_free(m);
}

static void test_areas_of_bits_refused(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *field, *error;
    } rows[] = {
        {"area: coil, addr: 0, words: 1,", "at: 0, type: flag, mask: 1",
         "t.yaml:10: record \"r\" in area coil needs the key \"bits\" alone"},
        {"area: coil, addr: 0,", "at: 0, type: flag, mask: 1",
         "t.yaml:10: record \"r\" in area coil needs the key \"bits\""},
        {"area: input, addr: 0, bits: 4,", "at: 0, type: flag, mask: 1",
         "t.yaml:10: record \"r\" in area input needs the key \"words\" alone"},
        {"addr: 0,", "at: 0, type: flag, mask: 1",
         "t.yaml:10: record \"r\" in area holding needs the key \"words\""},
        {"area: coil, addr: 0, bits: 4,", "at: 0, type: flag, mask: 0x0010",
         "t.yaml:11: bit 4 is outside the record's 4 bits"},
        {"area: coil, addr: 0, bits: 20,", "at: 1, type: flag, mask: 0x0018",
         "t.yaml:11: bit 20 is outside the record's 20 bits"},
        {"area: coil, addr: 0, bits: 4,", "at: 1, type: flag, mask: 1",
         "t.yaml:11: word 1 is outside the record's 1 words"},
        {"area: discrete, addr: 0, bits: 4,", "at: 0, type: flag, mask: 1",
         "t.yaml:10: record \"r\" needs fc 2"},
        {"area: coil, addr: 0, bits: 321,", "at: 0, type: flag, mask: 1",
         "t.yaml:10: record \"r\" has 21 words, more than one request (max_read 20)"},
        {"area: coil, addr: 65530, bits: 7,", "at: 0, type: flag, mask: 1",
         "t.yaml:10: record \"r\" ends beyond word 65535"},
        {"area: coils, addr: 0, bits: 7,", "at: 0, type: flag, mask: 1",
         "t.yaml:10: \"area\" must be holding, input, coil or discrete, not \"coils\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[400];
        snprintf(body, sizeof body, HEAD "%s\n     fields: [{role: scale.zero, %s}]}\n",
                 rows[i].keys, rows[i].field);
        refused(&(struct piece){"fc: [1, 3, 4], max_read: 20", body, NULL}, rows[i].error);
    }
}

/* ---- whole, torn ---- */

static void test_lengths_refused(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *error;
    } rows[] = {
        {"addr: 0, words: 21,",
         "t.yaml:10: record \"r\" has 21 words, more than one request (max_read 20) may carry; "
         "\"torn: reread\" reads it in parts twice"},
        {"addr: 0, words: 20, torn: reread,",
         "t.yaml:10: record \"r\" fits one request: it is never torn"},
        {"addr: 0, words: 21, torn: reread, whole: yes,",
         "t.yaml:10: record \"r\" cannot be both whole and in parts"},
        {"addr: 0, words: 21, torn: twice,", "t.yaml:10: \"torn\" must be refused or reread"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[400];
        snprintf(body, sizeof body, HEAD "%s\n     fields: [" FAULT "]}\n", rows[i].keys);
        refused(&(struct piece){NULL, body, NULL}, rows[i].error);
    }
}

/* ---- channels ---- */

/* Two scales, status of both in one word behind them. */
static const char two[] =
    HEAD "addr: 0, words: 2, manual: 40001, channels: {count: 2, stride: 4},\n"
         "     weight: {decimals: 0, units: [g]}, fields: [{role: scale.net, at: 0, type: s32}]}\n"
         "  - {name: common, source: s, confidence: A, addr: 30, words: 1, fields: [" FAULT "]}\n";
static const char two_vectors[] =
    "  - {name: first, origin: constructed, frames: [{addr: 0, words: [0, 7]}, {addr: 30, words: "
    "[5]}],\n"
    "     expect: {scale.net: 7000, drive.fault: 5}}\n"
    "  - {name: second, origin: constructed, channel: 1,\n"
    "     frames: [{addr: 4, words: [0, 9]}, {addr: 30, words: [5]}],\n"
    "     expect: {scale.net: 9000, drive.fault: 5}}\n"
    "  - {name: plan, origin: constructed, channel: 1, plan: {poll_us: 20000, longest_us: 10000,\n"
    "     dead_us: 200000, requests: [[3, 4, 2, 100, 2], [3, 30, 1, 100, 2]]}}\n";

static void test_a_channel_has_its_own_addresses(void **state)
{
    (void)state;
    struct map *m = good(&(struct piece){NULL, two, two_vectors}), *c = NULL;
    struct err e = {0};
    const struct map_request *q;
    assert_int_equal(map_channels(m), 2);
    assert_int_equal(map_plan(m, &q), 2);
    assert_int_equal(q[0].addr, 0);
    assert_int_equal(q[0].agree, 2); /* the other scale's answer looks the same */
    assert_int_equal(map_channel(m, 1, &c, &e), 0);
    assert_int_equal(map_plan(c, &q), 2);
    assert_int_equal(q[0].addr, 4);
    assert_int_equal(q[1].addr, 30); /* what is common stays */
    assert_string_equal(map_sha256(c), map_sha256(m));
    map_free(c);
    c = NULL;
    assert_int_equal(map_channel(m, 2, &c, &e), ERR_RANGE);
    assert_null(c);
    map_free(m);
    m = good(&(struct piece){NULL, HEAD "addr: 0, words: 1, fields: [" FAULT "]}\n", NULL});
    assert_int_equal(map_channels(m), 1);
    assert_int_equal(map_channel(m, 0, &c, &e), 0);
    map_free(c);
    map_free(m);
}

static void test_channels_refused(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second, *error;
    } rows[] = {
        {"addr: 0, words: 4, channels: {count: 2, stride: 3}", NULL,
         "t.yaml:10: record \"r\": \"stride\" 3 is shorter than the record (4)"},
        {"addr: 65530, words: 2, channels: {count: 3, stride: 3}", NULL,
         "t.yaml:10: record \"r\" ends beyond word 65535"},
        {"addr: 0, words: 2, channels: {count: 2}", NULL, "t.yaml:10: missing key \"stride\""},
        {"addr: 0, words: 2, channels: {count: 1, stride: 4}", NULL,
         "t.yaml:10: \"count\" must be 2 to 16"},
        {"addr: 0, words: 2, channels: {count: 2, stride: 4}", "addr: 5, words: 1",
         "t.yaml:12: record \"q\" overlaps \"r\" of line 10"},
        {"addr: 0, words: 2, channels: {count: 2, stride: 4}",
         "addr: 20, words: 1, channels: {count: 3, stride: 4}",
         "t.yaml:12: record \"q\" has 3 channels, \"r\" has 2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[800];
        int n = snprintf(body, sizeof body, HEAD "%s,\n     fields: [" FAULT "]}\n", rows[i].first);
        if (rows[i].second)
            snprintf(body + n, sizeof body - (size_t)n,
                     "  - {name: q, source: s, confidence: A, %s,\n"
                     "     fields: [{role: drive.speed, at: 0, type: u16}]}\n",
                     rows[i].second);
        refused(&(struct piece){NULL, body, NULL}, rows[i].error);
    }
    refused(
        &(struct piece){NULL, two,
                        "  - {name: v, origin: constructed, channel: 2, frames: [], expect: {}}\n"},
        "t.yaml:14: map s has 2 channels, from 0: there is no channel 2");
}

/* ---- selection ---- */

/* As an IND780 in its integer mode: one place, gross or net by command, and bits that show which.
 */
#define TURN(name, role, is)                                                                       \
    "  - {name: " name ", source: s, confidence: A, addr: 0, words: 3, \n"                         \
    "     select: {shows: {at: 2, width: 3}, is: " is "}, weight: {decimals: 0, units: [g]},\n"    \
    "     fields: [{role: " role ", at: 0, type: s32}]}\n"

static void test_a_record_counts_while_it_shows_what_was_selected(void **state)
{
    (void)state;
    struct map *m = good(&(struct piece){
        NULL, "records:\n" TURN("gross", "scale.gross", "0") TURN("net", "scale.net", "1"),
        "  - {name: g, origin: constructed, frames: [{addr: 0, words: [0, 7, 0xFFF8]}],\n"
        "     expect: {scale.gross: 7000}, bad: [scale.net]}\n"
        "  - {name: n, origin: constructed, frames: [{addr: 0, words: [0, 7, 1]}],\n"
        "     expect: {scale.net: 7000}, bad: [scale.gross]}\n"
        "  - {name: other, origin: constructed, frames: [{addr: 0, words: [0, 7, 2]}],\n"
        "     bad: [scale.net, scale.gross]}\n"});
    const struct map_request *q;
    assert_int_equal(map_plan(m, &q), 1); /* read once */
    assert_int_equal(map_image_words(m), 3);
    map_free(m);
    refused(&(struct piece){NULL,
                            "records:\n" TURN("gross", "scale.gross", "1")
                                TURN("net", "scale.net", "1"),
                            NULL},
            "t.yaml:13: record \"net\" overlaps \"gross\" of line 10");
    refused(&(struct piece){NULL, "records:\n" TURN("gross", "scale.gross", "8"), NULL},
            "t.yaml:10: \"is\" 8 does not fit the slice of \"shows\"");
    refused(&(struct piece){NULL,
                            HEAD "addr: 0, words: 1, select: {shows: {at: 1}, is: 1},\n"
                                 "     fields: [" FAULT "]}\n",
                            NULL},
            "t.yaml:10: the slice of \"shows\" is not within a word of the record");
    refused(&(struct piece){NULL,
                            HEAD "addr: 0, words: 1, select: {shows: {at: 0}},\n"
                                 "     fields: [" FAULT "]}\n",
                            NULL},
            "t.yaml:10: missing key \"is\"");
}

/* ---- identity, settings ---- */

#define FAULT_RECORD HEAD "addr: 0, words: 1, fields: [" FAULT "]}\n"
static const char proofs[] =
    "identity:\n"
    "  - {addr: 26, text: \"02F2\", manual: 40027, source: manual page 26}\n"
    "  - {area: input, addr: 3, one_of: [0x0100, 0x0A00], mask: 0xFF00}\n"
    "settings:\n"
    "  - {en: \"order 1234\", zh: \"字节顺序 1234\", addr: 30, words: [0]}\n"
    "  - {en: \"keys locked\", zh: \"键盘锁定\"}\n" FAULT_RECORD;
static const char proof_vectors[] =
    "  - {name: right, origin: constructed, frames: [{addr: 26, words: [0x3032, 0x4632]},\n"
    "     {area: input, addr: 3, words: [0x0A77]}, {addr: 30, words: [0]}]}\n"
    "  - {name: another, origin: constructed, wrong: yes, frames: [{addr: 26, words: [0x3032, "
    "0x4633]}]}\n"
    "  - {name: order, origin: constructed, wrong: yes, frames: [{addr: 30, words: [1]}]}\n"
    "  - {name: v, origin: constructed, frames: [{addr: 0, words: [3]}], expect: {drive.fault: "
    "3}}\n";

static void test_probes_as_published(void **state)
{
    (void)state;
    struct map *m = good(&(struct piece){"fc: [3, 4], max_read: 20", proofs, proof_vectors});
    const struct map_probe *p;
    assert_int_equal(map_probes(m, &p), 4);
    assert_int_equal(p[0].fc, 3);
    assert_int_equal(p[0].addr, 26);
    assert_int_equal(p[0].n, 2);
    assert_false(p[0].setting);
    assert_true(p[0].en[0] && p[0].zh[0]);
    assert_true(map_probe_holds(&p[0], (const uint16_t[]){0x3032, 0x4632}));
    assert_false(map_probe_holds(&p[0], (const uint16_t[]){0x3032, 0x4630}));
    assert_false(map_probe_holds(&p[0], (const uint16_t[]){0x3033, 0x4632}));
    assert_int_equal(p[1].fc, 4);
    assert_int_equal(p[1].n, 1);
    assert_true(map_probe_holds(&p[1], (const uint16_t[]){0x01FF}));
    assert_true(map_probe_holds(&p[1], (const uint16_t[]){0x0A00}));
    assert_false(map_probe_holds(&p[1], (const uint16_t[]){0x0200}));
    assert_true(p[2].setting && p[2].fc == 3);
    assert_string_equal(p[2].zh, "字节顺序 1234");
    assert_true(p[3].setting && p[3].fc == 0);
    map_free(m);
}

static void test_proofs_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *error;
    } rows[] = {
        {"identity: [{addr: 26}]", "it needs one of \"words\", \"text\" and \"one_of\""},
        {"identity: [{addr: 26, words: [1], text: \"a\"}]", "it needs one of \"words\""},
        {"identity: [{words: [1]}]", "missing key \"addr\""},
        {"identity: [{addr: 26, words: []}]", "the list of expected words is empty"},
        {"identity: [{addr: 26, one_of: []}]", "the list of expected words is empty"},
        {"identity: [{addr: 26, words: [1, 2, 3, 4, 5, 6, 7, 8, 9]}]",
         "\"words\" has 9 entries, at most 8 are allowed"},
        {"identity: [{addr: 26, text: \"12345678901234567\"}]",
         "\"text\" has 17 bytes, at most 16 are allowed"},
        {"identity: [{addr: 26, words: [0x0101], mask: 0xFF00}]",
         "the expected word 0x0101 has bits outside the mask"},
        {"identity: [{addr: 26, words: [1], manual: 40026}]",
         "\"manual\" 40026 is wire address 25"},
        {"identity: [{area: input, addr: 26, words: [1]}]", "reading this needs fc 4"},
        {"identity: [{area: coil, addr: 26, words: [1]}]", "\"area\" must be holding or input"},
        {"identity: [{addr: 65535, text: \"abc\"}]", "the read ends beyond word 65535"},
        {"identity: [{addr: 26, txt: \"abc\"}]", "unknown key \"txt\", did you mean \"text\"?"},
        {"identity: [{addr: 26, words: [1]}]",
         "no vector's frames show this and hold: give one the words from 26"},
        {"settings: [{en: a}]", "missing key \"zh\""},
        {"settings: [{en: a, zh: b, words: [1]}]", "what is expected needs the key \"addr\""},
        {"settings: [{en: a, zh: b, manual: 40001}]", "what is expected needs the key \"addr\""},
        {"settings: [{en: a, zh: b, addr: 1}]", "it needs one of \"words\""},
        {"settings: [{en: a, zh: b, addr: 1, words: [1]}]",
         "no vector's frames show this and hold: give one the words from 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[600], error[300];
        snprintf(body, sizeof body, "%s\n" FAULT_RECORD, rows[i].body);
        snprintf(error, sizeof error, "t.yaml:9: %s", rows[i].error);
        refused(&(struct piece){NULL, body, NULL}, error);
    }
    refused(&(struct piece){"fc: [3], max_read: 1",
                            "identity: [{addr: 26, text: \"02F2\"}]\n" FAULT_RECORD, NULL},
            "t.yaml:9: 2 words are more than one request may carry");
}

/* What a vector says of the device must be so, and nothing of it may be left unsaid. */
static void test_vectors_of_probes(void **state)
{
    (void)state;
    static const char body[] = "identity: [{addr: 26, words: [1]}]\n" FAULT_RECORD;
    static const char right[] =
        "  - {name: r, origin: constructed, frames: [{addr: 26, words: [1]}]}\n";
    char vectors[400];
    map_free(good(&(struct piece){NULL, body, right}));
    snprintf(vectors, sizeof vectors, "%s%s", right,
             "  - {name: w, origin: constructed, frames: [{addr: 26, words: [2]}]}\n");
    refused(&(struct piece){NULL, body, vectors},
            "t.yaml:14: vector \"w\" does not hold what line 9 asks of the device");
    snprintf(vectors, sizeof vectors, "%s%s", right,
             "  - {name: w, origin: constructed, wrong: yes, frames: [{addr: 26, words: [1]}]}\n");
    refused(&(struct piece){NULL, body, vectors},
            "t.yaml:14: vector \"w\": nothing refuses this device");
    snprintf(vectors, sizeof vectors, "%s%s", right,
             "  - {name: w, origin: constructed, frames: [{addr: 25, words: [1]}]}\n");
    refused(&(struct piece){NULL, body, vectors}, "t.yaml:14: word 25 stands in no record");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits_are_packed_lowest_first),
        cmocka_unit_test(test_areas_of_bits_refused),
        cmocka_unit_test(test_lengths_refused),
        cmocka_unit_test(test_a_channel_has_its_own_addresses),
        cmocka_unit_test(test_channels_refused),
        cmocka_unit_test(test_a_record_counts_while_it_shows_what_was_selected),
        cmocka_unit_test(test_probes_as_published),
        cmocka_unit_test(test_proofs_refused),
        cmocka_unit_test(test_vectors_of_probes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
