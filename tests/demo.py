"""make demo: a shed at work. Two intake lots go over the conveyor, a third is sorted by hand; boxes are
packed, events reach the broker, a phone's page is fetched. Then every figure is judged by a witness
other than the program that made it; the last line is one JSON object."""
import argparse
import gzip
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from rig import truth, verify  # noqa: E402
from rig.proc import wait_for  # noqa: E402
from rig.shed import E_MG, Shed  # noqa: E402

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
        self.boxes, self.lots, self.runs = [], [], []
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
        s = self.shed
        with s.control() as c:
            c.call("coop.set", name_zh="演示合作社", name_en="Demonstration Cooperative", contact="0635-0000000",
                   township_zh="演示镇", township_en="Demonstration Township")
            self.farmers = [c.call("farmer.add", name=f"示例农户{i}", initials="slnh" + "abc"[i], township_zh="演示镇",
                                   township_en="Demonstration Township")["pid"] for i in (1, 2)]
            self.worker = c.call("worker.add", name="示例工人", initials="slgr")["pid"]
            c.call("product.add", product="dangshen-lu", crop="codonopsis", gtin="06901234567892",
                   name_zh="潞党参", name_en="Codonopsis root (Lu)")
            shown = [dict(applied_mg=g * 1000, shown_mg=self.shows(g * 1000)) for g in (40, 15000, 20000)]
            self.unload()
            c.call("scale.check", scale="w1", weights=shown)

    def load(self, mg):
        with_sim = self.shed.sim()
        with_sim.do("w1", "load", mg=mg)
        with_sim.close()

    def unload(self):
        sim = self.shed.sim()
        sim.do("w1", "unload")
        sim.close()
        wait_for("an empty scale", lambda: self.shed.station()["state"] in ("empty", "unchecked") and
                 abs(self.shed.station()["net_mg"]) < E_MG, 10)

    def shows(self, mg):
        """Puts a load on and reads what the scale shows when it is steady."""
        self.load(mg)

        def steady():
            sc = self.shed.status()["scales"][0]
            return sc["stable"] and sc["good"] and abs(sc["net_mg"] - mg) <= E_MG and (sc["net_mg"] + 1)
        return wait_for("a steady scale", steady, 10) - 1

    def weigh(self, mg, purpose, **fields):
        """One placement through the station's interlock, like a worker: load, wait, accept, unload."""
        self.load(mg)
        st = wait_for("a weight that may be accepted",
                      lambda: (lambda v: v if v["state"] == "ready" else None)(self.shed.station()), 10)
        with self.shed.control() as c:
            r = c.call("station.accept", station="st1", placement=st["placement"], shown_mg=st["net_mg"],
                       purpose=purpose, **fields)
        self.unload()
        return r

    def intake(self, farmer, crates):
        with self.shed.control() as c:
            lot = c.call("lot.open", farmer=farmer, product="dangshen-lu")["lot"]
        for mg in crates:
            self.weigh(mg, "intake", lot=lot)
        with self.shed.control() as c:
            c.call("lot.close", lot=lot)
        self.lots.append(lot)
        return lot

    # ---- the belt
    def sort(self, lots, seconds):
        s = self.shed
        with s.control() as c:
            r = c.call("run.start", line="s1", lots=lots, ruleset="lu", product="dangshen-lu")
            self.runs.append(r)
            wait_for("the run to govern the line", lambda: s.line()["run"] == r["run"], 10)
            for outlet in (1, 2, 3):
                c.call("box.open", line="s1", outlet=outlet)
        sim = s.sim()
        sim.do("s1", "feed", items=100000000, rate=self.a.rate)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.stopping:
            self.live()
            time.sleep(0.5)
        sim.do("s1", "pause")
        self.drained(sim)
        sim.close()
        for outlet in (1, 2, 3):
            mg = next(o["fill_mg"] for o in s.line()["outlets"] if o["outlet"] == outlet)
            mg = max(40000, mg // E_MG * E_MG)
            self.boxes.append(self.weigh(mg, "box", line="s1", outlet=outlet))
        with s.control() as c:
            c.call("run.stop", run=r["id"])
        return r

    def drained(self, sim):
        def done():
            st = sim.do("s1", "stat")
            l = self.shed.line()
            return st["held"] == 0 and l["ack_seq"] == l["head_seq"] and l["ack_out"] == l["out_head"] \
                and st["out_head"] == l["out_head"] and st["head"] == l["head_seq"] and st.get("on_belt", 0) == 0
        wait_for("the belt to run empty and all to be recorded", done, 20)

    def live(self):
        l = self.shed.line()
        self.say(f"  {l['state']:9} items {l['items']:6}  late {l['late_plc']}  slot p99 {l['slot_p99_us'] / 1000:.1f} ms"
                 f"  outlets {' '.join(str(o['items']) for o in l['outlets'])}  age {l['age_ms']} ms")

    # ---- by hand
    def hand(self, lot, out_mg):
        task = self.weigh(out_mg, "hand.out", lot=lot, worker=self.worker)["task"]
        left = out_mg
        for grade, share in (("1", 40), ("2", 25), ("3", 15), ("mixed", 10), ("trimmings", 6), ("soil", 3)):
            mg = out_mg * share // 100 // E_MG * E_MG
            left -= mg
            self.weigh(mg, "hand.back", task=task, grade=grade)
        with self.shed.control() as c:
            r = c.call("hand.close", task=task)
        self.say(f"  by hand: {out_mg / 1e6:.3f} kg out, loss {left / 1e6:.3f} kg")
        graded = next(l for l in r["returns"] if l.get("grade") == "1")
        self.boxes.append(self.weigh(out_mg * 40 // 100 // E_MG * E_MG, "box", lot=graded["lot"]))

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
        lots = [d.intake(d.farmers[0], [8000000, 6500000]), d.intake(d.farmers[1], [9000000]),
                d.intake(d.farmers[0], [5000000])]
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
