"""From crate to box and back: lots, genealogy, recall, balance, the proven record, rebuilding, EPCIS. One day
at the shed for all tests; what they expect comes from the day's own notes and from the truth log."""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess

import pytest
from sorting import Belt, sorter
from rig import verify
from rig.hands import Hands, graded
from rig.shed import E_MG, ROOT


class Day:
    """Two farmers, three intake lots, two runs, a crate by hand, four boxes."""

    def __init__(self, shed):
        self.shed = shed
        shed.start_sim([sorter("s1", rate=50), "scale:name=w1,port=0,unit=1,settle-ms=50"])
        shed.write_config(lines=[shed.line_config("s1")], **shed.quick_scale())
        shed.start_daemon()
        h = self.hands = Hands(shed).prepare()
        h.check_scale()
        self.lots = [h.intake(h.farmers[0], [8000000, 6500000]), h.intake(h.farmers[1], [9000000]),
                     h.intake(h.farmers[0], [5000000])]
        self.belt = Belt(h, "s1")
        self.runs, self.boxes, self.closed = [], {}, []
        self.sort(self.lots[:2], boxes=(1, 2))
        self.sort([self.lots[2]], boxes=(3,), ruleset="tiao", keep=2000000)
        shed.start_web("public")

    def sort(self, lots, boxes, ruleset="lu", keep=0):
        h = self.hands
        if keep:
            self.hand = h.hand(lots[0], keep)
            mg = keep * 40 // 100 // E_MG * E_MG
            self.boxes[h.weigh(mg, "box", lot=graded(self.hand)[0]["lot"])["box"]] = lots
        run = h.run(lots, ruleset=ruleset, boxes=boxes)
        self.belt.pass_through(80)
        for outlet in boxes:
            self.boxes[h.box(outlet)["box"]] = lots
        self.closed.append(h.call("run.stop", run=run["id"]))
        self.runs.append(run)

    def ask(self, sql, *args):
        db = sqlite3.connect(f"file:{self.shed.db}?mode=ro", uri=True)
        try:
            return db.execute(sql, args).fetchall()
        finally:
            db.close()

    def intakes(self, column, lots):
        marks = ",".join("?" * len(lots))
        return self.ask(f"SELECT {column} FROM weighing WHERE purpose = 'intake' AND lot IN ({marks})", *lots)


@pytest.fixture(scope="module")
def day(module_shed_of):
    d = Day(module_shed_of("day"))
    yield d
    d.shed.stop()


def lotline(day, *argv):
    code, doc = day.shed.lotline(*argv)
    assert code == 0, doc
    return doc


def test_lists_and_shows(day):
    lots = {x["id"]: x for x in lotline(day, "lot", "list")}
    assert set(day.lots) <= set(lots)
    for run in day.runs:
        assert {o["lot"] for o in run["outs"]} <= set(lots)
    assert all(lots[x]["on_hand_mg"] == 0 for x in day.lots)              # drawn whole onto the line
    for x in day.lots + list(day.boxes):
        assert lotline(day, "lot", "show", x)


def test_traces_back_and_forward(day):
    """A box leads to exactly the lots that it came from, with all their weighings; a lot leads to its boxes."""
    for box, lots in day.boxes.items():
        back = lotline(day, "trace", box)["back"]
        assert {x["lot"] for x in back["lots"] if x["kind"] == "intake"} == set(lots)
        weighed = day.intakes("weighing", lots)
        assert {w["weighing"] for w in back["weighings"]} == {w for w, in weighed}
    for lot in day.lots:
        forward = lotline(day, "trace", lot)["forward"]
        assert {b["box"] for b in forward["boxes"]} == {b for b, lots in day.boxes.items() if lot in lots}


def test_farms_add_up(day):
    for run in day.runs:
        for out in run["outs"]:
            shares = lotline(day, "trace", out["lot"])["back"]["farms"]
            assert sum(s["share_ppm"] for s in shares) == 1000000


def test_recall(day):
    """All that must come back, computed here from the notes of the day; asking changes nothing."""
    head = day.ask("SELECT max(seq) FROM event")
    for box, lots in day.boxes.items():
        want = {b for b, other in day.boxes.items() if set(other) & set(lots)}
        assert set(lotline(day, "recall", box)["boxes"]) == want
    for lot in day.lots:
        assert set(lotline(day, "recall", lot)["boxes"]) == {b for b, lots in day.boxes.items() if lot in lots}
    assert day.ask("SELECT max(seq) FROM event") == head


