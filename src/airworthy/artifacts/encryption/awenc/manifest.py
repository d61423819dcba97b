"""The encrypted list of the files in a container, and what the model was described to be before it was encrypted."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, Optional

import msgspec

from airworthy.artifacts.encryption.awenc.header import TAG
from airworthy.artifacts.encryption.errors import ListDamaged
from airworthy.artifacts.encryption.paths import MOST_FILES, unsafe
from airworthy.core.messages import say

MOST_CHUNKS = 1 << 32
"""Chunks of a file: their number is part of what no two chunks may share."""


class ManifestEntry(msgspec.Struct, frozen=True):
    """A file of the model."""

    path: str
    """Its path in the model's folder, with slashes; the name of a single file."""
    size: int
    """Its plain bytes."""


class Manifest(msgspec.Struct, frozen=True):
    """What a container holds."""

    name: str
    """The name of the file or folder that was encrypted."""
    folder: bool
    """Whether it was a folder."""
    files: tuple[ManifestEntry, ...]
    """Its files, in the order in which they lie in the container."""
    model: Optional[dict[str, Any]] = None
    """What `inspect` reported of it, paths relative to the folder; None where it is no model."""
    facts: Optional[dict[str, Any]] = None
    """What checks decide from, as a facts file."""


def chunks(size: int, chunk: int) -> int:
    """How many chunks a file has: an empty one has one, which proves that it is empty."""
    return max(1, -(-size // chunk))


def sealed(size: int, chunk: int) -> int:
    """Bytes that a file of `size` plain ones takes in the container."""
    return size + TAG * chunks(size, chunk)


def plain(sealed_size: int, chunk: int) -> int | None:
    """Plain bytes of what takes so many in the container; None where nothing takes so many."""
    count = -(-sealed_size // (chunk + TAG))
    size = sealed_size - TAG * count
    return size if size >= 0 and count and chunks(size, chunk) == count else None


def read(data: bytes, chunk: int, path: object) -> Manifest:
    """The list, from its plain bytes.

    Raises:
        ListDamaged: it names files outside of the folder, one twice, or can't be read.
    """
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ListDamaged(path=path, reason=str(error)) from None
    if problem := _problem(manifest, chunk):
        raise ListDamaged(path=path, reason=problem)
    return manifest


def write(manifest: Manifest) -> bytes:
    """The bytes of a list."""
    return msgspec.json.encode(manifest)


def _problem(manifest: Manifest, chunk: int) -> str:
    if len(manifest.files) > MOST_FILES:
        return say("it names {count} files", count=len(manifest.files))
    if not manifest.folder and len(manifest.files) != 1:
        return say("it names {count} files for one", count=len(manifest.files))
    if not _plain_name(manifest.name):
        return say("it names itself {name!r}", name=manifest.name[:200])
    files: set[str] = set()
    folders: set[str] = set()
    for each in manifest.files:
        if unsafe(each.path) or (not manifest.folder and not _plain_name(each.path)):
            return say("it names {path!r}, outside of the folder", path=each.path[:200])
        if each.path in files:
            return say("it names {path!r} twice", path=each.path[:200])
        if each.size < 0 or chunks(each.size, chunk) > MOST_CHUNKS:
            return say("it gives {path!r} {size} bytes", path=each.path[:200], size=each.size)
        files.add(each.path)
        folders.update(parent.as_posix() for parent in PurePosixPath(each.path).parents)
    both = sorted(files & folders)
    return say("{path!r} is a file and a folder", path=both[0]) if both else ""


def _plain_name(name: str) -> bool:
    return "/" not in name and not unsafe(name)
