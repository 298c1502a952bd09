"""Small Modbus masters on plain sockets and serial devices, one request at a time."""
import os
import select
import socket
import termios
import time
import tty

from modbus_frames import (pack_words, read_request, rtu_frame, rtu_ok, rtu_reply_length, take_tcp, tcp_frame,
                           unpack_words, write_request)


class Exceptional(Exception):
    """The device answered with a Modbus exception."""

    def __init__(self, code):
        super().__init__(f"exception {code:02X}")
        self.code = code


class Silent(Exception):
    """No answer within the time."""


class Master:
    """read() and write() over any exchange(pdu) -> pdu."""

    def request(self, pdu):
        reply = self.exchange(pdu)
        if reply[0] == pdu[0] | 0x80:
            raise Exceptional(reply[1])
        if reply[0] != pdu[0]:
            raise ValueError("reply of another function")
        return reply

    def read(self, addr, count):
        reply = self.request(read_request(addr, count))
        if reply[1] != 2 * count or len(reply) != 2 + 2 * count:
            raise ValueError("reply of another length")
        return unpack_words(reply[2:])

    def write(self, addr, words):
        pdu = write_request(addr, words)
        if self.request(pdu) != pdu[:5]:
            raise ValueError("echo of another write")

    def write_single(self, addr, word):
        pdu = b"\x06" + pack_words([addr, word])
        if self.request(pdu) != pdu:
            raise ValueError("echo of another write")


class TcpMaster(Master):
    def __init__(self, port, unit=1, timeout=1.0, host="127.0.0.1"):
        self.unit, self.tid, self.buffer = unit, 0, bytearray()
        self.sock = socket.create_connection((host, port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, pdu):
        self.tid = (self.tid + 1) & 0xFFFF
        self.sock.sendall(tcp_frame(self.tid, self.unit, pdu))
        while True:
            tid, unit, reply = self._next_frame()
            # A late reply of an earlier request is not this one's.
            if tid == self.tid and unit == self.unit:
                return reply

    def _next_frame(self):
        while (frame := take_tcp(self.buffer)) is None:
            try:
                data = self.sock.recv(4096)
            except socket.timeout:
                raise Silent() from None
            if not data:
                raise ConnectionError("closed by the device")
            self.buffer += data
        return frame

    def close(self):
        self.sock.close()


class RtuMaster(Master):
    def __init__(self, path, unit=1, timeout=0.5):
        self.unit, self.timeout = unit, timeout
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)

    def exchange(self, pdu):
        termios.tcflush(self.fd, termios.TCIFLUSH)
        os.write(self.fd, rtu_frame(self.unit, pdu))
        frame = self._read_frame(time.monotonic() + self.timeout)
        if not rtu_ok(frame):
            raise ValueError("CRC does not hold")
        if frame[0] != self.unit:
            raise ValueError("reply of another unit")
        return frame[1:-2]

    def _read_frame(self, until):
        frame = b""
        while not (length := rtu_reply_length(frame)) or len(frame) < length:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise Silent()
            frame += os.read(self.fd, 512)
        return frame[:length]

    def close(self):
        os.close(self.fd)
