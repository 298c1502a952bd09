"""The PLC side of the mailbox as a pure class, rule by rule, without a network or a clock."""
import pytest

from mailbox_bench import EPOCH, Bench
from mailbox_layout import Head, Host, MASK32, Out, Rec, State, check, get32, outcome_check, record_check
from mailbox_rings import Item
from modbus_frames import Refused, crc16


def test_crc_is_modbus_and_a_check_is_never_zero():
    assert crc16(b"123456789") == 0x4B37
    zero = next([a, b] for a in range(0x10000) for b in [crc16(a.to_bytes(2, "big"))]
                if crc16(a.to_bytes(2, "big") + (b & 0xFF).to_bytes(1, "big") + (b >> 8).to_bytes(1, "big")) == 0)
    zero[1] = (zero[1] & 0xFF) << 8 | zero[1] >> 8
    assert check(zero) == 0xFFFF


def test_header_of_a_plc_without_epoch_is_empty_and_inhibits_infeed():
    head = Bench().header()
    assert [get32(head, at) for at in (Head.EPOCH, Head.HEAD_SEQ, Head.OLDEST_SEQ, Head.OUT_HEAD)] == [0, 0, 1, 0]
    assert get32(head, Head.BOOT_NONCE) != 0
    assert head[Head.STATE] & State.INHIBITED and not head[Head.STATE] & State.HOST_OK


def test_heartbeat_changes_within_100_ms():
    bench = Bench()
    before = bench.header()[Head.HEARTBEAT]
    bench.run(100)
    assert bench.header()[Head.HEARTBEAT] != before


def test_epoch_is_adopted_only_with_its_nonce_and_its_check():
    bench = Bench()
    bench.beat(NEW_EPOCH=EPOCH, NEW_EPOCH_NONCE=(bench.box.boot_nonce + 1) & MASK32)
    assert bench.head32(Head.EPOCH) == 0
    bench.beat(spoil=Host.EPOCH_CHECK, NEW_EPOCH_NONCE=bench.box.boot_nonce)
    assert bench.head32(Head.EPOCH) == 0
    bench.adopt()


def test_adoption_clears_slots_and_counts_what_passed_unnumbered():
    bench = Bench()
    bench.slot(3, 2)
    bench.post(), bench.post()
    bench.adopt()
    assert bench.header()[Head.LOST_COUNT] == 2 and bench.head32(Head.HEAD_SEQ) == 0
    assert bench.box.read(bench.lay.h + bench.lay.slot_at(3), 4, bench.now) == [0, 0, 0, 0]


def test_record_is_written_tail_inverted_first_and_head_seq_last():
    bench = Bench().adopt()
    bench.box.post(Item(weight=1234, aux1=1150))
    at, tails = bench.lay.base_b + bench.lay.record_at(1), []
    while bench.head32(Head.HEAD_SEQ) == 0:
        tails.append(bench.box.read(at + Rec.TAIL, 1, bench.now)[0])
        bench.run(4)
    assert 0xFFFE in tails
    record = bench.look(1)
    assert get32(record, Rec.SEQ) == 1 and record[Rec.TAIL] == 1 and record[Rec.CHECK] == record_check(EPOCH, record)
    assert get32(record, Rec.WEIGHT) == 1234 and record[Rec.FORMAT] == 0x0202 and record[Rec.AUX1] == 1150


@pytest.mark.parametrize("seq, epoch, spoil, oldest", [
    (2, EPOCH, None, 3), (3, EPOCH, None, 4), (4, EPOCH, None, 1), (0, EPOCH, None, 1), (2, EPOCH + 1, None, 1),
    (2, 0, None, 1), (2, EPOCH, Host.ACK_CHECK, 1)])
def test_ack_counts_only_with_check_and_epoch_and_within_what_is_held(seq, epoch, spoil, oldest):
    bench = Bench().adopt()
    bench.post(3)
    assert bench.ack(seq, epoch=epoch, spoil=spoil) == oldest


