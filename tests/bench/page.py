"""The buyer page as phones fetch it: four keep-alive connections at a box's address, from a real record."""
from measure import REPEATS, as_measured, as_peer, cpu_ns, lift, median, quiet, report
from past import Past
from rig.shed import Shed

SECONDS = 2


def page(bench):
    shed = Shed(bench.folder("page"), build=bench.build)
    with Past(bench, shed) as past:
        past.begin()
        box = past.hand_sorted_box()[0]
    runs = []
    with as_measured():
        web = shed.start_web("public")
    lift(web.pid)
    try:
        for _ in range(REPEATS):
            quiet()
            cpu = cpu_ns(web.pid)
            with as_peer():
                r = bench.run("load", shed.web_port["public"], f"/B/{box}", 4, SECONDS)
            r["cpu_us"] = (cpu_ns(web.pid) - cpu) / r["ops"] / 1e3
            runs.append(r)
        shed.stop()
    except BaseException:
        shed.kill()
        raise
    rate, p99 = median([r["ops"] / r["ns"] * 1e9 for r in runs]), median([r["p99_us"] / 1e3 for r in runs])
    size = round(runs[0]["bytes"] / runs[0]["ops"])
    report("buyer_page_requests_s", rate, "requests/s", 3000, rate >= 3000, target=">= 3000 requests/s",
           bytes_per_answer=size, cpu_us=round(median([r["cpu_us"] for r in runs]), 1))
    report("buyer_page_p99", p99, "ms", 5, p99 <= 5, target="<= 5 ms", p50=median([r["p50_us"] for r in runs]) / 1e3)
