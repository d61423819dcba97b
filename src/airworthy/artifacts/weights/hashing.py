"""Hashes of files, and manifests that list them: those of `sha256sum` and its like, BSD's, a hub's cache."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import msgspec

from airworthy.core.errors import AirworthyError, ExtraMissing
from airworthy.core.messages import say
from airworthy.core.values import Defect

MOST_MANIFEST = 64 * 1024 * 1024
"""Bytes of a manifest."""
_LENGTHS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_TAGS = {"SHA256": "sha256", "SHA2-256": "sha256", "SHA512": "sha512", "SHA1": "sha1", "MD5": "md5", "BLAKE3": "blake3"}
_LINE = re.compile(r"(?P<escaped>\\?)(?P<digest>[0-9a-fA-F]{32,128}) [ *](?P<path>.+)\Z", re.DOTALL)
_TAGGED = re.compile(r"(?P<tag>[A-Z0-9-]{2,20}) \((?P<path>.+)\) = (?P<digest>[0-9a-fA-F]{32,128})\Z", re.DOTALL)
_BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class ManifestUnreadable(AirworthyError):
    """A file that is not a list of hashes."""

    code = "manifest-unreadable"
    message = "{path}, line {line}, is no line of a manifest: {text}"
    hint = "a line is a hash, two spaces and a path, as `sha256sum` writes it; make one with --write-manifest FILE"


class Listed(msgspec.Struct, frozen=True):
    """One file of a manifest."""

    path: str
    """Its path, relative to the model's folder, with slashes."""
    algorithm: str
    """What it was hashed with, a name that `new_hash` knows."""
    digest: str
    """The hash, lower case."""


class _Git:
    """SHA-1 over the size and the content, as Git names a file."""

    def __init__(self, size: int) -> None:
        self._hash = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)

    def update(self, data: Any) -> None:
        self._hash.update(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def default_algorithm() -> str:
    """BLAKE3 where it is installed, as it is several times quicker; else SHA-256."""
    from importlib.util import find_spec

    return "blake3" if find_spec("blake3") else "sha256"


def new_hash(algorithm: str, size: int, *, alone: bool = False) -> Any:
    """A hash of an algorithm, to be given a file of a size.

    Args:
        algorithm: `sha256`, `blake3`, `sha512`, `sha1`, `md5`; or `git`, SHA-1 as Git names a file, which hubs give.
        size: bytes of the file.
        alone: whether nothing else works meanwhile, so that BLAKE3 may take all cores.

    Raises:
        ExtraMissing: BLAKE3 is not installed.
    """
    if algorithm == "git":
        return _Git(size)
    if algorithm != "blake3":
        return hashlib.new(algorithm, usedforsecurity=False)
    try:
        import blake3
    except ImportError:
        raise ExtraMissing(job=say("hashing with BLAKE3"), library="blake3", extra="health") from None
    return blake3.blake3(max_threads=blake3.blake3.AUTO if alone else 1)


def read_manifest(text: bytes, name: str) -> list[Listed]:
    """The files that a manifest lists.

    Raises:
        ManifestUnreadable: a line is none of the known kinds.
    """
    listed = []
    blake = "b3" in name.lower() or "blake3" in name.lower()
    for number, line in enumerate(text.decode("utf-8", "surrogateescape").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line.rstrip("\r")) or _TAGGED.match(line.rstrip("\r"))
        found = match.groupdict() if match else {}
        digest = found.get("digest", "").lower()
        algorithm = _TAGS.get(found["tag"]) if "tag" in found else _LENGTHS.get(len(digest))
        if algorithm is None or not match:
            raise ManifestUnreadable(path=name, line=number, text=line[:100])
        if algorithm == "sha256" and blake and "tag" not in found:
            algorithm = "blake3"
        path = found["path"]
        if found.get("escaped"):
            path = re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r", "\\": "\\"}.get(m[1], m[0]), path)
        listed.append(Listed(PurePosixPath(path).as_posix(), algorithm, digest))
    return listed


def write_manifest(digests: Mapping[str, str]) -> bytes:
    """A manifest as `sha256sum` and `b3sum` write and check it: path → hash, sorted by path."""
    lines = []
    for path, digest in sorted(digests.items()):
        shown = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        lines.append(f"{chr(92) if shown != path else ''}{digest}  {shown}\n")
    return "".join(lines).encode("utf-8", "surrogateescape")


def listed_by_hub(folder: Path, files: Iterable[Path]) -> list[Listed]:
    """What a hub's own cache says of a folder's files: the name of the blob behind a link, or the record beside it."""
    listed = []
    records = folder / ".cache" / "huggingface" / "download"
    for path in files:
        name = path.relative_to(folder).as_posix()
        digest = path.resolve().name if path.is_symlink() else ""
        if not _BLOB.fullmatch(digest):
            try:
                lines = (records / f"{name}.metadata").read_text("ascii", "replace").splitlines()
            except OSError:
                continue
            digest = lines[1].strip('"') if len(lines) > 1 else ""
        if _BLOB.fullmatch(digest):
            listed.append(Listed(name, "sha256" if len(digest) == 64 else "git", digest))
    return listed


def compare(listed: Sequence[Listed], digests: Mapping[str, Mapping[str, str]]) -> Iterator[Defect]:
    """Where files differ from a manifest.

    Args:
        listed: the manifest.
        digests: path → algorithm → hash of the files that are there.
    """
    for each in listed:
        if escapes(each.path):
            detail = say("the manifest names {path!r}, outside of the model's folder", path=each.path[:200])
            yield Defect(member=each.path[:200], kind="path", detail=detail)
        elif each.path not in digests:
            yield Defect(member=each.path[:200], kind="missing", detail=say("the manifest lists it"))
        elif (found := digests[each.path].get(each.algorithm, "")) != each.digest:
            template = "its {algorithm} hash is {found}, the manifest says {wanted}"
            detail = say(template, algorithm=each.algorithm, found=found, wanted=each.digest)
            yield Defect(member=each.path[:200], kind="checksum", detail=detail)


def escapes(path: str) -> bool:
    """Whether a path of a manifest leads out of the folder."""
    posix, windows = PurePosixPath(path), PureWindowsPath(path)
    return posix.is_absolute() or bool(windows.drive or windows.root) or ".." in posix.parts or ".." in windows.parts
