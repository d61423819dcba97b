"""A folder with every file of a lock, for places without a network: each is proven by its hash before it is kept."""

from __future__ import annotations

import contextlib
import hashlib
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.environment.lockfile import LockedFile, LockedPackage

TIMEOUT = 60.0
"""Seconds that a server has for each piece."""
CHUNK = 1024 * 1024
"""Bytes that are read at once."""
LARGEST = 8 * 1024**3
"""Bytes of a file that are taken at the most."""


class FileUnavailable(AirworthyError):
    """A file of a lock that could not be fetched, or is not the one that was locked."""

    code = "file-unavailable"
    message = "{name} cannot be had: {reason}"
    hint = "nothing half-done was left; run it again, or lock anew if the file is gone from the index"


def choose(package: LockedPackage, tags: Iterable[str]) -> LockedFile | None:
    """The wheel that an interpreter takes, the best first in `tags`; else the source distribution."""
    order = {tag: number for number, tag in enumerate(tags)}
    best: tuple[int, LockedFile] | None = None
    for wheel in package.wheels:
        parts = wheel.name.removesuffix(".whl").split("-")[-3:]
        expanded = [
            f"{p}-{a}-{o}" for p in parts[0].split(".") for a in parts[1].split(".") for o in parts[2].split(".")
        ]
        rank = min((order[tag] for tag in expanded if tag in order), default=None)
        if rank is not None and (best is None or rank < best[0]):
            best = (rank, wheel)
    return best[1] if best else package.sdist


def all_files(package: LockedPackage) -> tuple[LockedFile, ...]:
    """Every file of a package."""
    return (*package.wheels, *((package.sdist,) if package.sdist else ()))


def fill(folder: Path, files: Iterable[LockedFile], base: Path, progress: Progress = SILENT) -> tuple[int, int]:
    """Fetch files into a folder; those that are there and right stay.

    Args:
        folder: where they go.
        files: what to fetch.
        base: the folder of the lock, from which relative paths start.
        progress: receives each file's name.

    Returns:
        How many files there are, and how many of them were fetched now.

    Raises:
        FileUnavailable: one could not be had; it leaves no part of itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = fetched = 0
    for each in files:
        count += 1
        target = folder / each.name
        if Path(each.name).name != each.name or each.name in {"", ".", ".."}:
            raise FileUnavailable(name=each.name, reason=say("it is no name of a file"))
        if target.is_file() and sha256_of(target) == each.sha256:
            continue
        progress.stage(say("fetching {name}", name=each.name))
        _fetch(each, target, base)
        fetched += 1
    return count, fetched


def sha256_of(path: Path) -> str:
    """A file's hash, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _fetch(file: LockedFile, target: Path, base: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    digest, size = hashlib.sha256(), 0
    try:
        with contextlib.closing(_open(file.url, base)) as source, part.open("wb") as stream:
            while chunk := source.read(CHUNK):
                size += len(chunk)
                if size > LARGEST:
                    raise FileUnavailable(name=file.name, reason=say("it is larger than {limit:bytes}", limit=LARGEST))
                digest.update(chunk)
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        if digest.hexdigest() != file.sha256:
            reason = say("its hash is {found}, locked is {wanted}", found=digest.hexdigest(), wanted=file.sha256)
            raise FileUnavailable(name=file.name, reason=reason)
        part.replace(target)
    except (OSError, ValueError) as error:
        text = error.reason if isinstance(error, urllib.error.URLError) else error
        raise FileUnavailable(name=file.name, reason=getattr(text, "strerror", None) or text) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _open(url: str, base: Path) -> Any:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme in {"http", "https"}:
        return urllib.request.urlopen(url, timeout=TIMEOUT)  # noqa: S310 - the scheme is one of two
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path)).open("rb")
    if parts.scheme:
        raise ValueError(say("addresses with {scheme}: are not fetched", scheme=parts.scheme))
    return (base / url).open("rb")
