"""Exactly once again, with a sorter that shares no code with lotline: tests/peers/sorter.py on pymodbus."""
import os
import signal
import time

import pytest
from sorting import DEFAULT, reasons
from peer_belt import PeerBelt, Sorter
from rig.hands import Hands
from rig.proc import wait_for

LATE, NO_HOST, UNTRACKED = 2, 4, 5
SORTERS = {
    "torn": ("--tear", 0.3, "--odd", 0.1, "--decision-ms", 800),
    "reboots": ("--retentive", "--boot-ms", 150),
    "volatile": ("--boot-ms", 150),
    "overwrite": ("--ring", 16, "--slots", 16, "--overwrite", "--approach-ms", 60),
    "people": ("--retentive",),
}


@pytest.fixture(scope="module")
def hands(module_shed_of):
    s = module_shed_of("python")
    sorters = {name: Sorter(s.run, name, *o) for name, o in SORTERS.items()}
    s.start_sim(["scale:name=w1,port=0,unit=1,settle-ms=50"])
    s.write_config(lines=[s.line_config(name, port=p.port, poll_ms=10) for name, p in sorters.items()],
                   **s.quick_scale())
    s.start_daemon()
    h = Hands(s).prepare()
    h.check_scale()
    h.sorters = sorters
    yield h
    s.stop()
    for p in sorters.values():
        p.stop()


@pytest.fixture
def belt(hands, request):
    return PeerBelt(hands, hands.sorters[request.node.name.removeprefix("test_")]).start()


def test_torn(belt):
    belt.pass_through(150)
    r = belt.exact(late=0, gaps=0)
    assert r["items_stored"] == r["outcomes_stored"] == 150


def test_reboots(belt):
    """A retentive PLC: the same epoch goes on, nothing is lost, what was on the belt is untracked."""
    belt.feed(150)
    for n in (30, 70, 110):
        belt.posted(n)
        belt.do("reboot")
        wait_for("the PLC", lambda: belt.stat()["up"])
    belt.fed()
    belt.recorded()
    belt.exact()
    assert len({i["epoch"] for i in belt.rows()[0]}) == 1
    assert reasons(belt.log("outcome")).get(UNTRACKED, 0) > 0


def test_volatile(belt):
    """At rest nothing is lost with the memory; the next epoch begins at 1."""
    for _ in range(2):
        belt.pass_through(40)
        belt.do("reboot")
        wait_for("the PLC", lambda: belt.stat()["up"])
    belt.pass_through(40)
    r = belt.exact()
    assert r["items_stored"] == 120 and len({i["epoch"] for i in belt.rows()[0]}) == 3


def test_people(belt):
    """Feed-stop, e-stop, an old image and clearing, by the hand of another PLC."""
    belt.feed(60)
    belt.posted(20)
    belt.do("estop")
    wait_for("the line to say aborted", lambda: belt.line()["state"] == "aborted")
    belt.do("resume")
    belt.hands.call("feed.stop", line=belt.name)
    wait_for("the PLC to confirm", lambda: belt.stat()["feed_stopped"])
    assert belt.sorter.tell("restart_feed")["ok"] is False
    belt.hands.call("feed.release", line=belt.name)
    wait_for("a person restarts", lambda: belt.sorter.tell("restart_feed")["ok"], 5)
    belt.fed()
    belt.recorded()
    belt.exact(gaps=0)
    belt.do("snapshot")
    belt.pass_through(20)
    belt.do("restore")
    wait_for("the quarantine", lambda: belt.line()["quarantined"])
    time.sleep(1.5)                                   # the sorter judges what a host does in quarantine
    belt.do("clear")
    wait_for("the quarantine to end", lambda: not belt.line()["quarantined"])
    belt.pass_through(20)
    r = belt.exact()
    assert r["items_stored"] == 100
    assert all(e["outlet"] == DEFAULT for e in belt.log("outcome") if e["reason"] in (LATE, NO_HOST, UNTRACKED))


def test_overwrite(belt):
    """lotlined stands still for a second, every line with it: the ring runs over, each hole is a gap."""
    belt.feed(120)
    belt.posted(20)
    pid = belt.shed.parts["lotlined"].pid
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1.2)
    os.kill(pid, signal.SIGCONT)
    belt.fed()
    belt.recorded()
    items, _, gaps = belt.rows()
    holes = {n for g in gaps if g["kind"] == "items" and g["first"] for n in range(g["first"], g["last"] + 1)}
    assert holes and {e["seq"] for e in belt.log("item")} - {i["seq"] for i in items} == holes
    r = belt.compare()
    assert r["altered"] == r["duplicate"] == r["wrong_outlet"] == r["outcomes_wrong"] == 0
    assert [v for v in r["violations"] if v["what"] != "heartbeat too slow"] == []
