"""The buyer's page and the public routes: small, without JavaScript, the verdict first, both languages; bad
addresses; replay; and nobody's name, number or pseudonym on any public route, topic, log or event."""
import gzip
import json
import re
import sqlite3
import subprocess
import urllib.parse

import pytest
from consumer import ROOT, Consumer, SubBuyer, data_of, replay_http
from rig.hands import Hands, graded
from rig.proc import wait_for
from rig.shed import E_MG

NAME, PHONE, WORKER = "金丝雀丙丁", "13987654321", "画眉戊己"
PAGE_LIMIT = 14 * 1024


class Shop:
    """Hand-sorted boxes in every state, a buyer on the broker, everything said on all topics in a file."""

    def __init__(self, shed):
        self.shed = shed
        shed.start_sim(["scale:name=w1,port=0,unit=1,settle-ms=50"])
        shed.write_config(lines=[], **shed.quick_scale())
        shed.start_daemon()
        shed.start_web("public")
        shed.start_broker()
        with open(shed.path("all.txt"), "wb") as out:
            self.spy = subprocess.Popen(["mosquitto_sub", "-p", str(shed.mqtt_port), "-V", "5", "-q", "1", "-v", "-t",
                                         "#"], stdout=out)
        self.buyer = SubBuyer(shed.mqtt_port, shed.path("buyer.txt"))
        shed.start_sink()
        h = self.hands = Hands(shed)
        h.prepare(farmers=0)
        h.farmers = [h.call("farmer.add", name=f"{NAME}{i}", phone=PHONE, initials="jsq" + "ab"[i], township_zh="试验镇",
                            township_en="Testing", plot="plot 7")["pid"] for i in range(2)]
        h.worker = h.call("worker.add", name=WORKER, phone=PHONE, initials="hm")["pid"]
        h.check_scale()
        self.boxes = {}
        for name in ("ok", "hold", "recalled", "void"):
            r = h.hand(h.intake(h.farmers[len(self.boxes) % 2], [3000000]), 3000000, (("1", 60), ("2", 38)))
            lot = graded(r)[0]["lot"]
            self.boxes[name] = h.weigh(3000000 * 40 // 100 // E_MG * E_MG, "box", lot=lot)
        h.call("hold.place", lot=self.lot_of("hold"), reason="waiting for the laboratory")
        h.call("recall.start", id=self.boxes["recalled"]["box"], reason="sulphur dioxide")
        h.call("weighing.void", weighing=self.boxes["void"]["weighing"], reason="wrong box")

    def ask(self, sql, *args):
        db = sqlite3.connect(f"file:{self.shed.db}?mode=ro", uri=True)
        try:
            return db.execute(sql, args).fetchall()
        finally:
            db.close()

    def lot_of(self, name):
        return self.ask("SELECT lot FROM unit WHERE box = ?", self.boxes[name]["box"])[0][0]

    def seal(self, name):
        return self.ask("SELECT seal FROM unit WHERE box = ?", self.boxes[name]["box"])[0][0]

    def page(self, name, lang="en", query=""):
        return self.shed.get(f"/B/{self.boxes[name]['box']}{query}", headers={"Accept-Language": lang})

    def close(self):
        self.spy.terminate()
        self.spy.wait()
        self.buyer.close()
        self.shed.stop()


@pytest.fixture(scope="module")
def shop(module_shed_of):
    s = Shop(module_shed_of("shop"))
    yield s
    if s.spy.poll() is None:
        s.close()


def verdict(body):
    """Colour class and word of the banner."""
    return re.search(rb'<header class="v ([a-z]+)".*?<div class="w"><b>(.*?)</b>', body, re.S).groups()


OK, HOLD, RECALLED = (b"ok", b"Valid"), (b"hold", b"On hold"), (b"bad", b"Recalled")
VOID, SEAL, UNKNOWN = (b"gone", b"Void"), (b"bad", b"Seal does not fit"), (b"gone", b"Unknown")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_page_is_small_and_complete(shop, lang):
    code, headers, body = shop.page("ok", lang, f"?s={shop.seal('ok')}")
    text = body.decode()
    assert code == 200 and len(gzip.compress(body)) <= PAGE_LIMIT
    assert headers["Content-Type"].startswith("text/html") and "lang=\"" + ("zh" if lang == "zh" else "en") in text
    assert "default-src" in headers["Content-Security-Policy"]
    outside = [u for u in re.findall(r'(?:src|href)="([^"]+)"', text) if u.startswith(("http:", "https:", "//"))]
    assert outside == []
    head = text.index("<header")
    assert head < text.index("<main") and verdict(body)[0] == b"ok" and (verdict(body) == OK) == (lang == "en")
    assert ("潞党参" if lang == "zh" else "Codonopsis root") in text
    assert ("Data as of" in text) == ("Cooperative" in text) == (lang == "en")       # nothing left untranslated
    assert "1.200" in text and "jin" not in text.lower() and "斤" not in text.replace("公斤", "")
    packed = shop.shed.get(f"/B/{shop.boxes['ok']['box']}", headers={"Accept-Encoding": "gzip", "Accept-Language": lang})
    if packed[1].get("Content-Encoding") == "gzip":
        assert len(packed[2]) <= PAGE_LIMIT and gzip.decompress(packed[2]).startswith(b"<!doctype html>")


@pytest.mark.parametrize("name,want", [("ok", OK), ("hold", HOLD), ("recalled", RECALLED), ("void", VOID)])
def test_verdict(shop, name, want):
    code, _, body = shop.page(name)
    assert code == 200 and verdict(body) == want
    reason = {"hold": "waiting for the laboratory", "recalled": "sulphur dioxide", "void": "wrong box"}.get(name, "")
    assert reason in body.decode().split("</header>")[0]


def test_seal(shop):
    good = shop.seal("ok")
    assert verdict(shop.page("ok", query=f"?s={good}")[2]) == OK
    sloppy = urllib.parse.quote(good.lower().replace("0", "o"))
    assert verdict(shop.page("ok", query=f"?s={sloppy}")[2]) == OK
    for wrong in (shop.seal("hold"), good[:-1] + ("0" if good[-1] != "0" else "1")):
        assert verdict(shop.page("ok", query=f"?s={wrong}")[2]) == SEAL
    assert shop.boxes["ok"]["path"].startswith(f"/B/{shop.boxes['ok']['box']}?s=")
    assert shop.shed.get(shop.boxes["ok"]["path"])[0] == 200


def test_unknown_and_wrong(shop):
    code, _, body = shop.shed.get("/B/0123456789", headers={"Accept-Language": "en"})
    assert code == 404 and verdict(body) == UNKNOWN
    assert shop.shed.get("/nothing")[0] == 404
    assert shop.shed.get("/01/06901234567893/10/X")[0] == 400
    for path in ("/station", "/line", "/office", "/v1/station", "/api/status"):
        assert shop.shed.get(path)[0] == 404                       # of the shed, not of the public
    assert shop.shed.get("/../../etc/passwd")[0] in (400, 404)


def test_digital_link(shop):
    lot, box = shop.lot_of("ok"), shop.boxes["ok"]["box"]
    for path in (f"/01/06901234567892/10/{lot}", f"/01/06901234567892/10/{lot}/21/{box}", f"/10/{lot}"):
        code, _, body = shop.shed.get(path)
        assert code == 200 and lot.encode() in body, path
    code, headers, body = shop.shed.get(f"/01/06901234567892/10/{lot}?linkType=linkset")
    doc = json.loads(body)
    assert code == 200 and "linkset" in doc and headers["Content-Type"].startswith("application/linkset+json")
    code, headers, body = shop.shed.get(f"/10/{lot}", headers={"Accept": "application/linkset+json"})
    assert code == 200 and "linkset" in json.loads(body)
    code, _, body = shop.shed.get(f"/10/{lot}/epcis")
    assert code == 200 and json.loads(body)["type"] == "EPCISDocument"
    code, _, body = shop.shed.get("/.well-known/gs1resolver")
    assert code == 200 and json.loads(body)


def test_proof_stands_alone(shop):
    """The proof file and the event's bytes, checked with hashlib and PyNaCl alone."""
    box = shop.boxes["ok"]["box"]
    code, _, proof = shop.shed.get(f"/B/{box}/proof")
    code2, _, event = shop.shed.get(f"/B/{box}/event")
    assert code == code2 == 200
    assert (json.loads(event)["kind"], event) in [(k, bytes(b)) for k, b in shop.ask("SELECT kind, body FROM event")]
    assert proof.startswith(b"c2sp.org/tlog-proof@v1\n")


def test_replay_is_what_was_published(shop):
    """Over HTTP, over MQTT and at the subscriber: byte for byte the same."""
    n = shop.ask("SELECT count(*) FROM stream WHERE buyer = 'market'")[0][0]
    shop.buyer.wait(n)
    again = Consumer()
    replay_http(f"http://127.0.0.1:{shop.shed.web_port['public']}", "market", again, limit=3)
    assert again.events == shop.buyer.events and n > 10
    stored = [bytes(b) for b, in shop.ask("SELECT e.body FROM stream s JOIN event e ON e.seq = s.event_seq WHERE"
                                          " s.buyer = 'market' ORDER BY s.n")]
    assert [data_of(e) for e in again.events] == stored
    for text in again.events:
        e = json.loads(text)
        assert e["specversion"] == "1.0" and all(re.fullmatch(r"[a-z0-9]{1,20}", k) for k in e)
        assert isinstance(e["streamseq"], int) and isinstance(e["streamepoch"], int)
    base = "/v1/streams/market?after="
    assert [shop.shed.get(base + x)[0] for x in ("x", "0", "0:-1", "0:0&limit=0", "0:0&limit=99999999")].count(200) <= 1
    assert shop.shed.get("/v1/streams/nobody?after=0:0&limit=1")[0] == 404


def test_nobody_is_named_in_public(shop):
    """Last of this shed: every public route, every topic, every log and event against the canaries."""
    s = shop.shed
    pids = [*shop.hands.farmers, shop.hands.worker]
    canaries = [NAME, PHONE, WORKER, "jsqa", *pids]
    canaries += [p.split(":")[-1] for p in pids]
    box, lot = shop.boxes["ok"]["box"], shop.lot_of("ok")
    source = shop.ask("SELECT lot FROM lot WHERE kind = 'intake' LIMIT 1")[0][0]
    paths = ["/", f"/find?q={box}", "/healthz", "/.well-known/gs1resolver", "/v1/streams/market?after=0:0&limit=100"]
    for at in (f"/B/{box}", f"/10/{lot}", f"/10/{source}", f"/01/06901234567892/10/{lot}"):
        paths += [at + more for more in ("", "?lang=zh", "?lang=en", "?linkType=linkset", "/epcis", "/proof", "/event")]
    for path in paths:
        body = s.get(path)[2].decode(errors="replace")
        assert not [c for c in canaries if c in body], path
    wait_for("the publisher", lambda: s.status()["sinks"][0]["lag"] == 0)
    shop.close()
    said = s.path("all.txt").read_text(errors="replace")
    assert f"{ROOT}/buyer/market/ev/" in said and f"{ROOT}/shed/edge1/state" in said
    assert not [c for c in canaries if c in said]
    topics = {t.split(" ", 1)[0] for t in said.split("\n") if t}
    assert all(re.fullmatch(r"[a-z0-9/-]{1,64}", t) for t in topics), topics
    for log in s.run.glob("*.log"):
        text = log.read_text(errors="replace")
        assert not [c for c in (NAME, PHONE, WORKER) if c in text], log
    bodies = b"\n".join(bytes(b) for b, in shop.ask("SELECT body FROM event")).decode()
    assert not [c for c in (NAME, PHONE, WORKER) if c in bodies]
    for name in ("store.db", "store.db-wal"):
        raw = (s.store / name).read_bytes() if (s.store / name).exists() else b""
        assert not [c for c in (NAME, PHONE, WORKER) if c.encode() in raw], name
