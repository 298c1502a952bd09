"""Durable items: the record's group commit against a bare SQLite one of equal rows, and what an item costs on disk."""
from measure import REPEATS, as_measured, median, quiet, report

GROUPS = {1: 1000, 10: 10000, 100: 60000}  # items in a commit: items in a run


def record(bench):
    for group, items in GROUPS.items():
        got = {"raw_commit": [], "own_commit": []}
        for i in range(REPEATS):
            for program in got:
                folder = bench.folder(f"{program}-{group}-{i}")
                quiet()
                with as_measured():
                    got[program].append(bench.run(program, folder, items, group))
        own, raw = got["own_commit"], got["raw_commit"]
        rate = [median([r["ops"] / r["ns"] * 1e9 for r in x]) for x in (own, raw)]
        report(f"durable_items_s_group_{group}", rate[0], "items/s", rate[1], rate[0] >= 0.5 * rate[1],
               target="ratio >= 0.5", cpu_us=[round(median([r["cpu_ns"] / r["ops"] / 1e3 for r in x]), 2)
                                              for x in (own, raw)])
    size = [median([r["bytes"] / r["ops"] for r in x]) for x in (own, raw)]
    report("bytes_per_item", size[0], "bytes", size[1], True, target="printed: item, outcome, blocks, log, held words")
