#!/usr/bin/python3
"""Programs that stand still for a while, whole (SIGSTOP) or one thread of them, judged by the PLC, the buyer
and the watchdog's socket.

  whole     lotlined, the publisher, the pages; and their peers: PLC and scale (the simulator), the broker
  thread    every thread of lotlined, the publisher and the pages, one after the other

Must hold: while lotlined or the thread of its bus stands, the PLC lets everything go to the default outlet
within 1 s; no beat for the watchdog while main stands, or longer than 4 s while a bus does; a beat about every
second in all other times: a dead PLC, scale or broker is a state, not a hang. A weight that stands still is
not offered. Afterwards nothing is lost, doubled or altered, and every event is with the buyer."""
import argparse
import os
import pathlib
import random
import signal
import sqlite3
import sys
import tempfile
import time

import fault
from consumer import PahoBuyer
from notify import Notify
from report import end
from rig import verify
from rig.hands import Hands, graded
from rig.proc import wait_for
from rig.shed import Shed
from sorting import EXACT, Belt, sorter

RATE, RING = 15, 1024                  # a minute fits into the rings
SECONDS = (0.3, 1.5, 0.6, 2.5, 1.0, 5.5)
LONGEST, LONG_N = 60, 40               # so many stops: the last one is a minute
BEAT_S = {"lotlined": 4.0, "sink-market": 6.0, "web-public": 8.0}   # half of what systemd waits, or less
BUS_SILENT_S, HOST_S = 4.3, 1.4        # 3 s without progress and a beat just before; 1 s and a scan
WATCHED = ("lotlined", "sink-market", "web-public")


