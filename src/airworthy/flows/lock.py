"""Locking: from requirements to a lock for all platforms; a lock compared with an environment and with another one."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

import airworthy
from airworthy.core.errors import AirworthyError
from airworthy.core.finding import Confidence, Evidence, Finding, Remedy, Severity
from airworthy.core.messages import say
from airworthy.core.packages import InstalledSet
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Failed, Passed, Report
from airworthy.environment import locking, uv, wheelhouse
from airworthy.environment.drift import Drift, drifts
from airworthy.environment.lockfile import (
    LockedPackage,
    LockPlatform,
    LockUnreadable,
    coverage,
    difference,
    installed_there,
    parse_lock,
)
from airworthy.environment.requirement_files import WantedRequirements, parse_list, parse_project
from airworthy.environment.restore import CannotRestore, beside, put_in_place
from airworthy.environment.system import system_of
from airworthy.environment.toml import toml_text
from airworthy.flows.answers.lock import LockAnswer, LockCheck, LockDifference
from airworthy.flows.files import OutputFailed, read, reason
from airworthy.probes.python.descriptions import read_installed
from airworthy.probes.python.elsewhere import host_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = "airworthy.lock"
"""Where a lock lies unless another folder is named."""
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
"""Versions of Python of which the coverage is reported, from the lock's own on."""
MOST_DRIFTS = 50
"""Differences that are named as evidence."""


class UnknownAccelerator(AirworthyError):
    """A name that no builds are published for."""

    code = "unknown-accelerator"
    message = "there are no wheels for an accelerator named {name!r}"
    hint = "known: {names}"


