"""Encryption and keys by age (https://age-encryption.org); the one file that imports `pyrage`, its Rust library.

The library pulls and pushes through objects with `read` and `write`. An error of ours within these would come back
as one of the library's, so it is kept and raised in its place.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

from airworthy.artifacts.encryption import bech32
from airworthy.artifacts.encryption.age_header import CHUNK, AgeHeader
from airworthy.artifacts.encryption.errors import (
    ChunkRefused,
    EndRefused,
    HeaderChanged,
    HeaderDamaged,
    KeyRefused,
    NotARecipient,
)
from airworthy.core.errors import ExtraMissing
from airworthy.core.messages import say

SECRET = "age-secret-key-"  # noqa: S105 - how a key begins
"""The Bech32 prefix of a private key."""
PUBLIC = "age"
"""That of a public key."""
_BUFFER = 1024 * 1024
_NO_MATCH = "No matching keys found"
_BAD_MAC = "Header MAC is invalid"
_TRUNCATED = "truncated"
_SHORT = "failed to fill whole buffer"


class NotAnAgeKey(ValueError):
    """A text that holds no key that age knows."""


@contextlib.contextmanager
def needed() -> Iterator[None]:
    """Turn a missing package into the hint how to get it.

    Raises:
        ExtraMissing: the package is not installed.
    """
    try:
        import pyrage  # noqa: F401
    except ImportError:
        raise ExtraMissing(job=say("encrypting models"), library="pyrage", extra="crypt") from None
    yield


def new_secret() -> str:
    """A new private key, `AGE-SECRET-KEY-1…`."""
    from pyrage import x25519

    return str(x25519.Identity.generate())


def secret_of(raw: bytes) -> str:
    """The private key of 32 bytes."""
    return bech32.encode(SECRET, raw).upper()


def public_of(secret: str) -> str:
    """The public half of a private key, `age1…`.

    Raises:
        NotAKey: it is none.
    """
    return str(_identity_x25519(secret).to_public())


def identity(text: str) -> Any:
    """What decrypts, from a line of an identity file or a whole SSH key.

    Raises:
        NotAKey: it is none.
    """
    from pyrage import plugin, ssh

    try:
        if "-----BEGIN" in text:
            return ssh.Identity.from_buffer(text.encode())
        if text.upper().startswith("AGE-PLUGIN-"):
            each = plugin.Identity.from_str(text)
            return plugin.IdentityPluginV1(each.plugin(), [each], _Callbacks())
        if text.upper().startswith("AGE-SECRET-KEY-PQ-"):
            raise NotAnAgeKey(say("it is a post-quantum key, which the library cannot use yet"))
        return _identity_x25519(text)
    except _errors(ValueError) as error:
        raise NotAnAgeKey(_one_line(error)) from None


def recipient(text: str) -> Any:
    """Who can decrypt, from a line of a recipients file.

    Raises:
        NotAKey: it is none.
    """
    from pyrage import plugin, ssh, tag, tagpq, x25519

    try:
        if text.startswith("ssh-"):
            return ssh.Recipient.from_str(text)
        if text.startswith("age1tagpq1"):
            return tagpq.Recipient.from_str(text)
        if text.startswith("age1tag1"):
            return tag.Recipient.from_str(text)
        if text.startswith("age1") and "1" in text[4:]:
            each = plugin.Recipient.from_str(text)
            return plugin.RecipientPluginV1(each.plugin(), [each], [], _Callbacks())
        return x25519.Recipient.from_str(text)
    except _errors(ValueError) as error:
        raise NotAnAgeKey(_one_line(error)) from None


def protect(data: bytes, passphrase: str) -> bytes:
    """A small file, encrypted with a passphrase and written as text."""
    from pyrage import passphrase as scrypt

    return bytes(scrypt.encrypt(data, passphrase, armored=True))


def unprotect(data: bytes, passphrase: str) -> bytes:
    """A small file that was encrypted with a passphrase.

    Raises:
        NotAKey: the passphrase is another, or the file was changed.
    """
    from pyrage import passphrase as scrypt

    try:
        return bytes(scrypt.decrypt(data, passphrase))
    except _errors(OSError) as error:
        raise NotAnAgeKey(say("its passphrase does not open it ({reason})", reason=_one_line(error))) from None


def encrypt(read: Callable[[int], bytes], write: Callable[[memoryview], object], recipients: Sequence[Any]) -> None:
    """Encrypt a stream of any length in constant memory.

    Args:
        read: gives at most so many bytes, none at the end.
        write: takes the bytes of the age file.
        recipients: who can decrypt.

    Raises:
        NotAKey: the library or a plugin can't encrypt for one of them.
    """
    import pyrage

    try:
        with _streams(read, write) as (reader, writer, _):
            pyrage.encrypt_io(reader, writer, list(recipients))
    except _errors() as error:
        raise NotAnAgeKey(_one_line(error)) from None


def decrypt(
    read: Callable[[int], bytes],
    write: Callable[[memoryview], object],
    identities: Sequence[Any],
    *,
    path: object,
    key: str,
    header: AgeHeader,
    size: int,
) -> None:
    """Decrypt a stream of any length in constant memory. Every byte that is given out was proven before.

    That there are no more bytes is proven only when this returns.

    Args:
        read: gives at most so many bytes of the age file, none at the end.
        write: takes the plain bytes. Its exceptions end the work, and are raised again.
        identities: what may decrypt.
        path: the age file, for errors.
        key: what the key is called, for errors.
        header: the file's header.
        size: the file's bytes.

    Raises:
        NotARecipient: the file was not encrypted for that key.
        HeaderChanged: it was, and the header is not the one that was written.
        ChunkRefused: a chunk is not the one that belongs there.
        EndRefused: the end is not the one that was written.
        KeyRefused: a plugin failed.
    """
    import pyrage

    with _streams(read, write) as (reader, writer, sink):
        try:
            pyrage.decrypt_io(reader, writer, list(identities))
        except pyrage.DecryptError as error:
            raise _refused(_one_line(error), path, key, header) from None
        except OSError as error:
            writer.flush()
            chunk = sink.count // CHUNK + 1
            if _TRUNCATED in str(error) or chunk == header.chunks(size):
                raise EndRefused(path=path) from None
            raise ChunkRefused(path=path, chunk=chunk) from None


def _refused(reason: str, path: object, key: str, header: AgeHeader) -> Exception:
    """What it means that the library did not begin to decrypt."""
    if reason == _NO_MATCH:
        return NotARecipient(path=path, key=key, recipients=header.summary)
    if reason == _BAD_MAC:
        return HeaderChanged(path=path, reason=say("its authentication code is another"))
    if reason == _SHORT:
        return EndRefused(path=path)
    if "header" in reason.lower():
        return HeaderDamaged(path=path, reason=reason)
    return KeyRefused(path=path, key=key, reason=reason)


class _FileReader(io.RawIOBase):
    """What the library reads from, below a buffer."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.failed: BaseException | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._read(len(buffer))
        except BaseException as error:
            self.failed = error
            raise
        buffer[: len(data)] = data
        return len(data)


