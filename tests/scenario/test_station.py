"""The weighing station's interlock with lotline-sim's indicator and with tests/peers/scale_wtx.py, over TCP
and over an RTU line of two ptys: accepted once, as shown, only when all is right, committed before answered."""
import json
import sqlite3
import subprocess
import uuid

import pytest
from peer_process import Peer
from rig.control import Refused
from rig.hands import Hands, graded
from rig.proc import wait_for


class PeerScale:
    """tests/peers/scale_wtx.py behind the same words as the simulator's scale."""

    def __init__(self, *where):
        self.peer = Peer("scale_wtx.py", "--unit", 1, "--settle-ms", 60, *where)
        self.ready = self.peer.ready

    def load(self, mg):
        self.peer.tell("load", g=mg / 1000)

    def do(self, verb, **more):
        if verb == "disconnect":
            self.peer.stop()
            return {}
        return self.peer.tell(verb, **more)

    def close(self):
        if self.peer.process.poll() is None:
            self.peer.stop()


def socat_pair(shed):
    """Two ends of a serial line that has no wire; ends with the shed."""
    a, b = shed.path("line-a"), shed.path("line-b")
    shed.process("socat", ["socat", f"pty,raw,echo=0,link={a}", f"pty,raw,echo=0,link={b}"])
    wait_for("socat", lambda: a.exists() and b.exists())
    return a, b


STATIONS = [dict(name="st1", scale="w1", stable_ms=100)]


@pytest.fixture(scope="module", params=["sim", "peer-tcp", "peer-rtu"])
def hands(request, module_shed_of):
    s = module_shed_of(request.param)
    scale = None
    if request.param == "sim":
        s.start_sim(["scale:name=w1,port=0,unit=1,settle-ms=60"])
        config = s.scale_config()
    elif request.param == "peer-tcp":
        scale = PeerScale("--tcp", 0)
        s.sim_devices = {"w1": dict(port=scale.ready["port"])}
        config = s.scale_config()
    else:
        a, b = socat_pair(s)
        scale = PeerScale("--serial", b, "--baud", 115200)
        s.sim_devices = {"w1": dict(port=0)}
        config = s.scale_config(serial=str(a), baud=115200)
        del config["host"], config["port"]
    s.write_config(lines=[], scales=[config], stations=STATIONS)
    s.start_daemon()
    h = Hands(s, scale).prepare()
    yield h
    s.stop()
    if scale:
        scale.close()


@pytest.fixture(autouse=True)
def empty_scale(request):
    """A test that fails leaves nothing on the scale for the next one."""
    yield
    if "hands" in request.fixturenames and "gone" not in request.node.name:
        request.getfixturevalue("hands").unload()


def refused(hands, view, text, code="ERR_STATE", **fields):
    view = dict(view, placement=view["placement"] or 99999)              # none is shown without a usable reading
    with pytest.raises(Refused) as e:
        hands.accept(view, "intake", **dict(dict(lot=hands.lot), **fields))
    assert e.value.code == code and text.lower() in e.value.text.lower(), e.value
    return e.value.text


def count(hands, sql, *args):
    db = sqlite3.connect(f"file:{hands.shed.db}?mode=ro", uri=True)
    try:
        return db.execute(sql, args).fetchone()[0]
    finally:
        db.close()


def weighings(hands):
    return count(hands, "SELECT count(*) FROM weighing WHERE voided_seq IS NULL")


def open_lot(hands, farmer=0):
    hands.lot = hands.call("lot.open", farmer=hands.farmers[farmer], product="dangshen-lu")["lot"]


def loaded(hands, state, mg):
    """The view of a load that stands steady in this state."""
    hands.load(mg)
    return wait_for(f"{mg} mg in state {state}", lambda: (lambda v: v if (v["state"], v["net_mg"]) == (state, mg) and
                                                          v["placement"] else None)(hands.view()), 5)


@pytest.fixture
def checked(hands):
    """The morning's check-weights are done."""
    if not hands.view()["checked"]:
        assert hands.check_scale()["ok"]
    return hands


