"""Writes the catalogue's indexes, of literals and of needs; with `--check` it fails where one has drifted.

python tools/causes_index.py            write
python tools/causes_index.py --check    compare; exit status 1 where it differs
"""

from __future__ import annotations

import sys
from pathlib import Path

from airworthy.causes import index

FOLDER = Path(index.__file__).parent


def main(arguments: list[str]) -> int:
    """Write or compare; the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    drifted = False
    for target, made in ((FOLDER / index.FILE, index.made()), (FOLDER / index.NEEDS_FILE, index.made_needs())):
        old = target.read_bytes() if target.exists() else b""
        if old == made:
            continue
        if arguments:
            print(f"{target.name} differs from the entries: run `python tools/causes_index.py`", file=sys.stderr)
            drifted = True
        else:
            target.write_bytes(made)
            print(f"wrote {target.name}")
    return int(drifted)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
