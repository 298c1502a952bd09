"""make demo: a shed at work. Two intake lots go over the conveyor, a third is sorted by hand; boxes are
packed, events reach the broker, a phone's page is fetched. Then every figure is judged by a witness
other than the program that made it; the last line is one JSON object."""
import argparse
import gzip
import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from rig import truth, verify  # noqa: E402
from rig.hands import Hands, graded  # noqa: E402
from rig.proc import wait_for  # noqa: E402
from rig.shed import Shed  # noqa: E402

OUTLETS = {"1": 1, "2": 2, "3": 3, "reject": 4}
DEFAULT = 5


class Demo:
    def __init__(self, args):
        self.a = args
        self.began = time.monotonic()
        run = pathlib.Path(args.run)
        if run.exists():
            shutil.rmtree(run)
        self.shed = Shed(run, seed=args.seed, rate=args.rate)
        self.boxes = []
        self.sub = None
        self.stopping = False

    def say(self, text):
        print(text, flush=True)

    def share_of_time(self, parts):
        """What is left of T for one of so many runs, after what packing, hand work and the end will take."""
        left = self.a.seconds - (time.monotonic() - self.began) - (12 if parts == 2 else 5)
        return max(2.0, left / parts)

    # ---- start
    def start(self):
        s = self.shed
        s.start_sim(settle_ms=120)
        s.write_config(scales=[s.scale_config(poll_ms=40)], stations=[dict(name="st1", scale="w1", stable_ms=120)])
        s.start_daemon()
        s.start_web("public", self.a.port)
        s.start_web("shed")
        if self.a.broker:
            s.start_broker()
            out = open(s.path("received.txt"), "wb")
            self.sub = subprocess.Popen(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(s.mqtt_port), "-V", "5",
                                         "-q", "1", "-t", "coop/v1/demo/buyer/market/ev/#"], stdout=out)
            s.start_sink()
        self.say(f"record   {s.db}")
        self.say(f"broker   {'mqtt://127.0.0.1:%d' % s.mqtt_port if self.a.broker else 'off'}")
        self.say(f"station  http://127.0.0.1:{s.web_port['shed']}/station   line  http://127.0.0.1:{s.web_port['shed']}/line")

    # ---- the morning: who, what, and is the scale right
    def prepare(self):
        self.hands = Hands(self.shed).prepare()
        self.hands.check_scale()

    # ---- the belt
    def sort(self, lots, seconds):
        s = self.shed
        r = self.hands.run(lots, boxes=(1, 2, 3))
        sim = s.sim()
        sim.do("s1", "feed", items=100000000, rate=self.a.rate)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.stopping:
            self.live()
            time.sleep(0.5)
        sim.do("s1", "pause")
        self.hands.drained(lambda: sim.do("s1", "stat"))
        sim.close()
        self.boxes += [self.hands.box(outlet) for outlet in (1, 2, 3)]
        self.hands.call("run.stop", run=r["id"])

    def live(self):
        l = self.shed.line()
        self.say(f"  {l['state']:9} items {l['items']:6}  late {l['late_plc']}  slot p99 {l['slot_p99_us'] / 1000:.1f} ms"
                 f"  outlets {' '.join(str(o['items']) for o in l['outlets'])}  age {l['age_ms']} ms")

    # ---- by hand
    def hand(self, lot, out_mg):
        r = self.hands.hand(lot, out_mg)
        self.say(f"  by hand: {r['out_mg'] / 1e6:.3f} kg out, loss {r['loss_mg'] / 1e6:.3f} kg")
        first = graded(r)[0]
        self.boxes.append(self.hands.weigh(first["mg"], "box", lot=first["lot"]))

    # ---- the end
    def finish(self):
        s = self.shed
        if self.a.broker:
            def published():
                sinks = s.status()["sinks"]
                return sinks and sinks[0]["lag"] == 0
            wait_for("the publisher", published, 20)
            time.sleep(0.3)
        box = self.boxes[0]
        path = f"/B/{box['box']}?s={box['seal']}"
        code, headers, body = s.get(path, headers={"Accept-Language": "en", "Accept-Encoding": "gzip"})
        html = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
        page = dict(status=code, bytes=len(body), ok=code == 200 and b'class="v ok"' in html and len(body) <= 14000)
        url = f"http://127.0.0.1:{s.web_port['public']}{path}"
        print(s.lotline("qr", url, json_out=False)[1])
        self.say(f"a buyer's phone: {url}  ({len(body)} bytes)")
        if self.a.stay:
            self.say("Ctrl-C ends the demo")
            while not self.stopping:
                self.live()
                time.sleep(1)
        s.stop()
        if self.sub:
            self.sub.terminate()
            self.sub.wait()
        return page

    def received(self):
        """Distinct and repeated events of the buyer's stream, and whether they came in order."""
        if not self.a.broker:
            return None
        seqs = []
        with open(self.shed.path("received.txt"), encoding="utf-8") as f:
            for text in f:
                e = json.loads(text)
                seqs.append((e["streamepoch"], e["streamseq"]))
        kept, last = [], (1, 0)
        for k in seqs:
            if k == (last[0], last[1] + 1):
                kept.append(k)
                last = k
            elif k > last:
                return dict(mqtt_received=len(kept), mqtt_hole=1)
        return dict(mqtt_received=len(kept), mqtt_hole=0)

    def judge(self, page):
        s = self.shed
        plant(self.a.fault, s)
        r = truth.compare(s.truth, s.db, OUTLETS, DEFAULT)
        faults = verify.verify(s.db)
        db = sqlite3.connect(f"file:{s.db}?mode=ro", uri=True)
        r["events"] = db.execute("SELECT count(*) FROM event").fetchone()[0]
        r["lots"] = db.execute("SELECT count(*) FROM lot WHERE kind = 'intake'").fetchone()[0]
        streamed = db.execute("SELECT count(*) FROM stream WHERE buyer = 'market'").fetchone()[0]
        db.close()
        r["boxes"] = len(self.boxes)
        r["mqtt_sent"] = streamed if self.a.broker else 0
        r.update(self.received() or dict(mqtt_received=0, mqtt_hole=0))
        r["buyer_page"] = page["ok"]
        r["verified"] = not faults
        r["seed"], r["rate"] = self.a.seed, self.a.rate
        violations = r.pop("violations")
        r["violations"] = len(violations)
        for f in faults[:5] + [json.dumps(v) for v in violations[:5]]:
            self.say("  ! " + f)
        ok = (r["items_plc"] > 0 and not (r["lost"] or r["duplicate"] or r["altered"] or r["wrong_outlet"] or
              r["outcomes_wrong"] or r["out_of_order"] or r["violations"] or r["mqtt_hole"]) and r["verified"] and
              r["buyer_page"] and r["items_plc"] == r["items_stored"] and r["outcomes_plc"] == r["outcomes_stored"] and
              r["mqtt_received"] == r["mqtt_sent"] and r["lots"] == 3)
        return ok, r


