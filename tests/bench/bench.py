"""make bench: speed and memory of the real programs against the raw libraries in the same run. One JSON object
a line; exit 0 unless something could not be measured. `ok` says whether the target holds."""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import mailbox  # noqa: E402
import page  # noqa: E402
import publish  # noqa: E402
import record  # noqa: E402
from measure import Unmeasured, lift, note  # noqa: E402
from rig.shed import ROOT  # noqa: E402

BENCHES = {
    "mailbox": mailbox.mailbox,
    "fsync": mailbox.slow_disk,
    "record": record.record,
    "publish": publish.publish,
    "page": page.page,
    "memory": mailbox.memory,
}


class Bench:
    """Where programs are and folders go."""

    def __init__(self):
        self.build = pathlib.Path(os.environ.get("LOTLINE_BUILD", ROOT / "build"))
        self.run_dir = self.build / "bench" / "run"

    def program(self, name):
        return self.build / "bench" / name

    def folder(self, name):
        """A new empty one."""
        path = self.run_dir / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def run(self, program, *args, seconds=60):
        """A measuring program's last line."""
        argv = [str(self.program(program))] + [str(a) for a in args]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              start_new_session=True) as p:
            lift(p.pid)
            try:
                out, text = p.communicate(timeout=seconds)
            except BaseException:
                p.kill()
                raise
        if p.returncode != 0:
            raise Unmeasured(f"{program}: {text.strip()}")
        return json.loads(out.splitlines()[-1])


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--only", action="append", choices=list(BENCHES), help="one of the benches; may be repeated")
    args = p.parse_args()
    bench, failed, began = Bench(), [], time.monotonic()
    for name in args.only or BENCHES:
        try:
            BENCHES[name](bench)
        except (Unmeasured, OSError, RuntimeError, subprocess.SubprocessError, ValueError, KeyError) as e:
            failed.append(name)
            note(f"{name} could not be measured: {e}")
            print(json.dumps(dict(name=name, value=None, unit="", limit=None, ratio=None, ok=False,
                                  loadavg=round(os.getloadavg()[0], 2), error=str(e)[:400])), flush=True)
    note(f"{time.monotonic() - began:.0f} s" + (f"; not measured: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
