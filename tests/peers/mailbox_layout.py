"""Where each word of the item mailbox v1 stands, written from its prose.

Shared by the sorter and the host of this folder, and by nothing outside it.
"""
from dataclasses import dataclass

from modbus_frames import crc16, pack_words

MAGIC, VERSION = 0x4D42, 0x0100
HEADER_WORDS, RECORD_WORDS, OUTCOME_WORDS, HOST_WORDS, SLOT_WORDS = 32, 16, 8, 16, 4
SEQ_END = 0xFFFF0000
MASK32 = 0xFFFFFFFF


class Head:
    """PLC header, from B."""
    MAGIC, VERSION, EPOCH, BOOT_NONCE, BOOT_COUNT, HEARTBEAT, STATE, FAULT = 0, 1, 2, 4, 6, 7, 8, 9
    HEAD_SEQ, OLDEST_SEQ, LOST_COUNT, RING_N, REC_WORDS, SLOT_M = 10, 12, 14, 15, 16, 17
    ENC, ENC_SPEED, PULSES_PER_M, OUT_HEAD, HOST_SESSION_ECHO = 18, 20, 21, 22, 24
    DEFAULT_OUTLET, N_OUTLETS, LATE_COUNT, UPTIME_MS, OUTLET_BLOCKED, CHECK = 25, 26, 27, 28, 30, 31
    # What may differ between two "equal" reads of a PLC without checks.
    RESTLESS = (HEARTBEAT, ENC, ENC + 1, UPTIME_MS, UPTIME_MS + 1)


class State:
    RUNNING, FAULT, ESTOP, HOST_OK, INHIBITED, MANUAL, OVERWRITE, TABLE, FEED_STOPPED = (1 << b for b in range(9))


class Rec:
    """Item record, from B+32 + (SEQ mod RING_N) * 16."""
    SEQ, FLAGS, LANE, WEIGHT, FORMAT, ENC = 0, 2, 3, 4, 6, 7
    LENGTH, AUX1, AUX2, T_MS, TAIL, CHECK = 9, 10, 11, 12, 14, 15


class Flag:
    VALID, STABLE, OVER, UNDER, NO_WEIGHT, MANUAL, DOUBLE, SIMULATED = (1 << b for b in range(8))


UNIT_MG, UNIT_G, UNIT_KG = 1, 2, 3
MG_PER_UNIT = {UNIT_MG: 1, UNIT_G: 1000, UNIT_KG: 1000000}


class Out:
    """Outcome, from B+32 + 16 * RING_N + (OUT_INDEX mod RING_N) * 8."""
    INDEX, SEQ, OUTLET, REASON, ENC, CHECK = 0, 2, 4, 5, 6, 7


class Reason:
    DECIDED, LATE, BLOCKED, NO_HOST, UNTRACKED, MANUAL, GAP, LANE_FULL = range(1, 9)


class Host:
    """Host header, from H."""
    SESSION, HEARTBEAT, ACK_EPOCH, ACK_SEQ, ACK_OUT, NEW_EPOCH, NEW_EPOCH_NONCE = 0, 1, 2, 4, 6, 8, 10
    REQUEST, ACK_CHECK, EPOCH_CHECK, RESERVED = 12, 13, 14, 15
    FEED_STOP = 1


class Slot:
    EPOCH, SEQ, OUTLET, CHECK = 0, 1, 2, 3


def check(words):
    """CRC over words as big-endian bytes; a result of 0 is sent as 0xFFFF."""
    return crc16(pack_words(words)) or 0xFFFF


def split32(value):
    return [(value >> 16) & 0xFFFF, value & 0xFFFF]


def get32(words, at):
    return (words[at] << 16) | words[at + 1]


def signed32(value):
    return value - (1 << 32) if value & 0x80000000 else value


def ahead(a, b):
    """a - b modulo 2**32 as a signed distance."""
    return signed32((a - b) & MASK32)


def record_check(epoch, record):
    return check(split32(epoch) + list(record[:Rec.CHECK]))


def outcome_check(epoch, outcome):
    return check(split32(epoch) + list(outcome[:Out.CHECK]))


def slot_check(epoch, seq, outlet):
    return check(split32(epoch) + split32(seq) + [outlet])


def slot_words(epoch, seq, outlet):
    return [epoch & 0xFFFF, seq & 0xFFFF, outlet, slot_check(epoch, seq, outlet)]


def ack_check(host):
    return check(host[Host.ACK_EPOCH:Host.NEW_EPOCH])


def epoch_check(host):
    return check(host[Host.NEW_EPOCH:Host.REQUEST])


@dataclass(frozen=True)
class Layout:
    """Addresses of one line's mailbox."""
    ring_n: int
    slot_m: int
    base_b: int = 0
    base_h: int = -1

    @property
    def b_words(self):
        return HEADER_WORDS + (RECORD_WORDS + OUTCOME_WORDS) * self.ring_n

    @property
    def h_words(self):
        return HOST_WORDS + SLOT_WORDS * self.slot_m

    @property
    def h(self):
        return self.base_h if self.base_h >= 0 else self.base_b + self.b_words

    def record_at(self, seq):
        """Offset from B."""
        return HEADER_WORDS + (seq % self.ring_n) * RECORD_WORDS

    def outcome_at(self, index):
        """Offset from B."""
        return HEADER_WORDS + RECORD_WORDS * self.ring_n + (index % self.ring_n) * OUTCOME_WORDS

    def slot_at(self, seq):
        """Offset from H."""
        return HOST_WORDS + (seq % self.slot_m) * SLOT_WORDS
