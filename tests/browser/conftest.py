"""Fixtures of the browser tests: one shed at work for all of them, and a browser."""
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE, HERE.parent):
    sys.path.insert(0, str(folder))

import chrome  # noqa: E402
from rig.hands import Hands, graded  # noqa: E402
from rig.shed import E_MG, Shed  # noqa: E402

if not chrome.available():  # packages of `make check`, not of the build
    collect_ignore = ["test_pages.py", "test_screens.py", "test_verify.py"]


class Place:
    """A shed with a line and a scale, boxes in every state, both web processes."""

    def __init__(self, run):
        s = self.shed = Shed(run, rate=10)
        s.start_sim(["sorter:name=s1,port=0,unit=1,rate=10,items=0,ring=64,crop=codonopsis,outlets=5,default=5",
                     "scale:name=w1,port=0,unit=1,settle-ms=50"])
        s.write_config(stations=[dict(name="st1", scale="w1", stable_ms=100)])
        s.start_daemon()
        s.start_web("public")
        s.start_web("shed")
        h = self.hands = Hands(s).prepare(farmers=4)
        h.check_scale()
        self.boxes = {}
        for name in ("ok", "hold", "recalled", "void"):
            lot = h.intake(h.farmers[0], [3000000])
            r = h.hand(lot, 3000000, (("1", 60), ("2", 38)))
            self.boxes[name] = h.weigh(1200000 // E_MG * E_MG, "box", lot=graded(r)[0]["lot"])
        h.call("hold.place", lot=self.boxes["hold"]["lot"], reason="等化验结果")
        h.call("recall.start", id=self.boxes["recalled"]["box"], reason="二氧化硫超标")
        h.call("weighing.void", weighing=self.boxes["void"]["weighing"], reason="选错人或批次")

    def public(self, path):
        return f"http://127.0.0.1:{self.shed.web_port['public']}{path}"

    def inside(self, path):
        return f"http://127.0.0.1:{self.shed.web_port['shed']}{path}"

    def box(self, name, query=""):
        return self.public(f"/B/{self.boxes[name]['box']}{query}")

    def sealed(self, name, more=""):
        return self.public(self.boxes[name]["path"] + more)


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    p = Place(tmp_path_factory.mktemp("place"))
    yield p
    p.shed.kill()


@pytest.fixture(scope="session")
def one_browser():
    with chrome.Chrome() as c:
        yield c


@pytest.fixture(scope="session")
def one_plain_browser():
    with chrome.Chrome(javascript=False) as c:
        yield c


@pytest.fixture
def browser(one_browser):
    one_browser.log()
    return one_browser


@pytest.fixture
def plain_browser(one_plain_browser):
    """Without JavaScript."""
    one_plain_browser.log()
    return one_plain_browser
