"""A damaged record: every program says what is wrong and ends with the promised code, or goes on; none crashes,
and nothing is called verified that was altered. Many more damages, in the memory of one process: make check-damage."""
import os
import random
import shutil
import sqlite3
import subprocess

import pytest
from rig.control import Control
from rig.hands import Hands
from rig.proc import free_port, wait_for
from sorting import Belt

N = int(os.environ.get("N") or 12)
SEED = int(os.environ.get("SEED") or 1)
PAGE = 1024


@pytest.fixture(scope="module")
def record(module_shed_of):
    """A record with a run, all of it in store.db; nothing runs."""
    s = module_shed_of("record")
    s.start_sim()
    s.write_config(**s.quick_scale())
    s.start_daemon()
    h = Hands(s).prepare()
    h.check_scale()
    belt = Belt(h, "s1").start()
    belt.pass_through(60, rate=60)
    s.stop()
    with sqlite3.connect(s.db) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(s.store, s.path("kept"))
    s.truth_rows = truth_rows(s.db)
    s.sim_devices["s1"]["port"] = free_port()                        # nobody there: the record alone is looked at
    s.write_config(lines=[s.line_config()], scales=[], stations=[])
    return s


@pytest.fixture
def shed(record):
    shutil.rmtree(record.store)
    shutil.copytree(record.path("kept"), record.store)
    return record


def truth_rows(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return [db.execute(f"SELECT * FROM {t} ORDER BY 1").fetchall() for t in ("event", "item", "outcome")]
    except (sqlite3.Error, OverflowError):
        return None
    finally:
        db.close()


def overwrite(path, at, what):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(what)


def spoil(path, chance):
    size = path.stat().st_size
    page = chance.randrange(size // PAGE) * PAGE
    kind = chance.choice(["byte", "bytes", "page", "zeroes", "end"])
    if kind == "end":
        os.truncate(path, page)
    elif kind == "byte":
        overwrite(path, page + chance.randrange(PAGE), chance.randbytes(1))
    else:
        n = {"bytes": 16, "page": PAGE, "zeroes": PAGE}[kind]
        overwrite(path, page, bytes(n) if kind == "zeroes" else chance.randbytes(n))
    return f"{kind} at {page} of {path.name}"


def verify(shed):
    argv = [str(shed.build / "lotline"), "--store", str(shed.store), "log", "verify"]
    r = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    return r.returncode, r.stderr


def daemon(shed):
    """Starts it: 0 when it came up and stopped as it should, else its exit code; and what it said."""
    p = subprocess.Popen([str(shed.build / "lotlined"), "--config", str(shed.path("lotlined.yaml"))],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def up():
        if p.poll() is not None:
            return True
        try:
            Control(shed.socket, timeout=2).close()
            return True
        except OSError:
            return False
    try:
        wait_for("lotlined to start or to refuse", up, 10)
        if p.poll() is None:
            p.terminate()
        text = p.communicate(timeout=10)[0]
    finally:
        p.kill()
    return p.returncode, text


@pytest.mark.parametrize("file", ["store.db", "people.db"])
def test_no_database(shed, file):
    """Its first bytes are gone: one message that names the file, and an end."""
    path = shed.store / file
    overwrite(path, 0, b"\xff" * 100)
    code, text = daemon(shed)
    assert code == 1 and str(path) in text and len(text.strip().split("\n")) == 1, text
    if file == "store.db":
        code, text = verify(shed)
        assert code in (1, 4) and str(path) in text and len(text.strip().split("\n")) == 1, text


def test_cut_short(shed):
    """Half of the file is gone."""
    os.truncate(shed.db, shed.db.stat().st_size // 2)
    code, text = verify(shed)
    assert code in (1, 4) and text.strip(), text
    code, text = daemon(shed)
    assert code in (0, 1) and (code == 0 or str(shed.db) in text), text


def test_random_damage(shed):
    chance = random.Random(SEED)
    verdicts = set()
    for k in range(N):
        shutil.copy(shed.path("kept") / "store.db", shed.db)
        shutil.copy(shed.path("kept") / "people.db", shed.store / "people.db")
        for rest in shed.store.glob("*-[ws][ah][lm]"):
            rest.unlink()
        what = f"SEED={SEED} damage {k}: " + spoil(shed.store / chance.choice(["store.db"] * 4 + ["people.db"]), chance)
        code, text = verify(shed)
        assert code in (0, 1, 4) and (code == 0) == (not text.strip()), (what, code, text)
        assert code != 0 or truth_rows(shed.db) == shed.truth_rows, what
        verdicts.add(code)
        code, text = daemon(shed)
        assert code in (0, 1), (what, code, text)
        assert code == 0 or str(shed.store) in text and len(text.strip().split("\n")) == 1, (what, text)
    assert N < 10 or {0, 4} & verdicts and {1, 4} & verdicts, verdicts
