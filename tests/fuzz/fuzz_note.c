/* Signed notes, checkpoints and Merkle proofs. First byte: what the rest is. A note that is
 * believed is one that we signed; a proof that holds for one leaf does not hold for another. */
#include "tests/fuzz/fuzz.h"
#include "traceability/note.h"
#include <sodium/crypto_sign_ed25519.h>

static uint8_t secret[ED25519_SECRET_LEN], public[ED25519_PUBLIC_LEN];
static const char name[] = "min.lotline/1a2b3c4d";

void fuzz_setup(void)
{
    static const uint8_t seed[32] = "a seed that everybody may know.";
    assert(crypto_setup() == 0 && crypto_sign_ed25519_seed_keypair(public, secret, seed) == 0);
}

static void claims(const char *text, size_t n)
{
    struct note_checkpoint c, d;
    struct err e = {0};
    char again[NOTE_MAX];
    size_t body = 0;
    if (note_claims(text, n, &c, &e) == 0) {
        assert(c.size <= INT64_MAX && note_body(&c, again, sizeof again) == 0);
        assert(memcmp(text, again, strlen(again)) == 0);
    }
    if (note_open(text, n, name, public, &body, &e) == 0) {
        assert(body < n && text[body] == '\n');
        note_read(text, body, &d, &e);
    }
    note_read(text, n, &d, &e);
}

/* The text signed by us, spoiled in one place: it must not hold, or be the same body. */
static void spoiled(struct feeder *f)
{
    char note[NOTE_MAX];
    struct err e = {0};
    size_t at = take_u16(f), body = 0;
    uint8_t bit = (uint8_t)(1u << (take_u8(f) & 7));
    char *text = take_line(f, 0);
    size_t n = strlen(text);
    bool fits =
        n && text[n - 1] == '\n' && !note_sign(text, name, secret, public, note, sizeof note);
    for (size_t i = 0; i < n; i++)
        fits &= text[i] == '\n' || (unsigned char)text[i] >= 0x20;
    if (fits) {
        assert(note_open(note, strlen(note), name, public, &body, &e) == 0 && body == n);
        size_t len = strlen(note);
        note[at % len] = (char)(note[at % len] ^ bit);
        if (note_open(note, len, name, public, &body, &e) == 0)
            assert(body == n && memcmp(note, text, n) == 0);
    }
    free(text);
}

static void take_hash(struct feeder *f, struct merkle_hash *h)
{
    for (size_t i = 0; i < sizeof h->b; i++)
        h->b[i] = take_u8(f);
}

static uint64_t take_u64(struct feeder *f)
{
    uint64_t high = take_u32(f);
    return high << 32 | take_u32(f);
}

static void proofs(struct feeder *f)
{
    struct merkle_proof proof = {0};
    struct merkle_hash leaf, root, other = {{1}};
    uint64_t index = take_u64(f), size = take_u64(f);
    take_hash(f, &leaf);
    take_hash(f, &root);
    proof.n = take_u8(f) % (MERKLE_PROOF_MAX + 1);
    for (size_t i = 0; i < proof.n; i++)
        take_hash(f, &proof.hash[i]);
    if (merkle_included(&leaf, index, size, &proof, &root))
        assert(index < size && (merkle_equal(&leaf, &other) ||
                                !merkle_included(&other, index, size, &proof, &root)));
    if (merkle_consistent(index, &leaf, size, &root, &proof))
        assert(index <= size);
}

/* A tree of few leaves: every proof made holds, and holds for nothing else. */
struct leaves {
    struct merkle_hash h[64];
};

static int complete(void *ctx, unsigned level, uint64_t index, struct merkle_hash *ret)
{
    const struct leaves *l = ctx;
    struct merkle_hash a, b;
    if (level == 0) {
        *ret = l->h[index];
        return 0;
    }
    complete(ctx, level - 1, 2 * index, &a);
    complete(ctx, level - 1, 2 * index + 1, &b);
    merkle_join(&a, &b, ret);
    return 0;
}

static void tree(struct feeder *f)
{
    struct leaves l;
    struct merkle_edge edge = {0};
    struct merkle_hash root, old_root = {{0}};
    struct merkle_proof proof;
    uint64_t size = 1 + take_u8(f) % 64, index = take_u8(f) % size, old = 1 + take_u8(f) % size;
    for (uint64_t i = 0; i < size; i++) {
        uint8_t b = take_u8(f);
        merkle_leaf(&b, i % 2, &l.h[i]);
        merkle_add(&edge, &l.h[i], NULL);
        if (i + 1 == old)
            merkle_root(&edge, &old_root);
    }
    merkle_root(&edge, &root);
    assert(merkle_inclusion(index, size, complete, &l, &proof) == 0);
    assert(merkle_included(&l.h[index], index, size, &proof, &root));
    if (proof.n) {
        proof.hash[take_u8(f) % proof.n].b[take_u8(f) % 32] ^= 1;
        assert(!merkle_included(&l.h[index], index, size, &proof, &root));
    }
    assert(merkle_consistency(old, size, complete, &l, &proof) == 0);
    assert(merkle_consistent(old, &old_root, size, &root, &proof));
    old_root.b[3] ^= 1;
    assert(!merkle_consistent(old, &old_root, size, &root, &proof));
}

static void texts(struct feeder *f)
{
    char *text = take_line(f, 0), back[128];
    uint8_t bytes[48];
    size_t n = 0;
    hex_parse(text, bytes, 16);
    if (base64_parse(text, strlen(text), bytes, sizeof bytes, &n) == 0)
        base64_text(bytes, n, back, sizeof back);
    free(text);
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    switch (take_u8(&f) % 5) {
    case 0: claims((const char *)f.p, f.n); break;
    case 1: spoiled(&f); break;
    case 2: proofs(&f); break;
    case 3: tree(&f); break;
    case 4: texts(&f); break;
    }
}
