"""The environments of the case book before `airworthy deps`, `pip check`, `uv pip check` and pipdeptree.

    python benchmarks/conflict_tools.py [--pipdeptree PROGRAM]

Each environment is a virtual environment without a network. A tool has found a fault if a line that it prints names
it, by one rule for all (`tests/case_book.py`), and it does not print that line for a healthy environment. *Both
chains* counts the conflicts for which the way from a root to each side is printed; only conflicts of versions have
two sides. Times are medians of whole processes, the tools taking turns. `airworthy deps` does its work twice: without
and with the change that ends the conflict, which no other tool looks for.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from timing import table

from case_book import CASES, Case, index, names
from environments import environment, package

SIDES = ("torch-transformers", "protobuf", "pydantic")
"""Cases with two sides that no version satisfies."""


class Said(NamedTuple):
    """What a tool printed."""

    seconds: float
    """How long it took."""
    lines: tuple[str, ...]
    """Standard output and standard error."""


def run(command: list[str]) -> Said:
    """Run a tool."""
    variables = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=variables)
    return Said(time.perf_counter() - began, tuple((done.stdout + done.stderr).splitlines()))


def make(folder: Path, case: Case | None) -> Path:
    """A virtual environment with a case's packages; a healthy one for None."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    if case is None:
        environment(site, [package("app", "1.0", "lib>=1"), package("lib", "1.2")])
    else:
        case.make(site)
    return folder


def main() -> None:
    """Build, ask, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pipdeptree", default=shutil.which("pipdeptree"), metavar="PROGRAM")
    parser.add_argument("--rounds", type=int, default=5, help="how often each tool is timed")
    options = parser.parse_args()
    bin_ = Path(sys.executable).parent
    ours = [str(bin_ / "python"), "-m", "airworthy", "deps", "--no-index", "--python"]

    def commands(env: Path, case: Case | None, place: Path) -> dict[str, list[str]]:
        words = list(case.words) if case else []
        links = ["--find-links", str(index(place, case))] if case else []
        python = str(env / "bin" / "python")
        found = {
            "airworthy deps": [*ours, str(env), *words, *links, "-v"],
            "airworthy deps --no-solve": [*ours, str(env), *words, "--no-solve"],
            "pip check": [str(bin_ / "python"), "-m", "pip", "--python", python, "check"],
            "uv pip check": [str(bin_ / "uv"), "pip", "check", "--python", python],
        }
        if options.pipdeptree:
            found["pipdeptree -w fail"] = [options.pipdeptree, "--python", python, "-w", "fail"]
        return found

    rows, seconds, found, chains = [], {}, {}, {}  # type: ignore[var-annotated]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        healthy = make(root / "healthy", None)
        control = {tool: run(command).lines for tool, command in commands(healthy, None, root / "none").items()}
        for case in CASES:
            env = make(root / case.name, case)
            asked = commands(env, case, root / f"{case.name}-index")
            samples: dict[str, list[Said]] = {tool: [] for tool in asked}
            for turn in range(options.rounds + 1):
                for tool, command in asked.items():
                    said = run(command)
                    if turn:
                        samples[tool].append(said)
            row = [f"{case.name}{' *' if case.stands_in else ''}"]
            for tool, all_said in samples.items():
                new = [line.replace(str(env), "") for line in all_said[-1].lines if line not in control[tool]]
                naming = names(case, new)
                took = statistics.median(each.seconds for each in all_said)
                seconds.setdefault(tool, []).append(took)
                found[tool] = found.get(tool, 0) + bool(naming)
                # A chain from a root has at least two packages before what it wants.
                both = sum(bool(re.search(r"from \w[\w.-]*: ", line)) for line in new) >= 2
                chains[tool] = chains.get(tool, 0) + (both and case.name in SIDES)
                row.append("found" if naming else "-")
            rows.append(row)
    tools = tuple(found)
    rows.append(["found of all", *(f"**{found[tool]} of {len(CASES)}**" for tool in tools)])
    rows.append(["both chains", *(f"{chains[tool]} of {len(SIDES)}" for tool in tools)])
    fastest = min(statistics.median(each) for each in seconds.values())
    rows.append(["median ms", *(f"{1000 * statistics.median(seconds[tool]):.0f}" for tool in tools)])
    rows.append(["times the fastest", *(f"{statistics.median(seconds[tool]) / fastest:.1f}" for tool in tools)])
    table("The case book (* metadata stands in for old wheels)", ("environment", *tools), rows)


if __name__ == "__main__":
    main()
