"""What the PLC writes: header, item ring, outcome ring, and the fate of each item.

Rings is the half of the mailbox that knows nothing of the host's block;
mailbox_plc.py adds that. It is adversarial on purpose: records appear word by
word, acknowledged words turn to garbage, readers see mixtures of fresh words.
"""
from dataclasses import dataclass

from mailbox_layout import (HEADER_WORDS, MASK32, OUTCOME_WORDS, RECORD_WORDS, SEQ_END, Head, MAGIC, MG_PER_UNIT, Out,
                            Reason, Rec, State, VERSION, ahead, check, outcome_check, record_check, split32)

WORDS_PER_SCAN = 4
FRESH_MS = 60


@dataclass
class Options:
    ring_n: int = 64
    slot_m: int = 64
    base_b: int = 0
    base_h: int = -1
    outlets: int = 4
    default_outlet: int = 4
    overflow_outlet: int = 0
    pulses_per_m: int = 1000
    transit_k: int = 2
    checks: bool = True
    overwrite: bool = False
    table_mode: bool = False
    scrub: bool = True
    tear: float = 0.05
    seq_end: int = SEQ_END
    beat_ms: int = 200


@dataclass
class Item:
    """What the measuring point saw."""
    weight: int
    decimals: int = 2
    unit: int = 2
    flags: int = 3
    lane: int = 1
    length: int = 200
    aux1: int = 1000
    aux2: int = 0
    enc: int = 0
    t_ms: int = 0
    n: int = 0
    spoiled: bool = False

    def net_mg(self):
        scale = MG_PER_UNIT.get(self.unit)
        return None if scale is None else self.weight * scale // 10 ** self.decimals

    def words(self, seq):
        return (split32(seq) + [self.flags, self.lane] + split32(self.weight & MASK32) +
                [self.decimals << 8 | self.unit] + split32(self.enc) +
                [self.length, self.aux1, self.aux2] + split32(self.t_ms & MASK32) + [seq & 0xFFFF, 0])


