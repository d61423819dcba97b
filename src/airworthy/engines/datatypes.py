"""Element types: the Open Inference Protocol's names and NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

_DTYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
_DATATYPES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}


def dtype_of(datatype: str) -> np.dtype[Any]:
    """The NumPy type of an element type."""
    dtype: np.dtype[Any] = np.dtype(_DTYPES[datatype])
    return dtype


def datatype_of(dtype: np.dtype[Any]) -> str:
    """The element type of a NumPy type."""
    return "BYTES" if dtype.kind in "SUO" else _DATATYPES[dtype]
