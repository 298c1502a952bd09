"""Judges the host: every breach of the mailbox contract becomes a "violation".

It sees the requests that mailbox_plc.py sees and changes nothing. Each event
carries the number of the rule; 0 is the text above the rules.
"""
from mailbox_layout import (HEADER_WORDS, HOST_WORDS, MASK32, RECORD_WORDS, SLOT_WORDS, Head, Host, ack_check, ahead,
                            epoch_check, get32)

ALL_WORDS = (1 << RECORD_WORDS) - 1
CLEAR_PROPOSAL_MS = 1000
# A host may have slots and acknowledgements on the wire when the PLC comes back with an old image.
QUARANTINE_GRACE_MS = 1000


class Conduct:
    def __init__(self, plc, log, beat_ms):
        self.plc, self.log, self.beat_ms = plc, log, beat_ms
        self.connected = False
        self.beat, self.beat_at, self.lag_ms = 0, None, 0
        self.ticked_at = None
        self.ops = self.epoch_op = 0
        self.seen, self.read_op = {}, {}
        self.outlets, self.judged = {}, {}
        self.proposal_since, self.proposal_told = None, False
        self.quarantine_from = None

    def breach(self, rule, what, **more):
        self.log({"ev": "violation", "rule": rule, "what": what, **more})

    # -- what the network tells --------------------------------------------

    def on_connect(self):
        self.connected, self.beat_at = True, None

    def on_disconnect(self):
        self.connected, self.beat_at = False, None

    def on_refused(self, function, code, addr=None, count=None):
        self.breach(0, "request refused", function=function, code=code, addr=addr, count=count)

    def on_reboot(self):
        self.proposal_since = None
        self.seen, self.read_op = ({}, {}) if not self.plc.epoch else (self.seen, self.read_op)

    def quarantine(self, now):
        """now: the host must have quarantined the line; None: a person has cleared the mailbox."""
        self.quarantine_from = None if now is None else now + QUARANTINE_GRACE_MS

    # -- reads: which records the host has seen, and whether it asked for EPOCH after ----

    def on_read(self, start, count):
        self.ops += 1
        end = start + count
        if start <= Head.EPOCH and end >= Head.EPOCH + 2:
            self.epoch_op = self.ops
        ring_end = HEADER_WORDS + RECORD_WORDS * self.plc.opt.ring_n
        lo, hi = max(start, HEADER_WORDS), min(end, ring_end)
        for index in range((lo - HEADER_WORDS) // RECORD_WORDS, (hi - HEADER_WORDS - 1) // RECORD_WORDS + 1):
            if hi > lo:
                self._saw_record(index, lo, hi)

    def _saw_record(self, index, lo, hi):
        plc = self.plc
        seq = (plc.head - (plc.head - index) % plc.opt.ring_n) & MASK32
        if not plc.epoch or ahead(seq, plc.oldest) < 0 or ahead(plc.head, seq) < 0:
            return
        at = plc.lay.record_at(seq)
        first, last = max(lo, at) - at, min(hi, at + RECORD_WORDS) - at
        key = (plc.epoch, seq)
        self.seen[key] = self.seen.get(key, 0) | ((1 << last) - (1 << first))
        if self.seen[key] == ALL_WORDS:
            self.read_op.setdefault(key, self.ops)

    # -- writes ------------------------------------------------------------

    def on_write(self, start, count, now):
        self.ops += 1
        if start >= HOST_WORDS:
            for index in range((start - HOST_WORDS) // SLOT_WORDS, (start + count - HOST_WORDS) // SLOT_WORDS):
                self._judge_slot(index, now)
            return
        covered = range(start, start + count)
        if Host.HEARTBEAT in covered:
            self._judge_beat(now)
        if Host.ACK_CHECK in covered:
            self._judge_ack(now)
        if Host.EPOCH_CHECK in covered:
            self._judge_proposal()
        if self.plc.h[Host.REQUEST] & ~Host.FEED_STOP:
            self.breach(10, "REQUEST has other bits than feed-stop", request=self.plc.h[Host.REQUEST])
        if self.plc.h[Host.RESERVED]:
            self.breach(0, "reserved word is not 0")

    def _judge_slot(self, index, now):
        plc = self.plc
        if plc.opt.table_mode:
            self.breach(11, "slot in table mode", index=index)
        if self._quarantined(now):
            self.breach(3, "slot in quarantine", index=index)
        found = plc.resolve_slot(index, plc.epoch)
        if found:
            self._judge_outlet(*found)
        elif not any(plc.resolve_slot(index, epoch) for epoch in plc.history):
            self.breach(0, "slot whose check holds for no item", index=index, words=plc.slot_at_index(index))

    def _judge_outlet(self, seq, outlet):
        first = self.outlets.setdefault((self.plc.epoch, seq), outlet)
        if first != outlet:
            self.breach(5, "different outlet for an item", epoch=self.plc.epoch, seq=seq, first=first, now=outlet)

    def _judge_beat(self, now):
        if self.plc.h[Host.HEARTBEAT] == self.beat:
            return
        self.beat = self.plc.h[Host.HEARTBEAT]
        if self.beat_at is not None and now - self.beat_at - self.lag_ms > self.beat_ms:
            self.breach(0, "heartbeat too slow", ms=int(now - self.beat_at))
        self.beat_at, self.lag_ms = now, 0

    def _judge_ack(self, now):
        plc = self.plc
        if ack_check(plc.h) != plc.h[Host.ACK_CHECK]:
            self.breach(0, "ACK_CHECK does not hold")
            return
        epoch, seq, out = (get32(plc.h, at) for at in (Host.ACK_EPOCH, Host.ACK_SEQ, Host.ACK_OUT))
        if epoch and self._quarantined(now):
            self.breach(3, "ACK_EPOCH not 0 in quarantine")
        if not epoch or epoch != plc.epoch or self._on_the_wire(now):
            return
        if ahead(seq, plc.head) > 0:
            self.breach(4, "ACK_SEQ beyond HEAD_SEQ", seq=seq, head=plc.head)
        else:
            self._judge_reading(range(max(plc.oldest, self.judged.get(epoch, 0) + 1), seq + 1))
            self.judged[epoch] = max(seq, self.judged.get(epoch, 0))
        if ahead(out, plc.out_head) > 0:
            self.breach(4, "ACK_OUT beyond OUT_HEAD", out=out, out_head=plc.out_head)

    def _on_the_wire(self, now):
        """Written before the host can have seen the old image."""
        return self.quarantine_from is not None and now < self.quarantine_from

    def _judge_reading(self, seqs):
        """[6] header, records, slots, EPOCH again, commit, and only then the acknowledgement."""
        for seq in seqs:
            op = self.read_op.pop((self.plc.epoch, seq), None)
            self.seen.pop((self.plc.epoch, seq), None)
            if op is None:
                self.breach(4, "acknowledged an item that was never read", seq=seq)
            elif self.epoch_op <= op:
                self.breach(6, "acknowledged without reading EPOCH after the record", seq=seq)

    def _judge_proposal(self):
        plc = self.plc
        if epoch_check(plc.h) != plc.h[Host.EPOCH_CHECK]:
            self.breach(0, "EPOCH_CHECK does not hold")
            return
        proposed, nonce = get32(plc.h, Host.NEW_EPOCH), get32(plc.h, Host.NEW_EPOCH_NONCE)
        if plc.epoch == 0 and proposed in plc.history and nonce == plc.boot_nonce:
            self.breach(1, "NEW_EPOCH was used before", epoch=proposed)

    # -- time --------------------------------------------------------------

    def tick(self, now):
        # What this program overslept is not the host's fault.
        if self.ticked_at is not None and now - self.ticked_at > 25:
            self.lag_ms += now - self.ticked_at
        self.ticked_at = now
        self._watch_proposal(now)

    def _watch_proposal(self, now):
        plc = self.plc
        stands = plc.epoch and plc.host_ok and get32(plc.h, Host.NEW_EPOCH) == plc.epoch
        if not stands:
            self.proposal_since, self.proposal_told = None, False
        elif self.proposal_since is None:
            self.proposal_since = now
        elif now - self.proposal_since > CLEAR_PROPOSAL_MS and not self.proposal_told:
            self.proposal_told = True
            self.breach(1, "NEW_EPOCH not cleared after EPOCH shows it", epoch=plc.epoch)

    def _quarantined(self, now):
        return self.quarantine_from is not None and now >= self.quarantine_from
