"""The peers' virtual environments: made with the pinned releases, and held against them before a run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from serving.peers import Table

COMMAND = "python benchmarks/serving install"


def folder(home: Path, environment: str) -> Path:
    """Where an environment is."""
    return home / "venvs" / environment


def installed(venv: Path) -> dict[str, str]:
    """Distributions of an environment and their releases, read from its folders."""
    found = {}
    for info in venv.glob("lib/python*/site-packages/*.dist-info"):
        name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
        found[_plain(name)] = version
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def split(pin: str) -> tuple[str, str]:
    """A pin's name, without extras, and its release."""
    name, _, version = pin.partition("==")
    return _plain(name.partition("[")[0]), version


def lacks(table: Table, home: Path, environment: str) -> str:
    """Why an environment can't be used; empty where it can."""
    venv = folder(home, environment)
    if not (venv / "bin" / "python").exists():
        return f"not installed: `{COMMAND} {environment}`"
    there = installed(venv)
    for name, version in map(split, table.pins(environment)):
        # A local part, `+cpu`, is the same release.
        if there.get(name, "").partition("+")[0] != version:
            return f"needs {name} {version}, has {there.get(name, 'none')}: `{COMMAND} {environment}`"
    return ""


def make(table: Table, home: Path, environment: str) -> None:
    """Make or complete one environment."""
    make_with(folder(home, environment), [table.pins(environment)])


def make_with(venv: Path, steps: list[list[str]]) -> None:
    """An environment with what each step asks pip for, in order.

    Raises:
        subprocess.CalledProcessError: pip or venv failed, and has told why.
    """
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    for step in steps:
        print(f"{venv.name}: {' '.join(step)}", file=sys.stderr, flush=True)
        pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--progress-bar", "off"]
        subprocess.run([str(python), *pip, *step], check=True)
