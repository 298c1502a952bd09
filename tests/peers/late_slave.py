#!/usr/bin/python3
"""A Modbus slave whose registers tell which request was answered, and whose replies go wrong on demand.

Register r reads r * 7 + CONST until it is written. Faults come one JSON object
a line on stdin: {"do":"delay","ms":450} delays the next reply; "count", "skip",
"every", "function" and "addr" choose others. Own framing, no Modbus library.
"""
import argparse
import asyncio
import json
import time

from peer_control import obey_stdin, say, stop_on_signal
from modbus_frames import (ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, MAX_READ, MAX_WRITE, Refused,
                           WRITE_MULTIPLE, WRITE_SINGLE, exception, pack_words, rtu_frame, take_tcp, tcp_frame,
                           unpack_words)
from serial_line import SerialLine

READS = (3, 4)
SPACING_S = 0.0005


class Registers:
    """What the slave answers when nothing goes wrong."""

    def __init__(self, const, size):
        self.const, self.size, self.written = const, size, {}

    def value(self, addr):
        return self.written.get(addr, (addr * 7 + self.const) & 0xFFFF)

    def answer(self, pdu):
        try:
            return self._answer(pdu)
        except Refused as no:
            return exception(pdu[0], no.code)

    def _answer(self, pdu):
        if pdu[0] not in READS + (WRITE_SINGLE, WRITE_MULTIPLE):
            raise Refused(ILLEGAL_FUNCTION)
        addr, count, words = self._decode(pdu)
        if not 1 <= count <= (MAX_READ if pdu[0] in READS else MAX_WRITE):
            raise Refused(ILLEGAL_VALUE)
        if addr + count > self.size:
            raise Refused(ILLEGAL_ADDRESS)
        if pdu[0] in READS:
            return bytes([pdu[0], 2 * count]) + pack_words([self.value(a) for a in range(addr, addr + count)])
        self.written.update(zip(range(addr, addr + count), words))
        return pdu[:5]

    @staticmethod
    def _decode(pdu):
        """(addr, count, words to write); a PDU of the wrong length has count 0."""
        addr, count = unpack_words(pdu[1:5].ljust(4, b"\0"))
        if pdu[0] == WRITE_MULTIPLE:
            whole = len(pdu) == 6 + 2 * count and pdu[5] == 2 * count
            return (addr, count, unpack_words(pdu[6:])) if whole else (addr, 0, [])
        if len(pdu) != 5:
            return addr, 0, []
        return (addr, 1, [count]) if pdu[0] == WRITE_SINGLE else (addr, count, [])


class Fault:
    """One thing that goes wrong, and with which requests."""

    def __init__(self, request):
        self.kind = request["do"]
        self.count, self.skip = int(request.get("count", 1)), int(request.get("skip", 0))
        self.every = int(request.get("every", 0))
        self.function, self.addr = request.get("function"), request.get("addr")
        self.ms, self.code = float(request.get("ms", 0)), int(request.get("code", 4))
        self.bytes, self.bit = int(request.get("bytes", 3)), request.get("bit")
        self.concurrent = bool(request.get("concurrent", False))
        self.seen = self.fired = 0

    def strikes(self, pdu):
        if self.function not in (None, pdu[0]) or self.addr not in (None, int.from_bytes(pdu[1:3], "big")):
            return False
        if self.kind == "wrong-echo" and pdu[0] not in (WRITE_SINGLE, WRITE_MULTIPLE):
            return False
        self.seen += 1
        turn = self.seen % self.every == 0 if self.every else self.skip < self.seen <= self.skip + self.count
        self.fired += turn
        return turn


def wrong_echo(pdu):
    """The right reply to a write of the next address."""
    return pdu[:1] + (int.from_bytes(pdu[1:3], "big") + 1 & 0xFFFF).to_bytes(2, "big") + pdu[3:]


