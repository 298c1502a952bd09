#!/usr/bin/python3
"""A simulated Yaohua XK3190 indicator, from its manuals alone: ASCII frames on a serial line or TCP.

Formats: continuous (A9+ p9, DS1 p5: 12 bytes, XOR), equals and equals-high (A26 p10: "=", low or high
digit first), a12 (A12 p12: 15 bytes, gross or net, OL and LO) and asked (A9+ p10: commands B and D by
address). Prints {"ev":"ready",...}; then one JSON object a line on stdin, for example
{"do":"load","g":25000}, {"do":"tare"}, {"do":"noise","every":3}, {"do":"mute"}, {"do":"stat"}.
"""
import argparse
import asyncio
import os
import random
import time
import tty

from peer_control import obey_stdin, say, stop_on_signal
from xk3190_frames import FORMATS, asked_command, drifted
from xk3190_model import Indicator


def now_ms():
    return time.monotonic() * 1000


class SerialEnd:
    """A serial device, or "pty" for a new pseudo terminal; `link` is a name for it that stays."""

    def __init__(self, device, link, heard):
        self.heard, self.other_end = heard, None
        if device == "pty":
            self.fd, self.other_end = os.openpty()
            self.name = os.ttyname(self.other_end)
            tty.setraw(self.other_end)
        else:
            self.fd, self.name = os.open(device, os.O_RDWR | os.O_NOCTTY), device
            tty.setraw(self.fd)
        if link:
            if os.path.islink(link):
                os.unlink(link)
            os.symlink(self.name, link)
        os.set_blocking(self.fd, False)
        asyncio.get_running_loop().add_reader(self.fd, self._readable)

    def send(self, data):
        try:
            os.write(self.fd, data)
        except (BlockingIOError, OSError):
            pass                        # nobody reads: a wire would have lost it too

    def _readable(self):
        try:
            data = os.read(self.fd, 256)
        except OSError:
            return
        self.heard(data, self.send)


