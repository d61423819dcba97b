"""Reading an encrypted model: every byte that is given out was proven before."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encryption.awenc import header, keys, manifest, primitives
from airworthy.artifacts.encryption.awenc.header import TAG, Prefix
from airworthy.artifacts.encryption.awenc.manifest import Manifest, ManifestEntry
from airworthy.artifacts.encryption.errors import (
    ChunkChanged,
    ChunkMoved,
    CutShort,
    HeaderChanged,
    Lengthened,
    ListDamaged,
)
from airworthy.core.messages import say

MOST_TRIES = 256
"""Other places that a chunk which does not open is tried at, to distinguish a moved one from a changed one."""
_START = 64


def read_prefix(path: Path) -> tuple[Prefix, int]:
    """The header of an encrypted model and the file's size. No key is needed, and nothing of it is proven.

    Raises:
        NotEncrypted: it is no encrypted model.
        VersionUnknown: it is of another version.
        HeaderDamaged: it can't be read.
        OSError: the file can't be read.
    """
    with Source(path) as source:
        length = header.needed(source.read(0, _START), path)
        return header.read(source.read(0, length), path), source.size


class Container:
    """An encrypted model that was opened with a key. Use it as a context manager."""

    def __init__(self, path: Path, key: str) -> None:
        """Open a container and read its list of files.

        Args:
            path: the container.
            key: the name of a key to it.

        Raises:
            EncryptionError: it is not what was written, or not for that key; the class says in what.
            KeyUnreadable: the key can't be read.
            ServiceFailed: a key service refused.
            ExtraMissing: the package for ciphers is not installed.
            OSError: the file can't be read.
        """
        self.path = path
        prefix, self.size = read_prefix(path)
        self._chunk = prefix.header.chunk
        self._salt = prefix.header.salt
        self._bound = prefix.authenticated
        with primitives.needed():
            self._secret = keys.secret_of(prefix.header, key, path)
        if not primitives.same(primitives.code(self._secret, self._salt, self._bound), prefix.code):
            raise HeaderChanged(path=path, reason=say("its authentication code is another"))
        self._source = Source(path)
        try:
            self.manifest = self._read_manifest(prefix)
            at = prefix.end + prefix.header.manifest
            self._places: list[int] = []
            for member in self.manifest.files:
                self._places.append(at)
                at += manifest.sealed(member.size, self._chunk)
            if self.size < at:
                raise CutShort(path=path, size=self.size, wanted=at)
            if self.size > at:
                raise Lengthened(path=path, size=self.size, wanted=at)
        except BaseException:
            self._source.__exit__(None, None, None)
            raise

    def __enter__(self) -> Container:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._source.__exit__(kind, error, tb)

    def read(self, name: str) -> bytes:
        """A file of the model, whole and in memory.

        Raises:
            KeyError: there is no file of that name.
            EncryptionError: it is not what was encrypted.
        """
        # What a BytesIO holds it gives out without a copy: a model is in memory once.
        held = io.BytesIO()
        for part in self.parts(name):
            held.write(part)
        return held.getvalue()

    def parts(self, name: str) -> Iterator[bytes]:
        """A file of the model, chunk by chunk, each proven; that there are no more is proven by the last.

        Raises:
            KeyError: there is no file of that name.
            EncryptionError: it is not what was encrypted.
        """
        for number, member in enumerate(self.manifest.files):
            if member.path == name:
                yield from self._parts(number + 1, self._places[number], member)
                return
        raise KeyError(name)

    def _read_manifest(self, prefix: Prefix) -> Manifest:
        size = manifest.plain(prefix.header.manifest, self._chunk)
        if size is None:
            raise ListDamaged(path=self.path, reason=say("its length is none that chunks add up to"))
        if self.size < prefix.end + prefix.header.manifest:
            raise CutShort(path=self.path, size=self.size, wanted=prefix.end + prefix.header.manifest)
        self._places = []
        whole = b"".join(self._parts(0, prefix.end, ManifestEntry(say("the list of files"), size)))
        return manifest.read(whole, self._chunk, self.path)

    def _parts(self, number: int, at: int, member: ManifestEntry) -> Iterator[bytes]:
        stream = self._stream(number)
        count = manifest.chunks(member.size, self._chunk)
        for counter in range(count):
            wanted = min(self._chunk, member.size - counter * self._chunk) + TAG
            sealed = self._source.read(at, wanted)
            if len(sealed) < wanted:  # it was cut after it was opened
                raise CutShort(path=self.path, size=at + len(sealed), wanted=at + wanted)
            try:
                yield stream.open(counter, counter + 1 == count, sealed)
            except primitives.DoesNotOpen:
                raise self._why(number, member, counter, sealed) from None
            at += wanted

    def _stream(self, number: int) -> primitives.ChunkCipher:
        return primitives.ChunkCipher(self._secret, self._salt, number, self._bound)

    def _why(self, number: int, member: ManifestEntry, counter: int, sealed: bytes) -> Exception:
        """Whether a chunk that does not open belongs elsewhere. Only who has the key can ask."""
        files = list(enumerate(self.manifest.files, 1)) if number else []
        # Nearest files first, and in each the nearest chunks: what was moved seldom went far.
        files.sort(key=lambda pair: abs(pair[0] - number))
        places = ((other, each, found) for other, each in files for found in self._near(each, counter, len(sealed)))
        for other, each, found in itertools.islice(places, MOST_TRIES):
            last = found + 1 == manifest.chunks(each.size, self._chunk)
            with contextlib.suppress(primitives.DoesNotOpen):
                self._stream(other).open(found, last, sealed)
                return ChunkMoved(
                    path=self.path, member=member.path, chunk=counter + 1, other=each.path, found=found + 1
                )
        return ChunkChanged(path=self.path, member=member.path, chunk=counter + 1)

    def _near(self, member: ManifestEntry, counter: int, length: int) -> list[int]:
        """The numbers of a file's chunks that have a length, those near one first."""
        last = manifest.chunks(member.size, self._chunk) - 1
        around = range(max(0, counter - MOST_TRIES // 4), min(last, counter + MOST_TRIES // 4))
        found = sorted(around, key=lambda number: abs(number - counter)) if length == self._chunk + TAG else []
        return [*found, *([last] if length == member.size - last * self._chunk + TAG else [])]
