/* libsodium behind one door. Thread-safe after crypto_setup. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN            32
#define ED25519_PUBLIC_LEN    32
#define ED25519_SECRET_LEN    64
#define ED25519_SIGNATURE_LEN 64

int crypto_setup(void); /* once, before use; 0 or ERR_IO */

struct sha256 {
    _Alignas(8) unsigned char state[128];
};
void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *p, size_t n);
void sha256_end(struct sha256 *s, uint8_t ret[SHA256_LEN]);
void sha256_of(const void *p, size_t n, uint8_t ret[SHA256_LEN]);

void crypto_random(void *p, size_t n);
uint32_t crypto_random_u32(void); /* never 0 */

/* A key file holds the 32-byte seed as one base64 line, mode 0600. */
int crypto_key_load(const char *path, uint8_t ret_secret[ED25519_SECRET_LEN],
                    uint8_t ret_public[ED25519_PUBLIC_LEN], struct err *e);
int crypto_key_create(const char *path, struct err *e); /* ERR_EXISTS rather than overwrite */
/* libsodium exports a crypto_sign of another shape, so the symbol has a name of its own. */
#define crypto_sign crypto_sign_with
void crypto_sign(const uint8_t secret[ED25519_SECRET_LEN], const void *p, size_t n,
                 uint8_t ret[ED25519_SIGNATURE_LEN]);
bool crypto_verify(const uint8_t pub[ED25519_PUBLIC_LEN], const void *p, size_t n,
                   const uint8_t sig[ED25519_SIGNATURE_LEN]);
void crypto_wipe(void *p, size_t n);

/* Texts. The buffers must hold the result and a NUL; returns buf. */
const char *hex_text(const void *p, size_t n, char *buf, size_t size);
int hex_parse(const char *text, void *ret, size_t n); /* exactly n bytes, lower or upper case */
const char *base64_text(const void *p, size_t n, char *buf, size_t size); /* standard, padded */
/* at most cap (≤ 512) bytes */
int base64_parse(const char *text, size_t len, void *ret, size_t cap, size_t *ret_n);
/* Crockford-like base32 of lotline: 0-9 A-Z without I, L, O, U; most significant bits first. */
const char *base32_text(const void *p, size_t bits, char *buf, size_t size);