class LockSource(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """`lock.toml`: what a lock was made from, so that it can be made again and compared."""

    schema: int = 1
    """The number of this form."""
    source: str = ""
    """The file, relative to the lock's folder, or `environment`."""
    source_sha256: str = ""
    """Its hash when the lock was made."""
    project: str = ""
    """The project that requires the packages, which the lock does not hold."""
    extras: tuple[str, ...] = ()
    """The project's extras that it was made with."""
    groups: tuple[str, ...] = ()
    """Its groups."""
    accelerator: str = ""
    """What wheels were chosen for."""
    python: str = ""
    """The oldest Python that it is for."""
    made_by: str = ""
    """The programs that made it."""


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
        python=installed.executable or sys.executable,
        python_version=oldest,
        universal=not from_environment,
        previous=previous.read_text(encoding="utf-8") if previous.is_file() else "",
        upgrade=upgrade,
    )
    if made.contradiction is not None:
        return _no_solution(wanted, folder, made.contradiction)
    packages = parse_lock(made.pylock.encode())
    old = packages_of(folder) if (folder / "pylock.toml").is_file() else packages
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
    _write(
        folder,
        {
            "pylock.toml": made.pylock,
            "requirements.txt": made.requirements,
            "system.toml": toml_text(system_of(packages, oldest, accelerator)),
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


def _write(folder: Path, files: dict[str, str]) -> None:
    """All files of the lock, or none."""
    new = beside(folder.absolute(), "new")
    try:
        if folder.exists() and not (folder / "lock.toml").is_file() and any(folder.iterdir()):
            raise OutputFailed(path=folder, reason=say("it exists and is no lock"))
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        for name, text in files.items():
            (new / name).write_text(text, encoding="utf-8", newline="\n")
        put_in_place(folder, new)
    except (OSError, CannotRestore) as error:
        shutil.rmtree(new, ignore_errors=True)
        raise OutputFailed(path=folder, reason=reason(error)) from None


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


def chosen_files(packages: Sequence[LockedPackage], installed: InstalledSet) -> list[tuple[LockedPackage, Any]]:
    """The packages of a lock that belong into an environment, each with the file that its interpreter takes."""
    from packaging.tags import compatible_tags, cpython_tags

    numbers = installed.python.split(".")
    version = (int(numbers[0]), int(numbers[1]))
    tags = [str(tag) for tag in (*cpython_tags(version), *compatible_tags(version, f"cp{version[0]}{version[1]}"))]
    there = here(packages, installed)
    return [(each, wheelhouse.choose(each, tags)) for each in there]


def here(packages: Sequence[LockedPackage], installed: InstalledSet) -> list[LockedPackage]:
    """The packages of a lock whose markers hold for an environment."""
    return installed_there(packages, LockPlatform("here", installed.system, installed.machine, ()), installed.python)


def packages_of(folder: Path) -> tuple[LockedPackage, ...]:
    """The packages of a lock: of its folder, or of a `pylock.toml`.

    Raises:
        InputNotFound: there is no such lock.
        LockUnreadable: it is no lock.
    """
    path = folder / "pylock.toml" if folder.is_dir() else folder
    return parse_lock(read(str(path)), str(path))


def source_of(folder: Path) -> LockSource:
    """What a lock was made from; an empty one for a lock of another program.

    Raises:
        LockUnreadable: the description is no TOML or has other fields.
    """
    path = folder / "lock.toml"
    if not path.is_file():
        return LockSource()
    try:
        return msgspec.convert(tomllib.loads(read(str(path)).decode("utf-8", "replace")), LockSource)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise LockUnreadable(path=path, reason=error) from None


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


def check_lock(
    path: str | Path = FOLDER,
    *,
    python: str | Path | None = None,
    files: bool = True,
    progress: Progress = SILENT,
) -> Report[LockCheck]:
    """Compare an environment with a lock.

    Args:
        path: the folder of the lock, or a `pylock.toml`.
        python: the environment; this program's own if None.
        files: whether each file is compared with its package's record.
        progress: receives the stages.

    Raises:
        InputNotFound: there is no such lock.
        LockUnreadable: it is no lock.
        NotAnEnvironment: the path holds no environment.
    """
    from airworthy.flows.deps import read_graph
    from airworthy.probes.python.records import check_records

    folder = Path(path)
    packages = packages_of(folder)
    described = source_of(folder) if folder.is_dir() else LockSource()
    host = host_of(python)
    installed, _ = read_graph(host, python)
    progress.stage(say("comparing files with their records"))
    records = check_records(host, installed.packages) if files else None
    locked = here(packages, installed)
    found = drifts(installed, locked, records, own=(described.project,) if described.project else ())
    stale = _stale(folder, described)
    answer = LockCheck(
        verdict="drifted" if found or stale else "same",
        lock=str(path),
        environment=installed.prefix,
        compared=len(locked),
        files=records.files if records else 0,
        drifts=found,
        stale=stale,
    )
    results = (_drifted(answer, found, stale, python),) if found or stale else (Passed("environment-drift"),)
    return Report(verb="lock", subject=str(path), results=results, answer=answer)


def _stale(folder: Path, described: LockSource) -> str:
    if not described.source_sha256 or not folder.is_dir():
        return ""
    source = folder / described.source
    try:
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
    except OSError as error:
        return say("{source} cannot be read: {reason}", source=described.source, reason=reason(error))
    if digest == described.source_sha256:
        return ""
    return say("{source} has changed since the lock was made", source=described.source)


def _drifted(answer: LockCheck, found: Sequence[Drift], stale: str, python: str | Path | None) -> Failed:
    findings = []
    if found:
        wrong = [each for each in found if each.kind != "extra"]
        target = str(python) if python is not None else answer.environment
        findings.append(
            Finding(
                cause="environment-drift",
                severity=Severity.ERROR if wrong else Severity.WARNING,
                confidence=Confidence.HIGH,
                subject=answer.environment,
                message=say(
                    "{count} differences from {lock}: {first}", count=len(found), lock=answer.lock, first=found[0].text
                ),
                params={"environment": answer.environment, "lock": answer.lock, "count": len(found)},
                evidence=tuple(Evidence(fact=each.kind, value=each.text) for each in found[:MOST_DRIFTS]),
                remedies=(
                    Remedy(
                        why=say(
                            "Makes the environment anew beside the old one and puts it in place once it is proven."
                        ),
                        commands=(f"airworthy sync {answer.lock} --python {target}",),
                    ),
                ),
            )
        )
    if stale:
        findings.append(
            Finding(
                cause="environment-drift",
                severity=Severity.ERROR,
                confidence=Confidence.HIGH,
                subject=answer.lock,
                message=stale,
                params={"environment": answer.environment, "lock": answer.lock, "count": 0},
                remedies=(
                    Remedy(why=say("Make the lock anew; versions that fit are kept."), commands=("airworthy lock",)),
                ),
            )
        )
    return Failed("environment-drift", tuple(findings))


def diff_locks(old: str | Path, new: str | Path) -> Report[LockDifference]:
    """What differs between two locks: packages, versions, files.

    Raises:
        InputNotFound: there is no such lock.
        LockUnreadable: it is no lock.
    """
    found = difference(packages_of(Path(old)), packages_of(Path(new)))
    answer = LockDifference(old=str(old), new=str(new), differences=found)
    return Report(verb="lock", subject=f"{old} {new}", answer=answer)
