"""Locking: from requirements to a lock for all platforms, and a folder with its files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

import airworthy
from airworthy.core.errors import AirworthyError
from airworthy.core.finding import Confidence, Evidence, Finding, Remedy, Severity
from airworthy.core.messages import say
from airworthy.core.packages import InstalledSet, Library
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Failed, Passed, Report
from airworthy.environment import locking, uv, wheelhouse
from airworthy.environment.lockfile import (
    LockedPackage,
    coverage,
    difference,
    parse_lock,
)
from airworthy.environment.requirement_files import WantedRequirements, parse_list, parse_project
from airworthy.environment.system import system_of
from airworthy.environment.toml import toml_text
from airworthy.flows.answers.lock import LockAnswer
from airworthy.flows.files import read
from airworthy.flows.locks import FOLDER, LockSource, chosen_files, packages_of, write_lock
from airworthy.probes.python.descriptions import read_installed
from airworthy.probes.python.elsewhere import host_of
from airworthy.probes.seam.host import HostError

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
"""Versions of Python of which the coverage is reported, from the lock's own on."""


class UnknownAccelerator(AirworthyError):
    """A name that no builds are published for."""

    code = "unknown-accelerator"
    message = "there are no wheels for an accelerator named {name!r}"
    hint = "known: {names}"


def lock(
    source: str | Path | None = None,
    *,
    output: str | Path = FOLDER,
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
    accelerator: str = "",
    upgrade: Sequence[str] = (),
    from_environment: bool = False,
    python: str | Path | None = None,
    python_version: str = "",
    wheels: str | Path | None = None,
    all_wheels: bool = False,
    indexes: uv.Indexes | None = None,
    progress: Progress = SILENT,
) -> Report[LockAnswer]:
    """Make a lock; all of its files are replaced at once, or none.

    Args:
        source: a `pyproject.toml`, or a list of requirements; the first if None.
        output: the folder of the lock.
        extras: extras of the project.
        groups: dependency groups of the project.
        accelerator: which builds of PyTorch's packages are taken, a name of `locking.ACCELERATORS`.
        upgrade: packages whose newest version is taken though the lock has one that fits; `all` for all.
        from_environment: whether an environment is locked as it is, for its own platform.
        python: the environment, or the interpreter to lock for; this program's own if None.
        python_version: the oldest Python that the lock is for; what the project says, or the interpreter's.
        wheels: a folder to fill with the lock's files.
        all_wheels: whether it gets the files for all platforms; else those for the interpreter.
        indexes: where packages come from.
        progress: receives the stages.

    Raises:
        InputNotFound: there is no such file.
        RequirementsUnreadable: it can't be read.
        ExtraMissing: uv is not installed.
        ResolverFailed: an index does not answer, or the like.
        FileUnavailable: a file for the wheelhouse can't be had.
        OutputFailed: the lock could not be written.
    """
    if accelerator and accelerator not in locking.ACCELERATORS:
        raise UnknownAccelerator(name=accelerator, names=tuple(locking.ACCELERATORS))
    indexes = indexes or uv.Indexes()
    if accelerator:
        indexes = msgspec.structs.replace(indexes, torch_backend=locking.ACCELERATORS[accelerator])
    installed = read_installed(host_of(python))
    wanted, digest = _wanted(source, installed, extras, groups, from_environment)
    folder = Path(output)
    oldest = python_version or wanted.python or ".".join(installed.python.split(".")[:2])
    progress.stage(say("resolving {source}", source=wanted.source))
    previous = folder / "requirements.txt"
    made = locking.lock(
        wanted,
        indexes,
        python=uv.interpreter(installed.executable),
        python_version=oldest,
        universal=not from_environment,
        previous=previous.read_text(encoding="utf-8") if previous.is_file() else "",
        upgrade=upgrade,
    )
    if made.contradiction is not None:
        return _no_solution(wanted, folder, made.contradiction)
    packages = parse_lock(made.pylock.encode())
    old = packages_of(folder) if (folder / "pylock.toml").is_file() else packages
    libraries = _libraries(python, installed, progress) if from_environment else ()
    described = LockSource(
        source="environment" if from_environment else _relative(wanted.source, folder),
        source_sha256=digest,
        project=wanted.project,
        extras=tuple(extras),
        groups=tuple(groups),
        accelerator=accelerator,
        python=oldest,
        made_by=f"airworthy {airworthy.__version__}, uv {uv.version()}",
    )
    write_lock(
        folder,
        {
            "pylock.toml": made.pylock,
            "requirements.txt": made.requirements,
            "system.toml": toml_text(system_of(packages, oldest, accelerator, libraries)),
            "lock.toml": toml_text(msgspec.to_builtins(described)),
        },
    )
    count = fetched = 0
    if wheels is not None:
        count, fetched = _fill(Path(wheels), packages, installed, folder, all_wheels, progress)
    pythons = [each for each in PYTHONS if int(each.split(".")[1]) >= int(oldest.split(".")[1])] or [oldest]
    answer = LockAnswer(
        verdict="locked",
        path=str(folder),
        source=wanted.source,
        packages=len({each.name for each in packages}),
        platforms=() if from_environment else coverage(packages, pythons),
        changes=difference(old, packages),
        accelerator=accelerator,
        wheelhouse=str(wheels) if wheels is not None else "",
        files=count,
        fetched=fetched,
    )
    return Report(verb="lock", subject=str(folder), results=(Passed("resolution-impossible"),), answer=answer)


