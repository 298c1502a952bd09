/* RFC 6962 Merkle trees (Certificate Transparency): leaf and node hashes, a growing right edge,
 * inclusion and consistency proofs. Pure: no database, no clock. A hash is a value of 32 bytes, so
 * that no proof can bring one of another length. Sources: RFC 6962 section 2.1, RFC 9162
 * section 2.1.3–2.1.5. */
#pragma once
#include "base/crypto.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERKLE_LEVELS    63 /* a tree has fewer than 2^63 leaves */
#define MERKLE_PROOF_MAX ((size_t)2 * MERKLE_LEVELS)

struct merkle_hash {
    uint8_t b[SHA256_LEN];
};
/* The complete subtree of 2^level leaves that begins at leaf index << level. Level 0: a leaf. */
struct merkle_node {
    unsigned level;
    uint64_t index;
    struct merkle_hash hash;
};

void merkle_leaf(const void *p, size_t n, struct merkle_hash *ret); /* SHA-256(0x00 ‖ p) */
void merkle_join(const struct merkle_hash *left, const struct merkle_hash *right,
                 struct merkle_hash *ret); /* SHA-256(0x01 ‖ left ‖ right) */
bool merkle_equal(const struct merkle_hash *a, const struct merkle_hash *b);

/* A tree that grows to the right; begin with zeroes. full[k] counts only when bit k of
 * size is set. */
struct merkle_edge {
    uint64_t size;
    struct merkle_hash full[MERKLE_LEVELS];
};
/* Adds a leaf; ret_done (MERKLE_LEVELS nodes, NULL allowed) gets the subtrees above the leaf that
 * it completed, lowest first. Returns how many. */
size_t merkle_add(struct merkle_edge *t, const struct merkle_hash *leaf,
                  struct merkle_node *ret_done);
void merkle_root(const struct merkle_edge *t,
                 struct merkle_hash *ret); /* empty: SHA-256 of nothing */

/* Proofs from a source of complete subtrees: 0 or a negative error, which ends the proof. */
typedef int merkle_get_fn(void *ctx, unsigned level, uint64_t index, struct merkle_hash *ret);
struct merkle_proof {
    size_t n;
    struct merkle_hash hash[MERKLE_PROOF_MAX];
};
/* ERR_RANGE unless index < size, or 0 < old ≤ size. */
int merkle_inclusion(uint64_t index, uint64_t size, merkle_get_fn *get, void *ctx,
                     struct merkle_proof *ret);
int merkle_consistency(uint64_t old, uint64_t size, merkle_get_fn *get, void *ctx,
                       struct merkle_proof *ret);
int merkle_root_of(uint64_t size, merkle_get_fn *get, void *ctx, struct merkle_hash *ret);

/* What the other side does. */
bool merkle_included(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
                     const struct merkle_proof *proof, const struct merkle_hash *root);
bool merkle_consistent(uint64_t old, const struct merkle_hash *old_root, uint64_t size,
                       const struct merkle_hash *root, const struct merkle_proof *proof);