class _Writer(io.RawIOBase):
    """What the library writes to, below a buffer."""

    def __init__(self, write: Callable[[memoryview], object]) -> None:
        self._write = write
        self.count = 0
        self.failed: BaseException | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.failed is None:  # the buffer is emptied when the library has given up
            try:
                self._write(data)
            except BaseException as error:
                self.failed = error
                raise
            self.count += len(data)
        return len(data)


@contextlib.contextmanager
def _streams(
    read: Callable[[int], bytes], write: Callable[[memoryview], object]
) -> Iterator[tuple[BinaryIO, BinaryIO, _Writer]]:
    """What the library reads and writes, 8 KiB at a time; we do so by the mebibyte.

    An error of the two comes out in place of the one that the library makes of it.
    """
    source, sink = _FileReader(read), _Writer(write)
    reader: BinaryIO = io.BufferedReader(source, _BUFFER)
    writer: BinaryIO = io.BufferedWriter(sink, _BUFFER)
    try:
        yield reader, writer, sink
        writer.flush()
    finally:
        failed = source.failed or sink.failed
        sink.failed = sink.failed or GeneratorExit()  # the buffer empties itself when it goes, which is not wanted then
        if failed is not None:
            raise failed from None


class _Callbacks:
    """What a plugin may ask a person: nothing, as no one need be there."""

    def display_message(self, message: str) -> None:
        """Pass over a message, such as *touch the key*."""

    def confirm(self, message: str, yes_string: str, no_string: str | None) -> bool | None:
        """Confirm nothing."""
        return None

    def request_public_string(self, description: str) -> str | None:
        """Answer nothing."""
        return None

    def request_passphrase(self, description: str) -> str | None:
        """Answer nothing."""
        return None


def _errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """The errors of the library, and others."""
    import pyrage

    return (pyrage.DecryptError, pyrage.EncryptError, pyrage.IdentityError, pyrage.RecipientError, *others)


def _identity_x25519(text: str) -> Any:
    from pyrage import x25519

    try:
        return x25519.Identity.from_str(text)
    except _errors() as error:
        raise NotAnAgeKey(_one_line(error)) from None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
