"""Nothing is acknowledged before it is committed: judged at every acknowledgement, before the PLC gets it.

A proxy holds each write that acknowledges something new until another process's view of the store has been
read. What stands there then was committed before: SQLite shows a row to others only after its fsync."""
import sqlite3

from modbus_proxy import ModbusProxy, Nothing

NEWEST = "SELECT max((SELECT max(id) FROM {0} WHERE id BETWEEN s.id << 32 AND s.id << 32 | 4294967295) & 4294967295)" \
         " FROM segment s WHERE s.epoch = ?1 UNION ALL SELECT max(last) FROM gap WHERE epoch = ?1 AND kind = '{0}s'"


def newest(db_path, epoch):
    """(seq, out) of the newest item and outcome of an epoch that others can read, or that are known to be gone."""
    db = sqlite3.connect(f"file:{db_path}?mode=ro", uri=True, timeout=2)
    try:
        return tuple(max(n or 0 for n, in db.execute(NEWEST.format(t), (epoch,))) for t in ("item", "outcome"))
    finally:
        db.close()


class Witness(Nothing):
    """acks: acknowledgements judged; early: those that came before their commit; unread: those for which the
    store could not be read at that moment, with why."""

    def __init__(self, db_path):
        self.db_path, self.last = db_path, (0, 0, 0)
        self.acks, self.early, self.unread = 0, [], []

    def before(self, x):
        at = x.acked()
        if at is not None and at[0] != 0 and at != self.last:
            self.last = at
            self.judge(at)
        return True

    def judge(self, at):
        self.acks += 1
        try:
            there = newest(self.db_path, at[0])
        except sqlite3.Error as e:
            self.unread.append(f"{at}: {e}")
            return
        if at[1] > there[0] or at[2] > there[1]:
            self.early.append(f"{at} is acknowledged, {there} is committed")


def watched(shed, line, ring=64):
    """(proxy, configuration of the line through it)."""
    proxy = ModbusProxy(shed.sim_devices[line]["port"], ring=ring, hooks=Witness(shed.db))
    return proxy, shed.line_config(line, port=proxy.port)
