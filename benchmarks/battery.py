"""What each device of this machine reaches, operation by operation, through the frameworks of an environment.

    python benchmarks/battery.py [PYTHON]

PYTHON is the interpreter of the environment whose PyTorch and ONNX Runtime are used; this one when not given. The
figures are those of `airworthy check --probe`: medians, compared with float64 before they are timed.
"""

from __future__ import annotations

import subprocess
import sys

from timing import table

from airworthy.core.facts import Known
from airworthy.core.keys import DISTRIBUTIONS, PYTHON_EXECUTABLE
from airworthy.core.values import Distribution
from airworthy.core.version import Version
from airworthy.flows.battery import answer, run
from airworthy.flows.facts import gather

_FIND = "import importlib.util as u; print(*(n for n in ('torch', 'onnxruntime') if u.find_spec(n)))"


class _Aloud:
    """Tells the stages on standard error."""

    def stage(self, text: str) -> None:
        print(text, file=sys.stderr)

    def advance(self, done: int, total: int | None = None) -> None:
        """Steps within a stage are not told."""


def main(python: str) -> int:
    """Measure and print; the exit status."""
    found = subprocess.run([python, "-c", _FIND], capture_output=True, text=True, check=True).stdout.split()
    installed = tuple(Distribution(name=name, version=Version("0")) for name in found)
    environment = {DISTRIBUTIONS.name: Known(installed, python), PYTHON_EXECUTABLE.name: Known(python, python)}
    facts = gather(only=("nvidia", "amd", "ascend")).merged(environment)
    facts = facts.merged(run(facts, 60.0, _Aloud()))
    told = answer(facts)
    for device in told.get("devices", ()):
        title = f"{device['framework']} {device.get('version', '')} on {device['name'] or device['device']}"
        load = device.get("load", 0.0)
        rows = [_row(test) for test in device["tests"]]
        head = ("test", "size", "ms", "GFLOP/s", "GB/s", "of published", "error / bound", "verdict")
        table(f"{title}, {device.get('seconds', 0):.1f} s, load before {load:.2f}", head, rows)
        for dtype, gain in device["gains"].items():
            print(f"\nfused attention ({gain['kernel']}) in {dtype}: {gain['times']} times as fast as without fusion")
    if "devices" not in told:
        print(f"error: {told['unknown']}", file=sys.stderr)
    return 0 if told.get("devices") else 1


def _row(test: dict[str, object]) -> tuple[object, ...]:
    name = " ".join(str(part) for part in (test["operation"], test["dtype"], test.get("variant", "")) if part)
    if "gflops" not in test:
        return (name, "", "", "", "", "", "", test["verdict"])
    share = test["share"]
    told = f"{share:.0%}" if isinstance(share, float) else ""
    seconds, error = test["seconds"], test.get("error", 0.0)
    assert isinstance(seconds, float)
    assert isinstance(error, (int, float))
    return (
        name,
        test["shape"],
        f"{seconds * 1e3:.3f}",
        test["gflops"],
        test["gbytes"],
        told,
        f"{error:.2g}",
        test["verdict"],
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else sys.executable))
