/* The printed seal (contract: seal.h). Pure. */
#include "traceability/seal.h"
#include "base/crypto.h"

enum { SEAL_BITS = 80 };

void seal_of(const char *record, size_t n, const uint8_t nonce[SEAL_NONCE_LEN], char ret[SEAL_SIZE])
{
    struct sha256 s;
    uint8_t full[SHA256_LEN];
    sha256_init(&s);
    sha256_add(&s, record, n);
    sha256_add(&s, nonce, SEAL_NONCE_LEN);
    sha256_end(&s, full);
    base32_text(full, SEAL_BITS, ret, SEAL_SIZE);
}

static char as_printed(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    return c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
}

bool seal_holds(const char *printed, const char *record, size_t n, const char *nonce)
{
    uint8_t bytes[SEAL_NONCE_LEN];
    char seal[SEAL_SIZE];
    if (hex_parse(nonce, bytes, sizeof bytes))
        return false;
    seal_of(record, n, bytes, seal);
    size_t i = 0;
    while (seal[i] && as_printed(printed[i]) == seal[i])
        i++;
    return !seal[i] && !printed[i];
}
