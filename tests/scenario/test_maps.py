"""lotlined reading devices by the map language, with maps of the test's own and a device that knows only words:
a weighing module with two channels, identity and coils over TCP; single registers behind a slow RTU line."""
import time

import pytest
from peer_process import Peer
from rig.proc import wait_for

# General Measure GM8802F-2, manual p25-26: 0-1 weight 1, 2-3 state 1, 4-7 the same of channel 2, 26-27 "02F2",
# coil 300 stable, 301 overflow; "OFL" is 0x7F4F464C in the weight.
MODULE = """\
map: module
version: 1.0.0
kind: registers
title: Two-channel weighing module
source: General Measure GM8802F-2 manual, pages 25 and 26
confidence: A
link: {fc: [1, 3], max_read: 16, timeout_ms: 300, turnaround_ms: 20, units: [1-16]}
identity:
  - {addr: 26, text: "02F2", manual: 40027, source: page 26}
records:
  - name: weight and state
    addr: 0
    manual: 40001
    words: 4
    channels: {count: 2, stride: 4}
    source: page 25
    confidence: B
    weight: {decimals: 1, units: [g], bad_when: [scale.error]}
    fields:
      - {role: scale.net, at: 0, type: s32, sentinels: [0x7F455252, 0x7F4F4646, 0x7F4F464C]}
      - {role: scale.error, at: 3, type: flag, mask: 0x0010}
  - name: stable
    area: coil
    addr: 300
    manual: 00301
    bits: 2
    channels: {count: 2, stride: 6}
    source: page 25
    confidence: A
    fields:
      - {role: scale.stable, at: 0, type: flag, mask: 1, manual: 00301}
      - {role: scale.over, at: 0, type: flag, mask: 2}
vectors:
  - {name: identity, origin: constructed, frames: [{addr: 26, words: [0x3032, 0x4632]}]}
  - name: coils of the manual
    origin: manual page 25
    frames: [{area: coil, addr: 300, words: [1]}]
    expect: {scale.net: 0, scale.stable: 1}
"""
SINGLE = """\
map: single
version: 1.0.0
kind: registers
title: Single registers
source: none
confidence: C
link: {fc: [3], max_read: 1, timeout_ms: 60, turnaround_ms: 5}
records:
  - {name: a, addr: 0, words: 1, period_ms: 100, source: none, confidence: C,
     fields: [{role: drive.running, at: 0, type: flag, mask: 0xFFFF}]}
  - {name: b, addr: 5, words: 1, source: none, confidence: C, fields: [{role: drive.speed, at: 0, type: u16}]}
  - {name: c, addr: 9, words: 1, source: none, confidence: C, fields: [{role: drive.current, at: 0, type: u16}]}
vectors:
  - {name: v, origin: constructed, frames: [], expect: {drive.speed: 0, drive.current: 0}}
"""


@pytest.fixture
def shed(shed_of):
    s = shed_of()
    s.path("maps").mkdir()
    s.path("maps/module.yaml").write_text(MODULE)
    s.path("maps/single.yaml").write_text(SINGLE)
    return s


def part(shed, kind, name, holds, seconds=5):
    """What status says of a scale or drive, as soon as it is so."""
    with shed.control() as c:
        def look():
            found = [d for d in c.call("status")[kind + "s"] if d[kind] == name][0]
            return found if holds(found) else None
        return wait_for(f"{kind} {name}", look, seconds)


def weight(peer, channel, tenths):
    peer.tell("words", fc=3, addr=4 * channel, words=[tenths >> 16, tenths, 0, 0])


def module(peer):
    weight(peer, 0, 12345)
    weight(peer, 1, -250)
    peer.tell("words", fc=3, addr=26, words=[0x3032, 0x4632])
    peer.tell("bits", fc=1, addr=300, bits=[1, 0, 0, 0, 0, 1] * 2)


