/* The map language, key by key: link, values, weights and the manual's notation; what it accepts,
 * what a map then reads, and each refusal with its line. Records are record_test.c's, the shipped
 * maps map_test.c's. */
#include "plc-maps/testpieces.h"

/* ---- the manual's own notation ---- */

static void test_manual_notation_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *area;
        int addr;
        const char *manual;
        const char *error; /* NULL: right */
    } rows[] = {
        {"holding", 7, "40008", NULL},
        {"holding", 7, "400008", NULL},
        {"holding", 7, "4x0008", NULL},
        {"holding", 7, "4X00008", NULL},
        {"holding", 7, "0x0007", NULL},
        {"holding", 7, "0x7", NULL},
        {"holding", 8448, "2100H", NULL},
        {"holding", 7, "8 from 1", NULL},
        {"holding", 7, "7 from 0", NULL},
        {"holding", 16129, "16-13 x10-1", NULL},
        {"holding", 9998, "49999", NULL},
        {"holding", 49998, "49999 from 1", NULL},
        {"holding", 65535, "465536", NULL},
        {"input", 0, "30001", NULL},
        {"input", 0, "3x0001", NULL},
        {"coil", 300, "00301", NULL},
        {"discrete", 0, "10001", NULL},
        {"holding", 8, "40008",
         "\"manual\" 40008 is wire address 7 (0x0007), but this is 8 (0x0008)"},
        {"holding", 6, "4x0008", "\"manual\" 4x0008 is wire address 7"},
        {"holding", 8, "0x0007", "\"manual\" 0x0007 is wire address 7"},
        {"holding", 7, "7 from 1", "\"manual\" 7 from 1 is wire address 6"},
        {"holding", 0, "30001", "\"manual\" 30001 is of area input, not holding"},
        {"input", 0, "40001", "\"manual\" 40001 is of area holding, not input"},
        {"holding", 0, "40000", "\"manual\" must be like 40008"},
        {"holding", 7, "8", "\"manual\" must be like 40008"},
        {"holding", 7, "4x008", "\"manual\" must be like 40008"},
        {"holding", 7, "register 7", "\"manual\" must be like 40008"},
        {"holding", 7, "8 from 2", "\"manual\" must be like 40008"},
        {"holding", 7, "50008", "\"manual\" must be like 40008"},
        {"holding", 7, "465537", "\"manual\" must be like 40008"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool bits = rows[i].area[0] == 'c' || rows[i].area[0] == 'd';
        char body[400], error[200];
        snprintf(body, sizeof body,
                 "records:\n  - {name: r, source: s, confidence: A, area: %s, addr: %d, %s: 1,\n"
                 "     manual: \"%s\", fields: [" FAULT "]}\n",
                 rows[i].area, rows[i].addr, bits ? "bits" : "words", rows[i].manual);
        struct piece p = {"fc: [1, 2, 3, 4], max_read: 20", body, NULL};
        if (rows[i].error) {
            snprintf(error, sizeof error, "t.yaml:10: %s", rows[i].error);
            refused(&p, error);
        } else {
            map_free(good(&p));
        }
    }
}

/* On a field it is the field's own register; of coils the field's own coil. */
static void test_manual_of_a_field(void **state)
{
    (void)state;
    map_free(good(&(struct piece){NULL,
                                  RECORD("addr: 7, words: 4, manual: 40008,",
                                         "{role: drive.fault, at: 2, type: u16, manual: 40010}"),
                                  NULL}));
    refused(&(struct piece){NULL,
                            RECORD("addr: 7, words: 4, manual: 40008,",
                                   "{role: drive.fault, at: 2, type: u16, manual: 40009}"),
                            NULL},
            "t.yaml:11: \"manual\" 40009 is wire address 8 (0x0008), but this is 9 (0x0009)");
    struct piece coil = {
        "fc: [1], max_read: 20",
        RECORD("area: coil, addr: 300, bits: 20,",
               "{role: scale.zero, at: 1, type: flag, mask: 4, manual: \"00319\"}"),
        "  - {name: v, origin: constructed, frames: []}\n"};
    map_free(good(&coil));
    coil.body = RECORD("area: coil, addr: 300, bits: 20,",
                       "{role: scale.zero, at: 1, type: flag, mask: 2, manual: \"00319\"}");
    refused(&coil, "t.yaml:11: \"manual\" 00319 is wire address 318");
}

