"""What the benchmarks share: timing, medians, and one way of printing."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence


def wall(command: Sequence[str], expected: Sequence[int] = (0,)) -> float:
    """Seconds that a whole process took.

    Raises:
        RuntimeError: it ended with a status that was not expected.
    """
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    seconds = time.perf_counter() - began
    if done.returncode not in expected:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return seconds


def take_turns(measures: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of each measure, taken in turn, after one round that doesn't count."""
    samples: dict[str, list[float]] = {name: [] for name in measures}
    for turn in range(rounds + 1):
        for name, measure in measures.items():
            value = measure()
            if turn:
                samples[name].append(value)
    return {name: statistics.median(values) for name, values in samples.items()}


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n")
    print(f"| {' | '.join(head)} |")
    print(f"|---|{'---:|' * (len(head) - 1)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")
