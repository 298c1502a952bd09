"""The phone's own arithmetic against vectors and against Python: SHA-2, Ed25519, RFC 6962."""
import hashlib
import json
import random

import pytest

# RFC 8032, 7.1: key, message, signature.
ED25519 = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ("ec172b93ad5e563f4932c70e1245034c35467ef2efd4d64ebf819683467e2bf8", hashlib.sha512(b"abc").hexdigest(),
     None),
]
L = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture(scope="module")
def page(place):
    import chrome
    with chrome.Chrome() as c:
        c.open(place.box("ok"))
        yield c


def call(page, expression, *args):
    return page.script(f"const v = lotlineVerify; return {expression}", *args)


def test_sha2_is_that_of_python(page):
    rng = random.Random(1)
    for n in list(range(0, 140)) + [255, 256, 1000, 4096]:
        m = rng.randbytes(n)
        for name in ("sha256", "sha512"):
            got = call(page, f"Array.from(v.{name}(v.fromHex(arguments[0])))", m.hex())
            assert bytes(got) == hashlib.new(name, m).digest(), (name, n)


def ed(page, key, message, signature):
    return call(page, "v.ed25519(v.fromHex(arguments[0]), v.fromHex(arguments[1]), v.fromHex(arguments[2]))", key, message, signature)


def test_ed25519_takes_the_vectors_of_the_standard(page):
    for key, message, signature in ED25519:
        if signature:
            assert ed(page, key, message, signature)


def test_ed25519_refuses_everything_else(page):
    key, message, signature = ED25519[2]
    rng = random.Random(2)
    for what in (key, message, signature):
        for _ in range(8):
            bad = bytearray.fromhex(what)
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            args = [bad.hex() if x is what else x for x in (key, message, signature)]
            assert not ed(page, *args)
    s = int.from_bytes(bytes.fromhex(signature)[32:], "little") + L
    assert not ed(page, key, message, signature[:64] + s.to_bytes(32, "little").hex()), "S must be reduced"
    assert not ed(page, key, message, signature[:-2])
    assert not ed(page, key[:-2], message, signature)
    assert not ed(page, "ff" * 32, message, signature)
    assert not ed(page, ED25519[3][0], message, signature)


# RFC 6962 2.1, written from the text.
def root(leaves):
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


def path(m, leaves):
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return path(m, leaves[:k]) + [root(leaves[k:])] if m < k else path(m - k, leaves[k:]) + [root(leaves[:k])]


def included(page, cases):
    return page.script("""const v = lotlineVerify;
        return JSON.parse(arguments[0]).map(([leaf, i, n, proof, top]) =>
            v.included(v.fromHex(leaf), i, n, proof.map(v.fromHex), v.fromHex(top)))""", json.dumps(cases))


def test_inclusion_is_rfc_6962_for_every_place_in_every_small_tree(page):
    good, bad = [], []
    for n in range(1, 34):
        leaves = [bytes([i]) for i in range(n)]
        top = root(leaves).hex()
        for i in range(n):
            leaf, proof = hashlib.sha256(b"\0" + leaves[i]).hexdigest(), [h.hex() for h in path(i, leaves)]
            good.append([leaf, i, n, proof, top])
            bad.append([leaf, i + 1 if i + 1 < n else 0, n, proof, top] if n > 1 else [leaf, 1, 1, proof, top])
            bad.append([leaf, i, n, proof + ["00" * 32], top])
            bad.append([leaf, i, n, proof, "00" * 32])
            if proof:
                bad.append([leaf, i, n, proof[:-1], top])
                bad.append([leaf, i, n, proof[:-1] + [""], top])
    bad += [["", 0, 1, [], ""], ["00" * 32, -1, 1, [], "00" * 32], ["00" * 32, 0, 0, [], "00" * 32],
            ["00" * 32, 0.5, 1, [], "00" * 32]]
    assert all(included(page, good))
    assert not any(included(page, bad))


def test_an_old_browser_is_told_so(place, page):
    """A browser without BigInt reads the script and says that it cannot check."""
    source = page.script("return fetch(document.scripts[0].src).then(r => r.text())")
    assert page.script("""
        const who = {className: "m none"};
        const window = {document: {getElementById: () => who}};
        new Function("window", "BigInt", arguments[0])(window, undefined);
        return who.className""", source) == "m bad"
