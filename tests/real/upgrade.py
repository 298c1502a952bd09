#!/usr/bin/python3
"""The version before, this one, the version before, this one again, with deaths everywhere: nothing is lost.

  round   a shed at work under the old programs; lotlined dies or stops in the midst of items. This version's
          lotlined then dies again and again while it renews the projections, comes up, sorts on, dies; the
          old programs are put back and must refuse; this version goes on and ends the day
  sweep   on a copy of the record that the old one left: death before each call of the upgrade, or a disk that
          is full from that call on; while the record is still the old one's, the old one must come up as well
  next    a record with an event kind that this version does not know is refused in the same way

Must hold: every event, item and outcome stands in the record as it did; the PLC and the record agree; an
acknowledgement never comes before its commit, none while an old program refuses; who refuses says one line with
the version and the way out, ends with 1 and leaves every byte of the databases; page servers and publishers say
once what is wrong and come good by themselves or by a restart; a buyer misses nothing.
N counts deaths; the old and the next version are made from the sources by versions.py."""
import argparse
import errno
import hashlib
import json
import pathlib
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

import fault
import versions
from consumer import PahoBuyer
from report import end
from rig import verify
from rig.control import Control
from rig.hands import COOP, PRODUCT, Hands, graded
from rig.proc import Process, free_port, wait_for
from rig.shed import Shed
from sorting import EXACT, Belt, sorter
from witness import watched

PROGRAMS = ("lotlined", "lotline", "lotline-web", "lotline-mqtt")
OLD, NEW = versions.NUMBER - 1, versions.NUMBER
RENEWED = (f"version {NEW}", f"knows {OLD}", "install that one again")
READS_NEWER = (f"version {NEW}", f"reads {OLD}", "install that one again")
READS_OLDER = (f"version {OLD}", f"reads {NEW}", "renews it when it starts")
UNKNOWN = (versions.NEXT_KIND, "of a newer program", "install that one again")
RING, FEED, LIVES = 1024, 60, (4, 8)   # lives: deaths of this version in one round's shed; few when N is small
PER_ROUND, SLOW = 100, 5               # SLOW: items a second while nobody takes them; the rings must hold them
ENDS = ("kill", "call", "stop")        # how lotlined ends before the other version comes, round by round
FULL_EVERY, DEEP_EVERY = 9, 8           # of the sweep: a full disk instead of a death; the whole record verified
TRUTH = ("SELECT seq, fmt, kind, at_ms, body, leaf FROM event ORDER BY seq", "SELECT * FROM item ORDER BY id",
         "SELECT * FROM outcome ORDER BY id", "SELECT * FROM command_log ORDER BY at_ms, request_id",
         "SELECT size, at_ms, root, note FROM checkpoint ORDER BY size")


def ask(path, sql, *args):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return db.execute(sql, args).fetchall()
    finally:
        db.close()


def truth_of(path):
    return [ask(path, sql) for sql in TRUTH]


def version_of(path):
    return ask(path, "PRAGMA user_version")[0][0]


def missing(before, after):
    """What stood in the record and does not stand there any more; rows are added at the end only, but for answers
    to requests."""
    return [sql.split(" FROM ")[1].split()[0] for sql, was, now in zip(TRUTH, before, after)
            if (set(was) - set(now) if "command_log" in sql else was != now[:len(was)])]


