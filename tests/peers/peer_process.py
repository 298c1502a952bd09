"""Runs one of the peer programs for a test and ends it again, whatever happens."""
import json
import os
import select
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"


class Peer:
    """A program that says {"ev":"ready"} and obeys JSON lines on stdin; use with `with`."""

    def __init__(self, program, *args):
        command = [PYTHON, os.path.join(HERE, program), *map(str, args)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.ready = self._line(10)

    def _line(self, seconds):
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            self.stop()
            raise TimeoutError(f"no line from {self.process.args[1]}")
        return json.loads(self.process.stdout.readline())

    def tell(self, do, **more):
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()
        return self._line(5)

    def wait_for(self, holds, seconds=10):
        """Poll stat until holds(stat)."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            stat = self.tell("stat")
            if holds(stat):
                return stat
            time.sleep(0.05)
        raise TimeoutError(f"never came true; last {stat}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def start_host(port, *args):
    """host.py beside the test; its summary is host_summary()."""
    command = [PYTHON, os.path.join(HERE, "host.py"), "--port", str(port), *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def host_summary(process, seconds=20):
    try:
        return json.loads(process.communicate(timeout=seconds)[0])
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


def truth_of(path, kind=None):
    with open(path, encoding="ascii") as lines:
        events = [json.loads(line) for line in lines]
    return [e for e in events if kind in (None, e["ev"])]
