"""How a check of the real programs ends: its differences, its JSON line, its exit code."""
import json
import shutil
import sys


def end(folder, report, differences, shown=20):
    """The folder stays when something was found. For sys.exit."""
    for text in differences[:shown]:
        print("  ! " + text, file=sys.stderr)
    if not differences:
        shutil.rmtree(folder)
    print(json.dumps(report, sort_keys=True))
    return 1 if differences else 0
