/* The contract's words: bounds, checks, addresses; encode and decode are each other's inverse, and
 * a golden record keeps both from drifting together. */
#include "plc-maps/mailbox_layout.h"
#include "base/err.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Computed by hand from the contract with an independent CRC-16/MODBUS. */
static const uint16_t golden_item[MB_ITEM_WORDS] = {0x0000, 0x04B0, 0x0003, 0x0001, 0x0000, 0x00B8,
                                                    0x0102, 0x0001, 0xE240, 0x01A4, 0x0460, 0x0000,
                                                    0x0009, 0x27C0, 0x04B0, 0xBA4B};

static void test_golden_item(void **state)
{
    (void)state;
    struct mb_item i;
    uint16_t w[MB_ITEM_WORDS];
    assert_true(mb_item_decode(golden_item, 7, 1200, true, &i));
    assert_int_equal(i.weight, 184);
    assert_int_equal(i.decimals, 1);
    assert_int_equal(i.unit, MB_UNIT_G);
    assert_int_equal(i.enc, 123456);
    assert_int_equal(i.length, 420);
    assert_int_equal(i.aux1, 1120);
    assert_int_equal(i.t_ms, 600000);
    mb_item_encode(&i, 7, true, w);
    assert_memory_equal(w, golden_item, sizeof w);
    assert_false(mb_item_decode(golden_item, 6, 1200, true, &i)); /* the epoch is under the CRC */
    assert_false(mb_item_decode(golden_item, 7, 1201, true, &i));
}

/* Every single-bit change of a checked record is seen. */
static void test_every_bit_counts(void **state)
{
    (void)state;
    for (size_t at = 0; at < MB_ITEM_WORDS; at++)
        for (unsigned bit = 0; bit < 16; bit++) {
            uint16_t w[MB_ITEM_WORDS];
            struct mb_item i;
            memcpy(w, golden_item, sizeof w);
            w[at] ^= (uint16_t)(1u << bit);
            assert_false(mb_item_decode(w, 7, 1200, true, &i));
        }
}

static struct mb_header some_header(void)
{
    return (struct mb_header){.epoch = 0x00010002,
                              .boot_nonce = 0xC0FFEE01,
                              .head_seq = 5,
                              .oldest_seq = 0xFFFFFFFE, /* across the wrap: 8 held */
                              .enc = 0x12345678,
                              .out_head = 77,
                              .uptime_ms = 0x89ABCDEF,
                              .boot_count = 3,
                              .heartbeat = 9,
                              .state = MB_RUNNING | MB_HOST_OK,
                              .fault = 21,
                              .lost_count = 4,
                              .ring_n = 16,
                              .slot_m = 32,
                              .enc_speed = 1000,
                              .pulses_per_m = 2000,
                              .host_session_echo = 0xBEEF,
                              .default_outlet = 6,
                              .n_outlets = 7,
                              .late_count = 8,
                              .outlet_blocked = 0x0041};
}

static void test_header_both_ways(void **state)
{
    (void)state;
    struct mb_header h = some_header(), back;
    uint16_t w[MB_HDR_WORDS];
    for (int checked = 0; checked < 2; checked++) {
        mb_header_encode(&h, checked, w);
        assert_int_equal(w[0], 0x4D42);
        assert_int_equal(w[16], 16);
        assert_int_equal(w[31] != 0, checked);
        assert_true(mb_header_decode(w, checked, &back));
        assert_memory_equal(&back, &h, sizeof h);
    }
    w[8] ^= 1;
    assert_false(mb_header_decode(w, true, &back));
    assert_true(mb_header_decode(w, false, &back));
}

