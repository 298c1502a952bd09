"""Fixtures: sheds that end with their test, and their logs where one fails."""
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE, HERE.parent, HERE.parent / "peers"):
    sys.path.insert(0, str(folder))

from rig.shed import Shed  # noqa: E402

LOG_LINES = 25
living = []


def make_shed(run, **options):
    s = Shed(run, **options)
    living.append(s)
    return s


def end_shed(shed):
    living.remove(shed)
    shed.kill()


@pytest.fixture
def shed_of(tmp_path):
    """shed_of(name, **options) makes a shed in a folder of its own; all end with the test."""
    made = []

    def make(name="shed", **options):
        made.append(make_shed(tmp_path / name, **options))
        return made[-1]
    yield make
    for s in reversed(made):
        end_shed(s)


@pytest.fixture(scope="module")
def module_shed_of(tmp_path_factory):
    """The same for a whole file of tests that can share what was started."""
    made = []

    def make(name="shed", **options):
        made.append(make_shed(tmp_path_factory.mktemp(name), **options))
        return made[-1]
    yield make
    for s in reversed(made):
        end_shed(s)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for s in living:
            for p in s.parts.values():
                report.sections.append((f"{s.run.name}: {p.name}", p.tail(LOG_LINES)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """With xdist, tests of one file that share a shed stay on one worker (--dist loadgroup)."""
    for item in items:
        if "module_shed_of" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
