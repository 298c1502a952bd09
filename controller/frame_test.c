/* PDUs: vectors of the Modbus specification, and that no altered answer passes. */
#include "controller/frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* Modbus Application Protocol V1.1b3, the examples of 6.1 to 6.3, 6.12 and 6.17. */
/* clang-format off */
static const struct {
    struct want w;
    uint8_t request[32];
    size_t request_n;
    uint8_t reply[32];
    size_t reply_n;
    uint16_t words[6], words_n;
} vectors[] = {
    {{.fc = 1, .addr = 19, .n = 19},
     {1, 0, 0x13, 0, 0x13}, 5, {1, 3, 0xCD, 0x6B, 0x05}, 5, {0x6BCD, 0x0005}, 2},
    {{.fc = 2, .addr = 196, .n = 22},
     {2, 0, 0xC4, 0, 0x16}, 5, {2, 3, 0xAC, 0xDB, 0x35}, 5, {0xDBAC, 0x0035}, 2},
    {{.fc = 3, .addr = 107, .n = 3},
     {3, 0, 0x6B, 0, 3}, 5, {3, 6, 0x02, 0x2B, 0, 0, 0, 0x64}, 8, {555, 0, 100}, 3},
    {{.fc = 4, .addr = 8, .n = 1}, {4, 0, 8, 0, 1}, 5, {4, 2, 0, 10}, 4, {10}, 1},
    {{.fc = 16, .addr = 1, .n = 2, .words = {0x000A, 0x0102}},
     {16, 0, 1, 0, 2, 4, 0, 10, 1, 2}, 10, {16, 0, 1, 0, 2}, 5, {0}, 0},
    {{.fc = 23, .addr = 3, .n = 6, .waddr = 14, .wn = 3, .words = {255, 255, 255}},
     {23, 0, 3, 0, 6, 0, 14, 0, 3, 6, 0, 255, 0, 255, 0, 255}, 16,
     {23, 12, 0, 254, 10, 205, 0, 1, 0, 3, 0, 13, 0, 255}, 14, {254, 0xACD, 1, 3, 13, 255}, 6},
};
/* clang-format on */
#define N (sizeof(vectors) / sizeof(vectors[0]))

static void test_vectors(void **state)
{
    (void)state;
    uint8_t pdu[FRAME_PDU_MAX];
    for (size_t i = 0; i < N; i++) {
        struct reply r = {0};
        assert_int_equal(frame_request(&vectors[i].w, pdu), vectors[i].request_n);
        assert_memory_equal(pdu, vectors[i].request, vectors[i].request_n);
        assert_int_equal(frame_reply_size(&vectors[i].w), vectors[i].reply_n);
        assert_int_equal(frame_reply(&vectors[i].w, vectors[i].reply, vectors[i].reply_n, &r), 0);
        assert_int_equal(r.n, vectors[i].words_n);
        assert_memory_equal(r.words, vectors[i].words, r.n * sizeof(uint16_t));
    }
}

/* Every single byte of the head of an answer counts: no other value of it is accepted. */
static void test_altered(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        size_t head = vectors[i].w.fc == 16 ? 5 : 2;
        for (size_t at = 0; at < head; at++) {
            for (unsigned v = 0; v < 256; v++) {
                struct reply r = {0};
                uint8_t p[32];
                memcpy(p, vectors[i].reply, sizeof(p));
                p[at] = (uint8_t)v;
                int rc = frame_reply(&vectors[i].w, p, vectors[i].reply_n, &r);
                assert_true((rc == 0) == (v == vectors[i].reply[at]));
                assert_true(rc == 0 || rc == ERR_PROTOCOL ||
                            (rc == ERR_ECHO && vectors[i].w.fc == 16 && at > 0));
            }
        }
    }
}

static void test_lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++)
        for (size_t n = 0; n < 32; n++) {
            struct reply r = {0};
            int rc = frame_reply(&vectors[i].w, vectors[i].reply, n, &r);
            assert_int_equal(rc, n == vectors[i].reply_n ? 0 : ERR_PROTOCOL);
        }
}

static void test_exceptions(void **state)
{
    (void)state;
    struct want w = {.fc = 3, .n = 1};
    struct reply r = {0};
    assert_int_equal(frame_reply(&w, (const uint8_t[]){0x83, 6}, 2, &r), ERR_EXCEPTION);
    assert_int_equal(r.exception, 6);
    assert_int_equal(frame_reply(&w, (const uint8_t[]){0x83, 0}, 2, &r), ERR_PROTOCOL);
    assert_int_equal(frame_reply(&w, (const uint8_t[]){0x84, 6}, 2, &r), ERR_PROTOCOL);
    assert_int_equal(frame_reply(&w, (const uint8_t[]){0x83, 6, 0}, 3, &r), ERR_PROTOCOL);
}

static void test_largest(void **state)
{
    (void)state;
    uint8_t pdu[FRAME_PDU_MAX];
    assert_int_equal(frame_request(&(struct want){.fc = 16, .n = 123}, pdu), 252);
    assert_int_equal(frame_request(&(struct want){.fc = 23, .n = 125, .wn = 121}, pdu), 252);
}

/* What a line repeats is never an answer: only FC23 has requests of that form. */
static void test_echo(void **state)
{
    (void)state;
    struct reply r = {0};
    uint8_t pdu[FRAME_PDU_MAX];
    struct want w = {.fc = 23, .addr = 0x20F9, .n = 16, .waddr = 100, .wn = 12};
    size_t n = frame_request(&w, pdu);
    assert_int_equal(n, frame_reply_size(&w));
    assert_int_equal(frame_reply(&w, pdu, n, &r), ERR_PROTOCOL);
    pdu[n - 1] ^= 1; /* an answer */
    assert_int_equal(frame_reply(&w, pdu, n, &r), 0);
}

/* Bits beyond those that were asked for mean nothing, whatever the device fills in; and a request
 * for as many bits as make its answer just as long is no answer. */
static void test_bits(void **state)
{
    (void)state;
    struct reply r = {0};
    uint8_t pdu[FRAME_PDU_MAX];
    struct want few = {.fc = 1, .addr = 300, .n = 3}, echoed = {.fc = 2, .addr = 0x0344, .n = 20};
    assert_int_equal(frame_reply(&few, (const uint8_t[]){1, 1, 0xFD}, 3, &r), 0);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.words[0], 0x0005);
    assert_int_equal(frame_reply(&few, (const uint8_t[]){1, 2, 0xFD, 0}, 4, &r), ERR_PROTOCOL);
    size_t n = frame_request(&echoed, pdu);
    assert_int_equal(n, frame_reply_size(&echoed));
    assert_int_equal(frame_reply(&echoed, pdu, n, &r), ERR_PROTOCOL);
    assert_int_equal(frame_reply_size(&(struct want){.fc = 1, .n = 2000}), 252);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_altered),
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_largest), cmocka_unit_test(test_echo),
        cmocka_unit_test(test_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
