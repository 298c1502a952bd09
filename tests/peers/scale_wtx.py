#!/usr/bin/python3
"""A simulated HBM WTX110/120 indicator on Modbus TCP (pymodbus) or RTU (own framing).

Prints {"ev":"ready",...}; then one JSON object a line on stdin, for example
{"do":"load","g":25000}, {"do":"shake","ms":2000}, {"do":"stat"}.
"""
import argparse
import asyncio
import time

from peer_control import obey_stdin, say, stop_on_signal
from modbus_frames import (ILLEGAL_FUNCTION, ILLEGAL_VALUE, MAX_READ, MAX_WRITE, READ_HOLDING, Refused, WRITE_SINGLE,
                           exception, pack_words, rtu_frame, unpack_words)
from modbus_server import DeviceServer
from serial_line import SerialLine
from wtx_model import UNIT_CODES, Wtx, WtxOptions


def now_ms():
    return time.monotonic() * 1000


class Scale:
    """The indicator with a clock; what a person does to it: one method a command."""

    functions = Wtx.functions

    def __init__(self, args):
        self.unit = args.unit if args.unit is not None else (1 if args.serial else 0)
        self.wtx = Wtx(WtxOptions(args.max_g, args.d_g, args.unit_code, args.settle_ms, args.ack_ms), now_ms())
        self.requests = self.refusals = 0

    def read(self, addr, count):
        self.requests += 1
        return self.wtx.read(addr, count, now_ms())

    def write(self, addr, words):
        self.requests += 1
        self.wtx.write(addr, words, now_ms())

    def refused(self, *_):
        self.refusals += 1

    def do_load(self, request):
        self.wtx.load(float(request["g"]), now_ms())

    def do_unload(self, _):
        self.wtx.load(0, now_ms())

    def do_shake(self, request):
        self.wtx.shake(float(request.get("ms", 2000)), now_ms())

    def do_overload(self, request):
        self.wtx.load(float(request.get("g", self.wtx.opt.max_g * 1.2)), now_ms())

    def do_disconnect(self, _):
        self.wtx.broken = True

    def do_reconnect(self, _):
        self.wtx.broken = False

    def do_tare(self, _):
        return self.wtx.tare(now_ms())

    def do_zero(self, _):
        return self.wtx.zero(now_ms())

    def do_freeze(self, request):
        self.wtx.freeze(bool(request.get("on", True)), now_ms())

    def do_stat(self, _):
        now = now_ms()
        return {"gross_g": self.wtx.gross_g(now), "net_g": self.wtx.net_g(now), "moving": self.wtx.moving(now),
                "requests": self.requests, "refusals": self.refusals}


class RtuSide:
    """The same device behind an RTU line."""

    def __init__(self, scale, device, baud):
        self.scale = scale
        self.line = SerialLine(device, baud, self.request)

    def request(self, unit, pdu):
        if unit != self.scale.unit:
            return
        try:
            reply = self.answer(pdu)
        except Refused as no:
            self.scale.refused()
            reply = exception(pdu[0], no.code)
        self.line.send(rtu_frame(unit, reply))

    def answer(self, pdu):
        if pdu[0] not in self.scale.functions:
            raise Refused(ILLEGAL_FUNCTION)
        addr, count = unpack_words(pdu[1:5])
        if pdu[0] == READ_HOLDING:
            if not 1 <= count <= MAX_READ:
                raise Refused(ILLEGAL_VALUE)
            words = self.scale.read(addr, count)
            return bytes([READ_HOLDING, 2 * count]) + pack_words(words)
        if pdu[0] == WRITE_SINGLE:
            self.scale.write(addr, [count])
            return pdu
        if not 1 <= count <= MAX_WRITE or pdu[5] != 2 * count:
            raise Refused(ILLEGAL_VALUE)
        self.scale.write(addr, unpack_words(pdu[6:]))
        return pdu[:5]


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--tcp", type=int, metavar="PORT", help="0 picks a free one")
    p.add_argument("--serial", metavar="DEV", help="a serial device, or pty for a new pseudo terminal")
    p.add_argument("--baud", type=int, default=9600)
    p.add_argument("--unit", type=int, help="default 0 on TCP, 1 on a serial line")
    p.add_argument("--unit-code", choices=sorted(UNIT_CODES), default="kg")
    p.add_argument("--max-g", type=int, default=30000)
    p.add_argument("--d-g", type=int, default=2)
    p.add_argument("--settle-ms", type=float, default=600)
    p.add_argument("--ack-ms", type=float, default=20, help="the device's time for its handshake")
    args = p.parse_args()
    if args.tcp is None and not args.serial:
        p.error("one of --tcp and --serial is needed")
    return args


async def main():
    args = arguments()
    stop, scale, ready = stop_on_signal(), Scale(args), {"ev": "ready"}
    server = rtu = None
    if args.tcp is not None:
        server = DeviceServer(scale, args.tcp)
        ready["port"] = await server.start()
    if args.serial:
        rtu = RtuSide(scale, args.serial, args.baud)
        ready["serial"] = rtu.line.name
    listener = obey_stdin(scale)
    say(ready)
    await stop.wait()
    listener.cancel()
    if server:
        server.hang_up(closed=True)
    if rtu:
        rtu.line.close()


if __name__ == "__main__":
    asyncio.run(main())
