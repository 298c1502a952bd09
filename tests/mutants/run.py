#!/usr/bin/python3
"""Plants one bug at a time and looks whether the checks find it.

usage: run.py [--only NAME,…] [--seeds N] [--jobs N] [--list]

Each row of mutants.py is applied to a copy of the tree, what it touches is built anew, and its killer
runs: the simulated shed over its first seeds, or one unit test program. The sources themselves are
never changed. The last line is one JSON object; exit 1 when a bug survives, when an edit does not fit
the sources any more, or when the killers fail without any bug."""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from mutants import FEW, MUTANTS

ROOT = Path(__file__).resolve().parents[2]
BUILD = os.environ.get("LOTLINE_BUILD", str(ROOT / "build"))
SOURCES = "base plc-maps crops traceability labels sim controller mqtt web cli tests".split()
SIM = "sim-tests/shed_sim"
ENOUGH = 8  # seeds that died: more would say the same
CPU_S = 20  # of one seed or one unit test; a bug may loop for ever


class Trouble(Exception):
    pass


def limit():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def copy_tree(to):
    """Sources and what is built of them, with their times: make finds nothing to do."""
    skip = shutil.ignore_patterns("seeds", "__pycache__", "pictures", ".git")
    for name in SOURCES:
        shutil.copytree(ROOT / name, to / name, ignore=skip)
    for name in ("Makefile", "layers.txt"):
        shutil.copy2(ROOT / name, to / name)
    build = Path(BUILD)
    (to / "build").mkdir()
    for name in SOURCES + ["gen", "sim-tests"]:
        if name != "tests" and (build / name).is_dir():
            shutil.copytree(build / name, to / "build" / name)
    if (build / "tests/simulation").is_dir():
        shutil.copytree(build / "tests/simulation", to / "build/tests/simulation")
    for lib in build.glob("lib*.a"):
        shutil.copy2(lib, to / "build" / lib.name)


class Tree:
    def __init__(self, path):
        self.path = path
        copy_tree(path)

    def make(self, *targets):
        """Warnings are no errors here: a bug may leave a function unused."""
        out = subprocess.run(["make", "-s", "V=", "B=build", "WARN=-w", *(f"build/{t}" for t in targets)],
                             cwd=self.path, capture_output=True, text=True)
        if out.returncode:
            raise Trouble(f"does not build: {out.stderr[-600:]}")

    def unit(self, program):
        try:
            out = subprocess.run([f"build/{program}"], cwd=self.path, capture_output=True, timeout=180,
                                 preexec_fn=limit)
        except subprocess.TimeoutExpired:
            return True
        return out.returncode != 0

    def sim(self, first, seeds, minutes, enough):
        """Seeds tried, seeds that died, and the first complaint."""
        out = subprocess.run([f"build/{SIM}", "--seeds", str(seeds), "--first", str(first), "--minutes",
                              str(minutes), "--jobs", "1", "--twice", "0", "--stop-after", str(enough)],
                             cwd=self.path, capture_output=True, text=True, preexec_fn=limit)
        line = out.stdout.strip().rsplit("\n", 1)[-1]
        if not line.startswith("{"):
            raise Trouble(f"the simulation ended without a word: {out.stderr[-400:]}")
        got = json.loads(line)
        return got["seeds"], got["failed"], (out.stderr.strip().split("\n") or [""])[0]


class Planted:
    """The edits of one row in one tree, undone at the end, objects included."""

    def __init__(self, tree, mutant):
        self.tree, self.mutant, self.kept = tree, mutant, []

    def __enter__(self):
        texts = {}
        for name, old, new in self.mutant.edits:
            text = texts.get(name) or (self.tree.path / name).read_text()
            if text.count(old) != 1:
                raise Trouble(f"{name}: the old text stands there {text.count(old)} times, not once:\n{old}")
            texts[name] = text.replace(old, new)
        for name, text in texts.items():
            source = self.tree.path / name
            built = self.tree.path / "build" / Path(name).with_suffix(".o")
            for p in (source, built) if source.suffix == ".c" else (source,):
                shutil.copy2(p, f"{p}.kept")
                self.kept.append(p)
            source.write_text(text)
        return self

    def __exit__(self, *_):
        for p in self.kept:
            os.replace(f"{p}.kept", p)
            if p.suffix == ".h":
                os.utime(p)  # what was built with it is built again
            if p.suffix == ".o":  # its archive has the bug in it
                (self.tree.path / "build" / f"lib{p.parent.name}.a").unlink(missing_ok=True)


