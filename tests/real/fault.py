"""Shared pages by which a test tells the shims (fault_*.c) of a running program what to do."""
import ctypes
import mmap
import os
import pathlib
import platform
import signal
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
TGKILL = {"x86_64": 234, "aarch64": 131}.get(platform.machine(), 131)


class Page:
    """One shared page of 64-bit words, each an attribute. `env`: what the program needs to obey it."""
    words, shim, variable, size = (), "", "", 4096

    def __init__(self, path, build):
        library = pathlib.Path(build) / "tests" / "real" / f"{self.shim}.so"
        if not library.exists():
            raise FileNotFoundError(f"{library}: make real-shims builds it")
        with open(path, "wb") as f:
            f.write(bytes(self.size))
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


class Hang(Page):
    """fault_hang.c: one thread of a program does nothing for a while."""
    words, shim, variable = ("ms", "begun", "ended"), "fault_hang", "LOTLINE_FAULT_HANG"

    def hang(self, pid, tid, seconds):
        self.ms = round(seconds * 1000)
        if ctypes.CDLL(None, use_errno=True).syscall(TGKILL, pid, tid, signal.SIGRTMIN + 7):
            raise ProcessLookupError(tid)


class Memory(Page):
    """fault_memory.c: each place of a program at which it allocates fails once."""
    words = "on gap_ns calls failed failed_ns s0 s1 s2 s3 s4 s5 first depth".split()
    shim, variable, size = "fault_memory", "LOTLINE_FAULT_MEMORY", 4096 + (8 << 16)

    def stack(self, pid_maps):
        """The last place as 'file+offset', innermost first; pid_maps: text of /proc/PID/maps."""
        out = []
        for at in (self.s0, self.s1, self.s2, self.s3, self.s4, self.s5):
            for row in pid_maps.split("\n"):
                part = row.split()
                if len(part) < 6 or not at:
                    continue
                low, high = (int(x, 16) for x in part[0].split("-"))
                if low <= at < high:
                    out.append(f"{pathlib.Path(part[5]).name}+{at - low + int(part[2], 16):#x}")
        return out


def threads(pid):
    """[(tid, name)] of a program, its main thread first."""
    return [(int(t.name), (t / "comm").read_text().strip())
            for t in sorted(pathlib.Path(f"/proc/{pid}/task").iterdir(), key=lambda t: int(t.name))]
