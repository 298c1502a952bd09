"""What people do at a shed, step by step and through the real interlocks: check-weights, intake, runs,
boxes, sorting by hand. `scale` says how a load gets onto the scale; by default the simulator's w1."""
import time

from .proc import wait_for
from .shed import E_MG

PRODUCT = dict(product="dangshen-lu", crop="codonopsis", gtin="06901234567892", name_zh="潞党参",
               name_en="Codonopsis root (Lu)")
COOP = dict(name_zh="演示合作社", name_en="Demonstration Cooperative", contact="0635-0000000",
            township_zh="演示镇", township_en="Demonstration Township")


def graded(closed):
    """The graded lots in the answer of hand.close."""
    return [r for r in closed["returns"] if r.get("lot") and r["grade"] not in ("mixed", "trimmings", "soil", "reject")]


class SimScale:
    def __init__(self, shed, name="w1"):
        self.sim, self.name = shed.sim(), name

    def load(self, mg):
        self.sim.do(self.name, "load", mg=mg)

    def do(self, verb, **more):
        return self.sim.do(self.name, verb, **more)


class Hands:
    def __init__(self, shed, scale=None, station="st1"):
        self.shed, self.scale, self.station = shed, scale or SimScale(shed), station
        self.farmers, self.worker = [], None

    def call(self, command, request_id=None, **args):
        with self.shed.control() as c:
            return c.call(command, request_id, **args)

    # ---- the morning
    def prepare(self, farmers=2, names="示例农户"):
        self.call("coop.set", **COOP)
        self.farmers = [self.call("farmer.add", name=f"{names}{i + 1}", initials="slnh" + "abcdefgh"[i],
                                  township_zh="演示镇", township_en="Demonstration Township")["pid"]
                        for i in range(farmers)]
        self.worker = self.call("worker.add", name="示例工人", initials="slgr")["pid"]
        self.call("product.add", **PRODUCT)
        return self

    def check_scale(self, name="w1", grams=(40, 15000, 20000)):
        shown = [dict(applied_mg=g * 1000, shown_mg=self.shows(g * 1000)) for g in grams]
        self.unload()
        return self.call("scale.check", scale=name, weights=shown)

    # ---- at the scale
    def view(self):
        return self.shed.station(self.station)

    def state(self, *states, seconds=10):
        """Waits until the station is in one of these states and gives its view."""
        seen = {}

        def there():
            seen.update(self.view())
            return dict(seen) if seen["state"] in states else None
        try:
            return wait_for(f"station {' or '.join(states)}", there, seconds)
        except TimeoutError as e:
            raise TimeoutError(f"{e}; it shows {seen}") from None

    def load(self, mg):
        self.scale.load(mg)

    def unload(self):
        self.scale.load(0)

        def at_zero():
            v = self.view()
            sc = next(s for s in self.shed.status()["scales"] if s["scale"] == v["scale"])
            return v["state"] == "empty" or (v["state"] in ("unchecked", "not-trade") and sc["stable"] and
                                             abs(sc["net_mg"]) < E_MG)
        wait_for("an empty scale", at_zero)
        if self.view()["state"] != "empty":
            time.sleep(0.15)    # no state says that an unchecked scale has returned to zero: one reading more

    def shows(self, mg):
        """Puts a load on and reads what the scale shows when it is steady."""
        self.load(mg)

        def steady():
            sc = self.shed.status()["scales"][0]
            good = sc["stable"] and sc["good"] and sc["age_ms"] < 500 and abs(sc["net_mg"] - mg) <= E_MG
            return (sc["net_mg"],) if good else None
        return wait_for("a steady scale", steady, 10)[0]

    def ready(self, mg):
        """A load that may be accepted: its view."""
        self.load(mg)
        return self.state("ready")

    def accept(self, view, purpose, request_id=None, **fields):
        return self.call("station.accept", request_id, station=self.station, placement=view["placement"],
                         shown_mg=view["net_mg"], purpose=purpose, **fields)

    def weigh(self, mg, purpose, **fields):
        """One placement through the interlock, like a worker: load, wait, accept, unload."""
        r = self.accept(self.ready(mg), purpose, **fields)
        self.unload()
        return r

    # ---- lots and runs
    def intake(self, farmer, crates, close=True):
        lot = self.call("lot.open", farmer=farmer, product=PRODUCT["product"])["lot"]
        for mg in crates:
            self.weigh(mg, "intake", lot=lot)
        if close:
            self.call("lot.close", lot=lot)
        return lot

    def run(self, lots, line="s1", ruleset="lu", boxes=()):
        r = self.call("run.start", line=line, lots=lots, ruleset=ruleset, product=PRODUCT["product"])
        wait_for("the run to govern the line", lambda: self.shed.line(line)["run"] == r["run"], 10)
        for outlet in boxes:
            self.call("box.open", line=line, outlet=outlet)
        return r

    def drained(self, stat, line="s1", seconds=20):
        """stat: asks the sorter. Waits until the belt is empty and everything is acknowledged."""
        def done():
            st, l = stat(), self.shed.line(line)
            return st["held"] == 0 and l["ack_seq"] == st["head"] and l["ack_out"] == st["out_head"] and \
                st["on_belt"] == 0 and st["posted"] == st["outcomes"] + st["unreported"]
        wait_for("the belt to run empty and all to be recorded", done, seconds)

    def box(self, outlet, line="s1"):
        """Closes the box under an outlet with about what has fallen into it."""
        mg = next(o["fill_mg"] for o in self.shed.line(line)["outlets"] if o["outlet"] == outlet)
        return self.weigh(max(40000, mg // E_MG * E_MG), "box", line=line, outlet=outlet)

    def hand(self, lot, out_mg, shares=(("1", 40), ("2", 25), ("3", 15), ("mixed", 10), ("trimmings", 6), ("soil", 3))):
        """A crate out to a worker and back in grades: the answer of hand.close."""
        task = self.weigh(out_mg, "hand.out", lot=lot, worker=self.worker)["task"]
        for grade, share in shares:
            self.weigh(out_mg * share // 100 // E_MG * E_MG, "hand.back", task=task, grade=grade)
        return self.call("hand.close", task=task)
