/* Hashes and signatures against published vectors; key files; texts. */
#include "base/crypto.h"
#include "base/test_tmp.h"
#include <stdarg.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

/* RFC 8032, 7.1, test 1. */
static const char seed_hex[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
static const char public_hex[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static const char signature_hex[] =
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821"
    "590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";

static int make_dir(void **state)
{
    struct tmp *t = calloc(1, sizeof *t);
    tmp_make(t);
    *state = t;
    return 0;
}

static int remove_dir(void **state)
{
    tmp_remove(*state);
    free(*state);
    return 0;
}

static void write_key(const char *path, const char *hex)
{
    uint8_t seed[32];
    char text[64];
    assert_int_equal(hex_parse(hex, seed, sizeof seed), 0);
    base64_text(seed, sizeof seed, text, sizeof text);
    strcat(text, "\n");
    tmp_write(path, text, strlen(text));
    chmod(path, 0600);
}

static void sha256_matches_fips_180(void **state)
{
    (void)state;
    uint8_t hash[SHA256_LEN];
    char hex[80];
    sha256_of("abc", 3, hash);
    assert_string_equal(hex_text(hash, sizeof hash, hex, sizeof hex),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_of("", 0, hash);
    assert_string_equal(hex_text(hash, sizeof hash, hex, sizeof hex),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void a_hash_in_pieces_is_the_hash_of_the_whole(void **state)
{
    (void)state;
    uint64_t seed = seed_print(__func__);
    uint8_t data[3000], whole[SHA256_LEN], pieces[SHA256_LEN];
    for (int turn = 0; turn < 200; turn++) {
        size_t n = seed_next(&seed) % sizeof data, at = 0;
        crypto_random(data, n);
        sha256_of(data, n, whole);
        struct sha256 s;
        sha256_init(&s);
        while (at < n) {
            size_t some = seed_next(&seed) % 130;
            some = some > n - at ? n - at : some;
            sha256_add(&s, data + at, some);
            at += some;
        }
        sha256_end(&s, pieces);
        assert_memory_equal(whole, pieces, sizeof whole);
    }
}

static void a_signature_matches_rfc_8032(void **state)
{
    uint8_t secret[ED25519_SECRET_LEN], public[ED25519_PUBLIC_LEN], sig[ED25519_SIGNATURE_LEN];
    char hex[160];
    const char *path = tmp_path(*state, "key");
    write_key(path, seed_hex);
    assert_int_equal(crypto_key_load(path, secret, public, NULL), 0);
    assert_string_equal(hex_text(public, sizeof public, hex, sizeof hex), public_hex);
    crypto_sign(secret, "", 0, sig);
    assert_string_equal(hex_text(sig, sizeof sig, hex, sizeof hex), signature_hex);
    assert_true(crypto_verify(public, "", 0, sig));
}

static void any_changed_bit_breaks_a_signature(void **state)
{
    uint8_t secret[ED25519_SECRET_LEN], public[ED25519_PUBLIC_LEN], sig[ED25519_SIGNATURE_LEN];
    char text[] = "lot 261124-07";
    const char *path = tmp_path(*state, "key");
    write_key(path, seed_hex);
    assert_int_equal(crypto_key_load(path, secret, public, NULL), 0);
    crypto_sign(secret, text, strlen(text), sig);
    for (size_t bit = 0; bit < sizeof sig * 8; bit++) {
        sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(crypto_verify(public, text, strlen(text), sig));
        sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_false(crypto_verify(public, text, strlen(text) - 1, sig));
    assert_true(crypto_verify(public, text, strlen(text), sig));
}

static void a_new_key_file_is_private_and_loads(void **state)
{
    uint8_t secret[ED25519_SECRET_LEN], public[ED25519_PUBLIC_LEN], again[ED25519_PUBLIC_LEN];
    struct stat st;
    const char *path = tmp_path(*state, "site.key");
    assert_int_equal(crypto_key_create(path, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 45);
    assert_int_equal(crypto_key_load(path, secret, public, NULL), 0);
    assert_int_equal(crypto_key_load(path, secret, again, NULL), 0);
    assert_memory_equal(public, again, sizeof public);
}

static void a_key_is_never_overwritten(void **state)
{
    uint8_t secret[ED25519_SECRET_LEN], before[ED25519_PUBLIC_LEN], after[ED25519_PUBLIC_LEN];
    struct err e = {0};
    const char *path = tmp_path(*state, "site.key");
    assert_int_equal(crypto_key_create(path, &e), 0);
    assert_int_equal(crypto_key_load(path, secret, before, NULL), 0);
    assert_int_equal(crypto_key_create(path, &e), ERR_EXISTS);
    assert_non_null(strstr(e.text, "site.key"));
    assert_int_equal(crypto_key_load(path, secret, after, NULL), 0);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(crypto_key_create(tmp_path(*state, "no/such/dir"), &e), ERR_NOT_FOUND);
}

static void a_kill_while_a_key_is_made_leaves_no_half_key(void **state)
{
    uint8_t secret[ED25519_SECRET_LEN], public[ED25519_PUBLIC_LEN];
    const char *path = tmp_path(*state, "site.key");
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) { /* the kernel kills it at the first byte that it writes */
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, 0});
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGXFSZ, SIG_DFL);
        crypto_key_create(path, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(crypto_key_load(path, secret, public, NULL), ERR_NOT_FOUND);
    assert_int_equal(crypto_key_create(path, NULL), 0);
    assert_int_equal(crypto_key_load(path, secret, public, NULL), 0);
}

static void a_key_that_everybody_may_read_is_refused(void **state)
{
    uint8_t secret[ED25519_SECRET_LEN] = {1}, public[ED25519_PUBLIC_LEN] = {1};
    struct err e = {0};
    const char *path = tmp_path(*state, "key");
    write_key(path, seed_hex);
    chmod(path, 0644);
    assert_int_equal(crypto_key_load(path, secret, public, &e), ERR_DENIED);
    assert_int_equal(secret[0], 1);
    chmod(path, 0440); /* as systemd hands over credentials */
    assert_int_equal(crypto_key_load(path, secret, public, &e), 0);
}

static void a_broken_key_file_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "\n",
                                      "AAAA\n",
                                      "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\n",
                                      "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n\n",
                                      "nWGxne-9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n",
                                      "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=nWGxne/"
                                      "9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n"};
    const char *path = tmp_path(*state, "key");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t secret[ED25519_SECRET_LEN] = {1}, public[ED25519_PUBLIC_LEN] = {1};
        struct err e = {0};
        tmp_write(path, bad[i], strlen(bad[i]));
        chmod(path, 0600);
        assert_int_equal(crypto_key_load(path, secret, public, &e), ERR_PARSE);
        assert_int_equal(e.line, 1);
        assert_int_equal(secret[0], 1);
    }
    struct err e = {0};
    uint8_t secret[ED25519_SECRET_LEN], public[ED25519_PUBLIC_LEN];
    assert_int_equal(crypto_key_load(tmp_path(*state, "none"), secret, public, &e), ERR_NOT_FOUND);
}

static void hex_is_strict(void **state)
{
    (void)state;
    uint8_t v[2] = {7, 7};
    char buf[8];
    static const char *const bad[] = {"", "12", "12345", "123456", "12 4", "12g4", "0x12"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(hex_parse(bad[i], v, 2), ERR_PARSE);
    assert_int_equal(hex_parse(NULL, v, 2), ERR_PARSE);
    assert_int_equal(v[0], 7);
    assert_int_equal(hex_parse("aBcD", v, 2), 0);
    assert_string_equal(hex_text(v, 2, buf, 5), "abcd");
}

static void base64_matches_rfc_4648_and_is_strict(void **state)
{
    (void)state;
    static const char *const row[][2] = {
        {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
    static const char *const bad[] = {"Zg",   "Zg=",  "Zg===", "Zh==",        "Zg==\n",
                                      "Z g=", "Zm9-", "====",  "Zm9vYmFyYQ=="};
    char buf[16], back[6];
    size_t n = 0;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        assert_string_equal(base64_text(row[i][0], strlen(row[i][0]), buf, sizeof buf), row[i][1]);
        assert_int_equal(base64_parse(buf, strlen(buf), back, sizeof back, &n), 0);
        assert_int_equal(n, strlen(row[i][0]));
        assert_memory_equal(back, row[i][0], n);
    }
    strcpy(back, "keep");
    for (size_t i = 0; i < sizeof bad / sizeof *bad;
         i++) /* the last is one byte too long for `back` */
        assert_int_equal(base64_parse(bad[i], strlen(bad[i]), back, sizeof back, &n), ERR_PARSE);
    assert_string_equal(back, "keep");
    assert_int_equal(n, 6);
}

static void base32_takes_the_high_bits_first(void **state)
{
    (void)state;
    char buf[32];
    const uint8_t ones[] = {0xff, 0xff}, mixed[] = {0x00, 0x44, 0x32, 0x14, 0xc7};
    assert_string_equal(base32_text(ones, 5, buf, sizeof buf), "Z");
    assert_string_equal(base32_text(ones, 16, buf, sizeof buf), "ZZZG");
    assert_string_equal(base32_text(mixed, 40, buf, 9), "01234567");
    assert_string_equal(base32_text(ones, 0, buf, sizeof buf), "");
    for (unsigned v = 0; v < 32; v++) {
        uint8_t byte = (uint8_t)(v << 3);
        base32_text(&byte, 5, buf, sizeof buf);
        assert_null(strpbrk(buf, "ILOU"));
    }
}

static void random_numbers_differ_and_are_never_zero(void **state)
{
    (void)state;
    uint8_t a[16] = {0}, b[16] = {0};
    crypto_random(a, sizeof a);
    crypto_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    for (int i = 0; i < 1000; i++)
        assert_int_not_equal(crypto_random_u32(), 0);
    crypto_wipe(a, sizeof a);
    assert_memory_equal(a, (uint8_t[16]){0}, sizeof a);
}

int main(void)
{
    if (crypto_setup())
        return 1;
#define IN_DIR(t) cmocka_unit_test_setup_teardown(t, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_matches_fips_180),
        cmocka_unit_test(a_hash_in_pieces_is_the_hash_of_the_whole),
        IN_DIR(a_signature_matches_rfc_8032),
        IN_DIR(any_changed_bit_breaks_a_signature),
        IN_DIR(a_new_key_file_is_private_and_loads),
        IN_DIR(a_key_is_never_overwritten),
        IN_DIR(a_kill_while_a_key_is_made_leaves_no_half_key),
        IN_DIR(a_key_that_everybody_may_read_is_refused),
        IN_DIR(a_broken_key_file_is_refused),
        cmocka_unit_test(hex_is_strict),
        cmocka_unit_test(base64_matches_rfc_4648_and_is_strict),
        cmocka_unit_test(base32_takes_the_high_bits_first),
        cmocka_unit_test(random_numbers_differ_and_are_never_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
