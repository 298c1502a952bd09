/* RFC 6962 Merkle trees (contract: merkle.h). Pure; thread: any.
 *
 * Invariants
 *  1. Leaves and nodes are hashed with different first bytes, so that neither can pass for
 *     the other.
 *  2. A proof is accepted only with exactly the number of hashes that index and size ask for. */
#include "traceability/merkle.h"
#include <assert.h>
#include <string.h>

void merkle_leaf(const void *p, size_t n, struct merkle_hash *ret)
{
    struct sha256 s;
    sha256_init(&s);
    sha256_add(&s, "\x00", 1);
    sha256_add(&s, p, n);
    sha256_end(&s, ret->b);
}

void merkle_join(const struct merkle_hash *left, const struct merkle_hash *right,
                 struct merkle_hash *ret)
{
    uint8_t both[1 + 2 * SHA256_LEN] = {0x01};
    memcpy(both + 1, left->b, SHA256_LEN);
    memcpy(both + 1 + SHA256_LEN, right->b, SHA256_LEN);
    sha256_of(both, sizeof both, ret->b);
}

bool merkle_equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return memcmp(a->b, b->b, SHA256_LEN) == 0;
}

size_t merkle_add(struct merkle_edge *t, const struct merkle_hash *leaf,
                  struct merkle_node *ret_done)
{
    struct merkle_hash h = *leaf;
    unsigned level = 0;
    for (; t->size >> level & 1; level++) {
        merkle_join(&t->full[level], &h, &h);
        if (ret_done)
            ret_done[level] = (struct merkle_node){level + 1, t->size >> (level + 1), h};
    }
    assert(level < MERKLE_LEVELS);
    t->full[level] = h;
    t->size++;
    return level;
}

void merkle_root(const struct merkle_edge *t, struct merkle_hash *ret)
{
    bool any = false;
    sha256_of("", 0, ret->b);
    for (unsigned level = 0; level < MERKLE_LEVELS; level++) {
        if (!(t->size >> level & 1))
            continue;
        if (any)
            merkle_join(&t->full[level], ret, ret);
        else
            *ret = t->full[level];
        any = true;
    }
}

/* ---- proofs ---- */

static uint64_t split_of(uint64_t n) /* the largest power of two below n ≥ 2 */
{
    return (uint64_t)1 << (63 - __builtin_clzll(n - 1));
}

/* The hash of leaves [at, at + n): one stored subtree, or stored ones joined from the right. `at`
 * is a multiple of the next power of two, as it always is in RFC 6962's recursion. */
static int hash_of(uint64_t at, uint64_t n, merkle_get_fn *get, void *ctx, struct merkle_hash *ret)
{
    if ((n & (n - 1)) == 0) {
        unsigned level = (unsigned)__builtin_ctzll(n);
        return get(ctx, level, at >> level, ret);
    }
    struct merkle_hash left, right;
    uint64_t k = split_of(n);
    int rc = hash_of(at, k, get, ctx, &left);
    if (rc == 0)
        rc = hash_of(at + k, n - k, get, ctx, &right);
    if (rc == 0)
        merkle_join(&left, &right, ret);
    return rc;
}

static int put(struct merkle_proof *p, uint64_t at, uint64_t n, merkle_get_fn *get, void *ctx)
{
    assert(p->n < MERKLE_PROOF_MAX);
    int rc = hash_of(at, n, get, ctx, &p->hash[p->n]);
    p->n += rc == 0;
    return rc;
}

int merkle_root_of(uint64_t size, merkle_get_fn *get, void *ctx, struct merkle_hash *ret)
{
    if (size)
        return hash_of(0, size, get, ctx, ret);
    sha256_of("", 0, ret->b);
    return 0;
}

static void turn_around(struct merkle_proof *p)
{
    for (size_t i = 0; i < p->n / 2; i++) {
        struct merkle_hash h = p->hash[i];
        p->hash[i] = p->hash[p->n - 1 - i];
        p->hash[p->n - 1 - i] = h;
    }
}

int merkle_inclusion(uint64_t index, uint64_t size, merkle_get_fn *get, void *ctx,
                     struct merkle_proof *ret)
{
    struct merkle_proof p = {0};
    int rc = index < size ? 0 : ERR_RANGE;
    uint64_t at = 0, n = size;
    while (rc == 0 && n > 1) { /* from the root down: the sibling of the half that holds the leaf */
        uint64_t k = split_of(n);
        bool right = index - at >= k;
        rc = right ? put(&p, at, k, get, ctx) : put(&p, at + k, n - k, get, ctx);
        at += right ? k : 0;
        n = right ? n - k : k;
    }
    if (rc)
        return rc;
    turn_around(&p);
    *ret = p;
    return 0;
}

int merkle_consistency(uint64_t old, uint64_t size, merkle_get_fn *get, void *ctx,
                       struct merkle_proof *ret)
{
    struct merkle_proof p = {0};
    int rc = old > 0 && old <= size ? 0 : ERR_RANGE;
    uint64_t at = 0, n = size, m = old;
    bool whole = true; /* RFC 6962's b: the old root itself is known to the other side */
    while (rc == 0 && m < n) {
        uint64_t k = split_of(n);
        if (m <= k) {
            rc = put(&p, at + k, n - k, get, ctx);
            n = k;
        } else {
            rc = put(&p, at, k, get, ctx);
            at += k;
            n -= k;
            m -= k;
            whole = false;
        }
    }
    if (rc == 0 && !whole)
        rc = put(&p, at, n, get, ctx);
    if (rc)
        return rc;
    turn_around(&p);
    *ret = p;
    return 0;
}

/* ---- the other side: RFC 9162 sections 2.1.3.2 and 2.1.4.2 ---- */

bool merkle_included(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
                     const struct merkle_proof *proof, const struct merkle_hash *root)
{
    if (index >= size)
        return false;
    uint64_t fn = index, sn = size - 1;
    struct merkle_hash h = *leaf;
    for (size_t i = 0; i < proof->n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            merkle_join(&proof->hash[i], &h, &h);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            merkle_join(&h, &proof->hash[i], &h);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && merkle_equal(&h, root);
}

static bool walk_consistent(uint64_t fn, uint64_t sn, const struct merkle_hash *path, size_t n,
                            struct merkle_hash *fr, struct merkle_hash *sr)
{
    for (size_t i = 0; i < n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            merkle_join(&path[i], fr, fr);
            merkle_join(&path[i], sr, sr);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            merkle_join(sr, &path[i], sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0;
}

bool merkle_consistent(uint64_t old, const struct merkle_hash *old_root, uint64_t size,
                       const struct merkle_hash *root, const struct merkle_proof *proof)
{
    if (old == 0 || old > size)
        return false;
    if (old == size)
        return proof->n == 0 && merkle_equal(old_root, root);
    const struct merkle_hash *path = proof->hash;
    size_t n = proof->n;
    struct merkle_hash first;
    if ((old & (old - 1)) == 0) {
        first = *old_root;
    } else {
        if (n == 0)
            return false;
        first = *path++;
        n--;
    }
    uint64_t fn = old - 1, sn = size - 1;
    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }
    struct merkle_hash fr = first, sr = first;
    return walk_consistent(fn, sn, path, n, &fr, &sr) && merkle_equal(&fr, old_root) &&
           merkle_equal(&sr, root);
}
