/* CRC-16/MODBUS against published values. */
#include "base/crc.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static void the_check_value_of_the_catalogue_comes_out(void **state)
{
    (void)state;
    assert_int_equal(crc16_bytes(0xffff, (const uint8_t *)"123456789", 9), 0x4b37);
    assert_int_equal(crc16_bytes(0xffff, (const uint8_t *)"", 0), 0xffff);
}

static void a_read_request_gets_the_bytes_seen_on_the_wire(void **state)
{
    (void)state;
    const uint8_t frame[] = {0x01, 0x03, 0x00,
                             0x00, 0x00, 0x0a}; /* followed by C5 CD, low byte first */
    assert_int_equal(crc16_bytes(0xffff, frame, sizeof frame), 0xcdc5);
}

static void words_count_as_big_endian_bytes(void **state)
{
    (void)state;
    const uint16_t words[] = {0x1234, 0x00ff, 0xfe01};
    const uint8_t bytes[] = {0x12, 0x34, 0x00, 0xff, 0xfe, 0x01};
    assert_int_equal(crc16_words(0xffff, words, 3), crc16_bytes(0xffff, bytes, 6));
}

static void a_sum_can_be_continued(void **state)
{
    (void)state;
    uint16_t half = crc16_bytes(0xffff, (const uint8_t *)"1234", 4);
    assert_int_equal(crc16_bytes(half, (const uint8_t *)"56789", 5), 0x4b37);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_value_of_the_catalogue_comes_out),
        cmocka_unit_test(a_read_request_gets_the_bytes_seen_on_the_wire),
        cmocka_unit_test(words_count_as_big_endian_bytes),
        cmocka_unit_test(a_sum_can_be_continued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
