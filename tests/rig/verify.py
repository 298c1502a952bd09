"""Checks a store from its rows alone: sqlite3, hashlib and Ed25519 from PyNaCl. Shares no code with
lotline; written from the text in traceability/item.h and the C2SP formats.

verify(path, note=None) returns a list of faults, empty when everything holds."""
import base64
import hashlib
import json
import sqlite3

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

ITEM = ("id net_mg dia_um mid_um len_um bow_ppm defects flags lane grade outlet why outlet_why rule "
        "recovered at_ms").split()
OUTCOME = "id seq outlet reason at_ms".split()


def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


class Tree:
    """RFC 6962 by its right edge: one hash per bit of the size."""

    def __init__(self):
        self.size, self.edge = 0, []

    def add(self, h):
        size = self.size
        while size & 1:
            h = hashlib.sha256(b"\1" + self.edge.pop() + h).digest()
            size >>= 1
        self.edge.append(h)
        self.size += 1

    def root(self):
        if not self.edge:
            return hashlib.sha256(b"").digest()
        h = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            h = hashlib.sha256(b"\1" + left + h).digest()
        return h


def root_of(leaves):
    t = Tree()
    for h in leaves:
        t.add(h)
    return t.root()


def row_leaf(tag, row):
    return leaf((tag + " " + " ".join("-" if v is None else str(v) for v in row)).encode())


def open_note(note, public):
    """(origin, size, root) of a checkpoint whose signature holds; raises ValueError."""
    body, _, sigs = note.partition("\n\n")
    body += "\n"
    origin, size, root = body.rstrip("\n").split("\n")
    for line in sigs.strip("\n").split("\n"):
        dash, name, blob = line.split(" ")
        blob = base64.b64decode(blob, validate=True)
        kid = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
        if dash == "\u2014" and name == origin and blob[:4] == kid:
            try:
                VerifyKey(public).verify(body.encode(), blob[4:])
            except BadSignatureError:
                raise ValueError("signature does not hold") from None
            return origin, int(size), base64.b64decode(root, validate=True)
    raise ValueError("no signature of the site's key")


def verify_blocks(db, event, faults):
    """Every item and outcome stands in exactly one block and has the bytes that the block proves."""
    seen_items = seen_outcomes = 0
    for seq, body in event("item.block"):
        b = json.loads(body)
        lacking = {"first_item", "last_item", "items", "first_outcome", "last_outcome", "outcomes", "root"} - set(b)
        if lacking:
            faults.append(f"block {seq}: lacks {sorted(lacking)}")
            continue
        rows = db.execute(f"SELECT {','.join(ITEM)} FROM item WHERE id BETWEEN ? AND ? ORDER BY id",
                          (b["first_item"], b["last_item"])).fetchall() if b["items"] else []
        outs = db.execute(f"SELECT {','.join(OUTCOME)} FROM outcome WHERE id BETWEEN ? AND ? ORDER BY id",
                          (b["first_outcome"], b["last_outcome"])).fetchall() if b["outcomes"] else []
        if len(rows) != b["items"] or len(outs) != b["outcomes"]:
            faults.append(f"block {seq}: {len(rows)} items and {len(outs)} outcomes, not {b['items']} and {b['outcomes']}")
        elif root_of([row_leaf("i1", r) for r in rows] + [row_leaf("o1", r) for r in outs]).hex() != b["root"]:
            faults.append(f"block {seq}: root does not hold")
        seen_items += len(rows)
        seen_outcomes += len(outs)
    for table, seen in (("item", seen_items), ("outcome", seen_outcomes)):
        n = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        if n != seen:
            faults.append(f"{n - seen} rows of {table} stand in no block")


def verify(path, note=None, blocks=True):
    faults = []
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        first = db.execute("SELECT body FROM event WHERE seq = 1").fetchone()
        if not first:
            return ["no first event"]
        public = base64.b64decode(json.loads(first[0])["public_key"])
        checkpoints = dict(db.execute("SELECT size, note FROM checkpoint"))
        tree = Tree()
        for n, (seq, body, stored) in enumerate(db.execute("SELECT seq, body, leaf FROM event ORDER BY seq"), 1):
            if seq != n:
                faults.append(f"event {n} is missing")
                break
            h = leaf(bytes(body))
            if h != bytes(stored):
                faults.append(f"event {seq}: its bytes are not those of its leaf")
            tree.add(h)
            for text in filter(None, (checkpoints.get(n), note)):
                try:
                    _, size, root = open_note(text, public)
                except ValueError as e:
                    faults.append(f"checkpoint {n}: {e}")
                    continue
                if size == n and root != tree.root():
                    faults.append(f"checkpoint {n}: its root is not that of the events")
        if tree.size not in checkpoints:
            faults.append("the newest event stands under no checkpoint")

        def events(kind):
            return db.execute("SELECT seq, body FROM event WHERE kind = ? ORDER BY seq", (kind,))
        if blocks:
            verify_blocks(db, events, faults)
    finally:
        db.close()
    return faults


if __name__ == "__main__":
    import sys
    found = verify(sys.argv[1])
    print("\n".join(found) or "ok")
    sys.exit(1 if found else 0)
