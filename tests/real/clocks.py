#!/usr/bin/python3
"""The wall clock of every program jumps while a line sorts, a station weighs, pages are read.

Steps of 1.5 s, an hour and a day, both ways; 1970; over the ends of 31 and 32 bits (2038, 2106). Some come
while a run has stopped and its last items are still on the belt, some while the disk fails.

Must hold: items, order, outlets as the PLC says; the watchdog's beat regular; a clock.stepped event for every
step over a second, with its amount, and for none below; every event has a clock state; lot numbers unique;
pages answer; nothing ends."""
import argparse
import errno
import json
import pathlib
import random
import re
import sqlite3
import sys
import tempfile
import time

import fault
from consumer import PahoBuyer
from notify import Notify
from report import end
from rig import verify
from rig.hands import Hands
from rig.proc import wait_for
from rig.shed import Shed
from sorting import EXACT, Belt, sorter

HOUR, DAY = 3600, 86400
JUMPS = (("+1.5 s", 1.5), ("-1.5 s", -1.5), ("+0.4 s", 0.4), ("-0.4 s", -0.4), ("+1 h", HOUR), ("-1 h", -HOUR),
         ("+1 day", DAY), ("-1 day", -DAY))
DATES = (("1970", DAY), ("2038", (1 << 31) - 1), ("2106", (1 << 32) - 1))
FEED, BEAT_S, TOLERANCE_MS = 60, 4.0, 400
BELT_MS = 1500         # from the sensors to the gates: longer than a turn of what closes runs


