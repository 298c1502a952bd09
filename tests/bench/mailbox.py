"""Posted → slot written: lotlined against the raw libmodbus loop, on simulators of the same seed, poll period,
priority and CPU; the simulators' truth logs judge both. Also with a slow disk, and what lotlined occupies."""
import time

from judge import Judge
from measure import (AGAIN_S, REPEATS, STOLEN_PERCENT, Unmeasured, as_measured, as_peer, cpu_ns, lift, median, quiet,
                     reads, report, resident_kb, stolen_s)
from rig.proc import wait_for
from rig.shed import Shed

POLL_MS = 5
# A scan that is no divisor of the poll period: latencies then cover the whole period instead of the few values
# that two locked clocks give. No torn headers: re-reading them is not what is measured. The ring holds what
# arrives while a commit takes 100 ms.
SORTER = ("ring=256,outlets=5,default=5,torn=0,step-words=32,spacing-ms=1,infeed-ms=10,decision-ms=200,"
          "scan-us=1901,rate=10,items=0")


class Side:
    """One host with its own simulated sorters: lotlined, or the raw loop."""
    again_s = AGAIN_S

    def __init__(self, bench, kind, lines, env=None, name=None):
        self.bench, self.kind, self.env = bench, kind, env or {}
        self.names = [f"s{i + 1}" for i in range(lines)]
        self.shed = Shed(bench.folder(name or f"{kind}-{lines}"), build=bench.build, poll_ms=POLL_MS)
        self.sim = self.host = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.shed.kill()
            raise

    def __exit__(self, kind, value, trace):
        if kind:
            self.shed.kill()
        else:
            self.stop()

    def start(self):
        s = self.shed
        with as_peer(realtime=True):
            s.start_sim([f"sorter:name={n},port=0,unit=1,{SORTER}" for n in self.names])
        self.judge = Judge(s.truth)
        self.sim = s.sim()
        with as_measured():
            self.host = self.start_raw() if self.kind == "raw" else self.start_own()
        lift(self.host.pid)
        wait_for("the sorters to take their epoch", self.attached, 20)
        return self

    def start_raw(self):
        ports = [self.shed.sim_devices[n]["port"] for n in self.names]
        return self.shed.process("raw", [self.bench.program("raw_mailbox"), POLL_MS * 1000, *ports])

    def start_own(self):
        s = self.shed
        s.write_config(lines=[s.line_config(n) for n in self.names], scales=[], stations=[], buyers=())
        return s.start_daemon(env=self.env)

    def stop(self):
        self.sim.close()
        self.shed.stop()

    def stats(self):
        return [self.sim.do(n, "stat") for n in self.names]

    def attached(self):
        if not self.host.running():
            raise Unmeasured(f"{self.kind} ended: {self.host.tail()}")
        return all(s["epoch"] for s in self.stats())

    # ---- one window: begin, feed, drained, end
    def begin(self):
        self.judge.mark()
        self.from_ns, self.from_cpu, self.from_reads = time.monotonic_ns(), cpu_ns(self.host.pid), self.requests()
        self.from_stolen = stolen_s()

    def feed(self, rate, items):
        for n in self.names:
            self.sim.do(n, "feed", items=items, rate=rate)

    def drained(self, seconds):
        def empty():
            return all(s["feed_left"] == 0 and s["on_belt"] == 0 for s in self.stats())
        time.sleep(seconds)
        wait_for(f"{self.kind}: the belts to run empty", empty, 10 + seconds, step=0.05)

    def requests(self):
        return reads(self.shed.parts["sim"].pid)

    def end(self):
        seconds = (time.monotonic_ns() - self.from_ns) / 1e9
        w = self.judge.window()
        cpu = cpu_ns(self.host.pid) - self.from_cpu
        w["requests_s"] = (self.requests() - self.from_reads) / seconds
        w["cpu_percent"] = cpu / seconds / 1e7
        w["stolen"] = 100 * (stolen_s() - self.from_stolen) / seconds
        w["cpu_us"] = cpu / 1e3 / max(1, self.requests() - self.from_reads)
        return w

    def once(self, rate, items):
        quiet()
        self.begin()
        self.feed(rate, items)
        self.drained(items / rate)
        return self.end()

    def window(self, rate, items):
        began, w = time.monotonic(), self.once(rate, items)
        if w["stolen"] > STOLEN_PERCENT and Side.again_s > 0:
            Side.again_s -= time.monotonic() - began
            w = min(w, self.once(rate, items), key=lambda x: x["stolen"])
        return w


