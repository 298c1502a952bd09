"""Runs the fuzz targets, each for so many seconds from its seeds and the corpus of earlier runs, and ends
with one JSON line. A finding stops its target, is kept under found/ and makes the exit status 1."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

# A slow input is a finding after 50 ms, a hanging one after 1 s of processor time (fuzz.c); -timeout is for
# what waits without using any.
LIMITS = ["-timeout=10", "-rss_limit_mb=512", "-malloc_limit_mb=256", "-print_final_stats=1", "-verbosity=1",
          "-use_value_profile=1", "-reload=0"]
MAX_LEN = {"map": 16384, "crop": 16384, "yaml": 8192, "config": 8192, "proof": 8192, "text": 8192}
WORD = re.compile(r'"((?:[^"\\\n]|\\.){2,40})"')


def dictionary(path, sources):
    """Words that the sources compare with: their short string literals."""
    words = set()
    for s in sources:
        words |= set(WORD.findall(pathlib.Path(s).read_text()))
    plain = sorted(w for w in words if w.isascii() and "%" not in w and "\\" not in w and w.strip())
    path.write_text("".join(f'"{w}"\n' for w in plain))
    return path


# Folders whose words a target's inputs are made of.
WORDS = {"yaml": ["tests/fuzz/fuzz_yaml.c"], "map": ["plc-maps/*.c", "plc-maps/*.def", "base/measures.def"],
         "crop": ["crops/*.c", "base/measures.def"], "config": ["controller/config.c", "mqtt/sink.c", "web/options.c"],
         "request": ["traceability/*.c", "traceability/*.def", "controller/verbs.c"],
         "epcis": ["traceability/*.c", "traceability/*.def"],
         "web": ["web/*.c", "web/routes.def"], "http": ["web/*.c", "web/routes.def"],
         "proof": ["web/buyer.c", "web/proof.c", "traceability/lot_public.c"], "mqtt": ["mqtt/*.c", "mqtt/*.def"],
         "cli": ["cli/*.c"], "json": ["base/json.c"]}


class Fuzz:
    def __init__(self, name, seeds, options, build):
        self.name, self.build = name, build
        self.seeds = [pathlib.Path(s) for s in seeds if s]
        self.corpus = build / "corpus" / name
        self.found = build / "found"
        self.program = build / "tests/fuzz" / name
        self.seconds = options.seconds
        self.stats = {}

    def prepare(self):
        self.corpus.mkdir(parents=True, exist_ok=True)
        self.found.mkdir(parents=True, exist_ok=True)
        for s in self.seeds:
            for f in s.iterdir() if s.is_dir() else [s]:
                shutil.copy(f, self.corpus / ("seed-" + f.name))

    def command(self):
        words = [p for pattern in WORDS.get(self.name, []) for p in pathlib.Path(".").glob(pattern)
                 if not p.name.endswith("_test.c")]
        more = [f"-dict={dictionary(self.build / (self.name + '.dict'), words)}"] if words else []
        return [self.program, *LIMITS, *more, f"-max_len={MAX_LEN.get(self.name, 2048)}",
                f"-max_total_time={self.seconds}", f"-artifact_prefix={self.found}/{self.name}-", self.corpus]

    def run(self):
        self.prepare()
        env = dict(os.environ, ASAN_OPTIONS="detect_odr_violation=0:allocator_may_return_null=1:handle_abort=1:"
                   "quarantine_size_mb=32:malloc_context_size=6",
                   UBSAN_OPTIONS="print_stacktrace=1")
        log = self.build / (self.name + ".log")
        with open(log, "wb") as out:
            self.rc = subprocess.call(self.command(), stdout=out, stderr=subprocess.STDOUT, env=env)
        text = log.read_text(errors="replace")
        self.stats = {k: int(v) for k, v in re.findall(r"stat::(\w+):\s+(\d+)", text)}
        last = re.findall(r"cov: (\d+) ft: (\d+)", text)
        self.cov = int(last[-1][0]) if last else 0
        self.execs = self.stats.get("number_of_executed_units", 0)
        self.crash = re.findall(r"Test unit written to (\S+)", text)
        self.log = log
        return self

    def line(self):
        rate = self.execs // max(1, self.seconds)
        slow = self.stats.get("slowest_unit_time_sec", 0)
        state = "ok" if self.rc == 0 else f"FOUND {' '.join(self.crash) or self.log}"
        return f"{self.name:10} {self.execs:>11} execs {rate:>8}/s  {self.cov:>6} edges  {slow} s  {state}"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seconds", type=int, default=20)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--only", default="")
    p.add_argument("target", nargs="+", help="NAME=SEEDS:SEEDS…")
    o = p.parse_args()
    build = pathlib.Path(os.environ["LOTLINE_BUILD"]).resolve()
    names = dict(t.split("=", 1) for t in o.target)
    wanted = o.only.split() or list(names)
    todo = [Fuzz(n, names[n].split(":"), o, build) for n in wanted]
    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        for f in concurrent.futures.as_completed([pool.submit(f.run) for f in todo]):
            print(f.result().line(), file=sys.stderr, flush=True)
    findings = [f for f in todo if f.rc != 0]
    for f in findings:
        print(f"{f.name}: {' '.join(f.crash) or 'no input kept'}; see {f.log}; "
              f"again with: {f.program} {' '.join(f.crash)}", file=sys.stderr)
    print(json.dumps({"target": "fuzz", "parsers": len(todo), "seconds_each": o.seconds,
                      "execs": sum(f.execs for f in todo), "findings": len(findings)}))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
