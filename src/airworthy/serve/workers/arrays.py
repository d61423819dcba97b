"""Arrays of a runner from bytes of the wire, and back; only workers import it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from airworthy.engines.datatypes import NUMPY
from airworthy.serve.tensors import Tensor, TensorMeta, iterate_strings, pack_strings


def from_wire(tensor: Tensor) -> NDArray[Any]:
    """A tensor as an array; a view of the frame's bytes but for strings."""
    meta = tensor.meta
    if meta.datatype == "BYTES":
        items = [bytes(item) for item in iterate_strings(memoryview(tensor.data))]
        return np.array(items, dtype=object).reshape(meta.shape)
    return np.frombuffer(tensor.data, dtype=NUMPY[meta.datatype]).reshape(meta.shape)


def to_wire(name: str, datatype: str, array: NDArray[Any]) -> Tensor:
    """An array as a tensor of the element type that the runner declared."""
    data: bytes | memoryview
    if datatype == "BYTES":
        data = pack_strings(item if isinstance(item, bytes) else str(item).encode() for item in array.ravel())
    else:
        data = np.ascontiguousarray(array).data.cast("B") if array.size else b""
    return Tensor(TensorMeta(name, datatype, array.shape, len(data)), data)
