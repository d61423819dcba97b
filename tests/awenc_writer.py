"""The writer of the container that airworthy wrote before age: what its reader is tested with."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from airworthy.artifacts.encryption.awenc import header, manifest, primitives
from airworthy.artifacts.encryption.awenc.header import X25519, Recipient, Service
from airworthy.artifacts.encryption.awenc.manifest import Manifest, ManifestEntry
from airworthy.artifacts.encryption.describe import describe, members_of
from airworthy.artifacts.encryption.errors import KeyUnreadable
from airworthy.artifacts.encryption.keys import ask, service_of, text
from airworthy.core.errors import InputUnreadable
from airworthy.core.messages import say

CHUNK = 1024 * 1024
"""Plain bytes of a chunk unless told otherwise."""


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
        wrapped = tuple(recipient(each, secret, entropy(primitives.KEY)) for each in dict.fromkeys(recipients))
    listed = _listed(path)
    plain = manifest.write(listed)
    head = header.ContainerHeader(
        chunk=chunk, manifest=manifest.sealed(len(plain), chunk), salt=salt, recipients=wrapped
    )
    start = header.write(head)
    header.read(start + bytes(header.MAC), path)  # what can't be read must not be written
    manifest.read(plain, chunk, path)
    out.write(start + primitives.code(secret, salt, start))
    stream = primitives.ChunkCipher(secret, salt, 0, start)
    for counter in range(manifest.chunks(len(plain), chunk)):
        part = plain[counter * chunk : (counter + 1) * chunk]
        out.write(stream.seal(counter, (counter + 1) * chunk >= len(plain), part))
    for number, member in enumerate(listed.files, 1):
        source = path / member.path if listed.folder else path
        _seal_file(source, member.size, out, primitives.ChunkCipher(secret, salt, number, start), chunk)
    return sum(member.size for member in listed.files)


def _seal_file(path: Path, size: int, out: BinaryIO, stream: primitives.ChunkCipher, chunk: int) -> None:
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
    prefix = f"{path.name}/" if path.is_dir() else ""
    members = sorted((member.path.removeprefix(prefix), member.size) for _, member in members_of(path))
    files = tuple(ManifestEntry(name, size) for name, size in members)
    told = describe(path)
    model, facts = (told.model, told.facts) if told is not None else (None, None)
    return Manifest(name=path.name, folder=path.is_dir(), files=files, model=model, facts=facts)


def recipient(reference: str, secret: bytes, ephemeral: bytes) -> Recipient:
    """A model's key wrapped for who is named.

    Args:
        reference: a public key, or a private one whose public half is taken.
        secret: the model's key.
        ephemeral: 32 random bytes for this recipient alone.

    Raises:
        KeyUnreadable: the key can't be read, or is of another kind.
        UnknownName: there is no such key service.
        ServiceFailed: the key service refused.
    """
    if reference.startswith("service:"):
        service, key = service_of(reference)
        wrapped = ask(service, key, secret, wrap=True)
        return Service(id=key, service=service, wrapped=wrapped)
    try:
        public = primitives.read_public(text(reference))
        own, wrapped = primitives.wrap(secret, public, ephemeral)
    except primitives.NotAKey as error:
        raise KeyUnreadable(source=reference, reason=str(error)) from None
    return X25519(id=primitives.key_id(public), ephemeral=own, wrapped=wrapped)


class Key(NamedTuple):
    """A key as it was made before age: PEM files."""

    private: Path
    public: Path
    id: str


def keygen(path: Path) -> Key:
    """Make a key."""
    private = primitives.new_private()
    public = primitives.public_of(private)
    shared = path.with_name(f"{path.name}.pub")
    path.write_bytes(primitives.write_private(private))
    shared.write_bytes(primitives.write_public(public))
    return Key(path, shared, primitives.key_id(public))


def encrypt(path: Path, recipients: Sequence[str], output: Path | None = None, chunk: int = CHUNK) -> Path:
    """Write a container."""
    place = output or path.with_name(f"{path.name}.awenc")
    with place.open("wb") as stream:
        seal(path, stream, recipients, chunk=chunk)
    return place
