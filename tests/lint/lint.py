#!/usr/bin/env python3
"""make lint and make lint-fast: every check of the source, two at a time; findings on standard output,
counts in one JSON line at the end, exit 1 when there is any. What passed is remembered in the build
folder by the content of a file, of all that it includes and of the check's own configuration."""
import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
import layers  # noqa: E402
import limits  # noqa: E402
import tree  # noqa: E402

FAST = ("format", "layers", "foreign_headers", "limits")
ALL = ("format", "clang_tidy", "cppcheck", "analyzer", "layers", "foreign_headers", "limits")
LINE = re.compile(r"^([^\s:][^:\n]*):(\d+):(?:\d+:)? (?:fatal )?(?:warning|error|style|performance|portability|"
                  r"information): (.*)$", re.M)


def run_tool(command):
    p = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True)
    return p.returncode, p.stdout + p.stderr


def findings_of(check, code, output, file):
    """What a tool said, once each; a tool that failed without a finding is one finding itself."""
    found = {}
    for path, line, text in LINE.findall(output):
        path = os.path.relpath(os.path.join(tree.ROOT, path), tree.ROOT)
        found.setdefault((path, line, text), tree.Finding(check, path, int(line), text))
    if code and not found:
        last = output.strip().splitlines()[-1:] or ["no output"]
        return [tree.Finding(check, file, 1, f"exit {code}: {last[0]}")]
    return list(found.values())


# ---- the checks, each a list of jobs; a job is (what it depends on, what it runs)

def format_jobs(build, flags):
    sources = tree.files("*.c", "*.h")
    for i in range(0, len(sources), 60):
        part = sources[i:i + 60]

        def job(part=part):
            code, output = run_tool(["clang-format", "--dry-run", "-Werror", *part])
            first = {}
            for f in findings_of("format", code, output, part[0]):
                f.text = "make format would change this"
                first.setdefault(f.file, f)
            return list(first.values())
        yield None, job


def product_sources():
    table, _ = layers.rules(tree.read("layers.txt"))
    return [f for f in tree.files(*(f"{d}/*.c" for d in table)) if not tree.is_test(f)]


def per_file_jobs(check, build, flags, config, command):
    for path in product_sources():
        full = command(path)

        def job(path=path, full=full):
            return findings_of(check, *run_tool(full), path)
        yield closure_key(path, build, config, full), job


def tidy_jobs(build, flags):
    return per_file_jobs("clang_tidy", build, flags, [".clang-tidy"],
                         lambda path: ["clang-tidy", "--quiet", path, "--", *flags])


def analyzer_jobs(build, flags):
    return per_file_jobs("analyzer", build, flags, [],
                         lambda path: ["gcc", *flags, "-O0", "-fanalyzer", "-fdiagnostics-plain-output",
                                       "-c", "-o", "/dev/null", path])


def cppcheck_jobs(build, flags):
    config = "tests/lint/cppcheck.txt"
    macros = "tests/lint/cppcheck.h"
    options = [f for f in flags if f.startswith(("-I", "-D"))]
    return per_file_jobs("cppcheck", build, flags, [config, macros], lambda path: [
        "cppcheck", "--quiet", "--std=c11", "--enable=warning,style,performance,portability",
        f"--suppressions-list={config}", "--error-exitcode=1", "--template=gcc", "--library=posix",
        f"--include={macros}", *options, path])


JOBS = {"format": format_jobs, "clang_tidy": tidy_jobs, "cppcheck": cppcheck_jobs, "analyzer": analyzer_jobs}


def closure_key(path, build, config, command):
    """A hash of the command and of every text that it reads: the file, its includes, its configuration."""
    h = hashlib.sha256("\0".join(command).encode())
    seen, todo = set(), [path, *config]
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        for name in (at, os.path.join(build, "gen", at)):
            if os.path.exists(os.path.join(tree.ROOT, name)):
                h.update(f"\0{name}\0{tree.read(name)}".encode())
                todo += sorted(n for _, system, n in tree.includes(name) if not system)
                break
    return h.hexdigest()


def run_job(memory, key, job):
    """A clean result is remembered; a finding is looked for again every time."""
    mark = key and os.path.join(memory, key)
    if mark and os.path.exists(mark):
        os.utime(mark)
        return []
    found = job()
    if mark and not found:
        open(mark, "w", encoding="ascii").close()
    return found


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--target", default="lint")
    a.add_argument("--build", default="build")
    a.add_argument("--flags", default="", help="what the compiler is called with")
    a.add_argument("--only", default="", help="a check, or several with commas")
    a = a.parse_args()
    checks = [c for c in (FAST if a.target == "lint-fast" else ALL) if not a.only or c in a.only.split(",")]
    start = time.monotonic()
    memory = os.path.join(tree.ROOT, a.build, "lint")
    os.makedirs(memory, exist_ok=True)

    found = [f for f in layers.run() + limits.run() if f.check in checks]
    jobs = [j for c in checks if c in JOBS for j in JOBS[c](a.build, a.flags.split())]
    with ThreadPoolExecutor(2) as pool:
        for more in pool.map(lambda j: run_job(memory, *j), jobs):
            found += more
    seen = set()
    for f in sorted(found, key=lambda f: (f.file, f.line)):
        if str(f) not in seen:
            print(f)
        seen.add(str(f))
    counts = {c: len({str(f) for f in found if f.check == c}) for c in checks}
    print(json.dumps({"target": a.target, **counts, "seconds": round(time.monotonic() - start, 1)}))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
