"""What the house style says in numbers and names: how long, and what is never called."""
import re

import tree

FILE_LINES = 600      # of a product folder; tests may run on
FUNCTION_LINES = 60   # of a product folder
TEST_LINES = 100      # of any function

# Strict parsers instead of these (base/num.h); bounded copies; no waiting without a deadline.
BANNED = re.compile(r"\b(atoi|atol|atoll|atof|strtol|strtoul|strtoll|strtoull|strtod|sscanf|scanf|gets|"
                    r"sprintf|vsprintf|strcpy|strcat|strncpy|strtok|alloca|sleep|system|popen)\s*\(")
# No floating point from a register to a topic.
EXACT = ("plc-maps", "crops", "controller", "traceability", "mqtt")
FLOAT = re.compile(r"\b(float|double)\b")

COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_of(text):
    """The text with comments and literals blanked, line by line where it was."""
    return COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def functions(lines):
    """(line, length) of every function: under the formatter its braces alone stand in column 1."""
    start = None
    for n, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = n
        elif line.startswith("}") and start:
            yield start, n - start - 1
            start = None


def check(path, text):
    lines = text.split("\n")
    test = tree.is_test(path)
    if not test and len(lines) > FILE_LINES:
        yield 1, f"{len(lines)} lines; at most {FILE_LINES}"
    most = TEST_LINES if test else FUNCTION_LINES
    for n, length in functions(lines):
        if length > most:
            yield n, f"function of {length} lines; at most {most}"
    if test:
        return
    for n, line in enumerate(code_of(text).split("\n"), 1):
        for m in BANNED.finditer(line):
            yield n, f"{m.group(1)} is not used here"
        if tree.folder(path) in EXACT and FLOAT.search(line):
            yield n, "no floating point in this folder"


def run():
    return [tree.Finding("limits", path, n, text) for path in tree.files("*.c", "*.h")
            for n, text in check(path, tree.read(path))]
