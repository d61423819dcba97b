"""How fast a log is gone through, beside `grep -F` with the same literals and a loop over the same patterns.

python benchmarks/diagnose.py [--megabytes 1000]

One process, one core, CPU time. The log is a mixture of what programs print when nothing is wrong, with a failure of
the catalogue's own cases now and then; it is made on the spot, the same each time, and read from the page cache.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from airworthy.causes.catalogue import Catalogue
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.registry import CAUSES
from airworthy.core.finding import Severity
from airworthy.recognition import gone_through
from airworthy.recognition.scan import PIECE
from airworthy.recognition.text_index import TextIndex
from catalogue import logs
from healthy import collected, server

EVERY = 2_000_000
"""Bytes between two failures in the log."""
ROUNDS = 2
"""Times that each is measured."""
LOOP_SHARE = 0.002
"""Share of the log that the loop over patterns is given; on all of it nobody would wait for it."""


def main() -> int:
    """Make the log, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the log")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mixed.log"
        size = write_log(path, options.megabytes * 1_000_000)
        causes = list(CAUSES)
        print(f"log: {size / 1e6:.0f} MB; catalogue: {len(causes)} causes, {signature_count(causes)} texts")
        single, double = TextIndex(Catalogue.of(causes)), TextIndex(Catalogue.of([*causes, *doubled(causes)]))
        # In turns, and the better of each: whatever else the machine does then falls on both.
        rates = [(speed(path, size, single), speed(path, size, double)) for _ in range(ROUNDS)]
        one, two = (
            told("airworthy", max(r for r, _ in rates)),
            told("airworthy, twice the texts", max(r for _, r in rates)),
        )
        grep = rate_grep(path, causes, size, folder)
        loop = rate_loop(path, causes, int(size * LOOP_SHARE))
        peak = peak_memory(path)
    print()
    print(f"twice the texts cost                {1 - two / one:8.1%}")
    if grep:
        print(f"against grep -F -f                  {one / grep:8.2f} times as fast")
    print(f"against a loop over the patterns    {one / loop:8.0f} times as fast")
    print(f"peak memory of `airworthy diagnose` {peak:8.0f} MB")
    return 0


def write_log(path: Path, size: int) -> int:
    """A log of about that size."""
    chance = random.Random(11)
    lines = [line for text in collected().values() for line in text.splitlines() if line]
    lines += [*server()] * 2
    failures = [entry["log"] for _, entry in logs("is_it")]
    written = 0
    with path.open("wb") as stream:
        while written < size:
            rows = []
            for line in chance.choices(lines, k=20_000):
                clock = f"2026-11-20T09:{chance.randrange(60):02}:{chance.randrange(60):02}"
                rows.append(f"{clock} req-{chance.getrandbits(40):010x} {line}")
            if written // EVERY != (written + len(rows) * 150) // EVERY:
                rows.insert(chance.randrange(len(rows)), chance.choice(failures))
            written += stream.write(("\n".join(rows) + "\n").encode())
    return written


def signature_count(causes: list[Cause]) -> int:
    """How many texts the entries have."""
    return sum(len(cause.signatures) for cause in causes)


def doubled(causes: list[Cause]) -> Iterator[Cause]:
    """As many entries again, with texts of the same words in another order; none that healthy logs hold."""
    chance = random.Random(5)
    healthy = "\n".join((*collected().values(), *server()))
    words = [word for cause in causes for signature in cause.signatures for word in signature.literal.split()]
    for cause in causes:
        texts = {" ".join(chance.choices(words, k=max(3, len(s.literal.split())))) for s in cause.signatures}
        signatures = tuple(Signature(text) for text in sorted(texts) if text not in healthy)
        yield Cause(slug=f"{cause.slug}-again", severity=Severity.ERROR, message="", signatures=signatures)


def pieces(path: Path) -> Iterator[bytes]:
    """The log, as the verb reads it."""
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            yield piece


def speed(path: Path, size: int, index: TextIndex) -> float:
    """MB/s of CPU time at which the log is gone through."""
    began = time.process_time()
    gone_through(pieces(path), index)
    return size / (time.process_time() - began) / 1e6


def told(name: str, speed: float) -> float:
    """Print a rate and give it back."""
    print(f"{name:35} {speed:9.1f} MB/s", flush=True)
    return speed


def rate_grep(path: Path, causes: list[Cause], size: int, folder: str) -> float:
    """The same literals with `grep -F -f`, which only tells the lines."""
    grep = shutil.which("grep")
    if grep is None:
        print("grep is not installed here")
        return 0.0
    texts = Path(folder) / "literals"
    texts.write_text("".join(f"{s.literal}\n" for cause in causes for s in cause.signatures), encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Not to /dev/null: grep stops at the first line when it sees that nobody reads.
    command = [grep, "-a", "-c", "-F", "-f", str(texts), str(path)]
    subprocess.run(command, env={"LC_ALL": "C"}, capture_output=True, timeout=3600, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return told("grep -F -f", size / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 1e6)


def rate_loop(path: Path, causes: list[Cause], size: int) -> float:
    """Each line against each pattern, as a first version would do it."""
    patterns = [re.compile(s.pattern or re.escape(s.literal)) for cause in causes for s in cause.signatures]
    with path.open("rb") as stream:
        lines = stream.read(size).decode("utf-8", "replace").splitlines()
    began = time.process_time()
    for line in lines:
        for pattern in patterns:
            pattern.search(line)
    return told("a loop over the patterns", size / (time.process_time() - began) / 1e6)


def peak_memory(path: Path) -> float:
    """Peak resident memory of the verb on the whole log, in MB."""
    code = (
        "import resource, sys; from airworthy.cli.main import main; main(['diagnose', sys.argv[1]]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=3600, check=True
    )
    unit = 1 if sys.platform == "darwin" else 1024
    return int(done.stderr.split()[-1]) * unit / 1e6


if __name__ == "__main__":
    raise SystemExit(main())
