"""Processes, free ports and waiting. Ends only what it started."""
import os
import signal
import socket
import subprocess
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, check, seconds=10.0, step=0.02):
    """Calls check until it gives something true; says what was missing otherwise."""
    end = time.monotonic() + seconds
    while True:
        got = check()
        if got:
            return got
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(step)


class Process:
    """One program with its log file; kill() is a power cut for it, stop() is SIGTERM."""

    def __init__(self, name, argv, log, env=None, cpus=None):
        self.name, self.argv, self.log = name, [str(a) for a in argv], str(log)
        self.env = dict(os.environ, **(env or {}))
        self.cpus = cpus
        self.p = None

    def start(self):
        out = open(self.log, "ab")
        self.p = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT, env=self.env, start_new_session=True)
        out.close()
        if self.cpus is not None:
            os.sched_setaffinity(self.p.pid, self.cpus)
        return self

    @property
    def pid(self):
        return self.p.pid

    def running(self):
        return self.p is not None and self.p.poll() is None

    def kill(self):
        if self.running():
            os.killpg(self.p.pid, signal.SIGKILL)
        if self.p:
            self.p.wait()

    def stop(self, seconds=10):
        """Exit code after SIGTERM; a program that does not end in time is killed and reported."""
        if not self.running():
            return self.p.returncode if self.p else 0
        self.p.terminate()
        try:
            return self.p.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"{self.name} did not end within {seconds} s of SIGTERM")

    def tail(self, n=20):
        try:
            with open(self.log, errors="replace") as f:
                return "".join(f.readlines()[-n:])
        except OSError:
            return ""
