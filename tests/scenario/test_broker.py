"""Brokers that die, go away or refuse: nothing is lost and nothing out of order at buyers that keep the
consumer contract, one on paho for Python, one on mosquitto_sub."""
import json
import os
import signal
import sqlite3
import subprocess
import time

import pytest
from consumer import ROOT, PahoBuyer, SubBuyer, data_of
from mqtt_proxy import MqttProxy
from rig.hands import Hands, graded
from rig.proc import free_port, wait_for

AWAY_EVENTS = 520
DURABLE = "autosave_on_changes true\nautosave_interval 1\nmax_inflight_messages 100\n"


def stored(shed, buyer="market"):
    db = sqlite3.connect(f"file:{shed.db}?mode=ro", uri=True)
    try:
        return [(x[0], x[1], bytes(x[2])) for x in db.execute(
            "SELECT s.epoch, s.n, e.body FROM stream s JOIN event e ON e.seq = s.event_seq WHERE s.buyer = ?"
            " ORDER BY s.epoch, s.n", (buyer,))]
    finally:
        db.close()


def taken(buyer):
    out = []
    for text in buyer.events:
        e = json.loads(text)
        out.append((e["streamepoch"], e["streamseq"], data_of(text)))
    return out


def retained(port, topic, seconds=3):
    """The newest retained message, or None."""
    argv = ["mosquitto_sub", "-p", str(port), "-V", "5", "-C", "1", "-W", str(seconds), "-t", topic]
    r = subprocess.run(argv, capture_output=True, timeout=seconds + 5)
    return json.loads(r.stdout) if r.returncode == 0 and r.stdout.strip() else None


class Market:
    """A shed with one scale, its public events made by real commands, one sink and two buyers."""

    def __init__(self, shed):
        self.shed, self.n = shed, 0
        shed.start_sim(["scale:name=w1,port=0,unit=1,settle-ms=50"])
        shed.write_config(lines=[], **shed.quick_scale())
        shed.start_daemon()
        self.hands = Hands(shed).prepare()
        self.hands.check_scale()
        closed = self.hands.hand(self.hands.intake(self.hands.farmers[0], [4000000]), 4000000, [("1", 98)])
        self.lot = graded(closed)[0]["lot"]
        shed.start_web("public")
        self.http = f"http://127.0.0.1:{shed.web_port['public']}"
        shed.mqtt_port = free_port()
        self.proxy = MqttProxy(shed.mqtt_port)        # what the publisher sends, whatever the broker makes of it

    def events(self, n):
        """n public events, as fast as commands are answered."""
        with self.shed.control() as c:
            for _ in range(n):
                self.n += 1
                c.call("hold.place" if self.n % 2 else "hold.release", lot=self.lot, reason="test")

    def publish(self, **more):
        return self.shed.start_sink(port=self.proxy.port, **more)

    def sink(self):
        return next((s for s in self.shed.status()["sinks"] if s["sink"] == "market"), None)

    def agree(self, *buyers, seconds=20):
        want = stored(self.shed)
        for b in buyers:
            b.wait(len(want), seconds)
            assert taken(b) == want
        assert self.proxy.leaps() == []
        return want

    def head_is(self, want):
        wait_for("the retained head", lambda: (lambda h: h and (h["epoch"], h["seq"]) == want[-1][:2])(
            retained(self.shed.mqtt_port, f"{ROOT}/buyer/market/head")), 10)


def test_broker_dies(shed_of):
    """kill -9 of mosquitto with queued messages, again and again; the broker keeps what it can. Replay fills
    what it lost: over MQTT for paho, over HTTP for mosquitto_sub."""
    s = shed_of()
    m = Market(s)
    s.start_broker(persistence=True, config=DURABLE)
    m.publish()
    paho = PahoBuyer(s.mqtt_port)
    sub = SubBuyer(s.mqtt_port, s.path("sub.txt"), http=m.http)
    m.events(20)
    m.agree(paho, sub)
    for i in range(4):
        paho_away = i % 2 == 0
        if paho_away:
            paho.away()                       # its session queues at the broker
        m.events(30)
        time.sleep(0.05 * i)
        s.parts["mosquitto"].kill()
        m.events(10)
        s.start_broker(persistence=True, config=DURABLE)
        if paho_away:
            paho.back()
        m.events(5)
        want = m.agree(paho, sub, seconds=30)
    m.head_is(want)
    paho.close()
    sub.close()
    s.stop()
    assert want[-1][1] == len(want)


def test_broker_forgets(shed_of):
    """Debian's default broker: everything queued is gone with it. The retained head tells the buyer."""
    s = shed_of()
    m = Market(s)
    s.start_broker()
    m.publish()
    paho = PahoBuyer(s.mqtt_port)
    m.events(5)
    m.agree(paho)
    paho.away()
    m.events(100)
    wait_for("the publisher", lambda: m.sink() and m.sink()["lag"] == 0)
    s.parts["mosquitto"].kill()
    s.start_broker()
    paho.back()
    m.agree(paho, seconds=30)
    assert paho.replayed >= 100
    paho.close()
    s.stop()


