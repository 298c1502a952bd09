"""Bugs planted in plc-maps/st/FB_Mailbox.st: name, what it is, edits (exact old text, new text). The programs
of st.mk must find each. By hand: st_mutants.py [NAME…] tells which program finds which."""
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import st2c

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TEXT = os.path.join(ROOT, "plc-maps", "st", "FB_Mailbox.st")
TUNE = ("RING_N", "SLOT_M", "BLOCK_LAST", "HOST_LAST", "WRAP_AT")


@dataclass
class Mutant:
    name: str
    what: str
    edits: list


def one(name, what, old, new):
    return Mutant(name, what, [(old, new)])


RECORD_TAIL = "        awB[uiAt + ITEM_TAIL] := F_Lo(udiValue := udiSeq);\n"
HEAD = "        udiHead := udiSeq;\n"
OUT_HEAD = "            udiOutHead := udiAsked;\n"
MUTANTS = [
    one("slot-unchecked", "a slot counts by its numbers, without its check", "IF aw[3] = F_CrcEnd(wCrc := wCrc) THEN",
        "IF aw[3] <> 16#0000 THEN"),
    one("slot-low-words", "a slot's check is taken over the low words only",
        "wCrc := F_CrcWord(wCrc := 16#FFFF, wData := F_Hi(udiValue := udiEpoch));\n"
        "                wCrc := F_CrcWord(wCrc := wCrc, wData := aw[0]);",
        "wCrc := F_CrcWord(wCrc := 16#FFFF, wData := 16#0000);\n"
        "                wCrc := F_CrcWord(wCrc := wCrc, wData := aw[0]);"),
    one("last-slot-wins", "a later slot replaces the one that was taken", "IF udiSeq <> 0 AND NOT axSlot[i] THEN",
        "IF udiSeq <> 0 THEN"),
    one("slot-not-forgotten", "a place on the list keeps the slot of the item before", "axSlot[uiEnd] := FALSE;",
        "axSlot[uiEnd] := axSlot[uiEnd];"),
    one("ack-unchecked", "an acknowledgement counts without its check",
        "IF awH[HOST_ACK_CHECK] = F_CrcEnd(wCrc := wCrc)\n            AND", "IF awH[HOST_ACK_CHECK] <> 16#0000\n            AND"),
    one("ack-any-epoch", "an acknowledgement of another epoch counts",
        "AND F_Join(wHi := aw[0], wLo := aw[1]) = udiEpoch THEN", "AND F_Join(wHi := aw[0], wLo := aw[1]) <> 0 THEN"),
    one("ack-above-head", "an acknowledgement above HEAD_SEQ counts", "udiAsked >= udiOldest AND udiAsked <= udiHead",
        "udiAsked >= udiOldest AND udiAsked <= 4294967294"),
    one("ack-goes-back", "an older acknowledgement moves OLDEST_SEQ back", "udiAsked >= udiOldest AND udiAsked",
        "udiAsked > 0 AND udiAsked"),
    one("epoch-any-nonce", "an epoch is adopted whatever its nonce", "wLo := aw[3]) = udiNonce THEN",
        "wLo := aw[3]) <> 0 THEN"),
    one("epoch-unchecked", "an epoch is adopted without its check",
        "IF awH[HOST_EPOCH_CHECK] = F_CrcEnd(wCrc := wCrc) AND", "IF awH[HOST_EPOCH_CHECK] <> 16#0000 AND"),
    one("nonce-kept", "a start keeps the nonce of the one before",
        "        xNewNonce := TRUE;\n        udiEncLast", "        udiEncLast"),
    one("clear-keeps-nonce", "clearing keeps the nonce", "        xNewNonce := TRUE;\n        xForget", "        xForget"),
    Mutant("head-first", "HEAD_SEQ shows a record before it is written", [
        (HEAD, ""), ("        uiAt := HDR_WORDS + ITEM_WORDS * UDINT_TO_UINT(udiSeq MOD RING_N);\n",
                     "        uiAt := HDR_WORDS + ITEM_WORDS * UDINT_TO_UINT(udiSeq MOD RING_N);\n" + HEAD)]),
    one("reboot-tracks-on", "after a start gates move for what lies on the belt", "IF xFirstScan OR NOT xRuns THEN",
        "IF NOT xRuns THEN"),
    one("stop-tracks-on", "after a stop gates move for what lies on the belt", "IF xFirstScan OR NOT xRuns THEN",
        "IF xFirstScan THEN"),
    one("told-twice", "an outcome that was told before the power failed is told again",
        "uiFirst := (uiFirst + 1) MOD BELT_N; (* its outcome has been told already *)", "uiLast := 0;"),
    one("half-item-stays", "an item whose record was never shown keeps its number",
        "IF audiSeq[uiLast] > udiHead THEN", "IF audiSeq[uiLast] > udiHead AND xEstop THEN"),
    Mutant("out-head-first", "OUT_HEAD shows an outcome before it is written", [
        (OUT_HEAD, ""), ("            udiAsked := udiOutHead + 1;\n",
                         "            udiAsked := udiOutHead + 1;\n" + OUT_HEAD)]),
    Mutant("told-after-power", "after a start an outcome is told whose gate the power has stopped", [
        ("    xTell        : BOOL; (* the first item of the list got its outlet in the call before *)\n", ""),
        ("    xForget      : BOOL;", "    xTell : BOOL;\n    xForget      : BOOL;")]),
    Mutant("forgets-in-parts", "a clearing that the power cut off is not finished", [
        ("    xForget      : BOOL; (* clearing has begun and is not finished *)\n", ""),
        ("    xNewNonce   : BOOL;\n", "    xNewNonce   : BOOL;\n    xForget : BOOL;\n")]),
    one("ring-overfull", "a full ring numbers on and keeps OLDEST_SEQ", "(udiHeld >= RING_N AND NOT xOverwrite) THEN",
        "(udiHeld > RING_N AND NOT xOverwrite) THEN"),
    one("no-room-for-arrivals", "the infeed stops only when the ring is full",
        "- udiOldest + UINT_TO_UDINT(uiArriving) >= RING_N", "- udiOldest >= RING_N"),
    one("host-never-dies", "host_ok outlives the heartbeat", "uiHostAge := uiHostAge + uiScanMs;",
        "uiHostAge := uiHostAge;"),
    one("host-at-once", "host_ok holds after a start before the heartbeat changes", "uiHostAge   : UINT := 2000;",
        "uiHostAge   : UINT := 0;"),
    one("late-goes-as-said", "without a slot the outlet of the item before is taken",
        "ELSIF NOT xTableMode AND NOT axSlot[uiFirst] THEN", "ELSIF NOT xTableMode AND auiSlot[uiFirst] = 0 THEN"),
    one("blocked-fires", "a blocked outlet fires", "ELSIF F_Barred(wMask := wBlocked OR wLaneFull, uiOutlet := uiWanted",
        "ELSIF F_Barred(wMask := 16#0000, uiOutlet := uiWanted"),
    one("numbers-never-end", "the numbers run on past their end", "udiEpoch = 0 OR udiSeq >= WRAP_AT OR uiNext",
        "udiEpoch = 0 OR uiNext"),
    one("wraps-early", "the numbers end before every outcome is acknowledged",
        "AND udiOldest > udiHead AND udiAckOut = udiOutHead THEN", "AND udiOldest > udiHead THEN"),
    one("feed-stop-unlatched", "feed-stop goes with the host's bit",
        "ELSIF xRestartFeed AND NOT xRestartWas THEN", "ELSE"),
    one("crc-parity", "a bit of the check is wrong for odd bytes", "wSum := wSum XOR 16#C001;", "wSum := wSum XOR 16#8001;"),
    one("encoder-wraps", "the belt stands when the encoder wraps", "F_Since := 4294967295 - udiThen + udiNow + 1;",
        "F_Since := 0;"),
    one("weight-low-word", "a weight loses its high word", "F_Hi(udiValue := DWORD_TO_UDINT(DINT_TO_DWORD(diItemWeight)))",
        "F_Hi(udiValue := 0)"),
]


