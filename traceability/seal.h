/* The printed seal: a commitment on paper that no server can change later. Pure.
 * seal = first 80 bits of SHA-256(record ‖ nonce) as 16 base32 characters; record: canonical JSON
 * text; nonce: 16 random bytes, told with the record when the seal is checked. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEAL_NONCE_LEN 16
#define SEAL_SIZE      17 /* with the NUL */

void seal_of(const char *record, size_t n, const uint8_t nonce[SEAL_NONCE_LEN],
             char ret[SEAL_SIZE]);
/* Does the printed text belong to this record? Small letters, and the O, I and L that people read
 * for 0 and 1, are understood. nonce: 32 hex. */
bool seal_holds(const char *printed, const char *record, size_t n, const char *nonce);