class TcpEnd:
    """A serial device server: what the scale says goes to everybody who is connected."""

    def __init__(self, port, heard):
        self.port, self.heard, self.writers, self.server = port, heard, set(), None

    async def listen(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while data := await reader.read(256):
                self.heard(data, writer.write)
        except OSError:
            pass
        self.writers.discard(writer)
        writer.close()

    def send(self, data):
        for w in list(self.writers):
            w.write(data)

    def hang_up(self):
        if self.server:
            self.server.close()
            self.server = None
        for w in list(self.writers):
            w.transport.abort()


class Scale:
    """The indicator with a clock and a wire; what a person or a bad cable does: one method a command."""

    def __init__(self, args):
        self.args, self.decimals = args, args.decimals
        self.indicators = {a: Indicator(args.max_g, args.d_g, args.settle_ms) for a in args.address}
        self.muted, self.faults, self.count, self.asked, self.wrong_asked = False, {}, 0, 0, 0
        self.drift_until, self.buffer, self.dice = 0.0, bytearray(), random.Random(args.seed)
        self.end = None

    def one(self, request):
        return self.indicators[request.get("address", self.args.address[0])]

    # -- what it sends -------------------------------------------------------

    async def talk(self):
        """Frames by itself, in pieces as they come off a wire."""
        while True:
            frame = FORMATS[self.args.format](self.indicators[self.args.address[0]], self.decimals, now_ms())
            if not self.muted and frame:
                await self.put(frame, self.end.send)
            await asyncio.sleep(1 / self.args.rate)

    async def put(self, frame, send):
        self.count += 1
        data = self.damaged(frame)
        cut = self.dice.randrange(len(data) + 1)
        send(data[:cut])
        if self.args.pieces:
            await asyncio.sleep(0.004)
        send(data[cut:])

    def damaged(self, frame):
        due = {name for name, every in self.faults.items() if self.count % every == 0}
        if now_ms() < self.drift_until:
            return drifted(frame, 1 + self.count % 7)
        if "half" in due:
            frame = frame[:len(frame) // 2]
        if "flip" in due:
            at = self.dice.randrange(1, len(frame) - 1)
            frame = frame[:at] + bytes([frame[at] ^ 1 << self.dice.randrange(3)]) + frame[at + 1:]
        if "noise" in due:
            frame = self.dice.randbytes(7) + frame
        return frame

    # -- what it is asked ----------------------------------------------------

    def heard(self, data, send):
        if self.args.format != "asked" or self.muted:
            return
        self.buffer += data
        while (start := self.buffer.find(2)) >= 0 and len(self.buffer) - start >= 6:
            request = bytes(self.buffer[start:start + 6])
            command = asked_command(request)
            del self.buffer[:start + (6 if command else 1)]
            if command is None:
                self.wrong_asked += 1
            elif command[0] in self.indicators:
                asyncio.create_task(self.answer(*command, send))

    async def answer(self, address, letter, send):
        await asyncio.sleep(self.args.turnaround_ms / 1000)
        self.asked += 1
        frame = FORMATS["asked"](self.indicators[address], self.decimals, now_ms(), address, letter)
        if frame:
            await self.put(frame, send)

    # -- commands ------------------------------------------------------------

    def do_load(self, request):
        self.one(request).load(float(request["g"]), now_ms())

    def do_unload(self, request):
        self.one(request).load(0, now_ms())

    def do_overload(self, request):
        self.one(request).load(self.args.max_g * 1.2, now_ms())

    def do_tare(self, request):
        return self.one(request).tare(now_ms())

    def do_mute(self, request):
        self.muted = bool(request.get("on", True))

    def do_drift(self, request):
        self.drift_until = now_ms() + float(request["ms"])

    def do_decimals(self, request):
        self.decimals = int(request["n"])

    def do_fault(self, request):
        """noise, half or flip with every n-th frame."""
        self.faults[request["kind"]] = int(request["every"])

    def do_fault_clear(self, _):
        self.faults = {}

    def do_hang_up(self, _):
        self.end.hang_up()

    def do_listen(self, _):
        asyncio.create_task(self.end.listen())

    def do_stat(self, request):
        one, now = self.one(request), now_ms()
        return {"gross_g": one.gross_g(now), "shown_g": one.shown_g(now), "frames": self.count,
                "asked": self.asked, "wrong_asked": self.wrong_asked}


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--format", choices=sorted(FORMATS), default="continuous")
    p.add_argument("--tcp", type=int, metavar="PORT", help="0 picks a free one")
    p.add_argument("--serial", metavar="DEV", help="a serial device, or pty for a new pseudo terminal")
    p.add_argument("--link", metavar="PATH", help="a name for the serial device that stays")
    p.add_argument("--address", default="A", help="format asked: one letter for each scale on the line")
    p.add_argument("--rate", type=float, default=20, help="frames a second")
    p.add_argument("--max-g", type=int, default=30000)
    p.add_argument("--d-g", type=int, default=2)
    p.add_argument("--decimals", type=int, default=3, help="of a kilogram")
    p.add_argument("--settle-ms", type=float, default=300)
    p.add_argument("--turnaround-ms", type=float, default=5)
    p.add_argument("--pieces", action="store_true", help="frames arrive in two pieces")
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    if (args.tcp is None) == (args.serial is None):
        p.error("one of --tcp and --serial is needed")
    return args


async def main():
    args = arguments()
    stop, scale, ready = stop_on_signal(), Scale(args), {"ev": "ready"}
    if args.tcp is not None:
        scale.end = TcpEnd(args.tcp, scale.heard)
        await scale.end.listen()
        ready["port"] = scale.end.port
    else:
        scale.end = SerialEnd(args.serial, args.link, scale.heard)
        ready["serial"] = scale.end.name
    tasks = [obey_stdin(scale)]
    if args.format != "asked":
        tasks.append(asyncio.create_task(scale.talk()))
    say(ready)
    await stop.wait()
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
