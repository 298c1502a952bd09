"""The other end of sd_notify: a datagram socket that the test owns."""
import os
import socket
import threading
import time


class Notify:
    """`beats`: monotonic times of WATCHDOG=1. `env`: what the program needs to find it."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.s.bind(str(path))
        self.s.settimeout(0.2)
        self.env = {"NOTIFY_SOCKET": str(path)}
        self.beats, self.words, self.open = [], [], True
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while self.open:
            try:
                text = self.s.recv(4096).decode()
            except (TimeoutError, OSError):
                continue
            now = time.monotonic()
            for word in text.split("\n"):
                (self.beats if word == "WATCHDOG=1" else self.words).append(now if word == "WATCHDOG=1" else word)

    def longest(self, since=0.0, until=None):
        """Seconds of the longest silence in a time."""
        until = until or time.monotonic()
        at = [since or self.beats[0]] + [t for t in self.beats if (since or 0) < t < until] + [until]
        return max(b - a for a, b in zip(at, at[1:]))

    def close(self):
        self.open = False
        self.s.close()
        if os.path.exists(self.env["NOTIFY_SOCKET"]):
            os.unlink(self.env["NOTIFY_SOCKET"])
