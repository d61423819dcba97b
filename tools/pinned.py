"""Prints the version that `pyproject.toml` pins a package to: `python tools/pinned.py torch`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def main(arguments: list[str]) -> int:
    """Print the version; the exit status."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = re.search(rf'"{re.escape(arguments[0])}==([^"]+)"', PROJECT.read_text(encoding="utf-8"))
    if found is None:
        print(f"{PROJECT} pins no {arguments[0]}", file=sys.stderr)
        return 1
    print(found.group(1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
