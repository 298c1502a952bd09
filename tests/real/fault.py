"""Shared pages by which a test tells the shims (fault_*.c) of a running program what to do."""
import mmap
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE, HERE.parent, HERE.parent / "scenario", HERE.parent / "peers"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

WRITE, PWRITE, SYNC, SEND, RECV, OPEN, TRUNCATE, NAME, TIMER = (1 << i for i in range(9))
ALL = 255            # all but TIMER
KINDS = {WRITE: "write", PWRITE: "pwrite", SYNC: "fsync", SEND: "send", RECV: "recv", OPEN: "open",
         TRUNCATE: "ftruncate", NAME: "rename"}
FOREVER = 1 << 62


class Page:
    """One shared page of 64-bit words, each an attribute. `env`: what the program needs to obey it."""
    words, shim, variable = (), "", ""

    def __init__(self, path, build):
        library = pathlib.Path(build) / "tests" / "real" / f"{self.shim}.so"
        if not library.exists():
            raise FileNotFoundError(f"{library}: make real-shims builds it")
        with open(path, "wb") as f:
            f.write(bytes(4096))
        fd = os.open(path, os.O_RDWR)
        at = mmap.mmap(fd, 4096)
        os.close(fd)
        object.__setattr__(self, "_at", memoryview(at).cast("q"))
        self.env = {"LD_PRELOAD": str(library), self.variable: str(path)}

    def __getattr__(self, name):
        try:
            return self._at[self.words.index(name)]
        except ValueError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        if name in self.words:
            self._at[self.words.index(name)] = value
        else:
            object.__setattr__(self, name, value)


class Io(Page):
    """fault_io.c: the calls of a program towards the world; death or failure at one of them."""
    words = ("kinds calls kill_at fail_from fail_to fail_step fail_kinds fail_errno failed failed_ns last").split()
    shim, variable = "fault_io", "LOTLINE_FAULT_IO"

    def die_at(self, k, kinds=ALL):
        """Before the k-th call of these kinds from now on."""
        self.kill_at = 0
        self.kinds = kinds
        self.kill_at = self.calls + k

    def fail(self, kinds, errno, after=1, calls=FOREVER, step=1):
        """The calls of these kinds from the after-th on fail; so many calls long, every step-th."""
        self.fail_kinds = 0
        self.kinds, self.fail_errno, self.fail_step = kinds, errno, step
        self.failed = self.failed_ns = 0
        self.fail_from = self.calls + after
        self.fail_to = min(self.calls + after + calls - 1, FOREVER)
        self.fail_kinds = kinds

    def heal(self):
        self.fail_kinds = self.kill_at = 0


class Clock(Page):
    """fault_clock.c: the wall clock of every program that is given `env`."""
    words, shim, variable = ("offset_ns",), "fault_clock", "LOTLINE_FAULT_CLOCK"


def together(*pages):
    """The environment of a program under several shims."""
    env = {k: v for p in pages for k, v in p.env.items()}
    env["LD_PRELOAD"] = " ".join(p.env["LD_PRELOAD"] for p in pages)
    return env