/* ---- the link ---- */

#define LINK(keys) "fc: [1, 2, 3, 4], max_read: 20, " keys
static const char one_fault[] = RECORD("addr: 0, words: 1,", FAULT);

static void test_link_as_published(void **state)
{
    (void)state;
    struct map *m = good(&(struct piece){
        "fc: [1, 2, 3, 4, 5, 6, 16, 23], max_read: 20, max_read_bytes: 15, max_write: 4, align: 2, "
        "silent_unknown: yes, one_connection: yes, min_interval_ms: 100, connect_pause_ms: 500, "
        "frozen_ms: 0, breaker: {fail_after: 2, first_ms: 300, max_ms: 9000}, "
        "units: [0, 1-99, 255], serial: 9600 7N2 ASCII",
        RECORD("addr: 0, words: 2,", FAULT), NULL});
    const struct map_link *l = map_link(m);
    assert_int_equal(l->max_read, 7); /* of 20 words and 15 bytes */
    assert_int_equal(l->align, 2);
    assert_true(l->fc1 && l->fc2 && l->fc3 && l->fc4 && l->fc5 && l->fc6 && l->fc16 && l->fc23);
    assert_true(l->silent_unknown && l->one_connection);
    assert_int_equal(l->min_interval_ms, 100);
    assert_int_equal(l->connect_pause_ms, 500);
    assert_int_equal(l->frozen_ms, 0);
    assert_int_equal(l->heartbeat_ms, 0);
    assert_int_equal(l->breaker.fail_after, 2);
    assert_int_equal(l->breaker.first_ms, 300);
    assert_int_equal(l->breaker.max_ms, 9000);
    assert_int_equal(l->serial.baud, 9600);
    assert_int_equal(l->serial.data, 7);
    assert_int_equal(l->serial.parity, 'N');
    assert_int_equal(l->serial.stop, 2);
    assert_true(l->serial.ascii);
    assert_true(map_unit_allowed(m, 0) && map_unit_allowed(m, 99) && map_unit_allowed(m, 255));
    assert_false(map_unit_allowed(m, 100) || map_unit_allowed(m, 254));
    map_free(m);
    m = good(&(struct piece){LINK("serial: 19200 8E1"), one_fault, NULL});
    l = map_link(m);
    assert_false(l->serial.ascii || l->silent_unknown || l->one_connection);
    assert_int_equal(l->serial.parity, 'E');
    assert_int_equal(l->frozen_ms, 5000);
    assert_int_equal(l->align, 1);
    assert_int_equal(l->max_read, 20);
    assert_true(map_unit_allowed(m, 0) && map_unit_allowed(m, 255));
    map_free(m);
}

