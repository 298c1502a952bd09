"""The checks of make lint-fast find what they are for."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layers  # noqa: E402
import limits  # noqa: E402
import tree  # noqa: E402

LAYERS, DOORS = layers.rules("# two folders and a library\nbase:\nweb: base\n!zlib.h web/gzip.c\n!jansson.h *\n")


@pytest.mark.parametrize("table,says", [
    ({"a": ["b"], "b": []}, None),
    ({"a": ["b"], "b": ["a"]}, "a uses itself by a detour"),
    ({"a": ["b"], "b": ["c"], "c": ["a"]}, "c uses itself by a detour"),
    ({"a": ["b"]}, "a uses b, which has no line"),
])
def test_the_table_itself(table, says):
    texts = [f.text for f in layers.check_graph(table)]
    assert says in texts if says else not texts


@pytest.mark.parametrize("path,name,allowed", [
    ("web/http.c", "web/http.h", True),
    ("web/http.c", "base/err.h", True),
    ("base/err.c", "web/http.h", False),
    ("web/http.c", "controller/link.h", False),
    ("web/http.c", "http.h", False),
    ("web/http.c", "tests/bench/bench.h", False),
    ("web/http.c", "base/test_tmp.h", False),
    ("web/http_test.c", "base/test_tmp.h", True),
    ("base/err_test.c", "web/http.h", False),
])
def test_who_may_include_whom(path, name, allowed):
    assert (layers.check_own(LAYERS, path, 1, name) is None) == allowed


@pytest.mark.parametrize("path,name,allowed", [
    ("web/gzip.c", "zlib.h", True),
    ("web/http.c", "zlib.h", False),
    ("web/http_test.c", "zlib.h", True),
    ("web/http.c", "jansson.h", True),
    ("web/http.c", "curl/curl.h", False),
    ("web/http.c", "sys/socket.h", True),
])
def test_foreign_headers(path, name, allowed):
    assert (layers.check_foreign(DOORS, path, name) is None) == allowed


LONG = "int f(void)\n{\n" + "    g();\n" * 61 + "}\n"


@pytest.mark.parametrize("path,text,says", [
    ("base/a.c", "int x = atoi(s);\n", "atoi is not used here"),
    ("base/a.c", "/* atoi(s) */ puts(\"atoi(s)\");\n", None),
    ("base/a_test.c", "int x = atoi(s);\n", None),
    ("base/a.c", LONG, "function of 61 lines; at most 60"),
    ("base/a_test.c", LONG, None),
    ("base/a.c", "\n" * 600, "601 lines; at most 600"),
    ("crops/a.c", "static double mean;\n", "no floating point in this folder"),
    ("web/a.c", "static double mean;\n", None),
])
def test_limits(path, text, says):
    texts = [t for _, t in limits.check(path, text)]
    assert texts == ([says] if says else [])


def test_a_comment_keeps_its_lines():
    assert limits.code_of("a /* b\n c */ \"d\"\n").count("\n") == 2


def test_tests_are_told_apart():
    assert tree.is_test("base/test_tmp.h") and tree.is_test("web/http_test.c") and tree.is_test("tests/bench/load.c")
    assert not tree.is_test("traceability/tlog.h") and not tree.is_test("base/text.c")
