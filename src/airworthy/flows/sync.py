"""Restoring an environment from its lock: all of it, proven, or as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

from airworthy.core.messages import say
from airworthy.core.packages import InstalledSet, RecordsChecked
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Passed, Report
from airworthy.environment import uv
from airworthy.environment.drift import Drift, drifts
from airworthy.environment.lockfile import parse_lock
from airworthy.environment.proof import prove
from airworthy.environment.restore import CannotRestore, prepare, put_in_place, recover
from airworthy.flows.answers.lock import SyncAnswer
from airworthy.flows.files import read
from airworthy.flows.locks import FOLDER, chosen_files, here, source_of
from airworthy.probes.python.descriptions import read_installed
from airworthy.probes.python.elsewhere import host_of
from airworthy.probes.python.records import check_records, parse_record
from airworthy.probes.seam.local import LocalHost

RECORD_LIMIT = 64 * 1024 * 1024
"""Bytes of a record that are read."""


def sync(
    path: str | Path = FOLDER,
    *,
    python: str | Path = ".venv",
    base: str | Path | None = None,
    wheels: str | Path | None = None,
    indexes: uv.Indexes | None = None,
    progress: Progress = SILENT,
) -> Report[SyncAnswer]:
    """Make a virtual environment what a lock says, and prove it before it takes its place.

    Args:
        path: the folder of the lock.
        python: the virtual environment, made if there is none.
        base: the interpreter that it is made with; that of the environment, else this program's own.
        wheels: a wheelhouse; then nothing is fetched, and every file is compared with its wheel.
        indexes: where packages come from without one.
        progress: receives the stages.

    Raises:
        InputNotFound: there is no such lock.
        LockUnreadable: it is no lock.
        CannotRestore: it can't be made or proven; what was there before is still there.
        ExtraMissing: uv is not installed.
    """
    folder, target = Path(path), Path(python)
    packages = parse_lock(read(str(folder / "pylock.toml")), str(folder / "pylock.toml"))
    source_of(folder)
    recovered = recover(target.absolute())
    indexes = indexes or uv.Indexes()
    if wheels is not None:
        indexes = uv.Indexes(offline=True, no_index=True, find_links=(str(Path(wheels).absolute()),))
    progress.stage(say("installing {count} packages beside {path}", count=len(packages), path=target))
    interpreter = str(base) if base is not None else _base_of(target)

    def restored(use_cache: bool) -> tuple[Path, InstalledSet, RecordsChecked, tuple[Drift, ...]]:
        new = prepare(
            target,
            folder / "requirements.txt",
            indexes,
            python=interpreter,
            packages=packages,
            use_cache=use_cache,
        )
        try:
            host = host_of(new)
            installed = read_installed(host)
            progress.stage(say("proving it"))
            records = check_records(host, installed.packages)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        return new, installed, records, drifts(installed, here(packages, installed), records)

    new, installed, records, found = restored(use_cache=True)
    if any(each.kind in {"changed", "file-missing"} for each in found):
        # uv's cache holds a patched file: another environment shares its files with it.
        progress.stage(say("installing without uv's cache, which does not hold what was locked"))
        new, installed, records, found = restored(use_cache=False)
    try:
        host = host_of(new)
        if found:
            raise CannotRestore(
                path=target, reason=found[0].text, way_out=say("the index does not give what was locked")
            )
        proof = None
        if wheels is not None:
            recorded = {each.name: _recorded(host, each.info, each.location) for each in installed.packages}
            proof = prove(chosen_files(packages, installed), Path(wheels), recorded)
            if proof.faults:
                way_out = say("fill the wheelhouse anew: `airworthy lock --wheelhouse DIR`")
                raise CannotRestore(path=target, reason=proof.faults[0], way_out=way_out)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    put_in_place(target, new)
    answer = SyncAnswer(
        verdict="restored",
        lock=str(path),
        environment=str(target),
        packages=len(installed.packages),
        files=records.files,
        recovered=recovered,
        proof=proof,
    )
    return Report(verb="sync", subject=str(target), results=(Passed("environment-drift"),), answer=answer)


def _base_of(target: Path) -> str:
    """The interpreter below an environment, for one that is made again; else this program's."""
    import sys

    try:
        rows = (target / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        return sys.executable
    values = {key.strip(): value.strip() for key, _, value in (row.partition("=") for row in rows)}
    home, version = values.get("home", ""), values.get("version_info") or values.get("version", "")
    for name in (f"python{'.'.join(version.split('.')[:2])}", "python3", "python", "python.exe"):
        if home and (Path(home) / name).is_file():
            return str(Path(home) / name)
    return sys.executable


def _recorded(host: LocalHost, info: str, location: str) -> dict[str, str]:
    rows = parse_record(host.read(f"{info}/RECORD", RECORD_LIMIT).decode("utf-8", "replace"), location)
    return {row.path.removeprefix(f"{location}/"): row.digest for row in rows}
