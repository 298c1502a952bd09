"""Scales that talk in lines of characters, played by tests/peers/xk3190.py over ptys and TCP: lotlined weighs with
them through settling, tare, overload, bad cables and their absence, and never shows an old weight as fresh."""
import json
import os
import signal
import sqlite3
import time

import pytest
from peer_process import Peer
from rig.control import Refused
from rig.hands import Hands
from rig.proc import wait_for

FRESH_MS = 500
STATIONS = [dict(name="st1", scale="w1", stable_ms=100)]
KINDS = {
    "continuous": dict(map="yaohua-xk3190-continuous", weight_unit="kg"),
    "equals": dict(map="yaohua-xk3190-equals", weight_unit="kg"),
    "equals-high": dict(map="yaohua-xk3190-equals-high", weight_unit="kg"),
    "a12": dict(map="yaohua-a12"),
    "asked": dict(map="yaohua-xk3190-command", weight_unit="kg", poll_ms=50),
}
ALL = ["continuous-pty", "continuous-tcp", "equals-pty", "equals-high-tcp", "a12-pty", "asked-pty", "asked-tcp"]
EACH_WAY = ["continuous-pty", "a12-pty", "asked-tcp"]


def on(wires):
    """Every test names all wires, so that each shed is made once; it is run on those that add something."""
    other = pytest.mark.skip("shown on another wire")
    return pytest.mark.parametrize("hands", [pytest.param(w, marks=() if w in wires else other) for w in ALL],
                                   indirect=True, scope="module")


class LineScale:
    """The peer behind the words that Hands uses."""

    def __init__(self, kind, wire, link):
        self.args = ["--format", kind, "--settle-ms", 60, "--pieces"]
        self.args += ["--tcp", 0] if wire == "tcp" else ["--serial", "pty", "--link", link]
        self.start()

    def start(self):
        self.peer = Peer("xk3190.py", *self.args)

    def load(self, mg):
        self.do("load", g=mg / 1000)

    def do(self, verb, **more):
        answer = self.peer.tell(verb, **more)
        assert answer.get("ok", True), (verb, answer)
        return answer


def scale_of(s, kind, scale, wire, name="w1", **more):
    s.sim_devices = {name: dict(port=1)}
    config = s.scale_config(name, **dict(KINDS[kind], stable_frames=3, stable_over_ms=200, **more))
    if wire == "tcp":
        config["port"] = scale.peer.ready["port"]
    else:
        config["serial"] = str(s.path("tty"))
        del config["host"], config["port"]
    return config


@pytest.fixture(scope="module")
def hands(request, module_shed_of):
    s = module_shed_of(request.param)
    kind, wire = request.param.rsplit("-", 1)
    scale = LineScale(kind, wire, s.path("tty"))
    s.write_config(lines=[], scales=[scale_of(s, kind, scale, wire)], stations=STATIONS)
    s.start_daemon()
    h = Hands(s, scale).prepare()
    h.kind, h.wire = kind, wire
    assert h.check_scale()["ok"]
    yield h
    s.stop()
    scale.peer.stop()


@pytest.fixture
def empty(hands):
    """Before and after a test: nothing on it, nothing wrong with it."""
    hands.unload()
    hands.lot = hands.call("lot.open", farmer=hands.farmers[0], product="dangshen-lu")["lot"]
    yield hands
    hands.scale.do("fault-clear")
    hands.scale.do("mute", on=False)
    hands.scale.do("decimals", n=3)
    hands.unload()


def shown(h):
    return h.shed.status()["scales"][0]


def accepted(h, weighing):
    """The stored event of a weighing."""
    db = sqlite3.connect(f"file:{h.shed.db}?mode=ro", uri=True)
    try:
        rows = db.execute("SELECT body FROM event WHERE kind = 'weighing.accepted'").fetchall()
    finally:
        db.close()
    return next(e for e in map(json.loads, (r[0] for r in rows)) if e["weighing"] == weighing)


def watch(h, seconds, look):
    """look(scale, station) again and again."""
    end = time.monotonic() + seconds
    n = 0
    while time.monotonic() < end:
        doc = h.shed.status()
        look(doc["scales"][0], doc["station"][0])
        n += 1
        time.sleep(0.005)
    assert n > 10


