"""The engine that computes nothing: answers of the right shape, for tests and to measure a server.

Each row's answer comes from that row alone, so a batch gives what its rows give one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.core.errors import ExtraMissing
from airworthy.core.facts import Facts
from airworthy.core.messages import say
from airworthy.core.model import ANY_RANK, DATATYPES, ModelInfo, TensorSpec
from airworthy.engines.datatypes import NUMPY
from airworthy.engines.inputs import check_inputs
from airworthy.engines.interface import RunFailed, RunnerOptions, Tensors

DEFAULT_INPUTS = (TensorSpec("x", "FP32", (-1, -1), ("batch", "width")),)
"""What it takes where a model declares nothing."""
DEFAULT_OUTPUTS = (TensorSpec("y", "FP32", (-1, -1), ("batch", "width")),)
"""What it gives where a model declares nothing: `x`."""
_MODULUS = 127


class Null:
    """The engine."""

    name = "null"
    extra = "onnx"
    automatic = False
    generates = False

    def refuses(self, model: ModelInfo, facts: Facts) -> str:
        """Why it can't answer: a value that no array holds."""
        bad = next((spec for spec in (*model.inputs, *model.outputs) if spec.datatype not in DATATYPES), None)
        return say("{name!r} has element type {type}", name=bad.name, type=bad.datatype) if bad else ""

    def load(self, model: ModelInfo, options: RunnerOptions) -> NullRunner:
        """Load nothing: the file is not opened."""
        try:
            import numpy as np  # noqa: F401 - a missing NumPy shows now, and not at the first batch
        except ImportError:
            raise ExtraMissing(job=say("the null engine"), library="numpy", extra=self.extra) from None
        if model.inputs and model.outputs:
            return NullRunner(model.inputs, model.outputs)
        return NullRunner(DEFAULT_INPUTS, DEFAULT_OUTPUTS)


class NullRunner:
    """Answers from the inputs' rows."""

    lanes = 1

    def __init__(self, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self._open = True

    def run(self, batch: Tensors) -> Tensors:
        """Answer one batch: an output like an input is that input; any other is filled with a number a row."""
        if not self._open:
            raise RunFailed(detail=say("the model was closed"))
        check_inputs(self.inputs, batch)
        sizes = _sizes(self.inputs, batch)
        return {spec.name: self._answer(spec, batch, sizes) for spec in self.outputs}

    def run_exclusive(self, batch: Tensors) -> Tensors:
        """Answer one batch."""
        return self.run(batch)

    def interrupt(self, thread: int) -> None:
        """Do nothing: its runs are over before anyone could."""

    def close(self) -> None:
        """Close it: it answers no more."""
        self._open = False

    def _answer(self, spec: TensorSpec, batch: Tensors, sizes: dict[str, int]) -> Any:
        import numpy as np

        for source in self.inputs:
            if (source.datatype, source.shape, source.symbols) == (spec.datatype, spec.shape, spec.symbols):
                return batch[source.name]
        first = batch[self.inputs[0].name]
        rows = first.shape[0] if first.ndim else 1
        symbols = spec.symbols or ("",) * len(spec.shape)
        shape = [sizes.get(symbol, 1) if size < 0 else size for size, symbol in zip(spec.shape, symbols, strict=False)]
        if spec.shape and spec.shape[0] < 0 and symbols[0] not in sizes:
            shape[0] = rows
        numbers = sum(_row_numbers(batch[source.name], rows) for source in self.inputs) % _MODULUS
        if not shape or shape[0] != rows:
            numbers = numbers.sum(keepdims=True)[:1] % _MODULUS
        column = numbers.reshape((-1,) + (1,) * (max(len(shape), 1) - 1))
        values = np.broadcast_to(column, shape) if shape else column.reshape(())
        if spec.datatype == "BYTES":
            answer = np.empty(values.shape, dtype=object)
            answer.reshape(-1)[:] = [b"%d" % int(value) for value in values.flat]
            return answer
        if spec.datatype == "BOOL":
            return values % 2 == 1
        return np.ascontiguousarray(values).astype(NUMPY[spec.datatype])


def _sizes(specs: tuple[TensorSpec, ...], batch: Tensors) -> dict[str, int]:
    """The sizes that the inputs give to the names in their shapes."""
    named = (zip(spec.symbols, batch[spec.name].shape, strict=False) for spec in specs if spec.symbols != ANY_RANK)
    return {symbol: int(size) for pairs in named for symbol, size in pairs if symbol}


def _row_numbers(array: Any, rows: int) -> Any:
    """A whole number for each row, from its bytes: exact, and the same whatever rows stand around it."""
    import numpy as np

    if array.ndim == 0 or array.shape[0] != rows:
        array = np.broadcast_to(array.reshape(1, -1), (rows, array.size))
    if array.dtype == object:
        text = [
            b"".join(item if isinstance(item, bytes) else item.encode() for item in row.flat) for row in _each(array)
        ]
        return np.array([sum(item) for item in text], dtype=np.int64)
    flat = np.ascontiguousarray(array).reshape(rows, -1)
    return flat.view(np.uint8).reshape(rows, -1).sum(axis=1, dtype=np.int64)


def _each(array: Any) -> Iterator[Any]:
    import numpy as np

    return (np.asarray(row, dtype=object) for row in array)


ENGINE = Null()
