#!/usr/bin/python3
"""kill -9 of lotlined, aimed at the five windows of an item's way, judged by what others saw.

  read-slot       the record was read, its slot has not reached the PLC
  slot-commit     the PLC has the slot, the record has no row
  commit-ack      the row is committed, the PLC has no acknowledgement
  ack-publish     the acknowledgement is out, a committed event has not reached the broker
  publish-puback  the buyer has the event, the publisher has no PUBACK

A proxy before the PLC and one before the broker hold time still where chance would be rare. Which window a
kill really fell into is read from the store's file, the sorter's truth log and the buyer, not assumed. In
the end every item, outcome, run, rule version, lot and event is compared with the truth."""
import argparse
import json
import pathlib
import shutil
import sqlite3
import statistics
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE, HERE.parent, HERE.parent / "peers"):
    sys.path.insert(0, str(folder))

from consumer import PahoBuyer, SubBuyer, data_of  # noqa: E402
from modbus_proxy import ModbusProxy, Nothing  # noqa: E402
from mqtt_proxy import MqttProxy  # noqa: E402
from rig import oracle, truth, verify  # noqa: E402
from rig.hands import Hands, graded  # noqa: E402
from rig.proc import wait_for  # noqa: E402
from rig.shed import ROOT, Shed  # noqa: E402

WINDOWS = ("read-slot", "slot-commit", "commit-ack", "ack-publish", "publish-puback")
RATE, RING, HELD = 140, 256, 10       # the simulated belt carries 512 things, some for 3.5 s
OUTLETS, DEFAULT = {"1": 1, "2": 2, "3": 3, "reject": 4}, 5
RESTART_MS = 300
GATE_S = 0.12
CANARY = "金丝雀农户"


class Lu2(oracle.Lu):
    """The second version of the rules that the runs use."""
    limits_um = ((9000, "1"), (8000, "2"), (4000, "3"))


class Killer(Nothing):
    """Hooks of the Modbus proxy. Armed, it first keeps headers back until enough items are unacknowledged,
    then kills at the first exchange of the wanted kind."""

    def __init__(self, shed):
        self.shed, self.sim = shed, shed.sim()
        self.lock = threading.Condition()
        self.window, self.also, self.gated = None, (), False
        self.epoch = self.head = 0
        self.read = self.acked = (0, 0)     # newest (epoch, seq) that the host has read, has acknowledged
        self.before_ack = None
        self.slots = []                     # time and connection of slot writes
        self.shot = None

    def arm(self, window, also=()):
        """also: other processes that die with lotlined."""
        with self.lock:
            self.window, self.also, self.gated, self.shot = window, also, False, None

    def wait(self, seconds=10):
        with self.lock:
            if not self.lock.wait_for(lambda: self.shot is not None, seconds):
                raise TimeoutError(f"no chance to kill in {self.window} within {seconds} s")
            return self.shot

    def flight(self):
        """Items unacknowledged in the ring, and items that have not passed their decision point."""
        st = self.sim.do("s1", "stat")
        return dict(held=st["held"], on_belt=st["on_belt"])

    def kill(self, flight=None):
        """flight: as it was before the exchange that is struck, where that one changes it."""
        shot = dict(flight or self.flight(), read=self.read)
        for p in (self.shed.parts["lotlined"], *self.also):
            p.kill()
        with self.lock:
            self.window, self.shot = None, shot
            self.lock.notify_all()
        return shot

    def gate(self):
        """Holds the host's next header until the ring holds enough; well below the link's timeout."""
        end = time.monotonic() + GATE_S
        time.sleep(0.006)                   # an acknowledgement on its way has arrived
        while time.monotonic() < end and self.flight()["held"] < HELD + 2:
            time.sleep(0.005)
        self.gated = self.flight()["held"] >= HELD

    def moved(self, x):
        """Does this write acknowledge items that were not acknowledged before?"""
        at = x.acked()
        return at is not None and at[0] != 0 and at[:2] > self.acked

    def before(self, x):
        if x.kind == "slots":
            self.slots.append((time.monotonic(), x.connection))
        if self.window is None:
            return True
        if not self.gated:
            if x.kind == "header":
                self.gate()
            if self.gated and self.window == "publish-puback":
                self.kill()
                return False
        elif (self.window, x.kind) == ("read-slot", "slots") or self.window == "commit-ack" and self.moved(x):
            self.kill()
            return False
        elif self.window == "ack-publish" and self.moved(x):
            self.before_ack = self.flight()
        return True

    def after(self, x):
        if x.head():
            self.epoch, self.head = x.head()[:2]
        for seq in x.seqs():
            if self.head - x.layout.ring_n < seq <= self.head + x.layout.ring_n:
                self.read = max(self.read, (self.epoch, seq))
        moved = self.moved(x)
        if moved:
            self.acked = x.acked()[:2]
        if self.gated and (self.window, x.kind) == ("slot-commit", "slots"):
            self.kill()
        elif self.gated and self.window == "ack-publish" and moved:
            self.kill(self.before_ack)
        else:
            return True
        return False


