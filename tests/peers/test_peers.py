"""The sorter and the host of this folder against each other, over real TCP connections."""
import os
import random
import socket
import time

import pytest

import peer_plays
from mailbox_layout import Head
from modbus_client import Exceptional, Silent, TcpMaster
from modbus_frames import read_request, tcp_frame
from peer_plays import Play, Plays

SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))


@pytest.fixture(scope="module")
def plays(tmp_path_factory):
    runs = Plays(tmp_path_factory.mktemp("plays"), SEED)
    yield runs
    runs.close()


@pytest.fixture
def play(plays, request):
    """The run that stands in the test's mark."""
    print("SEED", SEED)
    return plays.get(request.param)


def of(run):
    return pytest.mark.parametrize("play", [run], indirect=True, ids=[""])


@of(peer_plays.torn)
def test_every_item_is_stored_once_and_goes_where_it_was_decided(play):
    assert play.notes["items"] == play.notes["outcomes"] == 40 and play.notes["by_reason"] == {"1": 40}
    assert set(play.stored()) == set(play.posted()) and play.told() == play.fired()
    assert play.notes["wrong_outlet"] == 0 and play.notes["gaps"] == [] and play.altered() == []
    assert play.truth("violation") == []


@of(peer_plays.without_checks)
def test_plc_without_checks_at_other_addresses_is_read_by_two_equal_reads(play):
    assert play.notes["items"] == play.notes["outcomes"] == 20 and play.altered() == []
    assert set(play.stored()) == set(play.posted()) and play.told() == play.fired()
    assert play.truth("violation") == []


@of(peer_plays.bad_items)
def test_bad_items_are_stored_and_get_the_outlet_for_bad_quality(play):
    assert play.notes["items"] == 25 and play.notes["unreadable"] == 1 and play.notes["wrong_outlet"] == 0
    assert play.stored()[play.notes["epochs"][0], 5] is None and play.altered() == []
    assert play.notes["by_outlet"].get("3", 0) > 0 and play.truth("violation") == []


@of(peer_plays.retentive_reboot)
def test_retentive_reboot_loses_nothing_and_what_was_on_the_belt_goes_to_default(play):
    cut = sum(e["n"] for e in play.truth("unnumbered"))
    assert len(play.truth("epoch")) == 1 and len(play.stored()) + cut == 30
    assert set(play.stored()) == set(play.posted()) and play.told() == play.fired()
    untracked = [e for e in play.truth("outcome") if e["reason"] == 5]
    assert untracked and all(e["outlet"] == 4 for e in untracked) and play.truth("violation") == []


@of(peer_plays.volatile_reboot)
def test_volatile_reboot_loses_only_what_was_not_acknowledged_and_the_new_epoch_declares_the_rest(play):
    reboot, = play.truth("reboot")
    missing = set(play.posted()) - set(play.stored())
    assert all(epoch == reboot["epoch"] and seq >= reboot["oldest"] for epoch, seq in missing)
    assert set(play.stored()) <= set(play.posted()) and len(play.truth("epoch")) == 2
    declared = sum(count for epoch, _, _, count in play.journal("gap") if epoch != reboot["epoch"])
    assert declared == sum(e["n"] for e in play.truth("unnumbered"))
    assert play.altered() == [] and play.truth("violation") == []


@of(peer_plays.host_killed)
def test_host_killed_between_slots_and_commit_adopts_its_slots(play):
    assert play.notes["died"] == 9 and play.notes["recovered"] >= 1 and play.notes["duplicates"] == 0
    assert set(play.stored()) == set(play.posted()) and play.truth("violation") == []


@of(peer_plays.overwritten)
def test_overwritten_items_are_a_gap_with_bounds(play):
    assert [gap[1:3] for gap in play.notes["gaps"]] == [[11, 24]]
    assert play.notes["lost"] == 14 and play.notes["outcome_gaps"] == 14
    assert {seq for _, seq in set(play.posted()) - set(play.stored())} == set(range(11, 25))
    assert {e["reason"] for e in play.truth("outcome")} <= {1, 4} and play.truth("violation") == []


