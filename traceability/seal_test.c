/* The printed seal. */
#include "traceability/seal.h"
#include "base/crypto.h"
#include <stdarg.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

static const char record[] = "{\"box\":\"K7\",\"net_mg\":25004000}";
static const char nonce[] = "000102030405060708090a0b0c0d0e0f";

static void seal_by_hand(void **state)
{
    uint8_t bytes[16], both[sizeof record - 1 + 16], hash[32];
    char seal[SEAL_SIZE], want[SEAL_SIZE];
    (void)state;
    assert_int_equal(hex_parse(nonce, bytes, sizeof bytes), 0);
    memcpy(both, record, sizeof record - 1);
    memcpy(both + sizeof record - 1, bytes, 16);
    sha256_of(both, sizeof both, hash);
    seal_of(record, sizeof record - 1, bytes, seal);
    assert_string_equal(seal, base32_text(hash, 80, want, sizeof want));
    assert_int_equal(strlen(seal), 16);
    assert_true(seal_holds(seal, record, sizeof record - 1, nonce));
}

static void what_people_type(void **state)
{
    uint8_t bytes[16];
    char seal[SEAL_SIZE], typed[SEAL_SIZE];
    (void)state;
    hex_parse(nonce, bytes, sizeof bytes);
    /* look for a seal with 0 and 1, by changing the record's length */
    size_t n = sizeof record - 1;
    while (seal_of(record, n, bytes, seal), n > 1 && !(strchr(seal, '0') && strchr(seal, '1')))
        n--;
    for (size_t i = 0; i < SEAL_SIZE; i++)
        typed[i] = seal[i] == '0'   ? 'o'
                   : seal[i] == '1' ? 'l'
                   : seal[i] >= 'A' ? (char)(seal[i] + 32)
                                    : seal[i];
    assert_true(seal_holds(typed, record, n, nonce));
}

static void what_does_not_hold(void **state)
{
    uint8_t bytes[16];
    char seal[SEAL_SIZE];
    (void)state;
    hex_parse(nonce, bytes, sizeof bytes);
    seal_of(record, sizeof record - 1, bytes, seal);
    for (size_t i = 0; i < 16; i++) {
        char c = seal[i];
        seal[i] = c == '7' ? '8' : '7';
        assert_false(seal_holds(seal, record, sizeof record - 1, nonce));
        seal[i] = c;
    }
    assert_false(seal_holds(seal, record, sizeof record - 2, nonce));
    assert_false(seal_holds(seal, record, sizeof record - 1, "000102030405060708090a0b0c0d0e10"));
    assert_false(seal_holds(seal, record, sizeof record - 1, "0001"));
    assert_false(seal_holds("", record, sizeof record - 1, nonce));
    seal[15] = '\0';
    assert_false(seal_holds(seal, record, sizeof record - 1, nonce));
    assert_false(seal_holds("0123456789ABCDEFG", record, sizeof record - 1, nonce));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(seal_by_hand),
                                       cmocka_unit_test(what_people_type),
                                       cmocka_unit_test(what_does_not_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
