"""Runs the benchmarks: all of them, or those that are named."""

from __future__ import annotations

import importlib
import platform
import sys

NAMES = ("startup", "scheduler", "gateway")
"""Those that run by default."""
ON_DEMAND = ("diagnose", "weights", "pickle_scanners")
"""Those that take minutes, gigabytes or other programs; their docstrings say which."""


def main(names: list[str]) -> int:
    """Run and print; the exit status."""
    unknown = [name for name in names if name not in NAMES + ON_DEMAND]
    if unknown:
        print(f"error: no benchmark {unknown[0]!r}; there are {', '.join(NAMES + ON_DEMAND)}", file=sys.stderr)
        return 2
    import airworthy

    print(f"airworthy {airworthy.__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in names or NAMES:
        importlib.import_module(name).main()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
