#!/usr/bin/env python3
"""make check-asan, check-tsan, check-valgrind: what runs under a sanitizer, step by step.

Programs write what a sanitizer finds to files of their own, so that nothing is lost in a pipe and a
program that a test kills counts too. The last line is one JSON object; exit 1 when anything was found
or a step failed. Limits of time and memory are judged by make check, not here: under a sanitizer a
program is ten times slower, and what it frees stays for a while."""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

SCENARIOS = ["tests/scenario", "tests/peers"]
# What these judge is time itself: a program that is ten times slower fails them as it should.
LEFT_OUT = "not kills and not volatile and not retentive and not overwrite"
# valgrind 3.19 does not know two requests to terminals (TIOCEXCL, TIOCGPTPEER).
KNOWN = re.compile(r"(==\d+== (Warning: noted but unhandled ioctl 0x54|   This could cause|   See README_MISSING).*\n)*")


def environment(variant, reports):
    log = f"log_path={reports}/found"
    env = dict(os.environ)
    if variant == "asan":
        env["ASAN_OPTIONS"] = f"{log}:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"
        env["UBSAN_OPTIONS"] = f"{log}:print_stacktrace=1"
    if variant == "tsan":
        env["TSAN_OPTIONS"] = f"{log}:second_deadlock_stack=1:history_size=4"
    return env


def unit_tests(build, variant):
    """The folders' test programs. TSan and valgrind have a malloc of their own, so tests that put one of theirs
    in its place cannot work there; those have one thread and run under ASan."""
    for p in sorted(pathlib.Path(build).glob("*/*_test")):
        own_malloc = variant != "asan" and re.search(
            r" T (malloc|calloc|realloc)$", subprocess.run(["nm", p], stdout=subprocess.PIPE, text=True,
                                                           check=False).stdout, re.M)
        if os.access(p, os.X_OK) and pathlib.Path(p.parent.name, p.name + ".c").exists() and not own_malloc:
            yield f"{p.parent.name}/{p.name}", [str(p)], {}


def valgrind(build, reports):
    """Each unit test; processes that it starts are followed."""
    return [(name, ["valgrind", "-q", "--vgdb=no", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite",
                    "--show-leak-kinds=definite", "--trace-children=yes", "--trace-children-skip=/bin/*,/usr/bin/*",
                    f"--log-file={reports}/found.{name.replace('/', '-')}.%p", *argv], more)
            for name, argv, more in unit_tests(build, "valgrind")]


def steps(variant, build, reports, seeds):
    make = ["make", "--no-print-directory", "-s", f"V={variant}", f"B={build}"]
    if variant == "valgrind":
        return valgrind(build, reports)
    sim = f"{build}/sim-tests"
    return [
        *unit_tests(build, variant),
        ("kept inputs", make + ["fuzz-seeds"], {}),
        ("simulation", [f"{sim}/shed_sim", "--seeds", str(seeds), "--minutes", "10"], {}),
        ("crash disk", [f"{sim}/crashvfs"], {"N": "300"}),
        ("damage", [f"{sim}/damage"], {"N": "60"}),
        ("scenarios", ["/usr/bin/python3", "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "-p",
                       "no:cacheprovider", "-k", LEFT_OUT, *SCENARIOS], {"LOTLINE_BUILD": os.path.abspath(build)}),
    ]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--build", required=True)
    a.add_argument("--variant", required=True, choices=["asan", "tsan", "valgrind"])
    a.add_argument("--seeds", type=int, default=60)
    a.add_argument("--only", help="steps whose name begins so")
    a = a.parse_args()
    reports = pathlib.Path(tempfile.mkdtemp(prefix="lotline-sanitize-"))
    env, began, failed, ran = environment(a.variant, reports), time.monotonic(), [], []
    for name, argv, more in steps(a.variant, a.build, reports, a.seeds):
        if a.only and not name.startswith(a.only):
            continue
        out = reports / (name.replace("/", "-").replace(" ", "-") + ".log")
        with open(out, "wb") as f:
            rc = subprocess.run(argv, env={**env, **more}, stdout=f, stderr=subprocess.STDOUT, check=False).returncode
        ran.append(name)
        if rc:
            failed.append(name)
            sys.stdout.write(f"{name}: exit {rc}\n" + "".join(open(out, errors="replace").readlines()[-12:]))
    found = [p for p in reports.glob("found*") if not KNOWN.fullmatch(p.read_text(errors="replace"))]
    for p in found[:5]:
        print("".join(open(p, errors="replace").readlines()[:30]))
    print(json.dumps({"target": f"check-{a.variant}", "steps": len(ran), "failed": failed, "reports": len(found),
                      "seconds": round(time.monotonic() - began, 1)}))
    if not failed and not found:
        shutil.rmtree(reports)
    else:
        print(f"kept: {reports}", file=sys.stderr)
    return 1 if failed or found else 0


if __name__ == "__main__":
    sys.exit(main())