class Office:
    """Somebody who keeps the record busy while lotlined dies and comes back: a request is repeated with its
    own id until it is answered, so what it asks for must happen exactly once."""

    def __init__(self, shed, lots):
        self.shed, self.lots, self.n, self.asked = shed, lots, 0, []

    def request(self, command, **args):
        rid = f"office-{len(self.asked):05d}"
        end = time.monotonic() + 10
        while True:
            try:
                with self.shed.control(timeout=3) as c:
                    answer = c.call(command, rid, **args)
                self.asked.append((rid, command))
                return answer
            except (OSError, ValueError) as e:
                if time.monotonic() > end:
                    raise TimeoutError(f"{command} was not answered: {e}") from e
                time.sleep(0.01)

    def event(self):
        """One more public event."""
        lot = self.lots[self.n // 2 % len(self.lots)]
        self.n += 1
        if self.n % 2:
            return self.request("hold.place", lot=lot, reason="office")
        return self.request("hold.release", lot=lot, reason="office")


class Kills:
    """A shed at work, its deaths and the judgement."""

    ring = RING

    def __init__(self, run, n, seed=1, rate=RATE, build=None, say=print):
        self.n, self.say, self.rate = n, say, rate
        self.shed = Shed(run, build=build, seed=seed, rate=rate, site="kills")
        self.crops = self.shed.path("crops")
        self.shots, self.runs, self.differences = [], [], []
        self.restart_ms = []
        self.sub = self.paho = self.proxy = self.mqtt = None

    # ---- a shed at work
    def start(self):
        s = self.shed
        shutil.copytree(ROOT / "crops", self.crops, ignore=shutil.ignore_patterns("*.c", "*.h", "*.def"))
        words = dict(name="s1", port=0, unit=1, rate=self.rate, items=0, ring=self.ring, outlets=5, default=DEFAULT)
        words["spacing-ms"], words["decision-ms"], words["retentive"] = 4, 400, 1
        s.start_sim(["sorter:" + ",".join(f"{k}={v}" for k, v in words.items()),
                     "scale:name=w1,port=0,unit=1,settle-ms=50"])
        self.plc = Tail(s.truth)
        self.proxy = ModbusProxy(s.sim_devices["s1"]["port"], ring=self.ring)
        self.killer = self.proxy.hooks = Killer(s)
        s.write_config(lines=[s.line_config(port=self.proxy.port)], crops=str(self.crops),
                       **s.quick_scale())
        s.start_broker()
        self.mqtt = MqttProxy(s.mqtt_port)
        s.start_daemon()
        s.start_web("public")
        self.sink()
        http = f"http://127.0.0.1:{s.web_port['public']}"
        self.paho = PahoBuyer(s.mqtt_port, http=http)
        self.sub = SubBuyer(s.mqtt_port, s.path("received.txt"), http=http)
        self.hands = Hands(s).prepare(names=CANARY)
        self.hands.check_scale()
        self.lots = [self.hands.intake(self.hands.farmers[i % 2], [5000000]) for i in range(2)]
        sorted_by_hand = self.hands.hand(self.hands.intake(self.hands.farmers[0], [2000000]), 2000000)
        self.office = Office(s, [x["lot"] for x in graded(sorted_by_hand)])

    def sink(self):
        self.shed.start_sink(port=self.mqtt.port)

    def begin_run(self, lot, rules):
        """From here on the items belong to this lot and these rules; the belt is empty at this moment."""
        sim = self.shed.sim()
        first = (lambda st: (st["epoch"], st["head"] + 1))(sim.do("s1", "stat"))
        r = self.hands.run([lot])
        self.runs.append(dict(r, lot=lot, rules=rules, first=first))
        sim.do("s1", "feed", items=100000000, rate=self.rate)
        sim.close()

    def end_run(self):
        sim = self.shed.sim()
        sim.do("s1", "pause")
        self.hands.drained(lambda: sim.do("s1", "stat"))
        self.office.request("run.stop", run=self.runs[-1]["id"])
        wait_for("the run to close", lambda: self.ask("SELECT count(*) FROM run WHERE state <> 'closed'") == 0, 5)
        sim.close()

    def new_rules(self):
        """The next version of the rule set: first grade from 9 mm on."""
        path = self.crops / "codonopsis.yaml"
        text = path.read_text().replace("version: 1", "version: 2", 1)
        text = text.replace("[10 mm, 100 mm]", "[9 mm, 100 mm]", 1).replace("[8 mm, 10 mm]", "[8 mm, 9 mm]", 1)
        path.write_text(text)

    # ---- one death
    def die(self, window, number):
        sink = self.shed.parts["sink-market"]
        if window in ("ack-publish", "publish-puback"):
            self.mqtt.hold_back("publish" if window == "ack-publish" else "puback")
            self.office.event()
            if not self.mqtt.wait_held():
                raise TimeoutError(f"nothing to hold back for {window}")
        self.killer.arm(window, [sink] if window == "publish-puback" and number % 2 else [])
        shot = self.killer.wait()
        time.sleep(0.01)                    # two scans: what was written is seen
        shot.update(self.evidence(), aimed=window, puback_held=self.mqtt.hold == "puback" and self.mqtt.held > 0)
        shot["hit"] = hit(shot)
        self.shots.append(shot)
        if shot["held"] < HELD:
            self.differences.append(f"only {shot['held']} items unacknowledged at a kill in {window}")
        self.restart(sink)

    def restart(self, sink):
        began, former = time.monotonic(), self.proxy.connections
        self.shed.start_daemon(wait=False)
        if not sink.running():
            self.mqtt.cut()
            self.sink()
        else:
            self.mqtt.hold_back(None)
        first = wait_for("the first decision after a restart",
                         lambda: next((t for t, at in self.killer.slots if at > former), None), 10, 0.002)
        self.restart_ms.append((first - began) * 1000)

    def evidence(self):
        """What the store, the PLC and the buyer knew when lotlined was dead."""
        db = sqlite3.connect(f"file:{self.shed.db}?mode=ro", uri=True)
        stored = db.execute("SELECT s.epoch, max(i.id & 4294967295) FROM item i JOIN segment s ON s.id = i.id >> 32"
                            " GROUP BY s.epoch ORDER BY max(s.id) DESC LIMIT 1").fetchone()
        head = db.execute("SELECT epoch, max(n) FROM stream WHERE buyer = 'market' GROUP BY epoch"
                          " ORDER BY epoch DESC LIMIT 1").fetchone()
        db.close()
        self.plc.read()
        return dict(stored=tuple(stored or (0, 0)), slot=self.plc.newest["slot"], ack=self.plc.newest["ack"],
                    stream=tuple(head or (0, 0)), received=self.paho.last, cursor=self.cursor())

    def cursor(self):
        db = sqlite3.connect(f"file:{self.shed.path('mqtt')}/market.db?mode=ro", uri=True)
        try:
            return tuple(db.execute("SELECT epoch, n FROM cursor").fetchone() or (0, 0))
        finally:
            db.close()

    # ---- all of them
    def work(self):
        half = (self.n + 1) // 2
        order = [WINDOWS[i % len(WINDOWS)] for i in range(self.n)]
        self.begin_run(self.lots[0], oracle.Lu)
        time.sleep(0.5)
        for i, window in enumerate(order[:half]):
            self.die(window, i)
        self.end_run()
        self.new_rules()
        self.shed.parts["lotlined"].kill()
        self.shed.start_daemon()
        self.begin_run(self.lots[1], Lu2)
        time.sleep(0.5)
        for i, window in enumerate(order[half:], half):
            self.die(window, i)
        self.end_run()

    def finish(self):
        s = self.shed
        n = self.ask("SELECT count(*) FROM stream WHERE buyer = 'market'")
        for buyer in (self.paho, self.sub):
            buyer.wait(n)
        self.paho.close()
        self.sub.close()
        s.stop()
        self.proxy.close()
        self.mqtt.close()

    def ask(self, sql, *args):
        db = sqlite3.connect(f"file:{self.shed.db}?mode=ro", uri=True)
        try:
            return db.execute(sql, args).fetchone()[0]
        finally:
            db.close()

    # ---- judgement
    def differ(self, what):
        self.differences.append(what)

    def judge(self):
        log = truth.read(self.shed.truth)
        items = [e for e in log if e["ev"] == "item"]
        outs = [e for e in log if e["ev"] == "outcome"]
        for v in (e for e in log if e["ev"] == "violation"):
            self.differ(f"the PLC saw a breach of rule {v['rule']}: {v['what']}")
        rows, out_rows, gaps = truth.stored(self.shed.db)
        want = self.judge_items(items, rows)
        told = [(e["epoch"], e["out"], e["seq"], e["outlet"], e["reason"]) for e in outs]
        kept = [(r["epoch"], r["out"], r["seq"], r["outlet"], r["reason"]) for r in out_rows]
        self.same("outcomes and their order", told, kept)
        if gaps:
            self.differ(f"gaps that were none: {gaps}")
        for e in outs:
            if e["reason"] == truth.DECIDED and e["outlet"] != want[e["epoch"], e["seq"]][1]:
                self.differ(f"item {e['seq']} went to outlet {e['outlet']}")
        self.judge_lots(items, outs, want)
        self.judge_events()
        for fault in verify.verify(self.shed.db):
            self.differ("verifier: " + fault)
        code, text = self.shed.lotline("store", "rebuild", "--check")
        if code:
            self.differ(f"store rebuild --check: {code} {text}")
        return items

    def same(self, what, told, kept):
        if told != kept:
            n = next((i for i, (a, b) in enumerate(zip(told, kept)) if a != b), min(len(told), len(kept)))
            self.differ(f"{what}: {len(told)} and {len(kept)}, from {told[n:n + 2]} against {kept[n:n + 2]}")

    def run_of(self, key):
        return next(r for r in reversed(self.runs) if key >= r["first"])

    def judge_items(self, items, rows):
        self.same("items and their order", [(e["epoch"], e["seq"]) for e in items],
                  [(r["epoch"], r["seq"]) for r in rows])
        versions = {}
        for r in self.runs:
            rule = self.ask("SELECT rule FROM run WHERE run = ?", r["run"])
            versions[r["run"]] = rule
            wanted = 1 if r["rules"] is oracle.Lu else 2
            if self.ask("SELECT version FROM rule WHERE rule = ?", rule) != wanted:
                self.differ(f"run {r['run']} was not decided by version {wanted} of the rules")
        want, rules = {}, {r["run"]: r["rules"]() for r in self.runs}
        by_key = {(r["epoch"], r["seq"]): r for r in rows}
        for e in items:
            key = (e["epoch"], e["seq"])
            run = self.run_of(key)["run"]
            grade = rules[run].grade(e["net_mg"], e["dia_um"], e["aux2"], e["flags"])
            want[key] = (grade, DEFAULT if grade is None else OUTLETS[grade])
            row = by_key.get(key)
            if row is None:
                continue
            if not truth.same(e, row):
                self.differ(f"item {key} was altered: {row} against {e}")
            if (row["run"], row["rule"], row["segment_rule"]) != (run, versions[run], versions[run]):
                self.differ(f"item {key} stands in run {row['run']} under rule {row['rule']}, "
                            f"not {run} and {versions[run]}")
            if row["outlet"] != want[key][1]:
                self.differ(f"item {key} was decided for outlet {row['outlet']}, not {want[key][1]}")
        return want

    def judge_lots(self, items, outs, want):
        """Lots from the outcomes that the PLC reported: pieces and mass of every grade, inputs of each run."""
        net = {(e["epoch"], e["seq"]): e["net_mg"] for e in items}
        sums = {}
        for e in outs:
            key = (e["epoch"], e["seq"])
            grade = want[key][0] if e["reason"] == truth.DECIDED else None
            at = (self.run_of(key)["run"], grade)
            pieces, mg = sums.get(at, (0, 0))
            sums[at] = (pieces + 1, mg + (net[key] if grade else 0))
        db = sqlite3.connect(f"file:{self.shed.db}?mode=ro", uri=True)
        for r in self.runs:
            inputs = [x[0] for x in db.execute("SELECT lot FROM run_input WHERE run = ?", (r["run"],))]
            self.same(f"lots of run {r['run']}", [r["lot"]], inputs)
            for lot, code, pieces, mg in db.execute(
                    "SELECT l.lot, g.code, l.pieces, l.mg FROM run_output o JOIN lot l ON l.lot = o.lot JOIN run r ON"
                    " r.run = o.run LEFT JOIN rule_grade g ON g.rule = r.rule AND g.grade = o.grade AND o.grade > 0"
                    " WHERE o.run = ?", (r["run"],)):
                told = sums.get((r["run"], code), (0, 0))
                self.same(f"lot {lot} of grade {code}", [told[0], told[1] if code else mg], [pieces or 0, mg])
        db.close()

    def judge_events(self):
        """Both buyers hold exactly the stored bytes, in order; what the office asked for happened once."""
        db = sqlite3.connect(f"file:{self.shed.db}?mode=ro", uri=True)
        stored = [(x[0], x[1], bytes(x[2])) for x in db.execute(
            "SELECT s.epoch, s.n, e.body FROM stream s JOIN event e ON e.seq = s.event_seq WHERE s.buyer = 'market'"
            " ORDER BY s.epoch, s.n")]
        asked = dict(db.execute("SELECT request_id, code FROM command_log WHERE request_id LIKE 'office-%'"))
        placed = db.execute("SELECT count(*) FROM hold WHERE reason = 'office'").fetchone()[0]
        db.close()
        for name, buyer in (("paho", self.paho), ("mosquitto_sub", self.sub)):
            got = []
            for text in buyer.events:
                e = json.loads(text)
                got.append((e["streamepoch"], e["streamseq"], data_of(text)))
            self.same(f"events at {name}", stored, got)
        if self.mqtt.leaps():
            self.differ(f"the publisher left events out for a while: {self.mqtt.leaps()}")
        self.same("requests of the office", sorted(r for r, _ in self.office.asked), sorted(asked))
        holds = sum(1 for _, command in self.office.asked if command == "hold.place")
        if holds != placed:
            self.differ(f"{placed} holds were placed for {holds} requests")

    def report(self, items):
        windows = {w: sum(1 for s in self.shots if s["hit"] == w) for w in WINDOWS}
        ms = sorted(self.restart_ms) or [0]
        return dict(name="kills", kills=len(self.shots), windows=windows,
                    missed=sum(1 for s in self.shots if s["hit"] != s["aimed"]), items=len(items),
                    events=len(self.paho.events), repeats=self.paho.repeats,
                    held_min=min((s["held"] for s in self.shots), default=0),
                    differences=len(self.differences), restart_ms_p50=round(statistics.median(ms)),
                    restart_ms_max=round(ms[-1]))


class Tail:
    """The truth log as it grows: the newest slot and acknowledgement."""

    def __init__(self, path):
        self.f, self.newest = open(path, encoding="utf-8"), {"slot": (0, 0), "ack": (0, 0)}

    def read(self):
        for text in self.f:
            e = json.loads(text)
            if e["ev"] in self.newest:
                self.newest[e["ev"]] = max(self.newest[e["ev"]], (e["epoch"], e["seq"]))


def hit(shot):
    """The window that the evidence shows; the aimed one where several hold at once."""
    holds = {
        "read-slot": shot["read"] > max(shot["slot"], shot["stored"]),
        "slot-commit": shot["slot"] > shot["stored"],
        "commit-ack": shot["stored"] > shot["ack"],
        "ack-publish": shot["stream"] > shot["received"],
        "publish-puback": shot["puback_held"] and shot["received"] > shot["cursor"],
    }
    return shot["aimed"] if holds[shot["aimed"]] else next((w for w in WINDOWS if holds[w]), "none")


def run_kills(folder, n, seed=1, rate=RATE, build=None, say=lambda _: None):
    """(report, differences) of n kills in a folder; every process has ended."""
    k = Kills(folder, n, seed, rate, build, say)
    try:
        k.start()
        k.work()
        k.finish()
        return k.report(k.judge()), k
    finally:
        k.shed.kill()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--n", type=int, default=60)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--rate", type=int, default=RATE)
    p.add_argument("--run", help="keep everything in this folder")
    a = p.parse_args()
    folder = pathlib.Path(a.run or tempfile.mkdtemp(prefix="lotline-kills-"))
    if a.run and folder.exists():
        shutil.rmtree(folder)
    report, k = run_kills(folder, a.n, a.seed, a.rate)
    few = [w for w in WINDOWS if report["windows"][w] < min(5, a.n // len(WINDOWS))]
    slow = report["restart_ms_max"] > RESTART_MS
    for text in k.differences[:20] + [f"window {w}: too few" for w in few] + ["restart is too slow"] * slow:
        print("  ! " + text, file=sys.stderr)
    if not a.run and not k.differences:
        shutil.rmtree(folder)
    print(json.dumps(report, sort_keys=True))
    return 1 if k.differences or few or slow else 0


if __name__ == "__main__":
    sys.exit(main())
