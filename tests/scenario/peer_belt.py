"""The sorter of tests/peers (pymodbus, not our code) in the place of the simulator's: same questions, same
judgement. Its truth log is rewritten into the shape that rig/truth.py reads."""
import json

from sorting import DEFAULT, Belt
from peer_process import Peer
from rig import truth

DECLARED = 3            # the defect bits that map mailbox-v1 declares: black, mould


class Sorter(Peer):
    """One sorter process with its truth log; two outlets more than the grades need: 5 is the default."""

    def __init__(self, folder, name, *options, rate=50, seed=1):
        self.name, self.truth = name, folder / f"{name}.jsonl"
        super().__init__("sorter.py", "--truth", self.truth, "--control", "stdin", "--outlets", 5, "--default-outlet",
                         DEFAULT, "--rate", rate, "--seed", seed, "--beat-ms", 900, *options)
        self.port = self.ready["port"]


class PeerBelt(Belt):
    def __init__(self, hands, sorter, outlets=None):
        super().__init__(hands, sorter.name, outlets)
        self.sorter = sorter

    def do(self, verb, **more):
        answer = self.sorter.tell(verb, **more)
        assert answer.get("ok", True), answer
        return answer

    def stat(self):
        s = self.sorter.tell("stat")
        return dict(s, held=s["head"] - s["oldest"] + 1, on_belt=int(not s["belt_empty"]), feed_left=s["left"],
                    up=not s["down"], outcomes=s["posted"], unreported=0)

    def feed(self, items, rate=None):
        self.do("feed", items=items)

    def log(self, ev=None):
        out = []
        for e in truth.read(self.sorter.truth):
            e["line"] = self.name
            if e["ev"] == "item":
                e["aux2"] &= DECLARED
            if ev in (None, e["ev"]):
                out.append(e)
        return out

    def compare(self, **more):
        path = self.sorter.truth.with_suffix(".sim.jsonl")
        path.write_text("".join(json.dumps(e) + "\n" for e in self.log()))
        return truth.compare(path, self.shed.db, self.outlets, DEFAULT, line=self.name, **more)