def test_lower_and_repeated_acks_are_ignored():
    bench = Bench().adopt()
    bench.post(3)
    assert [bench.ack(2), bench.ack(1), bench.ack(2), bench.ack(3)] == [3, 3, 3, 4]


def test_acknowledged_records_are_scrubbed_and_held_ones_are_not():
    bench = Bench().adopt()
    bench.post(2)
    one, two = bench.look(1), bench.look(2)
    bench.ack(1)
    assert bench.look(1) != one and bench.look(2) == two


def test_first_valid_slot_is_taken_and_a_different_one_later_is_a_violation():
    bench = Bench().adopt()
    bench.post()
    bench.slot(1, 2)
    bench.slot(1, 3)
    assert bench.decide(1) == (2, 1) and bench.broken_rules() == [5]


def test_slot_that_stands_before_its_item_is_posted_is_taken():
    bench = Bench().adopt()
    bench.slot(1, 3)
    bench.post()
    assert bench.decide(1) == (3, 1)


def test_slot_of_another_epoch_or_with_a_wrong_check_is_not_taken():
    bench = Bench().adopt()
    bench.post()
    bench.slot(1, 2, epoch=EPOCH + 0x10000)
    bench.slot(1, 2, epoch=EPOCH ^ 1)
    assert bench.decide(1) == (4, 2)
    bench.run(4)
    assert bench.header()[Head.LATE_COUNT] == 1


def test_slot_after_the_decision_point_is_logged_late_and_changes_nothing():
    bench = Bench().adopt()
    bench.post()
    assert bench.decide(1) == (4, 2)
    bench.slot(1, 1)
    assert [e["late"] for e in bench.events if e["ev"] == "slot"] == [True]


def test_slot_once_valid_stays_valid_when_the_host_dies_and_without_one_the_reason_is_4():
    bench = Bench().adopt()
    bench.post(2)
    bench.slot(1, 2)
    bench.run(1200)
    assert not bench.state() & State.HOST_OK
    assert bench.decide(1) == (2, 1) and bench.decide(2) == (4, 4)


@pytest.mark.parametrize("outlet", [0, 5, 3])
def test_outlet_that_does_not_exist_or_is_blocked_goes_to_default_for_reason_3(outlet):
    bench = Bench().adopt()
    bench.box.blocked = 1 << 2 | 1 << 3
    bench.post()
    bench.slot(1, outlet)
    assert bench.decide(1) == (4, 3)


def test_blocked_outlet_goes_to_the_overflow_outlet_when_there_is_one():
    bench = Bench(overflow_outlet=2).adopt()
    bench.box.blocked = 1
    bench.post()
    bench.slot(1, 1)
    assert bench.decide(1) == (2, 3)


def test_outcome_is_readable_and_names_where_the_item_went():
    bench = Bench().adopt()
    bench.post()
    bench.box.record_outcome(1, 2, 1)
    bench.run(40)
    words = bench.box.read(bench.lay.base_b + bench.lay.outcome_at(1), 8, bench.now)
    assert bench.head32(Head.OUT_HEAD) == 1 and words[Out.CHECK] == outcome_check(EPOCH, words)
    assert [get32(words, Out.INDEX), get32(words, Out.SEQ), words[Out.OUTLET], words[Out.REASON]] == [1, 1, 2, 1]


def test_full_ring_inhibits_infeed_k_items_early_and_loses_nothing():
    bench = Bench(transit_k=3).adopt()
    bench.post(12)
    assert bench.box.infeed_open() and not bench.state() & State.INHIBITED
    bench.post()
    assert not bench.box.infeed_open() and bench.state() & State.INHIBITED
    bench.post(3)
    assert bench.head32(Head.HEAD_SEQ) == 16 and bench.header()[Head.LOST_COUNT] == 0


def test_overwrite_policy_drops_the_oldest_and_counts_it():
    bench = Bench(overwrite=True).adopt()
    bench.post(19)
    head = bench.header()
    assert get32(head, Head.OLDEST_SEQ) == 4 and head[Head.LOST_COUNT] == 3 and head[Head.STATE] & State.OVERWRITE
    assert bench.box.infeed_open()


