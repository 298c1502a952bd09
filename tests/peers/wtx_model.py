"""An HBM WTX110/120 weighing indicator as registers, pure: time comes in.

Holding registers 0..37 as the vendor's own PC library uses them: net and gross
as s32 with the high word first, status in 4, decimals and unit in 5, the
weight memory in 9..14. What is written to register 0 is the control word,
another register than the one that is read there; 2..3 take the manual tare.
"""
import math
import time
from dataclasses import dataclass

from modbus_frames import ILLEGAL_ADDRESS, READ_HOLDING, Refused, WRITE_MULTIPLE, WRITE_SINGLE

REGISTERS = 38
NET, GROSS, STATUS, MISC, LIMITS, MEMORY = 0, 2, 4, 5, 8, 9
WRITE_CONTROL, WRITE_TARE = 0, 2

STATUS_ERROR, STATUS_ALARM, STATUS_MOVING, STATUS_MANUAL_TARE, STATUS_NET = 1 << 0, 1 << 1, 1 << 4, 1 << 6, 1 << 7
STATUS_ZERO_REQUIRED, STATUS_CENTRE_ZERO, STATUS_INSIDE_ZERO = 1 << 10, 1 << 11, 1 << 12
LIMIT_SHIFT, UNDER, OVER, SAFE_LOAD = 2, 1, 2, 3
MISC_DECIMALS, MISC_UNIT, MISC_HANDSHAKE, MISC_OK = 4, 7, 1 << 14, 1 << 15
CONTROL_TARE, CONTROL_GROSS_NET, CONTROL_ZERO = 1 << 0, 1 << 1, 1 << 6
CONTROL_ACTIVATE, CONTROL_RECORD = 1 << 11, 1 << 14
UNIT_CODES = {"kg": 0, "g": 1}
DECIMALS = {"kg": 3, "g": 0}


def words32(value):
    value &= 0xFFFFFFFF
    return [value >> 16, value & 0xFFFF]


@dataclass
class WtxOptions:
    max_g: int = 30000
    d_g: int = 2
    unit: str = "kg"
    settle_ms: float = 600
    ack_ms: float = 20