def script(n, rng):
    """[(word, offset in seconds from the true time)]: every kind in turn, each away from the one before."""
    out, at = [], 0.0
    while len(out) < n:
        for word, by in JUMPS:
            at += by
            out.append((word, at))
        word, when = DATES[rng.randrange(len(DATES))] if len(out) > len(JUMPS) * 3 else DATES[len(out) // 9 % 3]
        out.append((word, when - time.time()))
        at = rng.choice((0.0, DAY * rng.uniform(-300, 300)))
        out.append(("back", at))
    return out[:n]


class Clocks:
    def __init__(self, run, n, seed=1, build=None):
        self.n, self.random = n, random.Random(seed)
        self.shed = Shed(run, build=build, seed=seed, site="clocks")
        self.clock = fault.Clock(self.shed.path("clock.page"), self.shed.build)
        self.page = fault.Io(self.shed.path("io.page"), self.shed.build)
        self.offset, self.steps, self.kinds, self.differences = 0.0, [], {}, []
        self.page_ms, self.lots, self.runs_across = [], [], 0

    def differ(self, what):
        self.differences.append(what)

    def set(self, offset):
        self.clock.offset_ns = round(offset * 1e9)
        if abs(offset - self.offset) > 1:
            self.steps.append(round((offset - self.offset) * 1000))
        self.offset = offset

    def start(self):
        s = self.shed
        self.notify = Notify(s.path("notify"))
        s.start_sim([sorter("s1", decision_ms=BELT_MS), "scale:name=w1,port=0,unit=1,settle-ms=60"])
        s.write_config(**s.quick_scale())
        s.start_broker()
        s.start_daemon(env=dict(fault.together(self.clock, self.page), **self.notify.env))
        s.env.update(self.clock.env)
        s.start_sink()
        s.start_web("public")
        s.start_web("shed")
        s.env.clear()
        self.buyer = PahoBuyer(s.mqtt_port)
        self.hands = Hands(s).prepare()
        self.hands.check_scale()
        self.belt = Belt(self.hands, "s1").start()
        self.belt.feed(100000000, FEED)
        wait_for("the first beat", lambda: self.notify.beats, 5)

    # ---- what goes on meanwhile
    def told(self):
        db = sqlite3.connect(f"file:{self.shed.db}?mode=ro", uri=True)
        try:
            return [json.loads(x[0])["step_ms"] for x in
                    db.execute("SELECT body FROM event WHERE kind = 'clock.stepped' ORDER BY seq")]
        finally:
            db.close()

    def weigh(self, word):
        """A load on the scale: a checked and valid scale credits it, whatever the clock says; after 2099 its
        certificate holds no more. What the station shows follows the clock with lotlined's next tick."""
        h = self.hands
        h.load(1000000)
        v = dict(state="")
        try:
            v = h.state(*(("not-trade",) if word == "2106" else ("ready", "unchecked")), seconds=3)
            if v["state"] == "unchecked":
                h.unload()
                h.check_scale()
                v = h.ready(1000000)
        except TimeoutError as e:
            self.differ(f"{word}: {e}")
        if v["state"] != "ready":
            h.unload()
            return
        lot = h.call("lot.open", farmer=h.farmers[0], product="dangshen-lu")["lot"]
        h.accept(v, "intake", lot=lot)
        h.unload()
        h.call("lot.close", lot=lot)
        self.lots.append(lot)

    def read_pages(self, word):
        lot = self.lots[-1] if self.lots else self.hands.intake(self.hands.farmers[0], [1000000])
        for path, role in ((f"/10/{lot}", "public"), ("/healthz", "public"), ("/line", "shed"), ("/station", "shed")):
            began = time.monotonic()
            code, _, body = self.shed.get(path, role, {"Accept-Language": "en"})
            self.page_ms.append((time.monotonic() - began) * 1000)
            text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", body.decode(), flags=re.S)
            if code != 200 or re.search(r"(?<![\d\w])-\d+ (s|min|h|d|sec|hour|day)|\bnan\b|\{\{", text):
                self.differ(f"{word}: {path} gave {code}: {text[:300]}")

    def run_across(self, jump):
        """Stops the run with items on the belt, jumps, and finds every item in its place all the same."""
        self.runs_across += 1
        sim, h = self.belt.sim, self.hands
        run = self.shed.line()["run"]
        sim.do("s1", "pause")
        wait_for("all to be measured and stored", lambda: (
            lambda s: s["posted"] == s["fed"] and s["held"] == 0)(self.belt.stat()), 5, 0.002)
        h.call("run.stop", run=str(run))
        jump()
        db = sqlite3.connect(f"file:{self.shed.db}?mode=ro", uri=True)

        def closed():
            return db.execute("SELECT unknown_pieces FROM run WHERE run = ? AND state = 'closed'", (run,)).fetchone()
        try:
            unknown = wait_for("the run to close", closed, 10)
            if unknown[0]:
                self.differ(f"run {run} was closed with {unknown[0]} items on the belt")
        except TimeoutError as e:
            self.differ(str(e))
        db.close()
        h.drained(self.belt.stat)
        h.check_scale()                     # it may be another day
        self.belt.start()
        sim.do("s1", "feed", items=1, rate=FEED)

    def jump(self, number, word, offset):
        self.kinds[word] = self.kinds.get(word, 0) + 1
        broken = number % 7 == 5
        if broken:
            self.page.fail(fault.SYNC, errno.EIO)    # the turn that sees the step cannot be committed
        if number % 4 == 2 and word != "2106" and not broken:
            self.run_across(lambda: self.set(offset))
        else:
            self.set(offset)
        if broken:
            wait_for("the record to fail", lambda: self.page.failed, 10)
            time.sleep(0.3)
            self.page.heal()
            wait_for("the record", lambda: not self.shed.status()["record"]["failed"], 10)
            wait_for("a person restarts the feed", lambda: self.belt.sim.do("s1", "restart-feed")["ok"], 5)
        try:
            wait_for("clock.stepped", lambda: len(self.told()) >= len(self.steps), 5)
        except TimeoutError:
            self.differ(f"{number} {word}: not told" + " (the disk failed)" * broken)
            self.steps = self.told()
        if number % 2:
            self.weigh(word)
        else:
            self.read_pages(word)

    def work(self):
        for i, (word, offset) in enumerate(script(self.n, self.random)):
            self.jump(i, word, offset)

    # ---- judgement
    def finish(self):
        s = self.shed
        self.belt.do("pause")
        self.hands.drained(self.belt.stat)
        self.silence = self.notify.longest()
        if self.silence > BEAT_S:
            self.differ(f"the watchdog was silent for {self.silence:.1f} s")
        db = sqlite3.connect(f"file:{s.db}?mode=ro", uri=True)
        n = db.execute("SELECT count(*) FROM stream WHERE buyer = 'market'").fetchone()[0]
        lots = [x[0] for x in db.execute("SELECT lot FROM lot")]
        odd = [x[0] for x in db.execute("SELECT body FROM event")
               if json.loads(x[0]).get("clock") not in ("synced", "unsynced", "unknown")]
        db.close()
        self.buyer.wait(n, 30)
        self.buyer.close()
        for name, p in s.parts.items():
            if not p.running():
                self.differ(f"{name} ended: {p.tail(3)}")
        s.stop()
        self.notify.close()
        if len(set(lots)) != len(lots) or any(not re.fullmatch(r"[A-Z]\d{6}-[A-Z0-9]+", x) for x in lots):
            self.differ(f"lot numbers: {lots}")
        if odd:
            self.differ(f"{len(odd)} events without a clock state: {odd[0]}")
        told = self.told()
        if len(told) != len(self.steps) or any(abs(a - b) > TOLERANCE_MS for a, b in zip(told, self.steps)):
            self.differ(f"clock.stepped: {told} for {self.steps}")
        r = self.belt.compare()
        want = dict(EXACT, gaps=0)
        if {k: r[k] for k in want} != want or r["items_stored"] != r["items_plc"]:
            self.differ(f"PLC and record differ: {r}")
        for text in verify.verify(s.db):
            self.differ("verifier: " + text)
        code, text = s.lotline("store", "rebuild", "--check")
        if code:
            self.differ(f"store rebuild --check: {code} {text}")
        return dict(name="clocks", jumps=self.n, kinds=self.kinds, steps=len(self.steps), runs_across=self.runs_across,
                    items=r["items_stored"], late=r["late"], lots=len(lots), events=n, pages=len(self.page_ms),
                    page_ms_max=round(max(self.page_ms)), watchdog_s_max=round(self.silence, 1),
                    differences=len(self.differences))


def run_clocks(folder, n, seed=1, build=None):
    c = Clocks(folder, n, seed, build)
    try:
        c.start()
        c.work()
        return c.finish(), c.differences
    finally:
        c.shed.kill()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--n", type=int, default=60)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lotline-clocks-"))
    report, differences = run_clocks(folder / "shed", a.n, a.seed)
    return end(folder, report, differences)


if __name__ == "__main__":
    sys.exit(main())