def _libraries(python: str | Path | None, installed: InstalledSet, progress: Progress) -> tuple[Library, ...]:
    """The native libraries of the environment that is locked; none where the loader's paths can't be read."""
    from airworthy.probes.linker.native import read_libraries
    from airworthy.probes.seam.sharing import sharing

    progress.stage(say("reading native libraries"))
    host = host_of(python)
    try:
        with sharing(host):
            return read_libraries(host, installed.packages)
    except HostError:
        return ()


def _wanted(
    source: str | Path | None,
    installed: InstalledSet,
    extras: Sequence[str],
    groups: Sequence[str],
    from_environment: bool,
) -> tuple[WantedRequirements, str]:
    if from_environment:
        lines = tuple(f"{p.name}=={p.version}" for p in installed.packages if not p.editable)
        return WantedRequirements(source=installed.prefix, lines=lines), ""
    path = str(source if source is not None else "pyproject.toml")
    data = read(path)
    digest = hashlib.sha256(data).hexdigest()
    if path.endswith(".toml"):
        return parse_project(data, path, tuple(extras), tuple(groups)), digest
    return parse_list(data, path), digest


def _relative(source: str, folder: Path) -> str:
    import os

    try:
        return Path(os.path.relpath(source, folder)).as_posix()
    except ValueError:  # another drive
        return source


def _fill(
    wheels: Path,
    packages: tuple[LockedPackage, ...],
    installed: InstalledSet,
    folder: Path,
    everything: bool,
    progress: Progress,
) -> tuple[int, int]:
    if everything:
        files = [file for each in packages for file in wheelhouse.all_files(each)]
    else:
        files = [file for _, file in chosen_files(packages, installed) if file is not None]
    return wheelhouse.fill(wheels, files, folder.absolute(), progress)


def _no_solution(wanted: WantedRequirements, folder: Path, found: Any) -> Report[LockAnswer]:
    remedies = [
        Remedy(
            why=say("Replace `{old}`: then it is resolved, with {version}.", old=each.requirement, version=each.version)
            if each.instead
            else say("Without `{old}` it is resolved.", old=each.requirement),
            commands=(),
        )
        for each in found.relaxations
    ]
    message = say("these requirements contradict each other: {smallest}", smallest=", ".join(found.smallest))
    finding = Finding(
        cause="resolution-impossible",
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        subject=wanted.source,
        message=message,
        params={"smallest": list(found.smallest)},
        evidence=(Evidence(fact="uv", value=found.explanation),),
        remedies=tuple(remedies) or (Remedy(why=say("No change to one requirement solves it.")),),
    )
    answer = LockAnswer(verdict="no-solution", path=str(folder), source=wanted.source, contradiction=found)
    results = (Failed("resolution-impossible", (finding,)),)
    return Report(verb="lock", subject=wanted.source, results=results, answer=answer)
