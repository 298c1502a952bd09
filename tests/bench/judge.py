"""Latency from posted to slot, as the simulated PLC saw it: the same judge for lotlined and for the raw loop."""
import json

from measure import Unmeasured, percentile


class Judge:
    """Reads a truth log in windows: mark() begins one, window() judges what was posted since."""

    def __init__(self, path):
        self.path = path
        self.at = 0

    def mark(self):
        self.at = self.path.stat().st_size

    def window(self):
        posted, slots = {}, {}
        with open(self.path, "rb") as f:
            f.seek(self.at)
            for line in f:
                if line.startswith(b'{"ev":"item"') or line.startswith(b'{"ev":"slot"'):
                    e = json.loads(line)
                    into = posted if e["ev"] == "item" else slots
                    into[e["line"], e["epoch"], e["seq"]] = e["mono_ns"]
        if not posted:
            raise Unmeasured(f"no item was posted in {self.path}")
        waits = sorted((slots[k] - at) / 1e6 for k, at in posted.items() if k in slots)
        if not waits:
            raise Unmeasured(f"no slot was written in {self.path}")
        return dict(items=len(posted), missed=len(posted) - len(waits), p50=percentile(waits, 50),
                    p99=percentile(waits, 99), max=waits[-1])