@on(ALL)
def test_weighs_once_it_is_steady(empty):
    h = empty
    h.load(5000000)
    assert h.state("moving", "ready")
    v = h.state("ready")
    assert v["net_mg"] == 5000000 and v["tare_unknown"] == (h.kind not in ("a12", "asked"))
    frame = h.scale.do("stat")
    r = h.accept(v, "intake", lot=h.lot)
    e = accepted(h, r["weighing"])
    assert (e["net_mg"], e["gross_mg"], e["tare_mg"]) == (5000000, 5000000, 0)
    assert e["stable_by"] == "host"
    assert e["alibi"] == e["weighing"]                      # the scale has no number of its own: ours
    assert e["tare_kind"] == ("none" if h.kind in ("a12", "asked") else "unknown")
    assert b"5" in bytes.fromhex(e["raw"]) and frame["shown_g"] == 5000
    raw = {"continuous": b"\x02+0050003", "equals": b"=000.5000", "equals-high": b"=0005.000",
           "a12": b"WG005.000kg", "asked": b"\x02AD+0050003"}[h.kind]
    assert bytes.fromhex(e["raw"]).startswith(raw)          # stored as it was sent
    with pytest.raises(Refused):
        h.accept(v, "intake", lot=h.lot)


@on(EACH_WAY)
def test_net_above_a_tare(empty):
    h = empty
    h.load(1000000)                                         # the crate
    wait_for("a steady crate", lambda: shown(h)["stable"] and shown(h)["net_mg"] == 1000000)
    h.scale.do("tare")
    wait_for("nothing shown", lambda: shown(h)["stable"] and shown(h)["net_mg"] == 0)
    time.sleep(0.2)
    h.load(6000000)
    v = h.state("ready")
    assert v["net_mg"] == 5000000
    e = accepted(h, h.accept(v, "intake", lot=h.lot)["weighing"])
    known = h.kind == "asked"
    assert e["net_mg"] == 5000000
    assert (e["gross_mg"], e["tare_mg"], e["tare_kind"]) == \
        ((6000000, 1000000, "weighed") if known else (5000000, 0, "unknown"))
    h.load(0)
    wait_for("the tare below zero", lambda: shown(h)["stable"] and shown(h)["net_mg"] == -1000000)
    h.state("empty" if known else "under")
    h.scale.do("tare")                                      # of nothing: it is cleared


@on(EACH_WAY)
def test_overload_is_no_weight(empty):
    h = empty
    h.ready(5000000)
    h.scale.do("overload")
    if h.kind == "a12":
        assert h.state("over")
        assert not shown(h)["good"]
    else:                                                   # it says nothing: no manual tells what it would
        assert h.state("stale", "offline", seconds=2)
    with pytest.raises(Refused):
        h.accept(dict(h.view(), placement=99999), "intake", lot=h.lot)


@on(["continuous-pty", "equals-pty", "a12-pty", "asked-tcp"])
def test_a_bad_cable_gives_no_wrong_weight(empty):
    """Half frames, other bits, rubbish between: what may be accepted is what stands on the scale."""
    h = empty
    checked = h.kind in ("continuous", "a12", "asked")
    before = shown(h)["thrown"]
    h.ready(5000000)
    for fault, every in (("noise", 2), ("half", 3), ("flip", 4)):
        h.scale.do("fault", kind=fault, every=every)

    def look(scale, station):
        right = station["net_mg"] == 5000000
        assert right or station["state"] != "ready", station
        assert right or not scale["stable"], scale
        assert right or not checked, scale
    watch(h, 1.5, look)
    assert shown(h)["thrown"] > before
    h.scale.do("fault-clear")
    v = h.state("ready")
    assert v["net_mg"] == 5000000
    h.accept(v, "intake", lot=h.lot)


@on(["continuous-pty", "equals-pty"])
def test_a_speed_that_drifts_is_stale_and_heals(empty):
    h = empty
    h.ready(5000000)
    h.scale.do("drift", ms=1500)
    h.state("stale", "offline", seconds=2)
    v = h.state("ready")
    assert v["net_mg"] == 5000000 and v["age_ms"] < FRESH_MS