def test_two_channels_of_one_module(shed):
    with Peer("plain_device.py", "--tcp", 0, "--unit", 7) as peer:
        module(peer)
        scale = dict(host="127.0.0.1", port=peer.ready["port"], unit=7, map="module", max_g=9000, min_g=20,
                     e_mg=100, d_mg=100)
        shed.write_config(lines=[], stations=[], maps=str(shed.path("maps")),
                          scales=[dict(scale, name="a"), dict(scale, name="b", channel=1)])
        shed.start_daemon()
        assert part(shed, "scale", "a", lambda s: s["good"])["net_mg"] == 1234500
        assert part(shed, "scale", "b", lambda s: s["good"])["net_mg"] == -25000
        weight(peer, 0, 0x7F4F464C)                                    # OFL
        assert not part(shed, "scale", "a", lambda s: not s["good"])["refused"]
        assert part(shed, "scale", "b", lambda s: s["good"])["stable"]
        asked = peer.tell("stat")["asked"]
        assert set(asked) == {"3 26 2", "3 0 4", "1 300 2", "3 4 4", "1 306 2"}, asked
        assert asked["3 26 2"] == 2                                    # once for each, not at every poll


def test_another_device_gives_no_weight(shed):
    with Peer("plain_device.py", "--tcp", 0) as peer:
        module(peer)
        peer.tell("words", fc=3, addr=26, words=[0x3032, 0x4633])
        shed.write_config(lines=[], stations=[], maps=str(shed.path("maps")), scales=[
            dict(name="a", host="127.0.0.1", port=peer.ready["port"], map="module", max_g=9000, min_g=20, e_mg=100,
                 d_mg=100)])
        shed.start_daemon()
        seen = part(shed, "scale", "a", lambda s: s["refused"])
        assert not seen["good"] and seen["reads"] == 0 and seen["refused"]["zh"]
        with shed.control() as c:
            alarm = wait_for("the alarm", lambda: [a for a in c.call("status")["alarms"]
                                                   if a["code"] == "scale-refused"], 10)[0]
            assert "not the device" in alarm["text"]
            assert not [a for a in c.call("status")["alarms"] if a["code"] == "scale-silent"]
        assert set(peer.tell("stat")["asked"]) == {"3 26 2"}            # nothing else was asked
        peer.tell("words", fc=3, addr=26, words=[0x3032, 0x4632])
        assert part(shed, "scale", "a", lambda s: s["good"])["net_mg"] == 1234500


def test_units_are_held_against_the_map(shed):
    shed.write_config(lines=[], stations=[], maps=str(shed.path("maps")), scales=[
        dict(name="a", host="127.0.0.1", port=9, unit=17, map="module", max_g=9000, min_g=20, e_mg=100, d_mg=100)])
    p = shed.start_daemon(wait=False)
    wait_for("the end", lambda: not p.running())
    assert "a device of map module has no unit id 17" in p.tail()


def test_late_answers_of_single_registers_are_never_mixed_up(shed):
    """Every seventh answer comes when the next request, or the one after, has been sent; it fits any of the three."""
    with Peer("plain_device.py", "--serial", "pty") as peer:
        for addr, word in ((0, 1), (5, 20000), (9, 30000)):
            peer.tell("words", fc=3, addr=addr, words=[word])
        shed.write_config(lines=[], scales=[], stations=[], maps=str(shed.path("maps")), drives=[
            dict(name="d", serial=peer.ready["serial"], baud=115200, map="single", poll_ms=100)])
        shed.start_daemon()
        part(shed, "drive", "d", lambda d: d["link_up"] and d["speed_mhz"] == 20000)
        peer.tell("late", every=7, ms=[150, 400])
        looked = 0
        with shed.control() as c:
            until = time.monotonic() + 12
            while time.monotonic() < until:
                d = c.call("status")["drives"][0]
                assert (d["speed_mhz"], d["current_ma"]) == (20000, 30000), d
                looked += 1
                time.sleep(0.02)
        assert looked > 50 and len(peer.tell("stat")["asked"]) == 3
        peer.tell("late", every=0, ms=[0, 0])
        part(shed, "drive", "d", lambda d: d["link_up"] and d["age_ms"] < 300)
