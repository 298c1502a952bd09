"""One sorter of the simulator and the line of lotlined that runs it, seen from both sides."""
from rig import truth
from rig.proc import wait_for

OUTLETS, DEFAULT = {"1": 1, "2": 2, "3": 3, "reject": 4}, 5
EXACT = dict(lost=0, duplicate=0, altered=0, wrong_outlet=0, outcomes_wrong=0, out_of_order=0, violations=[])


def sorter(name, **options):
    """The device word of lotline-sim; options as `lotline-sim --help` names them, with _ for -."""
    words = dict(name=name, port=0, unit=1, rate=100, items=0, ring=64, outlets=5, default=5, spacing_ms=8)
    words.update(options)
    return "sorter:" + ",".join(f"{k.replace('_', '-')}={v}" for k, v in words.items())


class Belt:
    def __init__(self, hands, name, outlets=None, crates=(5000000,)):
        self.hands, self.shed, self.name = hands, hands.shed, name
        self.outlets = outlets or OUTLETS
        self.sim, self.crates = self.shed.sim(), crates

    def start(self, ruleset="lu"):
        """A run on a lot of its own, unless one is open."""
        if self.line()["run"]:
            return self
        lot = self.hands.intake(self.hands.farmers[0], self.crates)
        self.hands.run([lot], line=self.name, ruleset=ruleset)
        return self

    def do(self, verb, **more):
        answer = self.sim.do(self.name, verb, **more)
        assert answer["ok"], answer
        return answer

    def stat(self):
        return self.do("stat")

    def line(self):
        return self.shed.line(self.name)

    def feed(self, items, rate=100):
        self.do("feed", items=items, rate=rate)

    def fed(self, seconds=30):
        """Until the infeed has nothing left, the belt is empty and every fate is told."""
        def empty():
            s = self.stat()
            return s["feed_left"] == 0 and s["on_belt"] == 0 and s["posted"] == s["outcomes"] + s["unreported"]
        wait_for("the belt to run empty", empty, seconds)

    def posted(self, n, seconds=20):
        wait_for(f"{n} items posted", lambda: self.stat()["posted"] >= n, seconds)

    def recorded(self, seconds=20):
        """Until everything that the PLC holds is acknowledged, outcomes too."""
        def done():
            s, l = self.stat(), self.line()
            return s["up"] and s["held"] == 0 and l["ack_epoch"] == s["epoch"] and l["ack_seq"] == s["head"] \
                and l["ack_out"] == s["out_head"]
        wait_for("everything to be acknowledged", done, seconds)

    def pass_through(self, items, rate=100):
        self.feed(items, rate)
        self.fed()
        self.recorded()

    def alarm(self, code):
        return next((a for a in self.shed.status()["alarms"] if a["code"] == code and a["line"] == self.name), None)

    # ---- the witnesses
    def log(self, ev=None):
        return [e for e in truth.read(self.shed.truth) if e.get("line") == self.name and ev in (None, e["ev"])]

    def rows(self):
        return truth.stored(self.shed.db, self.name)

    def compare(self, **more):
        return truth.compare(self.shed.truth, self.shed.db, self.outlets, DEFAULT, line=self.name, **more)

    def exact(self, **differs):
        """The two witnesses agree in everything; `differs` says which figures may be others, and how many."""
        r = self.compare()
        want = dict(EXACT, **differs)
        assert {k: r[k] for k in want} == want, r
        return r


def reasons(outcomes):
    count = {}
    for o in outcomes:
        count[o["reason"]] = count.get(o["reason"], 0) + 1
    return count
