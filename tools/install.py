"""Installs what a lock names into this interpreter's environment, and says how far it is: packages, megabytes, seconds.

    python tools/install.py locks/demo.txt

It needs nothing but the standard library and pip: it runs before anything is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

_PIN = re.compile(r"^[A-Za-z0-9][\w.-]*==", re.MULTILINE)
_SIZE = re.compile(r"^\s*(?:Downloading|Using cached) .*\(([\d.]+) (kB|MB|GB)\)")
_UNITS = {"kB": 0.001, "MB": 1.0, "GB": 1000.0}
_KEPT_LINES = 20


def main(lock: str) -> int:
    """Install; the exit status is pip's."""
    count = len(_PIN.findall(Path(lock).read_text(encoding="utf-8")))
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off"]
    command += ["--require-hashes", "--no-deps", "--requirement", lock]
    began, done, megabytes = time.monotonic(), 0, 0.0
    last: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = [*last[-_KEPT_LINES:], line]
            done += line.startswith(("Collecting ", "Requirement already satisfied"))
            found = _SIZE.match(line)
            megabytes += float(found[1]) * _UNITS[found[2]] if found else 0.0
            if line.startswith("Installing collected packages"):
                _tell(f"unpacking {count} packages, {megabytes:.0f} MB", began)
            else:
                _tell(f"{min(done, count)} of {count} packages, {megabytes:.0f} MB", began)
        status = process.wait()
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if status:
        print("".join(last), end="", file=sys.stderr)
        print(f"error: pip could not install {lock}", file=sys.stderr)
    elif not sys.stderr.isatty():
        print(f"  {count} packages, {megabytes:.0f} MB, {time.monotonic() - began:.0f} s", file=sys.stderr)
    return status


def _tell(text: str, began: float) -> None:
    """One line that is written over, on a terminal alone: elsewhere lines would pile up."""
    if sys.stderr.isatty():
        print(f"\r  {text}, {time.monotonic() - began:.0f} s    ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
