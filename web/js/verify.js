// The phone checks the page itself: seal (SHA-256), signature of the log's state (Ed25519), place of the
// entry in the log (RFC 6962), and that the page shows what the entry says. All in plain JavaScript: pages
// in a village shed come without TLS, where browsers offer no WebCrypto, and old kernels lack Ed25519.
// No BigInt literals, so that a browser without BigInt can still read this file and say so.
// verifyPage(document) runs in a page; the parts are exported for the tests through `lotlineVerify`.
(function (root) {
  "use strict";
  if (typeof BigInt === "undefined") {
    if (root.document) root.document.getElementById("who").className = "m bad";
    return;
  }
  const big = BigInt, ZERO = big(0), ONE = big(1), TWO = big(2);
  const utf8 = (s) => new TextEncoder().encode(s);
  const join = (...parts) => {
    const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    parts.reduce((at, p) => (out.set(p, at), at + p.length), 0);
    return out;
  };
  const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
  const fromHex = (s) => {
    if (!/^([0-9a-f]{2})*$/i.test(s)) throw new Error("no hexadecimal text");
    return Uint8Array.from(s.match(/../g) || [], (x) => parseInt(x, 16));
  };
  const fromBase64 = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));

  // ---- SHA-2 (FIPS 180-4). Its constants are the first bits of the fractions of cube and square roots of
  // primes, so they are computed: 64 bits for SHA-512, of which SHA-256 takes the upper half.
  const MASK64 = (ONE << big(64)) - ONE;
  const primes = [];
  for (let n = 2; primes.length < 80; n++) if (primes.every((p) => n % p)) primes.push(n);
  const rootOf = (n, k) => { // floor of the k-th root, by Newton's steps from above
    const K = big(k);
    let x = ONE << big(Math.ceil(n.toString(2).length / k)), y;
    for (;;) {
      y = ((K - ONE) * x + n / x ** (K - ONE)) / K;
      if (y >= x) return x;
      x = y;
    }
  };
  const fraction = (p, k) => rootOf(big(p) << big(64 * k), k) & MASK64;
  const K512 = primes.map((p) => fraction(p, 3));
  const H512 = primes.slice(0, 8).map((p) => fraction(p, 2));
  const upper = (x) => Number(x >> big(32));
  const K256 = K512.slice(0, 64).map(upper), H256 = H512.map(upper);

  const padded = (m, block, lengthBytes) => {
    const n = Math.ceil((m.length + 1 + lengthBytes) / block) * block;
    const out = new Uint8Array(n);
    out.set(m);
    out[m.length] = 0x80;
    for (let i = 0, bits = m.length * 8; i < 7; i++, bits = Math.floor(bits / 256)) out[n - 1 - i] = bits % 256;
    return out;
  };

  function sha256(message) {
    const m = padded(message, 64, 8), h = Int32Array.from(H256), w = new Int32Array(64);
    const rot = (x, n) => (x >>> n) | (x << (32 - n));
    for (let o = 0; o < m.length; o += 64) {
      for (let i = 0; i < 64; i++) {
        if (i < 16) {
          w[i] = (m[o + 4 * i] << 24) | (m[o + 4 * i + 1] << 16) | (m[o + 4 * i + 2] << 8) | m[o + 4 * i + 3];
          continue;
        }
        const x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + (rot(x, 7) ^ rot(x, 18) ^ (x >>> 3)) + w[i - 7] + (rot(y, 17) ^ rot(y, 19) ^ (y >>> 10));
      }
      let [a, b, c, d, e, f, g, z] = h;
      for (let i = 0; i < 64; i++) {
        const t1 = (z + (rot(e, 6) ^ rot(e, 11) ^ rot(e, 25)) + ((e & f) ^ (~e & g)) + K256[i] + w[i]) | 0;
        const t2 = ((rot(a, 2) ^ rot(a, 13) ^ rot(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [z, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
      }
      [a, b, c, d, e, f, g, z].forEach((x, i) => (h[i] += x));
    }
    const out = new Uint8Array(32);
    h.forEach((x, i) => new DataView(out.buffer).setInt32(4 * i, x));
    return out;
  }

  function sha512(message) {
    const m = padded(message, 128, 16), v = new DataView(m.buffer), h = H512.slice(), w = [];
    const rot = (x, n) => ((x >> big(n)) | (x << big(64 - n))) & MASK64;
    for (let o = 0; o < m.length; o += 128) {
      for (let i = 0; i < 80; i++) {
        if (i < 16) {
          w[i] = (big(v.getUint32(o + 8 * i)) << big(32)) | big(v.getUint32(o + 8 * i + 4));
          continue;
        }
        const x = w[i - 15], y = w[i - 2];
        w[i] = (w[i - 16] + (rot(x, 1) ^ rot(x, 8) ^ (x >> big(7))) + w[i - 7] + (rot(y, 19) ^ rot(y, 61) ^ (y >> big(6)))) & MASK64;
      }
      let [a, b, c, d, e, f, g, z] = h;
      for (let i = 0; i < 80; i++) {
        const t1 = z + (rot(e, 14) ^ rot(e, 18) ^ rot(e, 41)) + ((e & f) ^ ((e ^ MASK64) & g)) + K512[i] + w[i];
        const t2 = (rot(a, 28) ^ rot(a, 34) ^ rot(a, 39)) + ((a & b) ^ (a & c) ^ (b & c));
        [z, g, f, e, d, c, b, a] = [g, f, e, (d + t1) & MASK64, c, b, a, (t1 + t2) & MASK64];
      }
      [a, b, c, d, e, f, g, z].forEach((x, i) => (h[i] = (h[i] + x) & MASK64));
    }
    return fromHex(h.map((x) => x.toString(16).padStart(16, "0")).join(""));
  }

  // ---- Ed25519 (RFC 8032), verification only: [S]B = R + [k]A, compared by R's encoding.
  const P = (ONE << big(255)) - big(19);
  const L = (ONE << big(252)) + big("27742317777372353535851937790883648493");
  const mod = (x) => ((x % P) + P) % P;
  const pow = (x, e) => {
    let r = ONE;
    for (; e; e >>= ONE, x = x * x % P) if (e & ONE) r = r * x % P;
    return r;
  };
  const invert = (x) => pow(x, P - TWO);
  const D = mod(-big(121665) * invert(big(121666)));
  const little = (b) => b.reduceRight((n, x) => (n << big(8)) | big(x), ZERO);

  function decompress(b) {
    const all = little(b), y = all & ((ONE << big(255)) - ONE);
    if (y >= P) return null;
    const u = mod(y * y - ONE), v = mod(D * y * y + ONE);
    let x = mod(u * pow(v, big(3)) * pow(mod(u * pow(v, big(7))), (P - big(5)) / big(8)));
    if (mod(v * x * x) !== u) x = mod(x * pow(TWO, (P - ONE) / big(4)));
    if (mod(v * x * x) !== u || (x === ZERO && all >> big(255))) return null;
    if ((x & ONE) !== all >> big(255)) x = P - x;
    return [x, y, ONE, mod(x * y)];
  }
  const BASE = decompress(Uint8Array.from({ length: 32 }, (_, i) => (i ? 0x66 : 0x58)));
  const add = ([x1, y1, z1, t1], [x2, y2, z2, t2]) => { // RFC 8032, 5.1.4
    const a = mod((y1 - x1) * (y2 - x2)), b = mod((y1 + x1) * (y2 + x2)), c = mod(TWO * t1 * t2 * D), d = mod(TWO * z1 * z2);
    const e = b - a, f = d - c, g = d + c, h = b + a;
    return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
  };
  const times = (n, p) => {
    let r = [ZERO, ONE, ONE, ZERO];
    for (; n; n >>= ONE, p = add(p, p)) if (n & ONE) r = add(r, p);
    return r;
  };
  const encode = ([x, y, z]) => {
    const i = invert(z);
    let n = mod(y * i) | ((mod(x * i) & ONE) << big(255));
    return Uint8Array.from({ length: 32 }, () => {
      const byte = Number(n & big(255));
      n >>= big(8);
      return byte;
    });
  };

  function ed25519(key, message, signature) {
    if (key.length !== 32 || signature.length !== 64) return false;
    const R = signature.slice(0, 32), S = little(signature.slice(32)), A = decompress(key);
    if (!A || S >= L) return false;
    const k = little(sha512(join(R, key, message))) % L;
    const minusA = [mod(-A[0]), A[1], A[2], mod(-A[3])];
    return same(encode(add(times(S, BASE), times(k, minusA))), R);
  }

  // ---- the log: C2SP signed note and checkpoint, RFC 9162 2.1.3.2
  function openNote(note, key) {
    const end = note.indexOf("\n\n");
    if (end < 0) return null;
    const body = note.slice(0, end + 1), [origin, size, rootHash] = body.split("\n");
    const id = sha256(join(utf8(origin + "\n"), [1], key)).slice(0, 4);
    for (const line of note.slice(end + 2).split("\n")) {
      const [dash, name, text] = line.split(" ");
      if (dash !== "—" || name !== origin) continue;
      const bytes = fromBase64(text);
      if (!same(bytes.slice(0, 4), id)) continue;
      if (!ed25519(key, utf8(body), bytes.slice(4))) return null;
      return { origin, size: Number(size), root: fromBase64(rootHash) };
    }
    return null;
  }

  const node = (a, b) => sha256(join([1], a, b));
  const leafOf = (bytes) => sha256(join([0], bytes));
  function included(leaf, index, size, proof, top) {
    if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
    if ([leaf, top, ...proof].some((h) => h.length !== 32)) return false;
    const half = (n) => Math.floor(n / 2);
    let fn = index, sn = size - 1, r = leaf;
    for (const p of proof) {
      if (sn === 0) return false;
      if (fn % 2 || fn === sn) {
        r = node(p, r);
        while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
      } else r = node(r, p);
      [fn, sn] = [half(fn), half(sn)];
    }
    return sn === 0 && same(r, top);
  }

  // ---- the seal: 80 bits of SHA-256(record ‖ nonce), five bits a character
  const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const meant = (s) => s.toUpperCase().replace(/[ -]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
  function sealOf(record, nonce) {
    const h = sha256(join(utf8(record), fromHex(nonce)));
    let n = h.slice(0, 10).reduce((a, x) => (a << big(8)) | big(x), ZERO), out = "";
    for (let i = 0; i < 16; i++, n >>= big(5)) out = ALPHABET[Number(n & big(31))] + out;
    return out;
  }

  // Milligrams as the page writes them.
  function kg(mg) {
    const places = mg % 1000 ? 6 : 3, n = places === 3 ? mg / 1000 : mg, one = 10 ** places;
    return Math.floor(n / one) + "." + String(n % one).padStart(places, "0");
  }

  // What can be said about the page's data, each true, false or null (nothing to check).
  function check(data, scanned, eventBytes, shown) {
    const key = fromBase64(data.public_key || "");
    const state = data.note ? openNote(data.note, key) : null;
    const leaf = fromHex(data.leaf || "");
    const said = { seal: null, sign: data.note ? !!state : null, log: data.note ? false : null, page: null };
    if (scanned) said.seal = !!data.record && sealOf(data.record, data.nonce) === meant(scanned);
    if (state) said.log = included(leaf, data.index, state.size, (data.proof || []).map(fromHex), state.root);
    if (eventBytes) {
      const e = JSON.parse(new TextDecoder().decode(eventBytes));
      said.page = same(leafOf(eventBytes), leaf) && e.lot === shown.lot &&
        (!shown.box || (e.box === shown.box && kg(e.net_mg) === shown.kg && (!data.record || e.record === data.record)));
    }
    return said;
  }

  async function verifyPage(doc) {
    const panel = doc.getElementById("verify");
    if (!panel) return;
    const read = (id) => (doc.getElementById(id) || { textContent: "" }).textContent.trim();
    const query = new URLSearchParams(root.location.search);
    let bytes = null;
    try {
      const r = await fetch(panel.dataset.event);
      if (r.ok) bytes = new Uint8Array(await r.arrayBuffer());
    } catch (e) {
      bytes = null; // said below: could not be fetched
    }
    let said;
    try {
      said = check(JSON.parse(panel.dataset.proof), query.get("s") || query.get("S") || "", bytes, { lot: read("k-lot"), box: read("k-box"), kg: read("k-kg") });
    } catch (e) {
      said = { seal: null, sign: false, log: false, page: false }; // what cannot be read does not hold
    }
    for (const [id, ok] of Object.entries(said)) doc.getElementById("c-" + id).className = ok === null ? "none" : ok ? "ok" : "bad";
    doc.getElementById("who").className = "m ok";
    // A seal that does not fit is the label's fault, and the page says so; unless it said otherwise.
    const honest = said.seal !== false || doc.getElementById("verdict").classList.contains("bad");
    if ([said.sign, said.log, said.page, honest].includes(false)) doc.body.classList.add("broken");
  }

  root.lotlineVerify = { sha256, sha512, ed25519, openNote, included, leafOf, sealOf, check, fromHex, fromBase64, utf8 };
  if (root.document) verifyPage(root.document);
})(typeof window === "undefined" ? globalThis : window);
