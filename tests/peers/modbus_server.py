"""A Modbus TCP server on pymodbus around a device of read() and write().

A device has `unit`, `functions`, read(addr, count), write(addr, words) that may
raise Refused, and refused(function, code, addr, count) to be told. A wrong unit
id gets silence. With exclusive=True one connection at a time is served: a new
one replaces one that was silent for 1 s and is closed at once before that.
"""
import logging
import time

from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext
from pymodbus.pdu import ExceptionResponse
from pymodbus.register_read_message import ReadHoldingRegistersResponse, ReadWriteMultipleRegistersResponse
from pymodbus.register_write_message import WriteMultipleRegistersResponse, WriteSingleRegisterResponse
from pymodbus.server.async_io import ModbusConnectedRequestHandler, ModbusTcpServer

from modbus_frames import (ILLEGAL_FUNCTION, ILLEGAL_VALUE, MAX_READ, MAX_WRITE, MBAP, READ_HOLDING, READ_WRITE,
                           WRITE_MULTIPLE, WRITE_SINGLE, Refused, exception, tcp_frame)

SILENT_S = 1.0
MAX_READ_WRITE = 121

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class Connection(ModbusConnectedRequestHandler):
    """One TCP connection; pymodbus decodes, the device answers."""

    accepted = False

    def connection_made(self, transport):
        self.buffer = bytearray()
        self.accepted = self.server.admit(self)
        if not self.accepted:
            transport.abort()
            return
        super().connection_made(transport)

    def connection_lost(self, call_exc):
        if self.accepted:
            super().connection_lost(call_exc)
            self.server.gone(self)

    def data_received(self, data):
        """Hand over whole frames only: pymodbus drops a frame that comes in two pieces."""
        self.heard_at = time.monotonic()
        self.buffer += data
        while len(self.buffer) >= MBAP.size:
            length = 6 + int.from_bytes(self.buffer[4:6], "big")
            if self.buffer[2:4] != b"\0\0" or not 8 <= length <= 260:
                self.transport.abort()
                return
            if len(self.buffer) < length:
                return
            frame = bytes(self.buffer[:length])
            del self.buffer[:length]
            if self._concerns(frame):
                super().data_received(frame)

    def _concerns(self, frame):
        """Silence for a wrong unit, 01 for other functions; some of them pymodbus cannot even decode."""
        unit, function, device = frame[6], frame[7], self.server.device
        if unit != device.unit:
            device.refused(function, None, unit, None)
            return False
        if function not in device.functions:
            device.refused(function, ILLEGAL_FUNCTION, None, None)
            tid = int.from_bytes(frame[:2], "big")
            self.transport.write(tcp_frame(tid, unit, exception(function, ILLEGAL_FUNCTION)))
            return False
        return True

    def execute(self, request, *addr):
        reply = self.server.answer(request)
        reply.transaction_id, reply.unit_id = request.transaction_id, request.unit_id
        self.send(reply, *addr)


class DeviceServer(ModbusTcpServer):
    def __init__(self, device, port, exclusive=False, on_connect=None, on_disconnect=None):
        context = ModbusServerContext(slaves=ModbusSlaveContext(), single=True)
        super().__init__(context, address=("127.0.0.1", port), handler=Connection, allow_reuse_address=True)
        self.device, self.exclusive = device, exclusive
        self.on_connect, self.on_disconnect = on_connect, on_disconnect
        self.current, self.closed = None, False

    async def start(self):
        """Listen and return the port."""
        self.server = await self.loop.create_server(lambda: Connection(self), *self.address, **self.factory_parms)
        return self.server.sockets[0].getsockname()[1]

    def admit(self, connection):
        if self.closed:
            return False
        connection.heard_at = time.monotonic()
        if self.exclusive and self.current:
            if connection.heard_at - self.current.heard_at < SILENT_S:
                return False
            self.current.transport.abort()
            self.gone(self.current)
        self.current = connection
        if self.on_connect:
            self.on_connect()
        return True

    def gone(self, connection):
        if connection is self.current:
            self.current = None
            if self.on_disconnect:
                self.on_disconnect()

    def hang_up(self, closed):
        """Drop every connection; with closed=True refuse new ones until told otherwise."""
        self.closed = closed
        for connection in list(self.active_connections.values()):
            connection.transport.abort()

    def answer(self, request):
        try:
            return self._serve(request)
        except Refused as no:
            self.device.refused(request.function_code, no.code, getattr(request, "address", None),
                                getattr(request, "count", None))
            return ExceptionResponse(request.function_code, no.code)

    def _serve(self, request):
        function, device = request.function_code, self.device
        if function == READ_HOLDING:
            within(request.count, MAX_READ)
            return ReadHoldingRegistersResponse(device.read(request.address, request.count))
        if function == WRITE_SINGLE:
            device.write(request.address, [request.value])
            return WriteSingleRegisterResponse(request.address, request.value)
        if function == WRITE_MULTIPLE:
            within(request.count, MAX_WRITE, request.byte_count)
            device.write(request.address, request.values)
            return WriteMultipleRegistersResponse(request.address, request.count)
        assert function == READ_WRITE
        return self._read_write(request)

    def _read_write(self, request):
        within(request.read_count, MAX_READ)
        within(request.write_count, MAX_READ_WRITE, request.write_byte_count)
        self.device.may_read(request.read_address, request.read_count)
        self.device.write(request.write_address, request.write_registers)
        return ReadWriteMultipleRegistersResponse(self.device.read(request.read_address, request.read_count))


def within(count, most, byte_count=None):
    if not 1 <= count <= most or byte_count not in (None, 2 * count):
        raise Refused(ILLEGAL_VALUE)