def test_feed_stop_latches_until_a_person_restarts_and_not_while_the_bit_stands():
    bench = Bench().adopt()
    bench.beat(REQUEST=1)
    assert bench.state() & State.FEED_STOPPED and not bench.box.infeed_open()
    assert not bench.box.restart_feed()
    bench.beat(REQUEST=0)
    assert bench.state() & State.FEED_STOPPED
    assert bench.box.restart_feed() and bench.box.infeed_open()


def test_request_counts_only_while_the_host_is_ok():
    bench = Bench()
    bench.beat(SESSION=0, REQUEST=1)
    assert not bench.state() & State.FEED_STOPPED


def test_table_mode_ignores_slots_and_tells_on_them():
    bench = Bench(table_mode=True).adopt()
    bench.post()
    bench.slot(1, 3)
    assert bench.state() & State.TABLE and bench.decide(1) == (2, 1) and bench.broken_rules() == [11]


def test_volatile_reboot_forgets_everything_and_shows_a_new_nonce():
    bench = Bench().adopt()
    nonce = bench.box.boot_nonce
    bench.post(2)
    bench.box.reboot(bench.now, retentive=False)
    head = bench.header()
    assert [get32(head, at) for at in (Head.EPOCH, Head.HEAD_SEQ, Head.OLDEST_SEQ)] == [0, 0, 1]
    assert get32(head, Head.BOOT_NONCE) not in (0, nonce) and head[Head.BOOT_COUNT] == 2
    assert head[Head.HOST_SESSION_ECHO] == 0


def test_retentive_reboot_keeps_epoch_rings_slots_and_waits_for_a_new_heartbeat():
    bench = Bench().adopt()
    nonce = bench.box.boot_nonce
    bench.post(2)
    bench.slot(2, 3)
    record = bench.look(2)
    bench.box.reboot(bench.now, retentive=True)
    assert bench.head32(Head.EPOCH) == EPOCH and bench.head32(Head.HEAD_SEQ) == 2 and bench.look(2) == record
    assert bench.head32(Head.BOOT_NONCE) != nonce and not bench.state() & State.HOST_OK
    assert bench.decide(2) == (3, 1)
    bench.beat()
    assert bench.state() & State.HOST_OK


def test_item_cut_in_its_writing_by_a_retentive_reboot_is_counted_and_its_number_used_again():
    bench = Bench().adopt()
    bench.post()
    bench.box.post(Item(weight=999))
    bench.run(8)
    bench.box.reboot(bench.now, retentive=True)
    assert bench.head32(Head.HEAD_SEQ) == 1 and bench.header()[Head.LOST_COUNT] == 1
    assert bench.post() == 2


def test_numbers_run_out_only_after_everything_is_fired_and_acknowledged():
    bench = Bench(seq_end=8).adopt()
    nonce, seqs = bench.box.boot_nonce, []
    while bench.box.infeed_open():
        seqs.append(bench.post())
    for seq in seqs:
        bench.box.record_outcome(seq, *bench.decide(seq))
    bench.run(200)
    assert bench.state() & State.INHIBITED
    bench.ack(seqs[-1])
    assert bench.head32(Head.EPOCH) == EPOCH
    bench.ack(seqs[-1], out=len(seqs))
    assert bench.head32(Head.EPOCH) == 0 and bench.head32(Head.BOOT_NONCE) != nonce


def test_clearing_by_a_person_makes_a_new_nonce():
    bench = Bench().adopt()
    nonce = bench.box.boot_nonce
    bench.box.clear()
    bench.run(4)
    assert bench.head32(Head.EPOCH) == 0 and bench.head32(Head.BOOT_NONCE) != nonce


def refused(call, *args):
    with pytest.raises(Refused) as no:
        call(*args)
    return no.value.code


