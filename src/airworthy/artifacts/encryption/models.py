"""Encrypted models, whole and in part: written as an age file, read from one or from an old container."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encryption import age, age_header, keys
from airworthy.artifacts.encryption.age_header import AgeHeader
from airworthy.artifacts.encryption.archive import ArchiveReader, PieceReader, Sink, TarMember, blocks
from airworthy.artifacts.encryption.describe import (
    SealedDescription,
    describe,
    from_comment,
    inspection,
    members_of,
    to_comment,
)
from airworthy.artifacts.encryption.errors import KeyUnreadable, WithPassphrase
from airworthy.core.model import Inspection, Sealed


class _Enough(Exception):
    """All that was wanted is there."""


def is_old(path: Path) -> bool:
    """Whether a file is of the container that airworthy wrote before age.

    Raises:
        OSError: the file can't be read.
    """
    from airworthy.artifacts.encryption.awenc.header import MAGIC

    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def seal(path: Path, out: BinaryIO, recipients: Sequence[str]) -> int:
    """Encrypt a model into a stream as an age file; the plain bytes of its files.

    Args:
        path: a file or a folder.
        out: where the age file goes; nothing is sought in it.
        recipients: the keys of those who may decrypt, by name.

    Raises:
        CannotEncrypt: there is nothing to encrypt, or something that can't be.
        KeyUnreadable: a recipient's key can't be used.
        InputUnreadable: a file can't be read, or changes meanwhile.
        OSError: the age file can't be written.
    """
    with age.needed():
        able = [each for name in dict.fromkeys(recipients) for each in keys.recipients(name)]
    members = members_of(path)
    archive = blocks(members, to_comment(describe(path)))
    try:
        age.encrypt(PieceReader(archive).read, out.write, able)
    except age.NotAnAgeKey as error:
        raise KeyUnreadable(source=", ".join(recipients), reason=str(error)) from None
    return sum(member.size for _, member in members)


def read_header(path: Path) -> tuple[AgeHeader, int]:
    """The header of an age file and the file's size. No key is needed, and nothing of it is proven.

    Raises:
        NotEncrypted: it is no age file.
        VersionUnknown: it is of another version.
        HeaderDamaged: it can't be read.
        OSError: the file can't be read.
    """
    with Source(path) as source:
        return age_header.read(source.read(0, age_header.MOST_HEADER), path), source.size


class AgeModel:
    """An age file, and the key that it is to be decrypted with."""

    def __init__(self, path: Path, key: str, password: str = "") -> None:
        """Read its header and the key.

        Args:
            path: the age file.
            key: the name of a key to it.
            password: where that key's passphrase stands: a file or `env:NAME`; empty if it has none.

        Raises:
            EncryptionError: it is no age file, or its header can't be read.
            WithPassphrase: it is encrypted for no key.
            KeyUnreadable: the key can't be used.
            ServiceFailed: a key service refused.
            ExtraMissing: the package for age is not installed.
            OSError: the file can't be read.
        """
        self.path = path
        self._key = key
        self._header, self._size = read_header(path)
        if "scrypt" in self._header.kinds:
            raise WithPassphrase(path=path)
        with age.needed():
            self._identities: list[Any] = keys.identities(key, password)

    def stream(
        self,
        begin: Callable[[TarMember], Sink | None],
        described: Callable[[SealedDescription], object] = lambda _: None,
    ) -> None:
        """Decrypt from the beginning to the end, or until `begin` or a sink raises.

        Every byte that is given was proven to be what was encrypted at that place; that none are missing at the end is
        proven once this returns.

        Args:
            begin: is called with every file; gives what takes its bytes, or None to pass over them.
            described: is called with the description of a model, which stands before its files.

        Raises:
            EncryptionError: it is not what was written, or not for that key; the class says in what.
            OSError: the file can't be read.
        """

        def comment(text: str) -> None:
            if (found := from_comment(text, self.path)) is not None:
                described(found)

        reader = ArchiveReader(self.path, begin, comment)
        with self.path.open("rb", buffering=0) as source:
            age.decrypt(
                source.read,
                reader.feed,
                self._identities,
                path=self.path,
                key=self._key,
                header=self._header,
                size=self._size,
            )
        reader.end()

    def description(self) -> SealedDescription | None:
        """What the model was when it was encrypted; None where it was none, or another program encrypted it.

        Raises:
            EncryptionError: it is not what was written, or not for that key.
        """
        found: list[SealedDescription] = []

        def begin(_: TarMember) -> Sink | None:
            raise _Enough

        with contextlib.suppress(_Enough):
            self.stream(begin, found.append)
        return found[0] if found else None

    def read(self, names: Collection[str], *, whole: bool) -> dict[str, bytes]:
        """Files of the model in memory, by their path in it.

        Args:
            names: the files; those that are not there are left out.
            whole: whether the age file is read to its end, which proves that it was not cut short.

        Raises:
            EncryptionError: it is not what was written, or not for that key.
        """
        held: dict[str, io.BytesIO] = {}
        found: list[SealedDescription] = []

        def begin(member: TarMember) -> Sink | None:
            if not whole and len(held) == len(names):
                raise _Enough
            name = found[0].within(member.path) if found else member.path
            if name not in names:
                return None
            return held.setdefault(name, io.BytesIO()).write

        with contextlib.suppress(_Enough):
            self.stream(begin, found.append)
        # What a BytesIO holds it gives out without a copy: a model is in memory once.
        return {name: buffer.getvalue() for name, buffer in held.items()}


def described(path: Path, key: str, password: str = "") -> Inspection | None:
    """What an encrypted model was when it was encrypted; None where it was described to be nothing.

    Raises:
        EncryptionError: it is not what was written, or not for that key.
        KeyUnreadable: the key can't be read.
        ServiceFailed: a key service refused.
        OSError: the file can't be read.
    """
    if is_old(path):
        from airworthy.artifacts.encryption.awenc.unseal import Container

        with Container(path, key) as container:
            told = container.manifest
        if told.model is None or told.facts is None:
            return None
        return inspection(path, key, password, told.model, told.facts, old=True)
    found = AgeModel(path, key, password).description()
    return found.inspection(path, key, password) if found is not None else None


def opened(sealed: Sealed) -> dict[str, bytes]:
    """The weights that an engine loads, in memory, by their path in the model.

    Raises:
        EncryptionError: it is not what was written, or not for that key.
        KeyUnreadable: the key can't be read.
        ServiceFailed: a key service refused.
        OSError: the file can't be read.
    """
    return _read(sealed, dict.fromkeys((sealed.entry, *sealed.parts)), whole=True)


def read_member(sealed: Sealed, name: str) -> bytes:
    """One file of an encrypted model, in memory.

    Raises:
        KeyError: there is no file of that name.
        EncryptionError: it is not what was written, or not for that key.
    """
    return _read(sealed, (name,), whole=False)[name]


def _read(sealed: Sealed, names: Collection[str], *, whole: bool) -> dict[str, bytes]:
    path = Path(sealed.container)
    if sealed.old:
        from airworthy.artifacts.encryption.awenc.unseal import Container

        with Container(path, sealed.key) as container:
            held = {member.path for member in container.manifest.files}
            return {name: container.read(name) for name in names if name in held}
    return AgeModel(path, sealed.key, sealed.password).read(names, whole=whole)
