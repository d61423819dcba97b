"""Changed safetensors and GGUF files before the formats' own readers, beside what `inspect` says of them.

    python benchmarks/header_differences.py --count 100000 --seed 1

Prints for each format how many files were made, how many of them we call whole, and of how many a reader and we say
different things. The exit status is 1 if there was one. Needs safetensors, gguf and xllamacpp.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / each) for each in ("src", "tests")]

import reader_differences


def main() -> int:
    """Run, print, and say by the exit status whether there was a difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    chance = random.Random(chosen.seed)
    found: list[reader_differences.Difference] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, files, judge, compare in (
            (
                "safetensors",
                reader_differences.safetensors_files(chance),
                reader_differences.judged_safetensors,
                reader_differences.compare_safetensors,
            ),
            (
                "gguf",
                reader_differences.gguf_files(chance, Path(folder)),
                reader_differences.judged_gguf,
                reader_differences.compare_gguf,
            ),
        ):
            made = list(itertools.islice(files, chosen.count))
            differ = compare(made)
            whole = sum(not judge(each) for each in made)
            print(f"{name:<12} {len(made):>8} files  {whole:>8} whole  {len(differ):>3} differences")
            found += differ
    for each in found[:20]:
        print(each.refused_by or "no reader refuses it", each.defects, each.content[:200])
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
