"""Writing an encrypted model."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from airworthy.artifacts.encryption.awenc import header, keys, manifest, primitives
from airworthy.artifacts.encryption.awenc.manifest import Manifest, Member
from airworthy.artifacts.identify import inspect
from airworthy.core.errors import AirworthyError, InputUnreadable, NotAModel
from airworthy.core.facts import to_json
from airworthy.core.messages import say

CHUNK = 1024 * 1024
"""Plain bytes of a chunk unless told otherwise."""
LEFT_OUT = frozenset({".git"})
"""Folders that are no part of a model."""


class CannotEncrypt(AirworthyError):
    """A model that can't be encrypted as it is."""

    code = "cannot-encrypt"
    message = "{path} cannot be encrypted: {reason}"
    hint = "{way_out}"


def seal(
    path: Path,
    out: BinaryIO,
    recipients: Sequence[str],
    *,
    chunk: int = CHUNK,
    entropy: Callable[[int], bytes] = os.urandom,
) -> int:
    """Encrypt a model into a stream; the plain bytes that went in.

    Args:
        path: a file or a folder.
        out: where the container goes; nothing is sought in it.
        recipients: the keys of those who may decrypt, by name.
        chunk: plain bytes of a chunk.
        entropy: where random bytes come from; test vectors bring their own.

    Raises:
        CannotEncrypt: there is nothing to encrypt, or something that can't be.
        KeyUnreadable: a recipient's key can't be read.
        InputUnreadable: a file can't be read, or changes meanwhile.
        OSError: the container can't be written.
    """
    with primitives.needed():
        secret, salt = entropy(primitives.KEY), entropy(32)
        wrapped = tuple(keys.recipient(each, secret, entropy(primitives.KEY)) for each in dict.fromkeys(recipients))
    listed = _listed(path)
    plain = manifest.write(listed)
    head = header.Header(chunk=chunk, manifest=manifest.sealed(len(plain), chunk), salt=salt, recipients=wrapped)
    start = header.write(head)
    header.read(start + bytes(header.MAC), path)  # what can't be read must not be written
    manifest.read(plain, chunk, path)
    out.write(start + primitives.code(secret, salt, start))
    stream = primitives.Stream(secret, salt, 0, start)
    for counter in range(manifest.chunks(len(plain), chunk)):
        part = plain[counter * chunk : (counter + 1) * chunk]
        out.write(stream.seal(counter, (counter + 1) * chunk >= len(plain), part))
    for number, member in enumerate(listed.files, 1):
        source = path / member.path if listed.folder else path
        _seal_file(source, member.size, out, primitives.Stream(secret, salt, number, start), chunk)
    return sum(member.size for member in listed.files)


def _seal_file(path: Path, size: int, out: BinaryIO, stream: primitives.Stream, chunk: int) -> None:
    count = manifest.chunks(size, chunk)
    buffer = memoryview(bytearray(min(chunk, max(size, 1))))
    try:
        source = path.open("rb", buffering=0)
    except OSError as error:
        raise InputUnreadable(path=path, reason=error.strerror or str(error)) from None
    with source:
        for counter in range(count):
            wanted = min(chunk, size - counter * chunk)
            part = buffer[:wanted]
            if _fill(source, part, path) < wanted:
                raise InputUnreadable(path=path, reason=say("it became shorter while it was read"))
            out.write(stream.seal(counter, counter + 1 == count, part))
        if source.read(1):
            raise InputUnreadable(path=path, reason=say("it became longer while it was read"))


def _fill(source: FileIO, part: memoryview, path: Path) -> int:
    filled = 0
    try:
        while filled < len(part) and (count := source.readinto(part[filled:])):
            filled += count
    except OSError as error:
        raise InputUnreadable(path=path, reason=error.strerror or str(error)) from None
    return filled


def _listed(path: Path) -> Manifest:
    """The files of a model, and what it is told to be."""
    folder = path.is_dir()
    files: list[Member] = []
    for place, name in _walk(path) if folder else [(path, path.name)]:
        if not place.is_file():
            way_out = say("take it out of the folder")
            raise CannotEncrypt(path=path, reason=say("{name} is no file", name=name), way_out=way_out)
        files.append(Member(name, place.stat().st_size))
    if not files:
        raise CannotEncrypt(path=path, reason=say("there are no files in it"), way_out=say("check the path"))
    model, facts = _described(path)
    if not folder and model is not None and (others := [f["path"] for f in model["files"] if f.get("format")][1:]):
        reason = say("its weights go on in {other}", other=others[0])
        raise CannotEncrypt(path=path, reason=reason, way_out=say("encrypt the folder that holds both"))
    return Manifest(name=path.absolute().name or "model", folder=folder, files=tuple(files), model=model, facts=facts)


def _walk(folder: Path) -> list[tuple[Path, str]]:
    """Every file below a folder; a link is taken as what it leads to, as long as that lies where it may.

    A hub's cache keeps a model as links to blobs beside it.
    """
    whole = folder.resolve()
    home = whole.parent.parent if whole.parent.name == "snapshots" else whole
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        here = Path(place)
        for name in sorted(files):
            path = here / name
            told = path.relative_to(folder).as_posix()
            if path.is_symlink() and not path.resolve().is_relative_to(home):
                reason = say("{name} is a link to outside of the folder", name=told)
                raise CannotEncrypt(path=folder, reason=reason, way_out=say("put the file itself there"))
            found.append((path, told))
        linked = next((name for name in folders if (here / name).is_symlink()), None)
        if linked is not None:
            reason = say("{name} is a link to a folder", name=linked)
            raise CannotEncrypt(path=folder, reason=reason, way_out=say("put the folder itself there"))
    return found


def _described(path: Path) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """What a model is, for those who can't look at it later without decrypting it."""
    try:
        found = inspect(path)
    except (NotAModel, InputUnreadable):
        return None, None
    model = found.model
    root = path.absolute() if path.is_dir() else path.absolute().parent

    def within(place: str) -> str:
        return Path(place).absolute().relative_to(root).as_posix() if place else ""

    try:
        described = msgspec.structs.replace(
            model, path="", entry=within(model.entry), tokenizer=within(model.tokenizer)
        )
    except ValueError:  # its tokenizer lies above it, and does not come along
        described = msgspec.structs.replace(model, path="", entry=within(model.entry), tokenizer="", task="")
    return msgspec.to_builtins(described), to_json(found.facts)
