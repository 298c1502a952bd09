#!/usr/bin/python3
"""A minimal host of the item mailbox v1: epoch, read, decide by weight, slot, commit, ack.

Prints one JSON object at the end. Numbers in brackets are rules of the contract.
"""
import argparse
import json
import os
import random
import sys
import time

from host_record import Record
from mailbox_layout import (Flag, HEADER_WORDS, HOST_WORDS, Head, Host, Layout, MAGIC, MG_PER_UNIT, OUTCOME_WORDS,
                            Out, RECORD_WORDS, Rec, SLOT_WORDS, Slot, State, VERSION, ack_check, check, epoch_check,
                            get32, outcome_check, record_check, signed32, slot_check, slot_words, split32)
from modbus_client import Silent, TcpMaster

CYCLE_S = 0.01
UNREADABLE_READS, UNREADABLE_S, STALE_S = 16, 0.2, 1.0
RECORDS_PER_READ, OUTCOMES_PER_READ, SLOTS_PER_READ = 7, 15, 30


def net_mg(record):
    """Net weight in mg, or None when the record's quality is bad."""
    flags, unit, decimals = record[Rec.FLAGS], record[Rec.FORMAT] & 0xFF, record[Rec.FORMAT] >> 8
    good = Flag.VALID | Flag.STABLE
    bad = Flag.OVER | Flag.UNDER | Flag.NO_WEIGHT | Flag.DOUBLE
    if flags & good != good or flags & bad or unit not in MG_PER_UNIT:
        return None
    return signed32(get32(record, Rec.WEIGHT)) * MG_PER_UNIT[unit] // 10 ** decimals


class Mailbox:
    """The words on the wire; remembers nothing but the host's own block."""

    def __init__(self, master, args):
        self.master, self.args = master, args
        self.own = [0] * HOST_WORDS
        self.own[Host.SESSION] = random.randrange(1, 0x10000)
        self.lay, self.beaten = None, 0.0

    def header(self):
        """A header that counts, or None."""
        head = self.master.read(self.args.base_b, HEADER_WORDS)
        if self.args.no_checks:
            again = self.master.read(self.args.base_b, HEADER_WORDS)
            if any(a != b for i, (a, b) in enumerate(zip(head, again)) if i not in Head.RESTLESS):
                return None
        elif check(head[:Head.CHECK]) != head[Head.CHECK]:
            return None
        if head[Head.MAGIC] != MAGIC or head[Head.VERSION] != VERSION:
            raise ValueError("no item mailbox v1 here")
        if get32(head, Head.HEAD_SEQ) - get32(head, Head.OLDEST_SEQ) + 1 > head[Head.RING_N]:
            return None
        self.lay = Layout(head[Head.RING_N], head[Head.SLOT_M], self.args.base_b, self.args.base_h)
        return head

    def epoch(self):
        return get32(self.master.read(self.args.base_b + Head.EPOCH, 2), 0)

    def records(self, epoch, first, count):
        """{seq: words} of the readable ones; the ring may wrap inside the run."""
        return self._ring(first, count, RECORDS_PER_READ, RECORD_WORDS, self.lay.record_at,
                          lambda seq, w: get32(w, Rec.SEQ) == seq and w[Rec.TAIL] == seq & 0xFFFF and
                          (self.args.no_checks or record_check(epoch, w) == w[Rec.CHECK]))

    def outcomes(self, epoch, first, count):
        return self._ring(first, count, OUTCOMES_PER_READ, OUTCOME_WORDS, self.lay.outcome_at,
                          lambda index, w: get32(w, Out.INDEX) == index and
                          (self.args.no_checks or outcome_check(epoch, w) == w[Out.CHECK]))

    def _ring(self, first, count, per_read, size, offset, holds):
        found, ring_n = {}, self.lay.ring_n
        while count > 0:
            n = min(count, per_read, ring_n - first % ring_n)
            words = self._read_twice(self.lay.base_b + offset(first), n * size)
            for i in range(n if words else 0):
                one = words[i * size:(i + 1) * size]
                if holds(first + i, one):
                    found[first + i] = one
            first, count = first + n, count - n
        return found

    def _read_twice(self, addr, count):
        words = self.master.read(addr, count)
        same = not self.args.no_checks or words == self.master.read(addr, count)
        return words if same else None

    def slots(self):
        """All slots as the PLC holds them."""
        found = []
        for first in range(0, self.lay.slot_m, SLOTS_PER_READ):
            n = min(SLOTS_PER_READ, self.lay.slot_m - first)
            words = self.master.read(self.lay.h + HOST_WORDS + first * SLOT_WORDS, n * SLOT_WORDS)
            found += [words[i * SLOT_WORDS:(i + 1) * SLOT_WORDS] for i in range(n)]
        return found

    def write_slots(self, epoch, decided):
        """Runs of neighbours in one write; where the block wraps, another one."""
        run, start, before = [], None, None
        for seq, outlet in sorted(decided.items()):
            at = self.lay.slot_at(seq)
            if run and (at != before + SLOT_WORDS or len(run) >= SLOTS_PER_READ * SLOT_WORDS):
                self.master.write(self.lay.h + start, run)
                run = []
            start = start if run else at
            run, before = run + slot_words(epoch, seq, outlet), at
        if run:
            self.master.write(self.lay.h + start, run)

    def beat(self, now):
        self.own[Host.HEARTBEAT] = (self.own[Host.HEARTBEAT] + 1) & 0xFFFF
        self.own[Host.ACK_CHECK], self.own[Host.EPOCH_CHECK] = ack_check(self.own), epoch_check(self.own)
        self.master.write(self.lay.h, self.own)
        self.beaten = now

    def put32(self, at, value):
        self.own[at:at + 2] = split32(value)


