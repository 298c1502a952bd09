"""A bad day: whatever goes wrong gives one clear message that names what and where, loses nothing, and ends
with the promised code: 0 ok, 1 failed, 2 usage, 3 unreachable, 4 a check did not hold."""
import json
import os
import resource
import socket
import sqlite3
import subprocess
import time

import pytest
from sorting import Belt, sorter
from rig.control import Refused
from rig.hands import Hands
from rig.proc import free_port, wait_for
from rig.shed import ROOT

MIB = 1 << 20


def run(shed, *argv, **more):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=20, cwd=shed.run, **more)


@pytest.fixture(scope="module")
def bare(module_shed_of):
    """Programs and a configuration that would do; nothing runs."""
    s = module_shed_of("bare")
    s.sim_devices = {"s1": dict(port=free_port()), "w1": dict(port=free_port())}
    s.write_config()
    return s


# ---- configuration

def spoiled(shed, change):
    """The configuration as YAML text after `change`, and its path."""
    doc = json.loads(shed.path("lotlined.yaml").read_text())
    text = change(doc)
    path = shed.path("wrong.yaml")
    path.write_text(text if isinstance(text, str) else json.dumps(doc, indent=1))
    return path


def line_of(path, text):
    return next(n for n, l in enumerate(path.read_text().split("\n"), 1) if text in l)


