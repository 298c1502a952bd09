"""The PLC side of the item mailbox v1 as a pure class: registers and words in, time in.

Numbers in brackets are rules of the mailbox contract. No sockets and no clock:
sorter.py gives it a network and belt.py a belt. A scan may fall into the middle
of any write of the host, and here it does.
"""
from collections import deque

from conduct import Conduct
from modbus_frames import ILLEGAL_ADDRESS, Refused
from mailbox_layout import (HEADER_WORDS, HOST_WORDS, MASK32, OUTCOME_WORDS, RECORD_WORDS, SLOT_WORDS, Host, Layout,
                            Slot, ack_check, ahead, epoch_check, get32, slot_check)
from mailbox_rings import Rings

HEARTBEAT_MS, HOST_TIMEOUT_MS = 50, 1000


class Mailbox(Rings):
    def __init__(self, opt, rng, log, now):
        self.opt, self.rng, self.log = opt, rng, log
        self.lay = Layout(opt.ring_n, opt.slot_m, opt.base_b, opt.base_h)
        self.conduct = Conduct(self, log, opt.beat_ms)
        self.h = [0] * self.lay.h_words
        # The witness's memory, not the PLC's: newest seq of every epoch ever shown.
        self.history = {}
        self.boot_count = self.boot_nonce = 0
        self.enc = self.enc_speed = self.fault = self.blocked = self.approaching = 0
        self.running, self.estop, self.manual, self.feed_stopped = True, False, False, False
        self._blank(now)

    def _blank(self, now):
        """Power-up of a PLC that remembers nothing."""
        self.b = [0] * self.lay.b_words
        self.h[:] = [0] * self.lay.h_words
        self.feed_stopped = False
        self.jobs = deque()
        self.lost = 0
        self._no_epoch()
        self._start(now)

    def _start(self, now):
        self.boot_at, self.beaten_at, self.heartbeat = now, now, 0
        self.boot_count = (self.boot_count + 1) & 0xFFFF
        self._new_nonce()
        # [9] host_ok stays false after a boot until the host's heartbeat changes.
        self.host_beat, self.host_beat_at, self.host_ok = self.h[Host.HEARTBEAT], None, False
        self.fresh, self.old_header = [], None
        self.session_echo = self.h[Host.SESSION]
        self._show_header(now)

    def _new_nonce(self):
        old = self.boot_nonce
        while self.boot_nonce in (0, old):
            self.boot_nonce = self.rng.randrange(1, 1 << 32)

    def _no_epoch(self):
        cut = sum(1 for kind, _ in self.jobs if kind == "item")
        self.lost = min(self.lost + cut, 0xFFFF)
        self.jobs.clear()
        self.epoch, self.head, self.oldest, self.out_head, self.ack_out, self.late = 0, 0, 1, 0, 0, 0
        self.next_seq = self.next_out = 1
        self.upstream, self.open_items, self.slots_seen = {}, set(), {}
        self.dirty_slots = set()

    # -- the network's side ------------------------------------------------

    def read(self, addr, count, now):
        words = self.may_read(addr, count)
        self.conduct.on_read(addr - self.lay.base_b, count)
        if self.rng.random() < self.opt.tear:
            self._tear(addr - self.lay.base_b, words, now)
        if addr == self.lay.base_b and count >= HEADER_WORDS:
            self.old_header = None      # whoever has seen the new header, even torn, never sees the old one again
        return words

    def may_read(self, addr, count):
        words = [self._word(a) for a in range(addr, addr + count)]
        if None in words:
            raise Refused(ILLEGAL_ADDRESS)
        return words

    def _word(self, addr):
        for base, block in ((self.lay.base_b, self.b), (self.lay.h, self.h)):
            if base <= addr < base + len(block):
                return block[addr - base]
        return None

    def write(self, addr, words, now):
        start = addr - self.lay.h
        end = start + len(words)
        if start < 0 or end > len(self.h):
            raise Refused(ILLEGAL_ADDRESS)
        header = start < HOST_WORDS
        if header and end > HOST_WORDS:
            raise Refused(ILLEGAL_ADDRESS)
        if not header and ((start - HOST_WORDS) % SLOT_WORDS or len(words) % SLOT_WORDS):
            raise Refused(ILLEGAL_ADDRESS)
        if len(words) > 1 and self.rng.random() < self.opt.tear:
            cut = self.rng.randrange(1, len(words))
            self._store(start, words[:cut])
            self._scan_host(now)
            self._store(start + cut, words[cut:])
        else:
            self._store(start, words)
        self.conduct.on_write(start, len(words), now)

    def _store(self, start, words):
        self.h[start:start + len(words)] = words
        for at in range(max(start, HOST_WORDS), start + len(words)):
            self.dirty_slots.add((at - HOST_WORDS) // SLOT_WORDS)

    # -- one scan ----------------------------------------------------------

    def scan(self, now):
        self._scan_host(now)
        self._run_jobs()
        self._end_epoch()
        if now - self.beaten_at >= HEARTBEAT_MS:
            self.beaten_at, self.heartbeat = now, (self.heartbeat + 1) & 0xFFFF
        self._show_header(now)
        self.conduct.tick(now)

    def _scan_host(self, now):
        self.now = now
        self._watch_host(now)
        self._adopt_epoch()
        self._take_acks()
        self._take_slots()

    def _watch_host(self, now):
        if self.h[Host.HEARTBEAT] != self.host_beat:
            self.host_beat, self.host_beat_at = self.h[Host.HEARTBEAT], now
        alive = self.host_beat_at is not None and now - self.host_beat_at <= HOST_TIMEOUT_MS
        self.session_echo = self.h[Host.SESSION]
        ok = alive and self.h[Host.SESSION] != 0
        if ok != self.host_ok:
            self.host_ok = ok
            self.log({"ev": "host_ok", "ok": ok})
        if self.feed_stop_asked() and not self.feed_stopped:
            self.feed_stopped = True
            self.log({"ev": "feed-stop"})

    def feed_stop_asked(self):
        return self.host_ok and bool(self.h[Host.REQUEST] & Host.FEED_STOP)

    def _adopt_epoch(self):
        """[1] Only at EPOCH 0, by nonce and check."""
        proposed = get32(self.h, Host.NEW_EPOCH)
        if self.epoch or not proposed or get32(self.h, Host.NEW_EPOCH_NONCE) != self.boot_nonce:
            return
        if epoch_check(self.h) != self.h[Host.EPOCH_CHECK]:
            return
        self._no_epoch()
        self.b[HEADER_WORDS:] = [0] * (self.lay.b_words - HEADER_WORDS)
        self.h[HOST_WORDS:] = [0] * (self.lay.h_words - HOST_WORDS)
        self.epoch, self.fresh = proposed, []
        self.history[proposed] = 0
        self.log({"ev": "epoch", "epoch": proposed, "nonce": self.boot_nonce, "lost": self.lost})

    def _take_acks(self):
        """[4] Each of the two counts by its own bounds, under one check."""
        if not self.epoch or get32(self.h, Host.ACK_EPOCH) != self.epoch:
            return
        if ack_check(self.h) != self.h[Host.ACK_CHECK]:
            return
        seq, out = get32(self.h, Host.ACK_SEQ), get32(self.h, Host.ACK_OUT)
        if 0 <= ahead(seq, self.oldest - 1) <= ahead(self.head, self.oldest - 1):
            self._release_items(seq)
        if 0 <= ahead(out, self.ack_out) <= ahead(self.out_head, self.ack_out):
            self._release_outcomes(out)

    def _release_items(self, upto):
        if upto == (self.oldest - 1) & MASK32:
            return
        first, self.oldest = self.oldest, (upto + 1) & MASK32
        for seq in range(first, self.oldest):
            self._scrub(self.lay.record_at(seq), RECORD_WORDS)
        self.log({"ev": "ack", "epoch": self.epoch, "seq": upto, "n": ahead(self.oldest, first)})

    def _release_outcomes(self, upto):
        if upto == self.ack_out:
            return
        for index in range(self.ack_out + 1, upto + 1):
            if ahead(self.next_out, index) <= self.opt.ring_n:
                self._scrub(self.lay.outcome_at(index), OUTCOME_WORDS)
        self.ack_out = upto
        self.log({"ev": "ack_out", "epoch": self.epoch, "out": upto})

    def slot_at_index(self, index):
        at = HOST_WORDS + index * SLOT_WORDS
        return self.h[at:at + SLOT_WORDS]

    def resolve_slot(self, index, epoch):
        """(seq, outlet) that slot `index` holds for this epoch, or None."""
        words, top = self.slot_at_index(index), self.history.get(epoch, 0) >> 16
        if not epoch or words[Slot.EPOCH] != epoch & 0xFFFF or words[Slot.SEQ] % self.opt.slot_m != index:
            return None
        for high in (top, (top + 1) & 0xFFFF, (top - 1) & 0xFFFF):
            seq = high << 16 | words[Slot.SEQ]
            if slot_check(epoch, seq, words[Slot.OUTLET]) == words[Slot.CHECK]:
                return seq, words[Slot.OUTLET]
        return None

    def _take_slots(self):
        """[5] The first valid slot is taken, once, while the item is upstream."""
        if self.opt.table_mode:
            self.dirty_slots.clear()
        for index in sorted(self.dirty_slots):
            found = self.resolve_slot(index, self.epoch)
            if not found:
                continue
            seq, outlet = found
            if self.upstream.get(seq, 0) is None:
                self.upstream[seq] = outlet
            if seq not in self.slots_seen:
                self.slots_seen[seq] = outlet
                late = seq not in self.upstream and ahead(self.head, seq) >= 0
                self.log({"ev": "slot", "epoch": self.epoch, "seq": seq, "outlet": outlet, "late": late})
        self.dirty_slots.clear()

    def _end_epoch(self):
        """[1] Before the numbers run out: empty the belt, then ask for a new epoch."""
        if not self.epoch or not self._ending() or self.approaching or self.open_items or self.jobs:
            return
        if self.held() == 0 and self.ack_out == self.out_head:
            self.log({"ev": "epoch-end", "epoch": self.epoch, "head": self.head})
            self._no_epoch()
            self.lost = 0
            self._new_nonce()

    # -- people and power --------------------------------------------------

    def restart_feed(self):
        """[10] By a person at the machine, and not while the bit stands."""
        if self.feed_stop_asked():
            return False
        self.feed_stopped = False
        return True

    def clear(self):
        """[2], [3] A person clears the mailbox: EPOCH 0 and a new nonce."""
        self.log({"ev": "clear", "epoch": self.epoch, "head": self.head, "oldest": self.oldest})
        self.lost = 0
        self._no_epoch()
        self._new_nonce()
        self.conduct.quarantine(None)

    def reboot(self, now, retentive):
        self.log({"ev": "reboot", "kind": "retentive" if retentive else "volatile", "epoch": self.epoch,
                  "head": self.head, "oldest": self.oldest, "out_head": self.out_head})
        if retentive:
            self._resume()
            self._start(now)
        else:
            self._blank(now)
        self.conduct.on_reboot()

    def _resume(self):
        """Outcomes in hand are finished; an item cut in its writing never had its number shown."""
        for kind, job in list(self.jobs):
            if kind == "outcome":
                for _ in job:
                    pass
        cut = sum(1 for kind, _ in self.jobs if kind == "item")
        self.jobs.clear()
        self.next_seq = (self.head + 1) & MASK32
        self.open_items = {s for s in self.open_items if ahead(s, self.head) <= 0}
        if cut:
            self.pass_unnumbered(cut)

    def image(self):
        """A backup of the retentive memory, for restore()."""
        return list(self.b), list(self.h), self.epoch, self.head, self.oldest, self.out_head, self.ack_out

    def restore(self, image, now):
        """[3] An old backup is loaded: the same epoch comes back with a lower HEAD_SEQ."""
        newest, epoch = self.head, self.epoch
        b, h, self.epoch, self.head, self.oldest, self.out_head, self.ack_out = image
        self.b[:], self.h[:] = b, h
        self.jobs.clear()
        self.upstream, self.open_items = {}, set()
        self.next_seq, self.next_out = self.head + 1, self.out_head + 1
        self.log({"ev": "restore", "epoch": self.epoch, "head": self.head})
        self._start(now)
        if self.epoch and self.epoch == epoch and self.head < newest:
            self.conduct.quarantine(now)
