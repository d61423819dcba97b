"""Raising affected packages of a lock to the smallest versions that no advisory is about, as far as the lock allows."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.environment import locking, uv
from airworthy.environment.audit.judgement import Audited, candidates
from airworthy.environment.audit.sources import Release, SourceAnswer
from airworthy.environment.lockfile import LockedPackage, LockUnreadable, difference, parse_lock
from airworthy.environment.requirement_files import WantedRequirements, parse_list, parse_project
from airworthy.environment.restore import prepare
from airworthy.environment.system import system_of
from airworthy.environment.toml import toml_text
from airworthy.flows.answers.audit import Blocked, Raised, Repair
from airworthy.flows.files import read
from airworthy.flows.locks import source_of, write_lock

MOST_CANDIDATES = 6
"""Fixed versions of one package that are tried, the lowest first."""


def raise_versions(
    folder: Path,
    found: Audited,
    answers: Sequence[SourceAnswer],
    indexes: uv.Indexes,
    *,
    restore: bool = True,
    progress: Progress = SILENT,
) -> Repair:
    """Raise what can be raised, and name what cannot with what is in the way; the lock is replaced at once or not.

    Raises:
        LockUnreadable: the lock does not say what it was made from.
        ResolverFailed: an index does not answer.
        CannotRestore: the raised lock could not be restored; the old one is still there.
    """
    described = source_of(folder)
    if not described.source or described.source == "environment":
        raise LockUnreadable(path=folder, reason=say("it does not say which requirements it was made from"))
    path = folder / described.source
    wanted = _requirements(path, described.extras, described.groups)
    if described.accelerator:
        indexes = msgspec.structs.replace(indexes, torch_backend=locking.ACCELERATORS[described.accelerator])
    text = (folder / "requirements.txt").read_text(encoding="utf-8")
    old = parse_lock(read(str(folder / "pylock.toml")), str(folder))
    made: locking.Locked | None = None
    held: dict[str, str] = {}
    blocked: list[Blocked] = []
    affected = {each.package: each.version for each in found.vulnerabilities if not each.suppressed}
    for package, version in sorted(affected.items()):
        advisories = [each for answer in answers for each in answer.advisories.get(package, ())]
        tried: list[str] = []
        why = say("no fixed version is published")
        for candidate in candidates(Release(package, version), advisories)[:MOST_CANDIDATES]:
            progress.stage(say("raising {package} to {version}", package=package, version=candidate))
            tried.append(candidate)
            attempt = locking.lock(
                wanted,
                indexes,
                python=sys.executable,
                python_version=described.python,
                previous=text,
                upgrade=tuple({*held, package}),
                constraints=tuple(f"{name}=={number}" for name, number in {**held, package: candidate}.items()),
                explain=False,
            )
            if attempt.contradiction is None:
                held[package] = candidate
                made, text = attempt, attempt.requirements
                break
            why = attempt.contradiction.explanation
        else:
            blocked.append(Blocked(package, version, tuple(tried), why))
    if made is None:
        return Repair(raised=(), blocked=tuple(blocked), written=False, restored=False)
    packages = parse_lock(made.pylock.encode())
    if restore:
        progress.stage(say("restoring the raised lock, to prove it"))
        _restored(made.requirements, indexes, packages)
    described = msgspec.structs.replace(described)
    write_lock(
        folder,
        {
            "pylock.toml": made.pylock,
            "requirements.txt": made.requirements,
            "system.toml": toml_text(system_of(packages, described.python, described.accelerator)),
            "lock.toml": toml_text(msgspec.to_builtins(described)),
        },
    )
    return Repair(raised=_raised(old, packages), blocked=tuple(blocked), written=True, restored=restore)


def _requirements(path: Path, extras: tuple[str, ...], groups: tuple[str, ...]) -> WantedRequirements:
    data = read(str(path))
    if path.suffix == ".toml":
        return parse_project(data, str(path), extras, groups)
    return parse_list(data, str(path))


def _raised(old: Iterable[LockedPackage], new: Iterable[LockedPackage]) -> tuple[Raised, ...]:
    return tuple(
        Raised(each.package, ", ".join(each.old), ", ".join(each.new))
        for each in difference(old, new)
        if not each.files
    )


def _restored(requirements: str, indexes: uv.Indexes, packages: tuple[LockedPackage, ...]) -> None:
    with tempfile.TemporaryDirectory(prefix="airworthy-proof-") as place:
        listed = Path(place) / "requirements.txt"
        listed.write_text(requirements, encoding="utf-8")
        new = prepare(Path(place) / "env", listed, indexes, python=sys.executable, packages=packages)
        shutil.rmtree(new, ignore_errors=True)