def plant(fault, shed):
    """A fault from outside, in the file itself: what the witnesses must notice."""
    if not fault:
        return
    kind, _, n = fault.partition(":")
    db = sqlite3.connect(shed.db)
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    ids = [r[0] for r in db.execute("SELECT id FROM item WHERE net_mg IS NOT NULL ORDER BY id LIMIT -1 OFFSET 5")]
    for i in range(int(n or 1)):
        victim = ids[len(ids) // 2 + i]
        if kind == "drop":
            db.execute("DELETE FROM item WHERE id = ?", (victim,))
        elif kind == "dup":
            db.execute("CREATE TABLE IF NOT EXISTS more AS SELECT * FROM item WHERE 0")
            segment = db.execute("SELECT max(id) + 1 FROM segment").fetchone()[0]
            db.execute("INSERT INTO segment SELECT ?, line, epoch, run, rule, first_seq, item_to, outcome_to, at_ms,"
                       " event_seq FROM segment WHERE id = ?", (segment, victim >> 32))
            columns = [c[1] for c in db.execute("PRAGMA table_info(item)")][1:]
            db.execute(f"INSERT INTO item SELECT ?, {','.join(columns)} FROM item WHERE id = ?",
                       (segment << 32 | (victim & 0xFFFFFFFF), victim))
        elif kind == "alter":
            db.execute("UPDATE item SET net_mg = net_mg + 10 WHERE id = ?", (victim,))
        elif kind == "tamper":
            db.execute("UPDATE event SET body = CAST(replace(CAST(body AS TEXT), '\"at_ms\":1', '\"at_ms\":2') AS BLOB) WHERE seq ="
                       " (SELECT max(seq) / 2 FROM event)")
        else:
            raise SystemExit(f"FAULT={fault}: drop, dup, alter or tamper, with a count")
    db.commit()
    db.close()


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--run", default="run")
    p.add_argument("--seconds", type=float, default=None)
    p.add_argument("--rate", type=float, default=10)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--port", type=int, default=0, help="of the buyer page")
    p.add_argument("--broker", default="on", choices=["on", "off"])
    p.add_argument("--fault", default="")
    a = p.parse_args()
    a.broker = a.broker == "on"
    a.stay = a.seconds is None
    a.seconds = 30 if a.seconds is None else a.seconds
    return a


def main():
    a = arguments()
    d = Demo(a)
    signal.signal(signal.SIGINT, lambda *_: setattr(d, "stopping", True))
    signal.signal(signal.SIGTERM, lambda *_: setattr(d, "stopping", True))
    try:
        d.start()
        d.prepare()
        one, two = d.hands.farmers
        lots = [d.hands.intake(one, [8000000, 6500000]), d.hands.intake(two, [9000000]), d.hands.intake(one, [5000000])]
        d.sort([lots[0]], d.share_of_time(2))
        d.hand(lots[2], 4000000)
        d.sort([lots[1]], d.share_of_time(1))
        page = d.finish()
        ok, r = d.judge(page)
    except BaseException:
        d.shed.kill()
        if d.sub:
            d.sub.kill()
        for p in d.shed.parts.values():
            print(f"--- {p.name}\n{p.tail(8)}", file=sys.stderr)
        raise
    print(json.dumps(r, sort_keys=True))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
