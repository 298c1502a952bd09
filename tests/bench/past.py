"""A record with a past: what people did before the bench begins, through the record's own commands."""
import json
import subprocess
import time

from measure import Unmeasured
from rig.hands import COOP, PRODUCT
from rig.shed import E_MG, MAX_G, MIN_G


class Past:
    """Talks to the program `prepare`; the record is whole after the with block."""

    def __init__(self, bench, shed):
        shed.store.mkdir(parents=True, exist_ok=True)
        self.argv = [str(bench.program("prepare")), str(shed.store), str(shed.path("site.key")), shed.site]
        self.placement = 0

    def __enter__(self):
        self.p = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True)
        return self

    def __exit__(self, kind, value, trace):
        self.p.stdin.close()
        text = self.p.stderr.read()
        if self.p.wait(60) != 0 and not kind:
            raise Unmeasured(f"prepare: {text.strip()}")

    def ask(self, **request):
        self.p.stdin.write(json.dumps(request) + "\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            raise Unmeasured(f"prepare: {request}: {self.p.stderr.read().strip()}")
        return json.loads(line)

    def do(self, command, **args):
        return self.ask(command=command, args=args)

    # ---- the morning
    def begin(self):
        self.do("coop.set", **COOP)
        self.do("product.add", **PRODUCT)
        self.do("scale.configure", scale="w1", role="static", **{"class": "III"}, serial="SIM-0001",
                certificate="CERT-SIM-1", valid_until_ms=4102444799999, max_mg=MAX_G * 1000, min_mg=MIN_G * 1000,
                e_mg=E_MG, d_mg=E_MG)
        self.do("scale.check", scale="w1", weights=[dict(applied_mg=g * 1000, shown_mg=g * 1000)
                                                    for g in (40, 15000, 20000)])
        self.do("buyer.register", buyer="market")
        self.farmer = self.do("farmer.add", name="示例农户", initials="slnh", township_zh="演示镇",
                              township_en="Demonstration Township")["pid"]
        self.worker = self.do("worker.add", name="示例工人", initials="slgr")["pid"]

    def weigh(self, mg, purpose, **fields):
        self.placement += 1
        return self.do("weighing.record", station="st1", scale="w1", placement=self.placement, purpose=purpose,
                       gross_mg=mg, tare_mg=0, net_mg=mg, at_ms=int(time.time() * 1000), **fields)

    def intake(self, mg):
        lot = self.do("lot.open", farmer=self.farmer, product=PRODUCT["product"])["lot"]
        self.weigh(mg, "intake", lot=lot)
        self.do("lot.close", lot=lot)
        return lot

    def hand_sorted_box(self):
        """A lot sorted by hand and packed: the box's id and its graded lot."""
        lot = self.intake(8000000)
        task = self.weigh(4000000, "hand.out", lot=lot, worker=self.worker)["task"]
        for grade, mg in (("1", 2000000), ("2", 1200000), ("trimmings", 400000)):
            self.weigh(mg, "hand.back", task=task, grade=grade)
        graded = next(g for g in self.do("hand.close", task=task)["returns"] if g.get("grade") == "1")["lot"]
        return self.weigh(1000000, "box", lot=graded)["box"], graded
