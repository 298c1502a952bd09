/* Signed notes: the published example of the format, our own both ways, and everything that is not
 * one. */
#include "traceability/note.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define DASH "\xe2\x80\x94 "

static uint8_t secret[64], pub[32], other_secret[64], other_pub[32];
static const char origin[] = "min-county.lotline/0123abcd";

static int make_keys(void **state)
{
    char path[] = "/tmp/lotline-note-XXXXXX", key[64];
    (void)state;
    if (crypto_setup() || !mkdtemp(path))
        return -1;
    snprintf(key, sizeof key, "%s/a", path);
    int bad = crypto_key_create(key, NULL) || crypto_key_load(key, secret, pub, NULL);
    remove(key);
    bad |= crypto_key_create(key, NULL) || crypto_key_load(key, other_secret, other_pub, NULL);
    remove(key);
    remove(path);
    return bad;
}

/* From the signed-note documentation of golang.org/x/mod/sumdb/note. */
static void published_example(void **state)
{
    static const char note[] =
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n" DASH "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2p"
        "ZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    static const char vkey[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    uint8_t key[64];
    char again[128];
    size_t n = 0, body = 0;
    (void)state;
    const char *text = strrchr(vkey, '+') + 1;
    assert_int_equal(base64_parse(text, strlen(text), key, sizeof key, &n), 0);
    assert_int_equal(n, 33);
    assert_string_equal(note_vkey("PeterNeumann", key + 1, again, sizeof again), vkey);
    assert_int_equal(note_open(note, strlen(note), "PeterNeumann", key + 1, &body, NULL), 0);
    assert_int_equal(body, strstr(note, "\n\n") + 1 - note);
}

static void make(char *note, size_t size, uint64_t n)
{
    struct note_checkpoint c = {.size = n};
    char body[256];
    strcpy(c.origin, origin);
    memset(c.root.b, 0x5a, sizeof c.root.b);
    assert_int_equal(note_body(&c, body, sizeof body), 0);
    assert_int_equal(note_sign(body, origin, secret, pub, note, size), 0);
}

static void own_note(void **state)
{
    struct note_checkpoint c;
    char note[NOTE_MAX], name[NOTE_NAME_MAX];
    size_t body = 0;
    (void)state;
    make(note, sizeof note, 123456);
    assert_int_equal(note_open(note, strlen(note), origin, pub, &body, NULL), 0);
    assert_int_equal(note_read(note, body, &c, NULL), 0);
    assert_string_equal(c.origin, origin);
    assert_int_equal(c.size, 123456);
    assert_int_equal(c.root.b[31], 0x5a);
    assert_int_equal(note_claims(note, strlen(note), &c, NULL), 0);
    assert_string_equal(note_origin("min-county", "0123abcdffff", name), origin);
    assert_int_equal(note_sign("x\n", origin, secret, pub, note, 20), ERR_TOOBIG);
    assert_int_equal(note_body(&c, note, 20), ERR_TOOBIG);
}

static int open_with(const char *note, const uint8_t *key)
{
    size_t body = 0;
    return note_open(note, strlen(note), origin, key, &body, NULL);
}

static void every_changed_byte(void **state)
{
    char note[NOTE_MAX];
    struct note_checkpoint c;
    size_t body;
    (void)state;
    make(note, sizeof note, 99);
    size_t n = strlen(note);
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            note[i] = (char)(note[i] ^ 1 << bit);
            int rc = note_open(note, n, origin, pub, &body, NULL);
            if (rc == 0)
                rc = note_read(note, body, &c, NULL);
            if (rc == 0)
                fail_msg("byte %zu bit %d was not noticed", i, bit);
            note[i] = (char)(note[i] ^ 1 << bit);
        }
    for (size_t cut = 0; cut < n; cut++)
        assert_true(note_open(note, cut, origin, pub, &body, NULL) < 0);
}