def test_before_the_check_weights(hands):
    open_lot(hands)
    hands.state("unchecked")                                         # the first reading, at zero
    refused(hands, loaded(hands, "unchecked", 5000000), "check-weights")
    hands.unload()
    shown = [dict(applied_mg=10000000, shown_mg=10008000)]           # 4 e off at 5000 e
    assert not hands.call("scale.check", scale="w1", weights=shown)["ok"]
    refused(hands, loaded(hands, "unchecked", 5000000), "check-weights")
    hands.unload()
    assert hands.check_scale()["ok"]


def test_day_at_the_scale(checked):
    """From the first crate to a voided weighing; every refusal with its own text."""
    hands, call = checked, checked.call
    open_lot(hands)
    hands.load(5000000)                                             # moving
    moving = wait_for("movement", lambda: (lambda x: x if x["state"] == "moving" else None)(hands.view()), 5, 0.001)
    refused(hands, moving, "not steady")
    v = loaded(hands, "ready", 5000000)
    refused(hands, dict(v, net_mg=v["net_mg"] + 2000), "", code="ERR_CHECK")     # not as shown
    before = weighings(hands)
    r = hands.accept(v, "intake", lot=hands.lot)
    assert weighings(hands) == before + 1                           # in the file before the answer came
    refused(hands, v, "", code="ERR_EXISTS")                        # one placement, one weighing
    assert hands.state("accepted")["accepted"]

    hands.load(9000000)                                             # more goods without going back to zero
    v = hands.state("not-zero", "accepted")
    refused(hands, v, "", code="ERR_STATE" if v["state"] == "not-zero" else "ERR_EXISTS")
    hands.unload()

    hands.scale.do("overload")                                      # over
    refused(hands, hands.state("over"), "too heavy")
    hands.unload()
    hands.load(-600000)                                             # under
    refused(hands, hands.state("under", "not-zero", "too-light"), "")
    hands.unload()
    refused(hands, loaded(hands, "too-light", 20000), "minimum")    # below Min
    hands.unload()

    voided = call("weighing.void", weighing=r["weighing"], reason="wrong lot")
    assert voided and weighings(hands) == before
    with pytest.raises(Refused):
        call("weighing.void", weighing=r["weighing"], reason="again")
    assert count(hands, "SELECT count(*) FROM weighing WHERE weighing = ?", r["weighing"]) == 1   # never deleted
    assert count(hands, "SELECT mg FROM lot WHERE lot = ?", hands.lot) == 0


def test_double_tap(checked):
    """A hundred taps with one request id, then a hundred with ids of their own: one record each time."""
    hands = checked
    open_lot(hands)
    for same in (True, False):
        v, before = hands.ready(7000000), weighings(hands)
        rid = uuid.uuid4().hex
        answers = []
        with hands.shed.control() as c:
            for i in range(100):
                c.send("station.accept", rid if same else f"{rid}-{i}", station="st1", placement=v["placement"],
                       shown_mg=v["net_mg"], purpose="intake", lot=hands.lot)
                if i % 10 == 9:
                    answers += [c.recv() for _ in range(10)]
        good = [a["result"] for a in answers if a["ok"]]
        assert weighings(hands) == before + 1
        assert len(good) == (100 if same else 1), answers[:3]
        assert all(g["weighing"] == good[0]["weighing"] for g in good)
        assert all(a["error"]["code"] == "ERR_EXISTS" for a in answers if not a["ok"])
        hands.unload()


def test_committed_before_answered(checked):
    """kill -9 right after the answer: the weighing is there, and its placement stays used."""
    hands = checked
    open_lot(hands, 1)
    v = hands.ready(6000000)
    rid = uuid.uuid4().hex
    with hands.shed.control() as c:
        r = c.call("station.accept", rid, station="st1", placement=v["placement"], shown_mg=v["net_mg"],
                   purpose="intake", lot=hands.lot)
        hands.shed.parts["lotlined"].kill()
    assert count(hands, "SELECT net_mg FROM weighing WHERE weighing = ?", r["weighing"]) == 6000000
    hands.shed.start_daemon()
    again = hands.call("station.accept", rid, station="st1", placement=v["placement"], shown_mg=v["net_mg"],
                       purpose="intake", lot=hands.lot)
    assert again["weighing"] == r["weighing"]                        # the first answer, once more
    empty = hands.call("station.accept", rid, station="st1", placement=0, shown_mg=0, purpose="intake", lot=hands.lot)
    assert empty["weighing"] == r["weighing"]                        # also from a page that shows no placement any more
    hands.unload()
    later = hands.ready(6000000)
    assert later["placement"] > v["placement"]
    assert hands.accept(later, "intake", lot=hands.lot)["weighing"] != r["weighing"]
    hands.unload()


