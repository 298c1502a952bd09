"""A disk that fails now and then, and one that the kernel sets read-only; `make check-disk` does more."""
import disks
import pytest


def test_failing_calls(tmp_path):
    d, items = disks.run_calls(tmp_path / "calls", 5)
    assert d.differences == [] and items > 30
    assert d.tried["publisher"] == 1 and len(d.stop_ms) >= 3


def test_readonly(tmp_path):
    r = disks.run_mounted(tmp_path / "readonly", disks.Ext4, 1)
    if r is None:
        pytest.skip("mounting needs root")
    assert r[0].differences == [] and r[1] > 10
