"""Replies that come late or wrong, over TCP and over an RTU line, through lotlined: no value is ever taken
for that of another register, and all is well again when the slave is. Sorters on RTU lines."""
import time

import pytest
from sorting import Belt, sorter
from peer_process import Peer
from rig.hands import Hands
from rig.proc import wait_for

CONST = 1000
MAP = """map: late-slave
version: 1.0.0
kind: registers
title: A slave whose registers tell which request was answered
source: tests/peers/late_slave.py
confidence: A
link: {fc: [3], max_read: 16, timeout_ms: 100, guard_us: 2000, turnaround_ms: 20}
records:
  - name: one
    area: holding
    addr: 100
    words: 1
    period_ms: 50
    source: its docstring
    confidence: A
    fields: [{role: drive.speed, at: 0, type: u16}]
  - name: two
    area: holding
    addr: 200
    words: 2
    period_ms: 50
    source: its docstring
    confidence: A
    fields: [{role: drive.current, at: 0, type: u16}]
  - name: three
    area: holding
    addr: 300
    words: 3
    period_ms: 50
    source: its docstring
    confidence: A
    fields: [{role: drive.fault, at: 0, type: u16}]
vectors:
  - name: what the slave says
    origin: constructed
    frames:
      - {addr: 100, words: [1700]}
      - {addr: 200, words: [2400, 2407]}
      - {addr: 300, words: [3100, 3107, 3114]}
    expect: {drive.speed: 1700, drive.current: 2400, drive.fault: 3100}
"""
TRUE = {"speed_mhz": 100 * 7 + CONST, "current_ma": 200 * 7 + CONST, "fault": 300 * 7 + CONST}
FAULTS = [dict(do="delay", ms=ms, every=3) for ms in (101, 150, 450, 900)] + \
         [dict(do="delay", ms=150, every=4, concurrent=True), dict(do="duplicate", every=2),
          dict(do="truncate", every=3), dict(do="wrong-unit", every=3), dict(do="silent", every=3), dict(do="exception", every=3)]
ONLY = {"tcp": [dict(do="wrong-tid", every=3)],
        "rtu": [dict(do="flip", every=3, bit=b) for b in (9, 27)]}


@pytest.fixture(scope="module", params=["tcp", "rtu"])
def slave(request, module_shed_of):
    s = module_shed_of(request.param)
    p = Peer("late_slave.py", "--const", CONST, *(("--tcp", 0) if request.param == "tcp" else
                                                  ("--serial", "pty", "--baud", 115200)))
    at = dict(host="127.0.0.1", port=p.ready["port"]) if request.param == "tcp" else \
        dict(serial=p.ready["serial"], baud=115200)
    s.path("maps").mkdir()
    s.path("maps/late-slave.yaml").write_text(MAP)
    s.write_config(lines=[], scales=[], stations=[], maps=str(s.path("maps")),
                   drives=[dict(name="d1", unit=1, map="late-slave", poll_ms=100, **at)])
    s.start_daemon()
    p.shed, p.link = s, request.param
    yield p
    s.stop()
    p.stop()


def watch(shed, seconds):
    """Every reading that lotlined showed in this time."""
    seen, end = [], time.monotonic() + seconds
    with shed.control() as c:
        while time.monotonic() < end:
            seen.append(c.call("status")["drives"][0])
            time.sleep(0.01)
    return seen


def fresh(shed):
    d = shed.status()["drives"][0]
    return d["link_up"] and 0 <= d["age_ms"] < 400 and {k: d[k] for k in TRUE} == TRUE


def test_no_reply_is_taken_for_another(slave):
    for fault in FAULTS + ONLY[slave.link]:
        wait_for("the slave", lambda: fresh(slave.shed), 5)
        slave.tell(**fault)
        for _ in range(20):
            for d in watch(slave.shed, 0.25):
                assert all(d[k] in (0, v) for k, v in TRUE.items()), (fault, d)
            if slave.tell("stat")["faults"][0][1] >= 2:
                break
        struck = slave.tell("stat")["faults"]
        slave.tell("clear")
        assert struck[0][1] >= 2, fault
    wait_for("the slave again", lambda: fresh(slave.shed), 5)


@pytest.fixture(scope="module")
def hands(module_shed_of):
    """Two sorters, each on its own RTU line; one answers late now and then."""
    s = module_shed_of("rtu")
    ends = {n: s.run / f"tty-{n}" for n in ("clean", "noisy")}
    sorters = [sorter(n, pty=p, baud=115200, decision_ms=1500).replace("port=0,", "") for n, p in ends.items()]
    s.start_sim(sorters + ["scale:name=w1,port=0,unit=1,settle-ms=50"])
    lines = []
    for n in ends:
        line = s.line_config(n, port=1, serial=str(s.sim_devices[n]["pty"]), baud=115200, poll_ms=50)
        del line["host"], line["port"]
        lines.append(line)
    s.write_config(lines=lines, **s.quick_scale())
    s.start_daemon()
    h = Hands(s).prepare()
    h.check_scale()
    yield h
    s.stop()


@pytest.mark.parametrize("name", ["clean", "noisy"])
def test_sorter_on_a_serial_line(hands, name):
    belt = Belt(hands, name).start()
    if name == "noisy":
        belt.do("fault", kind="late", every=29, ms=260)
        belt.do("fault", kind="flip", every=31)
        belt.do("fault", kind="silence", every=37)
    belt.pass_through(25, rate=8)
    belt.do("fault-clear")
    r = belt.exact(gaps=0, items_stored=25)
    assert r["late"] == 0 or name == "noisy"
