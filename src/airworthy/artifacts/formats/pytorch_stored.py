"""Where the tensors of a PyTorch file lie, for a pass over its weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.datatypes import TORCH_DTYPES, TORCH_STORAGES, ElementType
from airworthy.artifacts.encodings.pickle_values import TensorRef, TorchStorage, is_contiguous
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encodings.zips import LOCAL_MAGIC, place, read_archive
from airworthy.artifacts.formats.pytorch_contents import PyTorchContents, member_of, read_contents
from airworthy.artifacts.formats.stored import Stored
from airworthy.core.messages import say


class _Row(NamedTuple):
    """A run of a storage under the name of a tensor."""

    name: str
    storage: TorchStorage
    shape: tuple[int, ...]
    before: int
    """Elements of the storage before it."""


def stored(path: Path) -> Iterator[Stored]:
    """Where storages lie, each under the name of the tensor that fills it, or else of the first that uses it."""
    with Source(path) as source:
        with path.open("rb") as pickle:
            contents = read_contents(source, pickle)
        if source.read(0, 4) != LOCAL_MAGIC:
            yield from _stored_legacy(path, source, contents)
            return
        big = contents.metadata.get("byteorder") == "big"
        archive = read_archive(source)
        by_name = {member.name: member for member in archive.members}
        for name, storage, shape, before in _rows(contents):
            member = member_of(storage, contents.root, by_name)
            element = _typed(storage, contents)
            if member is None:
                continue
            if element is None or member.method:
                kind = element.name if element else storage.kind
                note = say("it is packed") if element else say("values of type {kind} are not worked out", kind=kind)
                yield Stored(name, kind, shape, path, 0, 0, note=note)
                continue
            size = element.stored(math.prod(shape))
            try:
                at = place(source, member) + element.stored(before)
                yield Stored(name, element.name, shape, path, at, size, big)
            except Damaged:
                continue
        for member in archive.members:
            try:
                start = 0 if member.method else place(source, member)
            except Damaged:
                continue
            for name, datatype, shape, size in contents.weights if start else ():
                if member.name.endswith(f"/data/weights/{name.partition(chr(0))[2]}"):
                    yield Stored(name.partition(chr(0))[0], datatype, shape, path, start, size, big)


def _rows(contents: PyTorchContents) -> Iterator[_Row]:
    """Each storage once under the tensor that fills it, or under each of those that share it without overlap."""
    users: dict[TorchStorage, list[TensorRef]] = {}
    for tensor in contents.tensors:
        users.setdefault(tensor.storage, []).append(tensor)
    for storage in dict.fromkeys(contents.storages):
        tensors = users.get(storage, [])
        whole = next(
            (t for t in tensors if math.prod(t.shape) == storage.elements and is_contiguous(t) and not t.offset), None
        )
        if whole is not None:
            yield _Row(whole.name, storage, whole.shape, 0)
            continue
        parts = list(_side_by_side(tensors))
        yield from (_Row(each.name, storage, each.shape, each.offset) for each in parts)
        if not parts:
            yield _Row(tensors[0].name if tensors else storage.key, storage, (storage.elements,), 0)


def _side_by_side(tensors: list[TensorRef]) -> Iterator[TensorRef]:
    """The tensors of one storage whose elements lie in a row, in the storage's order; of two that overlap the first."""
    end = 0
    for tensor in sorted(tensors, key=lambda each: (each.offset, -math.prod(each.shape))):
        count = math.prod(tensor.shape)
        if (
            count
            and is_contiguous(tensor)
            and end <= tensor.offset
            and tensor.offset + count <= tensor.storage.elements
        ):
            yield tensor
            end = tensor.offset + count


def _typed(storage: TorchStorage, contents: PyTorchContents) -> ElementType | None:
    """The type of a storage; of an untyped one that of the tensors in it, where they have one of eight bits."""
    element = TORCH_STORAGES.get(storage.kind.replace("torch.cuda.", "torch."))
    if element is None or element.name != "untyped":
        return element
    named = {TORCH_DTYPES.get(tensor.dtype, element) for tensor in contents.tensors if tensor.storage == storage}
    only = named.pop() if len(named) == 1 else element
    return only if only.bits == element.bits else element


def _stored_legacy(path: Path, source: Source, contents: PyTorchContents) -> Iterator[Stored]:
    """Where the storages of an older file lie: in the order of the keys of the fifth pickle."""
    rows: dict[str, list[_Row]] = {}
    for row in _rows(contents):
        rows.setdefault(row.storage.key, []).append(row)
    at = contents.legacy_end
    for key in contents.legacy_keys:
        storage = rows[key][0].storage if key in rows else None
        element = TORCH_STORAGES.get(storage.kind.replace("torch.cuda.", "torch.")) if storage else None
        if storage is None or element is None or int.from_bytes(source.read(at, 8), "little") != storage.elements:
            return
        for name, _, shape, before in rows[key]:
            start = at + 8 + element.stored(before)
            yield Stored(name, element.name, shape, path, start, element.stored(math.prod(shape)))
        at += 8 + element.stored(storage.elements)
