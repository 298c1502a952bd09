"""Programs of another version: a copy of the tree with a few edits, of which only what they touch is built anew.

  OLD   the version before: projections of one number less, a column of `segment` less, a table more
  NEXT  the version after: an event kind that this one does not know

The sources themselves are never changed; an edit that does not fit them any more is an error."""
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = "base plc-maps crops traceability labels sim controller mqtt web cli".split()
NUMBER = int(re.search(r"#define STORE_VERSION (\d+)", (ROOT / "traceability/store_version.h").read_text())[1])

# file, exact text that stands there once, what stands there instead
OLD = (
    ("traceability/store_version.h", f"#define STORE_VERSION {NUMBER}", f"#define STORE_VERSION {NUMBER - 1}"),
    ("traceability/schema.sql", "  outcome_to INTEGER NOT NULL,\n  at_ms INTEGER NOT NULL,\n",
     "  outcome_to INTEGER NOT NULL,\n"),
    ("traceability/schema.sql", "CREATE INDEX segment_run ", "CREATE TABLE past(x INTEGER) STRICT;\nCREATE INDEX segment_run "),
    ("traceability/item.c", 'item_to,outcome_to,at_ms,"\n                 "event_seq) VALUES(?1,?2,?3,?4,?5,?6,0,0,?7,?8)");',
     'item_to,outcome_to,"\n                 "event_seq) VALUES(?1,?2,?3,?4,?5,?6,0,0,?7)");'),
    ("traceability/item.c", "return q_run(q_int(q_int(q, 7, ev->at.ms), 8, ev->seq));", "return q_run(q_int(q, 7, ev->seq));"),
)
NEXT_KIND = "product.described"
NEXT = (
    ("traceability/event.c", '#include "traceability/events.def"\n#undef EVENT\n};',
     '#include "traceability/events.def"\n#undef EVENT\n'
     f'    [EVENT_PRODUCT_ADDED] = {{"{NEXT_KIND}", "", "", "", 0, apply_product_added}},\n}};'),
)


def copy_tree(build, to):
    """Sources and what is built of them, with their times: make finds nothing to do."""
    for name in SOURCES:
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("*_test.c"))
    for path in (ROOT / "Makefile", ROOT / "layers.txt", *ROOT.glob("tests/*/*.mk")):
        (to / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to / path.relative_to(ROOT))
    (to / "build").mkdir()
    for name in SOURCES + ["gen", "mo"]:
        if (build / name).is_dir():
            shutil.copytree(build / name, to / "build" / name, ignore=shutil.ignore_patterns("*_test", "*_test.[od]"))
    for path in build.iterdir():
        if path.is_file() and (path.suffix == ".a" or os.access(path, os.X_OK)):
            shutil.copy2(path, to / "build" / path.name)


def edit(tree, edits):
    """Objects of what was edited, or includes it, are removed. `build` may have been made under another name, so
    that make does not know what depends on what."""
    for name, old, new in edits:
        path = tree / name
        text = path.read_text()
        if text.count(old) != 1:
            raise RuntimeError(f"{name}: the old text stands there {text.count(old)} times, not once:\n{old}")
        path.write_text(text.replace(old, new))
        for source in (path, *tree.glob("*/*.c")):
            if source == path or re.search(rf'#include "{re.escape(name)}(\.inc)?"', source.read_text()):
                (tree / "build" / source.relative_to(tree)).with_suffix(".o").unlink(missing_ok=True)


def build_version(build, to, edits, programs):
    """The folder of the programs."""
    tree, build = Path(to), Path(build)
    copy_tree(build, tree)
    edit(tree, edits)
    variant = build.name if build.name in ("asan", "tsan", "cover") else ""
    out = subprocess.run(["make", "-s", "-j2", f"V={variant}", "B=build", "WARN=-w", *(f"build/{p}" for p in programs)],
                         cwd=tree, capture_output=True, text=True)
    if out.returncode:
        raise RuntimeError(f"the edited programs do not build: {out.stderr[-600:]}")
    return tree / "build"
