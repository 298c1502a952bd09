"""The simulated XK3190 against the frames that its manuals print, byte by byte."""
import pytest
from peer_process import Peer
from xk3190_frames import FORMATS, asked_command, drifted
from xk3190_model import Indicator


def showing(grams, max_g=100000):
    one = Indicator(max_g, 1, 0)
    one.load(grams, 0)
    return one


@pytest.mark.parametrize("kind,grams,decimals,frame", [
    ("continuous", 20000, 2, bytes.fromhex("02 2B 30 30 32 30 30 30 32 31 42 03")),       # DS1 p6
    ("continuous", 25000, 1, b"\x02+00025011D\x03"),                                      # A1+
    ("continuous", 40380, 2, b"\x02+004038216\x03"),                                      # A9
    ("equals", 3000, 3, b"=000.3000"), ("equals", -1000, 2, b"=00.1000-"),                # A26 p11
    ("equals-high", 3000, 3, b"=0003.000"), ("equals-high", -1000, 2, b"=-0001.00"),      # A26 p11
    ("a12", 4139, 3, bytes.fromhex("57 47 30 30 34 2E 31 33 39 6B 67 33 44 0D 0A")),      # A12 p12
    ("a12", 150000, 3, bytes.fromhex("20 20 20 20 20 20 20 20 20 4F 4C 32 33 0D 0A")),    # A12 p12, over
    ("a12", -500, 3, bytes.fromhex("20 20 20 20 20 20 20 20 20 4C 4F 32 33 0D 0A")),      # A12 p12, under
])
def test_frames_are_the_manuals(kind, grams, decimals, frame):
    assert FORMATS[kind](showing(grams), decimals, 1) == frame


@pytest.mark.parametrize("letter,request_bytes", [
    ("A", "02 41 41 30 30 03"), ("B", "02 41 42 30 33 03"), ("C", "02 41 43 30 32 03"), ("D", "02 41 44 30 35 03")])
def test_requests_are_the_manuals(letter, request_bytes):
    assert asked_command(bytes.fromhex(request_bytes)) == ("A", letter)


def test_the_handshake_is_answered_as_the_manual_says():
    assert FORMATS["asked"](showing(0), 2, 1, "A", "A") == bytes.fromhex("02 41 41 30 30 03")         # DS1 p7


@pytest.mark.parametrize("junk", ["02 41 45 30 30 03", "02 41 47 30 34 03", "03 41 42 30 33 03", "02 61 42 32 33 03"])
def test_what_is_no_request_is_none(junk):
    assert asked_command(bytes.fromhex(junk)) is None


def test_a_tare_is_taken_off_what_is_shown():
    one = showing(1000)
    assert one.tare(1)
    one.load(6000, 2)
    assert (one.gross_g(3), one.shown_g(3)) == (6000, 5000)
    assert FORMATS["a12"](one, 3, 3)[:11] == b"WN005.000kg"


def test_a_drift_leaves_no_frame_as_it_was():
    frame = FORMATS["continuous"](showing(20000), 2, 1)
    assert all(frame not in drifted(frame, shift) for shift in range(1, 8))


def test_it_runs_and_obeys():
    with Peer("xk3190.py", "--serial", "pty", "--settle-ms", 0) as peer:
        assert peer.tell("load", g=5000)["ok"]
        assert peer.wait_for(lambda stat: stat["frames"] > 3)["shown_g"] == 5000
        assert not peer.tell("dance")["ok"]