def prints(store):
    """A hash of every byte that a database consists of. -shm is an index in memory, .lock names a process."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(store.iterdir())
            if not p.name.endswith(("-shm", ".lock"))}


class Upgrade:
    def __init__(self, run, old, new, seed, differ, number=0):
        self.old, self.new, self.random = pathlib.Path(old), pathlib.Path(new), random.Random(seed)
        self.shed = Shed(run, build=old, seed=seed, site="upgrade")
        self.page = fault.Io(self.shed.path("io.page"), new)
        self.differ, self.number, self.lives = differ, number, LIVES[0]
        self.kills, self.full, self.refused, self.readers, self.old_lives = 0, 0, 0, 0, 0
        self.calls, self.swept, self.items = 0, 0, 0
        self.restart_ms = []

    # ---- a shed at work
    def start(self):
        s = self.shed
        s.start_sim([sorter("s1", ring=RING, retentive=1), "scale:name=w1,port=0,unit=1,settle-ms=50"])
        self.proxy, line = watched(s, "s1", RING)
        s.write_config(lines=[line], **s.quick_scale())
        s.start_broker()
        s.start_daemon(env=self.page.env)
        s.start_web("public")
        s.start_sink()
        self.buyer = PahoBuyer(s.mqtt_port)
        self.hands = Hands(s).prepare()
        self.hands.check_scale()
        lot = self.hands.intake(self.hands.farmers[0], [2000000])
        self.lot = graded(self.hands.hand(lot, 2000000, (("1", 98),)))[0]["lot"]
        self.belt = Belt(self.hands, "s1").start()
        self.belt.feed(100000000, FEED)
        self.belt.posted(20)
        self.events()

    def events(self):
        """Two more events that the buyer gets."""
        self.hands.call("hold.place", lot=self.lot, reason="upgrade")
        self.hands.call("hold.release", lot=self.lot, reason="upgrade")

    def lotlined(self, build, wait=True):
        self.shed.build = build
        began = time.monotonic()
        p = self.shed.start_daemon(wait=False, env=self.page.env)
        if wait:
            self.shed.wait_daemon(p)
            self.restart_ms.append((time.monotonic() - began) * 1000)
        return p

    def end(self, how):
        """lotlined ends in the midst of items."""
        time.sleep(self.random.uniform(0, 0.3))
        p = self.shed.parts["lotlined"]
        if how == "stop":
            code = p.stop()
            if code:
                self.differ(f"lotlined stopped with {code}: {p.tail(3)}")
        elif how == "call":
            self.page.die_at(self.random.randint(1, 200))
            p.p.wait(20)
        else:
            p.kill()
        self.page.kill_at = 0
        self.kills += how != "stop"

    # ---- one round
    def round(self, sweep):
        """sweep: numbers of the calls at which the upgrade of a copy dies."""
        self.start()
        self.readers_of_the_old_store()
        self.end(ENDS[self.number % len(ENDS)])
        before = truth_of(self.shed.db)
        if version_of(self.shed.db) != OLD:
            self.differ(f"the old version made projections of version {version_of(self.shed.db)}")
        self.belt.do("pause")
        Sweep(self, before).run(sweep)
        self.belt.feed(1, SLOW)
        self.upgrade(before)
        self.belt.feed(1, FEED)
        self.readers_of_the_new_store()
        self.events()
        self.belt.posted(self.belt.stat()["posted"] + 20)
        self.end(ENDS[self.number % len(ENDS)])
        self.belt.feed(1, SLOW)
        self.stop_readers()
        self.downgrade()
        self.lotlined(self.new)
        self.belt.feed(1, FEED)
        self.start_readers()
        self.events()
        self.finish(before)

    def upgrade(self, before):
        """Lives of this version, each beginning with what the one before left; then one that stays."""
        for i in range(self.lives):
            if i % 2:
                self.page.kinds, self.page.kill_at = fault.ALL, 0
                p = self.lotlined(self.new, wait=False)
                time.sleep(self.random.uniform(0, 0.08))
                p.kill()
            else:
                self.page.die_at(self.random.randint(1, self.calls))
                self.lotlined(self.new, wait=False).p.wait(20)
            self.page.kill_at = 0
            self.kills += 1
            gone = missing(before, truth_of(self.shed.db))
            if gone or version_of(self.shed.db) not in (OLD, NEW):
                self.differ(f"after death {i} of the upgrade {gone} differ, version {version_of(self.shed.db)}")
        self.lotlined(self.new)

    def downgrade(self):
        """The programs of the version before find the record of this one."""
        s = self.shed
        kept, acks, connections = prints(s.store), len(self.belt.log("ack")), self.proxy.connections
        s.build = self.old
        r = subprocess.run([self.old / "lotlined", "--config", s.path("lotlined.yaml")], capture_output=True, text=True, timeout=20)
        self.refuses("the old lotlined", r.returncode, r.stderr, RENEWED)
        for words in (("lot", "list"), ("log", "verify"), ("store", "rebuild", "--check")):
            code, text = s.lotline(*words, json_out=False)
            self.refuses(f"the old lotline {' '.join(words)}", code, text, READS_NEWER)
        self.reader("old-new", READS_NEWER)
        if len(self.belt.log("ack")) != acks or self.proxy.connections != connections:
            self.differ("an old program spoke to the PLC")
        if prints(s.store) != kept:
            self.differ("an old program changed the record")

    def refuses(self, who, code, text, words):
        lines = text.strip().split("\n")
        if code != 1 or len(lines) != 1 or not all(w in text for w in words):
            self.differ(f"{who} ended with {code}: {text.strip()[-400:]}")
        self.refused += 1

    # ---- readers
    def reader(self, name, words, keep=False):
        """A publisher ends with one line; a page server stays, says it once and serves no page."""
        s = self.shed
        sink = s.start_sink(name="trial")
        self.refuses(f"publisher {name}", sink.p.wait(10), pathlib.Path(sink.log).read_text(), words)
        pathlib.Path(sink.log).unlink()
        s.parts.pop("sink-trial")
        s.start_web("shed")
        web = s.parts["web-shed"]
        self.silent("shed", words)
        if not keep:
            web.kill()
            pathlib.Path(web.log).unlink()
            s.parts.pop("web-shed")
        self.readers += 2

    def silent(self, role, words):
        """The page server does not read this record."""
        web = self.shed.parts[f"web-{role}"]
        wait_for(f"the {role} pages to know", lambda: self.shed.get("/healthz", role)[0] == 503 and web.tail(2), 5)
        for path in (f"/10/{self.lot}", "/v1/streams/market?after=0:0&limit=5"):
            status, _, body = self.shed.get(path, role)
            if status != 503 or self.lot.encode() in body.replace(path.encode(), b"") and b"streamseq" in body:
                self.differ(f"{role} pages answer {path} with {status}: {body[:200]}")
        said = [x for x in pathlib.Path(web.log).read_text().split("\n") if "the record cannot be read" in x]
        if len(said) != 1 or not all(w in said[0] for w in words):
            self.differ(f"{role} pages said {said}")
        if not web.running():
            self.differ(f"{role} pages ended: {web.tail(3)}")

    def readers_of_the_old_store(self):
        """This version's readers came first; its page server waits for the upgrade."""
        s = self.shed
        s.build = self.new
        code, text = s.lotline("lot", "list", json_out=False)
        self.refuses("lotline before the upgrade", code, text, READS_OLDER)
        self.reader("new-old", READS_OLDER, keep=True)
        s.build = self.old

    def readers_of_the_new_store(self):
        """The old ones, which ran all the time; and this version's page server, which comes good by itself."""
        s, sink = self.shed, self.shed.parts["sink-market"]
        self.silent("public", READS_NEWER)
        code = sink.p.wait(10)
        said = [x for x in pathlib.Path(sink.log).read_text().split("\n") if "lotlined does not answer" not in x]
        self.refuses("the old publisher", code, "\n".join(said), READS_NEWER)
        wait_for("the new pages to come good", lambda: s.get("/healthz", "shed")[0] == 200, 5)
        self.stop_readers()
        self.start_readers()
        self.readers += 2

    def stop_readers(self):
        """As when the programs are replaced: nobody but lotlined holds the record then."""
        for name in [n for n in self.shed.parts if n.startswith(("web-", "sink-"))]:
            p = self.shed.parts.pop(name)
            p.kill()
            pathlib.Path(p.log).unlink()

    def start_readers(self):
        s = self.shed
        s.start_web("public")
        if self.lot.encode() not in s.get(f"/10/{self.lot}")[2]:
            self.differ("the page of a lot of before the upgrade is not there")
        s.start_sink()

    # ---- judgement
    def finish(self, before):
        s = self.shed
        self.belt.do("pause")
        self.hands.drained(self.belt.stat)
        self.buyer.wait(ask(s.db, "SELECT count(*) FROM stream WHERE buyer = 'market'")[0][0], 30)
        self.buyer.close()
        s.stop()
        self.proxy.close()
        r = self.belt.compare()
        want = dict(EXACT, gaps=0)
        if {k: r[k] for k in want} != want or r["items_stored"] != r["items_plc"] or r["outcomes_stored"] != r["outcomes_plc"]:
            self.differ(f"PLC and record differ: {r}")
        acks = [(a["epoch"], a["seq"], a["out"]) for a in self.belt.log("ack")] if self.belt.log("ack") else []
        if len({a[0] for a in acks}) != 1 or any(b[1] < a[1] or b[2] < a[2] for a, b in zip(acks, acks[1:])):
            self.differ(f"acknowledgements are not continuous: {acks[:3]} … {acks[-3:]}")
        seen = self.proxy.hooks
        if seen.early or not seen.acks or len(seen.unread) * 10 > seen.acks:
            self.differ(f"acknowledged before it was committed: {seen.early[:3]} of {seen.acks}, unread {seen.unread[:3]}")
        gone = missing(before, truth_of(s.db))
        if gone:
            self.differ(f"what the old version wrote is not there any more: {gone}")
        self.whole(s.store, "the whole round")
        self.items += r["items_stored"]

    def whole(self, store, where):
        for text in verify.verify(store / "store.db"):
            self.differ(f"{where}: verifier: {text}")
        for words in (("store", "rebuild", "--check"), ("log", "verify")):
            r = subprocess.run([str(self.new / "lotline"), "--store", str(store), *words], capture_output=True, text=True, timeout=60)
            if r.returncode:
                self.differ(f"{where}: lotline {' '.join(words)}: {r.returncode} {r.stderr}")


