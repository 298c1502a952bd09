"""The version before, this one and back in make check, with a few deaths; `make check-upgrade` dies at every call."""
import upgrade
import versions


def test_there_and_back(tmp_path):
    report, differences = upgrade.run_upgrade(tmp_path, 14)
    print(report)
    assert differences == []
    assert report["kills"] >= 10 and report["sweep"] >= 3 and report["items"] > 60 and report["acks"] > 20
    assert report["refused"] == 9 and report["readers"] == 6


def test_systemd_waits_for_a_renewal():
    """The default of 90 s would kill lotlined again and again while it makes the tables of some years anew."""
    assert "\nTimeoutStartSec=infinity\n" in (versions.ROOT / "systemd/lotlined.service").read_text()
