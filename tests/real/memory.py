#!/usr/bin/python3
"""malloc, calloc and realloc fail once at every place that allocates, in lotlined, lotline-web, lotline-mqtt and
the CLI. A place is the stack of its last callers.

  start   each start meets the next place among its first n allocations (four callers), until a start meets no
          new one: it ends with exit 1 and an error, or goes on as if nothing had been
  work    items, weighings, commands, pages, events for a buyer, with a new place (six callers) failing every few
          milliseconds, how many the seed says: refused, repeated, or the program ends with an error and is
          started again

Paho 1.3.12 itself ends by SIGSEGV when it gets no memory (`paho` counts that): systemd starts the publisher
again, and the buyer misses nothing. Must hold: else no end by a signal, no silent end; what the CLI or a page
answers is what it answers with memory, or an error; the record holds what the PLC says, the buyer has every event
once and in order."""
import argparse
import http.client
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import fault
from consumer import PahoBuyer
from report import end
from rig import verify
from rig.control import Refused
from rig.hands import Hands, graded
from rig.proc import free_port, wait_for
from rig.shed import ROOT, Shed
from sorting import EXACT, Belt, sorter

GAP_MS = (5, 40)
START_DEPTH = 4
STARTS_MAX = 3000      # there are places without end, then
COMMANDS = (("status",), ("lot", "list"), ("lot", "show", "LOT"), ("trace", "LOT"), ("recall", "LOT"), ("log", "verify"),
            ("export", "epcis", "--lot", "LOT"), ("crop", "check", "CROP"), ("map", "check", "MAP"),
            ("config", "check", "CONFIG"))
STABLE = ("lot", "trace", "log", "export", "crop", "map", "config")    # the same answer each time
PAGES = ("/10/LOT", "/10/LOT/epcis", "/10/LOT/proof", "/10/LOT/event", "/v1/streams/market?after=0:0&limit=50")