CONFIGURATIONS = {
    "misspelt key": (lambda d: d.update(scals=d.pop("scales")), '"scals"', ["scals", "scales"]),
    "missing key": (lambda d: d.pop("site") and None, None, ["site"]),
    "wrong type": (lambda d: d["lines"][0].update(port="many"), '"port": "many"', ["port", "many"]),
    "out of range": (lambda d: d["lines"][0].update(port=70000), "70000", ["port", "70000", "65535"]),
    "misspelt in a line": (lambda d: d["lines"][0].update(default_outlt=5), '"default_outlt"',
                           ["default_outlt", "default_outlet"]),
    "a name for a host": (lambda d: d["lines"][0].update(host="plc.example"), None, ["plc.example", "IPv4"]),
    "no such map": (lambda d: d["lines"][0].update(map="mailbox-v9"), None, ["mailbox-v9"]),
    "a scale's map for a line": (lambda d: d["lines"][0].update(map="hbm-wtx110"), None, ["hbm-wtx110"]),
    "no such crop": (lambda d: d["lines"][0].update(crop="ginseng"), None, ["ginseng"]),
    "a grade without outlet": (lambda d: d["lines"][0]["outlets"].pop("3") and None, None, ["lu", '"3"', "outlets"]),
    "a grade into the default outlet": (lambda d: d["lines"][0]["outlets"].update({"1": [5]}), None, ["5", "default"]),
    "a station without scale": (lambda d: d["stations"][0].update(scale="w9"), None, ["st1", "w9"]),
    "two lines of one name": (lambda d: d["lines"].append(d["lines"][0]), None, ["s1"]),
    "no date": (lambda d: d["scales"][0].update(valid_until="next year"), None, ["next year"]),
    "min above max": (lambda d: d["scales"][0].update(min_g=40000), None, ["min_g", "max_g"]),
    "trade by a map that is not fit for it": (lambda d: d["scales"][0].update(map="invt-gd20"), '"trade"',
                                              ["w1", "static", "invt-gd20"]),
    "station letter": (lambda d: d.update(station="7"), None, ["station"]),
    "a deadline that cannot hold": (lambda d: d["lines"][0].update(belt_um_per_s=2000000, distance_um=10000), None,
                                    ["s1", "ms"]),
    "no YAML": (lambda d: "site: shed\nlines: [\n", None, []),
    "an alias": (lambda d: "site: &a shed\nstore: *a\n", None, ["anchors"]),
    "an empty file": (lambda d: "", None, ["empty"]),
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_wrong_configuration(bare, case):
    change, mark, words = CONFIGURATIONS[case]
    path = spoiled(bare, change)
    place = f"{path}:{line_of(path, mark)}:" if mark else f"{path}:"
    for argv in ((bare.build / "lotlined", "--config", path), (bare.build / "lotline", "config", "check", path)):
        r = run(bare, *argv)
        assert r.returncode == 1, (argv, r.stdout, r.stderr)
        text = r.stderr.strip()
        assert place in text and all(w in text for w in words), text
        assert len(text.split("\n")) == 1, text
    assert not bare.store.exists()


def test_right_configuration(bare):
    r = run(bare, bare.build / "lotline", "--json", "config", "check", bare.path("lotlined.yaml"))
    assert r.returncode == 0 and json.loads(r.stdout)["ok"], r.stderr
    assert run(bare, bare.build / "lotlined", "--config", bare.path("lotlined.yaml"), "--check").returncode == 0
    missing = bare.path("nowhere.yaml")
    r = run(bare, bare.build / "lotlined", "--config", missing)
    assert r.returncode == 1 and str(missing) in r.stderr


@pytest.mark.parametrize("argv", [["lotlined"], ["lotlined", "--colour"], ["lotlined", "--config"],
                                  ["lotlined", "--config", "lotlined.yaml", "more"], ["lotline"], ["lotline", "frobnicate"],
                                  ["lotline", "lot"], ["lotline-sim"], ["lotline-mqtt"],
                                  ["lotline-web", "--role", "king"]])
def test_usage(bare, argv):
    r = run(bare, bare.build / argv[0], *argv[1:])
    assert r.returncode == 2 and r.stderr.strip(), (argv, r.stdout, r.stderr)


def test_help_is_no_error(bare):
    for word in "--help", "-h":
        r = run(bare, bare.build / "lotlined", word)
        assert r.returncode == 0 and "--config FILE" in r.stderr, r.stderr
    r = run(bare, bare.build / "lotlined", "--verbose", "--check", "--config", bare.path("lotlined.yaml"))
    assert r.returncode == 0, r.stderr


# ---- maps

def test_wrong_map(bare):
    good = (ROOT / "plc-maps/mailbox-v1.yaml").read_text()
    folder = bare.path("maps")
    folder.mkdir()
    path = folder / "mailbox-v1.yaml"
    for old, new, words, code in (("timeout_ms: 200", "timeout: 200", ["timeout", "timeout_ms"], 1),
                                  ("fc: [3, 16]", "fc: [3, 16, 5]", ["5"], 1),
                                  ("u16, mul: 10, ", "u16, mul: 11, ", ["vector", "head"], 4)):
        path.write_text(good.replace(old, new, 1))
        r = run(bare, bare.build / "lotline", "map", "check", path)
        assert r.returncode in (code, 4), r.stderr
        assert str(path) in r.stdout + r.stderr and all(w in r.stdout + r.stderr for w in words), r.stdout + r.stderr
    path.write_text(good.replace("timeout_ms: 200", "timeout: 200", 1))
    config = spoiled(bare, lambda d: d.update(maps=str(folder)))
    r = run(bare, bare.build / "lotlined", "--config", config)
    assert r.returncode == 1 and f"{path}:" in r.stderr and "timeout_ms" in r.stderr, r.stderr
    files = sorted(str(p) for p in (ROOT / "plc-maps").glob("*.yaml"))
    r = run(bare, bare.build / "lotline", "--json", "map", "check", *files)
    doc = json.loads(r.stdout)
    assert r.returncode == 0 and doc["maps"] == len(files) and doc["errors"] == 0 and doc["vectors"] > 0


# ---- devices that are not there, or are others

def test_unreachable_plc_and_wrong_unit(shed_of):
    """The line says so, the rest works; once the PLC is there, so is the line."""
    s = shed_of()
    port = free_port()
    s.start_sim([sorter("right"), "scale:name=w1,port=0,unit=1,settle-ms=60"])
    s.sim_devices["gone"] = dict(port=port)
    s.write_config(lines=[s.line_config("gone"), s.line_config("other", port=s.sim_devices["right"]["port"], unit=9)],
                   **s.quick_scale())
    p = s.start_daemon()
    h = Hands(s).prepare()
    assert h.check_scale()["ok"]                                     # the scale does not wait for dead PLCs
    for name in ("gone", "other"):
        line = s.line(name)
        assert line["state"] == "unknown" and not line["quarantined"]
    wait_for("the log to name both", lambda: f"127.0.0.1:{port}" in p.tail(50), 5)
    log = p.tail(100)
    assert log.count(f"127.0.0.1:{port}") <= 2                       # once, not at each attempt
    alarms = {a["line"]: a for a in wait_for("alarms of both lines", lambda: (lambda a: a if {x["line"] for x in a} >= {
        "gone", "other"} else None)(s.status()["alarms"]), 5)}
    assert all(a["text"] for a in alarms.values())
    s.sim().do("right", "stat")
    p.stop()
    s.parts["sim"].stop()
    s.start_sim([f"sorter:name=gone,port={port},unit=1,rate=50,items=0,ring=64,outlets=5,default=5",
                 "scale:name=w1,port=0,unit=1,settle-ms=60"])
    s.stop()


def test_plc_comes_later(shed_of):
    s = shed_of()
    port = free_port()
    s.sim_devices = {"s1": dict(port=port)}
    s.write_config(lines=[s.line_config("s1")], scales=[], stations=[])
    s.start_daemon()
    time.sleep(0.5)
    assert s.line()["state"] == "unknown"
    s.start_sim([f"sorter:name=s1,port={port},unit=1,rate=50,items=30,ring=64,outlets=5,default=5"])
    wait_for("the line", lambda: s.line()["state"] in ("execute", "suspended"), 12)
    wait_for("its items", lambda: s.line()["ack_seq"] == 30, 10)
    s.stop()


def test_wrong_machine(shed_of):
    """Something answers that is no mailbox: nothing is written to it."""
    s = shed_of()
    s.start_sim(["scale:name=w1,port=0,unit=1"])
    s.sim_devices["s1"] = s.sim_devices["w1"]
    s.write_config(lines=[s.line_config("s1")], scales=[], stations=[])
    s.start_daemon()
    alarm = wait_for("an alarm", lambda: next((a for a in s.status()["alarms"] if a["line"] == "s1"), None), 8)
    assert alarm["text"] and s.sim().do("w1", "stat")["refused"] == 0
    assert s.line()["state"] == "unknown" or s.line()["quarantined"]
    s.stop()


def test_ring_too_small(shed_of):
    """A PLC with a smaller ring than its map asks for: the line does not run, and says why once."""
    s = shed_of()
    text = (ROOT / "plc-maps/mailbox-v1.yaml").read_text()
    for old, new in (("min_ring: 16", "min_ring: 128"), ("host: 416", "host: 3104")):
        assert old in text
        text = text.replace(old, new)
    folder = s.path("maps")
    folder.mkdir()
    (folder / "mailbox-v1.yaml").write_text(text)
    s.start_sim([sorter("s1", ring=64)])
    s.write_config(lines=[s.line_config("s1")], scales=[], stations=[], maps=str(folder))
    p = s.start_daemon()
    alarm = wait_for("an alarm", lambda: next((a for a in s.status()["alarms"] if a["line"] == "s1"), None), 8)
    assert alarm["code"] == "ring-too-small" and "64" in alarm["text"] and "128" in alarm["text"], alarm
    time.sleep(2.5)
    line = s.line()
    assert line["quarantined"] and line["epoch"] == 0 and s.sim().do("s1", "stat")["epoch"] == 0
    assert [a["code"] for a in s.status()["alarms"]] == ["ring-too-small"]
    assert p.tail(100).count("ring-too-small s1") == 1
    s.stop()


# ---- two of a kind

def test_two_daemons(shed_of):
    s = shed_of()
    s.start_sim()
    s.write_config()
    s.start_daemon()
    h = Hands(s).prepare()
    second = run(s, s.build / "lotlined", "--config", s.path("lotlined.yaml"))
    assert second.returncode == 1 and (str(s.socket) in second.stderr or str(s.store) in second.stderr), second.stderr
    other = spoiled(s, lambda d: d.update(socket=str(s.path("other.sock"))))
    second = run(s, s.build / "lotlined", "--config", other)
    assert second.returncode == 1 and str(s.store) in second.stderr, second.stderr
    h.check_scale()
    belt = Belt(h, "s1").start()
    belt.pass_through(30, rate=30)
    belt.exact(gaps=0, items_stored=30)
    s.stop()


def test_two_hosts_at_one_plc(shed_of):
    """Another record, the same PLC: the first host's items stay its own."""
    s, t = shed_of("first"), shed_of("second")
    s.start_sim()
    s.write_config()
    s.start_daemon()
    h = Hands(s).prepare()
    h.check_scale()
    belt = Belt(h, "s1").start()
    belt.feed(100)
    t.sim_devices = s.sim_devices
    t.write_config(lines=[t.line_config("s1")], scales=[], stations=[])
    t.start_daemon()
    belt.fed()
    belt.recorded()
    belt.exact(gaps=0, items_stored=100)
    assert t.line()["state"] == "unknown" and t.line()["items"] == 0
    t.stop()
    s.stop()


# ---- disk

def small_disk(shed):
    """A tmpfs of 6 MiB over the store's folder; False where we may not mount."""
    shed.store.mkdir(parents=True, exist_ok=True)
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(shed.store)], capture_output=True)
    return r.returncode == 0


