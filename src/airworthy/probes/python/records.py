"""Every installed file compared with the hash in its package's RECORD, and files that two packages list.

The format: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import posixpath
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from airworthy.core.messages import say
from airworthy.core.packages import InstalledPackage, RecordFault, RecordsChecked
from airworthy.probes.python.distributions import RECORD_LIMIT
from airworthy.probes.seam.host import Host, HostError

CHUNK = 8 * 1024 * 1024
"""Bytes of a file that are read at once."""
ALGORITHMS = ("sha256", "sha384", "sha512")
"""Hashes that a record may use; weaker ones are not taken as a proof."""
MOST_FAULTS = 2000
"""Faults of one environment that are kept."""


class RecordedFile(NamedTuple):
    """A line of a record."""

    path: str
    """The file."""
    algorithm: str
    """The hash's name, `sha256`; empty for none."""
    digest: str
    """The hash: URL-safe base64 without padding."""
    size: int | None
    """Its bytes, where they are recorded."""


def parse_record(text: str, base: str) -> tuple[RecordedFile, ...]:
    """The lines of a RECORD; paths are relative to the directory of the package.

    Raises:
        ValueError: it is no table of paths, hashes and sizes.
    """
    found = []
    try:
        for row in csv.reader(io.StringIO(text.replace("\0", ""), newline="")):
            if not row or not row[0]:
                continue
            algorithm, _, digest = (row[1] if len(row) > 1 else "").partition("=")
            size = int(row[2]) if len(row) > 2 and row[2].isascii() and row[2].isdigit() else None
            path = row[0].replace("\\", "/")
            found.append(RecordedFile(posixpath.normpath(posixpath.join(base, path)), algorithm, digest, size))
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return tuple(found)


def check_records(host: Host, packages: Iterable[InstalledPackage], threads: int = 4) -> RecordsChecked:
    """Compare all files with their records; files are hashed in several threads."""
    faults: list[RecordFault] = []
    listed: list[tuple[InstalledPackage, RecordedFile, int]] = []
    recorded = unhashed = 0
    for package in packages:
        if not package.info.endswith(".dist-info"):
            continue
        record = f"{package.info}/RECORD"
        try:
            data = host.read(record, RECORD_LIMIT)
            written = host.stamp(record).modified
            rows = parse_record(data.decode("utf-8", "replace"), package.location)
        except HostError as error:
            # A system's own packages come without; conda's and Debian's managers keep lists of their own.
            if package.installer in {"pip", "uv", "poetry", "pdm", ""}:
                faults.append(RecordFault(package=package.name, kind="no-record", path=record, detail=str(error)))
            continue
        except ValueError as error:
            faults.append(RecordFault(package=package.name, kind="bad-record", path=record, detail=str(error)))
            continue
        recorded += 1
        for row in rows:
            if not row.algorithm:
                unhashed += row.path != record and not row.path.endswith(".pyc")
            listed.append((package, row, written))
    hashed = [each for each in listed if each[1].algorithm]
    with ThreadPoolExecutor(threads, thread_name_prefix="airworthy-record") as pool:
        compared = pool.map(lambda each: _compare(host, *each), hashed, chunksize=64)
        faults.extend(fault for fault in compared if fault is not None)
    faults += _shared(listed)
    return RecordsChecked(packages=recorded, files=len(hashed), unhashed=unhashed, faults=tuple(faults[:MOST_FAULTS]))


def _compare(host: Host, package: InstalledPackage, row: RecordedFile, written: int) -> RecordFault | None:
    def fault(kind: str, detail: str, *, later: bool = False) -> RecordFault:
        return RecordFault(package=package.name, kind=kind, path=row.path, detail=detail, later=later)

    if row.algorithm not in ALGORITHMS:
        return fault("bad-record", say("hash {name} proves nothing", name=row.algorithm))
    try:
        stamp = host.stamp(row.path)
    except HostError as error:
        return fault("missing", str(error))
    later = stamp.modified > written
    if row.size is not None and stamp.size != row.size:
        detail = say("{found} bytes, recorded are {size}", found=stamp.size, size=row.size)
        return fault("changed", detail, later=later)
    digest = hashlib.new(row.algorithm)
    offset = 0
    try:
        while chunk := host.read(row.path, CHUNK, offset):
            digest.update(chunk)
            offset += len(chunk)
            if len(chunk) < CHUNK:
                break
    except HostError as error:
        return fault("unreadable", str(error))
    if base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode() != row.digest.rstrip("="):
        return fault("changed", say("same length, other content"), later=later)
    return None


def _shared(listed: Iterable[tuple[InstalledPackage, RecordedFile, int]]) -> list[RecordFault]:
    """Files that two packages list: the one installed last has written it, and removing either takes it away."""
    owners: dict[str, tuple[InstalledPackage, RecordedFile]] = {}
    faults = []
    for package, row, _ in listed:
        if row.path.endswith(".pyc"):
            continue
        owner = owners.setdefault(row.path, (package, row))
        if owner[0].name != package.name:
            same = bool(row.digest) and owner[1].digest == row.digest
            detail = owner[0].name + (say(", with the same content") if same else "")
            faults.append(RecordFault(package=package.name, kind="shared", path=row.path, detail=detail))
    return faults