class Sweep:
    """Upgrades of copies, none of which reaches a PLC."""

    def __init__(self, upgrade, before):
        self.u, self.before = upgrade, before
        s, self.at = upgrade.shed, upgrade.shed.path("copy")
        self.store, self.key, self.socket = self.at / "store", self.at / "site.key", self.at / "s.sock"
        self.at.mkdir()
        shutil.copytree(s.store, self.at / "kept")
        shutil.copy(s.path("site.key"), self.key)
        doc = json.loads(s.path("lotlined.yaml").read_text())
        doc.update(store=str(self.store), key=str(self.key), socket=str(self.socket))
        for part in doc["lines"] + doc["scales"]:
            part["port"] = free_port()
        self.config = self.at / "lotlined.yaml"
        self.config.write_text(json.dumps(doc))
        self.page, self.n = fault.Io(self.at / "io.page", upgrade.new), 0
        self.page.kinds = fault.ALL

    def restore(self):
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(self.at / "kept", self.store)

    def life(self, build):
        """(ended by itself, process, what it said): until it is ready or has ended."""
        log = self.at / "lotlined.log"
        log.unlink(missing_ok=True)
        p = Process("lotlined", [build / "lotlined", "--config", self.config], log, env=self.page.env).start()

        def over():
            return "ended" if not p.running() else "lives" if b"ready:" in log.read_bytes() else None
        try:
            ended = wait_for("lotlined to be ready or to end", over, 20, 0.002) == "ended"
        except TimeoutError:
            p.kill()
            raise
        return ended, p, log.read_text()

    def comes_up(self, build, what):
        began = time.monotonic()
        ended, p, said = self.life(build)
        ms = (time.monotonic() - began) * 1000
        code = p.stop()
        if ended or code:
            self.u.differ(f"{what}: {build.parent.name} did not come up: {code} {said[-300:]}")
        self.judge(what)
        return ms

    def judge(self, what):
        gone = missing(self.before, truth_of(self.store / "store.db"))
        if gone:
            self.u.differ(f"{what}: {gone} differ")

    def run(self, chosen):
        """chosen(calls): which calls of so many."""
        self.restore()
        first = self.page.calls
        ended, p, said = self.life(self.u.new)
        self.u.calls = self.page.calls - first
        p.kill()
        if ended:
            self.u.differ(f"the upgrade ended: {said[-300:]}")
            return
        for k in chosen(self.u.calls):
            self.die(k)
        shutil.rmtree(self.at)

    def die(self, k):
        u, what = self.u, f"call {k} of the upgrade"
        self.restore()
        self.n += 1
        full = self.n % FULL_EVERY == 0
        if full:
            self.page.fail(fault.PWRITE, errno.ENOSPC, k)
            u.full += 1
        else:
            self.page.die_at(k)
            u.kills += 1
        self.page.kinds = fault.ALL
        ended, p, said = self.life(u.new)
        if ended and full and (p.p.returncode != 1 or len(said.strip().split("\n")) != 1):
            u.differ(f"{what}, full disk: ended with {p.p.returncode}: {said[-300:]}")
        if ended and not full and p.p.returncode != -9:
            u.differ(f"{what}: ended with {p.p.returncode}: {said[-300:]}")
        p.kill()
        self.page.heal()
        u.swept += 1
        self.judge(what)
        was = version_of(self.store / "store.db")
        if was == OLD and self.n % 3 == 0:
            self.comes_up(u.old, what)
            u.old_lives += 1
        u.restart_ms.append(self.comes_up(u.new, what))
        now = version_of(self.store / "store.db")
        if was not in (OLD, NEW) or now != NEW or ask(self.store / "store.db", "SELECT * FROM sqlite_schema WHERE name = 'past'"):
            u.differ(f"{what}: version {was}, then {now}")
        if self.n % DEEP_EVERY == 1:
            u.whole(self.store, what)


