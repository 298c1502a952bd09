"""Exactly once: lotlined and the simulated sorter, line by line, judged by the sorter's truth log and the
rows of the store. One shed with a line for each kind of trouble; the lines know nothing of each other."""
import shutil
import time

import pytest
from sorting import DEFAULT, OUTLETS, Belt, reasons, sorter
from rig.hands import Hands
from rig.proc import wait_for
from rig.shed import ROOT
from rig.truth import expected

DECIDED, LATE, BLOCKED, NO_HOST, UNTRACKED, BY_HAND = 1, 2, 3, 4, 5, 6
SPARE = {"1": [1, 6], "2": [2], "3": [3], "reject": [4]}
LINES = {
    "plain": dict(decision_ms=800),
    "torn": dict(torn=200, step_words=1, cut_writes=1, decision_ms=800),
    "unchecked": dict(checks=0),
    "volatile": dict(retentive=0, boot_ms=100),
    "retentive": dict(retentive=1, boot_ms=100),
    "full": dict(ring=16, spacing_ms=20),
    "overwrite": dict(ring=16, overwrite=1, spacing_ms=20),
    "late": dict(decision_ms=60),
    "blocked": dict(outlets=6),
    "people": dict(),
    "table": dict(table_mode=1),
    "restored": dict(retentive=1, boot_ms=100),
    "spoiled": dict(),
    "faulty": dict(ring=256),
    "numbers": dict(wrap_at=200),
}


@pytest.fixture(scope="module")
def hands(module_shed_of):
    s = module_shed_of("lines")
    s.start_sim([sorter(name, **o) for name, o in LINES.items()] + ["scale:name=w1,port=0,unit=1,settle-ms=50"])
    lines = [s.line_config(name, poll_ms=10) for name in LINES if name not in ("blocked", "unchecked")]
    lines.append(s.line_config("blocked", poll_ms=10, outlets=SPARE))
    lines.append(s.line_config("unchecked", poll_ms=10, map="mailbox-no-checks"))
    s.write_config(lines=lines, **s.quick_scale(),
                   maps=maps_with_no_checks(s))
    s.start_daemon()
    h = Hands(s).prepare()
    h.check_scale()
    yield h
    s.stop()


NO_CHECKS = """
vectors:
  - name: one cycle over TCP
    origin: constructed
    plan: {baud: 0, poll_us: 80000, longest_us: 20000, dead_us: 200000, host: 416, records: 7, slots: 30}
  - name: 18.4 g, steady
    origin: constructed
    item:
      epoch: 7
      seq: 1200
      pulses_per_m: 2000
      words: [0x0000, 0x04B0, 0x0003, 0x0001, 0x0000, 0x00B8, 0x0102, 0x0001,
              0xE240, 0x01A4, 0x0460, 0x0000, 0x0009, 0x27C0, 0x04B0, 0x0000]
    expect: {weight: 18400, length: 210000, head_diameter: 11200}
"""


def maps_with_no_checks(shed):
    """The maps of the repository and one more: a PLC without checks, declared in its map."""
    folder = shed.path("maps")
    shutil.copytree(ROOT / "plc-maps", folder, ignore=shutil.ignore_patterns("*.c", "*.h", "*.def"))
    text = (folder / "mailbox-v1.yaml").read_text()
    text = text[:text.index("vectors:")].replace("map: mailbox-v1", "map: mailbox-no-checks")
    (folder / "mailbox-no-checks.yaml").write_text(text.replace("checks: yes", "checks: no") + NO_CHECKS)
    return str(folder)


@pytest.fixture
def belt(hands, request):
    """The line that the test is named after, with a run on a fresh lot; people share one."""
    name = request.node.name.removeprefix("test_")
    return Belt(hands, name if name in LINES else "people").start()


def test_plain(belt):
    belt.pass_through(200)
    r = belt.exact(late=0, gaps=0)
    assert r["items_stored"] == r["items_plc"] == r["outcomes_stored"] == 200
    line = belt.line()
    assert {r["code"]: r["outlets"] for r in line["routes"]} == {g: [o] for g, o in OUTLETS.items()}
    assert line["routes"][0]["zh"] == "一等" and line["routes"][0]["en"] == "First grade"
    assert line["items"] == 200 and line["late_plc"] == 0 and line["run"] > 0
    sums = {o["outlet"]: o["items"] for o in line["outlets"]}
    assert sums == {k: sum(1 for e in belt.log("outcome") if e["outlet"] == k) for k in sums}


def test_torn(belt):
    belt.pass_through(150)
    belt.exact(late=0, gaps=0, items_stored=150)


