"""A lock compared with an environment, with what it was made from, and with another lock."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from airworthy.core.finding import Confidence, Evidence, Finding, Remedy, Severity
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Failed, Passed, Report
from airworthy.environment.drift import Drift, drifts
from airworthy.environment.lockfile import difference
from airworthy.flows.answers.lock import LockCheck, LockDifference
from airworthy.flows.files import reason
from airworthy.flows.locks import FOLDER, LockSource, here, packages_of, source_of
from airworthy.probes.python.elsewhere import host_of

MOST_DRIFTS = 50
"""Differences that are named as evidence."""


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