class Bench:
    """Compiles once what no edit of the text changes, then for each text the rest."""

    PROGRAMS = {"block_test": ["block_test"], "scenario_test": ["scenario_test", "host", "judge"],
                "suite-plc_belt_test": ["suite-plc_belt_test"], "suite-plc_test": ["suite-plc_test"]}
    PLAIN = ["account", "belt", "hand", "scenario_test", "host", "judge", "block_test"]
    FOLDERS = ["sim/farm.c", "plc-maps/mailbox_layout.c", "base/err.c", "base/num.c", "base/clock.c",
               "base/crc.c"]

    def __init__(self, path):
        self.path = str(path)
        self.header(os.path.join(self.path, "plain"), self.text([]))
        for name in self.PLAIN:
            self.compile(f"tests/st/{name}.c", os.path.join(self.path, f"{name}.o"), "plain")
        for name in ("plc_test", "plc_belt_test"):
            self.compile("tests/st/suite.c", os.path.join(self.path, f"suite-{name}.o"), "plain",
                         f'-DST_SUITE="sim/{name}.c"')
        self.others = []
        for source in self.FOLDERS:
            self.others.append(os.path.join(self.path, os.path.basename(source)[:-2] + ".lib.o"))
            self.compile(source, self.others[-1], "plain")

    def text(self, edits):
        with open(TEXT, encoding="utf-8") as f:
            text = f.read()
        for old, new in edits:
            if text.count(old) != 1:
                raise ValueError(f"stands {text.count(old)} times in the text: {old!r}")
            text = text.replace(old, new)
        return text

    def header(self, folder, text):
        os.makedirs(os.path.join(folder, "tests", "st"), exist_ok=True)
        with open(os.path.join(folder, "tests", "st", "FB_Mailbox.h"), "w", encoding="utf-8") as f:
            f.write(st2c.translate(text, TUNE))

    def compile(self, source, to, folder, *more):
        subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-I", os.path.join(self.path, folder), "-I", ROOT,
                        *more, "-c", os.path.join(ROOT, source), "-o", to], check=True)

    def judge(self, name, edits):
        """The first program that fails, with its last words; None when all pass."""
        folder = os.path.join(self.path, name)
        self.header(folder, self.text(edits))
        changed = {}
        # an edit of a declaration moves fields: then everything that knows them is built again
        for unit in ["sorter"] + (["account", "belt", "hand", "block_test"] if any("BOOL" in o for o, _ in edits) else []):
            changed[unit] = os.path.join(folder, f"{unit}.o")
            self.compile(f"tests/st/{unit}.c", changed[unit], name)
        for program, units in self.PROGRAMS.items():
            objects = [changed.get(u, os.path.join(self.path, f"{u}.o"))
                       for u in [*units, "sorter", "account", "belt", "hand"]]
            to = os.path.join(folder, program)
            subprocess.run(["gcc", "-o", to, *objects, *self.others, "-lcmocka"], check=True)
            out = subprocess.run([to], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                                 timeout=120)
            if out.returncode:
                words = [line for line in out.stdout.split("\n") if "rror" in line or "SEED" in line or "line" in line]
                return f"{program}: {(words or ['-'])[0].strip()}"
        return None


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder)
        for m in MUTANTS:
            if not sys.argv[1:] or m.name in sys.argv[1:]:
                print(f"{m.name:22} {bench.judge(m.name, m.edits) or 'NOT FOUND'}", flush=True)


if __name__ == "__main__":
    main()