@on(["continuous-pty", "equals-high-tcp"])
def test_a_point_that_moves_is_an_error(empty):
    h = empty
    h.ready(5000000)
    h.scale.do("decimals", n=2)
    assert h.state("error")
    h.scale.do("decimals", n=3)
    assert h.state("ready")["net_mg"] == 5000000


@on(["continuous-pty", "asked-tcp"])
def test_silence_is_stale_then_offline_and_never_fresh(empty):
    h = empty
    h.ready(5000000)
    h.scale.do("mute")
    time.sleep(0.06)                                        # what is under way
    reads = shown(h)["reads"]
    began = time.monotonic()

    def look(scale, station):
        silent_ms = (time.monotonic() - began) * 1000
        assert scale["reads"] == reads
        assert station["age_ms"] >= silent_ms - 80
        assert station["state"] == "ready" or silent_ms > 300
        assert station["state"] in ("stale", "offline") or silent_ms < FRESH_MS + 150
    watch(h, 1.5, look)
    v = h.view()
    assert v["state"] == "offline" and not shown(h)["link_up"]
    with pytest.raises(Refused):
        h.accept(dict(v, placement=v["placement"] or 1), "intake", lot=h.lot)
    wait_for("an alarm", lambda: [a for a in h.shed.status()["alarms"] if a["code"] == "scale-silent"], 5)
    h.scale.do("mute", on=False)
    assert h.state("ready")["net_mg"] == 5000000
    wait_for("its end", lambda: not h.shed.status()["alarms"], 5)


@on(ALL)
def test_lost_and_found_again(empty):
    h = empty
    h.ready(5000000)
    if h.wire == "tcp":
        h.scale.do("hang_up")
        assert h.state("offline", seconds=2)
        h.scale.do("listen")
    else:
        h.scale.peer.stop()
        assert h.state("offline", seconds=2)
        h.scale.start()
        h.load(5000000)
    v = h.state("ready")
    assert v["net_mg"] == 5000000 and v["age_ms"] < FRESH_MS
    h.accept(v, "intake", lot=h.lot)


@on(["continuous-pty", "continuous-tcp"])
def test_what_waited_unread_is_not_fresh(empty):
    """lotlined stands still while the scale talks, and the scale falls silent before it goes on."""
    h = empty
    h.ready(5000000)
    p = h.shed.parts["lotlined"]
    os.kill(p.pid, signal.SIGSTOP)
    try:
        h.load(7000000)
        time.sleep(0.8)
        h.scale.do("mute")
        stopped = time.monotonic()
        time.sleep(0.3)
    finally:
        os.kill(p.pid, signal.SIGCONT)

    def look(scale, station):
        assert scale["net_mg"] != 7000000, scale
        assert station["age_ms"] >= (time.monotonic() - stopped) * 1000 or not scale["link_up"]
    watch(h, 0.5, look)
    h.scale.do("mute", on=False)
    assert h.state("ready")["net_mg"] == 7000000


def test_several_scales_on_one_line(shed_of):
    """RS485: each is asked by its address and answers for itself."""
    s = shed_of()
    scale = LineScale.__new__(LineScale)
    scale.args = ["--format", "asked", "--serial", "pty", "--link", s.path("tty"), "--address", "ABZ", "--settle-ms", 60]
    scale.start()
    units = {"wa": 1, "wb": 2, "wz": 26, "wq": 17}          # Q does not stand there
    configs = []
    for name, unit in units.items():
        s.sim_devices = {name: dict(port=1)}
        configs.append(scale_of(s, "asked", scale, "pty", name, unit=unit))
    s.write_config(lines=[], scales=configs, stations=[dict(name="st1", scale="wa")])
    s.start_daemon()
    want = {"wa": 1250000, "wb": 7500000, "wz": -40000}
    for name, mg in want.items():
        scale.do("load", g=mg / 1000, address={"wa": "A", "wb": "B", "wz": "Z"}[name])

    def all_right():
        now = {x["scale"]: x for x in s.status()["scales"]}
        return all(now[n]["net_mg"] == mg and now[n]["link_up"] for n, mg in want.items()) and not now["wq"]["link_up"]
    wait_for("all weights", all_right, 10)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert all_right()
    assert scale.do("stat")["wrong_asked"] == 0
    s.stop()
    scale.peer.stop()
