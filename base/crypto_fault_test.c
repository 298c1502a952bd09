/* Making and reading a key file while calls of the system fail: no half key, no key that a power
 * cut could take back, and the next try goes well. */
#include "base/crypto.h"
#include "base/test_calls.h"
#include "base/test_tmp.h"
#include <stdarg.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <cmocka.h>

CALL(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
CALL(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))
CALL(int, fsync, (int fd), (fd))
CALL(int, close, (int fd), (fd))
CALL(int, link, (const char *from, const char *to), (from, to))
CALL(int, fstat, (int fd, struct stat *st), (fd, st))
CALL(int, sodium_init, (void), ())

static void a_key_that_could_not_be_made_durable_is_not_there(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int why, after, code;
    } rows[] = {
        {"write", ENOSPC, 0, ERR_DISK_FULL}, {"write", EIO, 0, ERR_IO},
        {"fsync", EIO, 0, ERR_IO},           {"close", ENOSPC, 0, ERR_DISK_FULL},
        {"link", EACCES, 0, ERR_DENIED},     {"link", EIO, 0, ERR_IO},
        {"fsync", EIO, 1, ERR_IO}, /* of the directory */
    };
    struct tmp t;
    tmp_make(&t);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t secret[ED25519_SECRET_LEN], public[ED25519_PUBLIC_LEN];
        struct err e = {0};
        const char *path = tmp_path(&t, "site.key");
        call_fails(rows[i].name, rows[i].why, rows[i].after);
        int rc = crypto_key_create(path, &e);
        if (!call_failed() || rc != rows[i].code || !strstr(e.text, path))
            fail_msg("%s: %s gives %s and says \"%s\"", rows[i].name, strerror(rows[i].why),
                     err_name(rc), e.text);
        assert_int_equal(crypto_key_load(path, secret, public, &e), ERR_NOT_FOUND);
        assert_int_equal(crypto_key_create(path, &e), 0);
        assert_int_equal(crypto_key_load(path, secret, public, &e), 0);
        assert_int_equal(remove(path), 0);
    }
    tmp_remove(&t);
}

static void a_key_that_cannot_be_read_says_so_and_gives_none(void **state)
{
    (void)state;
    static const char *const calls[] = {"read", "fstat"};
    struct tmp t;
    tmp_make(&t);
    const char *path = tmp_path(&t, "site.key");
    assert_int_equal(crypto_key_create(path, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        uint8_t secret[ED25519_SECRET_LEN] = {1}, public[ED25519_PUBLIC_LEN] = {1};
        struct err e = {0};
        call_fails(calls[i], EIO, 0);
        assert_int_equal(crypto_key_load(path, secret, public, &e), ERR_IO);
        assert_true(call_failed());
        assert_non_null(strstr(e.text, path));
        assert_int_equal(secret[0], 1);
    }
    tmp_remove(&t);
}

static void a_key_beside_the_working_directory_and_a_path_without_end(void **state)
{
    (void)state;
    struct tmp t;
    char long_path[5000], old[4096];
    uint8_t secret[ED25519_SECRET_LEN], public[ED25519_PUBLIC_LEN];
    struct err e = {0};
    tmp_make(&t);
    assert_non_null(getcwd(old, sizeof old));
    assert_int_equal(chdir(t.dir), 0);
    assert_int_equal(crypto_key_create("site.key", &e), 0); /* its directory is "." */
    assert_int_equal(crypto_key_load("site.key", secret, public, &e), 0);
    assert_int_equal(chdir(old), 0);
    memset(long_path, 'k', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(crypto_key_create(long_path, &e), ERR_TOOBIG);
    tmp_remove(&t);
}

static void without_random_numbers_nothing_begins(void **state)
{
    (void)state;
    call_fails("sodium_init", 0, 0);
    assert_int_equal(crypto_setup(), ERR_IO);
    assert_true(call_failed());
    assert_int_equal(crypto_setup(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_random_numbers_nothing_begins),
        cmocka_unit_test(a_key_that_could_not_be_made_durable_is_not_there),
        cmocka_unit_test(a_key_that_cannot_be_read_says_so_and_gives_none),
        cmocka_unit_test(a_key_beside_the_working_directory_and_a_path_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