static void test_link_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *link, *error;
    } rows[] = {
        {"fc: [3, 8], max_read: 20", "\"fc\" may name 1, 2, 3, 4, 5, 6, 16 and 23, not 8"},
        {"fc: [5, 6], max_read: 20, max_write: 1", "\"fc\" names no function that reads"},
        {"fc: [3], max_read: 20, max_write: 1", "\"max_write\" and fc 16 go together"},
        {"fc: [3, 6], max_read: 20, max_write: 2",
         "\"max_write\" and fc 16 go together (with fc 6 alone it is 1)"},
        {"fc: [3, 16], max_read: 20", "\"max_write\" and fc 16 go together: both or neither"},
        {LINK("max_read_bytes: 1"), "\"max_read_bytes\" (1) is less than a register"},
        {LINK("max_read_bytes: 251"), "\"max_read_bytes\" must be 0 to 250 bytes, not 251"},
        {LINK("max_read_bytes: 3, align: 2"),
         "\"align\" (2) is longer than a request may be (1 words)"},
        {LINK("align: 5"), "\"align\" must be 1 to 4 words, not 5"},
        {LINK("silent_unknown: perhaps"), "\"silent_unknown\" must be yes or no"},
        {LINK("slient_unknown: yes"), "unknown key \"slient_unknown\", did you mean"},
        {LINK("breaker: {fail_after: 1, first_ms: 500, max_ms: 400}"),
         "\"max_ms\" of \"breaker\" is below \"first_ms\""},
        {LINK("breaker: {fail_after: 1, first_ms: 500}"), "missing key \"max_ms\""},
        {LINK("breaker: {fail_afer: 1, first_ms: 5}"),
         "unknown key \"fail_afer\", did you mean \"fail_after\"?"},
        {LINK("units: 1-99"), "\"units\" must be a list"},
        {LINK("units: [99-1]"), "\"units\" names ids from 0 to 255 like 1 or 1-99, not \"99-1\""},
        {LINK("units: [256]"), "\"units\" names ids from 0 to 255"},
        {LINK("units: [1-]"), "\"units\" names ids from 0 to 255"},
        {LINK("units: [a]"), "\"units\" names ids from 0 to 255"},
        {LINK("serial: 9600"), "\"serial\" must be like 9600 8N1 or 9600 7N2 ASCII, not \"9600\""},
        {LINK("serial: 9601 8N1"), "\"serial\" must be like 9600 8N1"},
        {LINK("serial: 9600 8X1"), "\"serial\" must be like 9600 8N1"},
        {LINK("serial: 9600 8N3"), "\"serial\" must be like 9600 8N1"},
        {LINK("serial: 9600 6N1"), "\"serial\" must be like 9600 8N1"},
        {LINK("serial: 9600 8N1 RTU"), "\"serial\" must be like 9600 8N1"},
        {LINK("serial: 9600 7N2"), "\"serial\": RTU has 8 data bits, not 7"},
        {LINK("heartbeat_ms: 500"), "\"heartbeat_ms\" and the role scale.heartbeat go together"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char error[300];
        snprintf(error, sizeof error, "t.yaml:8: %s", rows[i].error);
        refused(&(struct piece){rows[i].link, one_fault, NULL}, error);
    }
    refused(
        &(struct piece){
            NULL, RECORD("addr: 0, words: 1,", "{role: scale.heartbeat, at: 0, type: u16}"), NULL},
        "t.yaml:8: \"heartbeat_ms\" and the role scale.heartbeat go together");
}

/* ---- values ---- */

