"""Environments that are broken for real, before `airworthy check`, `pip check` and PyTorch's `collect_env`.

    python benchmarks/broken_environments.py --cache DIR

The first run takes some minutes and half a gigabyte from the index (PyTorch's CPU build, ONNX Runtime twice); the next
ones find everything in DIR. Each environment is proven first: its `proof` fails in it and runs in the healthy one. Then
every tool looks at every environment. It has found a fault if a line that it prints names it, by one rule for all
tools (`breaking.py`), and if it does not print the same line for the healthy environment.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from breaking import FAULTS, HEALTHY, Environment, build
from timing import table

LIMIT = 300
"""Seconds that a tool has."""
TOOLS = {
    "airworthy check": ("bin/airworthy", "check"),
    "pip check": ("bin/pip", "check"),
    "collect_env": ("bin/python", "-m", "torch.utils.collect_env"),
}


class Said(NamedTuple):
    """What a tool printed."""

    seconds: float
    """How long it took."""
    status: int
    """Its exit status."""
    lines: tuple[str, ...]
    """Standard output and standard error."""


def ask(env: Environment, command: tuple[str, ...]) -> Said:
    """Run a command of an environment in its working directory."""
    words = [str(env.path / command[0]), *command[1:]]
    # A terminal wide enough that nobody wraps a line; the variables of this process's environment stay out of it.
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    began = time.perf_counter()
    done = subprocess.run(
        words,
        cwd=env.work,
        env={**variables, "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    return Said(time.perf_counter() - began, done.returncode, tuple((done.stdout + done.stderr).splitlines()))


def prove(name: str, env: Environment, healthy: Environment, proof: str) -> str:
    """The last line of what fails in the environment.

    Raises:
        RuntimeError: it does not fail there, or fails in the healthy one as well.
    """
    broken, control = (ask(each, ("bin/python", "-c", proof)) for each in (env, healthy))
    if broken.status == 0 or control.status != 0:
        raise RuntimeError(f"{name}: `{proof}` ended with {broken.status}, and {control.status} where all is well")
    return next((line for line in reversed(broken.lines) if line.strip()), f"status {broken.status}")


def main() -> None:
    """Build, prove, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    default = Path(tempfile.gettempdir()) / "airworthy-environments"
    parser.add_argument("--cache", type=Path, default=default, metavar="DIR", help="keeps the environments")
    parser.add_argument("--only", action="append", default=[], choices=[fault.name for fault in FAULTS])
    parser.add_argument(
        "--pip", action="append", default=[], metavar="OPTION", help="an option for pip, such as an index"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each tool is timed")
    parser.add_argument("--verbose", action="store_true", help="print the lines that named each fault")
    options = parser.parse_args()
    environments = build(options.cache.resolve(), tuple(options.pip), tuple(options.only))
    faults = [fault for fault in FAULTS if fault.name in environments]
    healthy = environments[HEALTHY]
    print("### What fails in each environment\n")
    for fault in faults:
        print(f"- `{fault.name}`: {fault.title}. `{prove(fault.name, environments[fault.name], healthy, fault.proof)}`")
    control = {tool: ask(healthy, command) for tool, command in TOOLS.items()}
    seconds: dict[str, list[float]] = {tool: [] for tool in TOOLS}
    found: dict[str, int] = dict.fromkeys(TOOLS, 0)
    rows = []
    for fault in faults:
        row = [fault.name]
        for tool, command in TOOLS.items():
            runs = [ask(environments[fault.name], command) for _ in range(options.rounds)]
            took = statistics.median(each.seconds for each in runs)
            seconds[tool].append(took)
            new = [line for line in runs[-1].lines if line not in control[tool].lines]
            naming = [line for line in new if re.search(fault.named, line)]
            found[tool] += bool(naming)
            row.append(f"{'found' if naming else '-'}, {took:.2f} s")
            if options.verbose:
                print(f"\n{fault.name} by {tool}:", *(naming[:2] or ["  nothing"]), sep="\n  ")
        rows.append(row)
    rows.append([HEALTHY, *(f"{_remarks(tool, said)}, {said.seconds:.2f} s" for tool, said in control.items())])
    rows.append(["found of all", *(f"**{found[tool]} of {len(faults)}**" for tool in TOOLS)])
    rows.append(["median seconds", *(f"{statistics.median(seconds[tool]):.2f}" for tool in TOOLS)])
    table("Broken environments: who names the fault", ("environment", *TOOLS), rows)


def _remarks(tool: str, said: Said) -> str:
    """What a tool has to say of the healthy environment: nothing, if all is well."""
    if tool == "collect_env":
        return "prints facts"  # it judges nothing
    return "nothing" if said.status == 0 else f"status {said.status}: {said.lines[0] if said.lines else ''}"


if __name__ == "__main__":
    main()