static void other_signers(void **state)
{
    char note[1024], cosigned[2048], twice[2048];
    (void)state;
    make(note, sizeof note, 5);
    assert_int_equal(open_with(note, other_pub), ERR_CHECK); /* another key under our name */
    const char *line = strstr(note, "\n\n") + 2;
    int body = (int)(line - note);
    snprintf(cosigned, sizeof cosigned, "%.*s" DASH "witness.example 7LF1aGVsbG8gd29ybGQ=\n%s",
             body, note, line);
    assert_int_equal(open_with(cosigned, pub), 0);
    snprintf(cosigned, sizeof cosigned, "%s" DASH "witness.example 7LF1aGVsbG8gd29ybGQ=\n", note);
    assert_int_equal(open_with(cosigned, pub), 0);
    /* a good line does not excuse a bad one of the same key */
    snprintf(twice, sizeof twice, "%s%s", note, line);
    char *last = strrchr(twice, '=') - 8;
    *last = *last == 'A' ? 'B' : 'A';
    assert_int_equal(open_with(twice, pub), ERR_CHECK);
}

static void malformed(void **state)
{
    static const char *const notes[] = {"",
                                        "\n",
                                        "\n\n",
                                        "text\n",
                                        "text\n\n",
                                        "text\n\nno dash\n",
                                        "text\n\n" DASH "\n",
                                        "text\n\n" DASH "name\n",
                                        "text\n\n" DASH " c2ln\n",
                                        "text\n\n" DASH "name !!!!\n",
                                        "text\n\n" DASH "name AAAA\n",
                                        "text\n\n" DASH "name AAAAAAAA",
                                        "te\rxt\n\n" DASH "name AAAAAAAA\n",
                                        "text\n\n" DASH "name AAAAAAAA\n\n",
                                        "text\n\n- name AAAAAAAA\n"};
    char big[NOTE_MAX + 200];
    (void)state;
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (open_with(notes[i], pub) != ERR_PARSE)
            fail_msg("note %zu gave %s", i, err_name(open_with(notes[i], pub)));
    make(big, sizeof big, 1);
    size_t n = strlen(big);
    while (n < NOTE_MAX) {
        strcpy(big + n, DASH "w AAAAAAAA\n");
        n = strlen(big);
    }
    assert_int_equal(open_with(big, pub), ERR_PARSE);
    assert_int_equal(open_with("text\n\n" DASH "name AAAAAAAA\n", pub),
                     ERR_CHECK); /* well-formed, not ours */
}

static void strict_bodies(void **state)
{
#define ROOT "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo="
    static const char good[] = "o\n7\n" ROOT "\n";
    static const char *const bad[] = {
        "",
        "o",
        "o\n",
        "o\n7",
        "o\n7\n",
        "o\n7\n" ROOT,
        "o\n07\n" ROOT "\n",
        "o\n-7\n" ROOT "\n",
        "o\n+7\n" ROOT "\n",
        "o\n0x7\n" ROOT "\n",
        "o\n 7\n" ROOT "\n",
        "o\n\n" ROOT "\n",
        "o\n99999999999999999999\n" ROOT "\n",
        "o\n7\n" ROOT "\nmore\n",
        "o\n7\n\n",
        "o\n7\nWlpa\n",
        "o\n7\nWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlp=\n",
        "o\n7\nWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWloA\n",
        "o\r\n7\n" ROOT "\n\n",
        "a-name-that-is-much-longer-than-any-origin-of-a-log-of-ours-may-be\n7\n" ROOT "\n"};
    struct note_checkpoint c;
    (void)state;
    assert_int_equal(note_read(good, strlen(good), &c, NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (note_read(bad[i], strlen(bad[i]), &c, NULL) != ERR_PARSE)
            fail_msg("body %zu was read", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_example),  cmocka_unit_test(own_note),
        cmocka_unit_test(every_changed_byte), cmocka_unit_test(other_signers),
        cmocka_unit_test(malformed),          cmocka_unit_test(strict_bodies),
    };
    return cmocka_run_group_tests(tests, make_keys, NULL);
}
