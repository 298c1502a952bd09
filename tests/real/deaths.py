#!/usr/bin/python3
"""kill -9 of lotlined anywhere, judged by what others saw.

  windows    the five of an item's way (tests/scenario/kills.py), half of all deaths
  random     at a uniformly random microsecond of its work; now and then the publisher dies with it
  starting   at a random microsecond of its start
  call       before a random call towards the world: write, pwrite, fsync, send, recv, open, ftruncate, rename
  sweep      before each call of its start, one after the other, until items are acknowledged again: every
             life begins with what the death before left
  birth      before each call of the very first start, which makes the record, its key and people.db: an
             ordinary start in the same folder must then succeed

Every acknowledgement is held against the store's file before the PLC gets it (witness.py).
The last line is one JSON object; the exit code is 1 for any difference."""
import argparse
import functools
import json
import pathlib
import random
import shutil
import sqlite3
import sys
import tempfile
import time

import fault
import kills
from kills import Kills, WINDOWS
from rig import oracle, verify
from rig.proc import wait_for
from rig.shed import Shed
from witness import Witness

OTHERS = ("random", "starting", "call")
CALLS_MAX = 400
SWEEP_AFTER = 30       # calls beyond the first acknowledgement
EVERY_BIRTH = 500      # with fewer deaths every eighth call of a birth is enough
RESTART_MS = 2000      # p99
BIRTH = ["store.created", "buyer.registered"]    # events of a record that has just been made


