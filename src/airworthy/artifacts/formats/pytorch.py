"""PyTorch files, the archives and the older pickles, and plain pickles: what they hold and what they would import.

Nothing is unpickled. See https://docs.pytorch.org/docs/stable/notes/serialization.html.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from airworthy.artifacts.encodings.datatypes import TORCH_STORAGES
from airworthy.artifacts.encodings.pickle_values import TorchStorage
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encodings.zips import (
    LOCAL_MAGIC,
)
from airworthy.artifacts.formats.file_format import FileFormat, goes_on
from airworthy.artifacts.formats.pickle_files import is_torch
from airworthy.artifacts.formats.pytorch_contents import PyTorchContents, holds_torch, is_data, read_contents
from airworthy.artifacts.inspection import build_inspection
from airworthy.core.model import Inspection


class PyTorch(FileFormat):
    """The format."""

    name = "pytorch"
    suffixes: tuple[str, ...] = (".pt", ".pth", ".bin", ".ckpt", ".pt2", ".mar")

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is an archive with a pickle named `data.pkl` or a program, or begins with PyTorch's number."""
        if head[:4] == LOCAL_MAGIC:
            name_end = 30 + int.from_bytes(head[26:28], "little")
            if is_data(head[30:name_end].decode("utf-8", "replace")):
                return True
            return goes_on(path, holds_torch)
        return is_torch(head)

    def read(self, path: Path, source: Source, head: bytes) -> Inspection:
        """List what its pickles import and what it stores; tensors are not read."""
        with path.open("rb") as pickle:
            contents = read_contents(source, pickle)
        return _build_inspection(path, contents)


def _build_inspection(path: Path, contents: PyTorchContents) -> Inspection:
    weights, parameters = _count(contents.storages)
    for _, datatype, shape, size in contents.weights:
        weights[datatype] = weights.get(datatype, 0) + size
        parameters = (parameters or 0) + math.prod(shape)
    model = FORMAT.model(
        path,
        parameters=parameters,
        tensors=len(contents.tensors) + len(contents.weights) or None,
        operators=contents.operators,
        datatypes=weights,
        metadata=contents.metadata,
    )
    return build_inspection(
        model,
        defects=contents.defects,
        imports=tuple(dict.fromkeys(contents.imports)),
        code=contents.code,
        by_content=contents.recognised,
    )


def _count(storages: Iterable[TorchStorage]) -> tuple[dict[str, int], int | None]:
    """Bytes by element type and the number of elements; None where a storage does not say its type."""
    weights: Counter[str] = Counter()
    parameters: int | None = None
    untyped = False
    for storage in dict.fromkeys(storages):
        element = TORCH_STORAGES.get(storage.kind.replace("torch.cuda.", "torch."))
        if element is None or element.name == "untyped":
            untyped = True
        if element is not None:
            weights[element.name] += element.stored(storage.elements)
            parameters = (parameters or 0) + storage.elements
    return dict(weights), None if untyped else parameters


FORMAT = PyTorch()