def test_unchecked(belt):
    belt.pass_through(100)
    belt.exact(gaps=0, items_stored=100)


def test_volatile(belt):
    """What nobody read before the memory was lost is gone; it is a hole at the end of its epoch, with its
    count where the host knew of it, and never a wrong row."""
    belt.feed(200)
    belt.posted(60)
    belt.do("reboot")
    belt.fed()
    belt.recorded()
    r = belt.compare()
    assert (r["duplicate"], r["altered"], r["wrong_outlet"], r["outcomes_wrong"], r["out_of_order"]) == (0,) * 5, r
    assert r["violations"] == []
    items, _, gaps = belt.rows()
    epochs = sorted({e["epoch"] for e in belt.log("item")})
    assert len(epochs) == 2 and len({i["epoch"] for i in items}) == 2
    stored = [i["seq"] for i in items if i["epoch"] == first_epoch(belt)]
    assert stored == list(range(1, len(stored) + 1))
    assert r["lost"] <= 4                              # posted within the last poll
    told = sum(g["count"] for g in gaps if g["kind"] == "items")
    unnumbered = len([e for e in belt.log("unnumbered") if e["epoch"] != first_epoch(belt)])
    assert told >= unnumbered - 1


def first_epoch(belt):
    return belt.log("item")[0]["epoch"]


def test_volatile_at_rest(hands):
    """Nothing unread: nothing lost, although the memory is."""
    belt = Belt(hands, "volatile")
    before = belt.compare()["lost"]
    belt.pass_through(40)
    belt.do("reboot")
    wait_for("the PLC", lambda: belt.stat()["up"])
    belt.pass_through(40)
    r = belt.compare()
    assert r["lost"] == before and r["altered"] == r["duplicate"] == 0 and r["violations"] == []


def test_retentive(belt):
    belt.feed(200)
    for n in (40, 90, 140):
        belt.posted(n)
        belt.do("reboot")
        wait_for("the PLC", lambda: belt.stat()["up"])
    belt.fed()
    belt.recorded()
    r = belt.exact(gaps=0)
    assert r["items_stored"] == belt.stat()["posted"]
    assert len({i["epoch"] for i in belt.rows()[0]}) == 1
    assert reasons(belt.log("outcome")).get(UNTRACKED, 0) > 0


def test_full(belt):
    """The host is away until the ring is full: the infeed stands, nothing is overwritten."""
    belt.feed(120)
    belt.posted(30)
    belt.do("disconnect", ms=1500)
    wait_for("the infeed to stand", lambda: belt.stat()["state"] >> 4 & 1, 5)
    assert belt.stat()["lost"] == 0
    belt.fed()
    belt.recorded()
    passed = len(belt.log("unnumbered"))                             # a full ring has no number for a straggler
    r = belt.exact(items_stored=120 - passed)
    gone = r["outcomes_plc"] - r["outcomes_stored"]                  # their ring is as short and never stops
    outs = [g for g in belt.rows()[2] if g["kind"] == "outcomes"]
    assert sum(g["count"] for g in outs) == gone and passed <= 2
    assert reasons(belt.log("outcome")).get(NO_HOST, 0) + r["late"] > 0


def test_overwrite(belt):
    """The ring runs over while the host is away: every hole is a gap with its bounds."""
    belt.feed(150)
    belt.posted(30)
    belt.do("disconnect", ms=1200)
    belt.fed()
    belt.recorded()
    r = belt.compare()
    items, _, gaps = belt.rows()
    holes = {n for g in gaps if g["kind"] == "items" and g["first"] for n in range(g["first"], g["last"] + 1)}
    posted = {e["seq"] for e in belt.log("item")}
    stored = {i["seq"] for i in items}
    assert holes and posted - stored == holes
    assert {g["cause"] for g in gaps if g["kind"] == "items"} == {"overwritten"}
    assert holes <= {e["seq"] for e in belt.log("lost")}
    assert all(g["count"] == g["last"] - g["first"] + 1 for g in gaps)
    assert r["altered"] == r["duplicate"] == r["wrong_outlet"] == r["outcomes_wrong"] == 0 and r["violations"] == []


def test_late(belt):
    """Replies that come late make items late: the PLC's default outlet with its reason, counted and shown."""
    belt.do("fault", kind="late", every=40, ms=120)
    belt.pass_through(150)
    belt.do("fault-clear")
    r = belt.exact(gaps=0)
    assert r["late"] > 0 and r["items_stored"] == 150
    assert belt.line()["late_plc"] == r["late"]
    assert all(e["outlet"] == DEFAULT for e in belt.log("outcome") if e["reason"] == LATE)