class Stops:
    def __init__(self, run, n, seed=1, build=None):
        self.n, self.random = n, random.Random(seed)
        self.shed = Shed(run, build=build, seed=seed, site="stops")
        self.differences, self.tried, self.blind_ms, self.excused = [], {}, [], {w: [] for w in WATCHED}
        self.notify, self.hang = {}, {}

    def differ(self, what):
        self.differences.append(what)

    def env(self, name):
        self.notify[name] = Notify(self.shed.path(f"{name}.notify"))
        self.hang[name] = fault.Hang(self.shed.path(f"{name}.page"), self.shed.build)
        return dict(self.hang[name].env, **self.notify[name].env)

    def start(self):
        s = self.shed
        s.start_sim([sorter("s1", ring=RING), "scale:name=w1,port=0,unit=1,settle-ms=60"])
        s.write_config(**s.quick_scale())
        s.start_broker()
        s.start_daemon(env=self.env("lotlined"))
        for name, start in (("sink-market", s.start_sink), ("web-public", lambda: s.start_web("public"))):
            s.env.update(self.env(name))
            start()
            s.env.clear()
        self.buyer = PahoBuyer(s.mqtt_port)
        self.hands = Hands(s).prepare()
        self.hands.check_scale()
        by_hand = self.hands.hand(self.hands.intake(self.hands.farmers[1], [2000000]), 2000000)
        self.lot = graded(by_hand)[0]["lot"]    # what happens to it is the buyer's business
        self.belt = Belt(self.hands, "s1").start()
        self.belt.feed(100000000, RATE)
        self.began = time.monotonic()
        wait_for("beats of all", lambda: all(n.beats for n in self.notify.values()), 10)

    def cases(self):
        """(name of the process, thread or None) without end, everything in turn."""
        while True:
            for name in ("lotlined", "sim", "mosquitto"):
                yield name, None
            for name in WATCHED:
                for tid in fault.threads(self.shed.parts[name].pid):
                    yield name, tid
            for name in WATCHED[1:]:
                yield name, None

    # ---- one stop
    def stop(self, name, thread, seconds):
        pid = self.shed.parts[name].pid
        label = f"{name} {thread[1]}" if thread else name
        self.tried[label] = self.tried.get(label, 0) + 1
        if name == "sim":
            self.hands.ready(1000000)
        began = time.monotonic()
        if thread:
            page = self.hang[name]
            before = page.ended
            page.hang(pid, thread[0], seconds)
        else:
            os.kill(pid, signal.SIGSTOP)
        self.meanwhile(name, thread, began, seconds)
        time.sleep(max(0, began + seconds - time.monotonic()))
        free = began + seconds if thread else time.monotonic()     # it stood until then at least
        if thread:
            wait_for("the thread to go on", lambda: page.ended > before, 30)
        else:
            os.kill(pid, signal.SIGCONT)
        ended = time.monotonic()
        self.watch(name, thread, label, began, ended, free)
        self.after(name, label, began, ended)

    def stands(self, name, thread):
        """'main' or 'bus' when a critical loop of lotlined stands, 'all' when everything does."""
        if name != "lotlined":
            return None
        return "all" if not thread else "main" if thread[0] == self.shed.parts[name].pid else \
            "bus" if thread[1].startswith("127.0.0.1") else None

    def meanwhile(self, name, thread, began, seconds):
        """Things go on while one stands: an event for the buyer, a look at the scale."""
        if self.stands(name, thread) not in ("all", "main"):
            self.hands.call("hold.place", lot=self.lot, reason="stop")
            self.hands.call("hold.release", lot=self.lot, reason="stop")
        if name == "sim" and seconds > 1.4:
            time.sleep(max(0, began + 1.2 - time.monotonic()))
            if self.hands.view()["state"] == "ready":
                self.differ("a weight is offered 1.2 s after the scale fell silent")

    def watch(self, name, thread, label, began, ended, free):
        """The beats: none while a critical loop stands."""
        for other in WATCHED:
            if other == name:
                self.excused[other].append((began, ended))
        if name not in WATCHED:
            return
        first = thread is None or thread[0] == self.shed.parts[name].pid
        bus = self.stands(name, thread) == "bus"
        wait = 0.2 if first else BUS_SILENT_S if bus else None
        wrong = [t - began for t in self.notify[name].beats if wait is not None and began + wait < t < free]
        if wrong:
            self.differ(f"{label}: beats {wrong} s after it stood still")

    def after(self, name, label, began, ended):
        """Everything runs again; the PLC was without a host soon."""
        stands = self.stands(name, None) if label == name else "bus" if "127.0.0.1" in label else None
        sorter_bus = f"127.0.0.1:{self.shed.sim_devices['s1']['port']}"[:15]
        if stands == "all" or stands == "bus" and sorter_bus in label:
            self.plc_alone(label, began, ended)
        wait_for(f"the line after {label}", lambda: self.shed.line()["state"] == "execute", 15)
        if name == "sim":
            self.hands.accept(self.hands.state("ready"), "intake", lot=self.open_lot())
            self.hands.unload()
        if name == "web-public":
            code, _, _ = self.shed.get(f"/10/{self.lot}")
            if code != 200:
                self.differ(f"{label}: its page gave {code}")

    def open_lot(self):
        return self.hands.call("lot.open", farmer=self.hands.farmers[0], product="dangshen-lu")["lot"]

    def plc_alone(self, label, began, ended):
        if ended - began < HOST_S:
            return
        off = [e["mono_ns"] / 1e9 - began for e in self.belt.log("host_ok")
               if not e["on"] and began < e["mono_ns"] / 1e9 < ended + 0.1]
        if not off or off[0] > HOST_S:
            self.differ(f"{label}: the PLC went on with a host that stood for {ended - began:.1f} s: {off}")
        else:
            self.blind_ms.append(off[0] * 1000)

    def work(self):
        cases = self.cases()
        for i in range(self.n):
            name, thread = next(cases)
            last = i == self.n - 1 and self.n >= LONG_N
            if last:
                name, thread = "lotlined", None
            self.stop(name, thread, LONGEST if last else SECONDS[(i + i // len(SECONDS)) % len(SECONDS)])
            time.sleep(self.random.uniform(0, 0.3))

    # ---- judgement
    def silences(self):
        """The longest silence of each program outside its own stops."""
        out = {}
        for name, n in self.notify.items():
            at = [t for t in n.beats if t > self.began] + [time.monotonic()]
            gaps = [b - a - sum(max(0, min(b, e) - max(a, s)) for s, e in self.excused[name])
                    for a, b in zip(at, at[1:])]
            out[name] = round(max(gaps), 1)
        return out

    def finish(self):
        s = self.shed
        self.belt.do("pause")
        self.hands.drained(self.belt.stat, seconds=60)
        silences = self.silences()
        for name, silent in silences.items():
            if silent > BEAT_S[name]:
                self.differ(f"{name}: no beat for {silent} s while it ran")
        db = sqlite3.connect(f"file:{s.db}?mode=ro", uri=True)
        n = db.execute("SELECT count(*) FROM stream WHERE buyer = 'market'").fetchone()[0]
        db.close()
        self.buyer.wait(n, 30)
        self.buyer.close()
        for name, p in s.parts.items():
            if not p.running():
                self.differ(f"{name} ended: {p.tail(3)}")
        s.stop()
        r = self.belt.compare()
        want = dict(EXACT, gaps=0)
        if {k: r[k] for k in want} != want or r["items_stored"] != r["items_plc"]:
            self.differ(f"PLC and record differ: {r}")
        for text in verify.verify(s.db):
            self.differ("verifier: " + text)
        db = sqlite3.connect(f"file:{s.db}?mode=ro", uri=True)
        steps = db.execute("SELECT count(*) FROM event WHERE kind = 'clock.stepped'").fetchone()[0]
        db.close()
        if steps:
            self.differ(f"{steps} steps of a clock that nobody set")
        code, text = s.lotline("store", "rebuild", "--check")
        if code:
            self.differ(f"store rebuild --check: {code} {text}")
        blind = sorted(self.blind_ms) or [0]
        return dict(name="stops", stops=self.n, kinds=len(self.tried), tried=self.tried, items=r["items_stored"],
                    late=r["late"], events=n, host_off_ms_max=round(blind[-1]), watchdog_s_max=silences,
                    differences=len(self.differences), seconds=round(time.monotonic() - self.began))


def run_stops(folder, n, seed=1, build=None):
    k = Stops(folder, n, seed, build)
    try:
        k.start()
        k.work()
        return k.finish(), k.differences
    finally:
        for p in k.shed.parts.values():
            if p.running():
                os.kill(p.pid, signal.SIGCONT)
        k.shed.kill()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--n", type=int, default=40)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lotline-stops-"))
    report, differences = run_stops(folder / "shed", a.n, a.seed)
    return end(folder, report, differences)


if __name__ == "__main__":
    sys.exit(main())
