#!/usr/bin/python3
"""Every text for people has its Chinese: collects the msgids of pages, C files and tables, and compares
them with zh_CN.po. Prints what is missing, empty, fuzzy, left over or has other holes; exit 1 if any.
`--add` appends what is missing to the file, empty, to be translated."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PO = ROOT / "po" / "zh_CN.po"
STRING = r'"((?:[^"\\]|\\.)*)"'
MARKED = re.compile(r'\b(?:N_\(|text_in\([^,()]*(?:\([^()]*\))?[^,()]*,\s*)' + STRING + r'(?:\s*' + STRING + ")*")
PAGE = re.compile(r"\{\{t:(.*?)\}\}", re.S)


def joined(match_text):
    return "".join(unescape(s) for s in re.findall(STRING, match_text))


def unescape(s):
    return s.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")


def wanted():
    """msgid → where it stands first."""
    out = {}
    for path in sorted(ROOT.glob("web/pages/*.html")):
        for m in PAGE.finditer(path.read_text()):
            out.setdefault(m.group(1), path.name)
    for folder in ("web", "labels", "cli", "controller"):
        for path in sorted((ROOT / folder).glob("*.c")):
            if path.name.endswith("_test.c"):
                continue
            for m in MARKED.finditer(path.read_text()):
                out.setdefault(joined(m.group(0)[m.group(0).index('"'):]), f"{folder}/{path.name}")
    for path, row in (("controller/station.def", r'^STATION\(\w+,\s*' + STRING + r',\s*' + STRING),
                      ("crops/why.def", r'^WHY\(\w+,\s*\d+,\s*' + STRING)):
        for m in re.finditer(row, (ROOT / path).read_text(), re.M):
            out.setdefault(unescape(m.groups()[-1]), path)
    return out


def translated():
    """msgid → (msgstr, is fuzzy)."""
    out, fuzzy, field, entry = {}, False, None, {"msgid": "", "msgstr": ""}
    for line in PO.read_text().splitlines() + [""]:
        if line.startswith("#,") and "fuzzy" in line:
            fuzzy = True
        m = re.match(r'(?:(msgid|msgstr) )?' + STRING + "$", line)
        if m:
            if m.group(1) == "msgid" and entry["msgstr"]:
                raise SystemExit(f"{PO.name}: an empty line is missing before {line}")
            field = m.group(1) or field
            entry[field] += unescape(m.group(2))
        elif not line and field:
            if entry["msgid"]:
                out[entry["msgid"]] = (entry["msgstr"], fuzzy)
            fuzzy, field, entry = False, None, {"msgid": "", "msgstr": ""}
    return out


def holes(text):
    return sorted(re.findall(r"\$[a-z_]+|%[a-z]", text))


def main():
    want, have, bad = wanted(), translated(), []
    for msgid, where in want.items():
        if msgid not in have:
            bad.append(f"missing ({where}): {msgid}")
        elif not have[msgid][0] or have[msgid][1]:
            bad.append(f"not translated ({where}): {msgid}")
        elif holes(msgid) != holes(have[msgid][0]):
            bad.append(f"other holes ({where}): {msgid} → {have[msgid][0]}")
        elif re.search("斤", have[msgid][0].replace("公斤", "")):
            bad.append(f"kilograms only ({where}): {have[msgid][0]}")
    bad += [f"left over: {msgid}" for msgid in have if msgid not in want]
    if "--add" in sys.argv:
        with PO.open("a") as f:
            for msgid, where in want.items():
                if msgid not in have:
                    text = msgid.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
                    f.write(f'\n#: {where}\nmsgid "{text}"\nmsgstr ""\n')
    print("\n".join(bad) or f"{len(want)} texts, all translated")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