class Rings:
    """State lives here; Mailbox initialises it (see _blank and _no_epoch there)."""

    def held(self):
        return ahead(self.next_seq, self.oldest)

    def inhibited(self):
        full = not self.opt.overwrite and self.held() >= self.opt.ring_n - self.opt.transit_k
        return self.epoch == 0 or full or self._ending()

    def infeed_open(self):
        return not (self.inhibited() or self.feed_stopped or self.estop or self.manual) and self.running

    def _ending(self):
        return self.next_seq + self.opt.transit_k >= self.opt.seq_end

    def post(self, item):
        """A measured item gets its number and is written from the next scan on."""
        if self.epoch == 0 or (not self.opt.overwrite and self.held() >= self.opt.ring_n):
            self.pass_unnumbered(1)
            return None
        seq, self.next_seq = self.next_seq, (self.next_seq + 1) & MASK32
        self.open_items.add(seq)
        self.jobs.append(("item", self._write_item(seq, item)))
        return seq

    def pass_unnumbered(self, n):
        self.lost = min(self.lost + n, 0xFFFF)
        self.log({"ev": "unnumbered", "epoch": self.epoch, "n": n})

    def decide(self, seq, item, certain, mishap=0):
        """[7] The item passes its decision point: (outlet, reason)."""
        while seq not in self.upstream and self.jobs:
            self._run_job()
        taken, default = self.upstream.pop(seq), self.opt.default_outlet
        if self.manual:
            return 1 + seq % self.opt.outlets, Reason.MANUAL
        if not certain or mishap:
            return default, mishap if certain else Reason.UNTRACKED
        if self.opt.table_mode:
            taken = 1 + item.weight // 1500 % self.opt.outlets
        if taken is None and self.host_ok:
            self.late = min(self.late + 1, 0xFFFF)
            return default, Reason.LATE
        if taken is None:
            return default, Reason.NO_HOST
        if self._is_blocked(taken):
            overflow = self.opt.overflow_outlet
            return default if self._is_blocked(overflow) else overflow, Reason.BLOCKED
        return taken, Reason.DECIDED

    def _is_blocked(self, outlet):
        return not 1 <= outlet <= self.opt.outlets or bool(self.blocked >> (outlet - 1) & 1)

    def record_outcome(self, seq, outlet, reason):
        index, self.next_out = self.next_out, (self.next_out + 1) & MASK32
        self.jobs.append(("outcome", self._write_outcome(index, seq, outlet, reason, self.enc & 0xFFFF)))

    # -- word by word ------------------------------------------------------

    def _run_job(self):
        for _ in self.jobs[0][1]:
            pass
        self.jobs.popleft()

    def _run_jobs(self):
        for _ in range(WORDS_PER_SCAN * len(self.jobs)):
            if self.jobs and next(self.jobs[0][1], "done") == "done":
                self.jobs.popleft()

    def _put(self, at, words):
        for i, word in enumerate(words):
            self.b[at + i] = word
            yield

    def _write_item(self, seq, item):
        self._overwrite_for(seq)
        at = self.lay.record_at(seq)
        old, words = self.b[at:at + RECORD_WORDS], item.words(seq)
        if self.opt.checks:
            words[Rec.CHECK] = record_check(self.epoch, words) ^ (0x5555 if item.spoiled else 0)
        yield from self._put(at + Rec.TAIL, [~seq & 0xFFFF])
        yield from self._put(at, words[:Rec.TAIL])
        yield from self._put(at + Rec.CHECK, words[Rec.CHECK:])
        yield from self._put(at + Rec.TAIL, words[Rec.TAIL:Rec.CHECK])
        self.head = self.history[self.epoch] = seq
        self.upstream[seq] = None
        self.dirty_slots.add(seq % self.opt.slot_m)
        self._remember_fresh(at, old)
        self.log({"ev": "item", "epoch": self.epoch, "seq": seq, "weight": item.weight, "decimals": item.decimals,
                  "unit": item.unit, "net_mg": item.net_mg(), "dia_um": item.aux1 * 10, "len_pulses": item.length,
                  "aux2": item.aux2, "flags": item.flags, "lane": item.lane, "enc": item.enc, "t_ms": item.t_ms,
                  "n": item.n, "spoiled": item.spoiled})

    def _overwrite_for(self, seq):
        """[8] With the overwrite policy the oldest gives way, and is counted."""
        first, over = self.oldest, ahead(seq, self.oldest) - self.opt.ring_n + 1
        if over > 0:
            self.oldest = (self.oldest + over) & MASK32
            self.lost = min(self.lost + over, 0xFFFF)
            self.log({"ev": "overwritten", "epoch": self.epoch, "from": first, "to": self.oldest - 1})

    def _write_outcome(self, index, seq, outlet, reason, enc):
        at = self.lay.outcome_at(index)
        old = self.b[at:at + OUTCOME_WORDS]
        words = split32(index) + split32(seq) + [outlet, reason, enc, 0]
        if self.opt.checks:
            words[Out.CHECK] = outcome_check(self.epoch, words)
        yield from self._put(at, words)
        self.out_head = index
        self.open_items.discard(seq)
        self._remember_fresh(at, old)
        self.log({"ev": "outcome", "epoch": self.epoch, "out": index, "seq": seq, "outlet": outlet, "reason": reason})

    def _remember_fresh(self, at, old):
        self.fresh = self.fresh[-7:] + [(at, old, self.now + FRESH_MS)]

    def _tear(self, start, words, now):
        """Let the reader see a mixture of the words before and after a fresh write."""
        if self.opt.checks and self.old_header and start == 0 and len(words) >= HEADER_WORDS:
            cut = self.rng.randrange(1, HEADER_WORDS)
            words[cut:HEADER_WORDS] = self.old_header[cut:]
        for at, old, until in self.fresh:
            at -= start
            if now >= until or at < 0 or at + len(old) > len(words):
                continue
            cut = self.rng.randrange(2, len(old) - 1)
            # Without checks only SEQ, OUT_INDEX or word 14 can betray a torn one.
            if self.rng.random() < 0.5 or (not self.opt.checks and len(old) == OUTCOME_WORDS):
                words[at:at + cut] = old[:cut]
            else:
                words[at + cut:at + len(old)] = old[cut:]

    def _scrub(self, at, count):
        """What was acknowledged is the PLC's again; a host that still needs it must fail."""
        if self.opt.scrub:
            self.b[at:at + count] = [self.rng.randrange(0x10000) for _ in range(count)]

    # -- the header --------------------------------------------------------

    def state_word(self):
        bits = ((State.RUNNING, self.running), (State.FAULT, self.fault), (State.ESTOP, self.estop),
                (State.HOST_OK, self.host_ok), (State.INHIBITED, self.inhibited()), (State.MANUAL, self.manual),
                (State.OVERWRITE, self.opt.overwrite), (State.TABLE, self.opt.table_mode),
                (State.FEED_STOPPED, self.feed_stopped))
        return sum(bit for bit, on in bits if on)

    def uptime_ms(self, now):
        return int(now - self.boot_at) & MASK32

    def _show_header(self, now):
        self.now = now
        opt = self.opt
        words = ([MAGIC, VERSION] + split32(self.epoch) + split32(self.boot_nonce) +
                 [self.boot_count, self.heartbeat, self.state_word(), self.fault] + split32(self.head) +
                 split32(self.oldest) + [self.lost, opt.ring_n, RECORD_WORDS, opt.slot_m] + split32(self.enc) +
                 [self.enc_speed, opt.pulses_per_m] + split32(self.out_head) +
                 [self.session_echo, opt.default_outlet, opt.outlets, self.late] +
                 split32(self.uptime_ms(now)) + [self.blocked])
        assert len(words) == Head.CHECK
        self.old_header = self.b[:HEADER_WORDS]
        self.b[:HEADER_WORDS] = words + [check(words) if opt.checks else 0]
