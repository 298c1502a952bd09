"""The Structured Text for PLCs: its numbers against the contract, the translator, and planted bugs.

The numbers come from plc-maps/mailbox.def and mailbox_layout.h, read here by their own few lines; what the
text does with them is judged by the programs of st.mk."""
import os
import re
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import st_mutants as mutants  # noqa: E402
import st2c  # noqa: E402

pytestmark = pytest.mark.xdist_group("st")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


# ---- the numbers of the contract

def st_section(name):
    text = re.sub(r"\(\*.*?\*\)", "", read("plc-maps/st/FB_Mailbox.st"), flags=re.S)
    return re.search(f"{name}\n(.*?)END_VAR", text, re.S).group(1)


def st_constants():
    return {name: int(value.replace("16#", "0x"), 0)
            for name, value in re.findall(r"(\w+)\s*:\s*\w+\s*:=\s*([\w#]+);", st_section("VAR CONSTANT"))}


def contract_offsets():
    rows = re.findall(r"^M\((\w+),\s*(\d+),\s*(\d+),\s*(\w+)\)", read("plc-maps/mailbox.def"), re.M)
    assert len(rows) > 50
    return {f"{block}_{name}": int(offset) for block, offset, _, name in rows}


def contract_enums():
    text = re.sub(r"/\*.*?\*/", "", read("plc-maps/mailbox_layout.h"), flags=re.S)
    return {name: eval(value) for name, value in re.findall(r"\bMB_(\w+) = (0x\w+|\d+ << \d+|\d+),", text)}


def test_every_offset_stands_in_the_text_as_in_the_contract():
    prefixes = ("HDR_", "ITEM_", "OUT_", "HOST_", "SLOT_")
    others = {"HDR_WORDS", "ITEM_WORDS", "OUT_WORDS", "HOST_WORDS", "SLOT_WORDS", "HOST_OK", "ITEM_MANUAL",
              "HOST_LAST", "SLOT_M"}
    mine = {k: v for k, v in st_constants().items() if k.startswith(prefixes) and k not in others}
    assert mine == contract_offsets()


def test_bits_reasons_sizes_and_magic_are_those_of_the_contract():
    mine, theirs = st_constants(), contract_enums()
    shared = set(mine) & set(theirs)
    assert {"MAGIC", "VERSION", "HDR_WORDS", "ITEM_WORDS", "OUT_WORDS", "HOST_WORDS", "SLOT_WORDS", "RUNNING",
            "FAULT", "ESTOP", "HOST_OK", "INFEED_INHIBITED", "MANUAL", "OVERWRITE", "TABLE_MODE", "FEED_STOPPED",
            "REQUEST_FEED_STOP", "ITEM_MANUAL", "DECIDED", "LATE", "BLOCKED", "NO_HOST", "UNTRACKED", "BY_HAND",
            "SPACING", "LANE_FULL"} == shared
    assert {k: mine[k] for k in shared} == {k: theirs[k] for k in shared}


def test_sizes_follow_from_ring_and_slots():
    c = st_constants()
    assert c["RING_N"] & (c["RING_N"] - 1) == 0 and 16 <= c["RING_N"] <= 1024
    assert c["SLOT_M"] & (c["SLOT_M"] - 1) == 0 and c["SLOT_M"] >= c["RING_N"]
    assert c["BLOCK_LAST"] == 32 + 24 * c["RING_N"] - 1
    assert c["HOST_LAST"] == 16 + 4 * c["SLOT_M"] - 1
    assert c["WRAP_AT"] == 0xFFFF0000
    lists = set(re.findall(r"ARRAY\[0\.\.(\d+)\] OF", st_section("VAR RETAIN")))
    assert lists == {str(c["BELT_N"] - 1)}


# ---- what the README tells integrators

def test_the_example_call_names_every_input_once():
    call = re.search(r"fbMailbox\((.*?)\);", read("plc-maps/st/README.md"), re.S).group(1)
    given = re.findall(r"(\w+) := ", call)
    inputs = re.findall(r"(\w+)\s*:\s*\w+;", st_section("FUNCTION_BLOCK FB_Mailbox\nVAR_INPUT"))
    assert given == inputs + ["awB", "awH"]


def test_the_address_tables_follow_from_the_sizes():
    rows = re.findall(r"^\| ([^|]*)\|[^|]*\| (\d+) \| (\d+) \|", read("plc-maps/st/README.md"), re.M)
    assert len(rows) == 18  # nine PLCs in two languages
    for plc, b, h in rows:
        assert int(h) - int(b) == st_constants()["BLOCK_LAST"] + 1, plc


# ---- the translator

def unit(body, declarations="x : UINT; y : UINT; b : BOOL; w : WORD; d : DINT; a : ARRAY[0..3] OF UINT;", extra=""):
    return (f"FUNCTION F : UINT\nVAR_INPUT\n p : UINT;\nEND_VAR\n F := p;\nEND_FUNCTION\n"
            f"FUNCTION_BLOCK B\nVAR_INPUT\n in : UINT;\nEND_VAR\nVAR\n{declarations}\nEND_VAR\n{extra}\n{body}\n"
            "END_FUNCTION_BLOCK\n")


