#!/usr/bin/python3
"""A second sorter: the PLC side of the item mailbox v1 as a Modbus TCP server.

Prints {"ev":"ready","port":P} and then works until SIGTERM. --truth FILE gets
one JSON object a line of what really happened. Control is one JSON object a
line on stdin or on a UNIX socket, see Control.
"""
import argparse
import asyncio
import collections
import json
import os
import random
import time

from belt import Belt, BeltOptions
from peer_control import obey_socket, obey_stdin, say, stop_on_signal
from modbus_frames import READ_HOLDING, READ_WRITE, WRITE_MULTIPLE
from mailbox_layout import SEQ_END
from mailbox_plc import Mailbox
from mailbox_rings import Options
from modbus_server import DeviceServer

SCAN_MS = 4


def now_ms():
    return time.monotonic() * 1000


class Truth:
    """The log of what happened, flushed line by line, and its counts."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="ascii") if path else None
        self.counts = collections.Counter()
        self.reasons = collections.Counter()
        self.start = now_ms()

    def __call__(self, event):
        self.counts[event["ev"]] += 1
        if event["ev"] == "outcome":
            self.reasons[event["reason"]] += 1
        if self.file:
            self.file.write(json.dumps({"at_ms": int(now_ms() - self.start), **event}) + "\n")
            self.file.flush()

    def close(self):
        self({"ev": "end", "counts": dict(self.counts), "reasons": dict(self.reasons)})
        if self.file:
            self.file.close()


class Sorter:
    """Mailbox, belt and power switch as one Modbus device."""

    def __init__(self, args, truth):
        self.unit, self.args, self.log = args.unit, args, truth
        self.functions = {READ_HOLDING, WRITE_MULTIPLE} | ({READ_WRITE} if args.fc23 else set())
        self.mailbox = Mailbox(mailbox_options(args), random.Random(args.seed), truth, now_ms())
        self.belt = Belt(belt_options(args), self.mailbox, truth)
        self.reboots = sorted(args.reboot_at)
        self.down_until, self.down_retentive, self.image = None, False, None
        self.server = DeviceServer(self, args.port, exclusive=True,
                                   on_connect=self.mailbox.conduct.on_connect,
                                   on_disconnect=self.mailbox.conduct.on_disconnect)

    # -- the Modbus device -------------------------------------------------

    def read(self, addr, count):
        return self.mailbox.read(addr, count, now_ms())

    def write(self, addr, words):
        self.mailbox.write(addr, words, now_ms())

    def may_read(self, addr, count):
        self.mailbox.may_read(addr, count)

    def refused(self, function, code, addr, count):
        if code is None:
            self.log({"ev": "silence", "unit": addr, "function": function})
        else:
            self.mailbox.conduct.on_refused(function, code, addr, count)

    # -- time --------------------------------------------------------------

    def tick(self):
        now = now_ms()
        if self.down_until is not None:
            if now < self.down_until:
                return
            self.power_on(now)
        self.belt.advance(now)
        self.mailbox.scan(now)
        if self.reboots and self.belt.posted >= self.reboots[0]:
            self.reboots.pop(0)
            self.power_off(self.args.retentive)

    def power_off(self, retentive):
        self.down_until, self.down_retentive = now_ms() + self.args.boot_ms, retentive
        self.server.hang_up(closed=True)

    def power_on(self, now):
        self.down_until = None
        self.mailbox.reboot(now, self.down_retentive)
        self.belt.after_reboot()
        self.server.hang_up(closed=False)

    async def run(self, stop):
        while not stop.is_set():
            self.tick()
            await asyncio.sleep(SCAN_MS / 1000)

    def stat(self):
        box, belt = self.mailbox, self.belt
        return {"epoch": box.epoch, "head": box.head, "oldest": box.oldest, "out_head": box.out_head,
                "ack_out": box.ack_out, "lost": box.lost, "late": box.late, "host_ok": box.host_ok,
                "feed_stopped": box.feed_stopped, "inhibited": box.inhibited(), "posted": belt.posted,
                "left": belt.left, "belt_empty": belt.empty() and not box.jobs, "down": self.down_until is not None,
                "counts": dict(self.log.counts), "reasons": dict(self.log.reasons)}


class Control:
    """What a person, or a test, does at the machine: one method a command."""

    def __init__(self, sorter):
        self.sorter = sorter

    def do_reboot(self, request):
        retentive = request.get("retentive", self.sorter.args.retentive)
        self.sorter.power_off(bool(retentive))

    def do_restart_feed(self, _):
        return self.sorter.mailbox.restart_feed()

    def do_clear(self, _):
        self.sorter.mailbox.clear()

    def do_block(self, request):
        self.sorter.mailbox.blocked |= 1 << (int(request["outlet"]) - 1)

    def do_unblock(self, request):
        self.sorter.mailbox.blocked &= ~(1 << (int(request["outlet"]) - 1))

    def do_estop(self, _):
        self.sorter.mailbox.estop, self.sorter.mailbox.running = True, False
        self.sorter.belt.lose_track()

    def do_stop(self, _):
        self.sorter.mailbox.running = False
        self.sorter.belt.lose_track()

    def do_resume(self, _):
        self.sorter.mailbox.estop, self.sorter.mailbox.running = False, True
        self.sorter.belt.paused = False

    def do_pause(self, _):
        self.sorter.belt.paused = True

    def do_feed(self, request):
        self.sorter.belt.left += int(request["items"])

    def do_manual(self, request):
        self.sorter.mailbox.manual = bool(request.get("on", True))

    def do_snapshot(self, _):
        self.sorter.image = self.sorter.mailbox.image()

    def do_restore(self, _):
        if self.sorter.image is None:
            return False
        self.sorter.belt.forget()
        self.sorter.mailbox.restore(self.sorter.image, now_ms())
        return True

    def do_stat(self, _):
        return self.sorter.stat()


def close_control(listener, where):
    if where == "stdin":
        listener.cancel()
    else:
        listener.close()
        os.unlink(where)


def mailbox_options(args):
    return Options(ring_n=args.ring, slot_m=args.slots, base_b=args.base_b, base_h=args.base_h, outlets=args.outlets,
                   default_outlet=args.default_outlet, overflow_outlet=args.overflow_outlet,
                   checks=not args.no_checks, overwrite=args.overwrite, table_mode=args.table_mode,
                   scrub=not args.no_scrub, tear=args.tear, seq_end=args.seq_end, beat_ms=args.beat_ms)


def belt_options(args):
    return BeltOptions(rate=args.rate, items=args.items, seed=args.seed, approach_ms=args.approach_ms,
                       decision_ms=args.decision_ms, odd=args.odd, spoil_at=tuple(args.spoil_at))


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--port", type=int, default=0, help="0 picks a free one")
    p.add_argument("--unit", type=int, default=1)
    p.add_argument("--base-b", type=int, default=0)
    p.add_argument("--base-h", type=int, default=-1, help="default B + 32 + 24 * ring")
    p.add_argument("--ring", type=int, default=64)
    p.add_argument("--slots", type=int, default=64)
    p.add_argument("--outlets", type=int, default=4)
    p.add_argument("--default-outlet", type=int, default=4)
    p.add_argument("--overflow-outlet", type=int, default=0)
    p.add_argument("--rate", type=float, default=5.0, help="items per second")
    p.add_argument("--items", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--truth", help="JSON lines of what really happened")
    p.add_argument("--retentive", action="store_true", help="what a reboot keeps")
    p.add_argument("--no-checks", action="store_true")
    p.add_argument("--no-scrub", action="store_true", help="leave acknowledged words as they are")
    p.add_argument("--overwrite", action="store_true", help="STATE b6: overwrite the oldest instead of stopping")
    p.add_argument("--table-mode", action="store_true")
    p.add_argument("--fc23", action="store_true")
    p.add_argument("--reboot-at", type=int, nargs="*", default=[], metavar="ITEM")
    p.add_argument("--boot-ms", type=int, default=300)
    p.add_argument("--approach-ms", type=int, default=150, help="infeed to measuring point")
    p.add_argument("--decision-ms", type=int, default=250, help="measuring point to decision point")
    p.add_argument("--tear", type=float, default=0.05, help="share of requests that see or leave torn words")
    p.add_argument("--odd", type=float, default=0.0, help="share of items of bad quality or with a mishap")
    p.add_argument("--spoil-at", type=int, nargs="*", default=[], metavar="ITEM", help="records that never hold")
    p.add_argument("--seq-end", type=lambda s: int(s, 0), default=SEQ_END)
    p.add_argument("--beat-ms", type=int, default=200, help="slower host heartbeats are violations")
    p.add_argument("--control", metavar="stdin|SOCKET")
    return p.parse_args()


async def main():
    args = arguments()
    stop = stop_on_signal()
    truth = Truth(args.truth)
    sorter = Sorter(args, truth)
    control = Control(sorter)
    port = await sorter.server.start()
    listener = None
    if args.control == "stdin":
        listener = obey_stdin(control)
    elif args.control:
        listener = await obey_socket(control, args.control)
    say({"ev": "ready", "port": port})
    await sorter.run(stop)
    if listener:
        close_control(listener, args.control)
    sorter.server.hang_up(closed=True)
    truth.close()


if __name__ == "__main__":
    asyncio.run(main())
