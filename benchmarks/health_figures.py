"""Figures of `airworthy inspect --health` beside NumPy's own, for twelve files of eight formats, extremes included.

    python benchmarks/health_figures.py

Prints the largest relative difference of mean, deviation, lowest and highest for each file. The exit status is 1 if one
is above a millionth.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / each) for each in ("src", "tests")]

import health_files

MOST = 1e-6
"""The largest relative difference that is allowed."""


def main() -> int:
    """Run, print, and say by the exit status whether a figure is off."""
    largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name in health_files.FILES:
            worst = health_files.errors(name, Path(folder))
            tensor = max(worst, key=lambda each: worst[each])
            print(f"{name:<24} {len(worst):>3} tensors  {worst[tensor]:.1e} ({tensor})")
            largest = max(largest, worst[tensor])
    print(f"largest of {len(health_files.FILES)} files: {largest:.1e}")
    return largest > MOST


if __name__ == "__main__":
    sys.exit(main())