def test_broker_away_for_a_day(shed_of):
    """A day's events while no broker is there, then it comes back empty: all, in order, in seconds."""
    s = shed_of()
    m = Market(s)
    m.publish()
    began = time.monotonic()
    m.events(AWAY_EVENTS)
    made = time.monotonic() - began
    wait_for("the sink to report the backlog", lambda: m.sink() and m.sink()["lag"] >= AWAY_EVENTS, 5)
    assert m.sink()["state"] in ("offline", "connecting")
    s.start_broker()
    paho = PahoBuyer(s.mqtt_port, http=m.http)
    sub = SubBuyer(s.mqtt_port, s.path("sub.txt"), http=m.http)
    back = time.monotonic()
    want = m.agree(paho, sub, seconds=70)
    print(f"{AWAY_EVENTS} events made in {made:.1f} s, delivered {time.monotonic() - back:.1f} s after the broker came")
    m.head_is(want)
    assert paho.repeats <= 16 + paho.replayed and len(want) >= AWAY_EVENTS
    paho.close()
    sub.close()
    s.stop()


def test_publisher_dies(shed_of):
    """kill -9 of lotline-mqtt: the retained state says offline; another start repeats at most a window."""
    s = shed_of()
    m = Market(s)
    s.start_broker()
    m.publish()
    paho = PahoBuyer(s.mqtt_port, http=m.http)
    state = f"{ROOT}/shed/edge1/state"
    wait_for("online", lambda: (retained(s.mqtt_port, state) or {}).get("state") == "online")
    for i in range(3):
        m.events(20)
        s.parts["sink-market"].kill()
        wait_for("offline", lambda: (retained(s.mqtt_port, state) or {}).get("state") == "offline", 5)
        m.events(5)
        m.publish()
        m.agree(paho)
    wait_for("online", lambda: (retained(s.mqtt_port, state) or {}).get("state") == "online")
    assert paho.holes == 0 and paho.repeats <= 3 * (16 + 100)
    paho.close()
    s.parts["sink-market"].stop()
    assert retained(s.mqtt_port, state)["state"] == "offline"        # a clean stop says so itself
    s.stop()


@pytest.fixture
def guarded(shed_of):
    """A broker with passwords and an ACL; lotline-mqtt's own is `edge`."""
    s = shed_of()
    m = Market(s)
    s.path("passwords").touch()
    for user in ("edge", "buyer"):
        subprocess.run(["mosquitto_passwd", "-b", s.path("passwords"), user, "right"], check=True)
    s.path("acl").write_text(f"user edge\ntopic readwrite {ROOT}/#\nuser buyer\ntopic read {ROOT}/#\n")
    m.config = f"password_file {s.path('passwords')}\nacl_file {s.path('acl')}\n"
    s.password = s.path("password")
    s.password.write_text("right\n")
    return m


def test_refused_credentials(guarded):
    """A wrong password: a reason for people, no busy loop, no event lost; the right one, and all goes on."""
    s = guarded.shed
    s.start_broker(anonymous=False, config=guarded.config)
    s.password.write_text("wrong\n")
    guarded.events(10)
    p = guarded.publish(username="edge", password_file=str(s.password), status=False)
    sink = wait_for("the sink to say why", lambda: (lambda x: x if x and x["why"] else None)(guarded.sink()), 10)
    assert sink["state"] != "online" and "authori" in sink["why"].lower(), sink
    assert "refuses" in p.tail() and f":{guarded.proxy.port}" in p.tail()
    ticks = cpu_ms(p.pid)
    time.sleep(1.5)
    assert cpu_ms(p.pid) - ticks < 150 and p.tail(200).count("refuses") == 1
    p.stop()
    s.password.write_text("right\n")
    guarded.publish(username="edge", password_file=str(s.password), status=False)
    wait_for("all to be published", lambda: guarded.sink()["state"] == "online" and guarded.sink()["lag"] == 0, 10)
    s.stop()


def cpu_ms(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf("SC_CLK_TCK")


def test_denied_publish(guarded):
    """The broker refuses one topic (0x87): the sink stops with the reason, skips nothing, and goes on from
    there once a person has put it right."""
    s = guarded.shed
    rights = s.path("acl").read_text()
    s.path("acl").write_text(f"user edge\ntopic readwrite {ROOT}/buyer/market/head\nuser buyer\ntopic read {ROOT}/#\n")
    s.start_broker(anonymous=False, config=guarded.config)
    p = guarded.publish(username="edge", password_file=str(s.password), status=False)
    guarded.events(5)
    wait_for("the sink to stop", lambda: guarded.sink() and guarded.sink()["state"] == "stopped", 10)
    sink = guarded.sink()
    assert "authori" in sink["why"].lower() and sink["cursor"] == 0
    assert "stops" in p.tail() and "0x87" in p.tail()
    guarded.events(5)
    time.sleep(1.2)
    assert guarded.sink()["state"] == "stopped" and guarded.sink()["cursor"] == 0
    s.path("acl").write_text(rights)
    os.kill(s.parts["mosquitto"].pid, signal.SIGHUP)
    p.stop()
    buyer = PahoBuyer(s.mqtt_port, user="buyer", password="right", http=guarded.http)
    guarded.publish(username="edge", password_file=str(s.password), status=False)
    guarded.agree(buyer)
    assert buyer.holes == 0
    buyer.close()
    s.stop()
