"""Writes the index of the catalogue's literals; with `--check` it only compares, and fails where it has drifted.

python tools/causes_index.py            write
python tools/causes_index.py --check    compare; exit status 1 where it differs
"""

from __future__ import annotations

import sys
from pathlib import Path

from airworthy.causes import index

TARGET = Path(index.__file__).parent / index.FILE


def main(arguments: list[str]) -> int:
    """Write or compare; the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    made = index.made()
    old = TARGET.read_bytes() if TARGET.exists() else b""
    if old == made:
        return 0
    if arguments:
        print(f"{TARGET.name} differs from the entries: run `python tools/causes_index.py`", file=sys.stderr)
        return 1
    TARGET.write_bytes(made)
    print(f"wrote {TARGET.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
