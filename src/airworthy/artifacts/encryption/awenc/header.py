"""The part of an encrypted model that anyone may read: for whom it is encrypted, and how it is cut.

    magic (8) · version (u16) · zero (u16) · length of the header (u32) · header: JSON · its HMAC-SHA-256 (32)

Integers are little-endian. Nothing here needs a key, and nothing here is proven.
"""

from __future__ import annotations

import struct
from typing import Annotated, Union

import msgspec

from airworthy.artifacts.encryption.errors import HeaderDamaged, NotEncrypted, VersionUnknown
from airworthy.core.messages import say

MAGIC = b"\x89AWENC\r\n"
"""The first bytes. The high bit and the line end show a file that was carried as text."""
VERSION = 1
"""The version that is written, and the only one that is read."""
MOST_HEADER = 1024 * 1024
"""Bytes of the JSON."""
MOST_RECIPIENTS = 1000
"""Those for whom a model can be encrypted."""
MOST_WRAPPED = 16 * 1024
"""Bytes that a key service may make of a key."""
MOST_MANIFEST = 256 * 1024 * 1024
"""Bytes of the encrypted list of files."""
LEAST_CHUNK, MOST_CHUNK = 64 * 1024, 16 * 1024 * 1024
"""Bounds of the plain bytes of a chunk."""
TAG = 16
"""Bytes that each chunk is longer than what was encrypted."""
MAC = 32
"""Bytes of the header's authentication code."""
_START = struct.Struct("<8sHHI")

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class X25519(msgspec.Struct, frozen=True, tag="x25519", tag_field="kind", forbid_unknown_fields=True):
    """One who can decrypt with a private key."""

    id: _Id
    """The key's id."""
    ephemeral: bytes
    """The public half of a key that was made for this recipient alone; 32 bytes."""
    wrapped: bytes
    """The model's key, encrypted; 48 bytes."""


class Service(msgspec.Struct, frozen=True, tag="service", tag_field="kind", forbid_unknown_fields=True):
    """One who can decrypt with a key service."""

    id: _Id
    """The key's name in the service."""
    service: _Id
    """The service's name."""
    wrapped: bytes
    """What the service made of the model's key."""


Recipient = Union[X25519, Service]


class ContainerHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What anyone may read."""

    chunk: int
    """Plain bytes of each chunk but the last of a file."""
    manifest: int
    """Bytes of the encrypted list of files, which follows the header."""
    salt: bytes
    """Makes the keys of this container its own; 32 bytes."""
    recipients: tuple[Recipient, ...]
    """Those for whom it is encrypted."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The keys that it is encrypted for, a service's with the service's name."""
        return tuple(id_of(each) for each in self.recipients)


class Prefix(msgspec.Struct, frozen=True):
    """A header with its bytes, and where it ends."""

    header: ContainerHeader
    """What it says."""
    authenticated: bytes
    """All bytes from the magic on that its code is over."""
    code: bytes
    """That code."""

    @property
    def end(self) -> int:
        """Where the encrypted list of files begins."""
        return len(self.authenticated) + MAC


def id_of(recipient: Recipient) -> str:
    """How a recipient is named to people."""
    if isinstance(recipient, Service):
        return f"service:{recipient.service}:{recipient.id}"
    return recipient.id


def write(header: ContainerHeader) -> bytes:
    """The bytes of a header, without their code."""
    body = msgspec.json.encode(header, order="sorted")
    return _START.pack(MAGIC, VERSION, 0, len(body)) + body


def needed(start: bytes, path: object) -> int:
    """How many bytes a header takes with its code, from the file's first `_START.size` bytes or more.

    Raises:
        NotEncrypted: it is no encrypted model.
        VersionUnknown: it is of another version.
        HeaderDamaged: its length can't be.
    """
    if start[: len(MAGIC)] != MAGIC:
        raise NotEncrypted(path=path, start=start[:8].hex(" ") or say("nothing"))
    if len(start) < _START.size:
        raise HeaderDamaged(path=path, reason=say("the file ends within it"))
    _, version, zero, length = _START.unpack_from(start)
    if version != VERSION:
        raise VersionUnknown(path=path, version=version, known=VERSION)
    if zero or not 2 <= length <= MOST_HEADER:
        raise HeaderDamaged(path=path, reason=say("it says that it has {length} bytes", length=length))
    return _START.size + int(length) + MAC


def read(data: bytes, path: object) -> Prefix:
    """The header at the start of bytes.

    Raises:
        NotEncrypted: it is no encrypted model.
        VersionUnknown: it is of another version.
        HeaderDamaged: it can't be read.
    """
    length = needed(data, path)
    if len(data) < length:
        raise HeaderDamaged(path=path, reason=say("the file ends within it"))
    authenticated = data[: length - MAC]
    try:
        header = msgspec.json.decode(authenticated[_START.size :], type=ContainerHeader)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HeaderDamaged(path=path, reason=str(error)) from None
    if problem := _problem(header):
        raise HeaderDamaged(path=path, reason=problem)
    return Prefix(header, authenticated, data[length - MAC : length])


def _problem(header: ContainerHeader) -> str:
    if not LEAST_CHUNK <= header.chunk <= MOST_CHUNK:
        return say("chunks of {size:bytes}", size=header.chunk)
    if not TAG < header.manifest <= MOST_MANIFEST:
        return say("a list of files of {size} bytes", size=header.manifest)
    if len(header.salt) != 32:
        return say("a salt of {size} bytes", size=len(header.salt))
    if not 0 < len(header.recipients) <= MOST_RECIPIENTS:
        return say("{count} recipients", count=len(header.recipients))
    for each in header.recipients:
        if isinstance(each, X25519) and (len(each.ephemeral) != 32 or len(each.wrapped) != 48):
            return say("a key of the wrong length for {id}", id=each.id)
        if len(each.wrapped) > MOST_WRAPPED:
            return say("a key of {size:bytes} for {id}", size=len(each.wrapped), id=each.id)
    return ""
