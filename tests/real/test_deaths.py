"""A few deaths of every kind in make check; `make check-kill N=1000` does the full count."""
import deaths


def test_deaths_anywhere(tmp_path):
    report, differences = deaths.run_deaths(tmp_path, 6, sweep_step=12, birth_step=60)
    print(report)
    assert differences == []
    assert report["kills"] == 6 and report["sweep"] >= 8 and report["births"] >= 5
    assert report["restart_ms_p50"] <= 1000