def test_balance(day):
    """What the scale gave in, what the outcome ring says came out, and the difference as a line of its own."""
    net = {(e["epoch"], e["seq"]): e["net_mg"] for e in day.belt.log("item")}
    first = 0
    for run, closed, lots in zip(day.runs, day.closed, (day.lots[:2], [day.lots[2]])):
        assert closed["state"] == "closed" and closed["items"]["pieces"] == 80
        outs = day.belt.log("outcome")[first:first + 80]
        first += 80
        for out in closed["outs"]:
            code = next((o["code"] for o in run["outs"] if o["lot"] == out["lot"]), None)
            if code in ("1", "2", "3"):
                mine = [o for o in outs if o["reason"] == 1 and o["outlet"] == int(code)]
                assert (out["pieces"], out["mg"]) == (len(mine), sum(net[o["epoch"], o["seq"]] for o in mine))
        assert sum(o["pieces"] for o in closed["outs"]) + closed["unknown"]["pieces"] == 80
        doc = json.dumps(lotline(day, "balance", run["id"]))
        given = sum(mg for mg, in day.intakes("net_mg", lots))
        assert str(given - (2000000 if lots == [day.lots[2]] else 0)) in doc


def test_hold_stops_what_came_from_it(day):
    lot = day.runs[0]["outs"][0]["lot"]
    day.hands.call("hold.place", lot=day.lots[0], reason="pesticide test")
    held = [json.loads(b) for b, in day.ask("SELECT body FROM event WHERE kind = 'lot.held' ORDER BY seq")]
    assert lot in {e["lot"] for e in held}
    code, text = day.shed.lotline("do", "box.open", "line=s1", "outlet=1")
    assert code == 0
    day.hands.call("box.cancel", line="s1", outlet=1, reason="test")
    day.hands.call("hold.release", lot=day.lots[0], reason="clean")
    assert day.ask("SELECT count(*) FROM event WHERE kind = 'lot.released'")[0][0] == len(held)


def copy_of(day, path):
    """The record as a file of its own, taken while lotlined works."""
    path.mkdir()
    source = sqlite3.connect(f"file:{day.shed.db}?mode=ro", uri=True)
    target = sqlite3.connect(path / "store.db")
    source.backup(target)
    source.close()
    target.close()
    return path / "store.db"


def tampered(db, sql):
    c = sqlite3.connect(db)
    for name, in c.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        c.execute(f"DROP TRIGGER {name}")
    c.execute(sql)
    c.commit()
    c.close()


def log_verify(day, folder, *more):
    r = subprocess.run([day.shed.build / "lotline", "--store", folder, "log", "verify", *more], capture_output=True,
                       text=True, timeout=60)
    return r.returncode, r.stdout + r.stderr


TAMPER = {
    "a word in an event": "UPDATE event SET body = CAST(replace(CAST(body AS TEXT), '\"at_ms\":1', '\"at_ms\":2')"
                          " AS BLOB) WHERE seq = 9",
    "a weight of an item": "UPDATE item SET net_mg = net_mg + 10 WHERE id = (SELECT id FROM item WHERE net_mg > 0"
                           " LIMIT 1 OFFSET 20)",
    "an item taken out": "DELETE FROM item WHERE id = (SELECT id FROM item LIMIT 1 OFFSET 30)",
    "an outcome": "UPDATE outcome SET outlet = 1 WHERE id = (SELECT id FROM outcome WHERE outlet = 2 LIMIT 1)",
    "the newest event taken out": "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)",
    "an event in the middle taken out": "DELETE FROM event WHERE seq = 20",
}


def test_log_verify(day, tmp_path):
    """Holds as it is, from an older checkpoint too; both verifiers find every change."""
    db = copy_of(day, tmp_path / "good")
    assert log_verify(day, db.parent)[0] == 0 and verify.verify(db, blocks=False) == []
    old = tmp_path / "checkpoint"
    old.write_text(day.ask("SELECT note FROM checkpoint ORDER BY size LIMIT 1 OFFSET 10")[0][0])
    assert log_verify(day, db.parent, "--against", old)[0] == 0
    for i, (what, sql) in enumerate(TAMPER.items()):
        bad = tmp_path / f"bad{i}"
        bad.mkdir()
        shutil.copy(db, bad / "store.db")
        tampered(bad / "store.db", sql)
        code, text = log_verify(day, bad)
        assert code == 4 and text.strip(), (what, code, text)
        assert verify.verify(bad / "store.db") != [], what
    foreign = old.read_text().replace("\n\n", "x\n\n", 1)
    old.write_text(foreign)
    assert log_verify(day, db.parent, "--against", old)[0] in (1, 4)


