#!/usr/bin/env python3
"""make cover: which branches the tests took, a folder a line of files, then one JSON line of percentages.

Counted are the branches of product sources as gcc has them at -O0. Left out, because no test can take
them: the failing side of assert, and `default: abort` lines, which this source has none of (a switch over
our own enum has no default). Nothing else: running out of memory and failing calls count as untested."""
import argparse
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
import layers  # noqa: E402
import tree  # noqa: E402

ASKED = ("base", "plc-maps", "crops", "controller", "traceability")
GOAL = 90.0


def summary(build):
    """gcovr's own summary: a list of files with their branches and lines."""
    folders = "|".join(layers.rules(tree.read("layers.txt"))[0])
    text = subprocess.run(
        ["/usr/bin/gcovr", "--root", ".", "--object-directory", build, "--json-summary", "-", "-j", "2",
         "--filter", f"({folders})/", "--exclude", r".*_test\.c$", "--exclude", r".*/test[^/]*\.h$",
         "--exclude-branches-by-pattern", r"^\s*assert\(", "--exclude-unreachable-branches", build],
        cwd=tree.ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(text)["files"]


def share(files, what):
    total = sum(f[f"{what}_total"] for f in files)
    return round(100 * sum(f[f"{what}_covered"] for f in files) / total, 1) if total else None


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--build", required=True)
    a.add_argument("--lowest", type=int, default=15, help="how many files to name")
    a.add_argument("--with", dest="ran", default="unit", help="what was run, for the record")
    a = a.parse_args()
    files = summary(a.build)
    files.sort(key=lambda f: f["branch_covered"] - f["branch_total"])
    print("most branches not taken:")
    for f in files[:a.lowest]:
        print(f"  {f['branch_total'] - f['branch_covered']:5} of {f['branch_total']:5}"
              f"  {share([f], 'branch'):5} %  {f['filename']}")
    by = {d: share([f for f in files if tree.folder(f["filename"]) == d], "branch")
          for d in sorted({tree.folder(f["filename"]) for f in files})}
    asked = [f for f in files if tree.folder(f["filename"]) in ASKED]
    print(json.dumps({"target": "cover", "ran": a.ran, "branch": by, "branch_five": share(asked, "branch"),
                      "line_five": share(asked, "line"), "total": share(files, "branch"),
                      "line_total": share(files, "line"), "goal": GOAL,
                      "below_goal": [d for d in ASKED if (by.get(d) or 0) < GOAL]}))


if __name__ == "__main__":
    main()
