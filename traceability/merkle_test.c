/* Merkle trees against the published vectors of RFC 6962 implementations, and all proofs of all
 * sizes up to 70 against their own definition. */
#include "traceability/merkle.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

enum { SIZES = 70 };

static struct merkle_hash leaves[SIZES], roots[SIZES + 1];
static struct {
    unsigned level;
    uint64_t index;
    struct merkle_hash hash;
} nodes[4 * SIZES];
static size_t nodes_n;

static void put(unsigned level, uint64_t index, const struct merkle_hash *h)
{
    nodes[nodes_n].level = level;
    nodes[nodes_n].index = index;
    nodes[nodes_n++].hash = *h;
}

static int get(void *ctx, unsigned level, uint64_t index, struct merkle_hash *ret)
{
    (void)ctx;
    for (size_t i = 0; i < nodes_n; i++)
        if (nodes[i].level == level && nodes[i].index == index) {
            *ret = nodes[i].hash;
            return 0;
        }
    return ERR_NOT_FOUND;
}

static int grow(void **state)
{
    struct merkle_edge t = {0};
    struct merkle_node done[MERKLE_LEVELS];
    (void)state;
    merkle_root(&t, &roots[0]);
    for (int i = 0; i < SIZES; i++) {
        char text[16];
        int n = snprintf(text, sizeof text, "leaf %d", i);
        merkle_leaf(text, (size_t)n, &leaves[i]);
        put(0, (uint64_t)i, &leaves[i]);
        size_t done_n = merkle_add(&t, &leaves[i], done);
        for (size_t k = 0; k < done_n; k++)
            put(done[k].level, done[k].index, &done[k].hash);
        merkle_root(&t, &roots[i + 1]);
    }
    return 0;
}

