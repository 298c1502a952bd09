"""A disk that fails now and then, one that is full, one that the kernel sets read-only, and the witness of the
acknowledgements; `make check-disk` does more."""
import sqlite3

import disks
import pytest
from witness import Witness


def test_failing_calls(tmp_path):
    d, items = disks.run_calls(tmp_path / "calls", 5)
    assert d.differences == [] and items > 30
    assert d.tried["publisher"] == 1 and len(d.stop_ms) >= 3


def test_full(tmp_path):
    """The disk takes a few more commits while it is full; nothing is acknowledged before one of them."""
    r = disks.run_mounted(tmp_path / "full", disks.Small, 2)
    if r is None:
        pytest.skip("mounting needs root")
    assert r[0].differences == [] and r[1] > 10 and r[0].proxy.hooks.acks > 5


class Acks:
    def __init__(self, *at):
        self.at = at

    def acked(self):
        return self.at


def test_the_witness_sees_an_early_acknowledgement(tmp_path):
    db = sqlite3.connect(tmp_path / "store.db")
    db.executescript("CREATE TABLE segment(id, epoch); CREATE TABLE item(id); CREATE TABLE outcome(id);"
                     "INSERT INTO segment VALUES(1, 7), (2, 7), (3, 8); INSERT INTO outcome VALUES(1 << 32 | 3);"
                     "INSERT INTO item VALUES(1 << 32 | 4), (2 << 32 | 5), (3 << 32 | 9);"
                     "CREATE TABLE gap(kind, epoch, last); INSERT INTO gap VALUES('outcomes', 9, 8), ('items', 9, 5)")
    db.commit()
    w = Witness(tmp_path / "store.db")
    for at in ((0, 9, 9), (7, 5, 3), (7, 5, 3), (8, 9, 0), (9, 5, 8)):
        assert w.before(Acks(*at))
    assert (w.acks, w.early, w.unread) == (3, [], [])
    for at in ((7, 6, 3), (7, 5, 4), (9, 6, 8)):
        w.before(Acks(*at))
    assert (w.acks, len(w.early)) == (6, 3)
    db.execute("INSERT INTO item VALUES(2 << 32 | 6)")   # written, not committed
    w.before(Acks(7, 6, 3))
    assert len(w.early) == 4
    db.close()


def test_readonly(tmp_path):
    r = disks.run_mounted(tmp_path / "readonly", disks.Ext4, 1)
    if r is None:
        pytest.skip("mounting needs root")
    assert r[0].differences == [] and r[1] > 10