static void test_value_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *value, *error;
    } rows[] = {
        {"at: 0, type: u15", "\"type\" must be u16, s16"},
        {"type: u16", "missing key \"at\""},
        {"at: 1, type: u64", "word 4 is outside the record's 4 words"},
        {"at: 3, type: u24", "word 4 is outside the record's 4 words"},
        {"at: 3, type: f32", "word 4 is outside the record's 4 words"},
        {"at: 0, type: u64, order: CDAB", "the order of type u64 has eight letters"},
        {"at: 0, type: u32, order: GHEFCDAB", "type u32 has no eight bytes to put in order"},
        {"at: 0, type: u16, order: HGFEDCBA", "type u16 has no eight bytes to put in order"},
        {"at: 0, type: bcd16, order: CDAB", "type bcd16 has no word order"},
        {"at: 0, type: bits, width: 4, order: BADC", "type bits has no order"},
        {"at: 0, type: sbits, width: 0", "a slice of 0 bits from bit 0 is not within a word"},
        {"at: 0, type: one_hot, shift: 12, width: 5", "a slice of 5 bits from bit 12 is not"},
        {"at: 0, type: u32, shift: 1", "type u32 has no shift and width"},
        {"at: 0, type: s16, mask: 0xFF", "type s16 has no mask"},
        {"at: 0, type: u16, mask: 0x10000",
         "\"mask\" 0x10000 has more than the 16 bits of type u16"},
        {"at: 0, type: u16, invert: yes", "type u16 has no equals and invert"},
        {"at: 0, type: u16, parts: [{at: 0}]", "type u16 has no parts"},
        {"type: parts", "\"parts\" make up a number of 1 to 63 bits, not 0"},
        {"type: parts, parts: [{at: 0}, {at: 1}, {at: 2}, {at: 3}]",
         "\"parts\" make up a number of 1 to 63 bits, not 64"},
        {"type: parts, parts: [{at: 0}, {at: 4}]", "the slice of \"parts\" is not within a word"},
        {"type: parts, parts: [{at: 0}, {at: 1}, {at: 2}, {at: 3}, {at: 0}]",
         "\"parts\" has 5 entries, at most 4 are allowed"},
        {"type: parts, parts: [{at: 0, sift: 3}]", "unknown key \"sift\", did you mean \"shift\"?"},
        {"at: 0, type: s32, table: [1]", "type s32 has no table"},
        {"at: 0, type: bits, width: 1, table: [1, 2, 3]", "\"table\" has 3 values for 2 codes"},
        {"at: 0, type: one_hot, width: 2, table: [1, 2, 3]", "\"table\" has 3 values for 2 codes"},
        {"at: 0, type: u16, table: [1, good]", "\"table\" must be a whole number, not \"good\""},
        {"at: 0, type: u16, sentinels: [-1]", "\"sentinels\" -1 does not fit type u16"},
        {"at: 0, type: u24, sentinels: [0x1000000]",
         "\"sentinels\" 16777216 does not fit type u24"},
        {"at: 0, type: u64, sentinels: [-1]", "\"sentinels\" -1 does not fit type u64"},
        {"at: 0, type: sbits, width: 4, sentinels: [-9]",
         "\"sentinels\" -9 does not fit type sbits"},
        {"at: 0, type: u16, mask: 0x0FFF, sentinels: [0x8000]",
         "\"sentinels\" 32768 does not fit type u16 and its mask"},
        {"at: 0, type: f32, sign: {at: 3}", "\"sign\" belongs to an unsigned magnitude"},
        {"at: 0, type: sparts, parts: [{at: 0}], sign: {at: 3}",
         "\"sign\" belongs to an unsigned magnitude"},
        {"at: 0, type: u16, sign: {at: 4}", "the slice of \"sign\" is not within a word"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[600], error[300];
        snprintf(body, sizeof body,
                 "records:\n  - {name: r, source: s, confidence: A, addr: 0, words: 4,\n"
                 "     fields: [{role: drive.fault, %s}]}\n",
                 rows[i].value);
        snprintf(error, sizeof error, "t.yaml:11: %s", rows[i].error);
        refused(&(struct piece){NULL, body, NULL}, error);
    }
}

/* Numbers of their own do not overlap; slices, flags and parts look where they like. */
static void test_overlaps(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool good;
    } rows[] = {
        {"at: 0, type: s24", "at: 1, type: u16", false},
        {"at: 0, type: u64", "at: 3, type: bits, width: 4", false},
        {"at: 0, type: f32", "at: 1, type: f32", false},
        {"at: 0, type: bcd32", "type: parts, parts: [{at: 1}]", false},
        {"at: 0, type: u32", "at: 2, type: u32", true},
        {"type: parts, parts: [{at: 0, width: 1}, {at: 1}]",
         "at: 0, type: bits, shift: 1, width: 3", true},
        {"at: 0, type: sbits, width: 8", "at: 0, type: sbits, shift: 8, width: 8", true},
        {"at: 0, type: one_hot, width: 8", "at: 0, type: u16, mask: 0xFF00", true},
        {"type: parts, parts: [{at: 0, width: 1}, {at: 3}]", "at: 1, type: s32", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[600];
        snprintf(body, sizeof body,
                 "records:\n  - {name: r, source: s, confidence: A, addr: 0, words: 4,\n"
                 "     fields: [{role: drive.fault, %s},\n      {role: drive.speed, %s}]}\n",
                 rows[i].a, rows[i].b);
        struct piece p = {
            NULL, body,
            "  - {name: v, origin: constructed, frames: [{addr: 0, words: [1, 1, 1, 1]}],"
            " expect: {drive.fault: 9, drive.speed: 9}}\n"};
        const char *overlap = "t.yaml:12: drive.speed overlaps drive.fault of line 11 with another";
        refused(&p, rows[i].good ? "t.yaml:14: vector \"v\": drive." : overlap);
    }
}

