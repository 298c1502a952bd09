"""A belt with roots on it: infeed, measuring point, decision point, gates.

Pure: time comes in, the encoder decides. Positions are pulses of an absolute
count; the PLC's ENC is that count from a random start, so that it wraps.
"""
import math
import random
from collections import deque
from dataclasses import dataclass

from mailbox_layout import Flag, MASK32, Reason, ahead
from mailbox_rings import Item

SPEED = 500                 # pulses/s at 1000 pulses/m: half a metre a second
GATE_SPACING_MS = 30
# A starved process slows the belt instead of making every item late at once.
MAX_STEP_MS = 20
JITTER = 0.3
DEFECTS = (0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 3)


@dataclass
class BeltOptions:
    rate: float = 5.0
    items: int = 0
    seed: int = 1
    approach_ms: int = 150
    decision_ms: int = 250
    odd: float = 0.0
    spoil_at: tuple = ()


def root(seed, n, odd=0.0):
    """Item n of a seed: a codonopsis root of 2 to 60 g, the same in every run."""
    rng = random.Random(f"{seed}:{n}")
    weight = min(6000, max(200, round(rng.lognormvariate(math.log(1600), 0.55))))
    thick = (weight / 1600) ** (1 / 3) * rng.uniform(0.85, 1.15)
    item = Item(weight=weight, length=round(190 * thick * rng.uniform(0.8, 1.3)),
                aux1=round(1150 * thick), aux2=rng.choice(DEFECTS), n=n)
    if rng.random() < odd:
        make_odd(item, rng)
    return item


def make_odd(item, rng):
    kind = rng.choice(("unstable", "over", "under", "no weight", "double", "unit"))
    if kind == "unit":
        item.unit = 9
        return
    flag = {"over": Flag.OVER, "under": Flag.UNDER, "no weight": Flag.NO_WEIGHT, "double": Flag.DOUBLE}.get(kind, 0)
    item.flags = (item.flags | flag) if flag else Flag.VALID
    if kind == "no weight":
        item.weight = 0


@dataclass
class Carried:
    """An item between the measuring point and its gate."""
    seq: int
    epoch: int
    item: Item
    due: float
    certain: bool = True
    outlet: int = 0
    reason: int = 0


class Belt:
    def __init__(self, opt, mailbox, log):
        self.opt, self.mailbox, self.log = opt, mailbox, log
        self.rng = random.Random(f"belt:{opt.seed}")
        self.pos = 0.0
        self.enc_start = self.rng.randrange(1 << 32)
        self.ms = 0.0
        self.next_feed_ms = 0.0
        self.left, self.fed, self.posted = opt.items, 0, 0
        self.paused = False
        self.approach, self.line, self.gates = deque(), deque(), []
        self.at = None
        mailbox.opt.transit_k = self.most_in_transit()
        if mailbox.opt.transit_k >= mailbox.opt.ring_n:
            raise ValueError("the ring is too small for this rate")

    def most_in_transit(self):
        """K of rule 8: items that can still arrive after the infeed has stopped."""
        return math.ceil(self.opt.approach_ms / (1000 / self.opt.rate * (1 - JITTER))) + 1

    def advance(self, now):
        step = 0.0 if self.at is None else min(now - self.at, MAX_STEP_MS)
        self.at = now
        self.mailbox.enc_speed = SPEED if self.mailbox.running else 0
        if not self.mailbox.running:
            return
        self.ms += step
        self.pos += step * SPEED / 1000
        self._show_encoder(self.pos)
        self._feed()
        self._measure(now)
        self._decide()
        self._pass_gates()
        self.mailbox.approaching = len(self.approach)

    def _show_encoder(self, pos):
        self.mailbox.enc = int(self.enc_start + pos) & MASK32

    def _feed(self):
        if self.ms < self.next_feed_ms or not self.left or self.paused or not self.mailbox.infeed_open():
            return
        self.left -= 1
        self.fed += 1
        self.approach.append((self.pos + self._pulses(self.opt.approach_ms), self.fed))
        self.next_feed_ms = self.ms + 1000 / self.opt.rate * self.rng.uniform(1 - JITTER, 1 + JITTER)

    def _measure(self, now):
        while self.approach and self.approach[0][0] <= self.pos:
            at, n = self.approach.popleft()
            item = root(self.opt.seed, n, self.opt.odd)
            item.enc, item.t_ms = int(self.enc_start + at) & MASK32, self.mailbox.uptime_ms(now)
            item.spoiled = n in self.opt.spoil_at
            seq = self.mailbox.post(item)
            if seq is not None:
                self.posted += 1
                self.line.append(Carried(seq, self.mailbox.epoch, item, at + self._pulses(self.opt.decision_ms)))

    def _decide(self):
        while self.line and self.line[0].due <= self.pos:
            carried = self.line.popleft()
            if not self._known(carried):
                continue
            carried.outlet, carried.reason = self.mailbox.decide(
                carried.seq, carried.item, carried.certain, self._mishap(carried.item))
            carried.due += self._pulses(GATE_SPACING_MS * carried.outlet)
            self.gates.append(carried)

    def _mishap(self, item):
        if item.flags & Flag.DOUBLE:
            return Reason.GAP
        return Reason.LANE_FULL if self.rng.random() < self.opt.odd / 4 else 0

    def _pass_gates(self):
        for carried in [c for c in self.gates if c.due <= self.pos]:
            self.gates.remove(carried)
            if self._known(carried):
                self.mailbox.record_outcome(carried.seq, carried.outlet, carried.reason)

    def _known(self, carried):
        """Whether the PLC still knows this item; if not it falls off the end unrecorded."""
        if carried.epoch == self.mailbox.epoch:
            return True
        self.log({"ev": "unrecorded", "epoch": carried.epoch, "seq": carried.seq})
        return False

    def _pulses(self, ms):
        return ms * SPEED / 1000

    # -- stops -------------------------------------------------------------

    def lose_track(self):
        """[7] After a stop or a reboot no gate fires for what is on the belt."""
        for carried in self.line:
            carried.certain = False
        for carried in self.gates:
            carried.outlet, carried.reason = self.mailbox.opt.default_outlet, Reason.UNTRACKED

    def after_reboot(self):
        """Numbers that were never shown are nobody's; the rest is untracked."""
        for queue in (self.line, self.gates):
            for carried in list(queue):
                if carried.epoch == self.mailbox.epoch and ahead(carried.seq, self.mailbox.head) > 0:
                    queue.remove(carried)
        self.lose_track()

    def forget(self):
        """An old image was loaded: what is on the belt has no number in it."""
        for carried in list(self.line) + self.gates:
            self.log({"ev": "unrecorded", "epoch": carried.epoch, "seq": carried.seq})
        self.line.clear()
        self.gates.clear()

    def empty(self):
        return not (self.approach or self.line or self.gates)