static void test_header_bounds(void **state)
{
    (void)state;
    static const struct {
        uint16_t ring_n, slot_m;
        uint32_t head, oldest, nonce;
        bool good;
    } rows[] = {
        {16, 16, 0, 1, 1, true},      {16, 16, 16, 1, 1, true},    {16, 16, 17, 1, 1, false},
        {8, 16, 0, 1, 1, false},      {24, 32, 0, 1, 1, false},    {1024, 1024, 0, 1, 1, true},
        {2048, 2048, 0, 1, 1, false}, {32, 16, 0, 1, 1, false},    {16, 24, 0, 1, 1, false},
        {16, 16, 0, 1, 0, false},     {16, 0x8000, 0, 1, 1, true}, {16, 16, 0, 2, 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_header h = some_header(), back;
        uint16_t w[MB_HDR_WORDS];
        h.ring_n = rows[i].ring_n;
        h.slot_m = rows[i].slot_m;
        h.head_seq = rows[i].head;
        h.oldest_seq = rows[i].oldest;
        h.boot_nonce = rows[i].nonce;
        mb_header_encode(&h, true, w);
        assert_int_equal(mb_header_decode(w, true, &back), rows[i].good);
    }
}

static void test_outcome_slot_host(void **state)
{
    (void)state;
    struct mb_outcome o = {.out_index = 9,
                           .seq = 0xFFFFFFFF,
                           .outlet = 3,
                           .reason = MB_LATE,
                           .enc_lo = 5},
                      ob;
    struct mb_host h = {.session = 1,
                        .heartbeat = 2,
                        .request = 1,
                        .ack_epoch = 3,
                        .ack_seq = 4,
                        .ack_out = 5,
                        .new_epoch = 6,
                        .new_epoch_nonce = 7},
                   hb;
    uint16_t w[MB_HOST_WORDS], back[MB_HOST_WORDS], outlet = 0;
    mb_outcome_encode(&o, 7, true, w);
    assert_true(mb_outcome_decode(w, 7, 9, true, &ob));
    mb_outcome_encode(&ob, 7, true, back);
    assert_memory_equal(back, w, MB_OUT_WORDS * sizeof w[0]);
    assert_int_equal(ob.seq, 0xFFFFFFFF);
    assert_false(mb_outcome_decode(w, 8, 9, true, &ob));
    assert_false(mb_outcome_decode(w, 7, 10, true, &ob));
    mb_slot_encode(0x00010007, 0x00020009, 4, w);
    assert_true(mb_slot_valid(w, 0x00010007, 0x00020009, &outlet));
    assert_int_equal(outlet, 4);
    assert_false(mb_slot_valid(w, 0x00020007, 0x00020009, &outlet)); /* same low words */
    assert_false(mb_slot_valid(w, 0x00010007, 0x00030009, &outlet));
    w[MB_SLOT_OUTLET] = 5;
    assert_false(mb_slot_valid(w, 0x00010007, 0x00020009, &outlet));
    mb_host_encode(&h, w);
    assert_true(mb_host_ack_valid(w));
    assert_true(mb_host_epoch_valid(w));
    mb_host_decode(w, &hb);
    mb_host_encode(&hb, back);
    assert_memory_equal(back, w, sizeof w);
    assert_int_equal(hb.new_epoch_nonce, 7);
    w[MB_HOST_ACK_SEQ]++;
    assert_false(mb_host_ack_valid(w));
    w[MB_HOST_NEW_EPOCH]++;
    assert_false(mb_host_epoch_valid(w));
}

static void test_addresses(void **state)
{
    (void)state;
    assert_int_equal(mb_item_addr(100, 16, 1), 100 + 32 + 16);
    assert_int_equal(mb_item_addr(100, 16, 16), 100 + 32);
    assert_int_equal(mb_item_addr(100, 16, 0xFFFFFFFF), 100 + 32 + 15 * 16);
    assert_int_equal(mb_out_addr(100, 16, 17), 100 + 32 + 256 + 8);
    assert_int_equal(mb_slot_addr(500, 32, 33), 500 + 16 + 4);
    assert_int_equal(mb_default_host(100, 16), 100 + 32 + 24 * 16);
    assert_int_equal(mb_out_addr(0, 16, 15) + MB_OUT_WORDS, mb_default_host(0, 16));
}

/* A check that comes out as 0 is sent as 0xFFFF: found by search, so the rule is exercised. */
static void test_check_is_never_zero(void **state)
{
    (void)state;
    unsigned found = 0;
    for (uint32_t v = 0; v < 65536; v++) {
        uint16_t w = (uint16_t)v;
        assert_int_not_equal(mb_check(&w, 1), 0);
        found += mb_check(&w, 1) == 0xFFFF;
    }
    assert_true(found == 2); /* the words whose CRC is 0 and 0xFFFF */
}

static void test_weights(void **state)
{
    (void)state;
    static const struct {
        int32_t weight;
        uint8_t decimals, unit;
        int rc;
        int64_t mg;
    } rows[] = {
        {184, 1, MB_UNIT_G, 0, 18400},
        {-35, 1, MB_UNIT_G, 0, -3500},
        {INT32_MIN, 0, MB_UNIT_KG, 0, -2147483648000000},
        {18399, 0, MB_UNIT_MG, 0, 18399},
        {16777217, 0, MB_UNIT_MG, 0, 16777217}, /* more than a float holds */
        {123456789, 2, MB_UNIT_G, 0, 1234567890},
        {1, 6, MB_UNIT_KG, 0, 1},
        {1, 4, MB_UNIT_G, ERR_RANGE, 0},
        {1, 7, MB_UNIT_KG, ERR_RANGE, 0},
        {1, 0, 0, ERR_RANGE, 0},
        {1, 0, 4, ERR_RANGE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t mg = 0;
        assert_int_equal(mb_weight_mg(rows[i].weight, rows[i].decimals, rows[i].unit, &mg),
                         rows[i].rc);
        assert_int_equal(mg, rows[i].mg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_item),         cmocka_unit_test(test_every_bit_counts),
        cmocka_unit_test(test_header_both_ways),    cmocka_unit_test(test_header_bounds),
        cmocka_unit_test(test_outcome_slot_host),   cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_check_is_never_zero), cmocka_unit_test(test_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