def flip(frame, bit):
    at = len(frame) * 8 // 2 if bit is None else int(bit) % (len(frame) * 8)
    return frame[:at // 8] + bytes([frame[at // 8] ^ 1 << at % 8]) + frame[at // 8 + 1:]


class Slave:
    """Applies the faults; kinds are the names of its commands."""

    KINDS = ("delay", "wrong-unit", "truncate", "flip", "duplicate", "wrong-echo", "silent", "wrong-tid", "exception")

    def __init__(self, args):
        self.unit, self.registers, self.faults = args.unit, Registers(args.const, args.size), []
        self.requests, self.foreign = 0, 0
        self.log = open(args.log, "w", encoding="ascii") if args.log else None
        self.busy_until, self.loop = 0.0, asyncio.get_running_loop()

    def request(self, unit, pdu, frame_of, send):
        """frame_of(unit, pdu, tid_step) builds a frame for this link, send puts it there."""
        if unit != self.unit:
            self.foreign += 1
            return
        self.requests += 1
        struck = [f for f in self.faults if f.strikes(pdu)]
        self._note(pdu, struck)
        frames = self._spoil(struck, unit, self.registers.answer(pdu), frame_of)
        self._schedule(frames, sum(f.ms for f in struck if f.kind == "delay") / 1000,
                       any(f.concurrent for f in struck), send)

    def _spoil(self, struck, unit, reply, frame_of):
        kinds = {f.kind: f for f in struck}
        if "silent" in kinds:
            return []
        if "exception" in kinds:
            reply = exception(reply[0] & 0x7F, kinds["exception"].code)
        if "wrong-echo" in kinds:
            reply = wrong_echo(reply)
        frame = frame_of(unit % 247 + 1 if "wrong-unit" in kinds else unit, reply, "wrong-tid" in kinds)
        if "flip" in kinds:
            frame = flip(frame, kinds["flip"].bit)
        if "truncate" in kinds:
            frame = frame[:-kinds["truncate"].bytes]
        return [frame, frame] if "duplicate" in kinds else [frame]

    def _schedule(self, frames, delay_s, concurrent, send):
        """A slave does one thing after the other, unless it is told to answer others meanwhile."""
        at = max(self.loop.time(), 0 if concurrent else self.busy_until) + delay_s
        for frame in frames:
            at += SPACING_S
            self.loop.call_at(at, send, frame)
        if not concurrent:
            self.busy_until = at

    def _note(self, pdu, struck):
        if self.log:
            self.log.write(json.dumps({"at_ms": int(time.monotonic() * 1000), "pdu": pdu.hex(),
                                       "faults": [f.kind for f in struck]}) + "\n")
            self.log.flush()

    def __getattr__(self, name):
        if name.startswith("do_") and name[3:].replace("_", "-") in self.KINDS:
            return self._add_fault
        raise AttributeError(name)

    def _add_fault(self, request):
        self.faults.append(Fault(request))

    def do_clear(self, _):
        self.faults.clear()

    def do_stat(self, _):
        return {"requests": self.requests, "foreign": self.foreign, "faults": [[f.kind, f.fired] for f in self.faults]}


class TcpSide(asyncio.Protocol):
    def __init__(self, slave):
        self.slave, self.buffer = slave, bytearray()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        try:
            while frame := take_tcp(self.buffer):
                self._answer(*frame)
        except ValueError:
            self.transport.abort()

    def _answer(self, tid, unit, pdu):
        self.slave.request(unit, pdu, lambda u, p, wrong: tcp_frame((tid + wrong) & 0xFFFF, u, p), self._send)

    def _send(self, frame):
        if not self.transport.is_closing():
            self.transport.write(frame)


class RtuSide:
    def __init__(self, slave, device, baud):
        self.slave, self.line = slave, SerialLine(device, baud, self.request)

    def request(self, unit, pdu):
        self.slave.request(unit, pdu, lambda u, p, _: rtu_frame(u, p), self.line.send)


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--tcp", type=int, metavar="PORT", help="0 picks a free one")
    p.add_argument("--serial", metavar="DEV", help="a serial device, or pty for a new pseudo terminal")
    p.add_argument("--baud", type=int, default=9600)
    p.add_argument("--unit", type=int, default=1)
    p.add_argument("--const", type=int, default=1000)
    p.add_argument("--size", type=int, default=65536, help="registers from 0 on")
    p.add_argument("--log", help="one JSON object a request")
    args = p.parse_args()
    if args.tcp is None and not args.serial:
        p.error("one of --tcp and --serial is needed")
    return args


async def main():
    args = arguments()
    stop, slave, ready = stop_on_signal(), Slave(args), {"ev": "ready"}
    server = rtu = None
    if args.tcp is not None:
        server = await asyncio.get_running_loop().create_server(lambda: TcpSide(slave), "127.0.0.1", args.tcp)
        ready["port"] = server.sockets[0].getsockname()[1]
    if args.serial:
        rtu = RtuSide(slave, args.serial, args.baud)
        ready["serial"] = rtu.line.name
    listener = obey_stdin(slave)
    say(ready)
    await stop.wait()
    listener.cancel()
    if server:
        server.close()
    if rtu:
        rtu.line.close()
    if slave.log:
        slave.log.close()


if __name__ == "__main__":
    asyncio.run(main())