class Line:
    """One line's host: what to do next, and why."""

    def __init__(self, args):
        self.args, self.record = args, Record(args.journal)
        self.box = Mailbox(TcpMaster(args.port, args.unit), args)
        self.tries, self.adopted, self.adopt_from = {}, {}, None
        self.nonce, self.quarantine, self.foreign = None, None, 0
        self.heart, self.heart_at = None, time.monotonic()
        self.head_seen = {}

    def cycle(self, now):
        """[6] header, records, slots, EPOCH again, commit, ack."""
        head = self.box.header()
        if head is None:
            return
        epoch, nonce = get32(head, Head.EPOCH), get32(head, Head.BOOT_NONCE)
        if self._stale(head, now):
            return
        self.box.put32(Host.NEW_EPOCH, 0)
        if epoch == 0:
            self._propose(nonce)
        elif not self._foul(epoch, nonce, head):
            self._work(epoch, head, now)
        self.nonce = nonce
        if epoch == 0 or self.quarantine:
            self.box.own[Host.ACK_EPOCH:Host.NEW_EPOCH] = [0] * 6
        self.box.beat(now)

    def _stale(self, head, now):
        """[9] A PLC whose heartbeat stands still is not asked for anything."""
        if head[Head.HEARTBEAT] != self.heart:
            self.heart, self.heart_at = head[Head.HEARTBEAT], now
        return now - self.heart_at > STALE_S

    def _propose(self, nonce):
        """[1] The epoch is committed, then written with the nonce it was made for."""
        self.quarantine = None
        shown = set(self.record.segments)
        waiting = [e for e, n in self.record.proposed.items() if n == nonce and e not in shown]
        if not waiting:
            waiting = [random.randrange(1, 1 << 32)]
            self.record.commit("epoch", waiting[0], nonce)
        self.box.put32(Host.NEW_EPOCH, waiting[-1])
        self.box.put32(Host.NEW_EPOCH_NONCE, nonce)

    def _foul(self, epoch, nonce, head):
        """[3] What quarantines the line until a person clears the mailbox."""
        head_seq, segment = get32(head, Head.HEAD_SEQ), self.record.segments.get(epoch)
        if segment and head_seq < segment.next_seq - 1:
            self.quarantine = "HEAD_SEQ below what is committed"
        if self.nonce not in (None, nonce) and head_seq < self.head_seen.get(epoch, 0):
            self.quarantine = "HEAD_SEQ fell over a reboot"
        self.head_seen[epoch] = max(head_seq, self.head_seen.get(epoch, 0))
        return self.quarantine is not None

    def _work(self, epoch, head, now):
        if epoch not in self.record.segments:
            self.record.commit("open", epoch)
        segment = self.record.segment(epoch)
        if self.adopt_from != epoch:
            self._adopt(epoch)
        self._gaps(epoch, segment, head)
        table = bool(head[Head.STATE] & State.TABLE)
        batch = self._read_items(epoch, segment, head, now)
        decided = {seq: outlet for seq, (_, outlet) in batch.items() if outlet and not table}
        self.box.write_slots(epoch, {s: o for s, o in decided.items() if s not in self.adopted})
        if self.args.crash_at and self.record.items + len(batch) >= self.args.crash_at:
            os._exit(9)
        if self.box.epoch() != epoch:
            return
        for seq, (words, outlet) in sorted(batch.items()):
            self.record.commit("item", epoch, seq, words, outlet)
        self._read_outcomes(epoch, segment, head, now)
        self.box.put32(Host.ACK_EPOCH, epoch)
        self.box.put32(Host.ACK_SEQ, segment.next_seq - 1)
        self.box.put32(Host.ACK_OUT, segment.next_out - 1)

    def _adopt(self, epoch):
        """[5] Slots that stand valid are decisions already made."""
        self.adopted, self.adopt_from = {}, epoch
        for slot in self.box.slots():
            for seq in range(slot[Slot.SEQ], 1 << 20, 1 << 16):
                if slot[Slot.EPOCH] == epoch & 0xFFFF and slot[Slot.CHECK] == slot_check(epoch, seq, slot[Slot.OUTLET]):
                    self.adopted[seq] = slot[Slot.OUTLET]

    def _gaps(self, epoch, segment, head):
        oldest, lost = get32(head, Head.OLDEST_SEQ), head[Head.LOST_COUNT]
        unnumbered = lost - (oldest - 1)
        if segment.next_seq == 1 and not segment.gap_told:
            if unnumbered > 0:
                self.record.commit("gap", epoch, 0, 0, unnumbered)
            segment.gap_told = True
        if oldest > segment.next_seq:
            self.record.commit("gap", epoch, segment.next_seq, oldest - 1, oldest - segment.next_seq)

    def _read_items(self, epoch, segment, head, now):
        """{seq: (words or None, outlet)} without holes, from the first uncommitted one."""
        first = segment.next_seq
        count = min(get32(head, Head.HEAD_SEQ) - first + 1, 2 * RECORDS_PER_READ)
        found, batch = self.box.records(epoch, first, max(count, 0)), {}
        for seq in range(first, first + count):
            if seq in found:
                words = found[seq]
            elif self._given_up(("item", epoch, seq), now):
                words = None
            else:
                break
            batch[seq] = (words, self._outlet(seq, words, head))
        return batch

    def _given_up(self, key, now):
        reads, since = self.tries.get(key, (0, now))
        self.tries[key] = (reads + 1, since)
        return reads + 1 >= UNREADABLE_READS and now - since >= UNREADABLE_S

    def _outlet(self, seq, words, head):
        if head[Head.STATE] & State.TABLE:
            return 0
        if seq in self.adopted:
            self.record.recovered += 1
            return self.adopted[seq]
        mg = net_mg(words) if words else None
        if words is None:
            return head[Head.DEFAULT_OUTLET]
        return self.args.bad_outlet if mg is None else 1 if mg >= self.args.cut_mg else 2

    def _read_outcomes(self, epoch, segment, head, now):
        out_head, ring_n = get32(head, Head.OUT_HEAD), head[Head.RING_N]
        if out_head - segment.next_out + 1 > ring_n:
            self.record.commit("outcome_gap", epoch, segment.next_out, out_head - ring_n)
        first = segment.next_out
        count = min(out_head - first + 1, 2 * OUTCOMES_PER_READ)
        found = self.box.outcomes(epoch, first, max(count, 0))
        for index in range(first, first + count):
            if index in found:
                words = found[index]
                self.record.commit("outcome", epoch, index, get32(words, Out.SEQ), words[Out.OUTLET], words[Out.REASON])
            elif self._given_up(("outcome", epoch, index), now):
                self.record.commit("outcome_gap", epoch, index, index)
            else:
                break

    def has_read_all(self):
        """Every item that the newest header showed: outcomes may have come before their items."""
        return all(self.record.segment(epoch).next_seq > head for epoch, head in self.head_seen.items())

    def goodbye(self):
        if self.box.lay:
            self.box.own[Host.SESSION] = 0
            self.box.beat(time.monotonic())


