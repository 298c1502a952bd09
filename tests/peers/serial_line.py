"""The slave's end of a serial line: cuts RTU requests out of the byte stream.

The device "pty" makes a pseudo terminal of its own; its name is .name. A frame
whose CRC does not hold is dropped with everything behind it, as silence would.
"""
import asyncio
import os
import signal
import tty

import serial

from modbus_frames import rtu_ok, rtu_request_length

SILENCE_S = 0.03


class SerialLine:
    def __init__(self, device, baud, on_request):
        """on_request(unit, pdu) is called for every request on the line, whoever it is for."""
        self.on_request, self.buffer, self.timer = on_request, bytearray(), None
        self.port = self.other_end = None
        if device == "pty":
            self.fd, self.other_end = os.openpty()
            self.name = os.ttyname(self.other_end)
            tty.setraw(self.other_end)
        else:
            self.port = serial.Serial(device, baud, timeout=0)
            self.fd, self.name = self.port.fileno(), device
        os.set_blocking(self.fd, False)
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(self.fd, self._readable)

    def send(self, frame):
        try:
            os.write(self.fd, frame)
        except BlockingIOError:
            pass                        # nobody reads: a wire would have lost it too

    def close(self):
        self.loop.remove_reader(self.fd)
        if self.timer:
            self.timer.cancel()
        if self.port:
            self.port.close()
        else:
            os.close(self.fd)
            os.close(self.other_end)

    def _readable(self):
        try:
            got = os.read(self.fd, 1024)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        if not got:                     # the line is gone, and with it the device's whole life
            self.loop.remove_reader(self.fd)
            signal.raise_signal(signal.SIGTERM)
            return
        self.buffer += got
        if self.timer:
            self.timer.cancel()
        while (length := rtu_request_length(self.buffer)) and len(self.buffer) >= length:
            self._take(length)
        if self.buffer:
            self.timer = self.loop.call_later(SILENCE_S, self._silence)

    def _silence(self):
        """The end of a frame whose length cannot be known, or of rubbish."""
        if self.buffer:
            self._take(len(self.buffer))

    def _take(self, length):
        frame = bytes(self.buffer[:length])
        del self.buffer[:length]
        if rtu_ok(frame):
            self.on_request(frame[0], frame[1:-2])
        else:
            self.buffer.clear()
