"""Buyers that keep the consumer contract: apply what is last + 1, ignore what is lower, replay where a hole
shows. One takes its events from paho for Python, one from mosquitto_sub; replay goes over MQTT or HTTP."""
import json
import subprocess
import threading
import time
import urllib.request

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

ROOT = "coop/v1/demo"


class Consumer:
    """The contract itself. `events`: CloudEvents as bytes, in the order in which they were applied."""

    def __init__(self):
        self.lock = threading.Condition()
        self.last, self.events = (0, 0), []
        self.repeats = self.holes = self.replayed = 0

    def next_is(self, key):
        return key == (self.last[0], self.last[1] + 1) or (key[0] > self.last[0] and key[1] == 1)

    def offer(self, payload, replay=False):
        """False: there is a hole before this event, it was not applied."""
        e = json.loads(payload)
        key = (e["streamepoch"], e["streamseq"])
        with self.lock:
            if key <= self.last:
                self.repeats += 1
            elif self.next_is(key):
                self.last = key
                self.events.append(bytes(payload))
                self.replayed += replay
            else:
                self.holes += 1
                return False
            self.lock.notify_all()
        return True

    def wait(self, n, seconds=20):
        """Until so many events have been applied."""
        with self.lock:
            if not self.lock.wait_for(lambda: len(self.events) >= n, seconds):
                raise TimeoutError(f"{len(self.events)} of {n} events after {seconds} s; last {self.last}, "
                                   f"{self.holes} holes")


def replay_http(base, stream, consumer, limit=50):
    """Pages of /v1/streams/{stream} until nothing is new."""
    while True:
        url = f"{base}/v1/streams/{stream}?after={consumer.last[0]}:{consumer.last[1]}&limit={limit}"
        with urllib.request.urlopen(url, timeout=10) as r:
            lines = [text for text in r.read().split(b"\n") if text.strip()]
        events = [text for text in lines if b'"streamseq"' in text]
        for text in events:
            consumer.offer(text, replay=True)
        if not events:
            return


class PahoBuyer(Consumer):
    """Durable MQTT 5 session; asks for what is missing over MQTT, or over HTTP when `http` is given."""

    def __init__(self, port, stream="market", client_id="buyer-paho", http=None, user=None, password=None):
        super().__init__()
        self.stream, self.id, self.http = stream, client_id, http
        self.topic = f"{ROOT}/buyer/{stream}"
        self.head, self.heads, self.up = None, 0, threading.Event()
        self.asked_at, self.asked_after = 0.0, None
        self.closing = False
        self.c = paho.Client(client_id, protocol=paho.MQTTv5)
        if user:
            self.c.username_pw_set(user, password)
        self.c.reconnect_delay_set(1, 1)
        self.c.on_connect, self.c.on_message = self._connected, self._message
        self.c.on_disconnect = lambda *_: self.up.clear()
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 3600
        self.c.connect("127.0.0.1", port, keepalive=10, clean_start=False, properties=session)
        self.c.loop_start()
        self.watch = threading.Thread(target=self._catch_up, daemon=True)
        self.watch.start()
        if not self.up.wait(5):
            raise TimeoutError("paho did not connect")

    def _connected(self, client, *_):
        client.subscribe([(f"{self.topic}/ev/#", paho.SubscribeOptions(qos=1)),
                          (f"{self.topic}/head", paho.SubscribeOptions(qos=1)),
                          (f"{self.topic}/res/{self.id}", paho.SubscribeOptions(qos=1))])
        self.up.set()

    def _message(self, _, __, m):
        if m.topic.endswith("/head"):
            if m.payload:
                self.head = json.loads(m.payload)
                self.heads += 1
        elif "/res/" in m.topic:
            self._result(m.payload)
        elif not self.offer(m.payload):
            self._ask()

    def _result(self, payload):
        lines = [text for text in payload.split(b"\n") if text.strip()]
        for text in lines[:-1]:
            self.offer(text, replay=True)
        self.asked_at = 0.0
        if json.loads(lines[-1]).get("more"):
            self._ask()

    def _ask(self):
        """Again only when the last question was answered or is 2 s old."""
        if self.http or time.monotonic() - self.asked_at < 2:
            return
        self.asked_at = time.monotonic()
        p = Properties(PacketTypes.PUBLISH)
        p.ResponseTopic = f"{self.topic}/res/{self.id}"
        p.CorrelationData = b"replay"
        self.c.publish(f"{self.topic}/req/replay", json.dumps({"after": list(self.last), "limit": 50}), qos=1,
                       properties=p)

    def _catch_up(self):
        """The retained head tells of events that never came."""
        while not self.closing:
            head = self.head
            behind = self.holes or head and (head["epoch"], head["seq"]) > self.last
            if behind and self.up.is_set():
                time.sleep(0.3)
                if head and (head["epoch"], head["seq"]) > self.last:
                    self._fetch()
            time.sleep(0.1)

    def _fetch(self):
        try:
            replay_http(self.http, self.stream, self) if self.http else self._ask()
        except OSError:
            pass

    def away(self):
        """Disconnects; the session stays at the broker."""
        self.c.disconnect()
        self.c.loop_stop()

    def back(self):
        self.c.reconnect()
        self.c.loop_start()

    def close(self):
        self.closing = True
        self.away()


class SubBuyer(Consumer):
    """mosquitto_sub with a durable session, writing to a file; replay over HTTP when `http` is given."""

    def __init__(self, port, path, stream="market", client_id="buyer-sub", http=None):
        super().__init__()
        self.stream, self.http, self.closing, self.path = stream, http, False, str(path)
        out = open(path, "ab")
        self.p = subprocess.Popen(
            ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-V", "5", "-q", "1", "-c", "-i", client_id, "-x",
             "3600", "-k", "10", "-t", f"{ROOT}/buyer/{stream}/ev/#"], stdout=out, stderr=subprocess.DEVNULL)
        out.close()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        with open(self.path, "rb") as f:
            part = b""
            while not self.closing:
                part += f.readline()
                if not part.endswith(b"\n"):
                    time.sleep(0.02)
                    continue
                if not self.offer(part.rstrip(b"\n")):
                    self.fetch()
                part = b""

    def fetch(self):
        if self.http:
            try:
                replay_http(self.http, self.stream, self)
            except OSError:
                pass

    def close(self):
        self.closing = True
        self.p.terminate()
        self.p.wait()
        self.thread.join(2)


def data_of(cloudevent):
    """The stored bytes of an event, cut out of its CloudEvent without parsing them anew."""
    at = cloudevent.index(b'"data":') + 7
    depth, text, skip = 0, False, False
    for i in range(at, len(cloudevent)):
        c = cloudevent[i:i + 1]
        if skip:
            skip = False
        elif text:
            skip, text = c == b"\\", c != b'"'
        elif c == b'"':
            text = True
        elif c in b"{[":
            depth += 1
        elif c in b"}]":
            depth -= 1
            if depth == 0:
                return cloudevent[at:i + 1]
    raise ValueError("no data in this CloudEvent")