/* What a value of each type reads, through a whole map and not only the codec. */
static void test_values_of_a_map(void **state)
{
    (void)state;
    static const struct {
        const char *value, *words;
        bool bad;
        long long reads;
    } rows[] = {
        {"at: 0, type: f32, mul: 1000", "0x42CA, 0xFB10", false, 101490},
        {"at: 0, type: f32, order: CDAB, mul: 1000", "0xFB10, 0x42CA", false, 101490},
        {"at: 0, type: f32, order: BADC, mul: 1000", "0xCA42, 0x10FB", false, 101490},
        {"at: 0, type: f32, order: DCBA, mul: 1000", "0x10FB, 0xCA42", false, 101490},
        {"at: 0, type: f32, mul: 1000, max: 101489", "0x42CA, 0xFB10", true, 0},
        {"at: 0, type: f32, mul: 1000, min: 101491", "0x42CA, 0xFB10", true, 0},
        {"at: 0, type: f32, sentinels: [0x42CAFB10]", "0x42CA, 0xFB10", true, 0},
        {"at: 0, type: f32", "0x7FC0, 0", true, 0},
        {"at: 0, type: u32, sign: {at: 2, shift: 7, width: 1}", "0, 1250, 0x0080", false, -1250},
        {"at: 0, type: bcd16, sign: {at: 2}", "0x1250, 0, 0x0001", false, -1250},
        {"at: 0, type: u64, order: GHEFCDAB", "4, 3, 2, 0", false, 0x0000000200030004},
        {"type: parts, parts: [{at: 3, shift: 4, width: 4}, {at: 0}]", "0x1234, 0, 0, 0x00AF",
         false, 0xA1234},
        {"at: 0, type: u16, table: [0, bad, 300], div: 3", "2", false, 100},
        {"at: 0, type: u16, table: [0, bad, 300]", "1", true, 0},
        {"at: 0, type: u16, table: [0, bad, 300]", "3", true, 0},
        {"at: 0, type: s32, sentinels: [0x7F4F464C]", "0x7F4F, 0x464C", true, 0},
        {"at: 0, type: u16, mask: 0x7FFF, sentinels: [0x7FFF]", "0xFFFF", true, 0},
        {"at: 0, type: u16, mask: 0x7FFF, sentinels: [0x7FFF]", "0x8001", false, 1},
        {"at: 0, type: one_hot, shift: 11, width: 5, table: [3, 2, 1, 0]", "0x1000", false, 2},
        {"at: 0, type: one_hot, shift: 11, width: 5, table: [3, 2, 1, 0]", "0x8000", true, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[600], vector[300];
        snprintf(body, sizeof body,
                 "records:\n  - {name: r, source: s, confidence: A, addr: 0, words: 4,\n"
                 "     fields: [{role: drive.fault, %s}]}\n",
                 rows[i].value);
        snprintf(
            vector, sizeof vector,
            "  - name: v\n    origin: constructed\n    frames: [{addr: 0, words: [%s]}]\n    %s",
            rows[i].words, rows[i].bad ? "bad: [drive.fault]\n" : "");
        size_t n = strlen(vector);
        if (!rows[i].bad)
            snprintf(vector + n, sizeof vector - n, "expect: {drive.fault: %lld}\n", rows[i].reads);
        map_free(good(&(struct piece){NULL, body, vector}));
    }
}

/* ---- weights ---- */

/* The frame: weight in words 0 and 1, then the two words that the row is about. */
static void test_decimals_and_units(void **state)
{
    (void)state;
    static const struct {
        const char *weight, *field, *words;
        bool bad;
        long long mg;
    } rows[] = {
        {"decimals: 2, units: [kg]", "s32", "0, 1234", false, 12340000},
        {"decimals: {at: 2}, units: [g]", "s32", "0, 1234, 3", false, 1234},
        /* the manual's divisions: 20122 at 0.002 is 20.122, 35 at 5 is 35, 1200 at 0.05 is 12.00 */
        {"decimals: {at: 2, width: 8, table: [100, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, "
         "0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001]}, units: [kg]",
         "s32", "0, 20122, 0x000E", false, 20122000},
        {"decimals: {at: 2, width: 8, table: [100, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, "
         "0.01]}, units: [kg]",
         "s32", "0, 1200, 0x000A", false, 12000000},
        {"decimals: {at: 2, width: 8, table: [100, 50, 20, 10, 5, 2, 1, 0.5]}, units: [kg]", "s32",
         "0, 35, 0x0004", false, 35000000},
        {"decimals: {at: 2, width: 8, table: [100, 50, 20]}, units: [kg]", "s32", "0, 35, 3", true,
         0},
        {"decimals: {at: 2, width: 8, table: [100, bad, 20]}, units: [kg]", "s32", "0, 35, 1", true,
         0},
        {"decimals: {at: 2, table: [0.001, 0.002, 0.005, 0.01]}, units: [kg]", "s32", "0, 1234, 3",
         false, 12340000},
        {"decimals: {at: 2, shift: 11, width: 5, one_hot: yes}, units: [kg]", "s32",
         "0, 1234, 0x2000", false, 12340000},
        {"decimals: {at: 2, shift: 11, width: 5, one_hot: yes}, units: [kg]", "s32",
         "0, 1234, 0x3000", true, 0},
        {"decimals: {at: 2, shift: 11, width: 5, one_hot: yes}, units: [kg]", "s32",
         "0, 1234, 0x07FF", true, 0},
        {"decimals: {at: 2, width: 3, one_hot: yes, table: [0.01, 0.1, 1]}, units: [kg]", "s32",
         "0, 1234, 0x0001", false, 12340000},
        {"decimals: {at: 2}, times: {at: 3, shift: 6, width: 1}, units: [kg]", "s32",
         "0, 12345, 2, 0x0040", false, 12345000},
        {"decimals: {at: 2}, times: {at: 3, shift: 6, width: 1}, units: [kg]", "s32",
         "0, 12345, 2, 0xFFBF", false, 123450000},
        {"decimals: {at: 2}, times: {at: 3, shift: 6, width: 1, by: 100}, units: [kg]", "s32",
         "0, 12345, 2, 0x0040", false, 1234500},
        {"decimals: {at: 2}, unit: {at: 3}, units: [refused, kg, refused, g]", "s32",
         "0, 12345, 2, 3", false, 123450},
        {"decimals: {at: 2}, unit: {at: 3}, units: [refused, kg, refused, g]", "s32",
         "0, 12345, 2, 2", true, 0},
        {"decimals: {at: 2}, unit: {at: 3}, units: [refused, kg, refused, g]", "s32",
         "0, 12345, 2, 4", true, 0},
        /* floats: 12.345 kg is 0x4145851F, and shows 12.345 at three decimals, 12.35 at two */
        {"decimals: 3, units: [kg]", "f32", "0x4145, 0x851F", false, 12345000},
        {"decimals: 2, units: [kg]", "f32", "0x4145, 0x851F", false, 12350000},
        {"decimals: 3, units: [g]", "f32", "0xC145, 0x851F", false, -12345},
        {"decimals: {at: 2}, units: [kg]", "f32", "0x4145, 0x851F, 3", false, 12345000},
        /* 16777216 steps are told apart, more are not */
        {"decimals: 0, units: [kg]", "f32", "0x4B80, 0x0000", false, 16777216000000},
        {"decimals: 0, units: [kg]", "f32", "0x4B80, 0x0001", true, 0},
        {"decimals: 4, units: [g]", "f32", "0x4145, 0x8794", true, 0},  /* no whole milligram */
        {"decimals: 3, units: [kg]", "f32", "0x0000, 0x0001", true, 0}, /* denormal */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[800], vector[300];
        snprintf(body, sizeof body,
                 "records:\n  - {name: r, source: s, confidence: A, addr: 0, words: 4,\n"
                 "     weight: {%s},\n     fields: [{role: scale.net, at: 0, type: %s}]}\n",
                 rows[i].weight, rows[i].field);
        snprintf(
            vector, sizeof vector,
            "  - name: v\n    origin: constructed\n    frames: [{addr: 0, words: [%s]}]\n    %s",
            rows[i].words, rows[i].bad ? "bad: [scale.net]\n" : "");
        size_t n = strlen(vector);
        if (!rows[i].bad)
            snprintf(vector + n, sizeof vector - n, "expect: {scale.net: %lld}\n", rows[i].mg);
        map_free(good(&(struct piece){NULL, body, vector}));
    }
}

static void test_weight_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *weight, *error;
    } rows[] = {
        {"decimals: {at: 2, table: [1, 2, 3]}, units: [kg]",
         "a division is 1, 2 or 5 of some decade down to 0.000001, or bad, not \"3\""},
        {"decimals: {at: 2, table: [1, 0.25]}, units: [kg]", "a division is 1, 2 or 5"},
        {"decimals: {at: 2, table: [0]}, units: [kg]", "a division is 1, 2 or 5"},
        {"decimals: {at: 2, table: [1, 2, 1]}, units: [kg]",
         "the divisions of \"table\" rise or fall; 1 is out of order"},
        {"decimals: {at: 2, table: [1, 1]}, units: [kg]",
         "the divisions of \"table\" rise or fall"},
        {"decimals: {at: 2, width: 1, table: [1, 2, 5]}, units: [kg]",
         "\"table\" of \"decimals\" has 3 values for 2 codes"},
        {"decimals: {at: 2, width: 2, one_hot: yes, table: [1, 2, 5]}, units: [kg]",
         "\"table\" of \"decimals\" has 3 values for 2 codes"},
        {"decimals: {at: 2, one_hto: yes}, units: [kg]",
         "unknown key \"one_hto\", did you mean \"one_hot\"?"},
        {"decimals: {at: 4}, units: [kg]", "the slice of \"decimals\" is not within a word"},
        {"decimals: 0, times: {at: 4}, units: [kg]", "the slice of \"times\" is not within a word"},
        {"decimals: 0, times: {at: 3, by: 20}, units: [kg]",
         "\"by\" of \"times\" is 10 or 100, not 20"},
        {"decimals: 0, unit: {at: 4}, units: [kg]", "the slice of \"unit\" is not within a word"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[600], error[300];
        snprintf(body, sizeof body,
                 "records:\n  - {name: r, source: s, confidence: A, addr: 0, words: 4,\n"
                 "     weight: {%s},\n     fields: [{role: scale.net, at: 0, type: s32}]}\n",
                 rows[i].weight);
        snprintf(error, sizeof error, "t.yaml:11: %s", rows[i].error);
        refused(&(struct piece){NULL, body, NULL}, error);
    }
    refused(&(struct piece){NULL,
                            RECORD("addr: 0, words: 4, weight: {decimals: 0, units: [kg]},",
                                   "{role: scale.net, at: 0, type: u16, table: [1]}"),
                            NULL},
            "t.yaml:11: a weight is scaled by its record's \"weight\" alone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manual_notation_is_checked),
        cmocka_unit_test(test_manual_of_a_field),
        cmocka_unit_test(test_link_as_published),
        cmocka_unit_test(test_link_refusals),
        cmocka_unit_test(test_value_refusals),
        cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_values_of_a_map),
        cmocka_unit_test(test_decimals_and_units),
        cmocka_unit_test(test_weight_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
