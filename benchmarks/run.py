"""Runs the benchmarks: all of them, or those that are named."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

NAMES = ("startup", "scheduler", "gateway")
"""Those that run by default."""
ON_DEMAND = (
    "battery",
    "diagnose",
    "encryption",
    "environments",
    "operators",
    "overload",
    "pickle_scanners",
    "serving",
    "soak",
    "weights",
)
"""Those that take minutes, gigabytes or other programs; their docstrings say which."""


def _program(here: Path, name: str) -> Path:
    """A file, or a folder that Python runs."""
    file = here / f"{name}.py"
    return file if file.exists() else here / name


def main(names: list[str]) -> int:
    """Run and print; the exit status."""
    unknown = [name for name in names if name not in NAMES + ON_DEMAND]
    if unknown:
        print(f"error: no benchmark {unknown[0]!r}; there are {', '.join(NAMES + ON_DEMAND)}", file=sys.stderr)
        return 2
    import airworthy

    print(f"airworthy {airworthy.__version__}, Python {platform.python_version()}, {platform.platform()}", flush=True)
    here = Path(__file__).parent
    # Each in a process of its own, so that none measures what another has imported.
    statuses = [
        subprocess.run([sys.executable, _program(here, name)], check=False).returncode for name in names or NAMES
    ]
    return max(statuses)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
