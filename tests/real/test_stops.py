"""Everything stands still once, shortly; `make check-stops` is longer."""
import stops


def test_stops(tmp_path):
    report, differences = stops.run_stops(tmp_path / "stops", 8)
    print(report)
    assert differences == []
    assert report["kinds"] == 8 and report["items"] > 20 and report["events"] > 10