def test_rebuild(day, tmp_path):
    """Projections made anew from the events are the same; a changed one is found."""
    assert day.shed.lotline("store", "rebuild", "--check")[0] == 0        # while lotlined works
    db = copy_of(day, tmp_path / "bad")
    c = sqlite3.connect(db)
    c.execute("UPDATE lot SET mg = mg + 1000 WHERE lot = ?", (day.lots[0],))
    c.commit()
    c.close()
    r = subprocess.run([day.shed.build / "lotline", "--store", db.parent, "store", "rebuild", "--check"],
                       capture_output=True, text=True)
    assert r.returncode == 4 and "lot" in r.stdout + r.stderr


def test_the_rest_of_a_stopped_run_goes_back(shed_of):
    """Stopped early: what is left is weighed back to its lot, on the CLI; mass adds up and it is stock again."""
    s = shed_of()
    s.start_sim([sorter("s1", rate=50), "scale:name=w1,port=0,unit=1,settle-ms=50"])
    s.write_config(lines=[s.line_config("s1")], **s.quick_scale())
    s.start_daemon()
    h = Hands(s).prepare()
    h.check_scale()
    lot = h.intake(h.farmers[0], [8000000])
    run = h.run([lot])
    belt = Belt(h, "s1")
    belt.pass_through(40)
    closed = h.call("run.stop", run=run["id"])
    out = sum(o["mg"] for o in closed["outs"])
    rest = (8000000 - out) // E_MG * E_MG
    h.ready(rest)
    code, text = s.lotline("weigh", "--station", "st1", "run.back", f"run={run['id']}", "lot=E261124-A0015")
    assert code == 1 and "E261124-A0015" in text, text
    code, doc = s.lotline("weigh", "--station", "st1", "run.back", f"run={run['id']}", f"lot={lot}")
    assert code == 0 and doc["lot"] == lot and doc["net_mg"] == rest, doc
    h.unload()
    assert s.lotline("lot", "show", lot)[1]["on_hand_mg"] == rest
    balance = s.lotline("balance", run["id"])[1]
    assert balance["returned"]["mg"] == rest and balance["unexplained"]["mg"] == 8000000 - out - rest
    with h.shed.control() as c:
        c.call("run.start", line="s1", lots=[lot], ruleset="lu", product="dangshen-lu")
    code, text = s.lotline("store", "rebuild", "--check")
    assert code == 0, text
    s.stop()
    code, text = s.lotline("log", "verify")
    assert code == 0, text


# ---- EPCIS

def schema():
    folder = pathlib.Path(os.environ.get("LOTLINE_CONFORMANCE", ROOT.parent / "shared/conformance"))
    path = folder / "epcis/EPCIS-JSON-Schema.json"
    if not path.exists():
        pytest.skip(f"no {path}: LOTLINE_CONFORMANCE names a folder that holds epcis/EPCIS-JSON-Schema.json")
    return json.loads(path.read_text())


def test_epcis(day):
    import jsonschema
    rules = schema()
    whole = lotline(day, "export", "epcis")
    parts = {x: lotline(day, "export", "epcis", "--lot", x) for x in (day.runs[0]["outs"][0]["lot"], *day.boxes)}
    check = jsonschema.validators.validator_for(rules)(rules)
    for doc in (whole, *parts.values()):
        found = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in check.iter_errors(doc)]
        assert found == [], found[:3]
    events = whole["epcisBody"]["eventList"]
    kinds = {e["type"] for e in events}
    assert {"ObjectEvent", "TransformationEvent", "AggregationEvent"} <= kinds
    ids = [e["eventID"] for e in events]
    assert len(ids) == len(set(ids))
    for doc in parts.values():
        mine = {e["eventID"] for e in doc["epcisBody"]["eventList"]}
        assert mine and mine <= set(ids)
    text = json.dumps(whole)
    assert not any(p in text for p in (*day.hands.farmers, day.hands.worker))