def test_by_hand_and_box(checked):
    """A crate out to a worker, back in grades, closed with its loss; a box weighed and sealed."""
    hands = checked
    lot = hands.intake(hands.farmers[0], [8000000, 4000000])
    r = hands.hand(lot, 5000000)
    back = sum(5000000 * share // 100 // 2000 * 2000 for share in (40, 25, 15, 10, 6, 3))
    assert r["loss_mg"] == 5000000 - back
    box = hands.weigh(2000000, "box", lot=graded(r)[0]["lot"])
    assert count(hands, "SELECT net_mg FROM unit WHERE box = ?", box["box"]) == 2000000
    code, trace = hands.shed.lotline("trace", box["box"])
    assert code == 0 and lot in json.dumps(trace)


def test_zz_frozen_stale_and_gone(checked):
    """Last of this shed: the reading stands still, then the scale is gone."""
    hands = checked
    open_lot(hands)
    v = hands.ready(5000000)
    hands.scale.do("disconnect", **({"ms": 60000} if hands.shed.parts.get("sim") else {}))
    gone = wait_for("the scale to be missed",
                    lambda: (lambda x: x if x["state"] in ("offline", "stale") else None)(hands.view()), 5)
    text = refused(hands, dict(gone, net_mg=v["net_mg"], placement=v["placement"]), "")
    assert "not connected" in text.lower() or "too old" in text.lower()


@pytest.fixture(scope="module")
def papers(module_shed_of):
    """Scales whose papers are missing, expired, or not for this kind of weighing."""
    s = module_shed_of("papers")
    kinds = {"expired": dict(valid_until="2020-01-01"), "paperless": dict(certificate=""), "plain": dict(trade="none")}
    s.start_sim([f"scale:name={n},port=0,unit=1,settle-ms=60" for n in kinds])
    s.write_config(lines=[], scales=[s.scale_config(n, **o) for n, o in kinds.items()],
                   stations=[dict(name=n, scale=n, stable_ms=100) for n in kinds])
    s.start_daemon()
    h = Hands(s).prepare()
    yield h
    s.stop()


@pytest.mark.parametrize("name", ["expired", "paperless", "plain"])
def test_certificate(papers, name):
    sim = papers.shed.sim()
    papers.lot = papers.call("lot.open", farmer=papers.farmers[0], product="dangshen-lu")["lot"]
    sim.do(name, "load", mg=5000000)
    view = wait_for("the station", lambda: (lambda v: v if v["state"] == "not-trade" and v["placement"] else None)(
        papers.shed.station(name)), 5)
    with pytest.raises(Refused) as e:
        papers.call("station.accept", station=name, placement=view["placement"], shown_mg=view["net_mg"],
                    purpose="intake", lot=papers.lot)
    assert "certificate" in e.value.text.lower()
    assert weighings(papers) == 0


def test_cli_weighs(shed_of):
    """lotline weigh: what the station shows, accepted from a terminal."""
    s = shed_of()
    s.start_sim(["scale:name=w1,port=0,unit=1,settle-ms=60"])
    s.write_config(lines=[], stations=STATIONS)
    s.start_daemon()
    h = Hands(s).prepare()
    h.check_scale()
    lot = h.call("lot.open", farmer=h.farmers[0], product="dangshen-lu")["lot"]
    h.ready(4000000)
    code, r = s.lotline("weigh", "--station", "st1", "intake", f"lot={lot}")
    assert code == 0 and r["net_mg"] == 4000000
    code, text = s.lotline("weigh", "--station", "st1", "intake", f"lot={lot}")
    assert code == 1 and text.strip()
    code, _ = s.lotline("weigh")
    assert code == 2
    s.stop()
    code, text = s.lotline("weigh", "--station", "st1", "intake", f"lot={lot}")
    assert code == 3 and str(s.socket) in text
    assert subprocess.run([str(s.build / "lotline"), "--help"], capture_output=True).returncode == 0