@of(peer_plays.old_image)
def test_old_image_in_the_plc_quarantines_the_host_until_a_person_clears(play):
    assert play.notes["before"]["epoch"] == play.notes["epochs"][0] and play.notes["before"]["oldest"] == 7
    assert len(play.notes["epochs"]) == 2 and play.notes["items"] == 18 and play.notes["duplicates"] == 0
    assert play.truth("violation") == []


@of(peer_plays.stopped_and_blocked)
def test_blocked_and_untracked_items_go_to_the_default_outlet(play):
    assert play.notes["blocked"] == {"1": 6, "3": 6}
    assert {e["outlet"] for e in play.truth("outcome") if e["reason"] in (3, 5)} == {4}
    assert any(e["reason"] == 5 for e in play.truth("outcome")) and play.truth("violation") == []


@pytest.fixture
def quiet(tmp_path):
    """A sorter without items, for requests by hand."""
    return Play(tmp_path, SEED)


def refusal(call, *args):
    with pytest.raises(Exceptional) as no:
        call(*args)
    return no.value.code


def test_requests_that_the_contract_refuses_get_their_exception_and_wrong_units_get_silence(quiet):
    with quiet.sorter() as plc:
        master = TcpMaster(plc.ready["port"], timeout=0.4)
        end = 32 + 24 * 64
        assert [refusal(master.request, bytes([fc, 0, 0, 0, 1])) for fc in (1, 2, 4, 5, 6, 17, 43)] == [1] * 7
        assert refusal(master.read, end + 16 + 4 * 64, 1) == 2 and refusal(master.write, 0, [1]) == 2
        assert refusal(master.write, end + 12, [0] * 8) == 2 and refusal(master.write, end + 17, [0] * 4) == 2
        assert refusal(master.read, 0, 126) == 3
        assert master.read(0, 2) == [0x4D42, 0x0100]
        master.unit = 2
        with pytest.raises(Silent):
            master.read(0, 2)
        master.unit = 1
        assert master.read(0, 1) == [0x4D42]
        master.close()
    assert len(quiet.truth("violation")) == 12 and len(quiet.truth("silence")) == 1


def test_fc23_works_only_where_it_is_allowed(quiet):
    with quiet.sorter("--fc23") as plc:
        master = TcpMaster(plc.ready["port"])
        reply = master.request(bytes.fromhex("17 0000 0002") + (32 + 24 * 64 + 15).to_bytes(2, "big") +
                               bytes.fromhex("0001 02 0000"))
        assert reply == bytes.fromhex("17 04 4D42 0100")
        assert refusal(master.request, bytes.fromhex("17 0000 0002 0000 0001 02 0000")) == 2
        master.close()


def test_second_connection_is_refused_until_the_first_was_silent_for_a_second(quiet):
    with quiet.sorter() as plc:
        first = TcpMaster(plc.ready["port"])
        assert first.read(0, 1) == [0x4D42]
        second = TcpMaster(plc.ready["port"])
        with pytest.raises((ConnectionError, Silent)):
            second.read(0, 1)
        second.close()
        assert first.read(0, 1) == [0x4D42]
        time.sleep(1.1)
        third = TcpMaster(plc.ready["port"])
        assert third.read(0, 1) == [0x4D42]
        with pytest.raises((ConnectionError, Silent)):
            first.read(0, 1)
        first.close()
        third.close()


def test_request_that_comes_in_two_pieces_is_answered(quiet):
    with quiet.sorter() as plc:
        with socket.create_connection(("127.0.0.1", plc.ready["port"]), timeout=2) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            frame = tcp_frame(9, 1, read_request(Head.RING_N, 1))
            wire.sendall(frame[:5])
            time.sleep(0.05)
            wire.sendall(frame[5:])
            assert wire.recv(100) == tcp_frame(9, 1, bytes.fromhex("03 02 0040"))
