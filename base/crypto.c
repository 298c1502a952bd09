/* libsodium behind one door (contract: crypto.h).
 * Thread: any after crypto_setup. Owns nothing. Secrets that pass through here are wiped before
 * return. A key file is created with its directory synced: a key that signed and then vanished in a
 * power cut would orphan the record. */
#include <sodium.h> /* first: our crypto_sign is a macro */
#include "base/crypto.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEED_LEN = crypto_sign_SEEDBYTES, SEED_TEXT = 44, KEY_FILE_MAX = 64 };

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct sha256), "state fits");
_Static_assert(_Alignof(crypto_hash_sha256_state) <= 8, "state is aligned");
_Static_assert(SHA256_LEN == crypto_hash_sha256_BYTES, "length of a hash");
_Static_assert(ED25519_PUBLIC_LEN == crypto_sign_PUBLICKEYBYTES, "length of a public key");
_Static_assert(ED25519_SECRET_LEN == crypto_sign_SECRETKEYBYTES, "length of a secret key");
_Static_assert(ED25519_SIGNATURE_LEN == crypto_sign_BYTES, "length of a signature");

int crypto_setup(void)
{
    return sodium_init() < 0 ? ERR_IO : 0;
}

static crypto_hash_sha256_state *state_of(struct sha256 *s)
{
    return (crypto_hash_sha256_state *)(void *)s->state;
}

void sha256_init(struct sha256 *s)
{
    crypto_hash_sha256_init(state_of(s));
}

void sha256_add(struct sha256 *s, const void *p, size_t n)
{
    crypto_hash_sha256_update(state_of(s), p, n);
}

void sha256_end(struct sha256 *s, uint8_t ret[SHA256_LEN])
{
    crypto_hash_sha256_final(state_of(s), ret);
}

void sha256_of(const void *p, size_t n, uint8_t ret[SHA256_LEN])
{
    crypto_hash_sha256(ret, p, n);
}

void crypto_random(void *p, size_t n)
{
    randombytes_buf(p, n);
}

uint32_t crypto_random_u32(void)
{
    uint32_t v;
    do
        v = randombytes_random();
    while (v == 0);
    return v;
}

static int file_error(struct err *e, const char *path, int why)
{
    int code = why == ENOENT   ? ERR_NOT_FOUND
               : why == EACCES ? ERR_DENIED
               : why == EEXIST ? ERR_EXISTS
               : why == ENOSPC ? ERR_DISK_FULL
                               : ERR_IO;
    return err_set(e, code, "%s: %s", path, strerror(why));
}

/* Up to KEY_FILE_MAX bytes of a file that others may not read. A group may: systemd hands
 * credentials over with an access list, whose mask shows as group bits. */
static int read_key_file(const char *path, char *ret, size_t *ret_n, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_error(e, path, errno);
    ssize_t n = fstat(fd, &st) ? -1 : read(fd, ret, KEY_FILE_MAX);
    int why = errno;
    close(fd);
    if (n < 0)
        return file_error(e, path, why);
    if (st.st_mode & S_IRWXO)
        return err_set(e, ERR_DENIED, "%s: a key that everybody may read (mode %03o)", path,
                       (unsigned)st.st_mode & 0777);
    *ret_n = (size_t)n;
    return 0;
}

int crypto_key_load(const char *path, uint8_t ret_secret[ED25519_SECRET_LEN],
                    uint8_t ret_public[ED25519_PUBLIC_LEN], struct err *e)
{
    char text[KEY_FILE_MAX];
    uint8_t seed[SEED_LEN];
    size_t n = 0, got = 0;
    int code = read_key_file(path, text, &n, e);
    if (code)
        return code;
    if (n > 0 && text[n - 1] == '\n')
        n--;
    if (n != SEED_TEXT || base64_parse(text, n, seed, sizeof seed, &got) || got != SEED_LEN)
        code = err_at(e, ERR_PARSE, path, 1, "a key is %d bytes as one base64 line", (int)SEED_LEN);
    else
        crypto_sign_seed_keypair(ret_public, ret_secret, seed);
    sodium_memzero(text, sizeof text);
    sodium_memzero(seed, sizeof seed);
    return code;
}

