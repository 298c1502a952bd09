"""The simulated indicator and the late slave, over TCP and over a pseudo terminal."""
import time

import pytest

from modbus_client import Exceptional, RtuMaster, Silent, TcpMaster
from modbus_frames import rtu_frame
from peer_process import Peer
from wtx_model import Wtx, WtxOptions

MOVING, HANDSHAKE, OK = 1 << 4, 1 << 14, 1 << 15


def net_gross_status(registers):
    def wide(at):
        value = registers[at] << 16 | registers[at + 1]
        return value - (1 << 32) if value >> 31 else value
    return wide(0), wide(2), registers[4]


class Indicator:
    """The model with a hand on time."""

    def __init__(self, **options):
        self.now = 0.0
        self.wtx = Wtx(WtxOptions(**options), self.now)

    def read(self):
        return self.wtx.read(0, 38, self.now)

    def load(self, grams, wait=700):
        self.wtx.load(grams, self.now)
        self.now += wait
        return net_gross_status(self.read())

    def command(self, bit):
        """The vendor's handshake; returns b15."""
        self.wtx.write(0, [bit], self.now)
        assert not self.read()[5] & HANDSHAKE
        self.now += 30
        assert self.read()[5] & HANDSHAKE
        self.wtx.write(0, [0], self.now)
        self.now += 30
        assert not self.read()[5] & HANDSHAKE
        return bool(self.read()[5] & OK)


def test_indicator_is_moving_until_it_has_settled_and_shows_steps_of_2_g():
    scale = Indicator()
    assert scale.load(25001, wait=100)[2] & MOVING
    net, gross, status = scale.load(25001)
    assert net == gross == 25000 and not status & MOVING
    assert scale.read()[5] == 3 << 4                    # three decimals, kg


def test_indicator_tares_zeroes_and_records_by_handshake():
    scale = Indicator()
    scale.load(10)
    assert scale.command(1 << 6) and net_gross_status(scale.read())[1] == 0
    scale.load(1010)
    assert scale.command(1) and net_gross_status(scale.read())[:2] == (0, 1000)
    net, gross, status = scale.load(6010)
    assert (net, gross) == (5000, 6000) and status & 1 << 7
    assert scale.command(1 << 14) and scale.read()[12:15] == [1, 6000, 5000]


def test_indicator_refuses_tare_while_moving_and_zero_under_load():
    scale = Indicator()
    scale.load(5000)
    scale.wtx.shake(10000, scale.now)
    assert not scale.command(1)
    scale.now += 20000
    assert not scale.command(1 << 6)


def test_indicator_takes_a_typed_tare_from_another_register_than_it_shows_there():
    scale = Indicator(unit="g")
    scale.load(3000)
    scale.wtx.write(2, [0, 500], scale.now)
    assert net_gross_status(scale.read())[:2] == (3000, 3000)
    assert scale.command(1 << 11) and net_gross_status(scale.read())[:2] == (2500, 3000)
    assert net_gross_status(scale.read())[2] & 1 << 6


def test_indicator_shows_overload_safe_load_underload_and_a_lost_cell():
    scale = Indicator()
    limits = [scale.load(g)[2] >> 2 & 3 for g in (30000, 30100, 46000, -100)]
    assert limits == [0, 2, 3, 1]
    scale.wtx.broken = True
    assert net_gross_status(scale.read())[2] & 1


def test_frozen_indicator_answers_with_the_same_registers_whatever_happens():
    scale = Indicator()
    scale.load(700)
    before = scale.read()
    scale.wtx.freeze(True, scale.now)
    scale.load(9000)
    assert scale.read() == before


def exercise_scale(master, peer):
    assert master.read(4, 2)[1] == 3 << 4
    peer.tell("load", g=12346)
    assert master.read(4, 1)[0] & MOVING
    time.sleep(0.35)
    assert net_gross_status(master.read(0, 38))[:2] == (12346, 12346)
    master.write_single(0, 1)
    until = time.monotonic() + 3
    while not master.read(5, 1)[0] & HANDSHAKE:
        assert time.monotonic() < until
    master.write(0, [0])
    while master.read(5, 1)[0] & HANDSHAKE:
        assert time.monotonic() < until
    assert master.read(5, 1)[0] & OK and master.read(0, 2) == [0, 0]
    for request in (lambda: master.read(30, 9), lambda: master.write(10, [1])):
        with pytest.raises(Exceptional) as no:
            request()
        assert no.value.code == 2
    with pytest.raises(Exceptional) as no:
        master.request(bytes.fromhex("04 0000 0001"))
    assert no.value.code == 1


