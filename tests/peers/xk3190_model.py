"""What stands on an XK3190 and what its display shows, pure: time comes in."""
import math


class Indicator:
    """Loads move it with a damped swing, exact once settled; a tare is taken off while steady."""

    def __init__(self, max_g, d_g, settle_ms):
        self.max_g, self.d_g, self.settle_ms = max_g, d_g, settle_ms
        self.start_g, self.target_g, self.loaded_at = 0.0, 0.0, -settle_ms
        self.tare_g = 0

    def load(self, grams, now):
        self.start_g, self.target_g, self.loaded_at = self._raw(now), float(grams), now

    def moving(self, now):
        return now - self.loaded_at < self.settle_ms and self.start_g != self.target_g

    def _raw(self, now):
        t = (now - self.loaded_at) / self.settle_ms if self.settle_ms else 1
        return self.target_g + (0.0 if t >= 1 else (self.start_g - self.target_g) * math.exp(-5 * t) * math.cos(18 * t))

    def gross_g(self, now):
        return round(self._raw(now) / self.d_g) * self.d_g

    def shown_g(self, now):
        return self.gross_g(now) - self.tare_g

    def over(self, now):
        return self.gross_g(now) > self.max_g + 9 * self.d_g

    def under(self, now):
        return self.gross_g(now) < -20 * self.d_g

    def tare(self, now):
        if self.moving(now) or self.over(now) or self.gross_g(now) < 0:
            return False
        self.tare_g = self.gross_g(now)
        return True
