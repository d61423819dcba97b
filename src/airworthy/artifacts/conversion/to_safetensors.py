"""A PyTorch file's tensors written as safetensors, from the bytes of its storages: nothing is unpickled.

The names, places, shapes and strides are what the symbolic reading of the pickle reports. Runs in a confined child.
"""

from __future__ import annotations

import io
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from airworthy.artifacts.encodings.datatypes import SAFETENSORS, TORCH_DTYPES, TORCH_STORAGES
from airworthy.artifacts.encodings.pickle_values import TensorRef, TorchStorage, is_contiguous, last_element
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encodings.zips import Archive, Damaged, ZipMember, place, read_archive, read_member
from airworthy.artifacts.formats.pytorch import PyTorchContents, read_contents
from airworthy.core.messages import say

PIECE = 8 * 1024 * 1024
"""Bytes that are copied at a time."""
MOST_GROWTH = 8
"""How many times the file the output may be: a tensor whose stride is zero can be of any size."""
LEAST_ROOM = 64 * 1024 * 1024
"""Bytes that the output may always have."""
_WRAPPERS = ("state_dict.", "model_state_dict.")
_CODES = {each.name: code for code, each in SAFETENSORS.items()}
# Quantised ones lose their scales; a complex one may be the conjugate of what its storage holds.
_UNFAITHFUL = (
    "torch.QInt",
    "torch.QUInt",
    "torch.cuda.QInt",
    "torch.cuda.QUInt",
    "torch.Complex",
    "torch.cuda.Complex",
)
_PLAIN_REBUILDERS = ("tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state")

Write = Callable[[bytes | memoryview], None]


class Refused(Exception):
    """A file that is not converted, with the reason as its text."""


class Piece(NamedTuple):
    """A tensor that is written."""

    name: str
    """Its name in the output."""
    code: str
    """Its type as safetensors spells it."""
    width: int
    """Bytes of one element."""
    tensor: TensorRef
    """Where it lies in the pickle's storages."""

    @property
    def size(self) -> int:
        """Its bytes in the output."""
        return math.prod(self.tensor.shape) * self.width


class ConversionResult(NamedTuple):
    """What was written."""

    tensors: int
    """Tensors in the output."""
    bytes: int
    """Bytes of the output."""
    copied: tuple[str, ...]
    """Tensors that shared their storage with another one, and have bytes of their own now."""
    left_out: int
    """Tensors that are no weights, such as an optimiser's."""
    types: dict[str, int]
    """Tensors by type."""


class Given(Source):
    """A file that another process has opened."""

    __slots__ = ()

    def __init__(self, file: io.FileIO, name: str) -> None:
        self.name = name
        self._file = file
        self.size = os.fstat(file.fileno()).st_size
        self._block = b""
        self._base = 0


def convert(source: Source, pickle: io.BufferedReader, write: Write) -> ConversionResult:
    """Write the tensors of a PyTorch file.

    Args:
        source: the file.
        pickle: the same file, for a reader that goes through it.
        write: takes the output's bytes in order.

    Raises:
        Refused: it would be no faithful copy, or its pickle does what a tensor file never does.
        OSError: it can't be read or written.
    """
    contents = read_contents(source, pickle)
    _refuse(contents)
    pieces, left_out = choose(contents.tensors)
    if not pieces:
        raise Refused(say("no tensors were found in it"))
    header, total = _header(pieces)
    if total > max(LEAST_ROOM, MOST_GROWTH * source.size):
        raise Refused(say("its tensors would take {total:bytes}, far more than the file has", total=total))
    storages = _Storages(source, contents)
    for piece in pieces:
        storages.check(piece)
    write(header)
    for piece in pieces:
        for part in storages.read(piece):
            write(part)
    used = Counter((piece.tensor.storage.kind, piece.tensor.storage.key) for piece in pieces)
    first: set[tuple[str, str]] = set()
    copied = []
    for piece in pieces:
        key = (piece.tensor.storage.kind, piece.tensor.storage.key)
        if used[key] > 1 and key in first:
            copied.append(piece.name)
        first.add(key)
    kinds = Counter(piece.code for piece in pieces)
    return ConversionResult(len(pieces), len(header) + total, tuple(copied), left_out, dict(kinds))