class Wtx:
    """Loads move it, commands answer by handshake, frozen registers stay as they are."""

    functions = {READ_HOLDING, WRITE_SINGLE, WRITE_MULTIPLE}

    def __init__(self, opt, now):
        self.opt = opt
        self.start_g, self.target_g, self.loaded_at = 0.0, 0.0, now - opt.settle_ms
        self.shaken_until, self.broken, self.frozen = now, False, None
        self.zero_g, self.tare_g, self.net_mode, self.manual = 0, 0, False, False
        self.control, self.typed_tare = 0, 0
        self.handshake, self.ok, self.turn_at, self.result = False, False, None, False
        self.memory, self.recorded = [0] * 6, 0

    # -- the load ----------------------------------------------------------

    def load(self, grams, now):
        self.start_g, self.target_g, self.loaded_at = self._raw(now), float(grams), now

    def shake(self, ms, now):
        self.shaken_until = now + ms

    def freeze(self, on, now):
        self.frozen = self._registers(now) if on else None

    def moving(self, now):
        settling = now - self.loaded_at < self.opt.settle_ms and self.start_g != self.target_g
        return settling or now < self.shaken_until

    def _raw(self, now):
        """A damped swing towards the load, exact once settled."""
        t = (now - self.loaded_at) / self.opt.settle_ms
        swing = 0.0 if t >= 1 else (self.start_g - self.target_g) * math.exp(-5 * t) * math.cos(18 * t)
        shake = 40 * math.sin(now / 37) if now < self.shaken_until else 0.0
        return self.target_g + swing + shake

    def gross_g(self, now):
        return round((self._raw(now) - self.zero_g) / self.opt.d_g) * self.opt.d_g

    def net_g(self, now):
        return self.gross_g(now) - self.tare_g

    # -- the registers -----------------------------------------------------

    def read(self, addr, count, now):
        self._turn(now)
        if addr + count > REGISTERS:
            raise Refused(ILLEGAL_ADDRESS)
        registers = self.frozen or self._registers(now)
        return registers[addr:addr + count]

    def write(self, addr, words, now):
        self._turn(now)
        if (addr, len(words)) == (WRITE_TARE, 2):
            self.typed_tare = words[0] << 16 | words[1]
        elif (addr, len(words)) == (WRITE_CONTROL, 1):
            self._command(words[0], now)
        else:
            raise Refused(ILLEGAL_ADDRESS)

    def _registers(self, now):
        gross = 0 if self.broken else self.gross_g(now)
        net = 0 if self.broken else self.net_g(now)
        limits = self._limit(gross)
        words = words32(net) + words32(gross) + [self._status(gross, now), self._misc(), 0, 0, limits] + self.memory
        return words + [0] * (REGISTERS - len(words))

    def _limit(self, gross):
        if gross > self.opt.max_g * 3 // 2:
            return SAFE_LOAD
        if gross > self.opt.max_g + 9 * self.opt.d_g:
            return OVER
        return UNDER if gross < -20 * self.opt.d_g else 0

    def _status(self, gross, now):
        bits = ((STATUS_ERROR | STATUS_ALARM, self.broken), (STATUS_MOVING, self.moving(now)),
                (STATUS_MANUAL_TARE, self.manual), (STATUS_NET, self.net_mode),
                (STATUS_CENTRE_ZERO, abs(gross) * 4 <= self.opt.d_g), (STATUS_INSIDE_ZERO, self._near_zero(now)))
        return sum(bit for bit, on in bits if on) | self._limit(gross) << LIMIT_SHIFT

    def _misc(self):
        unit = self.opt.unit
        return (DECIMALS[unit] << MISC_DECIMALS | UNIT_CODES[unit] << MISC_UNIT |
                (MISC_HANDSHAKE if self.handshake else 0) | (MISC_OK if self.ok else 0))

    def _near_zero(self, now):
        return abs(self._raw(now)) <= self.opt.max_g * 2 // 100

    # -- commands: bit, handshake on, bit away, handshake off, result ------

    def _command(self, word, now):
        rising, self.control = word & ~self.control, word
        if rising:
            self.result = self._execute(rising, now)
        self.turn_at = now + self.opt.ack_ms

    def _turn(self, now):
        """The handshake follows the control word after the device's own time."""
        if self.turn_at is None or now < self.turn_at:
            return
        self.turn_at = None
        if self.handshake and not self.control:
            self.ok = self.result
        elif self.control:
            self.ok = False
        self.handshake = bool(self.control)

    def _execute(self, bits, now):
        if bits & CONTROL_TARE:
            return self.tare(now)
        if bits & CONTROL_ZERO:
            return self.zero(now)
        if bits & CONTROL_GROSS_NET:
            self.net_mode = not self.net_mode
            return True
        if bits & CONTROL_RECORD:
            return self.record(now)
        return bool(bits & CONTROL_ACTIVATE) and self._set_tare(self.typed_tare, manual=True)

    def _steady(self, now):
        return not (self.moving(now) or self.broken or self._limit(self.gross_g(now)))

    def tare(self, now):
        return self._steady(now) and self._set_tare(self.gross_g(now), manual=False)

    def _set_tare(self, grams, manual):
        if not 0 <= grams <= self.opt.max_g:
            return False
        self.tare_g, self.manual, self.net_mode = grams, manual, grams != 0
        return True

    def zero(self, now):
        if not (self._steady(now) and self._near_zero(now)):
            return False
        self.zero_g, self.tare_g, self.net_mode = self._raw(now), 0, False
        return True

    def record(self, now):
        """Weight memory: day, month, year, sequence number, gross, net."""
        if not self._steady(now):
            return False
        day = time.localtime()
        self.recorded += 1
        self.memory = [day.tm_mday, day.tm_mon, day.tm_year, self.recorded & 0xFFFF,
                       self.gross_g(now) & 0xFFFF, self.net_g(now) & 0xFFFF]
        return True