class Memory:
    def __init__(self, run, n, rounds, seed=1, build=None):
        self.shed = Shed(run, build=build, seed=seed, site="memory", env={})
        self.n, self.rounds, self.seed, self.random = n, rounds, seed, random.Random(seed)
        self.differences, self.count, self.page, self.ended, self.starts = [], {}, {}, {}, {}
        self.paho, self.maps, self.web_port = 0, "", free_port()

    def differ(self, what):
        self.differences.append(what)

    def prepare(self):
        s = self.shed
        for name in ("lotlined", "sink", "web", "cli"):
            self.page[name] = fault.Memory(s.path(f"{name}.page"), s.build)
            self.count[name], self.ended[name], self.starts[name] = 0, 0, 0
        s.start_sim([sorter("s1", ring=1024), "scale:name=w1,port=0,unit=1,settle-ms=60"])
        s.write_config(**s.quick_scale())
        s.start_broker()
        s.start_daemon()
        self.hands = Hands(s).prepare()
        self.hands.check_scale()
        by_hand = self.hands.hand(self.hands.intake(self.hands.farmers[1], [2000000]), 2000000)
        self.lot = graded(by_hand)[0]["lot"]
        self.belt = Belt(self.hands, "s1").start()

    def tell(self, name):
        """The last place that failed, for who has to mend it: file+offset as the program is mapped."""
        p = self.page[name]
        return " ".join(f"{x:#x}" for x in (p.s0, p.s1, p.s2, p.s3, p.s4, p.s5))

    # ---- starts
    def start(self, name, argv, ready, heard=None):
        """Starts the program until a start meets no new place. ready(what it wrote, size of `heard` before)."""
        s, page = self.shed, self.page[name]
        page.on, page.gap_ns, page.first, page.depth = 1, 0, self.n, START_DEPTH
        for n in range(STARTS_MAX):
            log = s.path(name + ".log")
            size = log.stat().st_size if log.exists() else 0
            since = heard.stat().st_size if heard else 0
            before, p = page.failed, s.process(name, ["setarch", "-R", *argv], env=page.env)
            wait_for(f"{name} to start or end",
                     lambda: not p.running() or ready(log.read_bytes()[size:], since), 60, 0.002)
            up = p.running()
            code = p.stop() if up else p.p.returncode
            text = log.read_bytes()[size:].decode(errors="replace").strip()
            self.count[name] += page.failed - before
            self.starts[name] += 1
            if code < 0 and self.by_paho(name):
                self.paho += 1
            elif code < 0 or code > 1 or not up and (code != 1 or not text):
                self.differ(f"{name}, start {n}: exit {code}: {text[-300:]}: {self.tell(name)}")
            if page.failed == before:
                break
        else:
            self.differ(f"{name}: each of {STARTS_MAX} starts meets a new place")
        self.calm(name)
        s.parts.pop(name)

    def calm(self, name):
        """Nothing fails any more; at work all allocations may, and a place is its whole stack."""
        page = self.page[name]
        page.on = page.first = page.depth = 0

    def by_paho(self, name):
        """Whether a signal that ended the program came in the library."""
        return name == "sink" and any(x.startswith("libpaho") for x in self.page[name].stack(self.maps)[:2])

    def start_all(self):
        s = self.shed
        s.parts["lotlined"].stop()
        self.start("lotlined", [s.build / "lotlined", "--config", s.path("lotlined.yaml")], lambda t, _: b"ready:" in t)
        s.start_daemon()
        s.start_sink().stop()
        self.begin("sink").stop()       # where its libraries stand
        heard = s.path("mosquitto.log")

        def connected(_, since):
            """Both clients: all that the library does at a start is done."""
            text = heard.read_bytes()[since:]
            return b" as lotline-market (" in text and b" as lotline-market-status (" in text
        self.start("sink", [s.build / "lotline-mqtt", "--config", s.path("mqtt-market.yaml")], connected, heard)
        port = s.path("web.port")

        def listening(*_):
            return port.exists() and port.stat().st_size > 0 and not port.unlink()
        self.start("web", [s.build / "lotline-web", "--role", "public", "--store", s.store, "--socket", s.socket,
                           "--listen", "127.0.0.1:0", "--port-file", port, "--text-dir", s.build / "mo",
                           "--base-url", "https://lotline.example"], listening)

    # ---- the CLI
    def words(self, command):
        s = self.shed
        at = dict(LOT=self.lot, CROP=str(s.path("crop.yaml")), MAP=str(s.path("map.yaml")), CONFIG=str(s.path("lotlined.yaml")))
        return [at.get(w, w) for w in command]

    def run(self, command, env=None):
        s = self.shed
        argv = ["setarch", "-R", s.build / "lotline", "--json", "--store", s.store, "--socket", s.socket, *command]
        r = subprocess.run([str(a) for a in argv], capture_output=True, timeout=60, env=env)
        return r.returncode, r.stdout, r.stderr.decode(errors="replace").strip()

    def cli(self):
        shutil.copy(ROOT / "crops/codonopsis.yaml", self.shed.path("crop.yaml"))
        shutil.copy(ROOT / "plc-maps/hbm-wtx110.yaml", self.shed.path("map.yaml"))
        page = self.page["cli"]
        env = dict(os.environ, **page.env)
        for command in COMMANDS:
            words = self.words(command)
            page.on = 0
            want = self.run(words)
            page.on, page.first, page.depth = 1, self.n, START_DEPTH
            for _ in range(STARTS_MAX):
                before = page.failed
                code, out, said = self.run(words, env)
                self.count["cli"] += page.failed - before
                self.starts["cli"] += 1
                if code < 0 or code > 4 or code and not said and not out:
                    self.differ(f"lotline {' '.join(command)}: exit {code}: {said}: {self.tell('cli')}")
                elif code == 0 and command[0] in STABLE and out != want[1]:
                    self.differ(f"lotline {' '.join(command)}: another answer: {out[:200]}: {self.tell('cli')}")
                if page.failed == before:
                    break
            else:
                self.differ(f"lotline {' '.join(command)}: each of {STARTS_MAX} starts meets a new place")
        self.calm("cli")

    # ---- work
    def begin(self, name):
        """The program runs, in the state in which places fail now and then."""
        s, page = self.shed, self.page[name]
        page.on = 0
        argv = {"lotlined": [s.build / "lotlined", "--config", s.path("lotlined.yaml")],
                "sink": [s.build / "lotline-mqtt", "--config", s.path("mqtt-market.yaml")],
                "web": [s.build / "lotline-web", "--role", "public", "--store", s.store, "--socket", s.socket,
                        "--listen", f"127.0.0.1:{self.web_port}", "--text-dir", s.build / "mo",
                        "--base-url", "https://lotline.example"]}[name]
        p = s.process(name, ["setarch", "-R", *argv], env=page.env)
        if name == "lotlined":
            s.wait_daemon(p)
        if name == "sink":
            def mapped():
                try:
                    text = pathlib.Path(f"/proc/{p.pid}/maps").read_text()
                    return text if "libpaho" in text and text.count("libssl") else None
                except OSError:
                    return "none"
            self.maps = wait_for("the publisher's libraries", mapped, 5)
        return p

    def again(self, name):
        """Ended? Then by an error, and it is started anew."""
        p = self.shed.parts[name]
        if p.running():
            return
        code = p.p.returncode
        self.ended[name] += 1
        if code < 0 and self.by_paho(name):
            self.paho += 1
        elif code != 1 or not p.tail(1).strip():
            self.differ(f"{name} ended with {code}: {p.tail(2)}: {self.tell(name)}")
        self.begin(name)

    def work(self):
        s = self.shed
        s.parts["lotlined"].stop()
        for name in ("lotlined", "sink", "web"):
            self.begin(name)
        self.buyer = PahoBuyer(s.mqtt_port)
        want = {}
        for path in PAGES:
            want[path] = wait_for("a page", lambda: self.get(path), 10)
        self.belt.feed(100000000, 60)
        for n in range(self.rounds):
            for name in ("lotlined", "sink", "web"):
                self.page[name].gap_ns, self.page[name].on = self.random.randint(*GAP_MS) * 1000000, 1
            self.belt.sim.do("s1", "restart-feed")
            self.ask(n)
            for path in PAGES[:-1]:
                got = self.get(path)
                if got and got[0] == 200 and self.same(path, got[1]) != self.same(path, want[path][1]):
                    self.differ(f"{path}: another page: {self.tell('web')}")
                self.again("web")
            self.get(PAGES[-1])
            for name in ("lotlined", "sink", "web"):
                self.again(name)

    @staticmethod
    def same(path, body):
        """What of a page does not depend on the hour or on what was sealed since: all of an event, else its length."""
        return body if path.endswith("/event") else None

    def get(self, path):
        """(status, body), or None where the connection ended."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}{path.replace('LOT', self.lot)}",
                                        timeout=5) as r:
                return r.status, r.read()
        except urllib.error.HTTPError as e:
            return e.code, e.read()
        except (OSError, ValueError, http.client.HTTPException):
            return None

    def ask(self, n):
        """One request in several tries with its own id; the last one without faults."""
        command = "hold.release" if n % 2 else "hold.place"
        for attempt in range(20):
            try:
                self.hands.call(command, f"memory-{n}", lot=self.lot, reason="memory")
                return
            except (Refused, OSError, ValueError, KeyError):
                self.again("lotlined")
                time.sleep(0.1 if attempt < 11 else 0.3)    # the record is opened again after half a second
                if attempt > 10:
                    self.page["lotlined"].on = 0
        self.differ(f"request {n} was never granted")

    # ---- judgement
    def finish(self):
        s = self.shed
        for name in ("lotlined", "sink", "web"):
            self.page[name].on = 0
            self.count[name] += self.page[name].failed
            self.again(name)
        self.belt.do("pause")
        wait_for("the record", lambda: not s.status()["record"]["failed"], 10)
        wait_for("a person restarts the feed", lambda: self.belt.sim.do("s1", "restart-feed")["ok"], 5)
        self.hands.drained(self.belt.stat, seconds=30)
        db = sqlite3.connect(f"file:{s.db}?mode=ro", uri=True)
        n = db.execute("SELECT count(*) FROM stream WHERE buyer = 'market'").fetchone()[0]
        holds = db.execute("SELECT count(*) FROM hold WHERE reason = 'memory'").fetchone()[0]
        db.close()
        end = time.monotonic() + 240    # an answer that never comes is waited for, at most 30 s a time
        while len(self.buyer.events) < n and time.monotonic() < end:
            time.sleep(0.2)
            self.again("sink")
        self.buyer.wait(n, 1)
        self.buyer.close()
        s.stop()
        if holds != (self.rounds + 1) // 2:
            self.differ(f"{holds} holds for {(self.rounds + 1) // 2} requests")
        r = self.belt.compare()
        want = dict(EXACT, gaps=0)
        if {k: r[k] for k in want} != want or r["items_stored"] != r["items_plc"]:
            self.differ(f"PLC and record differ: {r}")
        for text in verify.verify(s.db):
            self.differ("verifier: " + text)
        code, text = s.lotline("store", "rebuild", "--check")
        if code:
            self.differ(f"store rebuild --check: {code} {text}")
        return dict(name="memory", seed=self.seed, n=self.n, starts=self.starts, places=self.count, ended=self.ended,
                    paho=self.paho, items=r["items_stored"], events=n, requests=self.rounds,
                    differences=len(self.differences))


def run_memory(folder, n, rounds, seed=1, build=None):
    """n: so many of the first allocations of each start."""
    m = Memory(folder, n, rounds, seed, build)
    began = time.monotonic()
    try:
        m.prepare()
        m.start_all()
        m.cli()
        m.work()
        return dict(m.finish(), seconds=round(time.monotonic() - began)), m.differences
    finally:
        m.shed.kill()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--n", type=int, default=3000, help="so many of the first allocations of each start")
    p.add_argument("--rounds", type=int, default=100)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    print(f"seed {a.seed}", file=sys.stderr, flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lotline-memory-"))
    report, differences = run_memory(folder / "shed", a.n, a.rounds, a.seed)
    return end(folder, report, differences, 60)


if __name__ == "__main__":
    sys.exit(main())
