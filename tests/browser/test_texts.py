"""Every text for people has its Chinese, in kilograms."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_every_text_is_translated():
    r = subprocess.run([sys.executable, ROOT / "po" / "check.py"], capture_output=True, text=True)
    assert r.returncode == 0, r.stdout + r.stderr