@pytest.fixture(params=["tmpfs", "limit"])
def disk(request, shed_of):
    """A disk that can be filled: a small one where we may mount, and a limit on the size of files."""
    s = shed_of()
    s.small = request.param == "tmpfs"
    if s.small and not (os.geteuid() == 0 and small_disk(s)):
        pytest.skip("mounting needs root")
    yield s
    s.kill()
    if s.small:
        subprocess.run(["umount", "-l", str(s.store)], check=False)


def fill(shed):
    with open(shed.store / "ballast", "wb") as f:
        try:
            while True:
                f.write(bytes(65536))
                f.flush()
        except OSError:
            pass
        try:
            f.close()
        except OSError:
            pass


def test_full_disk(disk):
    """No row, no acknowledgement, no answer; feed-stop within a second; space again, and all goes on."""
    s = disk
    s.start_sim([sorter("s1"), "scale:name=w1,port=0,unit=1,settle-ms=60"])
    s.write_config(**s.quick_scale())
    s.start_daemon()
    h = Hands(s).prepare()
    h.check_scale()
    belt = Belt(h, "s1").start()
    belt.feed(400)
    belt.posted(30)
    pid = s.parts["lotlined"].pid
    if s.small:
        fill(s)
    else:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    full = wait_for("the alarm", lambda: next((a for a in s.status()["alarms"] if a["code"] == "record-failed"), None))
    at = time.monotonic()
    assert "disk" in full["text"]
    wait_for("feed-stop", lambda: belt.line()["feed_stopped"], 3)
    stop_s = time.monotonic() - at
    acked = belt.line()["ack_seq"]
    with pytest.raises(Refused) as e:
        h.call("product.add", product="later", crop="codonopsis", name_zh="后", name_en="Later")
    assert "disk" in e.value.text
    time.sleep(0.5)
    assert belt.line()["ack_seq"] == acked == belt.log("ack")[-1]["seq"] <= max(i["seq"] for i in belt.rows()[0])
    assert s.parts["lotlined"].running() and "cannot be written" in s.parts["lotlined"].tail(50)
    if s.small:
        (s.store / "ballast").unlink()
    else:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_for("the record", lambda: not s.status()["record"]["failed"], 10)
    assert stop_s < 1.5
    wait_for("a person restarts the feed", lambda: belt.sim.do("s1", "restart-feed")["ok"], 5)
    belt.fed()
    belt.recorded()
    belt.exact(gaps=0, items_stored=400)
    h.call("product.add", product="later", crop="codonopsis", name_zh="后", name_en="Later")
    s.stop()