static int sync_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int bad = fd < 0 || fsync(fd);
    int why = errno;
    free(dir);
    if (fd >= 0)
        close(fd);
    return bad ? why : 0;
}

/* A new seed in a file beside the key; what a kill left of an earlier one is overwritten. */
static int write_seed(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    uint8_t seed[SEED_LEN];
    char text[SEED_TEXT + 2];
    randombytes_buf(seed, sizeof seed);
    base64_text(seed, sizeof seed, text, sizeof text - 1);
    memcpy(text + SEED_TEXT, "\n", 2);
    ssize_t n = write(fd, text, sizeof text - 1);
    int why = n != (ssize_t)sizeof text - 1 ? (n < 0 ? errno : ENOSPC) : fsync(fd) ? errno : 0;
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(text, sizeof text);
    if (close(fd) && !why)
        why = errno;
    return why;
}

int crypto_key_create(const char *path, struct err *e)
{
    char part[4096];
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return err_set(e, ERR_TOOBIG, "%s: the path is too long", path);
    int why = write_seed(part);
    if (!why && link(part, path)) /* refuses to replace */
        why = errno;
    bool linked = !why;
    unlink(part);
    if (linked && (why = sync_directory_of(path)))
        unlink(path);
    return why ? file_error(e, path, why) : 0;
}

void crypto_sign(const uint8_t secret[ED25519_SECRET_LEN], const void *p, size_t n,
                 uint8_t ret[ED25519_SIGNATURE_LEN])
{
    crypto_sign_detached(ret, NULL, p, n, secret);
}

bool crypto_verify(const uint8_t pub[ED25519_PUBLIC_LEN], const void *p, size_t n,
                   const uint8_t sig[ED25519_SIGNATURE_LEN])
{
    return crypto_sign_verify_detached(sig, p, n, pub) == 0;
}

void crypto_wipe(void *p, size_t n)
{
    sodium_memzero(p, n);
}

const char *hex_text(const void *p, size_t n, char *buf, size_t size)
{
    assert(size > 2 * n);
    return sodium_bin2hex(buf, size, p, n);
}

int hex_parse(const char *text, void *ret, size_t n)
{
    uint8_t tmp[512];
    size_t got = 0;
    assert(n <= sizeof tmp);
    if (!text || strlen(text) != 2 * n)
        return ERR_PARSE;
    if (sodium_hex2bin(tmp, sizeof tmp, text, 2 * n, NULL, &got, NULL) || got != n)
        return ERR_PARSE;
    memcpy(ret, tmp, n);
    return 0;
}

const char *base64_text(const void *p, size_t n, char *buf, size_t size)
{
    assert(size >= sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL));
    return sodium_bin2base64(buf, size, p, n, sodium_base64_VARIANT_ORIGINAL);
}

int base64_parse(const char *text, size_t len, void *ret, size_t cap, size_t *ret_n)
{
    uint8_t tmp[512]; /* the caller's buffer is written on success only */
    size_t n = 0;
    assert(cap <= sizeof tmp);
    int bad =
        sodium_base642bin(tmp, cap, text, len, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL);
    if (!bad) {
        memcpy(ret, tmp, n);
        *ret_n = n;
    }
    sodium_memzero(tmp, cap);
    return bad ? ERR_PARSE : 0;
}

const char *base32_text(const void *p, size_t bits, char *buf, size_t size)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const uint8_t *byte = p;
    size_t n = (bits + 4) / 5;
    assert(size > n);
    for (size_t i = 0; i < n; i++) {
        unsigned v = 0;
        for (size_t b = i * 5; b < i * 5 + 5; b++)
            v = v << 1 | (b < bits ? (unsigned)byte[b / 8] >> (7 - b % 8) & 1u : 0u);
        buf[i] = alphabet[v];
    }
    buf[n] = '\0';
    return buf;
}
