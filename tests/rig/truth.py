"""The simulator's truth log against the rows of the store, item by item."""
import json
import sqlite3
from collections import Counter

from . import oracle

DECIDED, LATE = 1, 2


def read(path):
    """Events of a truth log; a last line that a power cut tore is passed over."""
    out = []
    with open(path, encoding="utf-8") as f:
        for text in f:
            try:
                out.append(json.loads(text))
            except json.JSONDecodeError:
                break
    return out


def stored(db_path, line="s1"):
    """(items, outcomes, gaps) of a line as rows with their epoch and seq."""
    db = sqlite3.connect(f"file:{db_path}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    try:
        no = db.execute("SELECT no FROM line WHERE name = ?", (line,)).fetchone()
        if no is None:
            return [], [], []
        items = [dict(r) for r in db.execute(
            "SELECT s.epoch, i.id & 4294967295 AS seq, s.run, s.rule AS segment_rule, i.* FROM item i JOIN segment s ON s.id = i.id >> 32"
            " WHERE s.line = ? ORDER BY i.id", (no[0],))]
        outcomes = [dict(r) for r in db.execute(
            "SELECT s.epoch, o.id & 4294967295 AS out, o.* FROM outcome o JOIN segment s ON s.id = o.id >> 32"
            " WHERE s.line = ? ORDER BY o.id", (no[0],))]
        gaps = [dict(r) for r in db.execute("SELECT * FROM gap WHERE line = ?", (no[0],))]
        return items, outcomes, gaps
    finally:
        db.close()


def expected(items, outlets, bad_outlet, rules=oracle.Lu, first_of_run=()):
    """Grade and outlet of every truth item in the order of the belt. first_of_run: (epoch, seq) at which
    a new run begins and the tolerance shares start anew."""
    rule, out = rules(), {}
    for it in items:
        key = (it["epoch"], it["seq"])
        if key in first_of_run:
            rule = rules()
        grade = rule.grade(it["net_mg"], it["dia_um"], it["aux2"], it["flags"])
        out[key] = (grade, bad_outlet if grade is None else outlets[grade])
    return out


def same(truth, row):
    """Does the row hold what the PLC posted? A weight may be missing only where the flags say why."""
    bad = oracle.OVER | oracle.UNDER | oracle.NO_WEIGHT | oracle.DOUBLE
    usable = truth["flags"] & oracle.VALID and truth["flags"] & oracle.STABLE and not truth["flags"] & bad \
        and truth["net_mg"] is not None
    if row["flags"] != truth["flags"] or row["dia_um"] not in (truth["dia_um"], None):
        return False
    if row["net_mg"] is None:
        return not usable
    return row["net_mg"] == truth["net_mg"] and (row["dia_um"] is not None or not usable)


def compare(truth_path, db_path, outlets, bad_outlet, line="s1", rules=oracle.Lu, new_runs=True):
    """The figures of the demo's last line; every one counts contradictions between the two witnesses."""
    log = [e for e in read(truth_path) if e.get("line", line) == line]
    items = [e for e in log if e["ev"] == "item"]
    outcomes = [e for e in log if e["ev"] == "outcome"]
    rows, out_rows, gaps = stored(db_path, line)
    truth = {(e["epoch"], e["seq"]): e for e in items}
    count = Counter((r["epoch"], r["seq"]) for r in rows)
    by_key = {(r["epoch"], r["seq"]): r for r in rows}
    first, run = set(), None
    for r in rows:
        if new_runs and r["run"] != run:
            first.add((r["epoch"], r["seq"]))
            run = r["run"]
    # Shares count what the host could count: an item that it never saw is lost, not wrongly decided.
    want = expected([e for e in items if (e["epoch"], e["seq"]) in by_key], outlets, bad_outlet, rules, first)
    wrong = 0
    for e in outcomes:
        key = (e["epoch"], e["seq"])
        if e["reason"] == DECIDED and key in want and e["outlet"] != want[key][1]:
            wrong += 1
    wrong += sum(1 for k, r in by_key.items() if k in want and r["outlet"] and r["outlet"] != want[k][1])
    truth_out = {(e["epoch"], e["out"]): (e["seq"], e["outlet"], e["reason"]) for e in outcomes}
    row_out = {(r["epoch"], r["out"]): (r["seq"], r["outlet"], r["reason"]) for r in out_rows}
    order = [(r["epoch"], r["seq"]) for r in sorted(rows, key=lambda r: r["id"])]
    return dict(
        items_plc=len(items), items_stored=len(rows),
        lost=len(set(truth) - set(by_key)),
        duplicate=sum(n - 1 for n in count.values()) + len(set(by_key) - set(truth)),
        altered=sum(1 for k, r in by_key.items() if k in truth and not same(truth[k], r)),
        late=sum(1 for e in outcomes if e["reason"] == LATE),
        wrong_outlet=wrong,
        outcomes_plc=len(truth_out), outcomes_stored=len(row_out),
        outcomes_wrong=sum(1 for k, v in row_out.items() if truth_out.get(k) != v),
        out_of_order=sum(1 for a, b in zip(order, order[1:]) if a[0] == b[0] and b[1] <= a[1]),
        gaps=len(gaps),
        violations=[e for e in log if e["ev"] == "violation"])
