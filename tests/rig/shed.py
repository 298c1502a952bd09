"""One shed: simulator, lotlined, broker, publisher, pages, in one folder that stays."""
import json
import os
import pathlib
import shutil
import subprocess
import urllib.request

from .control import Control, Sim
from .proc import Process, free_port, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_G, E_MG, MIN_G = 30000, 2000, 40


class Shed:
    """Starts what is asked for; `build` is the folder of the programs."""

    def __init__(self, run, build=None, seed=1, rate=10, site="shed", crop="codonopsis", sorter=None,
                 poll_ms=5, outlets=5, env=None):
        self.run = pathlib.Path(run).resolve()
        self.run.mkdir(parents=True, exist_ok=True)
        self.build = pathlib.Path(build or os.environ.get("LOTLINE_BUILD", ROOT / "build")).resolve()
        self.seed, self.rate, self.site, self.crop = seed, rate, site, crop
        self.poll_ms, self.outlets, self.env = poll_ms, outlets, env or {}
        self.sorter_options = sorter or {}
        self.parts = {}
        self.lines, self.scales = [], []
        self.web_port = {}
        self.mqtt_port = None

    # ---- paths
    def path(self, name):
        return self.run / name

    @property
    def socket(self):
        return self.path("lotlined.sock")

    @property
    def store(self):
        return self.path("store")

    @property
    def db(self):
        return self.store / "store.db"

    @property
    def truth(self):
        return self.path("sim") / "truth.jsonl"

    # ---- parts
    def process(self, name, argv, **kw):
        p = Process(name, argv, self.path(name + ".log"), env=dict(self.env, **kw.pop("env", {})), **kw)
        self.parts[name] = p
        return p.start()

    def start_sim(self, devices=None, script=None, settle_ms=400):
        """devices: lotline-sim device words; default one sorter s1 (paused) and one scale w1."""
        sorter = dict(name="s1", port=0, unit=1, rate=self.rate, items=0, ring=64, crop=self.crop,
                      outlets=self.outlets, default=self.outlets)
        sorter.update(self.sorter_options)
        words = devices or ["sorter:" + ",".join(f"{k.replace('_', '-')}={v}" for k, v in sorter.items()),
                            f"scale:name=w1,port=0,unit=1,settle-ms={settle_ms}"]
        run = self.path("sim")
        run.mkdir(exist_ok=True)
        (run / "sim.json").unlink(missing_ok=True)
        argv = [self.build / "lotline-sim", "--run", run, "--seed", self.seed]
        p = self.process("sim", argv + (["--script", script] if script else []) + words)
        wait_for("the simulator", lambda: (run / "sim.json").exists() or not p.running())
        if not p.running():
            raise RuntimeError("lotline-sim ended: " + p.tail())
        self.sim_devices = {d["name"]: d for d in json.loads((run / "sim.json").read_text())["devices"]}
        return p

    def sim(self):
        return Sim(self.path("sim") / "sim.sock")

    def line_config(self, name="s1", host="127.0.0.1", port=None, **more):
        cfg = dict(name=name, host=host, port=port or self.sim_devices[name]["port"], unit=1, base_b=0, base_h=0,
                   map="mailbox-v1", crop=self.crop, poll_ms=self.poll_ms, bad_outlet=self.outlets,
                   default_outlet=self.outlets,
                   outlets={"1": [1], "2": [2], "3": [3], "reject": [4]})
        cfg.update(more)
        return cfg

    def scale_config(self, name="w1", **more):
        cfg = dict(name=name, host="127.0.0.1", port=self.sim_devices[name]["port"], unit=1, map="hbm-wtx110",
                   trade="static", **{"class": "III"}, max_g=MAX_G, min_g=MIN_G, e_mg=E_MG, d_mg=E_MG,
                   serial_no="SIM-0001", certificate="CERT-SIM-1", valid_until="2099-12-31")
        cfg.update(more)
        return cfg

    def quick_scale(self):
        """Scale and station for write_config that lose no time: a steady weight counts after 100 ms."""
        return dict(scales=[self.scale_config(poll_ms=25)], stations=[dict(name="st1", scale="w1", stable_ms=100)])

    def write_config(self, lines=None, scales=None, stations=None, buyers=("market",), **top):
        """JSON is YAML. One station st1 on scale w1 unless told otherwise."""
        doc = dict(site=self.site, station="A", store=str(self.store), socket=str(self.socket),
                   key=str(self.path("site.key")), maps=str(ROOT / "plc-maps"), crops=str(ROOT / "crops"),
                   text_dir=str(self.build / "mo"),
                   lines=lines if lines is not None else [self.line_config()],
                   scales=scales if scales is not None else [self.scale_config()],
                   stations=stations if stations is not None else [dict(name="st1", scale="w1")],
                   buyers=list(buyers))
        doc.update(top)
        self.path("lotlined.yaml").write_text(json.dumps(doc, indent=1))
        return self.path("lotlined.yaml")

    def start_daemon(self, wait=True, **kw):
        p = self.process("lotlined", [self.build / "lotlined", "--config", self.path("lotlined.yaml")], **kw)
        if wait:
            self.wait_daemon(p)
        return p

    def wait_daemon(self, p=None, seconds=10):
        p = p or self.parts["lotlined"]

        def up():
            if not p.running():
                raise RuntimeError("lotlined ended: " + p.tail())
            try:
                Control(self.socket, timeout=2).close()
                return True
            except OSError:
                return False
        wait_for("lotlined", up, seconds)

    def control(self, timeout=10):
        return Control(self.socket, timeout)

    def start_broker(self, port=None, persistence=False, config="", anonymous=True):
        self.mqtt_port = port or self.mqtt_port or free_port()
        conf = self.path("mosquitto.conf")
        me = "user root\n" if os.geteuid() == 0 else ""    # else it cannot read what stands in this folder
        conf.write_text(f"{me}listener {self.mqtt_port} 127.0.0.1\nallow_anonymous {str(anonymous).lower()}\n"
                        f"persistence {'true' if persistence else 'false'}\n"
                        f"persistence_location {self.run}/\nmax_queued_messages 100000\nset_tcp_nodelay true\n{config}")
        exe = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        p = self.process("mosquitto", [exe, "-c", conf])

        def up():
            import socket
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.mqtt_port)) == 0
        wait_for("mosquitto", up)
        return p

    def start_sink(self, name="market", stream="market", status=True, **more):
        doc = dict(sink=name, coop="demo", edge="edge1", store=str(self.store), socket=str(self.socket),
                   state=str(self.path("mqtt")), stream=stream, status=status, host="127.0.0.1",
                   port=self.mqtt_port, client_id=f"lotline-{name}")
        doc.update(more)
        self.path("mqtt").mkdir(exist_ok=True)
        conf = self.path(f"mqtt-{name}.yaml")
        conf.write_text(json.dumps(doc))
        return self.process(f"sink-{name}", [self.build / "lotline-mqtt", "--config", conf])

    def start_web(self, role="public", port=0):
        port_file = self.path(f"web-{role}.port")
        port_file.unlink(missing_ok=True)
        p = self.process(f"web-{role}", [
            self.build / "lotline-web", "--role", role, "--store", self.store, "--socket", self.socket,
            "--listen", f"127.0.0.1:{port}", "--port-file", port_file, "--text-dir", self.build / "mo",
            "--base-url", "https://lotline.example"])
        wait_for(f"lotline-web {role}", lambda: port_file.exists() and port_file.read_text().strip() or
                 (not p.running() and "ended"))
        if not p.running():
            raise RuntimeError("lotline-web ended: " + p.tail())
        self.web_port[role] = int(port_file.read_text())
        return p

    def get(self, path, role="public", headers=None):
        """(status, headers, body) of a page; errors are answers too."""
        req = urllib.request.Request(f"http://127.0.0.1:{self.web_port[role]}{path}", headers=headers or {})
        try:
            with urllib.request.urlopen(req, timeout=10) as r:
                return r.status, r.headers, r.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read()

    def lotline(self, *args, json_out=True):
        """Runs build/lotline on this shed: (exit code, parsed output or text)."""
        argv = [str(self.build / "lotline")] + (["--json"] if json_out else []) + \
               ["--store", str(self.store), "--socket", str(self.socket)] + [str(a) for a in args]
        r = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        if json_out and r.returncode == 0 and r.stdout:
            return 0, json.loads(r.stdout)
        return r.returncode, r.stdout + r.stderr

    # ---- doing
    def status(self):
        with self.control() as c:
            return c.call("status")

    def line(self, name="s1"):
        return next(l for l in self.status()["lines"] if l["line"] == name)

    def station(self, name="st1"):
        return next(s for s in self.status()["station"] if s["name"] == name)

    def stop(self):
        """Everything in the order of its dependence; a program that dies badly is an error."""
        bad = []
        for name in sorted(self.parts, key=lambda n: (n == "sim", n == "mosquitto", n == "lotlined")):
            p = self.parts[name]
            was = p.running()
            code = p.stop()
            if was and code not in (0, -15) and name not in ("mosquitto", "socat"):
                bad.append(f"{name} ended with {code}: {p.tail()}")
        if bad:
            raise RuntimeError("\n".join(bad))

    def kill(self):
        for p in self.parts.values():
            p.kill()