def ask_for(shed, command, **args):
    with Control(shed.socket) as c:
        return c.call(command, **args)


def meets_next(folder, new, following, differ):
    """A record in which the version after this one has written: refused, every byte as it was; that one goes on.
    How many refusals."""
    s = Shed(folder, build=new, site="upgrade")
    s.sim_devices, refused = {}, 0
    s.write_config(lines=[], scales=[], stations=[])
    try:
        s.start_daemon().kill()
        s.build = following
        p = s.start_daemon()
        ask_for(s, "product.add", **PRODUCT)
        p.kill()
        before, kept = truth_of(s.db), prints(s.store)
        r = subprocess.run([new / "lotlined", "--config", s.path("lotlined.yaml")], capture_output=True, text=True, timeout=20)
        if r.returncode != 1 or len(r.stderr.strip().split("\n")) != 1 or not all(w in r.stderr for w in UNKNOWN):
            differ(f"an unknown kind: lotlined ended with {r.returncode}: {r.stderr}")
        if prints(s.store) != kept:
            differ("an unknown kind: lotlined changed the record")
        p = s.start_daemon()
        ask_for(s, "coop.set", **COOP)
        if p.stop() or missing(before, truth_of(s.db)) or verify.verify(s.db):
            differ("an unknown kind: its own version did not go on")
    finally:
        s.kill()
    return 1