REFUSED = [
    ("x := w;", "types do not mix"), ("x := x + w;", "types do not mix"), ("b := x;", "types do not mix"),
    ("x := 70000;", "is no UINT"), ("x := -1;", "is no UINT"), ("x := z;", "is not declared"),
    ("in := 1;", "is not written here"), ("IF x THEN x := 1; END_IF;", "a condition is a BOOL"),
    ("x := w AND 1;", "types do not mix"), ("x := NOT x;", "NOT of what is no"), ("b := w < w;", "< of WORD"),
    ("x := F(1);", "a name expected"), ("x := F(q := 1);", "F takes p"), ("x := G(p := 1);", "is no function"),
    ("x := 1 + 2;", "two literals"), ("FOR x := 0 TO 3 DO x := 1; END_FOR;", "is not written here"),
    ("EXIT;", "EXIT stands in a loop"), ("REPEAT x := 1; UNTIL b END_REPEAT;", "is not declared"),
    ("WHILE b DO CASE x OF 1: IF b THEN EXIT; END_IF; END_CASE; END_WHILE;", "EXIT stands in a loop"),
    ("x := 1.5;", "not of the subset"), ("x := x ** 2;", "a name expected"), ("x := a;", "[ expected"),
    ("CASE x OF 1: y := 1; 1: y := 2; END_CASE;", "stands twice"), ("if b then x := 1; end_if;", "in capitals"),
    ("x := DINT_TO_TIME(d);", "is no function"), ("GOTO 5;", "is not declared"), ("x := 1", "; expected"),
]


@pytest.mark.parametrize("body,why", REFUSED, ids=[b for b, _ in REFUSED])
def test_what_is_not_of_the_subset_is_refused_with_its_line(body, why):
    with pytest.raises(st2c.Refused) as e:
        st2c.translate(unit(body))
    assert why in str(e.value)
    assert str(e.value).split(":")[0] in ("15", "16")


@pytest.mark.parametrize("declaration,why", [
    ("x : REAL;", "no type of the subset"), ("x : UINT; X : UINT;", "declared twice"),
    ("x : ARRAY[1..3] OF UINT;", "arrays begin at 0"), ("x : UINT := 65536;", "is no UINT")])
def test_declarations_that_are_refused(declaration, why):
    with pytest.raises(st2c.Refused, match=why):
        st2c.translate(unit("", declaration))


def run_unit(tmp_path, body, declarations, show):
    """Translates, compiles and calls a block once; gives what it prints of its variables."""
    (tmp_path / "B.h").write_text(st2c.translate(unit(body, declarations)))
    (tmp_path / "main.c").write_text(
        '#define ST_CODE\n#include "B.h"\nint main(void) { static struct B b; B_cold(&b); B_call(&b);\n'
        + "".join(f'printf("%lld ", (long long)b.var.{v});' for v in show) + "return 0; }\n")
    subprocess.run(["gcc", "-std=c11", "-I", ROOT, "-I", tmp_path, tmp_path / "main.c", "-o", tmp_path / "main"],
                   check=True)
    return subprocess.run([tmp_path / "main"], capture_output=True, text=True)


def test_what_is_of_the_subset_means_what_the_standard_says(tmp_path):
    body = """
    x := 7 + 2 * 3 - 10 MOD 4;                     (* 11 *)
    b := x = 11 AND NOT (x < 11) OR FALSE;
    w := 16#F0F0 XOR 16#00FF AND NOT w0;           (* AND before XOR *)
    FOR i := 0 TO 3 DO
        IF i = 3 THEN EXIT; END_IF;
        a[i] := i * 10;
        y := y + a[i];
    END_FOR;
    WHILE z < 5 DO
        CASE z OF
            0, 1: z := z + 2;
            3: z := 9;
        ELSE z := z + 1;
        END_CASE;
    END_WHILE;
    d := UINT_TO_DINT(x) - 20;
    u := DWORD_TO_UDINT(DINT_TO_DWORD(d)) / 16#10000;
    IF b THEN RETURN; END_IF;
    x := 0;
    """.replace("7 + 2 * 3 - 10 MOD 4", "seven + 2 * three - ten MOD 4").replace(
        "16#F0F0 XOR 16#00FF AND", "wf XOR wl AND")
    out = run_unit(tmp_path, body, """x : UINT; y : UINT; z : UINT; i : UINT; b : BOOL; w : WORD; w0 : WORD;
    d : DINT; u : UDINT; a : ARRAY[0..3] OF UINT; seven : UINT := 7; three : UINT := 3; ten : UINT := 10;
    wf : WORD := 16#F0F0; wl : WORD := 16#00FF;""", ["x", "b", "w", "y", "z", "d", "u"])
    assert out.stdout.split() == ["11", "1", str(0xF0F0 ^ 0xFF), "30", "9", "-9", str(0xFFFF)]


@pytest.mark.parametrize("body,why", [
    ("x := x + 65535; x := x + 1;", "a UINT that overflows"), ("x := x - 1;", "a UINT that overflows"),
    ("a[x + 4] := 1;", "an index outside"), ("y := y / x;", "a division by 0"), ("y := y MOD x;", "a division by 0"),
    ("x := DINT_TO_UINT(d - 1);", "a UINT that overflows"), ("WHILE x = 0 DO y := 1; END_WHILE;", "without end")])
def test_what_a_plc_might_do_otherwise_ends_the_program(tmp_path, body, why):
    out = run_unit(tmp_path, body, "x : UINT; y : UINT; d : DINT; a : ARRAY[0..3] OF UINT;", ["x"])
    assert out.returncode == 70 and why in out.stdout


# ---- planted bugs

@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return mutants.Bench(tmp_path_factory.mktemp("st"))


def test_the_text_as_it_is_passes(bench):
    assert bench.judge("as-it-is", []) is None


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=[m.name for m in mutants.MUTANTS])
def test_a_planted_bug_is_found(bench, mutant):
    found = bench.judge(mutant.name, mutant.edits)
    assert found, f"{mutant.what}: nothing notices"