def test_blocked(belt):
    """A blocked outlet: the next choice of its grade; where there is none, the default outlet."""
    belt.pass_through(60)
    one = belt.stat()["head"]
    belt.do("block", outlet=1)
    belt.do("block", outlet=2)
    wait_for("the host to see it", lambda: all(o["blocked"] for o in belt.line()["outlets"] if o["outlet"] in (1, 2)))
    belt.pass_through(60)
    two = belt.stat()["head"]
    belt.do("block", outlet=1, on=False)
    belt.do("block", outlet=2, on=False)
    wait_for("the host to see it", lambda: not any(o["blocked"] for o in belt.line()["outlets"]))
    belt.pass_through(60)
    r = belt.compare()
    assert (r["lost"], r["duplicate"], r["altered"], r["outcomes_wrong"], r["violations"]) == (0, 0, 0, 0, [])
    instead = {OUTLETS["1"]: 6, OUTLETS["2"]: DEFAULT}
    assert wrong_outlets(belt, lambda seq, o: instead.get(o, o) if one < seq <= two else o) == []


def wrong_outlets(belt, change):
    """Rows whose outlet is not what the grade's own would become."""
    items = belt.log("item")
    want = expected(items, OUTLETS, DEFAULT)
    return [(i["seq"], i["outlet"], want[i["epoch"], i["seq"]]) for i in belt.rows()[0]
            if i["outlet"] != change(i["seq"], want[i["epoch"], i["seq"]][1])]


def test_blocked_while_on_the_way(hands):
    """Decided for an outlet that is blocked before the item arrives: reason 3, where it went is recorded."""
    belt = Belt(hands, "blocked")
    before = belt.stat()["posted"]
    belt.feed(100)
    belt.posted(before + 20)
    belt.do("block", outlet=3)
    belt.fed()
    belt.recorded()
    belt.do("block", outlet=3, on=False)
    _, outs, _ = belt.rows()
    assert reasons(outs).get(BLOCKED, 0) == reasons(belt.log("outcome")).get(BLOCKED, 0) > 0
    assert all(o["outlet"] == DEFAULT for o in outs if o["reason"] == BLOCKED)
    assert belt.compare()["outcomes_wrong"] == 0


def test_estop(belt):
    belt.feed(120)
    belt.posted(40)
    belt.do("estop")
    wait_for("the line to say aborted", lambda: belt.line()["state"] == "aborted")
    time.sleep(0.3)
    belt.do("estop", on=False)
    belt.do("resume")
    belt.fed()
    belt.recorded()
    passed = len(belt.log("unnumbered"))                             # a full ring has no number for a straggler
    r = belt.exact(items_stored=120 - passed)
    gone = r["outcomes_plc"] - r["outcomes_stored"]                  # their ring is as short and never stops
    outs = [g for g in belt.rows()[2] if g["kind"] == "outcomes"]
    assert sum(g["count"] for g in outs) == gone and passed <= 2
    assert reasons(belt.log("outcome")).get(UNTRACKED, 0) > 0
    assert all(e["outlet"] == DEFAULT for e in belt.log("outcome") if e["reason"] == UNTRACKED)


def test_table(belt):
    """The machine sorts by its own table: items and outcomes are captured, no slot, no decision."""
    belt.pass_through(100)
    r = belt.compare()
    assert (r["lost"], r["duplicate"], r["altered"], r["outcomes_wrong"], r["violations"]) == (0, 0, 0, 0, [])
    items, outs, _ = belt.rows()
    assert len(items) == len(outs) == 100
    assert {i["outlet"] for i in items} == {0} and belt.log("slot") == []
    assert belt.line()["table_mode"]
    closed = belt.hands.call("run.stop", run=belt.line()["run"])           # each counts to its outlet's grade
    fates = belt.log("outcome")
    assert closed["state"] == "closed" and all(o["reason"] == DECIDED for o in fates)
    for grade, outlet in enumerate((DEFAULT, 1, 2, 3, 4)):
        assert closed["outs"][grade]["pieces"] == sum(o["outlet"] == outlet for o in fates), closed
    assert sum(o["pieces"] > 0 for o in closed["outs"][1:]) >= 3


