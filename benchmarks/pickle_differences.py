"""Random and changed pickles before the unpicklers of every Python at hand, beside what following them sees.

    python benchmarks/pickle_differences.py --count 1000000 --seed 1

Prints for each Python how many pickles it was given, how many names it asked for, how many of them are not allowed, and
how many were unseen: neither among the names that are reported nor refused with the pickle. The exit status is 1 if any
was. Each unpickler runs in a confined process and imports nothing.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / each) for each in ("src", "tests")]

import random_pickles

BATCH = 5_000


def compare(task: tuple[str, int]) -> tuple[str, int, random_pickles.Compared]:
    """Compare one batch on one Python."""
    python, seed = task
    batch = list(itertools.islice(random_pickles.pickles(random.Random(seed)), BATCH))
    return python, len(batch), random_pickles.compare(python, batch)


def main() -> int:
    """Run, print, and say by the exit status whether a name was unseen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    pythons = random_pickles.pythons()
    batches = max(1, chosen.count // BATCH)
    tasks = [(pythons[number % len(pythons)], chosen.seed * 1_000_003 + number) for number in range(batches)]
    begun = time.perf_counter()
    totals = {python: [0, 0, 0, 0] for python in pythons}
    unseen: list[random_pickles.Difference] = []
    # The other half of the work is in the processes that are asked.
    with ThreadPoolExecutor(2) as pool:
        for python, count, found in pool.map(compare, tasks):
            for index, number in enumerate((count, found.asked, found.refused, len(found.unseen))):
                totals[python][index] += number
            unseen += found.unseen
    for python, (count, asked, refused, missed) in totals.items():
        print(f"{count:>8} pickles  {asked:>8} names  {refused:>8} not allowed  {missed:>3} unseen  {python}")
    columns = [sum(each) for each in zip(*totals.values(), strict=True)]
    print("{:>8} pickles  {:>8} names  {:>8} not allowed  {:>3} unseen".format(*columns), end="  ")
    print(f"in {time.perf_counter() - begun:.0f} s")
    for each in unseen[:20]:
        print(each.name, each.data.hex())
    return bool(unseen)


if __name__ == "__main__":
    sys.exit(main())