def run(args):
    line, until = Line(args), time.monotonic() + args.seconds
    reconnects = 0
    while (now := time.monotonic()) < until:
        try:
            line.cycle(now)
        except (OSError, Silent):
            reconnects += 1
            time.sleep(0.1)
            line.box.master.close()
            reconnect(line, args, until)
            continue
        if args.until and len(line.record.outcomes) >= args.until and line.has_read_all():
            line.cycle(time.monotonic())
            break
        time.sleep(CYCLE_S)
    try:
        line.goodbye()
    except (OSError, Silent):
        pass
    return {**line.record.summary(), "quarantine": line.quarantine, "reconnects": reconnects}


def reconnect(line, args, until):
    while time.monotonic() < until:
        try:
            line.box.master = TcpMaster(args.port, args.unit)
            return
        except OSError:
            time.sleep(0.05)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--unit", type=int, default=1)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--until", type=int, default=0, help="stop after so many outcomes")
    p.add_argument("--base-b", type=int, default=0)
    p.add_argument("--base-h", type=int, default=-1)
    p.add_argument("--cut-mg", type=int, default=16000, help="at least this: outlet 1, else 2")
    p.add_argument("--bad-outlet", type=int, default=3)
    p.add_argument("--no-checks", action="store_true")
    p.add_argument("--journal", help="what was committed, loaded again at the start")
    p.add_argument("--crash-at", type=int, default=0, help="die between the slots and the commit of item N")
    print(json.dumps(run(p.parse_args())))


if __name__ == "__main__":
    sys.exit(main())
