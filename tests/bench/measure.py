"""What every bench needs: where a program runs, what it costs, medians, and the lines that are printed."""
import contextlib
import json
import os
import statistics
import sys
import time

REPEATS = 3
QUIET_S = 0.3
CPUS = sorted(os.sched_getaffinity(0))
# The measured program has one CPU and its peer (simulator, broker, load) another, in both halves of every
# ratio: waking a sleeper on another CPU costs tens of microseconds here, and the scheduler moves programs
# between the two modes by itself.
MEASURED, PEER = CPUS[0], CPUS[-1]
STOLEN_PERCENT = 0.5  # a window that lost more is measured once more, for so many seconds in all:
AGAIN_S = 20
NICE = -10  # as the unit of lotlined has it
REALTIME = 10


class Unmeasured(Exception):
    """A figure could not be had; says why."""


@contextlib.contextmanager
def place(cpu, nice=0, realtime=False):
    """What is started inside runs on `cpu` with that priority, as far as this user may give it."""
    cpus = os.sched_getaffinity(0)
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    was = os.getpriority(os.PRIO_PROCESS, 0)
    os.sched_setaffinity(0, {cpu})
    try:
        with contextlib.suppress(PermissionError):
            if realtime:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REALTIME))
            elif nice:
                os.setpriority(os.PRIO_PROCESS, 0, nice)
        yield
    finally:
        os.sched_setscheduler(0, policy, param)
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, was)
        os.sched_setaffinity(0, cpus)


def lift(pid):
    """Where the kernel groups tasks by session, a nice value counts inside its session only: lift the session."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/autogroup", "w") as f:
        f.write(str(NICE))


def as_measured():
    return place(MEASURED, nice=NICE)


def as_peer(realtime=False):
    return place(PEER, realtime=realtime)


def cpu_ns(pid):
    """CPU of all living threads of a process."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0])
    return total


def reads(pid):
    """read(2) calls of a process: for a Modbus server over TCP the requests that it got."""
    with open(f"/proc/{pid}/io") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("syscr"))


def stolen_s():
    """CPU time that the host of a virtual machine kept for itself, of all CPUs. Throttling stops everything for
    milliseconds, both halves of a ratio alike but not at the same moment."""
    with open("/proc/stat") as f:
        return int(f.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def median(values):
    return statistics.median(values)


def percentile(ordered, share):
    """Nearest rank of a sorted list."""
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 100) - 1))]


def quiet(seconds=QUIET_S):
    time.sleep(seconds)


def report(name, value, unit, limit, ok, ratio=None, **more):
    """One line. limit: what the raw library did in the same run, or the bound itself."""
    if ratio is None:
        ratio = value / limit if limit else None
    doc = dict(name=name, value=round(value, 3), unit=unit, limit=round(limit, 3),
               ratio=None if ratio is None else round(ratio, 3), ok=bool(ok),
               loadavg=round(os.getloadavg()[0], 2), **more)
    print(json.dumps(doc), flush=True)


def note(text):
    print(text, file=sys.stderr, flush=True)
