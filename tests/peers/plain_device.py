#!/usr/bin/python3
"""A device of words and bits, as a test tells it, on Modbus TCP or RTU (own framing): functions 1, 2, 3 and 4.

What no word or bit stands for is answered with exception 2. It works one request after the other; {"do":"late",
"every":n,"ms":[a,b]} makes every n-th answer late by a to b ms. Prints {"ev":"ready",...}; then one JSON object a line on
stdin: {"do":"words","fc":3,"addr":0,"words":[1,2]}, {"do":"bits","fc":1,"addr":300,"bits":[1,0]}, {"do":"stat"}.
"""
import argparse
import asyncio
import random
import struct

from modbus_frames import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, exception, rtu_frame, take_tcp, tcp_frame
from peer_control import obey_stdin, say, stop_on_signal
from serial_line import SerialLine

BITS, WORDS = (1, 2), (3, 4)


class Device:
    def __init__(self, unit):
        self.unit = unit
        self.table = {}                                   # (function, address): word or bit
        self.asked = {}                                   # "function address quantity": how often
        self.every = self.served = 0
        self.late_ms, self.chance = (0, 0), random.Random(1)
        self.connections = 0

    def answer(self, pdu):
        """The answer and how late it comes."""
        function, addr, count = struct.unpack(">BHH", pdu[:5]) if len(pdu) == 5 else (pdu[0], 0, 0)
        key = f"{function} {addr} {count}"
        self.asked[key] = self.asked.get(key, 0) + 1
        self.served += 1
        late = self.chance.uniform(*self.late_ms) / 1000 if self.every and self.served % self.every == 0 else 0
        if function not in BITS + WORDS:
            return exception(function, ILLEGAL_FUNCTION), late
        try:
            values = [self.table[function, a] for a in range(addr, addr + count)]
        except KeyError:
            return exception(function, ILLEGAL_ADDRESS), late
        if function in WORDS:
            return struct.pack(f">BB{count}H", function, 2 * count, *values), late
        data = bytearray((count + 7) // 8)
        for i, bit in enumerate(values):
            data[i // 8] |= bit << i % 8
        return struct.pack(">BB", function, len(data)) + data, late

    def do_words(self, request):
        for i, word in enumerate(request["words"]):
            self.table[request["fc"], request["addr"] + i] = word & 0xFFFF

    def do_bits(self, request):
        for i, bit in enumerate(request["bits"]):
            self.table[request["fc"], request["addr"] + i] = int(bool(bit))

    def do_late(self, request):
        self.every, self.late_ms = int(request["every"]), request["ms"]

    def do_stat(self, _):
        return {"asked": self.asked, "connections": self.connections}


async def serve_tcp(device, reader, writer):
    device.connections += 1
    buffer = bytearray()
    while data := await reader.read(1024):
        buffer += data
        while frame := take_tcp(buffer):
            tid, unit, pdu = frame
            if unit != device.unit:
                continue
            answer, late = device.answer(pdu)
            await asyncio.sleep(late)
            writer.write(tcp_frame(tid, unit, answer))
            await writer.drain()
    writer.close()


async def serve_line(device, line, requests):
    while True:
        unit, pdu = await requests.get()
        if unit != device.unit:
            continue
        answer, late = device.answer(pdu)
        await asyncio.sleep(late)
        line.send(rtu_frame(device.unit, answer))


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unit", type=int, default=1)
    parser.add_argument("--tcp", type=int, metavar="PORT")
    parser.add_argument("--serial", help="a device, or pty")
    parser.add_argument("--baud", type=int, default=115200)
    args = parser.parse_args()
    device, stop = Device(args.unit), stop_on_signal()
    if args.serial:
        requests = asyncio.Queue()
        line = SerialLine(args.serial, args.baud, lambda unit, pdu: requests.put_nowait((unit, pdu)))
        served = asyncio.create_task(serve_line(device, line, requests))
        say({"ev": "ready", "serial": line.name})
    else:
        served = await asyncio.start_server(lambda r, w: serve_tcp(device, r, w), "127.0.0.1", args.tcp or 0)
        say({"ev": "ready", "port": served.sockets[0].getsockname()[1]})
    commands = obey_stdin(device)
    await stop.wait()
    commands.cancel()


if __name__ == "__main__":
    asyncio.run(main())