def run_upgrade(folder, n, seed=1, build=None):
    """(report, differences) of about n deaths; every process has ended."""
    build = pathlib.Path(build or Shed(folder / "none").build)
    began, differences = time.monotonic(), []
    old = versions.build_version(build, folder / "old", versions.OLD, PROGRAMS)
    following = versions.build_version(build, folder / "next", versions.NEXT, PROGRAMS[:1])
    built = time.monotonic() - began
    rounds = max(1, round(n / PER_ROUND))
    done = []
    unknown = meets_next(folder / "unknown", build, following, differences.append)
    for i in range(rounds):
        u = Upgrade(folder / f"round{i}", old, build, seed * 1000 + i, differences.append, i)
        u.lives = LIVES[n >= PER_ROUND]
        share = max(1, (n - sum(x.kills + x.full for x in done)) / (rounds - i) - u.lives - 2)

        def chosen(calls, share=share, i=i):
            step = max(1, round(calls / share))
            return range(1 + i * step // rounds, calls + 1, step)
        try:
            u.round(chosen)
        except (OSError, RuntimeError, TimeoutError, subprocess.SubprocessError, sqlite3.Error) as e:
            differences.append(f"round {i} broke off: {e!r}")
        finally:
            u.shed.kill()
        done.append(u)
        if not differences:
            shutil.rmtree(u.shed.run)
    ms = sorted(x for u in done for x in u.restart_ms) or [0]
    report = dict(target="check-upgrade", seed=seed, rounds=rounds, kills=sum(u.kills for u in done),
                  full_disk=sum(u.full for u in done), sweep=sum(u.swept for u in done), calls=max(u.calls for u in done),
                  old_after_death=sum(u.old_lives for u in done), items=sum(u.items for u in done),
                  acks=sum(u.proxy.hooks.acks for u in done), refused=unknown + sum(u.refused for u in done),
                  readers=sum(u.readers for u in done), differences=len(differences),
                  restart_ms_p50=round(statistics.median(ms)), restart_ms_max=round(ms[-1]), build_s=round(built, 1),
                  seconds=round(time.monotonic() - began))
    return report, differences


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--n", type=int, default=100)
    p.add_argument("--seed", type=int, default=0, help="0: by chance; it is printed")
    a = p.parse_args()
    seed = a.seed or random.SystemRandom().randrange(1, 1 << 20)
    print(f"SEED={seed}", file=sys.stderr)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lotline-upgrade-"))
    report, differences = run_upgrade(folder, a.n, seed)
    return end(folder, report, differences)


if __name__ == "__main__":
    sys.exit(main())
