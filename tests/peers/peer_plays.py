"""Runs of the sorter with the host, each in a folder of its own, for test_peers.py.

They wait more than they work, so Plays runs several at once; a test asks for
the one it judges.
"""
import concurrent.futures
import json
import time
from dataclasses import dataclass, field

from mailbox_layout import Rec, get32, signed32
from peer_process import Peer, host_summary, start_host, truth_of

AT_ONCE = 4
# The contract says 200 ms; a busy machine that runs tests sleeps longer now and then.
PATIENT = ("--beat-ms", 2000, "--decision-ms", 500)


@dataclass
class Play:
    """One run: what the sorter knows, what the host committed, and what else was noted."""
    home: object
    seed: int
    notes: dict = field(default_factory=dict)
    hosts: list = field(default_factory=list)

    def sorter(self, *args):
        return Peer("sorter.py", "--truth", self.home / "truth", "--seed", self.seed, "--control", "stdin",
                    *PATIENT, *args)

    def host(self, plc, *args):
        self.hosts.append(start_host(plc.ready["port"], "--journal", self.home / "journal", *args))
        return self.hosts[-1]

    def end(self):
        for host in self.hosts:
            if host.poll() is None:
                host.kill()
                host.communicate()

    def truth(self, kind):
        return truth_of(self.home / "truth", kind)

    def journal(self, kind):
        with open(self.home / "journal", encoding="ascii") as lines:
            return [row[1:] for row in map(json.loads, lines) if row[0] == kind]

    def stored(self):
        """{(epoch, seq): words} of what the host committed, each of them once."""
        rows = self.journal("item")
        items = {(epoch, seq): words for epoch, seq, words, _ in rows}
        assert len(items) == len(rows)
        return items

    def posted(self):
        return {(e["epoch"], e["seq"]): e for e in self.truth("item")}

    def fired(self):
        return {(e["epoch"], e["out"]): (e["seq"], e["outlet"], e["reason"]) for e in self.truth("outcome")}

    def told(self):
        return {(epoch, out): (seq, outlet, reason) for epoch, out, seq, outlet, reason in self.journal("outcome")}

    def altered(self):
        """Stored items whose measures differ from what the belt measured."""
        events = self.posted()
        return [key for key, words in self.stored().items() if words is not None and measures(words) != [
            events[key][k] for k in ("weight", "dia_um", "len_pulses", "aux2", "flags", "t_ms")]]


def measures(words):
    return [signed32(get32(words, Rec.WEIGHT)), words[Rec.AUX1] * 10, words[Rec.LENGTH], words[Rec.AUX2],
            words[Rec.FLAGS], get32(words, Rec.T_MS)]


def _until_all_are_out(play, items, *args, host_args=()):
    with play.sorter("--items", items, "--rate", 45, *args) as plc:
        play.notes = host_summary(play.host(plc, "--seconds", 15, "--until", items, *host_args))


def _until_settled(play, *args):
    with play.sorter("--items", 30, "--rate", 45, "--reboot-at", 14, *args) as plc:
        host = play.host(plc, "--seconds", 20)
        plc.wait_for(lambda s: s["left"] == 0 and s["belt_empty"] and s["oldest"] == s["head"] + 1
                     and s["ack_out"] == s["out_head"])
        host.terminate()
        host.communicate()


def torn(play):
    _until_all_are_out(play, 40, "--tear", 0.3, "--ring", 32, "--slots", 64)


def without_checks(play):
    where = ("--base-b", 1000, "--base-h", 9000)
    _until_all_are_out(play, 20, "--no-checks", "--tear", 0.3, *where, host_args=("--no-checks", *where))


def bad_items(play):
    _until_all_are_out(play, 25, "--odd", 0.5, "--spoil-at", 5)


def retentive_reboot(play):
    _until_settled(play, "--retentive")


def volatile_reboot(play):
    _until_settled(play)


def host_killed(play):
    with play.sorter("--items", 25, "--rate", 45, "--decision-ms", 600) as plc:
        dead = play.host(plc, "--crash-at", 10, "--cut-mg", 16000)
        dead.communicate(timeout=20)
        # Another threshold: what it decides anew would differ from what stands.
        play.notes = host_summary(play.host(plc, "--seconds", 15, "--until", 25, "--cut-mg", 0))
    play.notes["died"] = dead.returncode


def overwritten(play):
    with play.sorter("--items", 10, "--rate", 50, "--overwrite", "--ring", 16, "--slots", 16) as plc:
        host_summary(play.host(plc, "--seconds", 15, "--until", 10))
        plc.tell("feed", items=30)
        plc.wait_for(lambda s: s["left"] == 0 and s["belt_empty"])
        play.notes = host_summary(play.host(plc, "--seconds", 15, "--until", 26))
        play.notes["lost"] = plc.tell("stat")["lost"]


def old_image(play):
    with play.sorter("--items", 6, "--rate", 50) as plc:
        host = play.host(plc, "--seconds", 20, "--until", 18)
        plc.wait_for(lambda s: s["oldest"] == 7 and s["ack_out"] == 6)
        plc.tell("snapshot")
        plc.tell("feed", items=6)
        plc.wait_for(lambda s: s["oldest"] == 13 and s["ack_out"] == 12)
        plc.tell("restore")
        time.sleep(1.4)
        before = plc.tell("stat")
        plc.tell("clear")
        plc.tell("feed", items=6)
        play.notes = {"before": before, **host_summary(host)}


def stopped_and_blocked(play):
    with play.sorter("--items", 6, "--rate", 50) as plc:
        host = play.host(plc, "--seconds", 20, "--until", 18)
        plc.wait_for(lambda s: s["out_head"] == 6)
        for outlet in (1, 2):
            plc.tell("block", outlet=outlet)
        plc.tell("feed", items=6)
        play.notes["blocked"] = plc.wait_for(lambda s: s["out_head"] == 12)["reasons"]
        plc.tell("feed", items=6)
        plc.wait_for(lambda s: s["posted"] >= 14)
        plc.tell("estop")
        plc.tell("resume")
        host_summary(host)


ALL = (torn, without_checks, bad_items, retentive_reboot, volatile_reboot, host_killed, overwritten, old_image,
       stopped_and_blocked)


class Plays:
    """All runs, a few at a time; get(play) waits for one."""

    def __init__(self, home, seed):
        self.pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        self.futures = {play: self.pool.submit(self._run, play, home / play.__name__, seed) for play in ALL}

    @staticmethod
    def _run(play, home, seed):
        home.mkdir()
        run = Play(home, seed)
        try:
            play(run)
        finally:
            run.end()
        return run

    def get(self, play):
        return self.futures[play].result()

    def close(self):
        self.pool.shutdown(cancel_futures=True)