static void known_roots(void **state)
{
    static const char *const inputs[] = {"",
                                         "00",
                                         "10",
                                         "2021",
                                         "3031",
                                         "40414243",
                                         "5051525354555657",
                                         "606162636465666768696a6b6c6d6e6f"};
    static const char *const known[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    struct merkle_edge t = {0};
    (void)state;
    for (size_t i = 0; i <= 8; i++) {
        struct merkle_hash root, leaf;
        uint8_t bytes[16];
        char text[65];
        merkle_root(&t, &root);
        assert_string_equal(hex_text(root.b, 32, text, sizeof text), known[i]);
        if (i == 8)
            break;
        size_t n = strlen(inputs[i]) / 2;
        assert_int_equal(hex_parse(inputs[i], bytes, n), 0);
        merkle_leaf(bytes, n, &leaf);
        merkle_add(&t, &leaf, NULL);
    }
}

/* The definition, from RFC 6962 2.1: MTH of leaves [at, at + n). */
static struct merkle_hash mth(size_t at, size_t n)
{
    if (n == 1)
        return leaves[at];
    size_t k = 1;
    while (2 * k < n)
        k *= 2;
    struct merkle_hash left = mth(at, k), right = mth(at + k, n - k), both;
    merkle_join(&left, &right, &both);
    return both;
}

static void roots_follow_definition(void **state)
{
    (void)state;
    for (size_t size = 1; size <= SIZES; size++) {
        struct merkle_hash by_nodes, by_definition = mth(0, size);
        assert_int_equal(merkle_root_of(size, get, NULL, &by_nodes), 0);
        assert_true(merkle_equal(&by_definition, &roots[size]));
        assert_true(merkle_equal(&by_nodes, &roots[size]));
    }
    struct merkle_hash empty;
    assert_int_equal(merkle_root_of(0, get, NULL, &empty), 0);
    assert_true(merkle_equal(&empty, &roots[0]));
}

static void spoil(struct merkle_proof *p, size_t i)
{
    p->hash[i].b[i % 32] ^= 0x40;
}

static void inclusion_one(uint64_t index, uint64_t size)
{
    struct merkle_proof p;
    assert_int_equal(merkle_inclusion(index, size, get, NULL, &p), 0);
    const struct merkle_hash *leaf = &leaves[index], *root = &roots[size];
    assert_true(merkle_included(leaf, index, size, &p, root));
    assert_false(merkle_included(leaf, index, size, &p, &roots[size - 1]));
    assert_false(merkle_included(&leaves[(index + 1) % SIZES], index, size, &p, root));
    assert_false(merkle_included(leaf, size, size, &p, root));
    for (uint64_t other = 0; other < size; other++)
        assert_true(other == index || !merkle_included(leaf, other, size, &p, root));
    for (size_t i = 0; i < p.n; i++) {
        spoil(&p, i);
        assert_false(merkle_included(leaf, index, size, &p, root));
        spoil(&p, i);
    }
    p.hash[p.n++] = (struct merkle_hash){{0}}; /* too long */
    assert_false(merkle_included(leaf, index, size, &p, root));
    p.n -= 2; /* too short (a huge n when the proof was empty) */
    if (p.n < MERKLE_PROOF_MAX)
        assert_false(merkle_included(leaf, index, size, &p, root));
}

static void inclusion_of_all(void **state)
{
    (void)state;
    for (uint64_t size = 1; size <= SIZES; size++)
        for (uint64_t index = 0; index < size; index++)
            inclusion_one(index, size);
}

static void consistency_one(uint64_t old, uint64_t size)
{
    struct merkle_proof p;
    assert_int_equal(merkle_consistency(old, size, get, NULL, &p), 0);
    assert_true(merkle_consistent(old, &roots[old], size, &roots[size], &p));
    assert_false(merkle_consistent(old, &roots[old - 1], size, &roots[size], &p));
    assert_false(merkle_consistent(old, &roots[old], size, &roots[size - 1], &p));
    for (size_t i = 0; i < p.n; i++) {
        spoil(&p, i);
        assert_false(merkle_consistent(old, &roots[old], size, &roots[size], &p));
        spoil(&p, i);
    }
    p.hash[p.n++] = (struct merkle_hash){{0}};
    assert_false(merkle_consistent(old, &roots[old], size, &roots[size], &p));
    if (--p.n > 0) {
        p.n--;
        assert_false(merkle_consistent(old, &roots[old], size, &roots[size], &p));
    }
}

static void consistency_of_all(void **state)
{
    (void)state;
    for (uint64_t size = 1; size <= SIZES; size++)
        for (uint64_t old = 1; old <= size; old++)
            consistency_one(old, size);
}

/* The vectors that RFC 6962 gives in 2.1.3 for seven leaves. */
static void example_of_rfc(void **state)
{
    struct merkle_proof p;
    struct merkle_hash a, h, l;
    (void)state;
    merkle_join(&leaves[0], &leaves[1], &a);
    h = mth(2, 2);
    l = mth(4, 3);
    assert_int_equal(merkle_inclusion(0, 7, get, NULL, &p), 0); /* PATH(0, D[7]) = [b, h, l] */
    assert_int_equal(p.n, 3);
    assert_true(merkle_equal(&p.hash[0], &leaves[1]) && merkle_equal(&p.hash[1], &h) &&
                merkle_equal(&p.hash[2], &l));
    assert_int_equal(merkle_consistency(3, 7, get, NULL, &p),
                     0); /* PROOF(3, D[7]) = [c, d, g, l] */
    assert_int_equal(p.n, 4);
    assert_true(merkle_equal(&p.hash[0], &leaves[2]) && merkle_equal(&p.hash[1], &leaves[3]) &&
                merkle_equal(&p.hash[2], &a) && merkle_equal(&p.hash[3], &l));
    assert_int_equal(merkle_consistency(4, 7, get, NULL, &p), 0); /* PROOF(4, D[7]) = [l] */
    assert_true(p.n == 1 && merkle_equal(&p.hash[0], &l));
}

static void bounds(void **state)
{
    struct merkle_proof p;
    (void)state;
    assert_int_equal(merkle_inclusion(3, 3, get, NULL, &p), ERR_RANGE);
    assert_int_equal(merkle_inclusion(0, 0, get, NULL, &p), ERR_RANGE);
    assert_int_equal(merkle_consistency(0, 3, get, NULL, &p), ERR_RANGE);
    assert_int_equal(merkle_consistency(4, 3, get, NULL, &p), ERR_RANGE);
    assert_int_equal(merkle_inclusion(0, SIZES * 2, get, NULL, &p),
                     ERR_NOT_FOUND); /* the source's error */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_roots),      cmocka_unit_test(roots_follow_definition),
        cmocka_unit_test(inclusion_of_all), cmocka_unit_test(consistency_of_all),
        cmocka_unit_test(example_of_rfc),   cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, grow, NULL);
}