def test_store_that_cannot_be_made(bare):
    path = spoiled(bare, lambda d: d.update(store="/proc/lotline", key=str(bare.path("k"))))
    r = run(bare, bare.build / "lotlined", "--config", path)
    assert r.returncode == 1 and "/proc/lotline" in r.stderr, r.stderr


# ---- requests

@pytest.fixture(scope="module")
def shop(module_shed_of):
    """Everything runs: record, station, pages."""
    s = module_shed_of("shop")
    s.start_sim(["scale:name=w1,port=0,unit=1,settle-ms=60"])
    s.write_config(lines=[], **s.quick_scale())
    s.start_daemon()
    s.hands = Hands(s).prepare()
    s.start_web("public")
    yield s
    s.stop()


UNKNOWN = "E261124-A0015"


@pytest.mark.parametrize("argv", [["lot", "show", UNKNOWN], ["trace", UNKNOWN], ["recall", UNKNOWN],
                                  ["balance", "R261124-A0015"], ["export", "epcis", "--lot", UNKNOWN]])
def test_unknown_lot(shop, argv):
    code, text = shop.lotline(*argv)
    assert code == 1 and argv[-1] in text and len(text.strip().split("\n")) == 1, text


@pytest.mark.parametrize("command,args,words", [
    ("lot.close", dict(lot=UNKNOWN), [UNKNOWN]),
    ("lot.open", dict(farmer="W0000000", product="dangshen-lu"), ["W0000000"]),
    ("lot.open", dict(product="dangshen-lu"), ["farmer"]),
    ("lot.opn", dict(), ["lot.opn", "lot.open"]),
    ("product.add", dict(product="x", crop="codonopsis", gtin="06901234567893", name_zh="x", name_en="x"),
     ["06901234567893"]),
    ("run.start", dict(line="s7", lots=[UNKNOWN], ruleset="lu", product="dangshen-lu"), ["s7"]),
    ("station.accept", dict(station="st9", placement=1, shown_mg=1, purpose="intake"), ["st9"]),
    ("weighing.void", dict(weighing="st1-99999", reason="x"), ["st1-99999"]),
])
def test_wrong_request(shop, command, args, words):
    head = shop.status()["head"]
    with pytest.raises(Refused) as e:
        shop.hands.call(command, **args)
    assert all(w in e.value.text for w in words), e.value
    assert shop.status()["head"] == head