def test_feedstop(belt):
    """A request, not a command: confirmed by STATE b8, released by the host, restarted by a person."""
    belt.feed(1000)
    belt.posted(20)
    belt.hands.call("feed.stop", line=belt.name)
    wait_for("the PLC to confirm", lambda: belt.line()["feed_stopped"])
    assert belt.sim.do(belt.name, "restart-feed")["ok"] is False       # not while the bit stands
    fed = belt.stat()["fed"]
    time.sleep(0.4)
    assert belt.stat()["fed"] == fed
    belt.hands.call("feed.release", line=belt.name)
    wait_for("the bit to fall", lambda: not belt.line()["feed_stop_wanted"])
    time.sleep(0.3)
    assert belt.line()["feed_stopped"] and belt.stat()["fed"] == fed   # a person restarts at the machine
    wait_for("a person", lambda: belt.sim.do(belt.name, "restart-feed")["ok"], 3)
    wait_for("the feed", lambda: belt.stat()["fed"] > fed)
    belt.do("pause")
    wait_for("the belt to run empty", lambda: belt.stat()["on_belt"] == 0)
    belt.recorded()
    belt.exact(gaps=0)


def test_restored(belt):
    """A PLC with a memory from yesterday: quarantine until a person clears the mailbox."""
    belt.pass_through(40)
    belt.do("backup")
    belt.pass_through(40)
    belt.do("restore")
    wait_for("the quarantine", lambda: belt.line()["quarantined"])
    alarm = belt.alarm("quarantine") or next(a for a in belt.shed.status()["alarms"] if a["line"] == belt.name)
    assert alarm["text"]
    slots = len(belt.log("slot"))
    belt.do("place", items=5)
    time.sleep(1)
    assert len(belt.log("slot")) == slots and belt.line()["quarantined"]
    belt.do("clear")
    wait_for("the quarantine to end", lambda: not belt.line()["quarantined"])
    belt.pass_through(40)
    items, _, _ = belt.rows()
    first = [i["seq"] for i in items if i["epoch"] == items[0]["epoch"]]
    assert first == list(range(1, 81)) and len(items) >= 120
    r = belt.compare()
    assert r["duplicate"] == 0 and r["violations"] == [], r


def test_spoiled(belt):
    """Records that never hold, and a refused unit: rows of their own without weight, default outlet."""
    belt.pass_through(20)
    belt.do("spoil", what="record", n=2)
    belt.do("spoil", what="outcome", n=1)
    belt.pass_through(10, rate=10)
    belt.do("spoil", what="unit", n=1)
    belt.pass_through(10)
    items, outs, gaps = belt.rows()
    bad = [(e["seq"], e["what"]) for e in belt.log("spoiled")]
    rows = {i["seq"]: i for i in items}
    assert sorted(what for _, what in bad) == ["outcome", "record", "record", "unit"] and len(items) == 40
    for seq, what in bad:
        if what != "outcome":
            assert rows[seq]["net_mg"] is None and rows[seq]["outlet"] == DEFAULT
    assert [g["count"] for g in gaps] == [1] and gaps[0]["kind"] == "outcomes"
    assert len(outs) == 39 and belt.line()["unreadable"] == 2
    assert [e for e in belt.log("violation")] == []


def test_faulty(belt):
    """Late, wrong, doubled, cut and missing replies: nothing wrong is ever taken for an item."""
    for kind, every in (("late", 37), ("unit", 41), ("truncate", 43), ("flip", 47), ("duplicate", 53),
                        ("silence", 59), ("tid", 61)):
        belt.do("fault", kind=kind, every=every, ms=350)
    belt.pass_through(150, rate=50)
    belt.do("fault-clear")
    for kind in ("reset", "exception", "half-open", "deaf"):
        belt.do("fault", kind=kind, times=2, every=20)
        belt.pass_through(15)
        belt.do("fault-clear")
    # A link that is away for longer than the outcome ring lasts makes outcome gaps, each with its count;
    # the items themselves are all there.
    gaps = belt.rows()[2]
    assert {g["kind"] for g in gaps} <= {"outcomes"}
    r = belt.exact(gaps=len(gaps), items_stored=210)
    assert r["outcomes_stored"] + sum(g["count"] for g in gaps) == r["outcomes_plc"]
    assert belt.stat()["fault_hits"] > 20


def test_intruder(hands):
    """Another host writes into the same block: this one stops writing and says so."""
    belt = Belt(hands, "people")
    belt.do("intruder", ms=1500)
    alarm = wait_for("the alarm", lambda: belt.alarm("foreign-host"), 10)
    assert "another computer" in alarm["text"].lower()
    wait_for("the status to say so too", lambda: belt.line()["foreign_host"], 5)


def test_numbers(belt):
    """The numbers of an epoch end: fired and acknowledged to the last, then a new epoch from 1."""
    belt.pass_through(260)
    belt.exact(gaps=0)
    items, _, _ = belt.rows()
    assert len({i["epoch"] for i in items}) == 2 and len(items) == 260