def _refuse(contents: PyTorchContents) -> None:
    for each in contents.imports:
        if not each.allowed:
            raise Refused(say("its pickle imports {name} in {member}", name=each.name[:200], member=each.member[:200]))
        builder = each.name.partition("torch._utils._rebuild_")[2]
        if builder and builder not in _PLAIN_REBUILDERS:
            raise Refused(say("it holds tensors that safetensors has no place for ({name})", name=builder[:100]))
    for defect in contents.defects:
        raise Refused(say("it is damaged: {detail}", detail=defect.detail[:300]))
    if contents.weights:
        raise Refused(say("it is an exported program; load it with torch.export.load and save its state_dict"))


def choose(tensors: Sequence[TensorRef]) -> tuple[list[Piece], int]:
    """The tensors that are written, by name, and how many others there are.

    Raises:
        Refused: one has a type that safetensors lacks, or two have one name.
    """
    chosen: Sequence[TensorRef] = tensors
    prefix = next((each for each in _WRAPPERS if any(tensor.name.startswith(each) for tensor in tensors)), "")
    if prefix:
        chosen = [tensor for tensor in tensors if tensor.name.startswith(prefix)]
    pieces: dict[str, Piece] = {}
    for tensor in chosen:
        name = tensor.name[len(prefix) :]
        piece = Piece(name, *_type(tensor), tensor)
        if not name or name == "__metadata__" or name in pieces:
            problem = say("two tensors are named {name!r}", name=name[:200]) if name else say("a tensor has no name")
            raise Refused(problem)
        pieces[name] = piece
    # Wide elements first, as every tensor then begins where its elements may.
    ordered = sorted(pieces.values(), key=lambda piece: (-piece.width, piece.name))
    return ordered, len(tensors) - len(chosen)


def _type(tensor: TensorRef) -> tuple[str, int]:
    kind = tensor.storage.kind
    element = TORCH_STORAGES.get(kind.replace("torch.cuda.", "torch."))
    if element is not None and element.name == "untyped":
        element = TORCH_DTYPES.get(tensor.dtype)
    named = tensor.dtype or kind
    if element is None or kind.startswith(_UNFAITHFUL) or element.name not in _CODES or element.bits % 8:
        template = "tensor {name!r} is of type {type}, which safetensors lacks"
        raise Refused(say(template, name=tensor.name[:200], type=named[:100]))
    return _CODES[element.name], element.bits // 8


def _header(pieces: Sequence[Piece]) -> tuple[bytes, int]:
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for piece in pieces:
        place_ = [at, at + piece.size]
        entries[piece.name] = {"dtype": piece.code, "shape": list(piece.tensor.shape), "data_offsets": place_}
        at += piece.size
    try:
        raw = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise Refused(say("the name of a tensor is no text")) from None
    raw += b" " * (-len(raw) % 8)
    return len(raw).to_bytes(8, "little") + raw, at


