"""Checking a batch against what a model takes, before the runtime sees it, so that the sender learns what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airworthy.core.messages import say
from airworthy.core.model import ANY_RANK, TensorSpec
from airworthy.engines.datatypes import NUMPY
from airworthy.engines.interface import InvalidInput, Tensors


def check_inputs(specs: Iterable[TensorSpec], batch: Tensors) -> None:
    """Compare arrays with the specs of a model's inputs: names, element types, sizes.

    Raises:
        InvalidInput: they differ; the text names the input, what was given and what is taken.
    """
    specs = tuple(specs)
    names = tuple(spec.name for spec in specs)
    for name in batch:
        if name not in names:
            raise _invalid("there is no input named {name!r}; the model takes {names}", name=name, names=names)
    sizes: dict[str, tuple[int, str]] = {}
    for spec in specs:
        if spec.name not in batch:
            raise _invalid("input {name!r} is missing; the model takes {names}", name=spec.name, names=names)
        array = batch[spec.name]
        if array.dtype.name != NUMPY[spec.datatype]:
            raise _invalid(
                "input {name!r} holds {given}, the model takes {datatype} ({wanted})",
                name=spec.name,
                given=array.dtype.name,
                datatype=spec.datatype,
                wanted=NUMPY[spec.datatype],
            )
        _check_shape(spec, array.shape, sizes)
        if spec.datatype == "BYTES" and not all(isinstance(item, (bytes, str)) for item in array.flat):
            raise _invalid("input {name!r} holds something else than bytes or text", name=spec.name)


def _check_shape(spec: TensorSpec, shape: tuple[int, ...], sizes: dict[str, tuple[int, str]]) -> None:
    if spec.symbols == ANY_RANK:
        return
    fits = len(shape) == len(spec.shape) and all(
        want in (-1, size) for want, size in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        raise _invalid(
            "input {name!r} has shape {given}, the model takes {wanted}",
            name=spec.name,
            given=list(shape).__repr__(),
            wanted=shape_text(spec),
        )
    # One name in a graph is one size: ONNX Runtime would fail inside of a node, or broadcast and be wrong.
    for symbol, size in zip(spec.symbols, shape, strict=False):
        known, where = sizes.setdefault(symbol, (size, spec.name)) if symbol else (size, "")
        if known != size:
            raise _invalid(
                "{symbol} is {size} in input {name!r} and {known} in input {where!r}; it must be the same",
                symbol=symbol,
                size=size,
                name=spec.name,
                known=known,
                where=where,
            )


def shape_text(spec: TensorSpec) -> str:
    """A shape with the names of the sizes that vary: `[batch, 64]`."""
    symbols = spec.symbols or ("",) * len(spec.shape)
    sizes = (symbol or ("any" if size < 0 else str(size)) for size, symbol in zip(spec.shape, symbols, strict=False))
    return f"[{', '.join(sizes)}]"


def _invalid(template: str, **params: Any) -> InvalidInput:
    return InvalidInput(detail=say(template, **params))
