"""Locks what tests, demo and docs need, with hashes, into `locks/`; `--check` compares them with `pyproject.toml`.

A lock names versions and hashes and no registry: whichever index a machine is set up with, it installs these files or
none. PyTorch stays outside: its CPU build has another hash than the one that a lock would name.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from packaging.markers import default_environment
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
LOCKS = ROOT / "locks"
PROJECT = "airworthy"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
"""The versions of Python for which each lock must have an answer."""
UNLOCKED = ("torch",)
"""Packages that no lock names."""
_PIN = re.compile(r"^(?P<requirement>[A-Za-z0-9].*?)(?: \\)?$")


class Lock(NamedTuple):
    """One lock file."""

    name: str
    """Its file is `locks/<name>.txt`."""
    extra: str
    """The extra of the project that it locks."""
    builds: bool = False
    """Whether it also holds what the project itself is built with."""
    beside: str = ""
    """The lock whose versions it keeps to, because both are installed into one environment."""


ALL = (
    Lock("test", "dev", builds=True),
    Lock("demo", "demo", builds=True, beside="test"),
    Lock("docs", "docs", beside="test"),
    Lock("zoo", "zoo", beside="test"),
)


def _project() -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return document


def requirements(lock: Lock, project: dict[str, Any]) -> list[Requirement]:
    """What a lock must satisfy: the extra with the extras that it names, and the core's dependencies."""
    extras = project["project"]["optional-dependencies"]
    found = [Requirement(each) for each in project["project"]["dependencies"]]
    if lock.builds:
        found += map(Requirement, project["build-system"]["requires"])
    names, seen = [lock.extra], set()
    while names:
        name = names.pop()
        if name not in seen:
            seen.add(name)
            each = [Requirement(entry) for entry in extras[name]]
            names += [extra for entry in each if entry.name == PROJECT for extra in entry.extras]
            found += [entry for entry in each if entry.name != PROJECT and entry.name not in UNLOCKED]
    return found


def pins(lock: Lock) -> list[Requirement]:
    """The versions that a lock file names."""
    lines = (LOCKS / f"{lock.name}.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(found["requirement"]) for line in lines if (found := _PIN.match(line))]


def missing(lock: Lock, python: str, project: dict[str, Any]) -> list[str]:
    """Requirements that a lock does not satisfy on a version of Python, on Linux."""
    environment: dict[str, str] = {key: str(value) for key, value in default_environment().items()}
    environment |= {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    environment |= {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}

    def applies(requirement: Requirement) -> bool:
        return requirement.marker is None or requirement.marker.evaluate(environment)

    locked: dict[str, str] = {}
    for pin in filter(applies, pins(lock)):
        locked[_normal(pin.name)] = next(iter(pin.specifier)).version
    wanted = filter(applies, requirements(lock, project))
    return [
        f"locks/{lock.name}.txt, Python {python}: {wants} is locked as {locked.get(_normal(wants.name), 'nothing')}"
        for wants in wanted
        if not (_normal(wants.name) in locked and wants.specifier.contains(locked[_normal(wants.name)], True))
    ]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def write(lock: Lock, project: dict[str, Any], upgrade: str) -> None:
    """Resolve and write one lock with uv; versions that still fit are kept, but for a package to upgrade, or `all`."""
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-annotate"]
    command += ["--python-version", PYTHONS[0], "--custom-compile-command", "make lock"]
    command += ["--constraint", str(LOCKS / "held.txt")]
    command += ["--output-file", str(LOCKS / f"{lock.name}.txt"), "-"]
    command += ["--constraint", str(LOCKS / f"{lock.beside}.txt")] if lock.beside else []
    if upgrade:
        command += ["--upgrade"] if upgrade == "all" else ["--upgrade-package", upgrade]
    given = "".join(f"{each}\n" for each in requirements(lock, project))
    subprocess.run(command, input=given, text=True, check=True, cwd=ROOT)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare the locks with pyproject.toml")
    parser.add_argument(
        "--upgrade", default="", metavar="NAME", help="take the newest version of a package, or of `all`"
    )
    parser.add_argument("--unlocked", action="store_true", help="print the requirements that no lock names")
    options = parser.parse_args()
    project = _project()
    if options.unlocked:
        extras = project["project"]["optional-dependencies"]
        print(*{entry for each in extras.values() for entry in each if Requirement(entry).name in UNLOCKED})
        return 0
    if not options.check:
        for lock in ALL:
            write(lock, project, options.upgrade)
    problems = [problem for lock in ALL for python in PYTHONS for problem in missing(lock, python, project)]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems:
        print("hint: make lock", file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
