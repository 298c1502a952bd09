"""The tree as lint sees it: which files there are, and what each includes."""
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


class Finding:
    """One thing to put right. Its text is what a person reads: file:line: check: what."""

    def __init__(self, check, file, line, text):
        self.check, self.file, self.line, self.text = check, file, line, text

    def __str__(self):
        return f"{self.file}:{self.line}: {self.check}: {self.text}"


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def files(*patterns):
    """What git knows and what is new, less what is ignored or deleted: a clean clone and a day's work."""
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--",
                          *patterns], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted({f for f in out.split("\0") if f and os.path.exists(os.path.join(ROOT, f))})


def folder(path):
    return path.split("/", 1)[0]


def is_test(path):
    """Unit tests and their helpers stand beside what they test; all of tests/ is a test."""
    name = os.path.basename(path)
    return path.startswith("tests/") or name.endswith("_test.c") or \
        (name.startswith("test") and name.endswith(".h"))


def includes(path):
    """(line, is it a system header, name) of every #include."""
    text = read(path)
    return [(text.count("\n", 0, m.start(1)) + 1, m.group(1) == "<", m.group(2))
            for m in INCLUDE.finditer(text)]