class _Storages:
    """The bytes of a file's storages."""

    def __init__(self, source: Source, contents: PyTorchContents) -> None:
        self._source = source
        self._archive: Archive | None = None
        self._members: dict[str, ZipMember] = {}
        self._root = ""
        self._legacy: dict[str, int] = {}
        self._swap = contents.metadata.get("byteorder") == "big"
        if contents.metadata.get("container") == "zip":
            self._archive = read_archive(source)
            self._members = {member.name: member for member in self._archive.members}
            self._root = contents.root
        else:
            self._legacy = dict(_legacy_places(source, contents))

    def check(self, piece: Piece) -> None:
        """Whether a tensor lies within its storage, and that is there.

        Raises:
            Refused: it isn't.
        """
        tensor = piece.tensor
        size = self._size(tensor.storage, piece.width)
        if len(tensor.shape) != len(tensor.stride):
            raise Refused(say("tensor {name!r} has more sizes than strides", name=piece.name[:200]))
        if piece.size and (last_element(tensor) + 1) * piece.width > size:
            raise Refused(say("tensor {name!r} goes past the end of its storage", name=piece.name[:200]))

    def _size(self, storage: TorchStorage, width: int) -> int:
        untyped = storage.kind == "torch.storage.UntypedStorage"
        told = storage.elements * (1 if untyped else width)
        if self._archive is None:
            if storage.key not in self._legacy:
                raise Refused(say("storage {key} is not in the file", key=storage.key[:200]))
            return min(told, self._source.size - self._legacy[storage.key])
        return min(told, self._member(storage).size)

    def _member(self, storage: TorchStorage) -> ZipMember:
        for folder in ("data", "constants"):
            if found := self._members.get(f"{self._root}{folder}/{storage.key}"):
                return found
        raise Refused(say("storage {key} is not in the file", key=storage.key[:200]))

    def read(self, piece: Piece) -> Iterator[bytes | memoryview]:
        """The bytes of a tensor, its last axis varying fastest, least byte first.

        Raises:
            Refused: its storage can't be unpacked.
        """
        if not piece.size:
            return
        tensor, width = piece.tensor, piece.width
        begin, span = tensor.offset * width, (last_element(tensor) + 1 - tensor.offset) * width
        take = self._reader(tensor.storage)
        if is_contiguous(tensor):
            for at in range(begin, begin + span, PIECE):
                yield self._turned(take(at, min(PIECE, begin + span - at)), width)
        else:
            yield from _gathered(self._turned(take(begin, span), width), tensor, width)

    def _reader(self, storage: TorchStorage) -> Callable[[int, int], bytes]:
        source = self._source
        if self._archive is None:
            start = self._legacy[storage.key]
        else:
            member = self._member(storage)
            try:
                if member.method:
                    raw = read_member(source, member, max(LEAST_ROOM, MOST_GROWTH * source.size))
                    return lambda at, count: raw[at : at + count]
                start = place(source, member)
            except Damaged as error:
                raise Refused(say("storage {key} cannot be read: {why}", key=storage.key, why=error.detail)) from None
        return lambda at, count: source.read(start + at, count)

    def _turned(self, raw: bytes, width: int) -> bytes:
        if not self._swap or width == 1:
            return raw
        turned = bytearray(len(raw))
        for byte in range(width):
            turned[byte::width] = raw[width - 1 - byte :: width]
        return bytes(turned)


def _gathered(raw: bytes, tensor: TensorRef, width: int) -> Iterator[bytes]:
    """Elements that lie apart, brought together; `raw` begins at the tensor's first one."""
    try:
        import numpy as np
    except ImportError:
        raise Refused(say("tensor {name!r} lies scattered; NumPy is needed for it", name=tensor.name[:200])) from None
    whole = np.frombuffer(raw, dtype=f"V{width}")
    steps = tuple(stride * width for stride in tensor.stride)
    view = np.lib.stride_tricks.as_strided(whole, shape=tensor.shape, strides=steps, writeable=False)
    if not view.ndim:
        yield view.tobytes()
        return
    row = max(1, math.prod(tensor.shape[1:]) * width)
    count = max(1, PIECE // row)
    for at in range(0, tensor.shape[0], count):
        yield np.ascontiguousarray(view[at : at + count]).tobytes()


def _legacy_places(source: Source, contents: PyTorchContents) -> Iterator[tuple[str, int]]:
    """Where the storages of an older file begin, in the order of its list of keys."""
    kinds = {storage.key: storage for storage in contents.storages}
    at = contents.legacy_end
    for key in contents.legacy_keys:
        storage = kinds.get(key)
        element = TORCH_STORAGES.get(storage.kind.replace("torch.cuda.", "torch.")) if storage else None
        if storage is None or element is None or int.from_bytes(source.read(at, 8), "little") != storage.elements:
            return
        yield key, at + 8
        at += 8 + element.stored(storage.elements)


def job(file: io.FileIO, target: int, name: str) -> dict[str, Any]:
    """The job of a confined child: the file is converted into an open one."""
    source = Given(file, name)
    pending = bytearray()

    def write(part: bytes | memoryview) -> None:
        pending.extend(part)
        if len(pending) >= PIECE:
            flush()

    def flush() -> None:
        at = 0
        while at < len(pending):
            at += os.write(target, memoryview(pending)[at : at + PIECE])
        pending.clear()

    file.seek(0)
    outcome = convert(source, io.BufferedReader(_Another(file)), write)
    flush()
    return outcome._asdict()


class _Another(io.RawIOBase):
    """A file read at a place of its own, as the file's own place moves with every other reader."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence)
        self._at = max(0, offset + (os.fstat(self._file.fileno()).st_size if base is None else base))
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._at)
        count = self._file.readinto(buffer) or 0
        self._at += count
        return count
