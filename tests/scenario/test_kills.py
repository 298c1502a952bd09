"""A few deaths in every window, in make check; kills.py does the full count."""
import kills


def test_kill_in_every_window(tmp_path):
    report, k = kills.run_kills(tmp_path / "kills", 2 * len(kills.WINDOWS))
    print(report)
    assert k.differences == []
    assert all(n >= 2 for n in report["windows"].values()), report
    assert report["held_min"] >= kills.HELD and report["items"] > 300
    assert report["restart_ms_p50"] <= kills.RESTART_MS
