"""A proxy before a broker that forwards bytes as they are, packet by packet, and may hold PUBACKs (to the
publisher) or PUBLISHes (to the broker) back until it is told to let them go or to cut. It notes the numbers of
the events in the order in which the publisher sent them."""
import re
import socket
import threading

PUBLISH, PUBACK = 3, 4


def packets(sock):
    """Whole MQTT packets as bytes until the connection ends."""
    data = b""
    while True:
        more = sock.recv(65536)
        if not more:
            return
        data += more
        while (length := packet_length(data)) and len(data) >= length:
            yield data[:length]
            data = data[length:]


def packet_length(data):
    """Of the packet that begins the data; 0: not known yet."""
    size = 0
    for i in range(1, min(len(data), 5)):
        size |= (data[i] & 0x7F) << 7 * (i - 1)
        if not data[i] & 0x80:
            return 1 + i + size
    return 0


def topic(packet):
    """Of a PUBLISH."""
    at = packet_length_bytes(packet)
    n = int.from_bytes(packet[at:at + 2], "big")
    return packet[at + 2:at + 2 + n].decode()


def packet_length_bytes(packet):
    at = 1
    while packet[at] & 0x80:
        at += 1
    return at + 1


class MqttProxy:
    def __init__(self, target_port):
        self.target = target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Condition()
        self.hold = None            # None, "puback" or "publish"
        self.held = 0               # packets held back since `hold` was set
        self.sent = []              # streamseq of every event that the publisher sent
        self.connections, self.open, self.closing = 0, set(), False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.closing:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                broker = socket.create_connection(("127.0.0.1", self.target), 2)
            except OSError:
                client.close()
                continue
            self.open.update((client, broker))
            for a, b, kind in ((client, broker, PUBLISH), (broker, client, PUBACK)):
                a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                a.settimeout(None)
                threading.Thread(target=self._pump, args=(a, b, kind), daemon=True).start()

    def _pump(self, source, target, kind):
        try:
            for packet in packets(source):
                if packet[0] >> 4 == kind:
                    self._wait(kind, packet)
                target.sendall(packet)
        except OSError:
            pass
        for s in (source, target):
            self.open.discard(s)
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _wait(self, kind, packet):
        """Held packets keep everything behind them waiting: order never changes."""
        held = "publish" if kind == PUBLISH else "puback"
        event = kind == PUBACK or "/ev/" in topic(packet)
        with self.lock:
            if kind == PUBLISH and event:
                self.sent.append(int(re.search(rb'"streamseq":(\d+)', packet).group(1)))
            if event and self.hold == held:
                self.held += 1
                self.lock.notify_all()
                self.lock.wait_for(lambda: self.hold != held or self.closing)

    def hold_back(self, what):
        with self.lock:
            self.hold, self.held = what, 0
            self.lock.notify_all()

    def wait_held(self, seconds=5):
        """Until something is being held back."""
        with self.lock:
            return self.lock.wait_for(lambda: self.held > 0, seconds)

    def leaps(self):
        """Events that the publisher sent before one that must go first; it may go back, never ahead."""
        high, bad = 0, []
        for n in list(self.sent):
            if n > high + 1:
                bad.append(f"{n} after {high}")
            high = max(high, n)
        return bad

    def cut(self):
        """Every connection breaks now, and what was held back with it."""
        for s in list(self.open):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.hold_back(None)

    def close(self):
        self.closing = True
        self.listener.close()
        self.cut()
