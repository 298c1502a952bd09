"""A pure mailbox with a hand on time and on the host's words, for test_mailbox_plc.py."""
import os
import random

from mailbox_layout import HOST_WORDS, Head, Host, ack_check, check, epoch_check, get32, slot_words, split32
from mailbox_plc import Mailbox
from mailbox_rings import Item, Options

SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
EPOCH = 0x12340007


class Bench:
    """A mailbox with a hand on time and on the host's words."""

    def __init__(self, **options):
        print("SEED", SEED)
        self.events, self.now = [], 1000
        options = {"ring_n": 16, "slot_m": 16, "tear": 0.0, "beat_ms": 1 << 30, **options}
        self.box = Mailbox(Options(**options), random.Random(SEED), self.events.append, self.now)
        self.lay, self.own = self.box.lay, [0] * HOST_WORDS
        self.own[Host.SESSION] = 77

    def run(self, ms):
        for _ in range(0, ms, 4):
            self.now += 4
            self.box.scan(self.now)

    def header(self):
        head = self.box.read(self.lay.base_b, 32, self.now)
        assert head[Head.CHECK] == check(head[:Head.CHECK])
        return head

    def head32(self, at):
        return get32(self.header(), at)

    def state(self):
        return self.header()[Head.STATE]

    def beat(self, spoil=None, **words):
        """Write the 16 header words; names are those of Host, 32-bit ones split."""
        for name, value in words.items():
            at = getattr(Host, name)
            wide = name in ("ACK_EPOCH", "ACK_SEQ", "ACK_OUT", "NEW_EPOCH", "NEW_EPOCH_NONCE")
            self.own[at:at + (2 if wide else 1)] = split32(value) if wide else [value]
        self.own[Host.HEARTBEAT] += 1
        self.own[Host.ACK_CHECK], self.own[Host.EPOCH_CHECK] = ack_check(self.own), epoch_check(self.own)
        sent = list(self.own)
        if spoil is not None:
            sent[spoil] ^= 1
        self.box.write(self.lay.h, sent, self.now)
        self.run(4)

    def adopt(self, epoch=EPOCH):
        self.beat(NEW_EPOCH=epoch, NEW_EPOCH_NONCE=self.box.boot_nonce)
        self.beat(NEW_EPOCH=0)
        assert self.head32(Head.EPOCH) == epoch
        return self

    def post(self, n=1, **item):
        seqs = [self.box.post(Item(weight=1500, **item)) for _ in range(n)]
        self.run(8 * 20)
        return seqs if n > 1 else seqs[0]

    def look(self, seq):
        """Read as a host does: record, then EPOCH."""
        record = self.box.read(self.lay.base_b + self.lay.record_at(seq), 16, self.now)
        self.box.read(self.lay.base_b + Head.EPOCH, 2, self.now)
        return record

    def slot(self, seq, outlet, epoch=EPOCH):
        self.box.write(self.lay.h + self.lay.slot_at(seq), slot_words(epoch, seq, outlet), self.now)
        self.run(4)

    def decide(self, seq):
        return self.box.decide(seq, Item(weight=1500), True)

    def ack(self, seq, out=0, epoch=EPOCH, spoil=None):
        self.beat(spoil, ACK_EPOCH=epoch, ACK_SEQ=seq, ACK_OUT=out)
        return self.head32(Head.OLDEST_SEQ)

    def broken_rules(self):
        return [e["rule"] for e in self.events if e["ev"] == "violation"]