def test_rules_that_the_line_cannot_measure(shed_of):
    """A line that only weighs: rules by diameter are refused before anything is drawn, rules by weight run."""
    s = shed_of()
    s.start_sim([sorter("s1"), "scale:name=w1,port=0,unit=1,settle-ms=60"])
    s.write_config(lines=[s.line_config("s1", map="mailbox-v1-weight")], **s.quick_scale())
    s.start_daemon()
    h = Hands(s).prepare()
    h.check_scale()
    lot = h.intake(h.farmers[0], [5000000])
    wait_for("the line", lambda: s.line()["state"] in ("execute", "suspended"), 8)
    head = s.status()["head"]
    for rules in ("lu", "tiao"):
        code, text = s.lotline("do", "run.start", "line=s1", f'lots=["{lot}"]', f"ruleset={rules}",
                               "product=dangshen-lu")
        assert code == 1 and len(text.strip().split("\n")) == 1, text
        assert all(w in text for w in ("s1", f"rule set {rules}", "head_diameter", "mailbox-v1-weight", "lu-weight")), text
    assert s.status()["head"] == head and s.line()["run"] == 0
    assert s.lotline("lot", "show", lot)[1]["on_hand_mg"] == 5000000
    assert h.run([lot], ruleset="lu-weight")["run"] == 1
    s.stop()


