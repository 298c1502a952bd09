"""A Modbus TCP proxy before a sorter: sees every request and reply whole, and may hold, drop or kill.

One connection is one thread that goes in lock-step, as the master does: request in, hook `before`, on
to the sorter, reply back, hook `after`, reply out. A hook returns False to swallow the frame. Words are
understood as the item mailbox v1 lays them out; what it knows of that comes from tests/peers."""
import socket
import struct
import threading
import time

from mailbox_layout import HEADER_WORDS, HOST_WORDS, Head, Host, Layout, Out, Rec, Slot, get32

READ, WRITE = 3, 16
TIMEOUT_S = 5


class Exchange:
    """One request and, once it is there, its reply. kind: header, items, outcomes, host-read, slots-read,
    host, slots, other."""

    def __init__(self, frame, layout, connection):
        self.frame, self.layout, self.connection = frame, layout, connection
        self.unit, self.fc = frame[6], frame[7]
        self.addr, self.n = struct.unpack(">HH", frame[8:12]) if len(frame) >= 12 else (0, 0)
        self.words = unpack(frame[13:13 + 2 * self.n]) if self.fc == WRITE else []
        self.reply, self.got = None, []
        self.kind = self._kind()

    def _kind(self):
        lay = self.layout
        if self.fc == WRITE:
            return "host" if self.addr < lay.h + HOST_WORDS else "slots"
        if self.fc != READ:
            return "other"
        at = self.addr - lay.base_b
        if at < HEADER_WORDS:
            return "header"
        if self.addr >= lay.h:
            return "host-read" if self.addr < lay.h + HOST_WORDS else "slots-read"
        return "items" if at < lay.outcome_at(0) else "outcomes"

    def answer(self, reply):
        self.reply = reply
        if self.fc == READ and len(reply) > 9 and reply[7] == READ:
            self.got = unpack(reply[9:9 + reply[8]])

    def seqs(self):
        """Sequence numbers of the records that the reply brings; torn ones may be among them."""
        if self.kind != "items":
            return []
        return [get32(self.got, i + Rec.SEQ) for i in range(0, len(self.got) - 15, 16)]

    def slot_lows(self):
        """Low words of the SEQs whose slots the request writes."""
        return [self.words[i + Slot.SEQ] for i in range(0, len(self.words) - 3, 4)] if self.kind == "slots" else []

    def acked(self):
        """(epoch, seq, out) that a write of the host's words acknowledges, or None."""
        if self.kind != "host" or self.addr != self.layout.h or self.n <= Host.ACK_OUT + 1:
            return None
        return tuple(get32(self.words, k) for k in (Host.ACK_EPOCH, Host.ACK_SEQ, Host.ACK_OUT))

    def head(self):
        """(epoch, head_seq, oldest_seq) of a whole header, or None."""
        if self.kind != "header" or self.addr != self.layout.base_b or len(self.got) < HEADER_WORDS:
            return None
        return tuple(get32(self.got, k) for k in (Head.EPOCH, Head.HEAD_SEQ, Head.OLDEST_SEQ))

    def outcome_indices(self):
        return [get32(self.got, i) for i in range(Out.INDEX, len(self.got) - 7, 8)] if self.kind == "outcomes" else []


def unpack(data):
    return list(struct.unpack(f">{len(data) // 2}H", data[:len(data) // 2 * 2]))


def take(sock, n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def take_frame(sock):
    head = take(sock, 6)
    return head + take(sock, struct.unpack(">H", head[4:6])[0])


class Nothing:
    """Hooks that let everything pass."""

    def before(self, exchange):
        return True

    def after(self, exchange):
        return True


class ModbusProxy:
    """Listens on .port. `hooks` may be replaced at any time."""

    def __init__(self, target_port, ring=64, slots=None, base_b=0, hooks=None):
        self.target, self.layout = target_port, Layout(ring, slots or ring, base_b)
        self.hooks = hooks or Nothing()
        self.connections, self.open = 0, set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.closing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.closing:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client, self.connections), daemon=True).start()

    def _serve(self, client, number):
        pair = [client]
        try:
            pair.append(socket.create_connection(("127.0.0.1", self.target), TIMEOUT_S))
            for s in pair:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open.update(pair)
            self._relay(client, pair[1], number)
        except OSError:
            pass
        finally:
            for s in pair:
                self.open.discard(s)
                s.close()

    def _relay(self, client, sorter, number):
        while True:
            x = Exchange(take_frame(client), self.layout, number)
            if not self.hooks.before(x):
                continue
            sorter.sendall(x.frame)
            x.answer(take_frame(sorter))
            if self.hooks.after(x):
                client.sendall(x.reply)

    def cut(self):
        """Every connection breaks now."""
        for s in list(self.open):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.closing = True
        self.listener.close()
        self.cut()


class Recorder(Nothing):
    """Notes when each kind of exchange was seen; .first(kind, since) waits for one."""

    def __init__(self):
        self.seen, self.lock = [], threading.Condition()

    def after(self, exchange):
        with self.lock:
            self.seen.append((time.monotonic(), exchange))
            self.lock.notify_all()
        return True

    def first(self, kind, since, seconds=5):
        end = time.monotonic() + seconds
        with self.lock:
            while True:
                for at, x in self.seen:
                    if x.kind == kind and at >= since:
                        return at, x
                if not self.lock.wait(end - time.monotonic()) and time.monotonic() > end:
                    raise TimeoutError(f"no {kind} within {seconds} s")
