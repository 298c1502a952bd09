"""One jump of every kind in make check, and a loop whose timer breaks; `make check-clocks` does more."""
import errno

import clocks
import fault


def test_jumps(tmp_path):
    report, differences = clocks.run_clocks(tmp_path / "clocks", 12)
    print(report)
    assert differences == []
    assert report["steps"] >= 8 and report["runs_across"] >= 2 and report["items"] > 50


def test_a_broken_loop_is_said(shed_of):
    """lotlined whose timer cannot be set any more ends with one clear error, so that systemd starts it again."""
    s = shed_of()
    s.sim_devices = {}
    s.write_config(lines=[], scales=[], stations=[])
    page = fault.Io(s.path("page"), s.build)
    p = s.start_daemon(env=page.env)
    page.fail(fault.TIMER, errno.EIO)
    assert p.p.wait(5) == 1
    assert p.tail(1) == "lotlined: the event loop ended: Input/output error\n"
