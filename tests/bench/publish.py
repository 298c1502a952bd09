"""A backlog of events to a broker: lotline-mqtt from its record against bare paho with the same messages,
MQTT 5, QoS 1, 16 in flight."""
import shutil
import sqlite3
import time

from measure import REPEATS, Unmeasured, as_measured, as_peer, cpu_ns, lift, median, quiet, report
from past import Past
from rig.shed import Shed

EVENTS = 20000


def backlog(bench, shed, into):
    """Fills the record with public events; the raw side's messages stand in `into`."""
    with Past(bench, shed) as past:
        past.begin()
        lot = past.hand_sorted_box()[1]
        hold = dict(command="hold.place", args=dict(lot=lot, reason="sample"))
        past.ask(repeat=EVENTS // 2, of=[hold, dict(command="hold.release", args=dict(lot=lot, reason="clean"))])
        return past.ask(stream="market", into=str(into))["events"]


def cursor_of(db):
    row = db.execute("SELECT n FROM cursor").fetchone()
    return row[0] if row else 0


def open_cursor(path, sink, most_s):
    end = time.monotonic() + most_s
    while time.monotonic() < end:
        if not sink.running():
            raise Unmeasured(f"lotline-mqtt ended: {sink.tail()}")
        try:
            db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            if cursor_of(db):
                return db
            db.close()
        except sqlite3.Error:
            pass
        time.sleep(0.005)
    raise Unmeasured(f"lotline-mqtt published nothing within {most_s} s: {sink.tail()}")


def watch(db, sink, events, most_s=30):
    """(when, cursor, CPU) at every move of the cursor, until it stands at the end of the stream."""
    moves, end = [], time.monotonic() + most_s
    while not moves or moves[-1][1] < events:
        n = cursor_of(db)
        if not moves or n != moves[-1][1]:
            moves.append((time.monotonic(), n, cpu_ns(sink.pid)))
        if time.monotonic() > end or not sink.running():
            raise Unmeasured(f"lotline-mqtt stopped at {n} of {events}: {sink.tail()}")
        time.sleep(0.004)
    return moves


def drain(shed, events):
    """Events a second and CPU of each. The cursor is written every 100 ms: the rate is taken between its moves,
    without the last one, which may come that much after the last PUBACK."""
    shutil.rmtree(shed.path("mqtt"), ignore_errors=True)
    with as_measured():
        sink = shed.start_sink(status=False)
    lift(sink.pid)
    try:
        db = open_cursor(shed.path("mqtt") / "market.db", sink, 10)
        moves = watch(db, sink, events)
        db.close()
        (t0, n0, cpu0), (t1, n1, cpu1) = moves[0], moves[-2 if len(moves) > 2 else -1]
        if n1 - n0 < events / 2:
            raise Unmeasured(f"of {events} events the cursor showed only {n0} to {n1}")
        return (n1 - n0) / (t1 - t0), (cpu1 - cpu0) / (n1 - n0) / 1e3
    finally:
        sink.stop()


def publish(bench):
    shed = Shed(bench.folder("publish"), build=bench.build)
    messages = shed.path("messages.txt")
    events = backlog(bench, shed, messages)
    raw, own = [], []
    with as_peer():
        lift(shed.start_broker().pid)
    try:
        for _ in range(REPEATS):
            quiet()
            with as_measured():
                r = bench.run("raw_publish", shed.mqtt_port, messages)
            raw.append((r["ops"] / r["ns"] * 1e9, r["cpu_ns"] / r["ops"] / 1e3))
            quiet()
            own.append(drain(shed, events))
        shed.stop()
    except BaseException:
        shed.kill()
        raise
    rate, limit = (median([x[0] for x in side]) for side in (own, raw))
    report("published_events_s", rate, "events/s", limit, rate >= 0.7 * limit, target="ratio >= 0.7", events=events,
           bytes_per_event=round(r["bytes"] / r["ops"]),
           cpu_us=[round(median([x[1] for x in side]), 1) for side in (own, raw)])