def middle(windows, key):
    return median([w[key] for w in windows])


def against_raw(name, own, raw):
    p99, limit = middle(own, "p99"), middle(raw, "p99")
    missed = sum(w["missed"] for w in own)
    report(name, p99, "ms", limit, p99 <= 1.3 * limit and missed == 0, target="ratio <= 1.3", missed=missed,
           items=sum(w["items"] for w in own),
           p50=[round(middle(x, "p50"), 3) for x in (own, raw)],
           max=[round(max(w["max"] for w in x), 3) for x in (own, raw)],
           requests_s=[round(middle(x, "requests_s")) for x in (own, raw)],
           cpu_us_per_request=[round(middle(x, "cpu_us"), 1) for x in (own, raw)],
           stolen_percent=[round(middle(x, "stolen"), 2) for x in (own, raw)],
           cpu_percent=[round(middle(x, "cpu_percent"), 2) for x in (own, raw)])


def one_line(bench):
    """Both hosts live all the time; at 10 items/s, where a window is long, they are measured at once."""
    with Side(bench, "raw", 1) as raw, Side(bench, "own", 1) as own:
        slow = {own: [], raw: []}
        for _ in range(REPEATS):
            quiet()
            for side in slow:
                side.begin()
                side.feed(10, 100)
            for side in slow:
                side.drained(10 if side is own else 0)
            for side in slow:
                slow[side].append(side.end())
        against_raw("slot_p99_1_line_10_items_s", slow[own], slow[raw])
        fast = {own: [], raw: []}
        for _ in range(REPEATS):
            for side in fast:
                fast[side].append(side.window(200, 400))
        against_raw("slot_p99_1_line_200_items_s", fast[own], fast[raw])


def many_lines(bench):
    """One host at a time."""
    rates = {10: 20, 200: 400}
    got = {kind: {rate: [] for rate in rates} for kind in ("raw", "own")}
    for _ in range(REPEATS):
        for kind in got:
            with Side(bench, kind, 16) as side:
                for rate, items in rates.items():
                    got[kind][rate].append(side.window(rate, items))
    for rate in rates:
        against_raw(f"slot_p99_16_lines_{rate}_items_s", got["own"][rate], got["raw"][rate])


def mailbox(bench):
    one_line(bench)
    many_lines(bench)


def delayed(bench, ms):
    env = {"LD_PRELOAD": str(bench.program("slowsync.so")), "SLOWSYNC_MS": str(ms)}
    return Side(bench, "own", 1, env=env, name=f"fsync-{ms}")


def slow_disk(bench):
    """The decision waits for no disk: with every fsync delayed its p99 stays where it is without delay, in
    windows that alternate with those of a second lotlined."""
    with delayed(bench, 0) as plain:
        for ms in (5, 20, 100):
            got = {"slow": [], "plain": []}
            with delayed(bench, ms) as slow:
                for _ in range(REPEATS):
                    got["slow"].append(slow.window(200, 200))
                    got["plain"].append(plain.window(200, 200))
            p99, limit = (middle(x, "p99") for x in got.values())
            missed = sum(w["missed"] for w in got["slow"])
            report(f"slot_p99_fsync_{ms}_ms", p99, "ms", limit, p99 <= 1.3 * limit and missed == 0,
                   target="ratio <= 1.3 to no delay", missed=missed, items=sum(w["items"] for w in got["slow"]),
                   max=[round(max(w["max"] for w in x), 3) for x in got.values()],
                   stolen_percent=[round(middle(x, "stolen"), 2) for x in got.values()])


def memory(bench):
    """Resident size of lotlined with 16 lines at work: when it has stopped growing, or after half a minute."""
    limit_mb, most_s, still_s = 12, 30, 4
    with Side(bench, "own", 16) as side:
        side.feed(200, 1000000)
        seen, since, began = 0, time.monotonic(), time.monotonic()
        while time.monotonic() - began < most_s and time.monotonic() - since < still_s:
            time.sleep(0.25)
            now = resident_kb(side.host.pid)
            if now > seen * 1.005:
                seen, since = now, time.monotonic()
        grew = time.monotonic() - since < still_s
        posted = sum(s["posted"] for s in side.stats())
        report("lotlined_resident_16_lines", seen / 1024, "MB", limit_mb, seen <= limit_mb * 1024, target="<= 12 MB",
               items=posted, still_growing=grew)

