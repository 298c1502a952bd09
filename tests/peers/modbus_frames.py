"""Modbus framing for the peers: CRC, RTU and TCP frames, request lengths.

Bytes in, bytes out; no sockets. late_slave.py and the clients stand on it,
the two pymodbus servers do not.
"""
import struct

READ_HOLDING, WRITE_SINGLE, WRITE_MULTIPLE, READ_WRITE = 3, 6, 16, 23
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
MAX_READ, MAX_WRITE = 125, 123
MBAP = struct.Struct(">HHHB")


class Refused(Exception):
    """A request that gets a Modbus exception and has no effect."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
        table.append(byte)
    return table


_TABLE = _crc_table()


def crc16(data):
    """CRC-16/MODBUS: 0x4B37 over b'123456789'."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def rtu_frame(unit, pdu):
    body = bytes([unit]) + pdu
    return body + struct.pack("<H", crc16(body))


def rtu_ok(frame):
    return len(frame) >= 4 and crc16(frame[:-2]) == struct.unpack("<H", frame[-2:])[0]


def tcp_frame(tid, unit, pdu):
    return MBAP.pack(tid, 0, len(pdu) + 1, unit) + pdu


def take_tcp(buffer):
    """Cut one frame off a bytearray: (tid, unit, pdu), or None while incomplete."""
    if len(buffer) < MBAP.size:
        return None
    tid, protocol, length, unit = MBAP.unpack_from(buffer)
    if protocol != 0 or not 2 <= length <= 254:
        raise ValueError("not a Modbus TCP stream")
    if len(buffer) < 6 + length:
        return None
    pdu = bytes(buffer[MBAP.size:6 + length])
    del buffer[:6 + length]
    return tid, unit, pdu


def rtu_request_length(buffer):
    """Length of the request that starts the buffer; 0 = not known yet or never."""
    if len(buffer) < 2:
        return 0
    function = buffer[1]
    if function in (1, 2, 3, 4, 5, 6):
        return 8
    count_at = {15: 6, 16: 6, 23: 10}.get(function)
    if count_at is None or len(buffer) <= count_at:
        return 0
    return count_at + 1 + buffer[count_at] + 2


def rtu_reply_length(buffer):
    """Length of the reply that starts the buffer; 0 = not known yet or never."""
    if len(buffer) < 3:
        return 0
    function = buffer[1]
    if function & 0x80:
        return 5
    if function in (5, 6, 15, 16):
        return 8
    return 3 + buffer[2] + 2 if function in (1, 2, 3, 4, 23) else 0


def pack_words(words):
    return struct.pack(f">{len(words)}H", *words)


def unpack_words(data):
    return list(struct.unpack(f">{len(data) // 2}H", data))


def read_request(addr, count, function=READ_HOLDING):
    return struct.pack(">BHH", function, addr, count)


def write_request(addr, words):
    return struct.pack(">BHHB", WRITE_MULTIPLE, addr, len(words), 2 * len(words)) + pack_words(words)


def exception(function, code):
    return bytes([function | 0x80, code])