def test_indicator_on_tcp():
    with Peer("scale_wtx.py", "--tcp", 0, "--settle-ms", 300) as peer:
        master = TcpMaster(peer.ready["port"], unit=0)
        exercise_scale(master, peer)
        master.close()


def test_indicator_on_a_serial_line_answers_its_own_unit_only():
    with Peer("scale_wtx.py", "--serial", "pty", "--settle-ms", 300) as peer:
        master = RtuMaster(peer.ready["serial"])
        exercise_scale(master, peer)
        other = RtuMaster(peer.ready["serial"], unit=2, timeout=0.1)
        with pytest.raises(Silent):
            other.read(0, 2)
        other.close()
        master.close()


@pytest.fixture(scope="module")
def slave():
    with Peer("late_slave.py", "--tcp", 0, "--serial", "pty", "--const", 11) as peer:
        yield peer


@pytest.fixture(params=["tcp", "rtu"])
def master(slave, request):
    slave.tell("clear")
    made = TcpMaster(slave.ready["port"], timeout=0.3) if request.param == "tcp" else \
        RtuMaster(slave.ready["serial"], timeout=0.3)
    yield made
    made.close()
    time.sleep(0.02)


def pattern(addr, count):
    return [(a * 7 + 11) & 0xFFFF for a in range(addr, addr + count)]


def test_slave_answers_with_values_that_name_the_register(master):
    assert master.read(40, 3) == pattern(40, 3) and master.read(60000, 2) == pattern(60000, 2)
    master.write(300, [5, 6])
    master.write_single(302, 7)
    assert master.read(299, 5) == pattern(299, 1) + [5, 6, 7] + pattern(303, 1)


def test_late_reply_comes_after_the_master_gave_up_and_would_pass_for_the_next_one(slave):
    master = RtuMaster(slave.ready["serial"], timeout=0.3)
    slave.tell("clear")
    slave.tell("delay", ms=400, concurrent=True)
    with pytest.raises(Silent):
        master.read(100, 2)
    time.sleep(0.15)
    late = master._read_frame(time.monotonic() + 1)
    assert late == rtu_frame(1, bytes([3, 4]) + b"".join(v.to_bytes(2, "big") for v in pattern(100, 2)))
    assert master.read(200, 2) == pattern(200, 2)
    master.close()


def test_late_reply_on_tcp_is_told_apart_by_its_transaction(slave):
    slave.tell("clear")
    slave.tell("delay", ms=350, every=3)
    master = TcpMaster(slave.ready["port"], timeout=0.2)
    answers = []
    for addr in range(6):
        try:
            answers.append(master.read(addr, 2) == pattern(addr, 2))
        except Silent:
            answers.append(None)
            time.sleep(0.2)
    assert answers == [True, True, None] * 2
    master.close()


@pytest.mark.parametrize("fault, outcome", [
    ("wrong-unit", (Silent, ValueError)), ("truncate", (Silent, ValueError)), ("silent", Silent),
    ("exception", Exceptional)])
def test_spoiled_reply_is_never_taken_and_the_next_one_is_whole(slave, master, fault, outcome):
    slave.tell(fault)
    with pytest.raises(outcome):
        master.read(70, 2)
    if fault == "truncate":
        time.sleep(0.01)
        master.buffer = bytearray()
    assert master.read(80, 2) == pattern(80, 2)


def test_flipped_bit_breaks_the_crc_on_a_serial_line(slave):
    master = RtuMaster(slave.ready["serial"], timeout=0.3)
    slave.tell("clear")
    slave.tell("flip", skip=1)
    assert master.read(5, 2) == pattern(5, 2)
    with pytest.raises(ValueError):
        master.read(5, 2)
    master.close()


def test_duplicate_reply_and_wrong_echo_are_sent(slave, master):
    slave.tell("duplicate")
    assert master.read(9, 1) == pattern(9, 1)
    time.sleep(0.02)
    assert master.read(10, 1) == pattern(10, 1)
    slave.tell("wrong-echo", function=16)
    with pytest.raises(ValueError):
        master.write(400, [1, 2])
    assert slave.tell("stat")["faults"] == [["duplicate", 1], ["wrong-echo", 1]]
