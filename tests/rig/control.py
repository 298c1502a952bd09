"""The control socket of lotlined and the one of the simulator, spoken by hand."""
import json
import socket
import uuid


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Control:
    """AF_UNIX SOCK_SEQPACKET, one JSON document per packet."""

    def __init__(self, path, timeout=10):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.settimeout(timeout)
        self.s.connect(str(path))
        self.hello = self.recv()

    def recv(self):
        data = self.s.recv(1 << 17)
        if not data:
            raise ConnectionError("lotlined closed the control socket")
        return json.loads(data)

    def send(self, cmd, request_id=None, **args):
        self.s.send(json.dumps({"command": cmd, "args": args,
                                "request_id": request_id or uuid.uuid4().hex}).encode())

    def call(self, cmd, request_id=None, **args):
        self.send(cmd, request_id, **args)
        while True:
            doc = self.recv()
            if "ok" in doc:
                break
        if not doc["ok"]:
            raise Refused(doc["error"]["code"], doc["error"]["text"])
        return doc.get("result")

    def close(self):
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Sim:
    """lotline-sim's control channel: line-based JSON over a UNIX stream socket."""

    def __init__(self, path, timeout=10):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(timeout)
        self.s.connect(str(path))
        self.f = self.s.makefile("rw", encoding="utf-8", newline="\n")

    def do(self, dev, verb, **args):
        self.f.write(json.dumps(dict(dev=dev, do=verb, **args)) + "\n")
        self.f.flush()
        return json.loads(self.f.readline())

    def close(self):
        self.f.close()
        self.s.close()