def plan(n):
    """Kinds of n deaths, evenly mixed: as many in the windows as elsewhere."""
    return [WINDOWS[i // 2 % len(WINDOWS)] if i % 2 == 0 else OTHERS[i // 2 % len(OTHERS)] for i in range(n)]


class Seen:
    """Hooks of two: the witness looks, the other decides."""

    def __init__(self, witness, other):
        self.witness, self.other, self.after = witness, other, other.after

    def before(self, exchange):
        return self.witness.before(exchange) and self.other.before(exchange)


class Deaths(Kills):
    ring = 1024         # holds the outcomes of 7 s: deaths that follow fast leave no time to take them

    def __init__(self, run, n, seed=1, sweep_step=1, **more):
        super().__init__(run, n, seed, **more)
        self.random, self.sweep_step = random.Random(seed), sweep_step
        self.page = fault.Io(self.shed.path("io.page"), self.shed.build)
        self.shed.start_daemon = functools.partial(self.shed.start_daemon, env=self.page.env)
        self.kinds = {}
        self.calls = {name: 0 for name in fault.KINDS.values()}
        self.swept = 0

    def start(self):
        super().start()
        self.witness = Witness(self.shed.db)
        self.proxy.hooks = Seen(self.witness, self.killer)

    def count(self, kind):
        self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def called(self):
        self.calls[fault.KINDS[self.page.last]] += 1

    def die(self, window, number):
        if window in WINDOWS:
            super().die(window, number)
            return
        lotlined, sink = self.shed.parts["lotlined"], self.shed.parts["sink-market"]
        self.count(window)
        if number % 3 == 0:
            self.office.event()
        if window == "call":
            self.page.die_at(self.random.randint(1, CALLS_MAX))
            lotlined.p.wait(20)
            self.called()
        else:
            if window == "starting":
                lotlined.kill()
                lotlined = self.shed.start_daemon(wait=False)
                time.sleep(self.random.uniform(0, 0.06))
            else:
                time.sleep(self.random.uniform(0, 0.4))
            for p in [lotlined] + [sink] * (number % 4 == 1):
                p.kill()
        self.page.kill_at = 0
        self.restart(sink)

    def work(self):
        order = plan(self.n)
        half = (self.n + 1) // 2
        self.begin_run(self.lots[0], oracle.Lu)
        time.sleep(0.5)
        for i, window in enumerate(order[:half]):
            self.die(window, i)
        self.sweep()
        self.end_run()
        self.new_rules()
        self.shed.parts["lotlined"].kill()
        self.shed.start_daemon()
        self.begin_run(self.lots[1], kills.Lu2)
        time.sleep(0.5)
        for i, window in enumerate(order[half:], half):
            self.die(window, i)
        self.end_run()

    def acked(self):
        self.plc.read()
        return self.plc.newest["ack"]

    def sweep(self):
        """Dies at call 1, 2, 3, … of its start. The rings must hold what comes meanwhile: few items."""
        sim = self.shed.sim()
        sim.do("s1", "pause")
        self.hands.drained(lambda: sim.do("s1", "stat"))
        self.shed.parts["lotlined"].kill()
        time.sleep(0.05)                    # what was written is seen
        before, k, end = self.acked(), 1, None
        while end is None or k <= end:
            if self.swept % 3 == 0:
                sim.do("s1", "place", items=1)
            self.page.calls, self.page.kinds, self.page.kill_at = 0, fault.ALL, k
            p = self.shed.start_daemon(wait=False)
            p.p.wait(20)
            self.called()
            self.swept += 1
            if end is None and self.acked() > before:
                end = k + SWEEP_AFTER
            k += self.sweep_step
        self.page.kill_at = 0
        self.shed.start_daemon()
        sim.do("s1", "feed", items=1, rate=self.rate)
        sim.close()

    def judge(self):
        w = self.witness
        for text in w.early:
            self.differ(f"acknowledged before it was committed: {text}")
        if w.acks < self.n or len(w.unread) * 10 > w.acks:
            self.differ(f"{w.acks} acknowledgements seen, {len(w.unread)} without a sight of the store: {w.unread[:3]}")
        return super().judge()

    def report(self, items):
        r = super().report(items)
        r.update(acks=self.witness.acks, acks_early=len(self.witness.early), acks_unread=len(self.witness.unread))
        ms = sorted(self.restart_ms) or [0]
        r.update(name="deaths", **{k: self.kinds.get(k, 0) for k in OTHERS}, sweep=self.swept, calls=self.calls,
                 restart_ms_p99=round(ms[min(len(ms) - 1, len(ms) * 99 // 100)]), restarts=len(ms))
        r["kills"] = len(self.shots) + sum(self.kinds.values())
        return r


def births(folder, build=None, step=1, differ=print):
    """Dies at call k of the first start, for k = 1, 1 + step, …; then starts in the same folder as if nothing
    had been. How many."""
    k, tried = 1, 0
    while True:
        s = Shed(folder / f"birth{k}", build=build)
        try:
            s.sim_devices = {}
            page = fault.Io(s.path("io.page"), s.build)
            s.write_config(lines=[], scales=[], stations=[])
            page.die_at(k)
            p = s.start_daemon(wait=False, env=page.env)
            ended = life(p, s)
            page.kill_at = 0
            s.start_daemon()
            code = s.parts["lotlined"].stop()
            faults = verify.verify(s.db) + permissions(s)
            kinds = [x[0] for x in sqlite3.connect(f"file:{s.db}?mode=ro", uri=True).execute(
                "SELECT kind FROM event ORDER BY seq")]
            if code or faults or kinds != BIRTH:
                differ(f"birth at call {k}: exit {code}, events {kinds}, {faults}")
        except (RuntimeError, TimeoutError) as e:
            differ(f"birth at call {k}: {e}")
            return tried
        finally:
            s.kill()
        shutil.rmtree(s.run)
        tried += 1
        if not ended:
            return tried
        k += step


def life(p, shed):
    """True: it died; False: it was ready before the call came."""
    def over():
        return "died" if not p.running() else "lives" if "ready" in p.tail(3) else None
    if wait_for("a birth or a death", over, 20, 0.002) == "lives":
        p.kill()
        return False
    return True


def permissions(shed):
    """Files that others may read although they hold a key or names."""
    secret = [shed.path("site.key"), *shed.store.glob("people.db*")]
    return [f"{p.name} may be read by others" for p in secret if p.exists() and p.stat().st_mode & 0o007]


def run_deaths(folder, n, seed=1, sweep_step=1, birth_step=1, build=None):
    """(report, differences); every process has ended."""
    k = Deaths(folder / "deaths", n, seed, sweep_step, build=build)
    began = time.monotonic()
    try:
        k.start()
        k.work()
        k.finish()
        items = k.judge()
        born = births(folder, build, birth_step, k.differ)
        return dict(k.report(items), births=born, seconds=round(time.monotonic() - began)), k.differences
    finally:
        k.shed.kill()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--n", type=int, default=60)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--run", help="keep everything in this folder")
    a = p.parse_args()
    folder = pathlib.Path(a.run or tempfile.mkdtemp(prefix="lotline-deaths-"))
    if a.run and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(exist_ok=True)
    report, differences = run_deaths(folder, a.n, a.seed, 1, 1 if a.n >= EVERY_BIRTH else 8)
    bad = differences[:20] + [f"window {w}: too few" for w, n in report["windows"].items()
                              if n < min(5, a.n // 2 // len(WINDOWS))]
    if report["restart_ms_p99"] > RESTART_MS:
        bad.append("restarts are too slow")
    for text in bad:
        print("  ! " + text, file=sys.stderr)
    if not a.run and not differences:
        shutil.rmtree(folder)
    print(json.dumps(report, sort_keys=True))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