def test_oversized_request(shop):
    with shop.control() as c:
        c.s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        c.s.send(json.dumps({"command": "coop.set", "args": {"name_en": "x" * 70000}}).encode())
        answer = c.recv()
        assert not answer["ok"] and answer["error"]["code"] == "ERR_TOOBIG", answer
        c.s.send(b"{not json")
        assert c.recv()["error"]["code"] == "ERR_PARSE"
        assert c.call("ping")["head"] >= 0                             # the connection lives
    port = shop.web_port["public"]
    for head, body, status in ((f"GET /{'x' * 3000} HTTP/1.1", b"", (414, 400, 431)),
                               ("POST /B/0000000000/report HTTP/1.1\r\nContent-Length: 200000\r\n"
                                "Content-Type: application/x-www-form-urlencoded", b"a" * 200000, (413,))):
        assert raw_status(port, head, body) in status


def raw_status(port, head, body):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.settimeout(5)
        s.sendall(head.encode() + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        try:
            s.sendall(body)
        except OSError:
            pass
        return int(s.recv(4096).split()[1])


@pytest.mark.parametrize("path,words", [
    ("/01/06901234567893/10/G261124-A007K", ["06901234567893"]),           # check digit
    ("/01/123/10/G261124-A007K", ["123"]),
    ("/01/06901234567892/10/G261124-A007X", ["G261124-A007X"]),            # check character
    ("/B/!!!", ["!!!"]),
    ("/10/%ff%fe", []),
])
def test_malformed_digital_link(shop, path, words):
    code, _, body = shop.get(path, headers={"Accept-Language": "en"})
    assert code == 400 and all(w in body.decode(errors="replace") for w in words), body[:600]


def test_busy_port(shop):
    port = shop.web_port["public"]
    r = run(shop, shop.build / "lotline-web", "--role", "public", "--store", shop.store, "--socket", shop.socket,
            "--listen", f"127.0.0.1:{port}")
    assert r.returncode in (1, 3) and str(port) in r.stderr, r.stderr


def test_no_broker(shop):
    """Nobody listens: said once, with the address; the program waits."""
    shop.mqtt_port = free_port()
    p = shop.start_sink("lonely", status=False)
    wait_for("the log", lambda: str(shop.mqtt_port) in p.tail(50), 5)
    time.sleep(1.5)
    assert p.running() and p.tail(100).count(f":{shop.mqtt_port}") == 1
    sink = next(x for x in shop.status()["sinks"] if x["sink"] == "lonely")
    assert sink["state"] in ("offline", "connecting") and sink["why"]
    p.stop()


@pytest.mark.parametrize("change,words", [(dict(stram="x"), ["stram", "stream"]), (dict(port=0), ["port"]),
                                          (dict(coop="Zhai Dian"), ["coop"])])
def test_wrong_sink_configuration(shop, change, words):
    doc = dict(sink="wrong", coop="demo", store=str(shop.store), socket=str(shop.socket), state=str(shop.run),
               stream="market", client_id="x")
    doc.update(change)
    path = shop.path("wrong-sink.yaml")
    path.write_text(json.dumps(doc))
    r = run(shop, shop.build / "lotline-mqtt", "--config", path)
    assert r.returncode == 1 and str(path) in r.stderr and all(w in r.stderr for w in words), r.stderr


def test_nobody_there(bare):
    code, text = bare.lotline("status")
    assert code == 3 and str(bare.socket) in text
    code, text = bare.lotline("lot", "list")
    assert code in (1, 3) and str(bare.store) in text


def test_record_of_a_newer_program(shed_of):
    s = shed_of()
    s.write_config(lines=[], scales=[], stations=[])
    s.start_daemon()
    s.stop()
    db = sqlite3.connect(s.db)
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    r = run(s, s.build / "lotlined", "--config", s.path("lotlined.yaml"))
    assert r.returncode == 1 and "store.db" in r.stderr and "newer" in r.stderr, r.stderr


def test_lost_key(shed_of):
    """A record whose signing key is gone is not continued with another one."""
    s = shed_of()
    s.write_config(lines=[], scales=[], stations=[])
    s.start_daemon()
    s.stop()
    s.path("site.key").unlink()
    r = run(s, s.build / "lotlined", "--config", s.path("lotlined.yaml"))
    assert r.returncode == 1 and "site.key" in r.stderr, r.stderr
    assert not s.path("site.key").exists()