def judge(tree, m, seeds):
    """What the killer made of it: {killed, share, how, minutes}."""
    with Planted(tree, m):
        tree.make(SIM if m.kill == "sim" else m.kill)
        if m.kill != "sim":
            return {"killed": tree.unit(m.kill), "share": None, "how": m.kill}
        tried, died, how = tree.sim(1, min(40, seeds), m.minutes, ENOUGH)
        if not died and seeds > 40:
            more, died, how = tree.sim(41, seeds - 40, m.minutes, 1)
            tried += more
        return {"killed": died > 0, "share": round(died / tried, 3), "how": how}


def fit(mutants):
    """Rows whose old text does not stand in the sources exactly once."""
    bad = []
    for m in mutants:
        for name, old, _ in m.edits:
            n = (ROOT / name).read_text().count(old)
            if n != 1:
                bad.append(f"{m.name}: {name}: found {n} times, not once:\n{old}")
    return bad


def run_all(mutants, jobs, seeds, tmp):
    todo, results, lock = list(mutants), {}, threading.Lock()

    def work(k):
        tree = Tree(tmp / f"tree{k}")
        while True:
            with lock:
                if not todo:
                    return
                m = todo.pop(0)
            began = time.monotonic()
            try:
                r = judge(tree, m, seeds)
            except Trouble as t:
                r = {"killed": False, "share": None, "how": str(t), "trouble": True}
            with lock:
                results[m.name] = r
                share = "" if r["share"] is None else f" {100 * r['share']:.0f} %"
                print(f"{'killed  ' if r['killed'] else 'SURVIVED'} {m.name:32}{share:>6} "
                      f"{time.monotonic() - began:5.1f} s  {r['how'][:110]}", flush=True)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


def sound(tmp, mutants):
    """Without any bug every killer is content."""
    tree = Tree(tmp / "plain")
    units = sorted({m.kill for m in mutants if m.kill != "sim"})
    tree.make(SIM, *units)
    bad = [u for u in units if tree.unit(u)]
    if any(m.kill == "sim" for m in mutants):
        _, died, how = tree.sim(1, 10, 4, 1)
        bad += [how] if died else []
    shutil.rmtree(tmp / "plain")
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default="", help="names, parted by commas")
    p.add_argument("--small", action="store_true", help="a few that die at once; for make check")
    p.add_argument("--seeds", type=int, default=200)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--list", action="store_true")
    a = p.parse_args()
    names = a.only.split(",") if a.only else FEW if a.small else [m.name for m in MUTANTS]
    chosen = [m for m in MUTANTS if m.name in names]
    chosen.sort(key=lambda m: m.kill == "sim")  # the quick ones first
    if a.list:
        for m in chosen:
            print(f"{m.name:32} {m.kill:32} {m.what}")
        return 0
    began = time.monotonic()
    bad = fit(MUTANTS)
    with tempfile.TemporaryDirectory(prefix="lotline-mutants-") as tmp:
        if not bad and not a.small:
            bad = sound(Path(tmp), chosen)
        results = {} if bad else run_all(chosen, a.jobs, a.seeds, Path(tmp))
    for b in bad:
        print(b, file=sys.stderr)
    shares = sorted(((r["share"], n) for n, r in results.items() if r["killed"] and r["share"] is not None))
    survivors = sorted(n for n, r in results.items() if not r["killed"])
    print(json.dumps({"target": "mutants", "mutants": len(chosen), "killed": len(results) - len(survivors),
                      "survivors": survivors, "weakest": {n: s for s, n in shares[:5]}, "unfit": len(bad),
                      "seconds": round(time.monotonic() - began, 1)}))
    return 1 if bad or survivors or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