def test_reads_outside_the_blocks_and_writes_outside_the_hosts_are_refused_02():
    bench = Bench(base_b=100, base_h=2000).adopt()
    box, now = bench.box, bench.now
    outside = ((99, 2), (100 + 32 + 24 * 16, 1), (1999, 2), (2080, 1))
    assert [refused(box.read, addr, count, now) for addr, count in outside] == [2] * 4
    assert [refused(box.write, a, [1], now) for a in (100, 1999, 2080)] == [2] * 3
    assert box.read(2079, 1, now) == [0]


@pytest.mark.parametrize("start, count", [(15, 5), (12, 8), (17, 4), (16, 3), (18, 2)])
def test_write_over_header_and_slots_or_part_of_a_slot_is_refused_02(start, count):
    bench = Bench().adopt()
    before = list(bench.box.h)
    assert refused(bench.box.write, bench.lay.h + start, [0xABCD] * count, bench.now) == 2
    assert bench.box.h == before


def test_a_scan_inside_a_write_takes_nothing_whose_check_does_not_hold():
    bench = Bench(tear=1.0)
    for epoch in range(1, 40):
        bench.box.clear()
        bench.run(4)
        bench.beat(NEW_EPOCH=epoch, NEW_EPOCH_NONCE=bench.box.boot_nonce)
        assert bench.box.epoch == epoch
        bench.post()
        bench.slot(1, 2, epoch=epoch)
        bench.beat(NEW_EPOCH=0, ACK_EPOCH=epoch, ACK_SEQ=1, ACK_OUT=0)
        assert bench.box.upstream[1] == 2 and bench.box.oldest == 2
    assert set(e["rule"] for e in bench.events if e["ev"] == "violation") <= {4}      # nobody read the records


def test_host_that_obeys_breaks_no_rule():
    bench = Bench().adopt()
    for seq in range(1, 40):
        bench.post()
        bench.look(seq)
        bench.slot(seq, 1)
        bench.box.record_outcome(seq, *bench.decide(seq))
        bench.run(40)
        bench.ack(seq, out=seq)
    assert bench.broken_rules() == [] and bench.head32(Head.OLDEST_SEQ) == 40


def test_host_that_breaks_rules_is_told_on():
    bench = Bench(beat_ms=200).adopt()
    bench.post(2)
    bench.ack(1)                                    # never read
    bench.look(2)
    bench.box.read(bench.lay.base_b + bench.lay.record_at(2), 16, bench.now)
    bench.ack(3)                                    # beyond HEAD_SEQ
    bench.beat(ACK_SEQ=1, REQUEST=2)                # no such request
    bench.beat(REQUEST=0, RESERVED=1)
    bench.run(300)
    bench.box.conduct.on_connect()
    bench.beat(RESERVED=0)
    bench.run(300)
    bench.beat()                                    # 300 ms between heartbeats
    bench.box.write(bench.lay.h + bench.lay.slot_at(2), [1, 2, 3, 4], bench.now)
    assert bench.broken_rules() == [4, 4, 10, 0, 0, 0]


def test_ack_without_reading_epoch_after_the_record_is_told_on():
    bench = Bench().adopt()
    bench.post()
    bench.box.read(bench.lay.base_b + bench.lay.record_at(1), 16, bench.now)
    bench.beat(ACK_EPOCH=EPOCH, ACK_SEQ=1)
    assert bench.broken_rules() == [6]


def test_epoch_used_before_and_a_proposal_left_standing_are_told_on():
    bench = Bench().adopt()
    bench.box.reboot(bench.now, retentive=False)
    bench.beat(NEW_EPOCH=EPOCH, NEW_EPOCH_NONCE=bench.box.boot_nonce)
    for _ in range(12):
        bench.run(96)
        bench.beat()
    assert bench.broken_rules() == [1, 1]


def test_quarantined_host_that_writes_slots_or_acks_is_told_on():
    bench = Bench().adopt()
    image = bench.box.image()
    bench.post(2)
    bench.box.restore(image, bench.now)
    bench.run(1400)
    bench.slot(1, 2)
    bench.beat(ACK_EPOCH=EPOCH)
    bench.box.clear()
    bench.beat(ACK_EPOCH=0)
    assert bench.broken_rules() == [3, 3]
